//! Decimals: amounts, scores, and coordinates, one by one or in a row.

use std::ops::RangeInclusive;

use super::digits::{Group, Lookalike, Stretch};
use super::lookalike::{number, set};
use super::numbers::SHORTEST;

/// The most groups behind a fraction that may go on with it.
const MOST_GROUPS: usize = 5;

/// The digits of a number behind its first two where no area code is.
const BEHIND: RangeInclusive<usize> = 6..=7;

/// Marks the groups of a decimal that begins with a group.
pub(super) fn mark(text: &str, stretch: &mut Stretch, first: usize) {
    mark_one(text, stretch, first);
    if is_in_row(text, stretch, first) {
        set(&mut stretch.groups[first..first + 2], Lookalike::Likely);
    }
}

/// `12345678.50`, `98765432,5`, `59.913868`, `1715500800.25`; but `030.1234567` and `98765432.91234567` are numbers.
fn mark_one(text: &str, stretch: &mut Stretch, first: usize) {
    let groups = &stretch.groups;
    let Some(next) = groups.get(first + 1) else { return };
    let between = &text[groups[first].end..next.start];
    let follows = groups.get(first + 2).is_some_and(|group| &text[next.end..group.start] == between);
    let precedes = first > 0 && &text[groups[first - 1].end..groups[first].start] == between;
    if follows || precedes || !matches!(between, "." | ",") {
        return;
    }
    let (whole, part) = (groups[first].len(), next.len());
    let whole_digits = &stretch.digits[groups[first].from..groups[first].to];
    let begins_with_zero = whole > 1 && whole_digits[0] == b'0';
    let is_decimal = !begins_with_zero
        && match part {
            1 | 2 => {
                whole >= 4
                    && !(between == "," && ends_number(stretch, first) && begins_number(text, stretch, first + 1))
            }
            3 => false,
            _ if whole_digits == b"0" => true,
            _ if between == "," => false,
            _ => whole <= 3 && number(whole_digits) <= 180 || whole == 10 && whole_digits[0] == b'1',
        };
    if is_decimal {
        set(&mut stretch.groups[first..first + 2], Lookalike::Likely);
    }
}

/// Whether a group and those that are joined to it have the digits of a number.
fn ends_number(stretch: &Stretch, at: usize) -> bool {
    let before = (1..=at).rev().take(MOST_GROUPS).take_while(|at| stretch.groups[*at].gap.joins);
    stretch.groups[at].len() + before.map(|at| stretch.groups[at - 1].len()).sum::<usize>() >= SHORTEST
}

/// Whether the two digits behind a comma begin a number, as in a row of a table: `31662338,20 30 40 50` and
/// `06-12345678,06-87654321`. Enough digits behind them are a figure by themselves: `98765432,50 22 33 44 55`.
fn begins_number(text: &str, stretch: &Stretch, at: usize) -> bool {
    let begun = &stretch.groups[at];
    let follows = |group: &&Group| group.gap.joins && group.gap.sign != Some('.');
    let behind = || stretch.groups[at + 1..].iter().take(MOST_GROUPS).take_while(follows);
    let rest = behind().map(Group::len).sum::<usize>();
    let is_usual =
        |group: &Group| group.gap.sign == Some(' ') && group.gap.width == 1 && (2..=4).contains(&group.len());
    let is_area = stretch.digits[begun.from] == b'0' && text[begun.end..].starts_with(['-', '/']);
    let is_number =
        if is_area { begun.len() + rest >= SHORTEST } else { BEHIND.contains(&rest) && behind().all(is_usual) };
    begun.len() == 2 && is_number
}

/// The groups of a decimal.
const PAIR: usize = 2;

/// Whether a decimal begins with a group, and another one is before or behind it: `91.43 87.21`. The signs alternate in such a row.
/// In a number, the same sign is between all groups.
fn is_in_row(text: &str, stretch: &Stretch, first: usize) -> bool {
    are_two(text, stretch, first) || first.checked_sub(PAIR).is_some_and(|before| are_two(text, stretch, before))
}

/// Whether two decimals begin with a group.
fn are_two(text: &str, stretch: &Stretch, first: usize) -> bool {
    let groups = &stretch.groups;
    if !is_pair(text, stretch, first) || !is_pair(text, stretch, first + PAIR) {
        return false;
    }
    let between = &text[groups[first + 1].end..groups[first + PAIR].start];
    let is_divided = matches!(between.trim(), "" | "/") || between.ends_with(" -");
    let sign = |at: usize| text.as_bytes()[groups[at].end];
    groups[first + PAIR].gap.joins && is_divided && sign(first) == sign(first + PAIR)
}

/// Whether two groups can be a decimal in a row of them.
fn is_pair(text: &str, stretch: &Stretch, first: usize) -> bool {
    let groups = &stretch.groups;
    let Some([whole, part]) = groups.get(first..first + PAIR) else { return false };
    let sign = &text[whole.end..part.start];
    let is_before = first.checked_sub(1).is_some_and(|before| &text[groups[before].end..whole.start] == sign);
    let is_behind = groups.get(first + PAIR).is_some_and(|next| &text[part.end..next.start] == sign);
    if !matches!(sign, "." | ",") || is_before || is_behind {
        return false;
    }
    let digits = &stretch.digits[whole.from..whole.to];
    match part.len() {
        1 | 2 => true,
        3 => digits.len() <= 3 && !begins_with_zero(stretch, first),
        _ => digits.len() <= 3 && number(digits) <= 180 && !begins_with_zero(stretch, first),
    }
}

fn begins_with_zero(stretch: &Stretch, at: usize) -> bool {
    let group = &stretch.groups[at];
    group.len() > 1 && stretch.digits[group.from] == b'0'
}
