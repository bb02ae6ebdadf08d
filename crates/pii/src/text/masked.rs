//! Texts whose identifiers are masked and not kept: purposes, references, evidence.

use super::name::Names;
use super::resolve::{self, Finds};
use super::{Finder, Reading, fill_text, tokenize_text};
use crate::{PersonName, Pii};

/// It replaces an identifier in a text that keeps no placeholder.
pub const MASK: &str = "*****";

/// A text with [`MASK`] in place of each identifier.
#[must_use]
pub fn mask_text(finder: &Finder, text: &str) -> String {
    fill_text(&tokenize_text(finder, text, &mut Vec::new()), |_| MASK.to_owned())
}

/// A text with [`MASK`] in place of some names.
#[must_use]
pub fn mask_names<'n>(text: &str, names: impl IntoIterator<Item = &'n Pii<PersonName>>) -> String {
    let mut found = Finds::new();
    for names in names.into_iter().filter_map(Names::new) {
        let taken = resolve::ranges(&found);
        names.find(text, Reading::Text, &taken, &mut found);
        resolve::sort(&mut found);
    }
    let mut kept = String::with_capacity(text.len());
    let mut end = 0;
    for (range, _) in found {
        kept.push_str(&text[end..range.start]);
        kept.push_str(MASK);
        end = range.end;
    }
    kept.push_str(&text[end..]);
    kept
}
