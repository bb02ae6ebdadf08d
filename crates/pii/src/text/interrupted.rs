//! The record's own number where words, labels, times, annotations, or turns of other speakers stand between its digits.
//!
//! The text becomes a stream of digits: groups of them, and number words with all that they may mean. All ways to read the
//! own national digits in it are followed at once, one bit for each digit reached, so that the cost of a text is its length.
//! Times, annotations, and words of everyday language may be passed over; any other digit breaks the match. The number begins
//! and ends with a group.

use std::borrow::Cow;
use std::ops::Range;

use super::digits::is_invisible;
use super::elsewhere::foreign_code;
use super::phone::Numbers;
use super::resolve::Finds;
use super::spoken::Tokens;
use super::turns::Turns;
use super::words::{Word, after_zero, is_preposition, is_weak, meaning};
use super::{Find, Found, overlaps};
use crate::digit;

/// The fewest national digits that count in pieces.
const SHORTEST: usize = 7;
/// Bytes that may lie between two groups.
const WIDEST_GAP: usize = 300;
/// Bytes that may lie between a number and its country code.
const CODE_GAP: usize = 8;
/// Stands for a placeholder of a text that is read again: what it divides is no number.
const HIDDEN: char = '\u{FDDA}';
/// The longest bracket that is taken for an annotation.
const LONGEST_NOTE: usize = 60;

/// Digits in one piece of the text.
#[derive(Debug)]
struct Token {
    range: Range<usize>,
    /// What it means, in digits, and how many tokens that takes.
    readings: Vec<(Vec<u8>, usize)>,
    /// Whether it may be passed over.
    is_optional: bool,
}

/// Adds the own number in pieces outside of `taken`.
pub(super) fn find(text: &str, numbers: &Numbers, taken: &[Range<usize>]) -> Finds {
    let mut found = Finds::new();
    let Some((national, prefixes)) = numbers.own_digits().filter(|(national, _)| national.len() >= SHORTEST) else {
        return found;
    };
    let turns = Turns::of(text);
    let tokens = tokens(text, taken, &turns);
    if tokens.len() < 2 {
        return found;
    }
    let mut own = Own { text, numbers, national, prefixes, turns: &turns, speaker: None };
    let all: Vec<usize> = (0..tokens.len()).collect();
    own.search(&tokens, &all, &mut found);
    for speaker in turns.speakers() {
        let said: Vec<usize> =
            all.iter().copied().filter(|at| turns.speaker(tokens[*at].range.start) == speaker).collect();
        let mut more = Finds::new();
        own.speaker = Some(speaker);
        own.search(&tokens, &said, &mut more);
        super::resolve::add(&mut found, more);
    }
    found
}

fn tokens(text: &str, taken: &[Range<usize>], turns: &Turns) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for word in (Tokens { text, at: 0 }) {
        let has_digit = text[word.clone()].chars().any(|c| digit(c).is_some());
        let may_speak =
            has_digit || meaning(&text[word.clone()]).is_some() || after_zero(&text[word.clone()]).is_some();
        if !may_speak || overlaps(taken, &word) || turns.is_label(&word) {
            continue;
        }
        if has_digit {
            for range in groups(text, &word) {
                let digits = text[range.clone()].chars().filter_map(digit).map(|digit| digit as u8).collect();
                tokens.push(Token { range, readings: vec![(digits, 1)], is_optional: false });
            }
        } else if let Some(zero) = after_zero(&text[word.clone()]) {
            let at = word.start + zero;
            tokens.push(spoken(text, word.start..at));
            tokens.push(spoken(text, at..word.end));
        } else {
            tokens.push(spoken(text, word));
        }
    }
    tokens.retain(|token| !token.readings.is_empty());
    join_words(text, &mut tokens);
    mark_optional(text, &mut tokens);
    tokens
}

/// The runs of digits of a word.
fn groups(text: &str, word: &Range<usize>) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut is_open = false;
    for (at, c) in text[word.clone()].char_indices() {
        let (start, end) = (word.start + at, word.start + at + c.len_utf8());
        if digit(c).is_some() {
            match groups.last_mut().filter(|_| is_open) {
                Some(group) => group.end = end,
                None => groups.push(start..end),
            }
            is_open = true;
        } else if !is_invisible(c) {
            is_open = false;
        }
    }
    groups
}

/// A number word by itself.
fn spoken(text: &str, range: Range<usize>) -> Token {
    let word = &text[range.clone()];
    let digits = match meaning(word) {
        Some(Word::Unit(value) | Word::Ten(value) | Word::Pair(value)) => value.to_string(),
        Some(Word::Triple(value)) => value.to_string(),
        Some(Word::Hundreds(times)) => format!("{times}00"),
        Some(Word::Hundred) => "100".to_owned(),
        // How often the next one counts is told when it is known.
        Some(Word::Times(times)) => format!("x{times}"),
        _ => String::new(),
    };
    let is_optional = is_weak(word) || is_preposition(word);
    let readings = if digits.is_empty() { Vec::new() } else { vec![(digits.into_bytes(), 1)] };
    Token { range, readings, is_optional }
}

/// Adds what number words mean together: `twenty four`, `double five`, `etthundra tjugotre`.
fn join_words(text: &str, tokens: &mut Vec<Token>) {
    let is_tight = |one: &Token, next: &Token| {
        let between = &text[one.range.end..next.range.start];
        between.len() <= 2 && between.chars().all(|c| c.is_whitespace() || c == '-')
    };
    for at in 0..tokens.len() {
        let Some(next) = tokens.get(at + 1).filter(|next| is_tight(&tokens[at], next)) else { continue };
        let (one, other) = (tokens[at].readings[0].0.clone(), next.readings[0].0.clone());
        let is_word = !text[tokens[at].range.clone()].chars().any(|c| digit(c).is_some());
        if !is_word {
            continue;
        }
        let joined = match (&one[..], &other[..]) {
            ([b'x', times], digits) if digits[0] != b'x' => Some(digits.repeat(usize::from(times - b'0'))),
            ([ten, b'0'], [unit @ b'1'..=b'9']) => Some(vec![*ten, *unit]),
            ([hundred, b'0', b'0'], [unit @ b'1'..=b'9']) => Some(vec![*hundred, b'0', *unit]),
            ([hundred, b'0', b'0'], [ten, unit]) => Some(vec![*hundred, *ten, *unit]),
            _ => None,
        };
        tokens[at].readings.extend(joined.map(|digits| (digits, 2)));
    }
    for token in tokens.iter_mut() {
        token.readings.retain(|(digits, _)| digits[0] != b'x');
    }
}

/// Marks what may be passed over: times, dates, and what is written in brackets beside other signs.
fn mark_optional(text: &str, tokens: &mut [Token]) {
    for at in 0..tokens.len() {
        let range = tokens[at].range.clone();
        let is_short = range.len() <= 4;
        let next = tokens.get(at + 1).map(|next| next.range.clone());
        if let Some(next) = next.filter(|next| is_short && next.start == range.end + 1 && next.len() <= 4)
            && (&text[range.end..next.start] == ":" && next.len() == 2
                || tokens[at].is_optional && matches!(&text[range.end..next.start], ":" | "." | ",")
                || &text[range.end..next.start] == "." && super::lookalike::follows_clock(&text[..range.start])
                || is_date(text, tokens, at))
        {
            tokens[at].is_optional = true;
            tokens[at + 1].is_optional = true;
        }
    }
    let mut notes = Notes { text, at: 0 };
    let mut note = notes.next();
    for token in tokens.iter_mut() {
        while note.as_ref().is_some_and(|note| note.end <= token.range.start) {
            note = notes.next();
        }
        token.is_optional |= note.as_ref().is_some_and(|note| note.start <= token.range.start);
    }
    // The number of a caption stands in a line of its own above its times.
    for at in 1..tokens.len() {
        let (before, here) = (tokens[at - 1].range.clone(), tokens[at].range.clone());
        let between = &text[before.end..here.start];
        let is_line = text[..before.start].is_empty() || text[..before.start].ends_with('\n');
        if is_line && matches!(between, "\n" | "\r\n") && tokens[at].is_optional && here.len() == 2 {
            tokens[at - 1].is_optional = true;
        }
    }
}

/// Whether `2026-08-01` begins with a token.
fn is_date(text: &str, tokens: &[Token], at: usize) -> bool {
    let Some([year, month, day]) = tokens.get(at..at + 3) else { return false };
    let sign = |one: &Token, next: &Token| text[one.range.end..next.range.start].to_owned();
    let lengths = [year.range.len(), month.range.len(), day.range.len()];
    matches!(lengths, [4, 2, 2] | [2, 2, 4]) && sign(year, month) == "-" && sign(month, day) == "-"
        || lengths == [2, 2, 4] && sign(year, month) == "." && sign(month, day) == "."
}

/// Brackets with letters or times in them: `[pause 3 s]`, `(del 1)`, `[00:01:12]`.
struct Notes<'t> {
    text: &'t str,
    at: usize,
}

impl Iterator for Notes<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let start = self.at + self.text[self.at..].find(['[', '(', '<', '{'])?;
            self.at = start + 1;
            let close = match self.text.as_bytes()[start] {
                b'[' => ']',
                b'(' => ')',
                b'<' => '>',
                _ => '}',
            };
            let near = &self.text[start + 1..self.text.floor_char_boundary(start + 1 + LONGEST_NOTE)];
            let Some(end) = near.find(close) else { continue };
            let inner = &near[..end];
            let is_note = inner.chars().any(char::is_alphabetic) || inner.contains(':');
            if is_note && !inner.contains(['[', '(', '<', '{']) {
                self.at = start + 1 + end;
                return Some(start..self.at);
            }
        }
    }
}

/// Digits of a part that any words may divide from the next one.
const LONG_PART: usize = 3;

/// Whether what follows a figure says what it counts: `76 kr`, `98 stykker`.
fn ends_with_unit(between: &str) -> bool {
    let word = between.trim_start_matches([' ', '\u{A0}']);
    let word =
        &word[..word.find(|c: char| !c.is_alphabetic() && !matches!(c, '%' | '€' | '$' | '£')).unwrap_or(word.len())];
    super::fillers::is_unit(word)
}

struct Own<'o> {
    text: &'o str,
    numbers: &'o Numbers,
    national: &'o [u8],
    /// What may be dialled before the national digits, longest first.
    prefixes: &'o [Vec<u8>],
    turns: &'o Turns,
    /// The speaker whose turns are read by themselves.
    speaker: Option<usize>,
}

impl Own<'_> {
    /// Adds the places where the number stands in some of the tokens.
    fn search(&self, tokens: &[Token], order: &[usize], found: &mut Finds) {
        let whole = 1_u32 << self.national.len();
        let mut states = vec![0_u32; order.len() + 3];
        let mut free = 0;
        for place in 0..order.len() {
            let token = &tokens[order[place]];
            let between = place
                .checked_sub(1)
                .map_or("", |before| &self.text[tokens[order[before]].range.end..token.range.start]);
            let breaks = between.len() > WIDEST_GAP || between.contains(HIDDEN);
            let state = if breaks { 0 } else { states[place] };
            states[place] = state;
            if token.is_optional {
                states[place + 1] |= state;
            }
            for (digits, count) in &token.readings {
                let reached = self.advance(state | 1, digits) | self.begun(digits);
                if place + count <= order.len() {
                    states[place + count] |= reached;
                }
                if reached & whole != 0 && place + count <= order.len() && place >= free {
                    let parts = self.trace(tokens, order, &states, place, digits, *count);
                    if self.report(tokens, order, &parts, found) {
                        free = place + count;
                        states[place + count] = 0;
                        break;
                    }
                }
            }
        }
    }

    /// How far the number is reached with more digits: bit `n` stands for `n` digits.
    fn advance(&self, state: u32, digits: &[u8]) -> u32 {
        digits.iter().fold(state, |state, digit| {
            let fits = (0..self.national.len()).filter(|at| self.national[*at] == *digit);
            (state & fits.fold(0, |fits, at| fits | 1 << at)) << 1
        })
    }

    /// How far it is reached by a group that begins with what is dialled first.
    fn begun(&self, digits: &[u8]) -> u32 {
        let rests = self.prefixes.iter().filter_map(|prefix| digits.strip_prefix(&prefix[..]));
        rests.filter(|rest| !rest.is_empty()).fold(0, |state, rest| state | self.advance(1, rest))
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
        let mut parts = vec![place..place + count];
        let Some(mut left) = self.national.len().checked_sub(digits.len()) else { return parts };
        let mut at = place;
        while left > 0 && at > 0 {
            let taken = (1..=at.min(2)).find_map(|count| {
                let readings = tokens[order[at - count]].readings.iter();
                let before = states[at - count];
                readings.filter(|(_, takes)| *takes == count).find_map(|(digits, _)| {
                    let whole = left.checked_sub(digits.len()).filter(|rest| {
                        self.national[*rest..left] == digits[..] && (*rest == 0 || before >> *rest & 1 == 1)
                    });
                    let is_begun = || digits.ends_with(&self.national[..left]) && self.begun(digits) >> left & 1 == 1;
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

    /// Adds the number, or the one of another country whose code stands before it. Tells whether there is one.
    fn report(&self, tokens: &[Token], order: &[usize], parts: &[Range<usize>], found: &mut Finds) -> bool {
        let bytes = |part: &Range<usize>| tokens[order[part.start]].range.start..tokens[order[part.end - 1]].range.end;
        let mut places: Vec<Range<usize>> = parts.iter().map(bytes).collect();
        let Some(first) = places.first().cloned() else { return false };
        if !self.is_said_together(&places) {
            return false;
        }
        let national = std::str::from_utf8(self.national).unwrap_or_default();
        let phone = match foreign_code(self.text, first.start, national, self.numbers) {
            Some((start, other)) => {
                places[0].start = start;
                other
            }
            None => {
                if let Some(start) = self.prefix(tokens, order, parts[0].start) {
                    places[0].start = start;
                }
                let Some(phone) = self.numbers.own_number() else { return false };
                phone.clone()
            }
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
    fn is_said_together(&self, places: &[Range<usize>]) -> bool {
        let mut digits = 0;
        let mut is_short = false;
        for (at, place) in places.iter().enumerate() {
            if let Some(last) = at.checked_sub(1).map(|before| &places[before]) {
                let range = last.end.min(place.start)..place.start;
                let between = match self.speaker {
                    Some(speaker) => Cow::Owned(self.turns.said_by(self.text, range, speaker)),
                    None => Cow::Borrowed(&self.text[range]),
                };
                if ends_with_unit(&between) {
                    return false;
                }
                if !super::fillers::is_said_between(&between) {
                    is_short |= digits < LONG_PART;
                    digits = 0;
                }
            }
            let written = self.text[place.clone()].chars().filter(|c| digit(*c).is_some()).count();
            digits += if written > 0 { written } else { 1 };
        }
        let is_whole = places.len() < 2 || digits >= LONG_PART || digits >= self.national.len();
        let said =
            |place: &Range<usize>| self.text[place.clone()].chars().filter(|c| digit(*c).is_some()).count().max(1);
        !is_short && (is_whole || places.iter().map(said).sum::<usize>() == digits)
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
            digits.splice(0..0, token.readings.first()?.0.iter().copied());
            end = token.range.start;
            if self.prefixes.contains(&digits) {
                let has_plus = self.text[..end].ends_with('+');
                best = Some(end - usize::from(has_plus));
            }
        }
        best
    }
}
