//! The buckets of local time: hours, days, and weeks, or the hours of a day and of a week.

use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDateTime, TimeDelta, Timelike as _};

use super::model::{GroupValue, TotalGroup};
use super::span::SpanPart;
use crate::archive::counting::Buckets;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// The seconds from Monday, 29 December 1969, to 1970. Buckets are counted from there, so that a bucket of a week begins
/// on a Monday.
const MONDAY: i64 = 3 * DAY;

/// The shortest buckets from which the groups of a total can be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketClock {
    /// The length of a bucket, in seconds.
    unit: i64,
    /// The number of buckets after which they begin again.
    cycle: Option<i64>,
}

impl BucketClock {
    /// None where no group needs one. A month is that of the part in which a record is.
    #[must_use]
    pub fn of(groups: &[TotalGroup]) -> Option<Self> {
        let has = |group| groups.contains(&group);
        let is_on_calendar = has(TotalGroup::Hour) || has(TotalGroup::Day) || has(TotalGroup::Week);
        let needs_hours = has(TotalGroup::Hour) || has(TotalGroup::HourOfDay);
        let needs_days = has(TotalGroup::Day) || has(TotalGroup::Weekday);
        let (unit, cycle) = match () {
            () if is_on_calendar && needs_hours => (HOUR, None),
            () if is_on_calendar && needs_days => (DAY, None),
            () if is_on_calendar => (WEEK, None),
            () if needs_hours && needs_days => (HOUR, Some(WEEK / HOUR)),
            () if needs_hours => (HOUR, Some(DAY / HOUR)),
            () if needs_days => (DAY, Some(WEEK / DAY)),
            () => return None,
        };
        Some(Self { unit, cycle })
    }

    /// The buckets where local time is so many seconds ahead of UTC.
    #[must_use]
    pub fn buckets(self, offset: i32) -> Buckets {
        Buckets { shift: MONDAY + i64::from(offset), unit: self.unit, cycle: self.cycle }
    }

    /// The local time at which a bucket begins. Where buckets begin again, it is that of the first one.
    #[must_use]
    fn local(self, bucket: i64) -> NaiveDateTime {
        let seconds = TimeDelta::try_seconds(bucket.saturating_mul(self.unit).saturating_sub(MONDAY));
        let epoch = DateTime::UNIX_EPOCH.naive_utc();
        seconds.and_then(|seconds| epoch.checked_add_signed(seconds)).unwrap_or(epoch)
    }
}

/// The value of a group of time, for the records of a bucket in a part.
#[must_use]
pub fn time_of(group: TotalGroup, clock: Option<BucketClock>, bucket: i64, part: &SpanPart) -> GroupValue {
    let local = clock.map_or_else(NaiveDateTime::default, |clock| clock.local(bucket));
    match group {
        TotalGroup::HourOfDay => GroupValue::Number(local.hour()),
        TotalGroup::Weekday => GroupValue::Number(local.weekday().number_from_monday()),
        TotalGroup::Hour => {
            let zone = FixedOffset::east_opt(part.offset);
            let hour = zone.and_then(|zone| local.and_local_timezone(zone).single());
            GroupValue::Hour(hour.unwrap_or_else(|| local.and_utc().fixed_offset()))
        }
        TotalGroup::Day => GroupValue::Day(local.date()),
        TotalGroup::Week => GroupValue::Week(local.iso_week().year(), local.iso_week().week()),
        TotalGroup::Month => GroupValue::Month(part.month),
        TotalGroup::Queue | TotalGroup::AgentId | TotalGroup::Channel | TotalGroup::Direction | TotalGroup::Outcome => {
            GroupValue::Word(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone as _, Utc};
    use chrono_tz::Tz;
    use proptest::prelude::*;

    use super::super::span::TotalSpan;
    use super::*;

    /// The value of a group by the calendar itself.
    fn told(group: TotalGroup, at: DateTime<Utc>, zone: Tz) -> GroupValue {
        let local = at.with_timezone(&zone);
        match group {
            TotalGroup::HourOfDay => GroupValue::Number(local.format("%H").to_string().parse().unwrap()),
            TotalGroup::Weekday => GroupValue::Number(local.format("%u").to_string().parse().unwrap()),
            TotalGroup::Day => GroupValue::Day(local.date_naive()),
            TotalGroup::Week => {
                let text = local.format("%G %V").to_string();
                let (year, week) = text.split_once(' ').unwrap();
                GroupValue::Week(year.parse().unwrap(), week.parse().unwrap())
            }
            TotalGroup::Month => GroupValue::Month(local.date_naive().with_day(1).unwrap()),
            TotalGroup::Hour => {
                let hour = local.naive_local().date().and_hms_opt(local.hour(), 0, 0).unwrap();
                GroupValue::Hour(local.fixed_offset().timezone().from_local_datetime(&hour).unwrap())
            }
            _ => GroupValue::Word(None),
        }
    }

    const TIMES: [TotalGroup; 6] = [
        TotalGroup::HourOfDay,
        TotalGroup::Weekday,
        TotalGroup::Hour,
        TotalGroup::Day,
        TotalGroup::Week,
        TotalGroup::Month,
    ];

    proptest! {
        /// Any of the times, alone and together, in every zone and over every change of its clocks.
        #[test]
        fn a_bucket_tells_the_local_time(
            seconds in 0_i64..4_000_000_000,
            chosen in prop::collection::vec(0..TIMES.len(), 1..4),
            zone in 0..chrono_tz::TZ_VARIANTS.len(),
        ) {
            let (zone, at) = (chrono_tz::TZ_VARIANTS[zone], DateTime::from_timestamp(seconds, 0).unwrap());
            let groups: Vec<_> = chosen.into_iter().map(|no| TIMES[no]).collect();
            let span = TotalSpan { from: at, to: at + TimeDelta::seconds(1) };
            let part = span.parts(zone)[0];
            let clock = BucketClock::of(&groups);
            let bucket = clock.map_or(0, |clock| {
                let Buckets { shift, unit, cycle } = clock.buckets(part.offset);
                (seconds + shift) / unit % cycle.unwrap_or(i64::MAX)
            });
            for group in groups {
                prop_assert_eq!(time_of(group, clock, bucket, &part), told(group, at, zone), "{:?} in {}", group, zone);
            }
        }
    }
}
