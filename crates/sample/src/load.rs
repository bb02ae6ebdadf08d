//! The load over the hours of a day and the days of a week.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::chance::Chance;

pub(super) const ZONE: Tz = chrono_tz::Europe::Oslo;

/// The load of each hour of a day, as a relative weight.
const HOURS: [u64; 24] = [1, 1, 1, 1, 1, 2, 6, 18, 52, 84, 96, 92, 78, 82, 86, 74, 52, 34, 26, 20, 14, 8, 4, 2];

/// The load of each day of a week from Monday, as a relative weight.
const DAYS: [u64; 7] = [12, 11, 10, 10, 9, 3, 2];

const HOUR_SECONDS: u64 = 3_600;

pub(super) struct SampleDays {
    first: NaiveDate,
    /// The sum of the weights.
    total: u128,
}

impl SampleDays {
    /// The days before `until`. It is `None` if there are no days, or if they leave the years that the archive accepts.
    pub(super) fn before(until: NaiveDate, days: u32) -> Option<Self> {
        let first = until.checked_sub_days(chrono::Days::new(u64::from(days)))?;
        let known = |day: NaiveDate| (1970..=9999).contains(&day.year());
        if days == 0 || !known(first) || !known(until) {
            return None;
        }
        let (weeks, rest) = (u64::from(days) / 7, u64::from(days) % 7);
        let start = weekday(first);
        let rest: u64 = (0..rest).map(|day| day_load(start + day)).sum();
        Some(Self { first, total: u128::from(weeks * week_load() + rest) })
    }

    /// The start of record `index` of `count`: a random instant in one of `count` parts of equal load. So later records
    /// start later, and every hour has its share.
    pub(super) fn start(&self, index: u64, count: u64, chance: &mut Chance) -> Option<DateTime<Tz>> {
        let place = (u128::from(index) << 16) + u128::from(chance.below(1 << 16));
        let share = place.checked_mul(self.total)? / (u128::from(count.max(1)) << 16);
        let share = u64::try_from(share).ok()?;
        let mut days = share / week_load() * 7;
        let mut load = share % week_load();
        let start = weekday(self.first);
        while load >= day_load(start + days) {
            load -= day_load(start + days);
            days += 1;
        }
        let day = DAYS[slot(start + days)];
        let mut hours = 0;
        while load >= HOURS[slot_of_day(hours)] * day * HOUR_SECONDS {
            load -= HOURS[slot_of_day(hours)] * day * HOUR_SECONDS;
            hours += 1;
        }
        let second = hours * HOUR_SECONDS + load / (HOURS[slot_of_day(hours)] * day);
        let local = self.first.checked_add_days(chrono::Days::new(days))?.and_hms_opt(0, 0, 0)?
            + TimeDelta::seconds(i64::try_from(second).ok()?);
        // Nobody can call in an hour that the clocks skip, so the call is in the next hour.
        let shown = ZONE.from_local_datetime(&local).earliest();
        shown.or_else(|| ZONE.from_local_datetime(&(local + TimeDelta::hours(1))).earliest())
    }
}

fn weekday(day: NaiveDate) -> u64 {
    u64::from(day.weekday().num_days_from_monday())
}

fn slot(day: u64) -> usize {
    usize::try_from(day % 7).unwrap_or(0)
}

fn slot_of_day(hour: u64) -> usize {
    usize::try_from(hour % 24).unwrap_or(0)
}

fn day_load(day: u64) -> u64 {
    DAYS[slot(day)] * HOURS.iter().sum::<u64>() * HOUR_SECONDS
}

fn week_load() -> u64 {
    DAYS.iter().sum::<u64>() * HOURS.iter().sum::<u64>() * HOUR_SECONDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Purpose;
    use chrono::Timelike;
    use proptest::prelude::*;

    proptest! {
        /// With every length and every change of the clocks, records stay within their days.
        #[test]
        fn records_start_within_their_days(days in 1_u32..800, until in 1_000_u64..22_000, count in 1_u64..u64::MAX, index: u64) {
            let until = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap() + chrono::Days::new(until);
            let load = SampleDays::before(until, days).unwrap();
            let mut chance = Chance::new(index, Purpose::Course, index);
            let start = load.start(index % count, count, &mut chance).unwrap().to_utc();
            let first = until - chrono::Days::new(u64::from(days));
            let day = start.with_timezone(&ZONE).date_naive();
            prop_assert!(first <= day && day < until);
        }
    }

    #[test]
    fn mornings_are_busier_than_nights_and_weekdays_than_sundays() {
        let until = NaiveDate::from_ymd_opt(2026, 8, 3).unwrap();
        let load = SampleDays::before(until, 28).unwrap();
        let mut chance = Chance::new(1, Purpose::Course, 0);
        let starts: Vec<_> = (0..10_000).map(|index| load.start(index, 10_000, &mut chance).unwrap()).collect();
        let count = |which: &dyn Fn(&DateTime<Tz>) -> bool| starts.iter().filter(|at| which(at)).count();
        assert!(count(&|at| at.hour() == 10) > 20 * count(&|at| at.hour() == 2));
        assert!(count(&|at| weekday(at.date_naive()) == 0) > 4 * count(&|at| weekday(at.date_naive()) == 6));
        assert!(starts.is_sorted());
    }

    #[test]
    fn there_are_no_days_outside_the_calendar() {
        let until = NaiveDate::from_ymd_opt(2026, 8, 3).unwrap();
        assert!(SampleDays::before(until, 0).is_none());
        assert!(SampleDays::before(until, 100_000).is_none());
        assert!(SampleDays::before(until, u32::MAX).is_none());
        assert!(SampleDays::before(NaiveDate::MAX, 3).is_none());
    }
}
