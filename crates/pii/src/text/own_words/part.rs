//! A part of the record's own address, and the words of a text that may be pieces of it.

use std::ops::Range;

use super::{WIDEST, words};
use crate::text::address_signs::small;
use crate::text::words::{Word, meaning};

/// The local part or the domain of the own address.
#[derive(Debug)]
pub(in crate::text) struct Part {
    /// Its letters and digits.
    pub(super) letters: String,
    /// Its signs, and how many bytes of the letters are before each.
    pub(super) signs: Vec<(usize, char)>,
}

impl Part {
    pub(in crate::text) fn new(part: &str) -> Self {
        let (mut letters, mut signs) = (String::with_capacity(part.len()), Vec::new());
        for c in part.chars().flat_map(char::to_lowercase) {
            if c.is_alphanumeric() { letters.push(c) } else { signs.push((letters.len(), c)) }
        }
        Self { letters, signs }
    }

    /// Whether the part may begin a text: with the word that it begins with, if any.
    pub(in crate::text) fn may_follow(&self, text: &str) -> bool {
        let word: String = text.chars().take(self.letters.len() + 1).take_while(|c| c.is_alphanumeric()).collect();
        self.letters.starts_with(&*small(&word))
    }

    /// Whether the part may end a text.
    pub(in crate::text) fn may_precede(&self, text: &str) -> bool {
        let word = text.chars().rev().take(self.letters.len() + 1).take_while(|c| c.is_alphanumeric());
        let word: String = word.collect::<Vec<_>>().into_iter().rev().collect();
        self.letters.ends_with(&*small(&word)) || self.ends_with_said(&text[word_start(text)..])
    }

    /// Whether the part ends with digits, and a word is one for them.
    fn ends_with_said(&self, word: &str) -> bool {
        let may_be = self.letters.ends_with(|c: char| c.is_ascii_digit());
        may_be && said_digits(word).is_some_and(|digits| self.letters.ends_with(&digits))
    }

    /// Whether a word may be the piece of the part that is read first from a sign on.
    fn has_first(&self, word: &str, step: Step) -> bool {
        // Nearly every word is told by the one letter.
        let letter = |text: &str| match step {
            Step::Forward => text.as_bytes().first().copied(),
            Step::Back => text.as_bytes().last().copied(),
        };
        if step == Step::Back && self.ends_with_said(word) {
            return true;
        }
        let (known, its) = (letter(&self.letters).unwrap_or_default(), letter(word).unwrap_or_default());
        if its.is_ascii() && !its.eq_ignore_ascii_case(&known) {
            return false;
        }
        let Some(rest) = self.letters.len().checked_sub(word.len()).filter(|_| word.is_ascii()) else {
            let small = small(word);
            return if step == Step::Forward {
                self.letters.starts_with(&*small)
            } else {
                self.letters.ends_with(&*small)
            };
        };
        let letters = self.letters.as_bytes();
        let piece = if step == Step::Forward { &letters[..word.len()] } else { &letters[rest..] };
        piece.eq_ignore_ascii_case(word.as_bytes())
    }

    /// Whether a sign of the part is inside of a range of its letters: `olaberg` is not `ola.berg`.
    pub(super) fn is_divided(&self, range: &Range<usize>) -> bool {
        self.signs.iter().any(|(at, _)| range.start < *at && *at < range.end)
    }

    /// Whether the part has this sign at this place, and no other.
    pub(super) fn has_only(&self, at: usize, sign: char) -> bool {
        let mut signs = self.signs.iter().filter(|(place, _)| *place == at).map(|(_, sign)| *sign);
        signs.next() == Some(sign) && signs.next().is_none()
    }
}

/// Where the word begins that a text ends with.
fn word_start(text: &str) -> usize {
    let word = text.chars().rev().take(LONGEST_SAID).take_while(|c| c.is_alphanumeric());
    text.len() - word.map(char::len_utf8).sum::<usize>()
}

/// The most letters of a word for digits.
const LONGEST_SAID: usize = 32;

/// The digits that a word says: `sju`, `syttisju`.
pub(super) fn said_digits(word: &str) -> Option<String> {
    match meaning(word)? {
        Word::Unit(value) | Word::Ten(value) | Word::Pair(value) => Some(value.to_string()),
        Word::Triple(value) => Some(value.to_string()),
        _ => None,
    }
}

/// How many letters at the end of some the word before the last one says, of which a digit is read already: the tens of `seventy
/// seven`, and the same digit again of `double seven`.
pub(super) fn said_before(word: &str, letters: &str, read: &str) -> Option<usize> {
    let digit = read.chars().next().filter(char::is_ascii_digit)?;
    match meaning(word)? {
        Word::Ten(tens) => (digit != '0' && letters.ends_with(char::from(b'0' + tens / 10))).then_some(1),
        Word::Times(times) => {
            let again = digit.to_string().repeat(usize::from(times).saturating_sub(1));
            letters.ends_with(&again).then_some(again.len())
        }
        _ => None,
    }
}

/// The words of a text that may be the first pieces of the address, read from a sign on: of the local part before it
/// and of the domain behind it.
pub(in crate::text) struct Pieces<'p> {
    text: &'p str,
    local: &'p Part,
    domain: &'p Part,
    /// Most signs have no piece behind them. So only the first others need those before them.
    before: Option<Vec<Range<usize>>>,
    /// The word that was read last behind a sign, and how far the text is read.
    behind: Option<Range<usize>>,
    read: usize,
}

impl<'p> Pieces<'p> {
    pub(in crate::text) const fn of(text: &'p str, local: &'p Part, domain: &'p Part) -> Self {
        Self { text, local, domain, before: None, behind: None, read: 0 }
    }

    /// Whether there are such words as near to a sign as they must be. Signs come in their order, so that each word is
    /// read once.
    pub(in crate::text) fn are_near(&mut self, sign: &Range<usize>) -> bool {
        self.is_behind(sign.end, sign.end + WIDEST) && self.is_before(sign.start.saturating_sub(WIDEST), sign.start)
    }

    fn is_behind(&mut self, from: usize, until: usize) -> bool {
        loop {
            let Some(word) = self.behind.take().filter(|word| word.start >= from).or_else(|| self.read(from)) else {
                return false;
            };
            let is_near = word.end <= until;
            let is_piece = is_near && self.domain.has_first(&self.text[word.clone()], Step::Forward);
            if is_piece || !is_near {
                self.behind = Some(word);
                return is_piece;
            }
        }
    }

    /// The next word from a place on. A sign is no part of a word, so none is cut.
    fn read(&mut self, from: usize) -> Option<Range<usize>> {
        let from = from.max(self.read);
        let word = words(&self.text[from..]).next().map(|word| from + word.start..from + word.end);
        self.read = word.as_ref().map_or(self.text.len(), |word| word.end);
        word
    }

    fn is_before(&mut self, from: usize, until: usize) -> bool {
        let (text, local) = (self.text, self.local);
        let pieces = self.before.get_or_insert_with(|| {
            words(text).filter(|word| local.has_first(&text[word.clone()], Step::Back)).collect()
        });
        let first = pieces.partition_point(|piece| piece.start < from);
        pieces.get(first).is_some_and(|piece| piece.end <= until)
    }
}

/// The direction in which the words of a part are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::text) enum Step {
    Forward,
    Back,
}
