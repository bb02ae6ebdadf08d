//! The words and groups of digits of a text that may belong to a number. A text is gone through once for them, since `spoken` and
//! `interrupted` both need them.

use std::ops::Range;

use super::digits::{BEYOND, DIGIT, KINDS, LETTER, is_invisible, is_mark, is_word_part};
use super::words::{Word, after_zero, known};
use crate::digit;

/// A word or a group of digits that may belong to a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    start: u32,
    end: u32,
    pub what: What,
    /// Whether it is a word of everyday language too.
    pub is_weak: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Digits and nothing else.
    Digits,
    /// Digits and letters.
    Mixed,
    Word(Word),
}

impl Said {
    pub(super) const fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(super) const fn word(&self) -> Option<Word> {
        match self.what {
            What::Word(word) => Some(word),
            What::Digits | What::Mixed => None,
        }
    }
}

/// In an ordinary text there is one of them in so many bytes.
const BYTES_OF_ONE: usize = 24;

/// The words and groups of digits of a text, in its order.
pub(super) fn said(text: &str) -> Vec<Said> {
    let mut said = Vec::with_capacity(text.len() / BYTES_OF_ONE);
    let mut add = |range: Range<usize>, what: What, is_weak: bool| {
        // Nobody reads a text of four gigabytes at once.
        if let (Ok(start), Ok(end)) = (u32::try_from(range.start), u32::try_from(range.end)) {
            said.push(Said { start, end, what, is_weak });
        }
    };
    for Token { range, has_digit, is_bare } in (Tokens { text, at: 0 }) {
        let token = &text[range.clone()];
        if has_digit {
            add(range, if is_bare { What::Digits } else { What::Mixed }, false);
        } else if let Some(ends) = after_zero(token) {
            // `nollåtta` is two words in one.
            let mut start = range.start;
            for end in ends.into_iter().map(|end| range.start + end) {
                if let Some((word, is_weak)) = known(&text[start..end]) {
                    add(start..end, What::Word(word), is_weak);
                }
                start = end;
            }
        } else if let Some((word, is_weak)) = known(token) {
            add(range, What::Word(word), is_weak);
        }
    }
    said
}

/// A word or a group of digits.
struct Token {
    range: Range<usize>,
    has_digit: bool,
    /// Whether it has nothing but digits, and characters that are not seen.
    is_bare: bool,
}

/// The words and groups of digits of a text.
struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let bytes = self.text.as_bytes();
        let kind = |at: usize| bytes.get(at).map_or(0, |byte| KINDS[usize::from(*byte)]);
        loop {
            let start = self.at + bytes[self.at..].iter().position(|byte| KINDS[usize::from(*byte)] != 0)?;
            let (mut end, mut kinds) = (start, 0);
            loop {
                match kind(end) {
                    0 => break,
                    BEYOND => {
                        let c = self.text[end..].chars().next()?;
                        if !(is_word_part(c) || end > start && (is_invisible(c) || is_mark(c))) {
                            break;
                        }
                        if digit(c).is_some() {
                            kinds |= DIGIT;
                        } else if !is_invisible(c) {
                            kinds |= LETTER;
                        }
                        end += c.len_utf8();
                    }
                    kind => {
                        kinds |= kind;
                        end += 1;
                    }
                }
            }
            if end > start {
                self.at = end;
                return Some(Token { range: start..end, has_digit: kinds & DIGIT > 0, is_bare: kinds & LETTER == 0 });
            }
            self.at = start + self.text[start..].chars().next().map_or(1, char::len_utf8);
        }
    }
}
