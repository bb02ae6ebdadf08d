//! The beginning of the record's own number, where it is said again: `98 76 54`, repeats the other side, and then `32`;
//! or `98 76 5, sorry, 98 76 54 32`.
//!
//! The number itself is found elsewhere. Most of its digits would stay beside it.

use std::cell::OnceCell;
use std::ops::Range;

use super::fillers::is_said_between;
use super::ids::things;
use super::interrupted::{HIDDEN, NationalDigits, by_speaker, ends_with_unit, may_be_said};
use super::numbers::Numbers;
use super::resolve::{self, Finds};
use super::said::Said;
use super::stream::{self, Token};
use super::turns::Turns;
use super::words::Word;
use super::{Find, Found};
use crate::digit;

/// The fewest national digits of a number whose beginning counts.
const SHORTEST: usize = 7;
/// The fewest digits of a beginning near the whole number.
const FEWEST: usize = 5;
/// The same where nothing but fillers is between both.
const FEWEST_BESIDE: usize = 4;
/// The most digits that a beginning lacks without the whole number near it: turns of two speakers may be two texts.
const MOST_MISSING: usize = 2;
/// Bytes that may lie between two groups, and between a beginning and the whole number.
const WIDEST_GAP: usize = 300;
/// Bytes that may lie between a beginning and what is dialled first.
const CODE_GAP: usize = 8;
/// The text beside a beginning that may be the word of a thing or a unit, in bytes: `kode 987654`, `98 765 kroner`.
const NEAR: usize = 48;
/// The most tokens that are read for one beginning.
const MOST_TOKENS: usize = 32;

/// Finds beginnings of the own number beside what is known.
pub(super) fn find(text: &str, said: &[Said], numbers: &Numbers, known: &Finds, turns: &OnceCell<Turns>) -> Finds {
    let mut found = Finds::new();
    if !has_enough(text, said) {
        return found;
    }
    let Some((national, prefixes)) = numbers.own_digits().filter(|(national, _)| national.len() >= SHORTEST) else {
        return found;
    };
    let (own, taken) = places(known, numbers);
    let fewest = if own.is_empty() { national.len() - MOST_MISSING } else { FEWEST };
    let number = NationalDigits::new(national, prefixes);
    let is_said = |fewest| may_be_said(text, said, &number, fewest, &taken);
    let is_one = || is_said(fewest) || has_neighbour(text, said, &own) && is_said(FEWEST_BESIDE);
    let Some(phone) = numbers.own_number().filter(|_| is_one()) else { return found };
    let turns = turns.get_or_init(|| Turns::of(text));
    let tokens = stream::tokens(text, said, &taken, turns);
    let mut echoes = Echoes { text: turns.plain(), national, prefixes, own: &own, turns, speaker: None };
    let all: Vec<usize> = (0..tokens.len()).collect();
    let mut add = |beginnings: Vec<Vec<Range<usize>>>| {
        let mut more = Finds::new();
        for places in beginnings {
            let mut find = Some(Find::Identifier(Found::Phone(phone.clone())));
            more.extend(places.into_iter().map(|place| (place, find.take().unwrap_or(Find::Rest))));
        }
        resolve::add(&mut found, more);
    };
    add(echoes.search(&tokens, &all));
    let spoken = by_speaker(&tokens, turns);
    for speaker in turns.speakers() {
        echoes.speaker = Some(speaker);
        add(echoes.search(&tokens, &spoken[speaker]));
    }
    found
}

/// Whether a text says as many digits as the shortest beginning has. Most fields do not, and the digits of the own number
/// are not listed for them.
fn has_enough(text: &str, said: &[Said]) -> bool {
    let mut digits = 0;
    said.iter().any(|one| {
        digits += match one.word() {
            // A word such as `double` may say any number of digits, so one word is enough.
            Some(_) => FEWEST_BESIDE,
            None => text[one.range()].chars().filter(|c| digit(*c).is_some()).count(),
        };
        digits >= FEWEST_BESIDE
    })
}

/// Whether a part of a number is beside the own number, with nothing but fillers between both. Most texts have none.
fn has_neighbour(text: &str, said: &[Said], own: &[Range<usize>]) -> bool {
    let is_part = |one: &&Said| !matches!(one.word(), Some(Word::And | Word::Filler));
    let is_said = |between: Range<usize>| between.len() <= WIDEST_GAP && text.get(between).is_some_and(is_said_between);
    own.iter().any(|own| {
        let before = &said[..said.partition_point(|one| one.range().end <= own.start)];
        let behind = &said[said.partition_point(|one| one.range().start < own.end)..];
        let before = before.iter().rev().take(MOST_TOKENS).find(is_part);
        let behind = behind.iter().take(MOST_TOKENS).find(is_part);
        before.is_some_and(|one| is_said(one.range().end..own.start))
            || behind.is_some_and(|one| is_said(own.end..one.range().start))
    })
}

/// The places of the own number, and of all that is no number of other people.
fn places(known: &Finds, numbers: &Numbers) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    let (mut own, mut taken, mut is_own) = (Vec::new(), Vec::new(), false);
    for (range, find) in known {
        let is_phone = matches!(find, Find::Identifier(Found::Phone(phone)) if numbers.is_own(phone));
        is_own = is_phone || *find == Find::Rest && is_own;
        if is_own {
            own.push(range.clone());
        }
        if is_own || !matches!(find, Find::Identifier(Found::Phone(_))) {
            taken.push(range.clone());
        }
    }
    (own, taken)
}

struct Echoes<'o> {
    /// The text without its stamps.
    text: &'o str,
    national: &'o [u8],
    prefixes: &'o [Vec<u8>],
    own: &'o [Range<usize>],
    turns: &'o Turns,
    /// The speaker whose turns are read by themselves.
    speaker: Option<usize>,
}

impl Echoes<'_> {
    /// The places of each beginning among some of the tokens.
    fn search(&self, tokens: &[Token], order: &[usize]) -> Vec<Vec<Range<usize>>> {
        let mut found = Vec::new();
        let mut at = 0;
        #[cfg(test)]
        crate::work::count_steps(order.len());
        while at < order.len() {
            match self.beginning(tokens, order, at) {
                Some((places, next)) => {
                    found.push(self.joined(places));
                    at = next;
                }
                None => at += 1,
            }
        }
        found
    }

    /// The places of the beginning whose first digits are a token's, and the token behind it.
    fn beginning(&self, tokens: &[Token], order: &[usize], first: usize) -> Option<(Vec<Range<usize>>, usize)> {
        let (mut places, mut digits, mut at) = (Vec::<Range<usize>>::new(), 0, first);
        while at < order.len().min(first + MOST_TOKENS) {
            let token = &tokens[order[at]];
            if places.last().is_some_and(|last| !self.continues(last.end, token.range.start)) {
                break;
            }
            let fits = |(said, count): &(&[u8], usize)| {
                at + count <= order.len() && (self.follows(digits, said) || digits == 0 && self.begun(said).is_some())
            };
            if let Some((said, count)) = token.readings().filter(fits).max_by_key(|(said, _)| said.len()) {
                digits += if digits == 0 { self.begun(said).unwrap_or(said.len()) } else { said.len() };
                places.push(token.range.start..tokens[order[at + count - 1]].range.end);
                at += count;
            } else if token.is_optional && !places.is_empty() {
                at += 1;
            } else {
                break;
            }
        }
        let (start, end) = (places.first()?.start, places.last()?.end);
        let is_near = self.is_near(start..end);
        let fewest = match is_near {
            true if digits < FEWEST && self.is_beside_own(start..end) => FEWEST_BESIDE,
            true => FEWEST,
            false => self.national.len() - MOST_MISSING,
        };
        // Far from the whole number, words between the digits make them figures of their own: `from 98 to 76, so 54`.
        let is_whole = is_near || self.joined(places.clone()).len() == 1;
        let near = &self.text[self.text.ceil_char_boundary(start.saturating_sub(NEAR))..start];
        let behind = &self.text[end..self.text.floor_char_boundary(end + NEAR)];
        let is_of_thing = near.ends_with('#') || things::names(near);
        if !is_whole
            || is_of_thing
            || ends_with_unit(behind)
            || digits < fewest
            || digits >= self.national.len()
            || self.touches(end, tokens, order.get(at))
        {
            return None;
        }
        if let Some(before) = first.checked_sub(1).map(|before| &tokens[order[before]]) {
            let is_dialled = before.readings().any(|(said, _)| self.prefixes.iter().any(|prefix| prefix == said));
            if self.is_beside(before.range.end, start) {
                if !is_dialled {
                    return None;
                }
                places.insert(0, before.range.clone());
            }
        }
        Some((places, at))
    }

    /// Whether digits go on with the number behind so many of its digits.
    fn follows(&self, digits: usize, said: &[u8]) -> bool {
        self.national.get(digits..).is_some_and(|rest| rest.starts_with(said))
    }

    /// How many digits of the number a group has that begins with it, or with what is dialled first.
    fn begun(&self, said: &[u8]) -> Option<usize> {
        if self.follows(0, said) {
            return Some(said.len());
        }
        let mut rests = self.prefixes.iter().filter_map(|prefix| said.strip_prefix(&prefix[..]));
        rests.find(|rest| !rest.is_empty() && self.follows(0, rest)).map(<[u8]>::len)
    }

    /// Whether nothing but what people say between two parts of a number divides them.
    fn continues(&self, end: usize, start: usize) -> bool {
        let Some(between) = self.text.get(end..start) else { return false };
        if between.len() > WIDEST_GAP || between.contains(HIDDEN) {
            return false;
        }
        let said = self.turns.said_by(end..start, self.speaker);
        !said.contains(|c| digit(c).is_some()) && is_said_between(&said)
    }

    fn is_near(&self, place: Range<usize>) -> bool {
        let at = self.own.partition_point(|own| own.end + WIDEST_GAP < place.start);
        self.own.get(at).is_some_and(|own| own.start <= place.end + WIDEST_GAP)
    }

    /// Whether nothing but what people say between two parts of a number is between a beginning and the whole number.
    fn is_beside_own(&self, place: Range<usize>) -> bool {
        let at = self.own.partition_point(|own| own.end <= place.start);
        let before = at.checked_sub(1).is_some_and(|before| self.continues(self.own[before].end, place.start));
        before || self.own.get(at).is_some_and(|own| self.continues(place.end, own.start))
    }

    /// Whether another figure is right behind it: then it is the beginning of another number.
    fn touches(&self, end: usize, tokens: &[Token], next: Option<&usize>) -> bool {
        next.is_some_and(|next| self.is_beside(end, tokens[*next].range.start))
    }

    fn is_beside(&self, end: usize, start: usize) -> bool {
        let Some(between) = self.text.get(end..start) else { return true };
        between.len() <= CODE_GAP && !between.contains(['\n', ',', ';', '.', '?', '!']) && !has_letter(between)
    }

    /// Places with nothing but signs between them as one.
    fn joined(&self, places: Vec<Range<usize>>) -> Vec<Range<usize>> {
        let mut joined: Vec<Range<usize>> = Vec::with_capacity(places.len());
        for place in places {
            match joined.last_mut().filter(|last| {
                let between = &self.text[last.end..place.start];
                between.len() <= CODE_GAP && !between.contains('\n') && !between.contains(char::is_alphanumeric)
            }) {
                Some(last) => last.end = place.end,
                None => joined.push(place),
            }
        }
        joined
    }
}

fn has_letter(text: &str) -> bool {
    text.contains(char::is_alphabetic)
}
