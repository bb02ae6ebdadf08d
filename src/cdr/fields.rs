//! The common columns of both exchanges: texts, local times, and durations.

use chrono::offset::LocalResult;
use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use csv::ByteRecord;

use super::CallLogError;

/// The longest call, in seconds: 100 days. A longer one is a number in the wrong column.
const LONGEST_CALL: u32 = 8_640_000;

/// The most digits in the name of an extension, a queue, or an agent. A longer one may be a customer's number.
pub(super) const LABEL_DIGITS: usize = 6;

/// A column: its position and its name.
pub(super) type Column = (usize, &'static str);

pub(super) struct CallLogRow<'a> {
    record: &'a ByteRecord,
}

impl<'a> CallLogRow<'a> {
    pub(super) const fn new(record: &'a ByteRecord) -> Self {
        Self { record }
    }

    /// The number of columns of the row.
    pub(super) fn width(&self) -> usize {
        self.record.len()
    }

    /// A column's text, trimmed. It is `None` if the column is empty or absent.
    pub(super) fn text(&self, (at, name): Column) -> Result<Option<&'a str>, CallLogError> {
        let text =
            std::str::from_utf8(self.record.get(at).unwrap_or_default()).map_err(|_| CallLogError::Format(name))?;
        Ok(Some(text.trim()).filter(|text| !text.is_empty()))
    }

    /// A column's text, which is required.
    pub(super) fn required(&self, column: Column) -> Result<&'a str, CallLogError> {
        self.text(column)?.ok_or(CallLogError::Required(column.1))
    }

    /// A length in whole seconds. An exchange can write fractions, which are left out.
    pub(super) fn seconds(&self, column: Column) -> Result<Option<u32>, CallLogError> {
        let Some(text) = self.text(column)? else { return Ok(None) };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = whole.parse().ok().filter(|_| is_fraction).ok_or(CallLogError::Format(column.1))?;
        if seconds > LONGEST_CALL { Err(CallLogError::OutOfRange(column.1)) } else { Ok(Some(seconds)) }
    }

    /// Whether a column has a local time.
    pub(super) fn is_time(&self, column: usize) -> bool {
        let text = self.text((column, "")).ok().flatten();
        text.is_some_and(|text| local_time(text, "").is_ok())
    }

    /// The three times of a call: start, answer, end.
    pub(super) fn times(&self, start: Column, answer: Column, end: Column, zone: Tz) -> Result<Times, CallLogError> {
        let start_at = instant(local_time(self.required(start)?, start.1)?, zone, None).ok_or(out_of_range(start))?;
        let later = |column: Column| {
            let Some(text) = self.text(column)? else { return Ok(None) };
            instant(local_time(text, column.1)?, zone, Some(start_at)).ok_or(out_of_range(column)).map(Some)
        };
        let answer_at = later(answer)?;
        let end_at = later(end)?;
        if end_at.is_some_and(|end_at| end_at < start_at) {
            return Err(out_of_range(end));
        }
        Ok(Times { start: start_at, answer: answer_at, end: end_at })
    }
}

const fn out_of_range(column: Column) -> CallLogError {
    CallLogError::OutOfRange(column.1)
}

/// The times at which a call started, was answered, and ended.
pub(super) struct Times {
    pub(super) start: DateTime<Utc>,
    pub(super) answer: Option<DateTime<Utc>>,
    pub(super) end: Option<DateTime<Utc>>,
}

fn local_time(text: &str, column: &'static str) -> Result<NaiveDateTime, CallLogError> {
    let local =
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").map_err(|_| CallLogError::Format(column))?;
    if (1970..=9999).contains(&local.year()) { Ok(local) } else { Err(CallLogError::OutOfRange(column)) }
}

/// The instant of a local time. If the clocks repeat it, this is the earlier instant that is not before `not_before`.
/// If they skip it, this is the end of the gap.
fn instant(local: NaiveDateTime, zone: Tz, not_before: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) => Some(at.to_utc()),
        LocalResult::Ambiguous(first, second) => {
            let second_only = not_before.is_some_and(|start| first.to_utc() < start);
            Some(if second_only { second } else { first }.to_utc())
        }
        LocalResult::None => end_of_gap(local, zone),
    }
}

/// The first instant whose local time is after a skipped one. The search bisects, because no zone is two days from UTC
/// and local time only grows across a gap.
fn end_of_gap(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    let (mut before, mut after) = (local.and_utc() - TimeDelta::days(2), local.and_utc() + TimeDelta::days(2));
    while after - before > TimeDelta::seconds(1) {
        let middle = DateTime::from_timestamp((before + (after - before) / 2).timestamp(), 0)?;
        if middle.with_timezone(&zone).naive_local() < local { before = middle } else { after = middle }
    }
    DateTime::from_timestamp(after.timestamp(), 0)
}

/// The name of a queue, an agent, or a line in the exchange's configuration. It is kept only if it cannot be a
/// customer's number or address, because these fields are not searched for identifiers.
pub(super) fn label<'a>(text: &'a str, customer: Option<&str>) -> Option<&'a str> {
    let own: String = digits(customer.unwrap_or_default()).collect();
    let its: String = digits(text).collect();
    let is_own = own.len() > 1 && its.contains(&own);
    let text = text.trim();
    (!text.is_empty() && its.len() <= LABEL_DIGITS && !is_own && !text.contains('@')).then_some(text)
}

pub(super) fn digits(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter_map(pii::digit)
}
