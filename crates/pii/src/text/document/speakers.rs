//! Who speaks: role words, and names of which nobody knows whose they are.
//!
//! Where the customer of an interaction was forgotten, its name is not known any more. A speaker's label that is no role
//! may be that name, so it is dropped, and its words in the texts with it (A28).

use std::collections::BTreeSet;

use super::super::name::Names;
use super::{Case, DocumentError};
use crate::PersonName;
pub(super) use crate::nobody::is_role;

/// The most names that are looked for in one text.
const MOST_NAMES: usize = 100;

/// Labels of which nobody knows whose they are.
#[derive(Default)]
pub(super) struct Labels(BTreeSet<String>);

impl Labels {
    /// Adds a label, unless it is a role. Of a document that was stored before, the first hundred count.
    pub(super) fn add(&mut self, label: &str, case: &Case) -> Result<(), DocumentError> {
        let label = label.trim();
        if is_role(label) || self.0.contains(label) {
            return Ok(());
        }
        if self.0.len() < MOST_NAMES {
            self.0.insert(label.to_owned());
        } else if !case.stored {
            return Err(DocumentError::Rule { pointer: String::new(), rule: "must name at most 100 speakers" });
        }
        Ok(())
    }

    /// The names that the labels hold, to be looked for in the texts.
    pub(super) fn names(&self) -> Vec<Names> {
        let names = self.0.iter().filter_map(|label| PersonName::parse(label).ok());
        names.filter_map(|name| Names::new(&name)).collect()
    }
}

/// The labels at the beginnings of lines, as `Kari Nordmann:` or `[10:02] Kari:`.
pub(super) fn labels_of_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let line = line.trim_start_matches(|c: char| !c.is_alphabetic());
        // `https://…` is no label.
        let (label, _) = line.split_once(':').filter(|(_, said)| !said.starts_with("//"))?;
        let words = label.split_whitespace().count();
        let is_label = words <= 4 && label.len() <= 60 && label.chars().all(|c| !matches!(c, '.' | '?' | '!' | '/'));
        is_label.then_some(label)
    })
}
