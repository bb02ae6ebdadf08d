//! Other people's numbers in a row of groups: all readings of the row are weighed, and the best set of them counts.
//!
//! A reading begins and ends with a group. It weighs more the better its groups fit its country's habits: in one piece or
//! grouped as the country does, in groups of one size, in odd groups. A country code that is written with a `+` weighs most.
//! Figures that are left over weigh little, so that a number never takes its neighbour's digits along. A reading in odd
//! groups counts only where nothing is left over, and of long rows of equal groups only whole numbers one after another do.

use std::borrow::Cow;
use std::ops::Range;

use super::assigned::{Assigned, Memo, Shape, country_of};
use super::cues::{ends_with_cue, leads};
use super::digits::{Group, Lookalike, Stretch};
use super::lookalike::is_code;
use super::phone::{MOST, Numbers, with_bracket};
use super::weigh::{EqualRow, Fit, best};
use crate::{Phone, Pii};

/// The fewest digits of a national number that is not the record's own. Shorter ones are services, not callers.
const SHORTEST: usize = 6;

/// The most groups in which a country writes a number.
const MOST_GROUPS: usize = 6;

/// How a number begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// With a `+`.
    Plus,
    /// With what is dialled before a country code, so many digits.
    Abroad(usize),
    /// As it is dialled at home.
    Home,
    /// The same with the zero that is dialled first.
    Zero,
    /// The same with the region's own code.
    Coded,
    /// With a country code and nothing before it, which a label says.
    Labelled,
}

impl Start {
    const fn is_abroad(self) -> bool {
        matches!(self, Self::Plus | Self::Abroad(_))
    }
}

/// A reading of some groups.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub first: usize,
    pub last: usize,
    start: Start,
    pub(super) country: &'static Assigned,
    /// Digits of the stretch that are the national number.
    national: Range<usize>,
    /// `+47 (0) 22 33 44 55`: the group of the zero that is meant for callers at home.
    zero: Option<usize>,
    fit: Fit,
    has_odd_signs: bool,
}

impl Numbers {
    /// The numbers of a stretch that count, in its order.
    pub(super) fn in_row(&self, text: &str, stretch: &Stretch) -> Vec<Candidate> {
        let mut chosen = Vec::new();
        let mut first = 0;
        while first < stretch.groups.len() {
            let end = first + 1 + stretch.groups[first + 1..].iter().take_while(|group| group.gap.joins).count();
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
                if candidate.counts(stretch, &segment)
                    && row.allows(text, stretch, &segment, &candidate, self.memo())
                    && candidate.is_assigned(text, stretch, self.memo())
                    && !candidate.is_of_code(text, stretch)
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
        Phone::of_assigned(candidate.country.code(), &candidate.national(stretch), self.region())
    }

    /// Calls `each` for every reading that begins with a group.
    fn beginning_at(&self, text: &str, stretch: &Stretch, first: usize, mut each: impl FnMut(Candidate)) {
        let group = &stretch.groups[first];
        if group.lookalike >= Lookalike::Surely {
            return;
        }
        let digits = stretch.digits.get(group.from..(group.from + MOST).min(stretch.digits.len())).unwrap_or_default();
        let mut go = |walk: Walk| walk.go(text, stretch, first, &mut each);
        if group.gap.plus.is_some() {
            international(digits, Start::Plus, 0).map(go);
            return;
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
    fn at_home(&self, digits: &[u8], mut each: impl FnMut(Walk)) {
        let plan = self.plan();
        let Some(country) = Assigned::of(plan.calling_code) else { return };
        let has_zero = digits[0] == b'0';
        let start = if has_zero { Start::Zero } else { Start::Home };
        let walk = |skipped: usize, start: Start| Walk { start, country, skipped };
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

/// A way to read on from digits that begin with a country code.
fn international(digits: &[u8], start: Start, before: usize) -> Option<Walk> {
    let (country, length) = country_of(digits)?;
    Some(Walk { start, country, skipped: before + length })
}

/// A way to read on from the beginning of a group.
struct Walk {
    start: Start,
    country: &'static Assigned,
    /// Digits before the national number.
    skipped: usize,
}

impl Walk {
    /// Calls `each` for every group with which a number ends.
    fn go(&self, text: &str, stretch: &Stretch, first: usize, each: &mut impl FnMut(Candidate)) {
        self.read(text, stretch, first, None, each);
        if matches!(self.start, Start::Home | Start::Zero | Start::Coded) {
            return;
        }
        let zero = stretch.groups.iter().enumerate().skip(first + 1).take(4).find(|(_, group)| {
            stretch.digits[group.from..group.to] == *b"0" && text[..group.start].ends_with(['(', '[', '\u{FF08}'])
        });
        if let Some((zero, _)) = zero {
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
            if last > first && !group.gap.joins || group.lookalike > tolerated || group.to > begun + longest {
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
                    has_odd_signs: false,
                };
                candidate.fit = candidate.fit(text, stretch);
                each(candidate);
            }
        }
    }
}

impl Candidate {
    pub(super) fn is_abroad(&self) -> bool {
        self.start.is_abroad()
    }

    /// Whether what is written first leaves no doubt that a number begins.
    pub(super) fn is_strong(&self) -> bool {
        self.is_abroad() || matches!(self.start, Start::Zero | Start::Labelled)
    }

    /// The bytes of the text that the number takes.
    pub(super) fn range(&self, text: &str, stretch: &Stretch) -> Range<usize> {
        let (group, end) = (&stretch.groups[self.first], stretch.groups[self.last].end);
        let start = group.gap.plus.filter(|_| self.start == Start::Plus).unwrap_or(group.start);
        with_bracket(text, start, end)..end
    }

    /// The digits of each group, without what is dialled before a country code.
    fn shape(&self, stretch: &Stretch) -> Shape {
        let prefix = if let Start::Abroad(prefix) = self.start { prefix } else { 0 };
        let groups = (self.first..=self.last).filter(|at| Some(*at) != self.zero);
        let skipped = |at: usize| if at == self.first { prefix } else { 0 };
        let lengths = groups.map(|at| stretch.groups[at].len().saturating_sub(skipped(at)));
        Shape::of(lengths.filter(|length| *length > 0))
    }

    /// The groups that begin within the national number, or all where it begins within the first one.
    fn national_groups<'s>(&self, stretch: &'s Stretch) -> &'s [Group] {
        let groups = &stretch.groups[self.first..=self.last];
        let before = groups.iter().take_while(|group| group.to <= self.national.start).count();
        &groups[before..]
    }

    /// Whether its country has the number.
    fn is_assigned(&mut self, text: &str, stretch: &Stretch, memo: &Memo) -> bool {
        let national = self.national(stretch);
        if !self.country.has(&national, memo) {
            return false;
        }
        if self.is_foreign() && self.fit < Fit::Habit && self.country.written(&national).contains(&self.shape(stretch))
        {
            self.fit = Fit::Habit;
        }
        self.has_odd_signs = self.has_odd_signs(text, stretch);
        true
    }

    /// Whether it is written as a number of any country, whose habits are made out only when one of its numbers is found.
    fn is_foreign(&self) -> bool {
        self.is_abroad() || self.start == Start::Labelled
    }

    fn is_of_code(&self, text: &str, stretch: &Stretch) -> bool {
        let (start, end) = (stretch.groups[self.first].start, stretch.groups[self.last].end);
        self.start != Start::Plus && is_code(text, start, end)
    }

    fn national<'s>(&self, stretch: &'s Stretch) -> Cow<'s, [u8]> {
        if self.zero.is_none() {
            return Cow::Borrowed(&stretch.digits[self.national.clone()]);
        }
        let zero = self.zero.map(|zero| stretch.groups[zero].from);
        self.national.clone().filter(|at| Some(*at) != zero).map(|at| stretch.digits[at]).collect()
    }

    /// Whether two readings are the same number.
    pub(super) fn is_same(&self, other: &Self, stretch: &Stretch) -> bool {
        self.country.code() == other.country.code() && self.national(stretch) == other.national(stretch)
    }

    fn fit(&self, text: &str, stretch: &Stretch) -> Fit {
        let groups = self.national_groups(stretch);
        if groups.len() == 1 {
            return Fit::Habit;
        }
        let is_short = groups.len() <= MOST_GROUPS && !self.is_foreign();
        if self.zero.is_some() || is_short && self.country.has_shape(self.shape(stretch)) {
            return Fit::Habit;
        }
        let between = |pair: &[Group]| &text[pair[0].end..pair[1].start];
        let first = between(&groups[..2]);
        let is_same = |sign: &str| sign == first || sign.trim() == first.trim();
        if !groups.windows(2).all(|pair| pair[1].gap.joins && is_same(between(pair))) {
            return Fit::Mixed;
        }
        let size = groups[1].len();
        let is_even = groups.iter().all(|group| group.len() == size);
        match size {
            2..=4 if is_even => Fit::Even,
            _ if groups.iter().all(|group| (2..=4).contains(&group.len())) => Fit::Usual,
            _ => Fit::Odd,
        }
    }

    pub(super) fn weight(&self, segment: &Range<usize>) -> i64 {
        let digits = i64::try_from(self.national.len()).unwrap_or_default() * 10;
        let begins = match self.start {
            Start::Plus | Start::Abroad(_) => 5_000,
            Start::Coded => 20, // The code before a number belongs to it.
            Start::Labelled => -20,
            Start::Home | Start::Zero => 0,
        };
        // `0309 947 76 76` is a number, though `0309 947` is one as well.
        let is_whole = *segment == (self.first..self.last + 1) && (self.is_abroad() || self.start == Start::Zero);
        let whole = if is_whole && matches!(self.fit, Fit::Usual | Fit::Even) { 2_500 } else { 0 };
        self.fit.weight() + digits + begins + whole - if self.has_odd_signs { 50 } else { 0 }
    }

    /// Whether a bracket is closed that was not opened, or signs change that do not stand behind an area code.
    fn has_odd_signs(&self, text: &str, stretch: &Stretch) -> bool {
        let groups = self.national_groups(stretch);
        let between = |pair: &[Group]| &text[pair[0].end..pair[1].start];
        let mut signs = groups.windows(2).map(between);
        let is_open = || text[..groups[0].start].ends_with(['(', '[', '\u{FF08}']);
        let closes = signs.next().is_some_and(|sign| sign.contains([')', ']']) && !is_open());
        let rest: Vec<&str> = signs.collect();
        closes || rest.iter().any(|sign| sign.trim() != rest[0].trim())
    }

    /// Whether the reading may count where it is.
    fn counts(&self, stretch: &Stretch, segment: &Range<usize>) -> bool {
        let groups = &stretch.groups;
        let is_free = |at: usize| segment.contains(&at) && groups[at].lookalike == Lookalike::No;
        let is_alone = !(is_free(self.last + 1) || self.first > 0 && is_free(self.first - 1));
        let fits = match self.fit {
            Fit::Habit => true,
            Fit::Even => !self.is_counted(stretch, segment),
            Fit::Usual => is_alone || self.is_strong(),
            Fit::Odd => is_alone || self.is_digit_by_digit(stretch) && !self.is_counted(stretch, segment),
            Fit::Mixed => is_alone && (self.is_strong() || !self.has_points(stretch)),
        };
        self.is_abroad() || fits
    }

    fn is_digit_by_digit(&self, stretch: &Stretch) -> bool {
        stretch.groups[self.first..=self.last].iter().all(|group| group.len() == 1)
    }

    /// Whether points stand between some groups, but not between all of them: as in decimals.
    fn has_points(&self, stretch: &Stretch) -> bool {
        self.national_groups(stretch).iter().skip(1).any(|group| group.gap.sign == Some('.'))
    }

    /// Whether the groups grow by the same step, beyond the number too: somebody counts, or lists sizes.
    fn is_counted(&self, stretch: &Stretch, segment: &Range<usize>) -> bool {
        let value = |at: usize| {
            let group = &stretch.groups[at];
            let digits = &stretch.digits[group.from..group.to];
            digits.iter().take(4).fold(0_i32, |value, digit| value * 10 + i32::from(digit - b'0'))
        };
        let steps = |range: Range<usize>| {
            let mut values = range.clone().zip(range.skip(1)).map(|(one, next)| value(next) - value(one));
            let step = values.next();
            step > Some(0) && values.all(|other| Some(other) == step)
        };
        self.first > segment.start && steps(self.first - 1..self.last + 1)
            || self.last + 1 < segment.end && steps(self.first..self.last + 2)
    }
}
