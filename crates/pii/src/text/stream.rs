//! The digits of a text as a stream: groups of them, and number words with all that they may mean.

use std::ops::Range;

use super::digits::is_invisible;
use super::overlaps;
use super::said::{Said, What};
use super::turns::Turns;
use super::words::{Word, is_preposition};
use crate::digit;

/// The longest bracket that is taken for an annotation.
const LONGEST_NOTE: usize = 60;

/// The most digits of a token that can belong to a number, with all that may be dialled before it.
const LONGEST: usize = 20;

/// A few digits. More are no part of a number, and read as none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Digits {
    digits: [u8; LONGEST],
    length: u8,
}

impl Digits {
    pub(super) fn of(digits: impl Iterator<Item = u8>) -> Self {
        let mut all = Self::default();
        for digit in digits {
            let Some(place) = all.digits.get_mut(usize::from(all.length)) else { return Self::default() };
            *place = digit;
            all.length += 1;
        }
        all
    }

    /// The digits of a group, in whatever script.
    pub(super) fn of_group(group: &str) -> Self {
        if group.len() <= LONGEST && group.bytes().all(|byte| byte.is_ascii_digit()) {
            let mut digits = [0; LONGEST];
            digits[..group.len()].copy_from_slice(group.as_bytes());
            return Self { digits, length: u8::try_from(group.len()).unwrap_or_default() };
        }
        Self::of(group.chars().filter_map(digit).map(|digit| digit as u8))
    }

    /// The digits of a number of up to three.
    fn of_number(number: u16) -> Self {
        let digits = [number / 100, number / 10 % 10, number % 10];
        let zeros = digits.iter().take(2).take_while(|digit| **digit == 0).count();
        Self::of(digits.into_iter().skip(zeros).filter_map(|digit| u8::try_from(digit).ok()).map(|digit| b'0' + digit))
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.digits[..usize::from(self.length)]
    }
}

/// Digits in one piece of the text.
#[derive(Debug)]
pub(super) struct Token {
    pub range: Range<usize>,
    /// The meaning of the token by itself, and with the next one.
    alone: Digits,
    joined: Digits,
    /// Whether it may be passed over.
    pub is_optional: bool,
    is_word: bool,
    /// How often the next one counts, if the word says it.
    times: u8,
    /// The digit of which the one before says how many there are.
    many: Option<u8>,
}

impl Token {
    fn new(range: Range<usize>) -> Self {
        let none = Digits::default();
        Self { range, alone: none, joined: none, is_optional: false, is_word: false, times: 0, many: None }
    }

    /// Its meaning in digits, and the number of its tokens.
    pub(super) fn readings(&self) -> impl Iterator<Item = (&[u8], usize)> {
        let all = [(self.alone.as_slice(), 1), (self.joined.as_slice(), 2)];
        all.into_iter().filter(|(digits, _)| !digits.is_empty())
    }
}

/// The tokens of what is said in a text, outside of `taken` and of labels.
pub(super) fn tokens(text: &str, said: &[Said], taken: &[Range<usize>], turns: &Turns) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::with_capacity(said.len());
    let mut roles = turns.roles();
    for one in said {
        let range = one.range();
        if roles.of(&range).is_label || overlaps(taken, &range) {
            continue;
        }
        match one.what {
            What::Word(word) => tokens.extend(spoken(text, range, word, one.is_weak)),
            What::Digits | What::Mixed => groups(text, &range, |range| {
                let is_optional = roles.of(&range).is_stamp;
                tokens.push(Token { alone: Digits::of_group(&text[range.clone()]), is_optional, ..Token::new(range) });
            }),
        }
    }
    drop_times(text, turns.notes(), &mut tokens);
    join_words(text, &mut tokens);
    mark_optional(text, turns.notes(), &mut tokens);
    tokens
}

/// Calls `each` for the runs of digits of a word.
pub(super) fn groups(text: &str, word: &Range<usize>, mut each: impl FnMut(Range<usize>)) {
    if text.as_bytes()[word.clone()].iter().all(u8::is_ascii_digit) {
        return each(word.clone());
    }
    let mut group: Option<Range<usize>> = None;
    for (at, c) in text[word.clone()].char_indices() {
        let (start, end) = (word.start + at, word.start + at + c.len_utf8());
        if digit(c).is_some() {
            group.get_or_insert(start..start).end = end;
        } else if !is_invisible(c) {
            group.take().into_iter().for_each(&mut each);
        }
    }
    group.into_iter().for_each(each);
}

/// A number word by itself; `None` for a word that has no digits.
fn spoken(text: &str, range: Range<usize>, word: Word, is_weak: bool) -> Option<Token> {
    let is_optional = is_weak || is_preposition(&text[range.clone()]);
    let mut token = Token { is_word: true, is_optional, ..Token::new(range) };
    match word {
        Word::Times(times) => token.times = times,
        // Without a count before it, it may be passed over.
        Word::Many(digit) => (token.many, token.is_optional) = (Some(b'0' + digit), true),
        Word::Plus | Word::And | Word::Filler => return None,
        Word::Thousand => token.alone = Digits::of("000".bytes()),
        word => token.alone = Digits::of_number(word.number()),
    }
    Some(token)
}

/// Adds what number words mean together: `twenty four`, `double five`, `etthundra tjugotre`.
fn join_words(text: &str, tokens: &mut [Token]) {
    let is_tight = |one: &Token, next: &Token| {
        let between = &text[one.range.end..next.range.start];
        between.len() <= 2 && between.chars().all(|c| c.is_whitespace() || c == '-')
    };
    for at in 0..tokens.len().saturating_sub(1) {
        let (one, next) = (&tokens[at], &tokens[at + 1]);
        if !one.is_word || !is_tight(one, next) {
            continue;
        }
        let joined = match (one.alone.as_slice(), next.alone.as_slice()) {
            ([times @ b'2'..=b'4'], []) if next.many.is_some() => {
                next.many.map(|digit| vec![digit; usize::from(times - b'0')])
            }
            _ if one.times > 0 => Some(next.alone.as_slice().repeat(usize::from(one.times))),
            // `twelve hundred`.
            ([_] | [_, _], b"100") => Some([one.alone.as_slice(), b"00"].concat()),
            ([ten, b'0'], [unit @ b'1'..=b'9']) => Some(vec![*ten, *unit]),
            ([hundred, b'0', b'0'], [unit @ b'1'..=b'9']) => Some(vec![*hundred, b'0', *unit]),
            ([hundred, b'0', b'0'], [ten, unit]) => Some(vec![*hundred, *ten, *unit]),
            _ => None,
        };
        if let Some(joined) = joined {
            tokens[at].joined = Digits::of(joined.into_iter());
        }
    }
}

/// Drops the times of transcripts, `[00:12]` and `(1:02:03)`, because no number is written so.
fn drop_times(text: &str, notes: &[Range<usize>], tokens: &mut Vec<Token>) {
    let is_time = |note: &&Range<usize>| {
        let inner = &text[note.start + 1..note.end];
        inner.contains(':')
            && inner.chars().all(|c| c.is_ascii_digit() || matches!(c, ':' | '.' | ',' | ' ' | '-' | '>'))
    };
    let times: Vec<Range<usize>> = notes.iter().filter(is_time).cloned().collect();
    tokens.retain(|token| !overlaps(&times, &token.range));
}

/// Marks what may be passed over: times, dates, and what is written in brackets beside other signs.
fn mark_optional(text: &str, notes: &[Range<usize>], tokens: &mut [Token]) {
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
    let mut notes = notes.iter().peekable();
    for token in tokens.iter_mut() {
        while notes.next_if(|note| note.end <= token.range.start).is_some() {}
        token.is_optional |= notes.peek().is_some_and(|note| note.start <= token.range.start);
    }
    // The number of a caption is on a line of its own above its times.
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
pub(super) struct Notes<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Notes<'t> {
    /// The brackets that begin in an area of a text.
    pub(super) fn within(text: &'t str, area: &Range<usize>) -> Self {
        Self { text: &text[..area.end], at: area.start }
    }
}

impl Iterator for Notes<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let opens = |byte: &u8| matches!(byte, b'[' | b'(' | b'<' | b'{');
            let start = self.at + self.text.as_bytes()[self.at..].iter().position(opens)?;
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
