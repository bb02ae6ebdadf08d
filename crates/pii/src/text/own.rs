//! The record's own number in a text, however it is written.
//!
//! The national digits are searched in the stream of digits. Up to three characters that are neither letter nor digit
//! may be between them, and any text around them. A number of at least seven digits also counts inside a longer row of
//! digits, such as a file name with date and number, because chance does not write it. A shorter number counts only if
//! a group begins and ends with it, and a number of less than five digits only after its country code.

use std::ops::Range;

use super::digits::{Group, Lookalike, Stretch};
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
            if let Some((start, phone)) = foreign_code(text, begins, written, numbers) {
                from = national + length;
                take(text, stretch, national..from, phone, found);
                if let Some((range, _)) = found.last_mut() {
                    range.start = start;
                }
                continue;
            }
            let first = self.beginning(stretch, national, from);
            if !self.counts(stretch, first, national) {
                from = national + 1;
                continue;
            }
            from = national + length;
            take(text, stretch, first..from, self.phone.clone(), found);
        }
    }

    /// Where the number begins with what was dialled before its national digits.
    fn beginning(&self, stretch: &Stretch, national: usize, from: usize) -> usize {
        let before = &stretch.digits[from..national];
        self.prefixes
            .iter()
            .filter(|prefix| before.ends_with(prefix))
            .map(|prefix| national - prefix.len())
            .find(|first| {
                let begins = group_starting(stretch, *first).is_some() || stretch.digits[*first..].starts_with(b"00");
                begins && joins(stretch, *first, national + 1)
            })
            .unwrap_or(national)
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
