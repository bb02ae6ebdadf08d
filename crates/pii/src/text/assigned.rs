//! The numbers that a country assigns, and how it groups their digits: made out once for each country code.
//!
//! A row of figures has several readings at each of its figures. So what is cheap is known here without reading a number:
//! how long the country's numbers are, and in which groups it writes them.

use std::collections::HashSet;
use std::sync::OnceLock;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat};

use super::plan::{LONGEST, is_length};

/// The numbers of a country code.
#[derive(Debug)]
pub(super) struct Assigned {
    code: u16,
    /// The allowed lengths. Bit `n` means `n` digits.
    lengths: u32,
    shapes: OnceLock<HashSet<Vec<u8>>>,
}

impl Assigned {
    /// The numbers of a country code; `None` for a code that nobody has.
    pub(super) fn of(code: u16) -> Option<&'static Self> {
        static KNOWN: [OnceLock<Option<Assigned>>; 1000] = [const { OnceLock::new() }; 1000];
        KNOWN.get(usize::from(code))?.get_or_init(|| Self::read(code)).as_ref()
    }

    fn read(code: u16) -> Option<Self> {
        PHONE_NUMBER_UTIL.get_region_for_country_code(i32::from(code))?;
        let written = code.to_string();
        let lengths = (2..=LONGEST).filter(|length| is_length(&written, *length));
        Some(Self { code, lengths: lengths.fold(0, |lengths, length| lengths | 1 << length), shapes: OnceLock::new() })
    }

    /// The country code.
    pub(super) const fn code(&self) -> u16 {
        self.code
    }

    /// Whether numbers may have so many digits.
    pub(super) const fn has_length(&self, digits: usize) -> bool {
        digits < 32 && self.lengths >> digits & 1 == 1
    }

    /// Whether digits are a number that the country assigns.
    pub(super) fn has(&self, national: &[u8]) -> bool {
        self.has_length(national.len()) && PHONE_NUMBER_UTIL.is_valid_number(&self.number(national))
    }

    fn number(&self, national: &[u8]) -> PhoneNumber {
        #[cfg(test)]
        crate::readings::count();
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
    pub(super) fn has_shape(&self, lengths: &[u8]) -> bool {
        let shapes = self.shapes.get_or_init(|| {
            let lengths = (2..=LONGEST).filter(|length| self.has_length(*length));
            let examples =
                lengths.flat_map(|length| (0..100).map(move |begin| format!("{begin:02}{:5<1$}", "", length - 2)));
            examples.flat_map(|national| self.written(national.as_bytes())).collect()
        });
        shapes.contains(lengths)
    }

    /// How the country groups the digits of a number: with and without the country code, and with what is dialled first.
    pub(super) fn written(&self, national: &[u8]) -> Vec<Vec<u8>> {
        let number = self.number(national);
        let lengths = |format| {
            let written = PHONE_NUMBER_UTIL.format(&number, format);
            let groups = written.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty());
            groups.map(|group| u8::try_from(group.len()).unwrap_or(u8::MAX)).collect::<Vec<_>>()
        };
        let (home, abroad) = (lengths(PhoneNumberFormat::National), lengths(PhoneNumberFormat::International));
        vec![home, abroad.get(1..).unwrap_or_default().to_vec(), abroad]
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
