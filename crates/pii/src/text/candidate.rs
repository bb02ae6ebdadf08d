//! A reading of some groups as a number, and how well it fits.

use std::borrow::Cow;
use std::ops::Range;

use super::assigned::{Assigned, DigitShape};
use super::digits::{Group, Lookalike, Stretch};
use super::lookalike::is_code;
use super::lookalike::versions::is_point;
use super::memo::Memo;
use super::numbers::with_bracket;

/// How well groups fit their country's habits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// With several signs between them.
    Mixed,
    Odd,
    /// Groups of two to four digits.
    Usual,
    /// Groups of one size.
    Even,
    /// One group, or grouped as the country does.
    Habit,
}

impl Fit {
    pub(super) const fn weight(self) -> i64 {
        match self {
            Self::Mixed => 500,
            Self::Odd => 1_000,
            Self::Usual => 2_000,
            Self::Even => 3_000,
            Self::Habit => 4_000,
        }
    }
}

/// The most groups in which a country writes a number.
const MOST_GROUPS: usize = 6;

/// Figures beside a number on one side from which on all of them are a row.
const MOST_BESIDE: usize = 2;

/// How a number begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
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
    pub(super) const fn is_abroad(self) -> bool {
        matches!(self, Self::Plus | Self::Abroad(_))
    }
}

/// A reading of some groups.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub first: usize,
    pub last: usize,
    pub(super) start: Start,
    pub(super) country: &'static Assigned,
    /// Digits of the stretch that are the national number.
    pub(super) national: Range<usize>,
    /// `+47 (0) 22 33 44 55`: the group of the zero that is meant for callers at home.
    pub(super) zero: Option<usize>,
    pub(super) fit: Fit,
    /// The weight of the doubts about it. It counts where other readings compete.
    pub(super) doubts: i64,
}

/// Whether an area code and all the rest are two groups with a sign between them: `070-1740605`, `0351/234567`.
fn is_area_and_rest(groups: &[Group]) -> bool {
    matches!(groups, [area, rest] if (2..=5).contains(&area.len()) && matches!(rest.gap.sign, Some('-' | '/')))
}

/// Whether all groups have one size, and the last one is a single digit.
fn is_even_but_last(groups: &[Group], size: usize) -> bool {
    groups.split_last().is_some_and(|(last, rest)| last.len() == 1 && rest.iter().all(|group| group.len() == size))
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
    pub(super) fn shape(&self, stretch: &Stretch) -> DigitShape {
        let prefix = if let Start::Abroad(prefix) = self.start { prefix } else { 0 };
        let groups = (self.first..=self.last).filter(|at| Some(*at) != self.zero);
        let skipped = |at: usize| if at == self.first { prefix } else { 0 };
        let lengths = groups.map(|at| stretch.groups[at].len().saturating_sub(skipped(at)));
        DigitShape::of(lengths.filter(|length| *length > 0))
    }

    /// The groups that begin within the national number, or all where it begins within the first one.
    pub(super) fn national_groups<'s>(&self, stretch: &'s Stretch) -> &'s [Group] {
        let groups = &stretch.groups[self.first..=self.last];
        let before = groups.iter().take_while(|group| group.to <= self.national.start).count();
        &groups[before..]
    }

    /// Whether its country has the number.
    pub(super) fn is_assigned(&mut self, text: &str, stretch: &Stretch, memo: &Memo) -> bool {
        let national = self.national(stretch);
        if !self.country.has(&national) {
            return false;
        }
        if self.is_foreign() && self.fit < Fit::Habit {
            let key = Memo::key(self.country.code(), &national);
            let written = memo.written.get(key, || self.country.written(&national));
            if written.contains(&self.shape(stretch)) {
                self.fit = Fit::Habit;
            }
        }
        self.doubts = self.doubts(text, stretch);
        true
    }

    /// Whether it is written as a number of any country, whose habits are made out only when one of its numbers is
    /// found.
    pub(super) fn is_foreign(&self) -> bool {
        self.is_abroad() || self.start == Start::Labelled
    }

    pub(super) fn is_of_code(&self, text: &str, stretch: &Stretch) -> bool {
        let (start, end) = (stretch.groups[self.first].start, stretch.groups[self.last].end);
        self.start != Start::Plus && is_code(text, start, end)
    }

    /// Whether what is dialled before the national number is the end of the figure before it: `22 33 00 45 / 22 33 44 55`.
    pub(super) fn begins_with_tail(&self, text: &str, stretch: &Stretch) -> bool {
        let national = stretch.group_of(self.national.start);
        matches!(self.start, Start::Abroad(_) | Start::Coded) && stretch.is_tail(text, self.first, national)
    }

    pub(super) fn national<'s>(&self, stretch: &'s Stretch) -> Cow<'s, [u8]> {
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

    pub(super) fn fit(&self, text: &str, stretch: &Stretch) -> Fit {
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
        if self.start == Start::Zero && is_area_and_rest(groups) {
            // The rest alone may be another number: `070-0202866`.
            let is_habit = groups[1].gap.sign == Some('-') && groups.len() == self.last + 1 - self.first;
            return if is_habit { Fit::Habit } else { Fit::Usual };
        }
        let size = groups[1].len();
        let is_even = groups.iter().all(|group| group.len() == size);
        match size {
            2..=4 if is_even => Fit::Even,
            _ if groups.iter().all(|group| (2..=4).contains(&group.len())) => Fit::Usual,
            // The last figure of a number that is read in pairs is alone where its length is odd.
            2..=4 if self.start == Start::Zero && is_even_but_last(groups, size) => Fit::Usual,
            _ => Fit::Odd,
        }
    }

    pub(super) fn weight(&self, segment: &Range<usize>) -> i64 {
        let digits = i64::try_from(self.national.len()).unwrap_or_default() * 10;
        let begins = match self.start {
            // In `98 76 00 47 91 23 45 67`, two whole numbers are more than one that is dialled abroad.
            Start::Abroad(_) if self.first > segment.start => 2_500,
            Start::Plus | Start::Abroad(_) => 5_000,
            Start::Coded => 20, // The code before a number belongs to it.
            Start::Labelled => -20,
            Start::Home | Start::Zero => 0,
        };
        // `0309 947 76 76` is a number, though `0309 947` is one as well.
        let is_whole = *segment == (self.first..self.last + 1) && (self.is_abroad() || self.start == Start::Zero);
        let whole = if is_whole && matches!(self.fit, Fit::Usual | Fit::Even) { 2_500 } else { 0 };
        self.fit.weight() + digits + begins + whole - self.doubts
    }

    /// Whether a bracket is closed that was not opened, or signs change that do not stand behind an area code.
    pub(super) fn has_odd_signs(&self, text: &str, stretch: &Stretch) -> bool {
        let groups = self.national_groups(stretch);
        let between = |pair: &[Group]| &text[pair[0].end..pair[1].start];
        let mut signs = groups.windows(2).map(between);
        let is_open = || text[..groups[0].start].ends_with(['(', '[', '\u{FF08}']);
        let closes = signs.next().is_some_and(|sign| sign.contains([')', ']']) && !is_open());
        let rest: Vec<&str> = signs.collect();
        closes || rest.iter().any(|sign| sign.trim() != rest[0].trim())
    }

    /// Whether the reading may count where it is.
    pub(super) fn counts(&self, stretch: &Stretch, segment: &Range<usize>) -> bool {
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
        self.is_abroad() || fits && !self.is_part_of_points(stretch, segment)
    }

    pub(super) fn is_digit_by_digit(&self, stretch: &Stretch) -> bool {
        stretch.groups[self.first..=self.last].iter().all(|group| group.len() == 1)
    }

    /// Whether points stand between some groups, but not between all of them: as in decimals.
    pub(super) fn has_points(&self, stretch: &Stretch) -> bool {
        self.national_groups(stretch).iter().skip(1).any(|group| group.gap.sign == Some('.'))
    }

    /// Whether the reading leaves a part of a row with points over, or has points where its country has none:
    /// `1.08.2345.67` and `6.21.10918` are versions. Pairs may stand behind the number of a line, as in
    /// `1.98.76.54.32`.
    fn is_part_of_points(&self, stretch: &Stretch, segment: &Range<usize>) -> bool {
        let groups = &stretch.groups[self.first..=self.last];
        let has_points = groups.len() > 1 && groups[1..].iter().all(|group| is_point(&group.gap));
        let goes_on = self.first > segment.start && is_point(&groups[0].gap);
        let is_odd = groups.len() > 2 && self.fit < Fit::Even && !self.is_strong();
        has_points && (is_odd || goes_on && groups.iter().any(|group| group.len() != 2))
    }

    /// Whether the groups are some of a longer row of figures in their order: `4 12 23 34 41 45 48` are drawn in a
    /// lottery.
    pub(super) fn is_in_growing_row(&self, stretch: &Stretch, segment: &Range<usize>) -> bool {
        let value = |at: usize| {
            let group = &stretch.groups[at];
            let digits = &stretch.digits[group.from..group.to];
            (digits.len() <= 2).then(|| digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0')))
        };
        let grows = |at: usize| value(at).zip(value(at + 1)).is_some_and(|(one, next)| one < next);
        // In `12-14 48 52 71 85`, two rows are beside each other.
        let sign = stretch.groups.get(self.first + 1).and_then(|group| group.gap.sign);
        let goes_on = |at: &usize| grows(*at) && stretch.groups[at + 1].gap.sign == sign;
        let before = (segment.start..self.first).rev().take_while(goes_on).count();
        let behind = (self.last..segment.end.saturating_sub(1)).take_while(goes_on).count();
        let is_longer = before > 0 && behind > 0 || before + behind >= MOST_BESIDE;
        is_longer && !self.is_strong() && (self.first..self.last).all(grows)
    }

    /// Whether the groups grow by the same step, beyond the number too: somebody counts, or lists sizes.
    pub(super) fn is_counted(&self, stretch: &Stretch, segment: &Range<usize>) -> bool {
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
