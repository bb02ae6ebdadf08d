//! The time, as an argument.

use chrono::{DateTime, Utc};

/// The source of the time: the machine, or one instant that a command was given (`job nightly --as-of`).
#[derive(Clone, Copy, Debug, Default)]
pub enum Clock {
    /// The machine's own clock.
    #[default]
    System,
    Fixed(DateTime<Utc>),
}

impl Clock {
    /// The time now in microseconds. PostgreSQL stores no finer time, and both databases must contain the same instant.
    #[must_use]
    pub fn now(self) -> DateTime<Utc> {
        match self {
            #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
            Self::System => microseconds(Utc::now()),
            Self::Fixed(at) => microseconds(at),
        }
    }
}

/// Truncates an instant to the precision of both databases. A leap second (`23:59:60`), which neither of them stores, becomes
/// the last microsecond before its end, so that it stays on its day.
#[must_use]
pub fn microseconds(at: DateTime<Utc>) -> DateTime<Utc> {
    let micros = at.timestamp_subsec_micros().min(999_999);
    DateTime::from_timestamp(at.timestamp(), micros * 1_000).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(text: &str) -> String {
        microseconds(text.parse().unwrap()).to_rfc3339()
    }

    #[test]
    fn a_leap_second_stays_on_its_day() {
        assert_eq!(cut("2016-12-31T23:59:60Z"), "2016-12-31T23:59:59.999999+00:00");
        assert_eq!(cut("2016-12-31T23:59:60.5Z"), "2016-12-31T23:59:59.999999+00:00");
        assert_eq!(cut("2017-01-01T00:59:60+01:00"), "2016-12-31T23:59:59.999999+00:00");
        assert_eq!(cut("1969-12-31T23:59:60Z"), "1969-12-31T23:59:59.999999+00:00");
        assert_eq!(cut("2016-12-31T23:59:59.9999999Z"), "2016-12-31T23:59:59.999999+00:00");
        assert_eq!(cut("2017-01-01T00:00:00Z"), "2017-01-01T00:00:00+00:00");
    }

    proptest! {
        #[test]
        fn an_instant_is_cut_by_less_than_a_microsecond(seconds in -62_135_596_800_i64..253_402_300_800, nanos in 0_u32..1_000_000_000) {
            let at = DateTime::from_timestamp(seconds, nanos).unwrap();
            let cut = microseconds(at);
            prop_assert!(cut <= at && (at - cut).num_nanoseconds().is_some_and(|nanos| nanos < 1_000));
            prop_assert_eq!(microseconds(cut), cut);
        }
    }
}
