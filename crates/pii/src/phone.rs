//! Phone numbers: every spelling of A15 is the same number.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region as PhoneRegion};

use super::digit::{digit, is_separator};
use super::field::{Bare, number_of};
use super::nobody::may_be_keypad_word;
use super::text::assigned::national_of;
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

impl Default for Region {
    fn default() -> Self {
        Self(PhoneRegion::NO)
    }
}

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

    /// Reads a number in any spelling of A15: national in `region`, or international after `00` or `+`. A URI, quotes, and an
    /// extension are taken off first.
    pub fn parse(raw: &str, region: Region) -> Result<Pii<Self>, IdentifierError> {
        if is_withheld(raw) {
            return Err(IdentifierError::Withheld);
        }
        if raw.chars().all(|c| c == '+' || digit(c).is_some() || is_separator(c)) {
            return Self::read(number_of(raw), None, region);
        }
        let bare = Bare::of(raw);
        if bare.display.is_some() { Err(IdentifierError::Phone) } else { Self::of_bare(&bare, region) }
    }

    /// Reads the number of a field without its wrapping.
    pub(crate) fn of_bare(bare: &Bare, region: Region) -> Result<Pii<Self>, IdentifierError> {
        let (user, host) = bare.user();
        let is_keypad_word = || may_be_keypad_word(&user) && e164(&user, region, true).is_none();
        if is_withheld(&user) || is_nowhere(host) || is_keypad_word() {
            return Err(IdentifierError::Withheld);
        }
        Self::read(number_of(&user), bare.context.as_deref(), region)
    }

    fn read(raw: &str, context: Option<&str>, region: Region) -> Result<Pii<Self>, IdentifierError> {
        let dialled = dialled(raw, context).ok_or(IdentifierError::Phone)?;
        if are_several(raw, region) {
            return Err(IdentifierError::Phone);
        }
        let number = dialled.read(region).ok_or(IdentifierError::Phone)?;
        let is_filler = number.is_repeated() && e164(number.as_str(), region, true).is_none();
        if is_filler { Err(IdentifierError::Withheld) } else { Ok(Pii::new(number)) }
    }

    /// Reads a number in a text. It counts only if its region really assigns it.
    #[must_use]
    pub fn parse_valid(dialled: &str, region: Region) -> Option<Pii<Self>> {
        e164(dialled, region, true).map(|number| Pii::new(Self(number)))
    }

    /// The number of national digits that their country assigns.
    pub(crate) fn of_assigned(code: u16, national: &[u8], region: Region) -> Option<Pii<Self>> {
        let dialled = format!("+{code}{}", std::str::from_utf8(national).ok()?);
        let number = PHONE_NUMBER_UTIL.parse(&dialled, Some(region.0)).ok()?;
        let number = written(&number);
        // The library takes the first digits of a few numbers for what is dialled before them: then it is another number.
        if number == dialled { Some(Pii::new(Self(number))) } else { Self::parse_valid(&dialled, region) }
    }

    /// The number in E.164.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number without its country code, as people of the country write it.
    #[must_use]
    pub fn national(&self) -> String {
        if let Some(national) = national_of(&self.0) {
            return national.to_owned();
        }
        PHONE_NUMBER_UTIL
            .parse(&self.0, None)
            .map(|number| rlibphonenumber::get_national_significant_number_owned(&number))
            .unwrap_or_default()
    }

    /// Whether the national number is one digit over and over, as systems fill a field that must not be empty.
    fn is_repeated(&self) -> bool {
        let is_one_digit = |digits: &[u8]| digits.iter().all(|digit| Some(digit) == digits.first());
        // Few numbers end so, and reading the others once more would cost as much as they did.
        let end = self.0.as_bytes().last_chunk::<7>();
        end.is_some_and(|end| is_one_digit(end)) && is_one_digit(self.national().as_bytes())
    }
}

impl Pii<Phone> {
    /// Whether a country really assigns the number, and it has not only the length of one.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let number = PHONE_NUMBER_UTIL.parse(self.expose().as_str(), None);
        number.is_ok_and(|number| PHONE_NUMBER_UTIL.is_valid_number(&number))
    }
}

/// The digits of a number as they would be dialled.
struct Dialled {
    /// The ways to read them: with the `0` of a `(0)`, as Italy dials it from abroad too, and without.
    ways: Vec<String>,
}

impl Dialled {
    /// The number in E.164. The library is slow, so it does not read a number that is in E.164 already and that its country
    /// assigns.
    fn read(&self, region: Region) -> Option<Phone> {
        match self.ways.as_slice() {
            [way] if national_of(way).is_some() => Some(Phone(way.clone())),
            _ => self.read_by_library(region),
        }
    }

    /// Of a number without a country code the reading at home counts if it is valid, then the one with a `+` before it, then
    /// one that is only possible at home (A15).
    fn read_by_library(&self, region: Region) -> Option<Phone> {
        let ways = || self.ways.iter();
        let is_national = |way: &&String| !way.starts_with('+') && !way.starts_with('0');
        let home = ways().find_map(|way| parsed(way, region, true));
        let abroad = || ways().filter(is_national).find_map(|way| parsed(&format!("+{way}"), region, true));
        let valid = match home {
            Some(home) if ways().any(|way| is_national(&way)) && lacks_zero(&home) => {
                Some(abroad().filter(|abroad| is_likelier(abroad, &home)).unwrap_or(home))
            }
            home => home.or_else(abroad),
        };
        valid.or_else(|| ways().rev().find_map(|way| parsed(way, region, false))).map(|number| Phone(written(&number)))
    }
}

/// Whether a number that was written without a `0` is a landline of a country whose people dial it with one.
fn lacks_zero(number: &PhoneNumber) -> bool {
    let national = PHONE_NUMBER_UTIL.format(number, PhoneNumberFormat::National);
    let digits: String = national.chars().filter(char::is_ascii_digit).collect();
    let is_landline = PHONE_NUMBER_UTIL.get_number_type(number) == PhoneNumberType::FixedLine;
    is_landline && digits.strip_prefix('0') == Some(&rlibphonenumber::get_national_significant_number_owned(number))
}

/// Whether the same digits with a `+` before them are likelier than a landline without its `0`: a mobile phone abroad, or any
/// number of the same country.
fn is_likelier(abroad: &PhoneNumber, home: &PhoneNumber) -> bool {
    let is_mobile = PHONE_NUMBER_UTIL.get_number_type(abroad) == PhoneNumberType::Mobile;
    is_mobile || abroad.country_code == home.country_code
}

/// The digits to dial, with `+` first if the number is international. Returns `None` if the text contains a character
/// that no spelling of a number has.
fn dialled(raw: &str, context: Option<&str>) -> Option<Dialled> {
    let one = |raw: &str| digits_of(&with_context(raw, context));
    let ways = if raw.contains("(0)") {
        vec![one(&raw.replacen("(0)", "0", 1))?, one(&raw.replacen("(0)", "", 1))?]
    } else {
        vec![one(raw)?]
    };
    Some(Dialled { ways })
}

fn digits_of(raw: &str) -> Option<String> {
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
    Some(match digits.strip_prefix("00").or_else(|| digits.strip_prefix("+00")) {
        Some(rest) => format!("+{rest}"),
        None => digits,
    })
}

/// A national number behind the country code that its URI says it belongs to.
fn with_context<'r>(raw: &'r str, context: Option<&str>) -> Cow<'r, str> {
    let is_international = raw.trim_start().starts_with(['+', '\u{FF0B}']);
    match context.filter(|_| !is_international) {
        Some(context) => Cow::Owned(format!("{context}{raw}")),
        None => Cow::Borrowed(raw),
    }
}

/// Whether a text is a list of numbers: nobody knows which of them is the customer's.
fn are_several(raw: &str, region: Region) -> bool {
    let mut parts = raw.split(['/', '\u{FF0F}']).map(str::trim);
    let is_number = |part: &str| digits_of(part).is_some_and(|digits| e164(&digits, region, true).is_some());
    raw.contains(['/', '\u{FF0F}']) && parts.all(is_number)
}

/// Whether the host of an address is one that cannot be (RFC 2606): SIP writes `anonymous.invalid` for a caller who is withheld.
pub(crate) fn is_nowhere(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "invalid" || host.ends_with(".invalid")
}

/// How much work the finder has done on this thread. Its cost is counted by these figures, since a clock depends on the machine.
#[cfg(test)]
pub mod work {
    use std::cell::Cell;

    thread_local! {
        static READINGS: Cell<usize> = const { Cell::new(0) };
        static STEPS: Cell<usize> = const { Cell::new(0) };
    }

    /// Counts a number that the library reads: that is dear.
    pub fn count_reading() {
        READINGS.set(READINGS.get() + 1);
    }

    /// Counts cheap steps: bytes that are gone through, and groups and words that are looked at.
    pub fn count_steps(steps: usize) {
        STEPS.set(STEPS.get() + steps);
    }

    /// How many readings and how many steps some work takes.
    pub fn of(work: impl FnOnce()) -> (usize, usize) {
        let before = (READINGS.get(), STEPS.get());
        work();
        (READINGS.get() - before.0, STEPS.get() - before.1)
    }
}

fn e164(dialled: &str, region: Region, only_valid: bool) -> Option<String> {
    parsed(dialled, region, only_valid).map(|number| written(&number))
}

fn written(number: &PhoneNumber) -> String {
    PHONE_NUMBER_UTIL.format(number, PhoneNumberFormat::E164).into_owned()
}

fn parsed(dialled: &str, region: Region, only_valid: bool) -> Option<PhoneNumber> {
    #[cfg(test)]
    work::count_reading();
    let number = PHONE_NUMBER_UTIL.parse(dialled, Some(region.0)).ok()?;
    let accepted = if only_valid {
        PHONE_NUMBER_UTIL.is_valid_number(&number)
    } else {
        PHONE_NUMBER_UTIL.is_possible_number(&number)
    };
    accepted.then_some(number)
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

    /// Numbers that are read without the library are the ones that it reads.
    #[test]
    fn a_number_as_it_is_kept_is_read_as_the_library_reads_it() {
        for raw in [
            "+4798765432",
            "+46701234567",
            "+4915123456789",
            "+390669820001",
            "+12125551234",
            "+4570101010",
            "+524421234567",
            "+5491123456789",
            "+78001234567",
            "+476",
            "+",
            "+0047",
        ] {
            for region in ["NO", "SE", "US"].map(|region| region.parse::<Region>().unwrap()) {
                let read = dialled(raw, None).and_then(|dialled| dialled.read_by_library(region));
                let kept = Phone::parse(raw, region).ok().map(|phone| phone.expose().clone());
                assert_eq!(kept.as_ref().map(Phone::as_str), read.as_ref().map(Phone::as_str), "{raw}");
                let national = |phone: &Phone| PHONE_NUMBER_UTIL.parse(phone.as_str(), None).unwrap();
                let national = |phone| rlibphonenumber::get_national_significant_number_owned(&national(phone));
                assert_eq!(kept.as_ref().map(Phone::national), kept.as_ref().map(national), "{raw}");
            }
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
