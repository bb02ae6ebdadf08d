//! The numbers in E.164 that runs of digits may be.

/// The fewest and the most digits of a number in E.164.
const LENGTHS: std::ops::RangeInclusive<usize> = 7..=15;

/// How many of the last misses are remembered, as a power of two: 512 KiB.
const MISSES_BITS: u32 = 16;

/// A number in E.164: a plus and its digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Number {
    bytes: [u8; 1 + *LENGTHS.end()],
    length: usize,
}

impl Number {
    /// A number of two parts. No calling code begins with a zero, and so no number does.
    fn of(parts: [&str; 2]) -> Option<Self> {
        let length = parts[0].len() + parts[1].len();
        if !LENGTHS.contains(&length) {
            return None;
        }
        let mut bytes = [b'+'; 1 + *LENGTHS.end()];
        let digits = parts[0].bytes().chain(parts[1].bytes());
        bytes.iter_mut().skip(1).zip(digits).for_each(|(place, digit)| *place = digit);
        (bytes[1] != b'0').then_some(Self { bytes, length: length + 1 })
    }

    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    /// Another number with the same beginning. Each number has its own, so that looking up the controls of all numbers is
    /// looking up as many control numbers as there are erased ones.
    pub fn control(&self) -> Option<Self> {
        let mut control = *self;
        let last = control.bytes.get_mut(self.length - 4..self.length)?;
        let value = last.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
        let mut value = (value * 7 + 4_271) % 10_000;
        for digit in last.iter_mut().rev() {
            *digit = b'0' + u8::try_from(value % 10).ok()?;
            value /= 10;
        }
        Some(control)
    }

    /// The digits as a number. It has at most 15 of them, and the first is no zero.
    fn value(&self) -> u64 {
        self.as_str().parse().unwrap_or_default()
    }
}

/// Gives the numbers that a run of digits may be, for a tenant with this calling code. Each is given once.
pub fn read(digits: &str, is_international: bool, calling_code: &str, take: &mut impl FnMut(&Number)) {
    let mut given: [Option<Number>; 4] = [None; 4];
    let mut add = |place: usize, parts: [&str; 2]| {
        let Some(number) = Number::of(parts).filter(|number| !given.contains(&Some(*number))) else { return };
        given[place] = Some(number);
        take(&number);
    };
    let without_trunk = |digits| str::strip_prefix(digits, calling_code)?.strip_prefix('0');
    let international = digits.strip_prefix("00").filter(|_| !is_international).unwrap_or(digits);
    add(0, ["", international]);
    if !calling_code.is_empty() {
        // A zero is often written behind the calling code: +46 (0)70 123 45 67.
        if let Some(rest) = without_trunk(international) {
            add(1, [calling_code, rest]);
        }
        if !is_international && !digits.starts_with("00") {
            add(2, [calling_code, digits]);
            if let Some(rest) = digits.strip_prefix('0') {
                add(3, [calling_code, rest]);
            }
        }
    }
}

/// Some of the last numbers that nobody has. Records of one moment have many digits in common, and a hash costs more than
/// a look into this table.
pub struct Misses(Vec<u64>);

impl Default for Misses {
    fn default() -> Self {
        Self(vec![0; 1 << MISSES_BITS])
    }
}

impl Misses {
    /// The place of a number, and its entry there. A whole number was looked up with its control.
    fn place(number: &Number, is_whole: bool) -> (usize, u64) {
        let entry = number.value() << 1 | u64::from(is_whole);
        let place = entry.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - MISSES_BITS);
        (usize::try_from(place).unwrap_or_default(), entry)
    }

    pub fn contain(&self, number: &Number, is_whole: bool) -> bool {
        let (place, entry) = Self::place(number, is_whole);
        self.0.get(place) == Some(&entry)
    }

    pub fn insert(&mut self, number: &Number, is_whole: bool) {
        let (place, entry) = Self::place(number, is_whole);
        if let Some(known) = self.0.get_mut(place) {
            *known = entry;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn readings(digits: &str, is_international: bool) -> Vec<String> {
        let mut readings = Vec::new();
        read(digits, is_international, "47", &mut |number| readings.push(number.as_str().to_owned()));
        readings
    }

    #[test]
    fn digits_are_read_as_national_and_as_international() {
        assert_eq!(readings("98765432", false), ["+98765432", "+4798765432"]);
        assert_eq!(readings("98765432", true), ["+98765432"]);
        assert_eq!(readings("004798765432", false), ["+4798765432"]);
        assert_eq!(readings("098765432", false), ["+47098765432", "+4798765432"]);
        assert_eq!(readings("47098765432", true), ["+47098765432", "+4798765432"]);
        assert_eq!(readings("1234567890123456", false), Vec::<String>::new());
        assert_eq!(readings("0000000", true), Vec::<String>::new());
    }

    #[test]
    fn a_control_number_differs_and_belongs_to_one_number_only() {
        let numbers = || (0..10_000).filter_map(|last| Number::of(["479876", &format!("{last:04}")]));
        let controls: HashSet<String> =
            numbers().filter_map(|number| Some(number.control()?.as_str().to_owned())).collect();
        assert_eq!(controls.len(), 10_000);
        assert!(numbers().all(|number| number.control() != Some(number)));
        assert!(controls.iter().all(|control| control.starts_with("+479876")));
    }

    #[test]
    fn a_miss_is_remembered_with_its_control_or_without() {
        let number = Number::of(["47", "98765432"]).unwrap();
        let mut misses = Misses::default();
        assert!(!misses.contain(&number, true));
        misses.insert(&number, true);
        assert!(misses.contain(&number, true) && !misses.contain(&number, false));
        assert!(!misses.contain(&Number::of(["47", "98765433"]).unwrap(), true));
    }
}
