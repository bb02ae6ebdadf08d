//! The record's own number in a text, however it is written.
//!
//! The national digits are searched in the stream of digits. Up to three characters that are neither letter nor digit
//! may be between them, and any text around them. A number of at least seven digits also counts inside a longer row of
//! digits, such as a file name with date and number, because chance does not write it. A shorter number counts only if
//! a group begins and ends with it, and a number of less than five digits only after its country code.

use std::ops::Range;

use super::digits::{Group, Lookalike, Stretch};
use super::doubts::is_item;
use super::elsewhere::foreign_code;
use super::numbers::{Numbers, OwnNumber, with_bracket};
use super::{Find, Found};
use crate::{Phone, Pii};

/// From so many national digits on, a number is found inside longer rows of digits.
const UNMISTAKABLE: usize = 7;
/// With fewer national digits, only its country code tells a number from any other figure.
const BARE: usize = 5;

impl OwnNumber {
    /// Whether digits have the national ones in them.
    pub(super) fn is_in(&self, digits: &[u8]) -> bool {
        !self.national.is_empty() && memchr::memmem::find(digits, &self.national).is_some()
    }

    /// Adds the places of the number in a stretch, and takes their groups out of it.
    pub(super) fn find(
        &self,
        text: &str,
        stretch: &mut Stretch,
        numbers: &Numbers,
        found: &mut Vec<(Range<usize>, Find)>,
    ) {
        let length = self.national.len();
        if length == 0 {
            return;
        }
        let mut from = 0;
        while let Some(at) =
            stretch.digits.get(from..).and_then(|rest| rest.windows(length).position(|w| w == self.national))
        {
            let national = from + at;
            if let Some((digits, phone)) = numbers.elsewhere(text, stretch, &(national..national + length)) {
                from = digits.end;
                take(text, stretch, digits, phone, found);
                continue;
            }
            let begins = start_byte(text, stretch, national);
            let written = std::str::from_utf8(&self.national).unwrap_or_default();
            if let Some((code, phone)) = foreign_code(text, begins, written, numbers) {
                from = national + length;
                take(text, stretch, national..from, phone, found);
                if let Some((range, find)) = found.pop() {
                    code.add(text, range, find, found);
                }
                continue;
            }
            let first = self.beginning(text, stretch, national, from, numbers);
            if !self.counts(stretch, first, national) {
                from = national + 1;
                continue;
            }
            from = national + length;
            take(text, stretch, first..from, self.phone.clone(), found);
            let prefix = &stretch.digits[first..national];
            let has_code = prefix.starts_with(&self.code) || prefix.starts_with(b"00");
            if let Some((range, _)) = found.last_mut().filter(|_| !has_code) {
                range.start += detached_plus(&text[range.clone()]);
            }
        }
    }

    /// Where the number begins with what was dialled before its national digits.
    fn beginning(&self, text: &str, stretch: &Stretch, national: usize, from: usize, numbers: &Numbers) -> usize {
        let before = &stretch.digits[from..national];
        let number = stretch.group_of(national);
        let is_one = |first: &usize| {
            joins(stretch, *first, national + 1)
                && self.is_dialled(text, stretch, *first, national)
                && !numbers.ends_before(text, stretch, stretch.group_of(*first), number)
        };
        let mut firsts = self.prefixes.iter().filter(|p| before.ends_with(p)).map(|p| national - p.len());
        firsts.find(is_one).unwrap_or(national)
    }

    /// Whether digits before the national ones are written as what is dialled first. They begin a figure, and a gap in
    /// them is before or behind the country code. `00` may be behind other digits in one figure with the number.
    fn is_dialled(&self, text: &str, stretch: &Stretch, first: usize, national: usize) -> bool {
        let (at, to) = (stretch.group_of(first), stretch.group_of(national));
        let (begun, number) = (&stretch.groups[at], &stretch.groups[to]);
        if begun.from != first {
            return at == to && stretch.digits[first..].starts_with(b"00");
        }
        if begun.gap.plus.is_some() || at == to {
            return true;
        }
        let prefix = &stretch.digits[first..national];
        let abroad =
            ["00", "011"].iter().find(|abroad| prefix.starts_with(abroad.as_bytes())).map_or(0, |one| one.len());
        let code = abroad + self.code.len();
        let is_border = |digit: usize| digit == first + abroad || digit == first + code;
        let is_single = number.len() == 1;
        let are_whole = stretch.groups[at + 1..=to].iter().all(|group| group.from >= national || is_border(group.from));
        // A zero behind a bare country code is said by itself: `10` is no way to dial the United States.
        let has_zero = abroad == 0 && prefix.len() > code && prefix.len() > 1;
        let is_apart = !has_zero || group_starting(stretch, first + code).is_some();
        let is_other = begun.lookalike >= Lookalike::Likely && number.lookalike < Lookalike::Likely;
        (is_single || are_whole && is_apart)
            && !is_other
            && !is_item(text, begun, &stretch.groups[at + 1])
            && !stretch.is_tail(text, at, to)
    }

    fn counts(&self, stretch: &Stretch, first: usize, national: usize) -> bool {
        let end = national + self.national.len();
        if self.national.len() >= UNMISTAKABLE {
            return true;
        }
        let touched = &stretch.groups[touched(stretch, first, end)];
        let whole = group_starting(stretch, first).is_some()
            && touched.last().is_some_and(|group| group.to == end)
            && joins(stretch, first, end);
        let begun = &stretch.digits[first..national];
        let after_plus = group_starting(stretch, first).is_some_and(|group| group.gap.plus.is_some());
        let abroad = begun.starts_with(b"00") || after_plus && begun.starts_with(&self.code);
        whole && (abroad || self.national.len() >= BARE && touched.iter().all(|g| g.lookalike <= Lookalike::Id))
    }
}

/// Adds a number and takes its groups out of the stretch.
fn take(
    text: &str,
    stretch: &mut Stretch,
    digits: Range<usize>,
    phone: Pii<Phone>,
    found: &mut Vec<(Range<usize>, Find)>,
) {
    let (start, end) = (start_byte(text, stretch, digits.start), end_byte(text, stretch, digits.end));
    found.push((with_bracket(text, start, end)..end, Find::Identifier(Found::Phone(phone))));
    let touched = touched(stretch, digits.start, digits.end);
    for group in &mut stretch.groups[touched] {
        group.lookalike = Lookalike::Taken;
    }
}

/// How long the `+` is that is between two numbers and belongs to none: `98765432 + 91234567`.
fn detached_plus(written: &str) -> usize {
    let rest = written.trim_start_matches(['+', '\u{FF0B}']);
    let number = rest.trim_start();
    if number.len() < rest.len() && rest.len() < written.len() { written.len() - number.len() } else { 0 }
}

/// The groups that digits belong to. A stretch may be as long as a text: never looked through from its beginning.
fn touched(stretch: &Stretch, from: usize, to: usize) -> Range<usize> {
    let first = stretch.group_of(from);
    first..first + stretch.groups[first..].iter().take_while(|group| group.from < to).count()
}

fn group_of(stretch: &Stretch, digit: usize) -> Option<&Group> {
    stretch.groups[touched(stretch, digit, digit + 1)].first()
}

fn group_starting(stretch: &Stretch, digit: usize) -> Option<&Group> {
    group_of(stretch, digit).filter(|group| group.from == digit)
}

/// Whether all gaps between two digits are such as spellings of a number have.
fn joins(stretch: &Stretch, from: usize, to: usize) -> bool {
    stretch.groups[touched(stretch, from, to)].iter().filter(|group| group.from > from).all(|group| group.gap.joins)
}

fn start_byte(text: &str, stretch: &Stretch, first: usize) -> usize {
    match group_of(stretch, first) {
        Some(group) if group.from == first => group.gap.plus.unwrap_or(group.start),
        Some(_) => stretch.place(text, first).start,
        None => 0,
    }
}

fn end_byte(text: &str, stretch: &Stretch, end: usize) -> usize {
    match group_of(stretch, end - 1) {
        Some(group) if group.to == end => group.end,
        Some(_) => stretch.place(text, end - 1).end,
        None => 0,
    }
}
