//! Values that no text contains and no view shows: payment cards, bank accounts, and national identity numbers (D16).
//!
//! Nobody is found by them, so they are not identifiers. A fixed word replaces them at once, and nothing keeps their
//! value. If digits can be read in two ways:
//!
//! - the record's own number is always that number, unless it is a part of an account;
//! - digits *written* as an identity number (a hyphen or `+` in its place, twelve digits, six and five) are one;
//! - bare digits that are a number of the tenant's region as well are the number;
//! - what a program wrote (a JSON number, a key of an object) is left alone unless chance hardly makes it: a card of a
//!   common scheme, eleven digits with two right check digits, or something written with the signs of an identity
//!   number.
//!
//! Danish numbers without a right check digit are given out since 2007: one counts by its date where it is written
//! with the hyphen, `070761-4285`.

mod seconds;

use std::ops::Range;
use std::sync::Arc;

use super::card::{is_article, is_card, is_common_card};
use super::digits::{Group, Lookalike, Stretch};
use super::ids::things::is_article_label;
use super::lookalike::is_in_code;
use super::national::{finnish_end, is_danish, is_danish_date, is_norwegian, is_swedish, is_time_stamp, is_youngest};
use super::{Find, Reading};
use seconds::are_seconds;
pub(super) use seconds::is_time;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Suppressed {
    Card,
    /// An international bank account number.
    Account,
    /// A Norwegian, Swedish, Danish or Finnish identity number.
    Identity,
    /// A match of a tenant's own pattern, with the word that replaces it.
    Pattern(Arc<str>),
}

impl Suppressed {
    /// The word that replaces it.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Card => "[card number]",
            Self::Account => "[bank account]",
            Self::Identity => "[national identity number]",
            Self::Pattern(word) => word,
        }
    }
}

const LONGEST: usize = 19;

/// The digits of a date of birth.
const DATE: usize = 6;

/// The last group of the number of the tenant's region that begins with a group.
type PhoneEnd<'a> = &'a dyn Fn(&Stretch, usize) -> Option<usize>;

/// The tenant's region.
#[derive(Clone, Copy)]
pub(super) struct Home<'a> {
    /// Its country code.
    pub(super) code: u16,
    pub(super) phone_end: PhoneEnd<'a>,
}

/// Groups in a row, and what they are compared with.
struct TextWindow<'a> {
    text: &'a str,
    stretch: &'a Stretch,
    first: usize,
    last: usize,
    reading: Reading,
    home: Home<'a>,
}

/// Adds what is suppressed in a stretch, and takes its groups out of it.
pub(super) fn find(
    text: &str,
    stretch: &mut Stretch,
    reading: Reading,
    home: Home<'_>,
    found: &mut Vec<(Range<usize>, Find)>,
) {
    let mut first = 0;
    while first < stretch.groups.len() {
        // A number that begins with a `+` is no part of a card, and gives no figure of its own to one.
        if let Some(last) = stretch.groups[first].gap.plus.and_then(|_| (home.phone_end)(stretch, first)) {
            first = last + 1;
            continue;
        }
        let Some((last, end, what)) = at(text, stretch, first, reading, home) else {
            first += 1;
            continue;
        };
        found.push((stretch.groups[first].start..end, Find::Suppressed(what)));
        for group in &mut stretch.groups[first..=last] {
            group.lookalike = Lookalike::Taken;
        }
        // The check character of a Finnish number is a digit now and then.
        first = last + 1;
        while let Some(group) = stretch.groups.get_mut(first).filter(|group| group.start < end) {
            group.lookalike = Lookalike::Taken;
            first += 1;
        }
    }
}

/// The suppressed value that begins with a group: its last group, its end, and its kind. The longest one comes first,
/// so that nothing of it stays.
fn at(
    text: &str,
    stretch: &Stretch,
    first: usize,
    reading: Reading,
    home: Home<'_>,
) -> Option<(usize, usize, Suppressed)> {
    let groups = &stretch.groups;
    let from = groups[first].from;
    let mut longest = None;
    for (last, group) in groups.iter().enumerate().skip(first) {
        let joins = last == first || stretch.joins(last) || group.gap.plus.is_some();
        let length = group.to - from;
        if !joins || group.lookalike == Lookalike::Taken || length > LONGEST {
            break;
        }
        let found = match length {
            6 => finnish(text, stretch, first, last).map(|end| (last, end, Suppressed::Identity)),
            10..=LONGEST if may_be(&stretch.digits[from..group.to]) => {
                let window = TextWindow { text, stretch, first, last, reading, home };
                window.what().map(|what| (last, group.end, what))
            }
            _ => None,
        };
        longest = found.or(longest);
    }
    longest
}

/// Where the Finnish number ends whose date these groups are.
fn finnish(text: &str, stretch: &Stretch, first: usize, last: usize) -> Option<usize> {
    let groups = &stretch.groups[first..=last];
    let (from, end) = (groups[0].from, groups[groups.len() - 1].end);
    let rest = finnish_end(&stretch.digits[from..from + 6], &text[end..])?;
    let whole = matches!(lengths(groups, &mut [0; LONGEST]), [6] | [2, 2, 2])
        && groups[1..].iter().all(|group| group.gap.joins);
    (whole && !follows_digits(text, groups[0].start)).then_some(end + rest)
}

/// Whether digits can be what is suppressed by their date and their check digits: that is cheap, and nearly every row
/// fails it.
fn may_be(digits: &[u8]) -> bool {
    match digits.len() {
        10 => is_danish_date(digits) || is_swedish(digits),
        11 => is_norwegian(digits, true),
        12 => is_swedish(digits),
        _ => is_card(digits),
    }
}

impl TextWindow<'_> {
    fn what(&self) -> Option<Suppressed> {
        if self.has_plus_inside() {
            return self.is_elder().then_some(Suppressed::Identity);
        }
        let (groups, digits) = (self.groups(), self.digits());
        if matches!(groups, [bare] if is_in_code(self.text, bare.start, bare.end)) {
            return None;
        }
        if digits.len() < 13 { self.is_identity().then_some(Suppressed::Identity) } else { self.card() }
    }

    fn groups(&self) -> &[Group] {
        &self.stretch.groups[self.first..=self.last]
    }

    fn digits(&self) -> &[u8] {
        let groups = self.groups();
        &self.stretch.digits[groups[0].from..groups[groups.len() - 1].to]
    }

    fn is_phone(&self) -> bool {
        (self.home.phone_end)(self.stretch, self.first) == Some(self.last)
    }

    /// Whether the digits are a number behind its country code: `+44 7710054177`.
    fn follows_code(&self) -> bool {
        let Some(before) = self.first.checked_sub(1) else { return false };
        let code = &self.stretch.groups[before];
        let dials = code.gap.plus.is_some() || self.stretch.digits[code.from..code.to].starts_with(b"00");
        dials && self.groups()[0].gap.joins && (self.home.phone_end)(self.stretch, before) == Some(self.last)
    }

    fn has_plus_inside(&self) -> bool {
        self.groups()[1..].iter().any(|group| group.gap.plus.is_some())
    }

    /// A Swede of a hundred years or more: `190405+1234`.
    fn is_elder(&self) -> bool {
        matches!(self.groups(), [date, rest] if matches!(date.len(), 6 | 8) && rest.len() == 4 && rest.gap.width == 1)
            && is_swedish(self.digits())
    }

    fn is_identity(&self) -> bool {
        let (groups, digits) = (self.groups(), self.digits());
        let is_abroad = || groups[0].gap.plus.is_some() || self.follows_code();
        if is_abroad() || is_part_of_decimal(self.text, groups) {
            return false;
        }
        let mut lengths_of = [0; LONGEST];
        let lengths = lengths(groups, &mut lengths_of);
        let strict = self.reading == Reading::Counter;
        if strict && self.text.starts_with('-') {
            return false;
        }
        let alone = || groups.len() == 1 || !strict && self.is_row();
        match digits.len() {
            11 => {
                let written = matches!(lengths, [6, 5] | [6, 3, 2] | [2, 2, 2, 5] | [2, 2, 2, 3, 2]);
                is_norwegian(digits, !strict) && (written || alone() && !self.is_phone())
            }
            12 => {
                let written = matches!(lengths, [8, 4] | [4, 2, 2, 4]);
                is_swedish(digits) && !is_time_stamp(digits) && (written || !strict && alone() && !self.is_phone())
            }
            10 => {
                let hyphen = matches!(lengths, [6, 4]) && groups[1].gap.width == 1 && is_hyphen(groups[1].gap.sign);
                let written = matches!(lengths, [6, 4] | [2, 2, 2, 4]);
                let before = &self.text[..groups[0].start];
                let is_time = || groups.len() == 1 && are_seconds(before, digits, self.home.code);
                let is_other = || is_time() || self.is_of_thing() && !seconds::is_issued(digits, self.home.code);
                let likely = (is_swedish(digits) && !is_youngest(digits) || is_danish(digits)) && !is_other();
                let alone = || groups.len() == 1 || !strict && has_date_apart(lengths) && self.is_row();
                hyphen && (is_swedish(digits) || is_danish(digits) || is_danish_date(digits) && !strict)
                    || likely && !strict && (written || alone()) && !self.is_phone()
            }
            _ => false,
        }
    }

    /// Whether the word before a figure in one piece says that a thing has it: `ordernummer 0612345678`.
    fn is_of_thing(&self) -> bool {
        matches!(self.groups(), [group] if group.lookalike == Lookalike::Id)
    }

    fn card(&self) -> Option<Suppressed> {
        let (groups, digits) = (self.groups(), self.digits());
        let mut lengths_of = [0; LONGEST];
        let lengths = lengths(groups, &mut lengths_of);
        let fours = lengths.len() > 2
            && lengths[..lengths.len() - 1].iter().all(|length| *length == 4)
            && lengths[lengths.len() - 1] <= 4;
        let grouped = fours || matches!(lengths, [_] | [4, 6, 4 | 5] | [6, 10] | [4, 12]);
        let usual = grouped && !self.is_list() || self.is_dictated();
        let is_card = match self.reading {
            Reading::Counter => {
                usual && is_common_card(digits) && !self.text.starts_with('-') && !is_part_of_decimal(self.text, groups)
            }
            Reading::Text => usual || self.is_row(),
        };
        // Fifteen digits may also be a country's longest numbers.
        (is_card && !self.is_article() && (digits.len() > 15 && usual || !self.is_phone())).then_some(Suppressed::Card)
    }

    /// Whether it is the number of an article. Of fourteen digits, only a word before them tells it from a card.
    fn is_article(&self) -> bool {
        let (groups, digits) = (self.groups(), self.digits());
        if digits.len() > 14 {
            return false;
        }
        let is_labelled = is_article_label(&self.text[..groups[0].start]);
        let as_article = matches!(lengths(groups, &mut [0; LONGEST]), [13] | [1, 6, 6]);
        is_labelled || digits.len() == 13 && as_article && is_article(digits)
    }

    /// Whether it is digit by digit; two zeros may be one group.
    fn is_dictated(&self) -> bool {
        let digits = |group: &Group| &self.stretch.digits[group.from..group.to];
        self.groups().iter().all(|group| matches!(digits(group), [_] | b"00"))
    }

    /// Whether the groups, of whatever size, stand together and by themselves, and are not numbers one after another.
    fn is_row(&self) -> bool {
        let groups = self.groups();
        if groups.len() < 2 || self.is_list() || self.has_parts_of_version() {
            return false;
        }
        let all = &self.stretch.groups;
        let sign = groups[1].gap.sign;
        let joined = |group: &Group| group.gap.joins && !group.gap.has_tab && group.gap.sign == sign;
        groups[1..].iter().all(joined)
            && groups.iter().all(|group| group.lookalike == Lookalike::No)
            && !all.get(self.last + 1).is_some_and(joined)
            && !(self.first > 0 && joined(&groups[0]))
            && !self.tiles()
    }

    /// Whether there is a comma or a semicolon behind the first group, as in a list of figures.
    fn is_list(&self) -> bool {
        self.groups().get(1).is_some_and(|group| matches!(group.gap.sign, Some(',' | ';' | '|')))
    }

    /// Whether there are points between groups of several sizes, as in `106.21.10918`. People write such groups with
    /// equal sizes.
    fn has_parts_of_version(&self) -> bool {
        let groups = self.groups();
        let (rest, last) = (&groups[..groups.len() - 1], &groups[groups.len() - 1]);
        let size = groups[0].len();
        let is_even = rest.iter().all(|group| group.len() == size) && last.len() <= size;
        groups.len() > 2 && groups[1].gap.sign == Some('.') && !is_even
    }

    /// Whether whole numbers one after another make up the groups.
    fn tiles(&self) -> bool {
        let mut at = self.first;
        while at <= self.last {
            match (self.home.phone_end)(self.stretch, at) {
                Some(end) if end <= self.last => at = end + 1,
                _ => return false,
            }
        }
        true
    }
}

/// Whether groups of ten digits have a date of six as people write one, in one piece or by day, month, and year, and
/// end with it. `0501 090 054` is written as a phone number, and no identity number is.
fn has_date_apart(lengths: &[usize]) -> bool {
    let mut digits = 0;
    let mut is_date = true;
    for length in lengths {
        is_date &= matches!(*length, 1 | 2 | DATE);
        digits += length;
        if digits >= DATE {
            return digits == DATE && is_date;
        }
    }
    false
}

/// The lengths of some groups, each of which has a digit.
fn lengths<'l>(groups: &[Group], lengths: &'l mut [usize; LONGEST]) -> &'l [usize] {
    let count = groups.len().min(LONGEST);
    for (length, group) in lengths.iter_mut().zip(groups) {
        *length = group.len();
    }
    &lengths[..count]
}

fn is_hyphen(sign: Option<char>) -> bool {
    matches!(sign, Some('-' | '\u{2010}'..='\u{2015}' | '\u{2212}'))
}

fn follows_digits(text: &str, start: usize) -> bool {
    text[..start].ends_with(|c: char| c.is_ascii_digit())
}

/// `1715500800.123` is no person: digits with a point and more digits before or behind them.
fn is_part_of_decimal(text: &str, groups: &[Group]) -> bool {
    let (start, end) = (groups[0].start, groups[groups.len() - 1].end);
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let (before, after) = (&text.as_bytes()[..start], &text.as_bytes()[end..]);
    matches!(after.first(), Some(b'.')) && is_digit(after.get(1))
        || matches!(before.last(), Some(b'.')) && is_digit(before.len().checked_sub(2).and_then(|at| before.get(at)))
}
