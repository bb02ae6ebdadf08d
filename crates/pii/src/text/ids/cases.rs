//! The numbers of cases, which have a year and a serial number with a sign between them: `sak 2024/98765432`,
//! `dnr 24-98765432`, `98765432/2024`.
//!
//! Behind the word of a thing, any such sign counts, and a year of two digits. Without a word, only a whole year and a
//! slash tell a case from an area code and the rest of a number.

use super::things;
use crate::text::cues::ends_with_cue;
use crate::text::digits::{Gap, Group, Lookalike, Stretch};
use crate::text::lookalike::number;

/// The fewest digits of a serial number that could be a phone number.
const SHORTEST: usize = 5;

/// The last group of the number of a case that begins with a group.
pub(super) fn end(near: &str, stretch: &Stretch, first: usize) -> Option<usize> {
    let Some([one, other]) = stretch.groups.get(first..first + 2) else { return None };
    let is_open = |group: &Group| group.lookalike == Lookalike::No && group.gap.plus.is_none();
    let goes_on =
        stretch.groups.get(first + 2).is_some_and(|next| is_tight(&next.gap) && next.gap.sign == other.gap.sign);
    let began = first > 0 && is_tight(&one.gap);
    if !is_tight(&other.gap) || goes_on || began || !is_open(one) || !is_open(other) {
        return None;
    }
    let (year, serial) = if one.len() < other.len() { (one, other) } else { (other, one) };
    let digits = &stretch.digits[year.from..year.to];
    let is_year = digits.len() == 4 && (1900..=2099).contains(&number(digits));
    if serial.len() < SHORTEST {
        return None;
    }
    let is_case = is_year && other.gap.sign == Some('/') && !ends_with_cue(near)
        || (is_year || digits.len() == 2) && things::names(near);
    is_case.then_some(first + 1)
}

fn is_tight(gap: &Gap) -> bool {
    gap.width == 1 && matches!(gap.sign, Some('/' | '-' | ':' | '.' | '\u{2013}'))
}
