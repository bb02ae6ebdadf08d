//! Other people's numbers in a row of groups: all readings of the row are weighed, and the best set of them counts.
//!
//! A reading begins and ends with a group. It weighs more the better its groups fit its country's habits: in one piece or
//! grouped as the country does, in groups of one size, in odd groups. A country code that is written with a `+` weighs most.
//! Figures that are left over weigh little, so that a number never takes its neighbour's digits along. A reading in odd
//! groups counts only where nothing is left over, and of long rows of equal groups only whole numbers one after another do.

use std::ops::Range;

use super::assigned::{Assigned, country_of};
use super::candidate::{Candidate, Fit, Start};
use super::cues::{ends_with_cue, leads};
use super::digits::{Group, Lookalike, Stretch};
use super::memo::Memo;
use super::numbers::{MOST, Numbers};
use super::weigh::{EqualRow, best};
use crate::{Phone, Pii};

/// The fewest digits of a national number that is not the record's own. Shorter ones are services, not callers.
const SHORTEST: usize = 6;

/// Groups before what may be dialled first that are looked at: no number has more.
const MOST_BEFORE: usize = 8;

impl Numbers {
    /// The numbers of a stretch that count, in its order.
    pub(super) fn in_row(&self, text: &str, stretch: &Stretch) -> Vec<Candidate> {
        let mut chosen = Vec::new();
        let mut first = 0;
        while first < stretch.groups.len() {
            let end = first + 1 + (first + 1..stretch.groups.len()).take_while(|at| stretch.joins(*at)).count();
            self.in_segment(text, stretch, first..end, &mut chosen);
            first = end;
        }
        chosen
    }

    fn in_segment(&self, text: &str, stretch: &Stretch, segment: Range<usize>, chosen: &mut Vec<Candidate>) {
        let mut found = Vec::new();
        let mut row = EqualRow::default();
        for at in segment.clone() {
            self.beginning_at(text, stretch, at, |mut candidate| {
                // A reading is dear: what cannot count anyway is not read.
                if candidate.last < segment.end
                    && candidate.counts(stretch, &segment)
                    && row.allows(text, stretch, &segment, &candidate)
                    && candidate.is_assigned(text, stretch, self.memo())
                    && !candidate.is_of_code(text, stretch)
                    && !candidate.begins_with_tail(text, stretch)
                {
                    found.push(candidate);
                }
            });
        }
        if !found.is_empty() {
            let leads = leads(&text[..stretch.groups[segment.start].start]);
            chosen.extend(best(&segment, &found, leads).into_iter().map(|at| found[at].clone()));
        }
    }

    /// Whether a number of somebody ends just before a group and begins before another one.
    pub(super) fn ends_before(&self, text: &str, stretch: &Stretch, until: usize, end: usize) -> bool {
        let joined = (1..=until).rev().take(MOST_BEFORE).take_while(|at| stretch.joins(*at)).count();
        let mut chosen = Vec::new();
        if joined > 0 && until < end && (until..end).all(|at| stretch.joins(at)) {
            self.in_segment(text, stretch, until - joined..end, &mut chosen);
        }
        chosen.last().is_some_and(|number| number.first < until && number.last + 1 == end)
    }

    /// The best reading that begins with a group: as its country groups such numbers, or with the group it began with, or the
    /// longest.
    pub(super) fn beginning(&self, text: &str, stretch: &Stretch, first: usize) -> Option<Candidate> {
        let mut all = Vec::new();
        self.beginning_at(text, stretch, first, |mut candidate| {
            if candidate.is_assigned(text, stretch, self.memo()) {
                all.push(candidate);
            }
        });
        if all.iter().any(Candidate::is_abroad) {
            all.retain(Candidate::is_abroad);
        }
        let habit = all.iter().position(|candidate| candidate.fit == Fit::Habit);
        let whole = || all.iter().position(|candidate| candidate.last == first);
        let at = habit.or_else(whole).unwrap_or(all.len().saturating_sub(1));
        (at < all.len()).then(|| all.swap_remove(at))
    }

    /// The number that a reading is, if its country really assigns it.
    pub(super) fn phone(&self, stretch: &Stretch, candidate: &Candidate) -> Option<Pii<Phone>> {
        let (code, national) = (candidate.country.code(), candidate.national(stretch));
        if candidate.country.keeps(&national) {
            return std::str::from_utf8(&national).ok().map(|national| Phone::stored(format!("+{code}{national}")));
        }
        let read = || Phone::of_assigned(code, &national, self.region());
        self.memo().phones.get(Memo::key(code, &national), read)
    }

    /// Calls `each` for every reading that begins with a group.
    fn beginning_at(&self, text: &str, stretch: &Stretch, first: usize, mut each: impl FnMut(Candidate)) {
        let group = &stretch.groups[first];
        if group.lookalike >= Lookalike::Surely {
            return;
        }
        let digits = stretch.digits.get(group.from..(group.from + MOST).min(stretch.digits.len())).unwrap_or_default();
        let mut go = |walk: RowWalk| walk.go(text, stretch, first, &mut each);
        if let Some(plus) = group.gap.plus {
            international(digits, Start::Plus, 0).map(&mut go);
            // A blank behind the sign may say that another number follows: `98765432 + 41234567`.
            if !text[plus..group.start].contains(char::is_whitespace) {
                return;
            }
        }
        let own = &digits[..group.len().min(digits.len())];
        for prefix in self.abroad().iter().filter(|prefix| own.starts_with(prefix.as_bytes())) {
            international(&digits[prefix.len()..], Start::Abroad(prefix.len()), prefix.len()).map(&mut go);
        }
        if group.lookalike > Lookalike::No {
            return;
        }
        self.at_home(digits, &mut go);
        if matches!(group.len(), 1..=3 | 9..) && ends_with_cue(&text[..group.start]) {
            let labelled = international(digits, Start::Labelled, 0);
            labelled.filter(|walk| group.len() > 3 || walk.skipped == group.len()).map(go);
        }
    }

    /// Calls `each` for every way in which digits may begin a number of the region.
    fn at_home(&self, digits: &[u8], mut each: impl FnMut(RowWalk)) {
        let plan = self.plan();
        let Some(country) = Assigned::of(plan.calling_code) else { return };
        let has_zero = digits[0] == b'0';
        let start = if has_zero { Start::Zero } else { Start::Home };
        let walk = |skipped: usize, start: Start| RowWalk { start, country, skipped };
        let trunk = plan.trunk.as_bytes();
        if !trunk.is_empty() && digits.starts_with(trunk) {
            each(walk(trunk.len(), start));
        }
        if !plan.needs_zero || has_zero {
            each(walk(0, start));
        }
        if digits.starts_with(plan.code.as_bytes()) {
            each(walk(plan.code.len(), Start::Coded));
        }
    }
}

/// The group of a zero that is meant for callers at home, behind a group with a country code: `+47 (0) 22 33 44 55`.
pub(super) fn bracketed_zero(text: &str, stretch: &Stretch, first: usize) -> Option<usize> {
    let mut near = stretch.groups.iter().enumerate().skip(first + 1).take(4);
    let is_one = |group: &Group| {
        stretch.digits[group.from..group.to] == *b"0" && text[..group.start].ends_with(['(', '[', '\u{FF08}'])
    };
    near.find(|(_, group)| is_one(group)).map(|(at, _)| at)
}

/// A way to read on from digits that begin with a country code.
fn international(digits: &[u8], start: Start, before: usize) -> Option<RowWalk> {
    let (country, length) = country_of(digits)?;
    Some(RowWalk { start, country, skipped: before + length })
}

/// A way to read on from the beginning of a group.
struct RowWalk {
    start: Start,
    country: &'static Assigned,
    /// Digits before the national number.
    skipped: usize,
}

impl RowWalk {
    /// Calls `each` for every group with which a number ends.
    fn go(&self, text: &str, stretch: &Stretch, first: usize, each: &mut impl FnMut(Candidate)) {
        self.read(text, stretch, first, None, each);
        if matches!(self.start, Start::Home | Start::Zero) {
            return;
        }
        if let Some(zero) = bracketed_zero(text, stretch, first) {
            self.read(text, stretch, first, Some(zero), each);
        }
    }

    fn read(&self, text: &str, stretch: &Stretch, first: usize, zero: Option<usize>, each: &mut impl FnMut(Candidate)) {
        let begun = stretch.groups[first].from + self.skipped;
        let longest = self.country.longest() + usize::from(zero.is_some());
        let tolerated = if self.start.is_abroad() { Lookalike::Likely } else { Lookalike::No };
        for (last, group) in stretch.groups.iter().enumerate().skip(first) {
            #[cfg(test)]
            crate::work::count_steps(1);
            if last > first && !stretch.joins(last) || group.lookalike > tolerated || group.to > begun + longest {
                return;
            }
            let digits =
                (group.to.saturating_sub(begun)).saturating_sub(usize::from(zero.is_some_and(|zero| zero <= last)));
            if Some(last) != zero && digits >= SHORTEST && self.country.has_length(digits) {
                let mut candidate = Candidate {
                    first,
                    last,
                    start: self.start,
                    country: self.country,
                    national: begun..group.to,
                    zero,
                    fit: Fit::Habit,
                    doubts: 0,
                };
                candidate.fit = candidate.fit(text, stretch);
                each(candidate);
            }
        }
    }
}
