//! The time in which a request must be answered: one month after it was received (Art. 12(3) GDPR), extended once by at
//! most two months. Regulation (EEC, Euratom) No 1182/71 says on which day a period of months ends.

use chrono::{Datelike as _, Days, Months, NaiveDate, Weekday};

/// The months in which a request is answered.
const USUAL: Months = Months::new(1);
/// The same with the longest extension.
const EXTENDED: Months = Months::new(3);

/// The last day for the answer to a request that is not extended.
#[must_use]
pub fn usual(received_on: NaiveDate) -> NaiveDate {
    end(received_on, USUAL)
}

/// The last day to which the answer can be extended.
#[must_use]
pub fn latest(received_on: NaiveDate) -> NaiveDate {
    end(received_on, EXTENDED)
}

/// The end of a period: the same day of the last month, or its last day if that month is shorter.
fn end(received_on: NaiveDate, period: Months) -> NaiveDate {
    received_on.checked_add_months(period).map_or(NaiveDate::MAX, working_day)
}

/// The day itself, or the Monday after it if it is a Saturday or a Sunday. Public holidays differ between regions, so they
/// count as working days.
#[must_use]
pub fn working_day(day: NaiveDate) -> NaiveDate {
    let days = match day.weekday() {
        Weekday::Sat => 2,
        Weekday::Sun => 1,
        _ => 0,
    };
    day.checked_add_days(Days::new(days)).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_ends_on_the_same_day_of_the_next_month() {
        for (received, usual_end, latest_end) in [
            ("2026-08-03", "2026-09-03", "2026-11-03"),
            // The month after has no such day.
            ("2026-08-31", "2026-09-30", "2026-11-30"),
            ("2024-01-31", "2024-02-29", "2024-04-30"),
            ("2026-01-30", "2026-03-02", "2026-04-30"),
            // The end is a Saturday or a Sunday.
            ("2026-07-01", "2026-08-03", "2026-10-01"),
            ("2026-07-02", "2026-08-03", "2026-10-02"),
            ("2026-12-31", "2027-02-01", "2027-03-31"),
        ] {
            assert_eq!((usual(day(received)), latest(day(received))), (day(usual_end), day(latest_end)), "{received}");
        }
    }

    proptest! {
        #[test]
        fn a_deadline_is_a_working_day_after_one_month(days in 0_u64..60_000) {
            let received = day("1970-01-01") + Days::new(days);
            let (usual, latest) = (usual(received), latest(received));
            prop_assert!(![Weekday::Sat, Weekday::Sun].contains(&usual.weekday()));
            prop_assert!(![Weekday::Sat, Weekday::Sun].contains(&latest.weekday()));
            // Without the weekend, the end is the same day of the next month, or the last one of a shorter month.
            let month = (received.month0() + 1) % 12;
            let ends = (0..3).map(|back| usual - TimeDelta::days(back));
            let is_end = |end: NaiveDate| {
                let is_last = (end + TimeDelta::days(1)).month0() != end.month0();
                end.month0() == month && (end.day() == received.day() || (is_last && end.day() < received.day()))
            };
            prop_assert_eq!(ends.filter(|end| is_end(*end) && working_day(*end) == usual).count(), 1);
            prop_assert!(latest > usual && (latest - received).num_days() <= 94);
        }

        #[test]
        fn a_later_receipt_has_no_earlier_deadline(days in 0_u64..60_000) {
            let received = day("1970-01-01") + Days::new(days);
            let next = received + Days::new(1);
            prop_assert!(usual(received) <= usual(next) && latest(received) <= latest(next));
        }
    }
}
