//! Rows in the archive's input format, and the rules that a row can break.

use serde::Serialize;

use super::rows;

/// The rule that a row breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallLogError {
    /// The row does not have the columns of this exchange.
    #[error("the number of columns is not one that this exchange writes")]
    Columns,
    /// The row is longer than any row of an exchange.
    #[error("the row is longer than {} bytes", rows::LONGEST)]
    TooLong,
    /// A required column is empty or absent.
    #[error("`{0}` is required")]
    Required(&'static str),
    /// A column does not contain the expected value, or is not UTF-8.
    #[error("`{0}` cannot be read")]
    CallLogFormat(&'static str),
    /// A column contains an impossible time or duration.
    #[error("`{0}` is out of range")]
    OutOfRange(&'static str),
}

impl CallLogError {
    /// The stable code. It is one of the codes that ingest has over HTTP.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Columns | Self::CallLogFormat(_) => "format",
            Self::TooLong => "too_long",
            Self::Required(_) => "required",
            Self::OutOfRange(_) => "out_of_range",
        }
    }

    /// The invalid column, by its name in the exchange's documentation. It is `None` if the whole row is invalid.
    #[must_use]
    pub const fn column(self) -> Option<&'static str> {
        match self {
            Self::Columns | Self::TooLong => None,
            Self::Required(column) | Self::CallLogFormat(column) | Self::OutOfRange(column) => Some(column),
        }
    }
}

/// An interaction for the archive. An exchange knows only calls.
#[derive(Serialize)]
pub struct Interaction<'a> {
    pub external_id: &'a str,
    pub channel: &'static str,
    pub direction: &'static str,
    pub started_at: String,
    pub ended_at: Option<String>,
    pub queue: Option<&'a str>,
    pub agent_id: Option<&'a str>,
    pub outcome: &'static str,
    pub customer: Customer<'a>,
    pub attributes: Attributes<'a>,
}

/// The customer as the exchange wrote them.
#[derive(Serialize)]
pub struct Customer<'a> {
    pub phone_number: Option<&'a str>,
    pub name: Option<&'a str>,
}

/// Further facts of a row. Texts here are short words of the exchange's own configuration.
#[derive(Default, Serialize)]
pub struct Attributes<'a> {
    /// The called line, or the extension that called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<&'a str>,
    /// The seconds from start to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u32>,
    /// The seconds from answer to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billed_seconds: Option<u32>,
    /// The seconds from start to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ring_seconds: Option<i64>,
    /// The reason why the call ended, in the exchange's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hangup_cause: Option<&'a str>,
}
