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

/// The most memory that the values of a text may take while they are read, in bytes.
const HEAVIEST: usize = 8 << 20;

/// About the memory that the values of a text take while they are read, in bytes. A short object takes by far the most of
/// them for its length.
#[must_use]
pub fn weight(text: &[u8]) -> usize {
    let (mut weight, mut in_string, mut is_escaped) = (text.len(), false, false);
    for byte in text {
        match byte {
            _ if std::mem::take(&mut is_escaped) => {}
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'{' if !in_string => weight += 640,
            b'[' | b',' if !in_string => weight += 112,
            _ => {}
        }
    }
    weight
}

/// Reads a text as JSON of any shape.
pub fn parse_value(text: &[u8]) -> Result<Value, BodyError> {
    if weight(text) > HEAVIEST {
        return Err(BodyError::Misshaped(vec![FieldError::at("", "too_many", "must have fewer values")]));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weight_counts_values_and_not_the_characters_of_strings() {
        assert_eq!(weight(br#"{"a":[1,2]}"#), 11 + 640 + 2 * 112);
        assert_eq!(weight(br#""{[,\"{[,""#), 10, "a quote may be escaped");
        let many = format!("[{}0]", "{},".repeat(20_000));
        assert!(matches!(parse_value(many.as_bytes()), Err(BodyError::Misshaped(_))));
        let text = format!("[\"{}\"]", "{[,".repeat(20_000));
        assert!(parse_value(text.as_bytes()).is_ok());
    }
}
