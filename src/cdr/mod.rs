//! Call records of a telephone exchange: `Master.csv` of Asterisk and FreeSWITCH, parsed into records for the archive.
//!
//! Each row becomes one interaction. Fields that the archive cannot tokenize are dropped: the caller id text, the
//! channel name, the account code, and the user field. Any of them may contain the customer's number or name.
//!
//! Another exchange needs a file beside `asterisk.rs` and a variant of [`Exchange`].

mod asterisk;
mod fields;
mod freeswitch;
mod model;
mod rows;

use std::fmt;
use std::io::{self, Read};

use chrono_tz::Tz;

use fields::Row;
use rows::{Next, Rows};

pub use model::CallLogError;

/// The format of a file to import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum CallLogFormat {
    /// One JSON object on each line, as the archive reads it over HTTP.
    #[default]
    Ndjson,
    /// `Master.csv` of Asterisk.
    AsteriskCsv,
    /// `Master.csv` of FreeSWITCH in its default template.
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
    /// Asterisk's `cdr_csv`. It has 18 columns, 16 or 17 if `loguniqueid` or `loguserfield` are off, and three more
    /// with `newcdrcolumns`.
    Asterisk,
    /// FreeSWITCH's `mod_cdr_csv` with the template `example`. It has 15 columns, and more may follow.
    Freeswitch,
}

/// One row as an interaction in the archive's input format.
#[derive(Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The row's line in the file, counted from 1.
    pub number: u64,
    /// One JSON object, without a line end.
    pub json: Vec<u8>,
}

impl fmt::Debug for LogLine {
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

/// Reads the rows of a file one by one, in constant memory. `zone` is the zone of the local times of the exchange.
pub fn lines<R: Read>(exchange: Exchange, zone: Tz, input: R) -> LogLines<R> {
    LogLines { exchange, zone, rows: Rows::new(input), ended: false }
}

/// The rows of a file, from [`lines`].
pub struct LogLines<R> {
    exchange: Exchange,
    zone: Tz,
    rows: Rows<R>,
    ended: bool,
}

impl<R: Read> Iterator for LogLines<R> {
    type Item = Result<LogLine, CdrError>;

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

impl<R: Read> LogLines<R> {
    fn line(&self) -> Result<LogLine, CdrError> {
        let row = Row::new(self.rows.record());
        let interaction = match self.exchange {
            Exchange::Asterisk => asterisk::interaction(&row, self.zone),
            Exchange::Freeswitch => freeswitch::interaction(&row, self.zone),
        };
        let interaction = interaction.map_err(|fault| self.fault(fault))?;
        let json = serde_json::to_vec(&interaction).map_err(io::Error::from)?;
        Ok(LogLine { number: self.rows.line(), json })
    }

    const fn fault(&self, fault: CallLogError) -> CdrError {
        CdrError::Row { line: self.rows.line(), fault }
    }
}

#[cfg(test)]
mod tests;
