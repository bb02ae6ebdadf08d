//! The numbers of the contact centre itself.

use super::{IdentifierError, Phone, Pii, Region, digit};

/// The numbers of the house, which are never a customer's: the beginnings of numbers in E.164.
///
/// A whole number is a beginning, too, since the numbers that only go on behind it are extensions of the same house.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HouseNumbers(Vec<String>);

impl HouseNumbers {
    /// The fewest digits of a beginning: with fewer it would be half a country.
    const SHORTEST: usize = 5;

    /// House numbers that were read before.
    #[must_use]
    pub const fn stored(beginnings: Vec<String>) -> Self {
        Self(beginnings)
    }

    /// Reads a number or the beginning of some, with or without a `*` behind it, into its stored form. What begins with neither
    /// `+` nor `00` is a number of the region.
    pub fn beginning(raw: &str, region: Region) -> Result<String, IdentifierError> {
        let raw = raw.trim().trim_end_matches('*');
        let is_international = raw.starts_with('+') || raw.starts_with("00");
        if let Ok(number) = Phone::parse(raw, region) {
            return Ok(number.expose().as_str().to_owned());
        }
        let digits: String = raw.chars().filter_map(digit).collect();
        let digits = if raw.starts_with("00") { &digits[2..] } else { &digits };
        let is_one = is_international && (Self::SHORTEST..=15).contains(&digits.len()) && !digits.starts_with('0');
        let has_other = raw.chars().any(|c| c != '+' && digit(c).is_none() && !super::is_separator(c));
        if is_one && !has_other { Ok(format!("+{digits}")) } else { Err(IdentifierError::Phone) }
    }

    /// Whether a number is one of the house.
    #[must_use]
    pub fn contains(&self, number: &Pii<Phone>) -> bool {
        self.0.iter().any(|beginning| number.expose().as_str().starts_with(beginning.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_the_house_is_known_by_its_beginning() {
        let norway: Region = "NO".parse().unwrap();
        let read = |raw: &str| HouseNumbers::beginning(raw, norway);
        assert_eq!(read("22 33 44 55").as_deref(), Ok("+4722334455"));
        assert_eq!(read("004722 33 4*").as_deref(), Ok("+4722334"));
        assert_eq!(read("+46 8 123").as_deref(), Ok("+468123"));
        for raw in ["", "*", "+47*", "2233*", "+47 kari", "+00000000"] {
            assert!(read(raw).is_err(), "{raw}");
        }
        let house = HouseNumbers::stored(vec!["+4722334".to_owned(), "+4780012345".to_owned()]);
        let is_house = |raw: &str| house.contains(&Phone::parse(raw, norway).unwrap());
        assert!(is_house("22334455") && is_house("0047 22 33 45 00") && is_house("800 12 345"));
        assert!(!is_house("22 33 54 55") && !is_house("98765432"));
    }
}
