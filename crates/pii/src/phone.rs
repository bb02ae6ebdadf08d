//! Phone numbers: every spelling of A15 is the same number.

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region as PhoneRegion};

use super::digit::{digit, is_separator};
use super::{IdentifierError, Pii, is_withheld};

/// A phone number in E.164.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Phone(String);

/// A country whose national numbers need no country code: ISO 3166-1 alpha-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region(PhoneRegion);

/// The text names no region that has phone numbers.
#[derive(Debug, thiserror::Error)]
#[error("must be a two-letter region with a numbering plan, such as NO")]
pub struct RegionError;

impl FromStr for Region {
    type Err = RegionError;

    fn from_str(code: &str) -> Result<Self, RegionError> {
        let region = PhoneRegion::try_from(code).map_err(|_| RegionError)?;
        PHONE_NUMBER_UTIL.get_country_code_for_region(region).map(|_| Self(region)).ok_or(RegionError)
    }
}

impl Region {
    /// A region that was read before and is kept. Whether it has phone numbers is not asked again: that would load the
    /// numbering plans of the whole world, which a service that has not read a number yet does without.
    pub fn stored(code: &str) -> Result<Self, RegionError> {
        PhoneRegion::try_from(code).map(Self).map_err(|_| RegionError)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_region_str().as_str())
    }
}

impl Phone {
    /// A value that was read before and comes back from the vault.
    #[must_use]
    pub const fn stored(value: String) -> Pii<Self> {
        Pii::new(Self(value))
    }

    /// Reads a number in any spelling of A15: national in `region`, or international after `00` or `+`.
    pub fn parse(raw: &str, region: Region) -> Result<Pii<Self>, IdentifierError> {
        if is_withheld(raw) {
            return Err(IdentifierError::Withheld);
        }
        let dialled = dialled(raw).ok_or(IdentifierError::Phone)?;
        e164(&dialled, region, false).map(|number| Pii::new(Self(number))).ok_or(IdentifierError::Phone)
    }

    /// Reads a number that a text holds: only one that its region really assigns counts there.
    #[must_use]
    pub fn parse_valid(dialled: &str, region: Region) -> Option<Pii<Self>> {
        e164(dialled, region, true).map(|number| Pii::new(Self(number)))
    }

    /// The number in E.164.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number without its country code, as people of the country write it.
    #[must_use]
    pub fn national(&self) -> String {
        PHONE_NUMBER_UTIL
            .parse(&self.0, None)
            .map(|number| rlibphonenumber::get_national_significant_number_owned(&number))
            .unwrap_or_default()
    }
}

/// The digits that would be dialled, `+` first where the number is international; `None` where a character stands
/// that no spelling of a number has.
fn dialled(raw: &str) -> Option<String> {
    let raw = without_scheme(raw.trim());
    // `+47 (0) 987 65 432`: what is dialled at home only.
    let at_home = raw.starts_with(['+', '\u{FF0B}']) || raw.starts_with("00");
    let raw = if at_home { raw.replacen("(0)", "", 1) } else { raw.to_owned() };
    let mut digits = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '+' | '\u{FF0B}' if digits.is_empty() => digits.push('+'),
            c if digit(c).is_some() => digits.extend(digit(c)),
            c if is_separator(c) => {}
            _ => return None,
        }
    }
    if digits.len() > 24 {
        return None;
    }
    // In every region here `00` means an international prefix, whatever the region dials itself (A15).
    Some(match digits.strip_prefix("00") {
        Some(rest) => format!("+{rest}"),
        None => digits,
    })
}

/// The number of a `tel:`, `sip:` or `sips:` URI, as exchanges write them; anything else as it is.
fn without_scheme(raw: &str) -> &str {
    let scheme = ["tel:", "sip:", "sips:"]
        .into_iter()
        .find(|scheme| raw.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    match scheme {
        Some(scheme) => raw[scheme.len()..].split(['@', ';']).next().unwrap_or_default(),
        None => raw,
    }
}

/// How often a number was read on this thread: the dear part of looking for numbers, by which its cost is counted.
#[cfg(test)]
pub mod readings {
    use std::cell::Cell;

    thread_local!(static COUNT: Cell<usize> = const { Cell::new(0) });

    /// Counts one.
    pub fn count() {
        COUNT.set(COUNT.get() + 1);
    }

    /// How many readings some work takes.
    pub fn of(work: impl FnOnce()) -> usize {
        let before = COUNT.get();
        work();
        COUNT.get() - before
    }
}

fn e164(dialled: &str, region: Region, only_valid: bool) -> Option<String> {
    #[cfg(test)]
    readings::count();
    let number = PHONE_NUMBER_UTIL.parse(dialled, Some(region.0)).ok()?;
    let accepted = if only_valid {
        PHONE_NUMBER_UTIL.is_valid_number(&number)
    } else {
        PHONE_NUMBER_UTIL.is_possible_number(&number)
    };
    accepted.then(|| PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn norwegian(raw: &str) -> Result<String, IdentifierError> {
        Phone::parse(raw, "NO".parse().unwrap()).map(|phone| phone.expose().as_str().to_owned())
    }

    #[test]
    fn a_kept_region_is_the_one_that_was_read() {
        for code in ["NO", "SE", "US"] {
            assert_eq!(Region::stored(code).unwrap(), code.parse().unwrap());
        }
        assert!(Region::stored("Norway").is_err());
    }

    #[test]
    fn every_spelling_of_a_number_is_the_same_number() {
        for raw in [
            "98765432",
            "987 65 432",
            "+4798765432",
            "004798765432",
            "00 47 987 65 432",
            "(+47) 987-65-432",
            "+47.98.76.54.32",
            "９８７６５４３２",
            "\u{200E}+47 98765432\u{200F}",
            "tel:+47-987-65-432",
            "sip:+4798765432@sip.example.no",
            "SIP:98765432@10.0.0.1:5060;user=phone",
            "+47 (0) 987 65 432",
        ] {
            assert_eq!(norwegian(raw).as_deref(), Ok("+4798765432"), "{raw}");
        }
    }

    #[test]
    fn the_documents_own_example_is_a_number() {
        assert_eq!(norwegian("004798765").as_deref(), Ok("+4798765"));
    }

    #[test]
    fn two_zeros_mean_abroad_in_every_region() {
        let read =
            |raw, region: &str| Phone::parse(raw, region.parse().unwrap()).map(|p| p.expose().as_str().to_owned());
        assert_eq!(read("0047 987 65 432", "US").as_deref(), Ok("+4798765432"));
        assert_eq!(read("070-123 45 67", "SE").as_deref(), Ok("+46701234567"));
    }

    #[test]
    fn withheld_words_are_no_number() {
        for raw in ["", " ", "Anonymous", "WITHHELD", "-", "0", "Anonymized", "unknown"] {
            assert_eq!(norwegian(raw), Err(IdentifierError::Withheld), "{raw}");
        }
        for raw in ["110", "abc", "98765432x", "+999 123456", "123456789012345678901234567890"] {
            assert_eq!(norwegian(raw), Err(IdentifierError::Phone), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn what_was_read_reads_as_itself(raw in "\\+?[0-9 ()./-]{4,20}") {
            if let Ok(number) = norwegian(&raw) {
                prop_assert_eq!(norwegian(&number).unwrap(), number);
            }
        }

        #[test]
        fn no_text_makes_a_parser_panic(raw: String) {
            let _ = norwegian(&raw);
        }
    }
}
