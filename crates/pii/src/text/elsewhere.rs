//! Numbers of other countries that have the own number's digits: `+45 98 76 54 32` is somebody else than
//! `+47 98 76 54 32`, and must neither be shown nor forgotten as them.
//!
//! A number with a `+`, or with the prefix that the region dials abroad, names a country. So does a country code in the same group as
//! the own digits, `4598765432`: telephony systems and links write numbers so. `45 98765432` may as well be an own number behind
//! a figure, and then counts as the own number.

use std::ops::Range;

use super::Find;
use super::assigned::country_of;
use super::cues::ends_with_cue;
use super::digits::{Group, Lookalike, Stretch, looseness};
use super::fillers::is_said_between;
use super::memo::Memo;
use super::numbers::{MOST, Numbers};
use super::plan::LONGEST;
use super::rows::bracketed_zero;
use crate::{Phone, Pii, digit, is_separator};

/// The most digits that may be a number. More are no key of what is remembered.
const MOST_DIGITS: usize = 17;

/// A number, and where its digits lie in the stretch's digits.
pub(super) type Elsewhere = (Range<usize>, Pii<Phone>);

impl Numbers {
    /// The other number that digits of the own number belong to, if they belong to one.
    pub(super) fn elsewhere(&self, text: &str, stretch: &Stretch, own: &Range<usize>) -> Option<Elsewhere> {
        let Some((first, prefix)) = self.dialled_before(text, stretch, own) else {
            return self.behind_bare_code(text, stretch, own);
        };
        if self.is_dialled(text, stretch, first, own) {
            return None;
        }
        let begun = &stretch.groups[first];
        if let Some((last, phone)) = self.number_at(text, stretch, first)
            && stretch.groups[last].to >= own.end
        {
            return (!self.is_own(&phone)).then(|| (begun.from..stretch.groups[last].to, phone));
        }
        // A number that its country may have, though it has not: the code in it was written on purpose.
        let (phone, national) = self.possible(stretch.digits.get(begun.from + prefix..own.end)?)?;
        let is_other = !self.is_own(&phone) && national.as_bytes() == &stretch.digits[own.clone()];
        is_other.then_some((begun.from..own.end, phone))
    }

    /// Whether the own number is behind a `+`, and is as long as the numbers of its country can be: then it is no part of
    /// another one.
    fn is_dialled(&self, text: &str, stretch: &Stretch, first: usize, own: &Range<usize>) -> bool {
        let Some(code) = self.own().map(|number| &number.code) else { return false };
        let begun = &stretch.groups[first];
        let country = country_of(code).filter(|(_, length)| *length == code.len());
        begun.gap.plus.is_some()
            && stretch.digits[begun.from..own.start] == code[..]
            && country.is_some_and(|(country, _)| country.longest() == own.len())
            && bracketed_zero(text, stretch, first).is_none()
    }

    /// The number that digits behind a `+` may be, and its national digits.
    fn possible(&self, digits: &[u8]) -> Option<(Pii<Phone>, String)> {
        if digits.len() > MOST_DIGITS {
            return None;
        }
        self.memo().possible.get(Memo::key(0, digits), || {
            let dialled = format!("+{}", std::str::from_utf8(digits).ok()?);
            let phone = Phone::parse(&dialled, self.region()).ok()?;
            let national = phone.expose().national();
            Some((phone, national))
        })
    }

    /// The number of another country whose code is before the own digits in the same group. It is valid, or a label says that it is
    /// a number.
    fn behind_bare_code(&self, text: &str, stretch: &Stretch, own: &Range<usize>) -> Option<Elsewhere> {
        let group = stretch.groups.get(stretch.group_of(own.start))?;
        if group.from == own.start || group.to != own.end || group.lookalike > Lookalike::Id {
            return None;
        }
        let digits = stretch.digits.get(group.from..group.to).filter(|digits| digits.len() <= LONGEST)?;
        let (_, code) = country_of(digits)?;
        if self.own().is_some_and(|own| own.code == digits[..code]) {
            return None;
        }
        let possible = || {
            let is_whole = group.from + code == own.start && ends_with_cue(&text[..group.start]);
            is_whole.then(|| self.possible(digits)).flatten().map(|(phone, _)| phone)
        };
        let phone = self.bare_international(digits).or_else(possible)?;
        Some((group.from..group.to, phone))
    }

    /// The group with which a number begins that is dialled abroad and may have the own digits in it, and how many of its
    /// digits are dialled before the country code.
    fn dialled_before(&self, text: &str, stretch: &Stretch, own: &Range<usize>) -> Option<(usize, usize)> {
        let begun = stretch.group_of(own.start);
        let mut at = begun;
        loop {
            let group = stretch.groups.get(at)?;
            if own.end - group.from > MOST {
                return None;
            }
            if group.gap.plus.is_some() {
                return Some((at, 0));
            }
            let digits = &stretch.digits[group.from..group.to];
            let abroad = self.abroad().iter().find(|prefix| digits.starts_with(prefix.as_bytes()));
            let is_others = || stretch.is_tail(text, at, begun) || self.ends_before(text, stretch, at, begun);
            if let Some(abroad) = abroad.filter(|_| begins_number(group) && !is_others()) {
                return Some((at, abroad.len()));
            }
            if !group.gap.joins {
                return None;
            }
            at = at.checked_sub(1)?;
        }
    }
}

/// Whether a number may begin with the group: the `00` of `10:00:46` and of `10-00-46` is no dialling.
fn begins_number(group: &Group) -> bool {
    let goes_on = group.gap.width > 0 && group.gap.joins && group.gap.sign.is_some_and(|sign| sign != ' ');
    group.lookalike == Lookalike::No && !goes_on
}

/// Whether digits are joined to the text before them rather than to what is behind them: the `0086` of
/// `6014 0086 / 40 89 93 37` is no country code. An annotation behind it does not divide it from the number.
fn ends_figure(before: &str, behind: &str) -> bool {
    let figure = before.trim_end_matches(is_separator);
    let follows_digits = figure.ends_with(|c: char| digit(c).is_some());
    follows_digits && !behind.contains(['(', '[']) && looseness(&before[figure.len()..]) < looseness(behind)
}

/// Bytes that may lie between a country code and the number, without the times of lines: `+45 (mobil) 98 76 54 32`.
const WIDEST_GAP: usize = 24;
/// The most times of lines between both, and the longest of them.
const MOST_TIMES: usize = 3;
const LONGEST_TIME: usize = 12;

/// A country code that is written before a number with something between both that no spelling of a number has.
pub(super) struct CodeApart {
    pub range: Range<usize>,
    code: String,
}

/// The number of another country whose code is written before the own national digits with something between them that no
/// spelling of a number has, and where its code is.
pub(super) fn foreign_code(
    text: &str,
    start: usize,
    national: &str,
    numbers: &Numbers,
) -> Option<(CodeApart, Pii<Phone>)> {
    let before = code_before(text, start)?;
    // With its own code it is the own number.
    if numbers.own().is_some_and(|own| own.code == before.code.as_bytes()) {
        return None;
    }
    let (phone, _) = numbers.possible(format!("{}{national}", before.code).as_bytes())?;
    (!numbers.is_own(&phone)).then_some((before, phone))
}

impl Numbers {
    /// The number of another country whose code somebody has said just before a number of the region, with nothing but
    /// fillers and the labels and times of lines between both: `+45`, `ja`, `98 76 54 32`.
    pub(super) fn behind_said_code(
        &self,
        text: &str,
        start: usize,
        national: &[u8],
    ) -> Option<(CodeApart, Pii<Phone>)> {
        let before = code_before(text, start)?;
        let between = &text[before.range.end..start];
        let is_said = between.contains(|c: char| c == '\n' || c.is_alphabetic());
        let (country, _) = country_of(before.code.as_bytes())?;
        if !is_said || country.code() == self.plan().calling_code || !country.has(national) {
            return None;
        }
        let phone = is_said_between(between).then(|| Phone::of_assigned(country.code(), national, self.region()))??;
        Some((before, phone))
    }
}

/// The country code before a place.
fn code_before(text: &str, start: usize) -> Option<CodeApart> {
    let (mut end, mut room) = (start, WIDEST_GAP);
    let (mut gap, mut times) = ("", 0);
    while times <= MOST_TIMES {
        let near = &text[text.ceil_char_boundary(end.saturating_sub(room + LONGEST_TIME))..end];
        gap = near.trim_end_matches(|c: char| digit(c).is_none());
        room = room.checked_sub(near.len() - gap.len())?;
        end -= near.len() - gap.len();
        match time_at_end(gap) {
            Some(length) => end -= length,
            None => break,
        }
        times += 1;
    }
    if times > MOST_TIMES {
        return None;
    }
    let digits: String = gap.chars().rev().map_while(digit).collect::<Vec<_>>().into_iter().rev().collect();
    let begins = gap.char_indices().rev().take(digits.len()).last()?.0;
    let plus = gap[..begins].trim_end_matches([' ', '(', '[']);
    let is_spoken = || ["plus", "pluss"].iter().any(|word| plus.to_lowercase().ends_with(word));
    let (code, at) = match digits.strip_prefix("00") {
        _ if plus.ends_with('+') => (&digits[..], plus.len() - 1),
        Some(code) if !ends_figure(&gap[..begins], &text[end..start]) => (code, begins),
        None if is_spoken() => (&digits[..], plus.to_lowercase().rfind("plus").unwrap_or(begins)),
        _ => return None,
    };
    let is_code = country_of(code.as_bytes())?.1 == code.len();
    is_code.then(|| CodeApart { range: end - gap.len() + at..end, code: code.to_owned() })
}

/// The length of the time of a line that a text ends with: `[10:02`, `00:00:01.000`.
fn time_at_end(text: &str) -> Option<usize> {
    let is_of_time = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b',');
    let length = text.bytes().rev().take(LONGEST_TIME).take_while(is_of_time).count();
    let (hour, rest) = text[text.len() - length..].split_once(':')?;
    let is_short = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    (is_short(hour) && rest.split([':', '.', ',']).next().is_some_and(is_short)).then_some(length)
}

impl CodeApart {
    /// Adds the number that ends with some digits: from its code on, or in two places if somebody speaks between both.
    pub(super) fn add(self, text: &str, digits: Range<usize>, find: Find, found: &mut Vec<(Range<usize>, Find)>) {
        let between = &text[self.range.end..digits.start];
        if between.contains(char::is_alphabetic) && !between.contains(['(', '[']) {
            found.extend([(self.range, find), (digits, Find::Rest)]);
        } else {
            found.push((self.range.start..digits.end, find));
        }
    }
}
