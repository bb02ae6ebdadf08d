//! Phone numbers in texts: the record's own however it is written, and every other one that is valid.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::card::passes_luhn;
use super::digits::{Group, Lookalike, Stretch, may_begin};
use super::lookalike::{is_code, mark};
use super::own::OwnNumber;
use super::plan::{LONGEST, Plan, is_grouped_as};
use super::{Find, Found, Reading, suppressed};
use crate::{Phone, Pii, Region, digit, is_separator};

/// The fewest digits of a number that is not the record's own. Shorter ones are services, not callers.
const SHORTEST: usize = 6;
/// The most digits: what is dialled before a country code, and the longest of E.164.
pub(super) const MOST: usize = LONGEST + 4;

/// Finds phone numbers for one region and one record.
#[derive(Debug)]
pub(super) struct Numbers {
    region: Region,
    plan: Arc<Plan>,
    phone: Option<Pii<Phone>>,
    /// How the own number may be written, made out when the first text with enough digits comes along.
    own: OnceLock<OwnNumber>,
}

/// A number found: its last group, where it begins, what it is.
type Hit = (usize, usize, Pii<Phone>);

/// Whether a find in a JSON number is all of it: no digit, sign or fraction around it.
fn stands_alone(text: &str, range: &Range<usize>) -> bool {
    let before = text[..range.start].chars().next_back();
    let mut after = text[range.end..].chars();
    let next = after.next();
    let is_digit = |c: Option<char>| c.and_then(digit).is_some();
    let has_fraction = matches!(next, Some('.' | 'e' | 'E')) && is_digit(after.next());
    !is_digit(before) && !is_digit(next) && before != Some('-') && !has_fraction
}

impl Numbers {
    pub(super) fn new(region: Region, own: Option<&Pii<Phone>>) -> Self {
        Self { region, plan: Plan::of(region), phone: own.cloned(), own: OnceLock::new() }
    }

    /// Adds every number that lies outside of `taken`.
    pub(super) fn find(
        &self,
        text: &str,
        reading: Reading,
        taken: &[Range<usize>],
        found: &mut Vec<(Range<usize>, Find)>,
    ) {
        let shortest = self.shortest();
        stretches(text, taken, |stretch| {
            if stretch.digits.len() < shortest {
                return true;
            }
            mark(text, stretch);
            if let Some(own) = self.own() {
                let before = found.len();
                own.find(text, stretch, self, found);
                if reading == Reading::Counter {
                    // A counter that happens to hold the number's digits is no caller.
                    let mut place = 0..;
                    found.retain(|(range, _)| place.next() < Some(before) || stands_alone(text, range));
                }
            }
            if stretch.digits.len() >= SHORTEST {
                let phone_end = |stretch: &Stretch, first| Some(self.number_at(text, stretch, first, Reading::Text)?.0);
                suppressed::find(text, stretch, reading, &phone_end, found);
                self.find_others(text, stretch, reading, found);
            }
            true
        });
    }

    /// The number that an address dials: the record's own, one with a country code, or one behind `sip:` or `tel:`.
    pub(super) fn dialled(&self, text: &str, address: &Range<usize>) -> Option<(Range<usize>, Find)> {
        let at = address.start + text[address.clone()].find(['@', '%', '\u{FF20}'])?;
        let start = if text[..address.start].ends_with('+') { address.start - 1 } else { address.start };
        let local = &text[start..at];
        if !local.chars().all(|c| c == '+' || digit(c).is_some() || is_separator(c)) {
            return None;
        }
        let phone = Phone::parse(local, self.region).ok()?;
        let before = text[..start].chars().rev().take(5).collect::<Vec<_>>();
        let before = before.iter().rev().collect::<String>().to_ascii_lowercase();
        let is_dialled = local.starts_with('+')
            || local.starts_with("00")
            || ["sip:", "sips:", "tel:"].iter().any(|scheme| before.ends_with(scheme))
            || self.phone.as_ref() == Some(&phone);
        is_dialled.then_some((start..at, Find::Identifier(Found::Phone(phone))))
    }

    pub(super) fn region(&self) -> Region {
        self.region
    }

    /// What the region dials before a foreign country code, longest first.
    pub(super) fn abroad(&self) -> &[&'static str] {
        &self.plan.abroad
    }

    /// Whether it is the record's own number.
    pub(super) fn is_own(&self, phone: &Pii<Phone>) -> bool {
        self.phone.as_ref() == Some(phone)
    }

    /// The fewest digits that can be a number.
    pub(super) fn shortest(&self) -> usize {
        self.phone.as_ref().map_or(SHORTEST, |own| OwnNumber::shortest(own).min(SHORTEST))
    }

    fn own(&self) -> Option<&OwnNumber> {
        self.phone.as_ref().map(|phone| self.own.get_or_init(|| OwnNumber::new(phone)))
    }

    /// Whether the record's own number stands in the text.
    pub(super) fn holds_own(&self, text: &str) -> bool {
        let Some(phone) = &self.phone else { return false };
        let is_own = |(_, find): &(_, Find)| matches!(find, Find::Identifier(Found::Phone(found)) if found == phone);
        let mut found = Vec::new();
        stretches(text, &[], |stretch| {
            if stretch.digits.len() < OwnNumber::shortest(phone) {
                return true;
            }
            mark(text, stretch);
            if let Some(own) = self.own() {
                own.find(text, stretch, self, &mut found);
            }
            !found.iter().any(is_own)
        });
        found.iter().any(is_own)
    }

    fn find_others(&self, text: &str, stretch: &mut Stretch, reading: Reading, found: &mut Vec<(Range<usize>, Find)>) {
        self.mark_long_rows(text, stretch);
        let mut first = 0;
        while first < stretch.groups.len() {
            let Some((last, start, phone)) = self.number_at(text, stretch, first, reading) else {
                first += 1;
                continue;
            };
            found.push((start..stretch.groups[last].end, Find::Identifier(Found::Phone(phone))));
            first = last + 1;
        }
    }

    /// The number that begins with a group.
    pub(super) fn number_at(&self, text: &str, stretch: &Stretch, first: usize, reading: Reading) -> Option<Hit> {
        let group = &stretch.groups[first];
        let bare = &stretch.digits[group.from..group.to];
        let abroad = match group.gap.plus {
            Some(plus) => self.longest(text, stretch, first, Start::Plus).map(|(last, phone)| (last, plus, phone)),
            None => self.plan.abroad.iter().filter(|prefix| bare.starts_with(prefix.as_bytes())).find_map(|prefix| {
                let (last, phone) = self.longest(text, stretch, first, Start::Abroad(prefix.len()))?;
                Some((last, group.start, phone))
            }),
        };
        let hit = abroad.or_else(|| match reading {
            Reading::Text => {
                let (last, phone) = self.longest(text, stretch, first, Start::Home)?;
                Some((last, group.gap.plus.unwrap_or(group.start), phone))
            }
            Reading::Counter => {
                let phone = self.bare_international(bare).filter(|_| group.lookalike == Lookalike::No)?;
                Some((first, group.start, phone))
            }
        });
        let (last, start, phone) = hit?;
        let end = stretch.groups[last].end;
        let counted = group.gap.plus.is_some() || !is_code(text, start, end);
        let long_enough = reading == Reading::Text || phone.expose().as_str().len() > 10;
        (counted && long_enough).then(|| (last, with_bracket(text, start, end), phone))
    }

    /// A number with its country code and nothing before it, as telephony systems store it.
    pub(super) fn bare_international(&self, digits: &[u8]) -> Option<Pii<Phone>> {
        if !(10..=LONGEST).contains(&digits.len()) || digits[0] == b'0' {
            return None;
        }
        let dialled = format!("+{}", std::str::from_utf8(digits).ok()?);
        Phone::parse_valid(&dialled, self.region)
    }

    /// The number that begins with a group and takes as many groups as make one; where it might end earlier as well,
    /// it ends as its country groups such numbers, or with the group it began with.
    fn longest(&self, text: &str, stretch: &Stretch, first: usize, start: Start) -> Option<(usize, Pii<Phone>)> {
        let tolerated = if start == Start::Plus { Lookalike::Likely } else { Lookalike::No };
        let mut hits: Vec<(usize, Pii<Phone>)> = Vec::new();
        for (last, group) in stretch.groups.iter().enumerate().skip(first) {
            let count = group.to - stretch.groups[first].from;
            let joins = last == first || group.gap.joins;
            if count > MOST || !joins || group.lookalike > tolerated {
                break;
            }
            if let Some(phone) = self.read(text, stretch, first, last, start) {
                hits.push((last, phone));
            }
        }
        if hits.len() > 1 {
            let conventional =
                hits.iter().position(|(last, phone)| is_conventional(stretch, first, *last, start, phone));
            let at =
                conventional.or_else(|| hits.iter().position(|(last, _)| *last == first)).unwrap_or(hits.len() - 1);
            return Some(hits.swap_remove(at));
        }
        hits.pop()
    }

    fn read(&self, text: &str, stretch: &Stretch, first: usize, last: usize, start: Start) -> Option<Pii<Phone>> {
        let groups = &stretch.groups[first..=last];
        let digits = &stretch.digits[groups[0].from..groups[groups.len() - 1].to];
        let digits = match start {
            Start::Home => return self.read_home(digits),
            Start::Plus => digits,
            Start::Abroad(prefix) => digits.get(prefix..)?,
        };
        if !(SHORTEST + 1..=MOST).contains(&digits.len()) || digits[0] == b'0' {
            return None;
        }
        let dialled = format!("+{}", std::str::from_utf8(digits).ok()?);
        Phone::parse_valid(&dialled, self.region).or_else(|| {
            // `+47 (0) 22 33 44 55`: the zero is meant for callers at home.
            let zero = groups.iter().skip(1).find(|group| {
                stretch.digits[group.from..group.to] == *b"0" && text[..group.start].ends_with(['(', '['])
            })?;
            let at = dialled.len() - (groups[groups.len() - 1].to - zero.from);
            Phone::parse_valid(&format!("{}{}", &dialled[..at], &dialled[at + 1..]), self.region)
        })
    }

    fn read_home(&self, digits: &[u8]) -> Option<Pii<Phone>> {
        let begins_with_zero = digits[0] == b'0';
        let long_enough = digits.len() >= SHORTEST + usize::from(begins_with_zero);
        if !long_enough || self.plan.lengths >> digits.len() & 1 == 0 {
            return None;
        }
        let with_code = self.plan.needs_zero && !begins_with_zero;
        if with_code && !digits.starts_with(self.plan.code.as_bytes()) {
            return None;
        }
        let digits = std::str::from_utf8(digits).ok()?;
        Phone::parse_valid(digits, self.region)
            .filter(|phone| !with_code || phone.expose().as_str().strip_prefix('+') == Some(digits))
    }

    /// Long rows of equal groups are cards, accounts or keys, unless they are whole numbers one after another.
    fn mark_long_rows(&self, text: &str, stretch: &mut Stretch) {
        let mut first = 0;
        while first < stretch.groups.len() {
            let end = row_end(&stretch.groups, first);
            let row = &stretch.groups[first..end];
            let digits = &stretch.digits[row[0].from..row[row.len() - 1].to];
            let lengths: Vec<usize> = row.iter().map(Group::len).take(4).collect();
            let is_card = (13..=19).contains(&digits.len())
                && (lengths[0] == 4 || row.len() == 1)
                && matches!(digits[0], b'2'..=b'6')
                && passes_luhn(digits);
            let is_row = row.len() > 2 && digits.len() > 12 && lengths[0] >= 3 && row[1].len() == lengths[0];
            if is_card || is_row && !self.tiles(text, stretch, first, end) {
                for group in &mut stretch.groups[first..end] {
                    group.lookalike = group.lookalike.max(Lookalike::Likely);
                }
            }
            first = end;
        }
    }

    /// Whether whole numbers one after another make up a row.
    fn tiles(&self, text: &str, stretch: &Stretch, first: usize, end: usize) -> bool {
        let mut at = first;
        while at < end {
            match self.number_at(text, stretch, at, Reading::Text) {
                Some((last, ..)) if last < end => at = last + 1,
                _ => return false,
            }
        }
        true
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Plus,
    /// With what is dialled before a country code, so many digits.
    Abroad(usize),
    Home,
}

/// Calls `each` for every stretch of digits that lies outside of `taken`, until it says `false`.
fn stretches(text: &str, taken: &[Range<usize>], mut each: impl FnMut(&mut Stretch) -> bool) {
    let mut stretch = Stretch::default();
    let mut taken = taken.iter().peekable();
    let mut at = 0;
    while let Some(ahead) = text.as_bytes()[at..].iter().position(|byte| may_begin(*byte)) {
        at += ahead;
        while taken.next_if(|range| range.end <= at).is_some() {}
        let stop = taken.peek().map_or(text.len(), |range| range.start);
        if stop <= at {
            at = taken.next().map_or(text.len(), |range| range.end);
            continue;
        }
        let c = text[at..].chars().next().unwrap_or_default();
        if digit(c).is_none() && !matches!(c, '+' | '\u{FF0B}') {
            at += c.len_utf8();
            continue;
        }
        at = stretch.read(text, at, stop);
        if !stretch.groups.is_empty() && !each(&mut stretch) {
            return;
        }
    }
}

/// Where the row of groups of one size (the last may be shorter), or of a card of 4-6-5, ends.
fn row_end(groups: &[Group], first: usize) -> usize {
    let size = groups[first].len();
    let sign = groups.get(first + 1).and_then(|group| group.gap.sign);
    let follows = |group: &&Group| group.gap.joins && group.gap.sign == sign && sign.is_some();
    let same = groups[first + 1..].iter().take_while(|group| follows(group) && group.len() == size).count();
    let end = first + 1 + same;
    let tail = groups.get(end).filter(|group| same > 0 && follows(group) && group.len() < size);
    let amex = same == 0
        && size == 4
        && matches!(groups[first + 1..], [ref six, ref rest, ..]
            if follows(&six) && follows(&rest) && six.len() == 6 && matches!(rest.len(), 4 | 5));
    if amex { first + 3 } else { end + usize::from(tail.is_some()) }
}

/// Whether the groups are those in which the number's country writes it.
fn is_conventional(stretch: &Stretch, first: usize, last: usize, start: Start, phone: &Pii<Phone>) -> bool {
    let mut lengths: Vec<usize> = stretch.groups[first..=last].iter().map(Group::len).collect();
    if let Start::Abroad(prefix) = start {
        lengths[0] -= prefix;
        lengths.retain(|length| *length > 0);
    }
    is_grouped_as(phone, &lengths)
}

/// Takes in the bracket before a number that is closed inside of it.
pub(super) fn with_bracket(text: &str, start: usize, end: usize) -> usize {
    let opened = text[..start].chars().next_back().filter(|c| matches!(c, '(' | '[' | '\u{FF08}'));
    let closed = text[start..end].find([')', ']', '\u{FF09}']);
    let opened_inside = text[start..end].find(['(', '[', '\u{FF08}']);
    match (opened, closed) {
        (Some(bracket), Some(closed)) if opened_inside.is_none_or(|at| at > closed) => start - bracket.len_utf8(),
        _ => start,
    }
}
