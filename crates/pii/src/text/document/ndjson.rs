//! JSON Lines: a JSON value a line, such as a turn of a conversation.
//!
//! Each line is checked by itself. Then the lines are read where they are, as the items of one array.

use super::super::Finder;
use super::json;
use super::scan::Json;
use super::{Case, DocumentError, Replaced};

/// Replaces what identifies somebody; `None` where nothing does.
pub(super) fn tokenize(
    text: &str,
    case: &Case,
    finder: &Finder,
    first: usize,
) -> Result<Option<Replaced>, DocumentError> {
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        Json::check(line).map_err(|error| at_line(error, number))?;
    }
    json::tokenize_lines(text, case, finder, first)
}

/// Whether a text is at least two lines of objects or arrays.
pub(super) fn is_one(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let begins = lines.clone().take(2).filter(|line| line.trim_start().starts_with(['{', '['])).count();
    begins == 2 && lines.all(|line| line.trim_start().starts_with(['{', '[']) && Json::check(line).is_ok())
}

fn at_line(error: DocumentError, number: usize) -> DocumentError {
    match error {
        DocumentError::NotJson { line, column } => DocumentError::NotJson { line: line + number, column },
        DocumentError::Rule { rule, .. } => DocumentError::Line { line: number + 1, rule },
        other => other,
    }
}
