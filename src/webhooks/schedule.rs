//! When a message is tried again: the schedule of Standard Webhooks, with some chance so that receivers that come back
//! do not get everything at once.

use chrono::{DateTime, TimeDelta, Utc};

/// The waits after the first attempt, the second one, and so on.
const WAITS: [TimeDelta; 9] = [
    TimeDelta::seconds(5),
    TimeDelta::minutes(5),
    TimeDelta::minutes(30),
    TimeDelta::hours(2),
    TimeDelta::hours(5),
    TimeDelta::hours(10),
    TimeDelta::hours(14),
    TimeDelta::hours(20),
    TimeDelta::hours(24),
];

/// A receiver that has failed for so long is disabled.
pub const LONGEST_FAILURE: TimeDelta = TimeDelta::days(5);

/// The time of the next attempt after some attempts, or none after the last one. The random number moves it by up to a
/// fifth of the wait.
#[must_use]
pub fn next_at(now: DateTime<Utc>, attempts: i32, random: u16) -> Option<DateTime<Utc>> {
    let wait = WAITS.get(usize::try_from(attempts).ok()?.checked_sub(1)?)?;
    let permille = 800 + i64::from(random) * 400 / i64::from(u16::MAX);
    Some(now + TimeDelta::milliseconds(wait.num_milliseconds() * permille / 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tried_ten_times_in_three_days() {
        let now = "2026-08-03T12:00:00Z".parse().unwrap();
        let wait = |attempts, random| next_at(now, attempts, random).map(|at| (at - now).num_milliseconds());
        assert_eq!([0, 10, 11].map(|attempts| wait(attempts, 0)), [None; 3]);
        assert_eq!([1, 2, 9].map(|attempts| wait(attempts, 0)), [Some(4_000), Some(240_000), Some(69_120_000)]);
        assert_eq!([1, 2, 9].map(|attempts| wait(attempts, u16::MAX)), [Some(6_000), Some(360_000), Some(103_680_000)]);
        let all: i64 = (1..10).filter_map(|attempts| wait(attempts, u16::MAX / 2)).sum();
        let hours = all / 3_600_000;
        assert!((75..77).contains(&hours) && TimeDelta::milliseconds(all) < LONGEST_FAILURE, "{hours}");
    }
}
