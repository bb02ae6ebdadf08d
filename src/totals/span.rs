//! The time of a total: whole local days, in parts in which local time has one offset from UTC.

use chrono::{DateTime, Datelike as _, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike as _, Utc};
use chrono_tz::Tz;

use crate::base::day::{change_of_offset, cutoff, local_day, start_of_day, utc_offset};

/// The longest time of a total.
const LONGEST: Months = Months::new(13);

/// From an instant to another one, which is not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotalSpan {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// A part of a span: within one local month, with one offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanPart {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// The seconds by which local time is ahead of UTC.
    pub offset: i32,
    /// The first day of the month.
    pub month: NaiveDate,
}

/// Whether a time is short enough for a total, by local months.
#[must_use]
pub fn is_within_months(from: DateTime<Utc>, to: DateTime<Utc>, zone: Tz) -> bool {
    let local = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
    local(from).checked_add_months(LONGEST).is_none_or(|latest| local(to) <= latest)
}

impl TotalSpan {
    /// The local days that a time touches, so that no total is of a few records that arrived at one time. The current day is
    /// cut at local hours. It is `None` only at the end of the calendar.
    #[must_use]
    pub fn snapped(from: DateTime<Utc>, to: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> Option<Self> {
        let today = local_day(now, zone);
        let (first, last) = (local_day(from, zone), local_day(to, zone));
        let from = if first == today { start_of_hour(from, zone) } else { start_of_day(first, zone)? };
        let to = match last {
            day if day == today => end_of_hour(to, zone),
            day if start_of_day(day, zone)? == to => to,
            day => cutoff(day, zone)?,
        };
        Some(Self { from, to })
    }

    /// The parts in their order.
    #[must_use]
    pub fn parts(self, zone: Tz) -> Vec<SpanPart> {
        let (mut parts, mut from) = (Vec::new(), self.from);
        while from < self.to {
            let day = local_day(from, zone);
            let month = day.with_day(1).unwrap_or(day);
            let next = month.checked_add_months(Months::new(1)).and_then(|next| start_of_day(next, zone));
            let to = next.map_or(self.to, |next| self.to.min(next));
            let to = change_of_offset(from, to, zone);
            parts.push(SpanPart { from, to, offset: utc_offset(from, zone), month });
            from = to;
        }
        parts
    }
}

/// The latest full local hour that is not after an instant.
fn start_of_hour(at: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let mut start = at - TimeDelta::nanoseconds(i64::from(at.timestamp_subsec_nanos()));
    // Clocks that are put back by half an hour leave an hour that does not begin at its minute 0.
    loop {
        match past(start.with_timezone(&zone).naive_local()) {
            0 => return start,
            past => start -= TimeDelta::seconds(past),
        }
    }
}

/// The earliest full local hour that is not before an instant.
fn end_of_hour(at: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let mut end = at - TimeDelta::nanoseconds(i64::from(at.timestamp_subsec_nanos()));
    if end < at {
        end += TimeDelta::seconds(1);
    }
    loop {
        match past(end.with_timezone(&zone).naive_local()) {
            0 => return end,
            past => end += TimeDelta::seconds(3_600 - past),
        }
    }
}

/// The seconds since the last full hour.
fn past(local: NaiveDateTime) -> i64 {
    i64::from(local.minute() * 60 + local.second())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn snapped(from: &str, to: &str, now: &str, zone: &str) -> (String, String) {
        let zone: Tz = zone.parse().unwrap();
        let TotalSpan { from, to } = TotalSpan::snapped(at(from), at(to), at(now), zone).unwrap();
        (from.with_timezone(&zone).to_rfc3339(), to.with_timezone(&zone).to_rfc3339())
    }

    #[test]
    fn a_span_is_made_of_local_days_and_of_hours_of_the_current_day() {
        let oslo = "Europe/Oslo";
        let days = |from: &str, to: &str| snapped(from, to, "2026-08-10T09:20:00Z", oslo);
        let of = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let july = of("2026-07-01T00:00:00+02:00", "2026-08-01T00:00:00+02:00");
        assert_eq!(days("2026-07-01T00:00:00+02:00", "2026-08-01T00:00:00+02:00"), july);
        assert_eq!(days("2026-07-01T13:14:15.5Z", "2026-07-31T10:00:00.000001Z"), july);
        let today = of("2026-08-10T09:00:00+02:00", "2026-08-10T12:00:00+02:00");
        assert_eq!(days("2026-08-10T07:59:59Z", "2026-08-10T09:00:00.1Z"), today);
        assert_eq!(days("2026-08-10T07:00:00Z", "2026-08-10T10:00:00Z"), today);
        let until_midnight = of("2026-08-10T00:00:00+02:00", "2026-08-11T00:00:00+02:00");
        assert_eq!(days("2026-08-09T22:00:00Z", "2026-08-10T22:00:00Z"), until_midnight);
        assert_eq!(days("2026-08-09T22:00:00Z", "2026-08-10T21:30:00Z"), until_midnight);
        // Lord Howe puts its clocks back from 02:00 to 01:30.
        let at_the_change =
            snapped("2026-04-04T15:10:00Z", "2026-04-04T14:50:00Z", "2026-04-04T20:00:00Z", "Australia/Lord_Howe");
        assert_eq!(at_the_change, of("2026-04-05T01:00:00+11:00", "2026-04-05T02:00:00+10:30"));
    }

    #[test]
    fn a_span_is_at_most_thirteen_months_long() {
        let is_short = |from: &str, to: &str| is_within_months(at(from), at(to), chrono_tz::Europe::Oslo);
        assert!(is_short("2025-07-01T00:00:00+02:00", "2026-08-01T00:00:00+02:00"));
        assert!(is_short("2025-02-28T00:00:00+01:00", "2026-03-28T00:00:00+01:00"));
        assert!(!is_short("2025-07-01T00:00:00+02:00", "2026-08-01T00:00:01+02:00"));
        assert!(!is_short("1926-07-01T00:00:00+02:00", "2026-08-01T00:00:00+02:00"));
    }

    proptest! {
        #[test]
        fn parts_are_the_span_and_have_one_offset_and_one_month(
            start in 0_i64..3_000_000_000,
            length in 0_i64..34_000_000,
            asked in 0_i64..34_000_000,
            zone in 0..chrono_tz::TZ_VARIANTS.len(),
        ) {
            let zone = chrono_tz::TZ_VARIANTS[zone];
            let from = DateTime::from_timestamp(start, 0).unwrap();
            let span = TotalSpan::snapped(from, from + TimeDelta::seconds(length), DateTime::UNIX_EPOCH, zone).unwrap();
            let parts = span.parts(zone);
            let ends = parts.windows(2).all(|pair| pair[0].to == pair[1].from);
            prop_assert!(ends && parts.len() < 40);
            prop_assert!(parts.first().is_none_or(|part| part.from == span.from));
            prop_assert!(parts.last().is_none_or(|part| part.to == span.to));
            let asked = span.from + TimeDelta::seconds(asked % (span.to - span.from).num_seconds().max(1));
            for part in parts.iter().filter(|part| part.from <= asked && asked < part.to) {
                prop_assert_eq!(part.offset, utc_offset(asked, zone));
                prop_assert_eq!(part.month, local_day(asked, zone).with_day(1).unwrap());
            }
        }
    }
}
