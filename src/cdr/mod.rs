//! Call records of a telephone exchange: `Master.csv` of Asterisk and FreeSWITCH, parsed into records for the archive.
//!
//! Each call becomes one interaction. An exchange writes several rows with one id for a transferred or queued call, and
//! `call.rs` merges them. `parties.rs` decides which party is the customer. Fields that the archive cannot tokenize are
//! dropped: the caller id text, the channel name, the account code, and the user field. Any of them may contain the
//! customer's number or name.
//!
//! Another exchange needs a file beside `asterisk.rs` and a variant of [`Exchange`].

mod asterisk;
mod call;
mod fields;
mod freeswitch;
mod parties;
mod rows;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io::{self, Read};

use chrono_tz::Tz;

use call::CdrCall;
use fields::CallLogRow;
pub use parties::House;
use rows::{Next, Rows};

/// The format of a file to import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum CallLogFormat {
    /// One JSON object on each line, as the archive reads it over HTTP.
    #[default]
    Ndjson,
    /// `Master.csv` of Asterisk, as `cdr_csv` or `cdr_custom` writes it.
    AsteriskCsv,
    /// `Master.csv` of FreeSWITCH in one of the templates that it comes with.
    FreeswitchCsv,
}

impl CallLogFormat {
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
    /// Asterisk's `cdr_csv`: 18 columns, 16 or 17 where `loguniqueid` or `loguserfield` are off, three more with
    /// `newcdrcolumns`. Its `cdr_custom`: 17 columns or more, the caller id first.
    Asterisk,
    /// FreeSWITCH's `mod_cdr_csv` with a template that it comes with; more columns may follow.
    Freeswitch,
}

/// One call as an interaction in the archive's ingest form.
#[derive(Clone, PartialEq, Eq)]
pub struct CallLine {
    /// The line of its first row in the file, counted from 1.
    pub number: u64,
    /// One JSON object, without a line end.
    pub json: Vec<u8>,
}

impl fmt::Debug for CallLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The object contains a customer's number.
        f.debug_struct("Line").field("number", &self.number).finish_non_exhaustive()
    }
}

/// The reason why a row gave no interaction, or the file no further rows. It never quotes the file.
#[derive(Debug, thiserror::Error)]
pub enum CdrError {
    /// One row cannot be read. The rows after it can.
    #[error("line {line}: {error}")]
    Row {
        /// The row's line in the file, counted from 1.
        line: u64,
        error: CallLogError,
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

/// The most calls that wait for further rows of theirs. An exchange writes the rows of a call within minutes.
const MOST_WAITING: usize = 10_000;

/// Reads the calls of a file, in constant memory. `zone` is the one whose local time the exchange wrote. Rows of one call become
/// one interaction, unless thousands of other calls lie between them.
pub fn lines<R: Read>(exchange: Exchange, zone: Tz, house: House, input: R) -> CallLines<R> {
    let unwrap = match exchange {
        Exchange::Asterisk => |_: &mut Vec<u8>| {},
        Exchange::Freeswitch => freeswitch::without_statement,
    };
    let rows = Rows::new(input, unwrap);
    CallLines { exchange, zone, house, rows, waiting: VecDeque::new(), places: HashMap::new(), gone: 0, ended: false }
}

/// The calls of a file; made by [`lines`].
pub struct CallLines<R> {
    exchange: Exchange,
    zone: Tz,
    house: House,
    rows: Rows<R>,
    /// The calls that may have further rows, each with the line of its first one.
    waiting: VecDeque<(u64, CdrCall)>,
    /// Which of all calls has an id.
    places: HashMap<String, usize>,
    /// How many calls were given out.
    gone: usize,
    ended: bool,
}

impl<R: Read> Iterator for CallLines<R> {
    type Item = Result<CallLine, CdrError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended && self.waiting.len() <= MOST_WAITING {
            match self.rows.advance() {
                Ok(Next::Blank) => {}
                Ok(Next::End) => self.ended = true,
                Ok(Next::TooLong) => return Some(Err(self.row_error(CallLogError::TooLong))),
                Ok(Next::Row) => {
                    if let Err(error) = self.row() {
                        return Some(Err(self.row_error(error)));
                    }
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error.into()));
                }
            }
        }
        self.first()
    }
}

impl<R: Read> CallLines<R> {
    /// Reads a row into its call.
    fn row(&mut self) -> Result<(), CallLogError> {
        let row = CallLogRow::new(self.rows.record());
        let call = match self.exchange {
            Exchange::Asterisk => asterisk::call(&row, self.zone, &self.house),
            Exchange::Freeswitch => freeswitch::call(&row, self.zone, &self.house),
        }?;
        let next = self.gone + self.waiting.len();
        let place = *self.places.entry(call.external_id.clone()).or_insert(next);
        match self.waiting.get_mut(place - self.gone) {
            Some((_, known)) => known.merge(call),
            None => self.waiting.push_back((self.rows.line(), call)),
        }
        Ok(())
    }

    /// The call that has waited longest.
    fn first(&mut self) -> Option<Result<CallLine, CdrError>> {
        let (number, call) = self.waiting.pop_front()?;
        self.gone += 1;
        self.places.remove(&call.external_id);
        Some(call.to_json().map(|json| CallLine { number, json }).map_err(|error| io::Error::from(error).into()))
    }

    const fn row_error(&self, error: CallLogError) -> CdrError {
        CdrError::Row { line: self.rows.line(), error }
    }
}

#[cfg(test)]
mod tests;
