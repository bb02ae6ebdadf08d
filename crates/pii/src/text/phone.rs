//! Phone numbers in texts: the record's own however it is written, and every other one that is valid.

use std::ops::Range;

use super::candidate::Candidate;
use super::card::passes_luhn;
use super::digits::{Group, Lookalike, Stretch, may_begin};
use super::lookalike::{is_code, mark};
use super::numbers::{Numbers, OwnNumber, SHORTEST};
use super::plan::LONGEST;
use super::{Find, Found, Reading, overlaps, suppressed};
use crate::{Phone, Pii, digit, is_separator};

/// Whether a find in a JSON number is all of it: no digit, sign or fraction around it.
fn stands_alone(text: &str, range: &Range<usize>) -> bool {
    let before = text[..range.start].chars().next_back();
    let mut after = text[range.end..].chars();
    let next = after.next();
    let is_digit = |c: Option<char>| c.and_then(digit).is_some();
    let has_fraction = matches!(next, Some('.' | 'e' | 'E')) && is_digit(after.next());
    !is_digit(before) && !is_digit(next) && before != Some('-') && !has_fraction
}

/// The most digits of the number of a device, and of a phone number before it.
const LONGEST_DEVICE: usize = 3;

/// Where the number begins whose device an address of a messenger is: `46701234567:12@s.whatsapp.net`.
fn device_start(text: &str, address: &Range<usize>) -> Option<usize> {
    let (device, host) = text[address.clone()].split_once('@')?;
    let is_device = device.len() <= LONGEST_DEVICE && device.bytes().all(|byte| byte.is_ascii_digit());
    let before = text[..address.start].strip_suffix(':').filter(|_| is_device && host == "s.whatsapp.net")?;
    let digits = before.bytes().rev().take(LONGEST + 1).take_while(u8::is_ascii_digit).count();
    (digits > SHORTEST && digits <= LONGEST).then(|| before.len() - digits)
}

/// The parts of a text in which numbers are not searched, in its order.
#[derive(Clone, Copy, Default)]
pub(super) struct Apart<'a> {
    /// Other things, such as addresses.
    pub taken: &'a [Range<usize>],
    /// Ids of programs. Only the record's own number is searched in them.
    pub ids: &'a [Range<usize>],
}

impl Numbers {
    /// Adds every number that lies outside of some parts.
    pub(super) fn find(&self, text: &str, reading: Reading, apart: Apart<'_>, found: &mut Vec<(Range<usize>, Find)>) {
        #[cfg(test)]
        crate::work::count_steps(text.len());
        let shortest = self.shortest();
        stretches(text, apart.taken, |stretch| {
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
                take_ids(stretch, apart.ids);
                let phone_end = |stretch: &Stretch, first| Some(self.beginning(text, stretch, first)?.last);
                let home = suppressed::Home { code: self.plan().calling_code, phone_end: &phone_end };
                suppressed::find(text, stretch, reading, home, found);
                self.find_others(text, stretch, reading, found);
            }
            true
        });
    }

    /// Adds the record's own number where its digits are in a row outside of some parts.
    pub(super) fn find_own(&self, text: &str, taken: &[Range<usize>], found: &mut Vec<(Range<usize>, Find)>) {
        let Some(own) = self.own() else { return };
        #[cfg(test)]
        crate::work::count_steps(text.len());
        stretches(text, taken, |stretch| {
            if own.is_in(&stretch.digits) {
                mark(text, stretch);
                own.find(text, stretch, self, found);
            }
            true
        });
    }

    /// The number that an address dials: the record's own, one with a country code, or one behind `sip:` or `tel:`.
    pub(super) fn dialled(&self, text: &str, address: &Range<usize>) -> Option<(Range<usize>, Find)> {
        let at = address.start + text[address.clone()].find(['@', '%', '\u{FF20}'])?;
        let start = device_start(text, address).unwrap_or(address.start);
        let start = if text[..start].ends_with('+') { start - 1 } else { start };
        let local = text[start..at].split(':').next().unwrap_or_default();
        if !local.chars().all(|c| c == '+' || digit(c).is_some() || is_separator(c)) {
            return None;
        }
        let digits: String = local.chars().filter_map(digit).collect();
        let is_messenger =
            ["s.whatsapp.net", "c.us"].iter().any(|host| text[at + 1..address.end].eq_ignore_ascii_case(host));
        let abroad = self.bare_international(digits.as_bytes()).filter(|phone| is_messenger || self.is_own(phone));
        let is_abroad = abroad.is_some();
        let phone = abroad.or_else(|| Phone::parse(local, self.region).ok())?;
        let before = text[..start].chars().rev().take(5).collect::<Vec<_>>();
        let before = before.iter().rev().collect::<String>().to_ascii_lowercase();
        let is_dialled = local.starts_with('+')
            || local.starts_with("00")
            || is_abroad
            || ["sip:", "sips:", "tel:"].iter().any(|scheme| before.ends_with(scheme))
            || self.phone.as_ref() == Some(&phone);
        is_dialled.then_some((start..at, Find::Identifier(Found::Phone(phone))))
    }

    /// Whether the text contains the record's own number.
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
        mark_cards(stretch);
        if reading == Reading::Text {
            // Rows of one number over and over are read once.
            let mut last: Option<(Candidate, Pii<Phone>)> = None;
            for candidate in self.in_row(text, stretch) {
                let range = candidate.range(text, stretch);
                let said = || self.behind_said_code(text, range.start, &candidate.national(stretch));
                if let Some((code, phone)) = Some(()).filter(|()| !candidate.is_strong()).and_then(|()| said()) {
                    code.add(text, range, Find::Identifier(Found::Phone(phone)), found);
                    continue;
                }
                let same = last.take().filter(|(other, _)| other.is_same(&candidate, stretch)).map(|(_, phone)| phone);
                if let Some(phone) = same.or_else(|| self.phone(stretch, &candidate)) {
                    found.push((range, Find::Identifier(Found::Phone(phone.clone()))));
                    last = Some((candidate, phone));
                }
            }
            return;
        }
        let mut add = |range, phone| found.push((range, Find::Identifier(Found::Phone(phone))));
        let mut first = 0;
        while let Some(group) = stretch.groups.get(first) {
            let abroad = self.beginning(text, stretch, first).filter(Candidate::is_abroad);
            let abroad =
                abroad.and_then(|found| Some((found.last, found.range(text, stretch), self.phone(stretch, &found)?)));
            let hit = abroad.or_else(|| {
                let digits = stretch.digits.get(group.from..group.to).filter(|_| group.lookalike == Lookalike::No)?;
                Some((first, group.start..group.end, self.bare_international(digits)?))
            });
            let counts = |range: &Range<usize>| group.gap.plus.is_some() || !is_code(text, range.start, range.end);
            let hit = hit.filter(|(_, range, phone)| counts(range) && phone.expose().as_str().len() > 10);
            first = match hit {
                Some((last, range, phone)) => {
                    add(range, phone);
                    last + 1
                }
                None => first + 1,
            };
        }
    }

    /// The last group of the number that begins with a group, and the number.
    pub(super) fn number_at(&self, text: &str, stretch: &Stretch, first: usize) -> Option<(usize, Pii<Phone>)> {
        let found = self.beginning(text, stretch, first)?;
        Some((found.last, self.phone(stretch, &found)?))
    }

    /// A number with its country code and nothing before it, as telephony systems store it.
    pub(super) fn bare_international(&self, digits: &[u8]) -> Option<Pii<Phone>> {
        if !(10..=LONGEST).contains(&digits.len()) || digits[0] == b'0' {
            return None;
        }
        let dialled = format!("+{}", std::str::from_utf8(digits).ok()?);
        Phone::parse_valid(&dialled, self.region)
    }
}

/// Takes the groups of ids out of a stretch.
fn take_ids(stretch: &mut Stretch, ids: &[Range<usize>]) {
    if ids.is_empty() {
        return;
    }
    for group in stretch.groups.iter_mut().filter(|group| overlaps(ids, &(group.start..group.end))) {
        group.lookalike = Lookalike::Taken;
    }
}

/// Marks rows with the check digit of cards whose issuer nobody knows.
fn mark_cards(stretch: &mut Stretch) {
    let mut first = 0;
    while first < stretch.groups.len() {
        let end = row_end(&stretch.groups, first);
        let row = &stretch.groups[first..end];
        let digits = &stretch.digits[row[0].from..row[row.len() - 1].to];
        let is_card = (13..=19).contains(&digits.len())
            && (row[0].len() == 4 || row.len() == 1)
            && matches!(digits[0], b'2'..=b'6')
            && passes_luhn(digits);
        for group in &mut stretch.groups[first..end] {
            group.lookalike = group.lookalike.max(if is_card { Lookalike::Likely } else { Lookalike::No });
        }
        first = end;
    }
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
