//! JSON as it is read from callers and files: strict about types, unknown fields, and text. An error names the pointer and
//! never contains the value.

mod read;
mod rules;

use pii::json::Unambiguous;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use super::field::FieldError;

pub use read::from_texts;
pub use rules::broken_rules;

/// The reason why a text is not the expected value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// The text is not JSON. The position is the first error, and is counted from 1.
    NotJson {
        line: usize,
        /// The column, in bytes.
        column: usize,
    },
    /// The text is JSON of another shape.
    Misshaped(Vec<FieldError>),
}

impl BodyError {
    /// The invalid fields, for the report of a line. A text that is not JSON has one.
    #[must_use]
    pub fn into_places(self) -> Vec<FieldError> {
        match self {
            Self::NotJson { column, .. } => {
                vec![FieldError::at("", "json_invalid", format!("is not JSON from column {column} on"))]
            }
            Self::Misshaped(places) => places,
        }
    }
}

/// Reads one JSON value: a whole body or one line of a stream. Pointers are relative to it.
///
/// Unknown fields of a struct are refused, even without `#[serde(deny_unknown_fields)]`, which only the document needs.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, BodyError> {
    read_value(parse_value(text)?).map_err(BodyError::Misshaped)
}

/// Reads a text as JSON of any shape.
pub fn parse_value(text: &[u8]) -> Result<Value, BodyError> {
    let Unambiguous(value) = serde_json::from_slice(without_mark(text)).map_err(|error| match error.classify() {
        Category::Data => BodyError::Misshaped(vec![FieldError::at("", "format", "must contain each field only once")]),
        _ => not_json(&error),
    })?;
    let nul = read::nul_in(&value);
    nul.map_or(Ok(value), |place| Err(BodyError::Misshaped(vec![place])))
}

/// A text without the byte order mark that some programs put before it (RFC 8259, 8.1).
#[must_use]
pub fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text)
}

/// The position at which a text stops being JSON. The message of serde is dropped, because it may quote the text.
#[must_use]
pub fn not_json(error: &serde_json::Error) -> BodyError {
    BodyError::NotJson { line: error.line().max(1), column: error.column().max(1) }
}

/// Reads a type from a JSON value.
pub fn read_value<T: DeserializeOwned>(value: Value) -> Result<T, Vec<FieldError>> {
    read::from_value(value).map_err(|place| vec![place])
}
