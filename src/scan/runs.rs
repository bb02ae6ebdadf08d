//! The runs of digits of a text.
//!
//! A *group* is a run of digits without anything between them. Groups with small separators between them form a run. A
//! candidate begins and ends at borders of groups. A window inside a group is no candidate: among enough numbers it
//! equals one by chance, so it is only counted.

use super::projection::{ScanCandidate, email};

/// The fewest digits of a number.
pub const FEWEST: usize = 7;

/// The most digits of a number with the two zeros that may be before it.
const MOST: usize = 17;

/// The most characters between two groups of one number.
const SEPARATOR: usize = 4;

/// The longest group in which windows are counted. A longer one is a hash or a counter.
const LONGEST_GROUP: usize = MOST;

/// The longest word that means a digit, in bytes.
const LONGEST_SPOKEN: usize = 6;

/// The runs of digits of a text, while it is read.
#[derive(Default)]
pub struct Runs {
    digits: String,
    /// For each group the position in the text, its first digit, and whether a plus is before it.
    groups: Vec<DigitGroup>,
    /// The characters since the last digit.
    between: usize,
    has_plus: bool,
}

#[derive(Clone, Copy)]
struct DigitGroup {
    at: usize,
    first: usize,
    has_plus: bool,
}

impl Runs {
    pub fn digit(&mut self, at: usize, digit: char) {
        if self.groups.is_empty() || self.between > 0 {
            self.groups.push(DigitGroup { at, first: self.digits.len(), has_plus: self.has_plus });
        }
        self.digits.push(digit);
        (self.between, self.has_plus) = (0, false);
    }

    pub fn separator(&mut self, sign: char, take: &mut impl FnMut(usize, ScanCandidate<'_>)) {
        self.between += 1;
        self.has_plus = sign == '+';
        if self.between > SEPARATOR {
            self.end(take);
        }
    }

    /// Reads a word or a sign that is not ASCII. Returns the position after it.
    pub fn word_or_sign(&mut self, text: &str, at: usize, take: &mut impl FnMut(usize, ScanCandidate<'_>)) -> usize {
        let rest = &text[at..];
        let Some(first) = rest.chars().next() else { return text.len() };
        if let Some(folded) = folded(first) {
            match folded {
                '@' => email(text, at, first.len_utf8(), take),
                digit if digit.is_ascii_digit() => {
                    self.digit(at, digit);
                    return at + first.len_utf8();
                }
                _ => {}
            }
            self.separator(folded, take);
            return at + first.len_utf8();
        }
        if !first.is_alphabetic() {
            self.separator(first, take);
            return at + first.len_utf8();
        }
        let length = word(rest);
        match spoken(&rest[..length]) {
            Some(digit) => {
                // A spoken digit is a group of its own.
                self.between = self.between.max(1);
                self.digit(at, digit);
                self.between = 1;
            }
            None => self.end(take),
        }
        at + length
    }

    /// Ends the run and gives its candidates.
    pub fn end(&mut self, take: &mut impl FnMut(usize, ScanCandidate<'_>)) {
        if self.digits.len() >= FEWEST {
            for (no, group) in self.groups.iter().enumerate() {
                for last in no..self.groups.len() {
                    let end = self.groups.get(last + 1).map_or(self.digits.len(), |next| next.first);
                    let length = end - group.first;
                    if length > MOST {
                        break;
                    }
                    if length >= FEWEST {
                        let digits = &self.digits[group.first..end];
                        let is_international = group.has_plus;
                        take(group.at, ScanCandidate::Digits { digits, is_international, is_whole: true });
                    }
                }
                self.windows(no, *group, take);
            }
        }
        self.digits.clear();
        self.groups.clear();
        (self.between, self.has_plus) = (0, false);
    }

    /// The windows inside a group.
    fn windows(&self, no: usize, group: DigitGroup, take: &mut impl FnMut(usize, ScanCandidate<'_>)) {
        let end = self.groups.get(no + 1).map_or(self.digits.len(), |next| next.first);
        let whole = &self.digits[group.first..end];
        if whole.len() > LONGEST_GROUP {
            return;
        }
        for length in FEWEST + 1..whole.len() {
            for start in 0..=whole.len() - length {
                let digits = &whole[start..start + length];
                take(group.at, ScanCandidate::Digits { digits, is_international: false, is_whole: false });
            }
        }
    }
}

/// The ASCII sign that a sign of another width or script means.
fn folded(sign: char) -> Option<char> {
    let digit = |zero: u32| char::from_digit(u32::from(sign) - zero, 10);
    match sign {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(sign) - 0xff01 + 0x21).filter(|c| !c.is_ascii_alphabetic()),
        '\u{0660}'..='\u{0669}' => digit(0x0660),
        '\u{06f0}'..='\u{06f9}' => digit(0x06f0),
        _ => None,
    }
}

/// The length of the word at the beginning of a text. Most words are ASCII, whose letters need no table.
fn word(text: &str) -> usize {
    let length = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    if text.as_bytes().get(length).is_none_or(u8::is_ascii) {
        return length;
    }
    text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len())
}

/// The digit that a word means in English, Swedish, Norwegian, or Danish.
fn spoken(word: &str) -> Option<char> {
    if !(2..=LONGEST_SPOKEN).contains(&word.len()) {
        return None;
    }
    if !word.is_ascii() {
        return digit_of(&word.to_lowercase());
    }
    // Most words begin with another letter.
    if !word.bytes().next().is_some_and(|first| b"zonetfs".contains(&first.to_ascii_lowercase())) {
        return None;
    }
    let mut small = [0; LONGEST_SPOKEN];
    let small = small.get_mut(..word.len())?;
    small.copy_from_slice(word.as_bytes());
    small.make_ascii_lowercase();
    digit_of(str::from_utf8(small).ok()?)
}

fn digit_of(word: &str) -> Option<char> {
    Some(match word {
        "zero" | "oh" | "noll" | "null" | "nul" => '0',
        "one" | "en" | "ett" | "et" | "én" | "ein" => '1',
        "two" | "två" | "to" => '2',
        "three" | "tre" => '3',
        "four" | "fyra" | "fire" => '4',
        "five" | "fem" => '5',
        "six" | "sex" | "seks" => '6',
        "seven" | "sju" | "syv" => '7',
        "eight" | "åtta" | "åtte" | "otte" => '8',
        "nine" | "nio" | "ni" => '9',
        _ => return None,
    })
}
