//! The doubts about a reading where another one is as good: it takes a figure of its neighbour.
//!
//! A reading that nothing else competes with counts nevertheless. So each doubt weighs little more than a figure that is
//! left over.

use super::candidate::{Candidate, Start};
use super::cues::{ends_with_cue, leads};
use super::digits::{Group, Stretch};
use super::interrupted::ends_with_unit;
use super::lookalike::amounts::begins_with_money;

/// More than the figures cost that are left over beside a number.
const DOUBT: i64 = 10;

/// The digits of an area code without which a group is one of several pairs.
const PAIR: usize = 2;

/// Whether a figure numbers an item, and the next one begins what the item says: `1) 212`, `2. 415`.
pub(super) fn is_item(text: &str, figure: &Group, next: &Group) -> bool {
    let gap = &text[figure.end..next.start];
    gap.starts_with([')', '.']) && gap.contains(' ') && !text[..figure.start].ends_with('(')
}

impl Candidate {
    /// How much speaks against the reading.
    pub(super) fn doubts(&self, text: &str, stretch: &Stretch) -> i64 {
        let odd = if self.has_odd_signs(text, stretch) { 5 * DOUBT } else { 0 };
        let doubts = [
            self.begins_oddly(text, stretch),
            stretch.is_tail(text, self.first, self.last),
            self.is_cut_off(text, stretch),
            self.has_second_zero(stretch),
            self.is_counted_with(text, stretch),
        ];
        // It outweighs that a code belongs to the number behind it.
        let counted = if self.begins_with_item(text, stretch) { 4 * DOUBT } else { 0 };
        odd + counted + doubts.into_iter().filter(|doubt| *doubt).map(|_| DOUBT).sum::<i64>()
    }

    /// Whether the first gap has another sign than the rest: `22.30 98 76`, `(41) 98 76 54`, `412 601-526`.
    fn begins_oddly(&self, text: &str, stretch: &Stretch) -> bool {
        let groups = self.national_groups(stretch);
        let mut signs = groups.windows(PAIR).map(|pair| text[pair[0].end..pair[1].start].trim());
        let first = signs.next();
        signs.any(|sign| Some(sign) != first)
    }

    /// Whether the country code is rather the number of a line or of an item: `1) 212-555-1234`, `line 1 212-555-1234`.
    fn begins_with_item(&self, text: &str, stretch: &Stretch) -> bool {
        let (code, next) = (&stretch.groups[self.first], self.first + 1);
        if self.start != Start::Coded || code.to != self.national.start || next > self.last {
            return false;
        }
        let before = &text[..code.start];
        let is_apart = (next + 1..=self.last).any(|at| stretch.is_narrower(text, at, next..next + 1));
        let is_named = before.trim_end().ends_with(char::is_alphabetic) && !leads(before) && !ends_with_cue(before);
        is_item(text, code, &stretch.groups[next]) || is_apart && is_named
    }

    /// Whether the last figure continues behind the reading: `76 54 32 12.05`.
    fn is_cut_off(&self, text: &str, stretch: &Stretch) -> bool {
        stretch.is_narrower(text, self.last + 1, self.first + 1..self.last + 1)
    }

    /// Whether a long group with a zero follows the first one, as `08 070 123 45` has: another number begins there.
    fn has_second_zero(&self, stretch: &Stretch) -> bool {
        let second = self.national_groups(stretch).get(1);
        self.start == Start::Zero
            && second.is_some_and(|group| group.len() > PAIR && stretch.digits[group.from] == b'0')
    }

    /// Whether the word behind the reading says what its last figure counts: `76 54 32 41 år`.
    fn is_counted_with(&self, text: &str, stretch: &Stretch) -> bool {
        let after = &text[stretch.groups[self.last].end..];
        self.first < self.last && (begins_with_money(after) || ends_with_unit(after))
    }
}
