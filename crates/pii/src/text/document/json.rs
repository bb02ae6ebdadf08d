//! JSON documents: turns, words with their times, or any other shape.
//!
//! Every string is looked through, and those that follow one another: strings in one place of the shape (`turns[].text`,
//! `segments[].words[].word`) said by one speaker are one text. Times and ids are no text. Of numbers and keys only
//! what [`tokenize_json`](super::super::tokenize_json) takes for identifiers is one.

use super::scan::Json;
use super::walk::{JsonWalk, Trail};
use super::{Case, DocumentError, Replaced, vcon};
use crate::text::Finder;

/// The expected kind of JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Any,
    Vcon,
}

/// Replaces what identifies somebody; `None` where nothing does.
pub(super) fn tokenize(
    text: &str,
    case: &Case,
    finder: &Finder,
    shape: Shape,
    first: usize,
) -> Result<Option<Replaced>, DocumentError> {
    let mut json = Json::check(text)?;
    let is_vcon = shape == Shape::Vcon || vcon::is_one(json);
    let opened = if is_vcon && !case.stored { vcon::open(json)? } else { None };
    if let Some(opened) = &opened {
        // A body that became part of its container made it deeper.
        json = Json::check(opened)?;
    }
    let mut walk = JsonWalk::of(json, case, finder, first);
    if is_vcon {
        vcon::walk(&mut walk)?;
    } else {
        walk.value(json.root(), Trail::default())?;
    }
    let replaced = walk.replace()?;
    Ok(replaced.or_else(|| opened.map(|opened| (opened, Vec::new()))))
}

/// The same for JSON Lines that were checked line by line. They are read as the items of one array, so that what one speaker says
/// over several of them is one text.
pub(super) fn tokenize_lines(
    text: &str,
    case: &Case,
    finder: &Finder,
    first: usize,
) -> Result<Option<Replaced>, DocumentError> {
    let mut walk = JsonWalk::of(Json::checked(text), case, finder, first);
    walk.items(0, Trail::default())?;
    walk.replace()
}
