//! JSON Lines: a JSON value a line, such as a turn of a conversation.
//!
//! The lines are read as the items of one array, so that what one speaker says over several of them is one text. The array is
//! as long as the lines and two brackets.

use super::super::Finder;
use super::json::{self, Shape};
use super::scan::Json;
use super::{Case, DocumentError, Replaced};

/// Replaces what identifies somebody; `None` where nothing does.
pub(super) fn tokenize(
    text: &str,
    case: &Case,
    finder: &Finder,
    first: usize,
) -> Result<Option<Replaced>, DocumentError> {
    let array = array_of(text)?;
    let replaced = json::tokenize(&array, case, finder, Shape::Any, first)?;
    Ok(replaced.map(|(array, mentions)| (lines_of(&array), mentions)))
}

/// Whether a text is at least two lines of objects or arrays.
pub(super) fn is_one(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let begins = lines.clone().take(2).filter(|line| line.trim_start().starts_with(['{', '['])).count();
    begins == 2 && lines.all(|line| line.trim_start().starts_with(['{', '[']) && Json::check(line).is_ok())
}

/// The lines as one array: a comma takes the place of the line's end between two values.
fn array_of(text: &str) -> Result<String, DocumentError> {
    let mut array = String::with_capacity(text.len() + 2);
    array.push('[');
    let mut is_first = true;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if line.trim().is_empty() {
            array.push_str(line);
            continue;
        }
        Json::check(line.trim_end_matches('\n')).map_err(|error| at_line(error, number))?;
        if !is_first {
            // The last line's end, which may lie before empty lines.
            let end = array.rfind('\n').unwrap_or_default();
            array.replace_range(end..=end, ",");
        }
        array.push_str(line);
        is_first = false;
    }
    array.push(']');
    Ok(array)
}

fn at_line(error: DocumentError, number: usize) -> DocumentError {
    match error {
        DocumentError::NotJson { line, column } => DocumentError::NotJson { line: line + number, column },
        DocumentError::Rule { rule, .. } => DocumentError::Line { line: number + 1, rule },
        other => other,
    }
}

/// The lines that an array was made of.
fn lines_of(array: &str) -> String {
    let json = Json::checked(array);
    let mut lines = String::with_capacity(array.len());
    let mut end = 1;
    for item in json.items(json.root()) {
        lines.push_str(&array[end..item].replacen(',', "\n", 1));
        end = json.end(item);
        lines.push_str(&array[item..end]);
    }
    lines.push_str(array[end..].strip_suffix(']').unwrap_or_default());
    lines
}
