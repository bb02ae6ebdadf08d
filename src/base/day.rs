//! Local days of a tenant's time zone.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Offset as _, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// The earliest year of a day that a user names, as in records.
pub const FIRST_YEAR: i32 = 1970;

/// A day in its one spelling: four, two, and two digits.
#[must_use]
pub fn plain_date(raw: &str) -> Option<NaiveDate> {
    let is_plain = raw.len() == 10
        && raw.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if is_plain { raw.parse().ok() } else { None }
}

/// The first instant of a local day.
///
/// If the clocks skip midnight, the day begins with the first instant after the gap. If they repeat it, the day begins with
/// the first of the two. It is `None` only at the end of the calendar.
#[must_use]
pub fn start_of_day(day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    let midnight = day.and_time(NaiveTime::MIN);
    if let Some(start) = zone.from_local_datetime(&midnight).earliest() {
        return Some(start.to_utc());
    }
    // Midnight was skipped. A zone that crosses the date line skips a whole day. So the first instant of this day or of
    // a later one is within the next 48 hours. Local dates only grow across the gap, so the loop bisects.
    let (mut before, mut after) = (midnight.and_utc() - TimeDelta::days(2), midnight.and_utc() + TimeDelta::days(2));
    while after - before > TimeDelta::seconds(1) {
        let middle = before + (after - before) / 2;
        let middle = DateTime::from_timestamp(middle.timestamp(), 0)?;
        if local_day(middle, zone) < day { before = middle } else { after = middle }
    }
    Some(after)
}

/// The end of a *to date (including)* (A5). Everything that began before this instant is forgotten.
#[must_use]
pub fn cutoff(to_date: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    start_of_day(to_date.checked_add_days(Days::new(1))?, zone)
}

/// The local day of an instant.
#[must_use]
pub fn local_day(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

/// The seconds by which local time is ahead of UTC.
#[must_use]
pub fn utc_offset(at: DateTime<Utc>, zone: Tz) -> i32 {
    zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
}

/// The first instant after `from` with another offset, or `to` if that is earlier. Clocks change at whole seconds. No zone
/// has changed them twice within an hour.
#[must_use]
pub fn change_of_offset(from: DateTime<Utc>, to: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let instant = |second| DateTime::from_timestamp(second, 0).unwrap_or(to);
    let now = utc_offset(from, zone);
    let is_same = |second| utc_offset(instant(second), zone) == now;
    let (mut before, mut after, last) = (from.timestamp(), from.timestamp(), to.timestamp());
    while after < last && is_same(after) {
        (before, after) = (after, last.min(after + 3_600));
    }
    if is_same(after) {
        return to;
    }
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if is_same(middle) { before = middle } else { after = middle }
    }
    instant(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn utc(day: &str, zone: &str) -> String {
        cutoff(day.parse().unwrap(), zone.parse().unwrap()).unwrap().to_rfc3339()
    }

    #[test]
    fn a_day_ends_where_the_next_local_day_begins() {
        assert_eq!(utc("2026-08-03", "Europe/Oslo"), "2026-08-03T22:00:00+00:00");
        assert_eq!(utc("2026-12-31", "Europe/Oslo"), "2026-12-31T23:00:00+00:00");
    }

    #[test]
    fn a_day_that_begins_in_a_gap_begins_after_it() {
        // Clocks went from 00:00 to 01:00.
        assert_eq!(utc("2018-11-03", "America/Sao_Paulo"), "2018-11-04T03:00:00+00:00");
        // Samoa had no 30 December 2011 at all: the 29th ends where the 31st begins.
        assert_eq!(utc("2011-12-29", "Pacific/Apia"), "2011-12-30T10:00:00+00:00");
        assert_eq!(utc("2011-12-30", "Pacific/Apia"), "2011-12-30T10:00:00+00:00");
    }

    proptest! {
        /// The second before a day's start belongs to an earlier local day. The start itself belongs to the day, or to
        /// a later one if the whole day was skipped. This holds in every zone and over every transition since 1970.
        #[test]
        fn a_start_parts_two_days(days in 0_u64..36_500, zone in 0..chrono_tz::TZ_VARIANTS.len()) {
            let zone = chrono_tz::TZ_VARIANTS[zone];
            let day = NaiveDate::from_ymd_opt(1970, 1, 2).unwrap() + Days::new(days);
            let start = start_of_day(day, zone).unwrap();
            prop_assert!(local_day(start, zone) >= day);
            prop_assert!(local_day(start - TimeDelta::seconds(1), zone) < day);
        }

        /// The offset is the same up to the change, and another one from there on. Bounds are of any microsecond.
        #[test]
        fn a_change_of_offset_is_the_first_one(
            from in 0_i64..3_000_000_000_000_000,
            length in 1_i64..34_000_000_000_000,
            near in -1_500_000_i64..1_500_000,
            zone in 0..chrono_tz::TZ_VARIANTS.len(),
        ) {
            let zone = chrono_tz::TZ_VARIANTS[zone];
            let at = |micros| DateTime::from_timestamp_micros(micros).unwrap();
            let (from, to) = (at(from), at(from + length));
            let change = change_of_offset(from, to, zone);
            // The end may be near the change itself.
            let end = at((change.timestamp_micros() + near).max(from.timestamp_micros() + 1));
            for to in [to, end] {
                let change = change_of_offset(from, to, zone);
                prop_assert!(from < change && change <= to);
                let before = change - TimeDelta::microseconds(1);
                prop_assert_eq!(utc_offset(from, zone), utc_offset(before.max(from), zone));
                prop_assert!(change == to || utc_offset(change, zone) != utc_offset(from, zone));
            }
        }
    }
}
