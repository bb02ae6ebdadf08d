//! The time, as an argument.

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use serde::{Serialize as _, Serializer};

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

/// A time in the spelling of RFC 3339. The library also reads other spellings, such as `2026-8-1T10:00:00Z`.
#[must_use]
pub fn rfc3339(text: &str) -> Option<DateTime<Utc>> {
    if is_rfc3339(text) { text.parse().ok() } else { None }
}

/// Whether a text has the spelling of RFC 3339, with any digits. The letters may be small, and a space may be between the
/// day and the time.
#[must_use]
pub fn is_rfc3339(text: &str) -> bool {
    let fits = |text: &str, pattern: &str| {
        text.len() == pattern.len()
            && text.bytes().zip(pattern.bytes()).all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_digit(),
                b'T' => matches!(byte, b'T' | b't' | b' '),
                wanted => byte == wanted,
            })
    };
    let Some((seconds, rest)) = text.split_at_checked(19) else { return false };
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let has_fraction = offset.len() + 1 < rest.len() || offset.len() == rest.len();
    let is_offset = match offset.strip_prefix(['+', '-']) {
        Some(offset) => fits(offset, "00:00"),
        None => matches!(offset, "Z" | "z"),
    };
    fits(seconds, "0000-00-00T00:00:00") && has_fraction && is_offset
}

/// Serializes a time, or none, as the library does. The library writes it character by character, and for lists of records
/// that takes long.
pub fn serialize<'t, T, S: Serializer>(at: &'t T, to: S) -> Result<S::Ok, S::Error>
where
    &'t T: Into<Option<&'t DateTime<Utc>>>,
{
    let Some(at) = at.into() else { return to.serialize_none() };
    let mut text = *b"0000-00-00T00:00:00.000000000Z";
    match spell(*at, &mut text) {
        Some(length) => to.serialize_str(str::from_utf8(&text[..length]).unwrap_or_default()),
        None => at.serialize(to),
    }
}

/// Writes a time into a text of the longest form. Returns its length, and nothing for a leap second and other rare times.
fn spell(at: DateTime<Utc>, text: &mut [u8; 30]) -> Option<usize> {
    let (day, time) = (at.date_naive(), at.time());
    let year = u32::try_from(day.year()).ok().filter(|year| *year <= 9_999)?;
    for (place, number) in [
        (0..4, year),
        (5..7, day.month()),
        (8..10, day.day()),
        (11..13, time.hour()),
        (14..16, time.minute()),
        (17..19, time.second()),
    ] {
        digits(&mut text[place], number);
    }
    let (end, fraction) = match time.nanosecond() {
        1_000_000_000.. => return None,
        0 => (19, 0),
        nanos if nanos % 1_000_000 == 0 => (23, nanos / 1_000_000),
        nanos if nanos % 1_000 == 0 => (26, nanos / 1_000),
        nanos => (29, nanos),
    };
    digits(&mut text[20.min(end)..end], fraction);
    text[end] = b'Z';
    Some(end + 1)
}

fn digits(place: &mut [u8], mut number: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_spelling_of_rfc_3339() {
        for text in [
            "2026-08-01T10:00:00Z",
            "2026-08-01t10:00:00z",
            "2026-08-01 10:00:00+02:00",
            "2026-08-01T10:00:00.5-00:30",
            "2026-08-01T23:59:60.123456789Z",
        ] {
            assert!(rfc3339(text).is_some(), "{text}");
        }
        for text in [
            "",
            "2026-08-01",
            "2026-08-01T10:00:00",
            "2026-08-01T10:00Z",
            "2026-8-1T10:00:00Z",
            "+002026-08-01T10:00:00Z",
            "2026-08-01T10:00:00Z ",
            " 2026-08-01T10:00:00Z",
            "2026-08-01T10:00:00 Z",
            "2026-08-01T10:00:00.Z",
            "2026-08-01T10:00:00+0200",
            "2026-08-01T10:00:00+02",
            "2026-08-01T10:00:00+2:00",
            "2026-08-01  10:00:00Z",
            "2026-13-01T10:00:00Z",
            "2026-08-01T10:00:00\u{661}Z",
        ] {
            assert!(rfc3339(text).is_none(), "{text}");
        }
    }
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

    fn spelled<T>(at: &T) -> serde_json::Value
    where
        for<'t> &'t T: Into<Option<&'t DateTime<Utc>>>,
    {
        serialize(at, serde_json::value::Serializer).unwrap()
    }

    #[test]
    fn rare_times_are_serialized_too() {
        for text in
            ["2016-12-31T23:59:60Z", "2016-12-31T23:59:60.5Z", "-0001-08-01T10:00:00Z", "+12026-08-01T10:00:00Z"]
        {
            let at: DateTime<Utc> = text.parse().unwrap();
            assert_eq!(spelled(&at), serde_json::json!(at));
        }
        assert_eq!(spelled(&None), serde_json::Value::Null);
    }

    proptest! {
        #[test]
        fn a_time_is_serialized_as_the_library_does(
            seconds in -62_167_219_200_i64..253_402_300_800,
            nanos in 0_u32..1_000,
            unit in prop::sample::select(vec![1, 1_000, 1_000_000]),
        ) {
            let at = DateTime::from_timestamp(seconds, nanos * unit).unwrap();
            prop_assert_eq!(spelled(&at), serde_json::json!(at));
            prop_assert_eq!(spelled(&Some(at)), serde_json::json!(at));
        }

        #[test]
        fn an_instant_is_cut_by_less_than_a_microsecond(seconds in -62_135_596_800_i64..253_402_300_800, nanos in 0_u32..1_000_000_000) {
            let at = DateTime::from_timestamp(seconds, nanos).unwrap();
            let cut = microseconds(at);
            prop_assert!(cut <= at && (at - cut).num_nanoseconds().is_some_and(|nanos| nanos < 1_000));
            prop_assert_eq!(microseconds(cut), cut);
        }
    }
}
