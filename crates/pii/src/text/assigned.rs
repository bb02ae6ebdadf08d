//! The numbers that a country assigns, and how it groups their digits: made out once for each country code.
//!
//! A row of figures has several readings at each of its figures. So what is cheap is known here without reading a number:
//! how long the country's numbers are, which of them it assigns, and in which groups it writes them.

mod automaton;

use std::collections::HashSet;
use std::sync::OnceLock;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, Region as PhoneRegion};

use super::plan::{LONGEST, is_length};
use automaton::Automaton;

/// How people also group numbers, by country code: `07400 123 456` in Britain, `91 234 56 78` in Spain. The library
/// writes each number in one way only.
const HABITS: [(u16, &[usize]); 2] = [(44, &[5, 3, 3]), (34, &[2, 3, 2, 2])];

/// The numbers of a country code.
#[derive(Debug)]
pub(super) struct Assigned {
    code: u16,
    /// The allowed lengths. Bit `n` means `n` digits.
    lengths: u32,
    /// The regions that share the code.
    regions: Vec<PhoneRegion>,
    automaton: OnceLock<Option<Automaton>>,
    has_no_trunk: OnceLock<bool>,
    shapes: OnceLock<HashSet<u64>>,
}

impl Assigned {
    /// The numbers of a country code; `None` for a code that nobody has.
    pub(super) fn of(code: u16) -> Option<&'static Self> {
        static KNOWN: [OnceLock<Option<Assigned>>; 1000] = [const { OnceLock::new() }; 1000];
        KNOWN.get(usize::from(code))?.get_or_init(|| Self::read(code)).as_ref()
    }

    fn read(code: u16) -> Option<Self> {
        let regions = PHONE_NUMBER_UTIL.get_regions_for_country_calling_code(i32::from(code))?.collect();
        let written = code.to_string();
        let lengths = (2..=LONGEST).filter(|length| is_length(&written, *length));
        let lengths = lengths.fold(0, |lengths, length| lengths | 1 << length);
        Some(Self {
            code,
            lengths,
            regions,
            automaton: OnceLock::new(),
            has_no_trunk: OnceLock::new(),
            shapes: OnceLock::new(),
        })
    }

    /// The country code.
    pub(super) const fn code(&self) -> u16 {
        self.code
    }

    /// Whether numbers may have so many digits.
    pub(super) const fn has_length(&self, digits: usize) -> bool {
        digits < 32 && self.lengths >> digits & 1 == 1
    }

    /// The most digits that numbers have.
    pub(super) const fn longest(&self) -> usize {
        31_usize.saturating_sub(self.lengths.leading_zeros() as usize)
    }

    /// Whether digits are a number that the country assigns.
    pub(super) fn has(&self, national: &[u8]) -> bool {
        if !self.has_length(national.len()) {
            return false;
        }
        match self.automaton() {
            Some(automaton) => automaton.has(national),
            None => PHONE_NUMBER_UTIL.is_valid_number(&self.number(national)),
        }
    }

    /// Whether the library reads all digits of an assigned number as the number.
    pub(super) fn keeps(&self, national: &[u8]) -> bool {
        self.automaton().is_some_and(|automaton| automaton.keeps(national))
    }

    /// Whether nothing is dialled before its numbers at home. Unlike the automaton, that is cheap to read.
    pub(super) fn has_no_trunk(&self) -> bool {
        *self.has_no_trunk.get_or_init(|| automaton::has_no_prefix(self.code))
    }

    fn automaton(&self) -> Option<&Automaton> {
        self.automaton.get_or_init(|| Automaton::of(self.code, &self.regions)).as_ref()
    }

    /// The number of the library that national digits are.
    pub(super) fn number(&self, national: &[u8]) -> PhoneNumber {
        #[cfg(test)]
        crate::work::count_reading();
        let zeros = national.iter().take_while(|digit| **digit == b'0').count().min(national.len().saturating_sub(1));
        PhoneNumber {
            country_code: i32::from(self.code),
            national_number: national.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')),
            italian_leading_zero: (zeros > 0).then_some(true),
            number_of_leading_zeros: i32::try_from(zeros).ok().filter(|zeros| *zeros > 1),
            ..PhoneNumber::default()
        }
    }

    /// Whether the country writes some numbers in groups of these lengths.
    pub(super) fn has_shape(&self, lengths: DigitShape) -> bool {
        let shapes = self.shapes.get_or_init(|| {
            let lengths = (2..=LONGEST).filter(|length| self.has_length(*length));
            let examples =
                lengths.flat_map(|length| (0..100).map(move |begin| format!("{begin:02}{:5<1$}", "", length - 2)));
            let habits = HABITS
                .iter()
                .filter(|(code, _)| *code == self.code)
                .map(|(_, shape)| DigitShape::of(shape.iter().copied()).0);
            let written = examples.flat_map(|national| self.written(national.as_bytes())).map(|shape| shape.0);
            written.chain(habits).collect()
        });
        shapes.contains(&lengths.0)
    }

    /// How the country groups the digits of a number: with and without the country code, and with what is dialled first.
    pub(super) fn written(&self, national: &[u8]) -> [DigitShape; 3] {
        let number = self.number(national);
        let lengths = |format| {
            let written = PHONE_NUMBER_UTIL.format(&number, format);
            let groups = written.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty());
            groups.map(str::len).collect::<Vec<_>>()
        };
        let (home, abroad) = (lengths(PhoneNumberFormat::National), lengths(PhoneNumberFormat::International));
        [&home, abroad.get(1..).unwrap_or_default(), &abroad].map(|lengths| DigitShape::of(lengths.iter().copied()))
    }
}

/// The lengths of the groups of a number, four bits for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DigitShape(u64);

impl DigitShape {
    /// The lengths of some groups; a shape that no number has where there are too many, or one is too long.
    pub(super) fn of(lengths: impl Iterator<Item = usize>) -> Self {
        let mut shape = 0_u64;
        for length in lengths {
            if length > 15 || shape >> 60 > 0 {
                return Self(u64::MAX);
            }
            shape = shape << 4 | length as u64;
        }
        Self(shape)
    }
}

/// The country code that digits begin with, and how long it is: no code is the beginning of another one.
pub(super) fn country_of(digits: &[u8]) -> Option<(&'static Assigned, usize)> {
    let mut code = 0;
    for (place, digit) in digits.iter().take(3).enumerate() {
        code = code * 10 + u16::from(digit - b'0');
        if code == 0 {
            return None;
        }
        if let Some(assigned) = Assigned::of(code) {
            return Some((assigned, place + 1));
        }
    }
    None
}

/// The country of a number in E.164 and its national digits, if the country assigns the number and the library would
/// keep all its digits. The library is dear, and need not read such a number.
pub(super) fn whole(number: &str) -> Option<(&'static Assigned, &str)> {
    let is_digits = |digits: &&str| digits.len() <= LONGEST && digits.bytes().all(|byte| byte.is_ascii_digit());
    let digits = number.strip_prefix('+').filter(is_digits)?;
    let (country, length) = country_of(digits.as_bytes())?;
    let national = &digits[length..];
    let is_kept = country.has(national.as_bytes()) && country.keeps(national.as_bytes());
    is_kept.then_some((country, national))
}

/// The national digits of such a number.
pub(crate) fn national_of(number: &str) -> Option<&str> {
    whole(number).map(|(_, national)| national)
}
