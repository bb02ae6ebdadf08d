//! The record's own number where words, labels, times, annotations, or turns of other speakers stand between its digits.
//!
//! The text becomes a stream of digits: groups of them, and number words with all that they may mean. All ways to read the
//! own national digits in it are followed at once, one bit for each digit reached, so that the cost of a text is its length.
//! Times, annotations, and words of everyday language may be passed over; any other digit breaks the match. The number begins
//! and ends with a group.

use std::cell::OnceCell;
use std::ops::Range;

use super::elsewhere::foreign_code;
use super::fillers::behind_correction;
use super::numbers::Numbers;
use super::resolve::Finds;
use super::said::{Said, What};
use super::stream::{self, Digits, Token};
use super::turns::Turns;
use super::words::Word;
use super::{Find, Found};

/// The fewest national digits that count in pieces.
const SHORTEST: usize = 7;
/// Bytes that may lie between two groups.
const WIDEST_GAP: usize = 300;
/// The most tokens that a word such as `no` takes back.
const MOST_TAKEN_BACK: usize = 4;
/// Bytes that may lie between a number and its country code.
const CODE_GAP: usize = 8;
/// The token of a placeholder in a text that is searched again. Digits on both sides of it are not one number.
pub(super) const HIDDEN: char = '\u{FDDA}';

/// Adds the own number in pieces outside of `taken`.
pub(super) fn find(
    text: &str,
    said: &[Said],
    numbers: &Numbers,
    taken: &[Range<usize>],
    turns: &OnceCell<Turns>,
) -> Finds {
    let mut found = Finds::new();
    if said.len() < 2 {
        return found;
    }
    let Some((national, prefixes)) = numbers.own_digits().filter(|(national, _)| national.len() >= SHORTEST) else {
        return found;
    };
    let number = NationalDigits::new(national, prefixes);
    if !may_be_said(text, said, &number, national.len(), taken) {
        return found;
    }
    let turns = turns.get_or_init(|| Turns::of(text));
    let tokens = stream::tokens(text, said, taken, turns);
    if tokens.len() < 2 {
        return found;
    }
    let mut own = OwnDigits { text: turns.plain(), numbers, national, number, turns, speaker: None };
    let all: Vec<usize> = (0..tokens.len()).collect();
    own.search(&tokens, &all, &mut found);
    let spoken = by_speaker(&tokens, turns);
    for speaker in turns.speakers() {
        let mut more = Finds::new();
        own.speaker = Some(speaker);
        own.search(&tokens, &spoken[speaker], &mut more);
        super::resolve::add(&mut found, more);
    }
    found
}

/// The tokens of each speaker whose turns are read by themselves. Nobody's come first.
pub(super) fn by_speaker(tokens: &[Token], turns: &Turns) -> Vec<Vec<usize>> {
    let Some(last) = turns.speakers().last() else { return Vec::new() };
    let mut spoken = vec![Vec::new(); last + 1];
    let mut roles = turns.roles();
    for (at, token) in tokens.iter().enumerate() {
        if let Some(all) = spoken.get_mut(roles.of(&token.range).speaker) {
            all.push(at);
        }
    }
    spoken
}

/// Whether so many of the first digits of the number are in their order in what is said outside of `taken`. Most texts
/// have none of it. Here anything may be passed over, and the digits of a word count in any order and as often as wanted,
/// since words that are joined have no other digits than their own and zero.
pub(super) fn may_be_said(
    text: &str,
    said: &[Said],
    number: &NationalDigits,
    fewest: usize,
    taken: &[Range<usize>],
) -> bool {
    let (mut state, mut end) = (0, 0);
    let mut taken = taken.iter().peekable();
    for one in said {
        let range = one.range();
        while taken.next_if(|other| other.end <= range.start).is_some() {}
        if taken.peek().is_some_and(|other| other.start < range.end) {
            continue;
        }
        if range.start > end + WIDEST_GAP {
            state = 0;
        }
        end = range.end;
        state = match one.what {
            What::Word(Word::Times(_)) => return true,
            What::Word(Word::Plus | Word::And | Word::Filler) => state,
            What::Word(word) => number.advance_by_any(state, word.number()),
            What::Digits => number.advance_by_group(state, &text[range]),
            What::Mixed => {
                stream::groups(text, &range, |group| state = number.advance_by_group(state, &text[group]));
                state
            }
        };
        if state >> fewest > 0 {
            return true;
        }
    }
    false
}

/// The national digits of the number, and how far they are read. In a state, bit `n` means that `n` digits are.
pub(super) struct NationalDigits<'n> {
    length: usize,
    /// For each digit the states from which it leads on.
    fits: [u32; 10],
    /// The prefixes before the national digits, longest first, and a bit for each digit that one begins with.
    prefixes: &'n [Vec<u8>],
    begins: u16,
}

impl<'n> NationalDigits<'n> {
    pub(super) fn new(national: &[u8], prefixes: &'n [Vec<u8>]) -> Self {
        let mut fits = [0; 10];
        for (at, digit) in national.iter().enumerate() {
            fits[usize::from(digit - b'0')] |= 1 << at;
        }
        let first = prefixes.iter().filter_map(|prefix| prefix.first());
        let begins = first.fold(0, |begins, digit| begins | 1 << (digit - b'0'));
        Self { length: national.len(), fits, prefixes, begins }
    }

    const fn is_whole(&self, state: u32) -> bool {
        state >> self.length & 1 == 1
    }

    /// The lengths with which more digits still reach the number.
    fn advance(&self, state: u32, digits: &[u8]) -> u32 {
        digits.iter().fold(state, |state, digit| (state & self.fits[usize::from(digit - b'0')]) << 1)
    }

    /// How far it is reached by a group that begins with what is dialled first.
    fn begun(&self, digits: &[u8]) -> u32 {
        if digits.first().is_none_or(|digit| self.begins >> (digit - b'0') & 1 == 0) {
            return 0;
        }
        let rests = self.prefixes.iter().filter_map(|prefix| digits.strip_prefix(&prefix[..]));
        rests.filter(|rest| !rest.is_empty()).fold(0, |state, rest| state | self.advance(1, rest))
    }

    /// The lengths that are reached with any of the digits of a number of up to three, and with zeros.
    fn advance_by_any(&self, state: u32, number: u16) -> u32 {
        let digits = [0, number % 10, number / 10 % 10, number / 100 % 10];
        let fits = digits.iter().fold(0, |fits, digit| fits | self.fits[usize::from(*digit)]);
        // The sum carries each length through all those that follow it, as often as one leads on.
        let state = state | 1;
        state | (((state & fits) + fits) ^ fits)
    }

    /// The lengths that are reached with a group of digits.
    fn advance_by_group(&self, state: u32, group: &str) -> u32 {
        let digits = Digits::of_group(group);
        let digits = digits.as_slice();
        if digits.is_empty() { state } else { state | self.advance(state | 1, digits) | self.begun(digits) }
    }
}

/// Digits of a part that any words may divide from the next one.
const LONG_PART: usize = 3;

/// Whether what follows a figure says what it counts: `76 kr`, `98 stykker`.
pub(super) fn ends_with_unit(between: &str) -> bool {
    let word = between.trim_start_matches([' ', '\u{A0}']);
    let word =
        &word[..word.find(|c: char| !c.is_alphabetic() && !matches!(c, '%' | '€' | '$' | '£')).unwrap_or(word.len())];
    super::fillers::is_unit(word)
}

struct OwnDigits<'o> {
    /// The text without its stamps.
    text: &'o str,
    numbers: &'o Numbers,
    national: &'o [u8],
    number: NationalDigits<'o>,
    turns: &'o Turns,
    /// The speaker whose turns are read by themselves.
    speaker: Option<usize>,
}

impl OwnDigits<'_> {
    /// Adds the places of the number in some of the tokens.
    fn search(&self, tokens: &[Token], order: &[usize], found: &mut Finds) {
        let mut states = vec![0_u32; order.len() + 3];
        let mut free = 0;
        #[cfg(test)]
        crate::work::count_steps(order.len());
        for place in 0..order.len() {
            let token = &tokens[order[place]];
            let between = place
                .checked_sub(1)
                .map_or("", |before| &self.text[tokens[order[before]].range.end..token.range.start]);
            let breaks = between.len() > WIDEST_GAP || between.contains(HIDDEN);
            let mut state = if breaks { 0 } else { states[place] };
            let before = states[place.saturating_sub(MOST_TAKEN_BACK)..place].iter().fold(0, |all, state| all | state);
            if !breaks && before & !state != 0 && behind_correction(between).is_some() {
                state |= self.taken_back(tokens, order, &states, place);
            }
            states[place] = state;
            if token.is_optional {
                states[place + 1] |= state;
            }
            for (digits, count) in token.readings() {
                let reached = self.number.advance(state | 1, digits) | self.number.begun(digits);
                if place + count <= order.len() {
                    states[place + count] |= reached;
                }
                if self.number.is_whole(reached) && place + count <= order.len() && place >= free {
                    let parts = self.trace(tokens, order, &states, place, digits, count);
                    if self.report(tokens, order, &parts, found) {
                        free = place + count;
                        states[place + count] = 0;
                        break;
                    }
                }
            }
        }
    }

    /// How far the number is read without the last few tokens before a place, which are taken back there: `98 75, no, 76`.
    fn taken_back(&self, tokens: &[Token], order: &[usize], states: &[u32], place: usize) -> u32 {
        let until = tokens[order[place]].range.start;
        let is_near = |kept: &usize| {
            let before = kept.checked_sub(1).map(|before| tokens[order[before]].range.end);
            before.is_some_and(|end| {
                until - end <= WIDEST_GAP && self.text.get(end..until).is_some_and(|text| !text.contains(HIDDEN))
            })
        };
        let kept = (1..=MOST_TAKEN_BACK).filter_map(|count| place.checked_sub(count)).filter(is_near);
        kept.fold(0, |state, kept| state | states[kept])
    }

    /// The places in the order of the tokens whose digits make up the number that ends with these ones.
    fn trace(
        &self,
        tokens: &[Token],
        order: &[usize],
        states: &[u32],
        place: usize,
        digits: &[u8],
        count: usize,
    ) -> Vec<Range<usize>> {
        let mut parts = Vec::with_capacity(self.national.len());
        parts.push(place..place + count);
        let Some(mut left) = self.national.len().checked_sub(digits.len()) else { return parts };
        let mut at = place;
        while left > 0 && at > 0 {
            let taken = (1..=at.min(2)).find_map(|count| {
                let mut readings = tokens[order[at - count]].readings().filter(|(_, takes)| *takes == count);
                let before = states[at - count];
                readings.find_map(|(digits, _)| {
                    let whole = left.checked_sub(digits.len()).filter(|rest| {
                        self.national[*rest..left] == digits[..] && (*rest == 0 || before >> *rest & 1 == 1)
                    });
                    let is_begun =
                        || digits.ends_with(&self.national[..left]) && self.number.begun(digits) >> left & 1 == 1;
                    whole.or_else(|| is_begun().then_some(0)).map(|rest| (count, rest))
                })
            });
            match taken {
                Some((count, rest)) => {
                    at -= count;
                    left = rest;
                    parts.push(at..at + count);
                }
                None => at -= 1,
            }
        }
        parts.reverse();
        parts
    }

    /// Adds the number, or the number of another country whose code is before it. Returns whether there is one.
    fn report(&self, tokens: &[Token], order: &[usize], parts: &[Range<usize>], found: &mut Finds) -> bool {
        let bytes = |part: &Range<usize>| tokens[order[part.start]].range.start..tokens[order[part.end - 1]].range.end;
        let mut places: Vec<Range<usize>> = parts.iter().map(bytes).collect();
        let Some(first) = places.first().cloned() else { return false };
        let before = self.prefix(tokens, order, parts[0].start);
        let lengths = parts.iter().enumerate().map(|(at, part)| {
            let dialled = usize::from(at == 0 && before.is_some());
            let readings = tokens[order[part.start]].readings();
            dialled
                + readings.filter(|(_, count)| *count == part.len()).map(|(digits, _)| digits.len()).max().unwrap_or(1)
        });
        if !self.is_said_together(&places, &lengths.collect::<Vec<_>>()) {
            return false;
        }
        let national = std::str::from_utf8(self.national).unwrap_or_default();
        let phone = if let Some((code, other)) = foreign_code(self.text, first.start, national, self.numbers) {
            places[0].start = code.range.start;
            other
        } else {
            if let Some(start) = before {
                places[0].start = start;
            }
            let Some(phone) = self.numbers.own_number() else { return false };
            phone.clone()
        };
        let close = |pair: &[Range<usize>]| {
            let between = &self.text[pair[0].end..pair[1].start];
            !between.contains('\n') && between.chars().all(|c| !c.is_alphanumeric()) && between.len() <= CODE_GAP
        };
        let mut find = Some(Find::Identifier(Found::Phone(phone)));
        let mut open: Option<Range<usize>> = None;
        for place in places {
            match &mut open {
                Some(last) if close(&[last.clone(), place.clone()]) => last.end = place.end,
                _ => {
                    found.extend(open.take().map(|range| (range, find.take().unwrap_or(Find::Rest))));
                    open = Some(place);
                }
            }
        }
        found.extend(open.map(|range| (range, find.take().unwrap_or(Find::Rest))));
        true
    }

    /// Whether only what people say between two parts of a number divides the places: nothing of letters, a filler, an
    /// annotation, a label. Other words may divide long parts: `98 pieces for 76` is no number, `9876, wait, 5432` is.
    /// The lengths are those of the digits that each place says, with the zero that is dialled first.
    fn is_said_together(&self, places: &[Range<usize>], lengths: &[usize]) -> bool {
        let mut digits = 0;
        let mut is_short = false;
        for (at, place) in places.iter().enumerate() {
            if let Some(last) = at.checked_sub(1).map(|before| &places[before]) {
                let range = last.end.min(place.start)..place.start;
                let between = self.turns.said_by(range, self.speaker);
                let between = behind_correction(&between).unwrap_or(&between);
                if ends_with_unit(between) {
                    return false;
                }
                if !super::fillers::is_said_between(between) {
                    is_short |= digits < LONG_PART;
                    digits = 0;
                }
            }
            digits += lengths[at];
        }
        let is_whole = places.len() < 2 || digits >= LONG_PART || digits >= self.national.len();
        !is_short && (is_whole || lengths.iter().sum::<usize>() == digits)
    }

    /// Whether no digits are just before a token: the end of another figure is no country code.
    fn begins_figure(&self, tokens: &[Token], order: &[usize], place: usize) -> bool {
        let start = tokens[order[place]].range.start;
        let before = place.checked_sub(1).and_then(|before| self.text.get(tokens[order[before]].range.end..start));
        before.is_none_or(|gap| {
            gap.len() > CODE_GAP || gap.contains(|c: char| c.is_alphanumeric() || ",;\n+".contains(c))
        })
    }

    /// Where the number begins with what is dialled before its national digits.
    fn prefix(&self, tokens: &[Token], order: &[usize], first: usize) -> Option<usize> {
        let mut digits: Vec<u8> = Vec::new();
        let mut best = None;
        let mut end = tokens[order[first]].range.start;
        for place in (first.saturating_sub(4)..first).rev() {
            let token = &tokens[order[place]];
            let between = self.text.get(token.range.end..end)?;
            if between.len() > CODE_GAP || between.chars().any(char::is_alphanumeric) {
                break;
            }
            digits.splice(0..0, token.readings().next()?.0.iter().copied());
            end = token.range.start;
            if self.number.prefixes.contains(&digits) && self.begins_figure(tokens, order, place) {
                let has_plus = self.text[..end].ends_with('+');
                best = Some(end - usize::from(has_plus));
            }
        }
        best
    }
}
