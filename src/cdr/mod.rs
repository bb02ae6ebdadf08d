//! Call records of a telephone exchange: `Master.csv` of Asterisk and FreeSWITCH, parsed into records for the archive.
//!
//! Each row becomes one interaction. Fields that the archive cannot tokenize are dropped: the caller id text, the
//! channel name, the account code, and the user field. Any of them may contain the customer's number or name.
//!
//! Another exchange needs a file beside `asterisk.rs` and a variant of [`Exchange`].

mod asterisk;
mod fields;
mod freeswitch;
mod rows;

use std::fmt;
use std::io::{self, Read};

use chrono_tz::Tz;
use serde::Serialize;

use fields::Row;
use rows::{Next, Rows};

/// The format of a file to import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object on each line, as the archive reads it over HTTP.
    #[default]
    Ndjson,
    /// `Master.csv` of Asterisk.
    AsteriskCsv,
    /// `Master.csv` of FreeSWITCH in its default template.
    FreeswitchCsv,
}

impl Format {
    /// The exchange that writes the rows of this format. It is `None` for NDJSON, which needs no reading of fields.
    #[must_use]
    pub const fn exchange(self) -> Option<Exchange> {
        match self {
            Self::Ndjson => None,
            Self::AsteriskCsv => Some(Exchange::Asterisk),
            Self::FreeswitchCsv => Some(Exchange::Freeswitch),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// Asterisk's `cdr_csv`. It has 18 columns, 16 or 17 if `loguniqueid` or `loguserfield` are off, and three more
    /// with `newcdrcolumns`.
    Asterisk,
    /// FreeSWITCH's `mod_cdr_csv` with the template `example`. It has 15 columns, and more may follow.
    Freeswitch,
}

/// One row as an interaction in the archive's input format.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    /// The row's line in the file, counted from 1.
    pub number: u64,
    /// One JSON object, without a line end.
    pub json: Vec<u8>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The object contains a customer's number.
        f.debug_struct("Line").field("number", &self.number).finish_non_exhaustive()
    }
}

/// The reason why a row gave no interaction, or the file no further rows. It never quotes the file.
#[derive(Debug, thiserror::Error)]
pub enum CdrError {
    /// One row cannot be read. The rows after it can.
    #[error("line {line}: {fault}")]
    Row {
        /// The row's line in the file, counted from 1.
        line: u64,
        fault: CallLogError,
    },
    #[error("the file cannot be read")]
    Io(#[from] io::Error),
}

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
    Format(&'static str),
    /// A column contains an impossible time or duration.
    #[error("`{0}` is out of range")]
    OutOfRange(&'static str),
}

impl CallLogError {
    /// The stable code. It is one of the codes that ingest has over HTTP.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Columns | Self::Format(_) => "format",
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
            Self::Required(column) | Self::Format(column) | Self::OutOfRange(column) => Some(column),
        }
    }
}

/// Reads the rows of a file one by one, in constant memory. `zone` is the zone of the local times of the exchange.
pub fn lines<R: Read>(exchange: Exchange, zone: Tz, input: R) -> Lines<R> {
    Lines { exchange, zone, rows: Rows::new(input), ended: false }
}

/// The rows of a file, from [`lines`].
pub struct Lines<R> {
    exchange: Exchange,
    zone: Tz,
    rows: Rows<R>,
    ended: bool,
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Result<Line, CdrError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.rows.advance() {
                Ok(Next::Blank) => {}
                Ok(Next::End) => self.ended = true,
                Ok(Next::TooLong) => return Some(Err(self.fault(CallLogError::TooLong))),
                Ok(Next::Row) => return Some(self.line()),
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error.into()));
                }
            }
        }
        None
    }
}

impl<R: Read> Lines<R> {
    fn line(&self) -> Result<Line, CdrError> {
        let row = Row::new(self.rows.record());
        let interaction = match self.exchange {
            Exchange::Asterisk => asterisk::interaction(&row, self.zone),
            Exchange::Freeswitch => freeswitch::interaction(&row, self.zone),
        };
        let interaction = interaction.map_err(|fault| self.fault(fault))?;
        let json = serde_json::to_vec(&interaction).map_err(io::Error::from)?;
        Ok(Line { number: self.rows.line(), json })
    }

    const fn fault(&self, fault: CallLogError) -> CdrError {
        CdrError::Row { line: self.rows.line(), fault }
    }
}

/// An interaction for the archive. An exchange knows only calls.
#[derive(Serialize)]
struct Interaction<'a> {
    external_id: &'a str,
    channel: &'static str,
    direction: &'static str,
    started_at: String,
    ended_at: Option<String>,
    queue: Option<&'a str>,
    agent_id: Option<&'a str>,
    outcome: &'static str,
    customer: Customer<'a>,
    attributes: Attributes<'a>,
}

/// The customer as the exchange wrote them.
#[derive(Serialize)]
struct Customer<'a> {
    phone_number: Option<&'a str>,
    name: Option<&'a str>,
}

/// Further facts of a row. Texts here are short words of the exchange's own configuration.
#[derive(Default, Serialize)]
struct Attributes<'a> {
    /// The called line, or the extension that called.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a str>,
    /// The seconds from start to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<u32>,
    /// The seconds from answer to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    billed_seconds: Option<u32>,
    /// The seconds from start to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    ring_seconds: Option<i64>,
    /// The reason why the call ended, in the exchange's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    hangup_cause: Option<&'a str>,
}

#[cfg(test)]
mod tests;
