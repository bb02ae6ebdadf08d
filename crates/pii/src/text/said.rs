//! The words and groups of digits of a text that may belong to a number. A text is gone through once for them, since `spoken` and
//! `interrupted` both need them.

use std::ops::Range;

use super::digits::{is_invisible, is_mark};
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

/// The words and groups of digits of a text, in its order.
pub(super) fn said(text: &str) -> Vec<Said> {
    let mut said = Vec::new();
    let mut add = |range: Range<usize>, what: What, is_weak: bool| {
        // Nobody reads a text of four gigabytes at once.
        if let (Ok(start), Ok(end)) = (u32::try_from(range.start), u32::try_from(range.end)) {
            said.push(Said { start, end, what, is_weak });
        }
    };
    for range in (Tokens { text, at: 0 }) {
        let token = &text[range.clone()];
        if has_digit(token) {
            let is_bare = token.chars().all(|c| digit(c).is_some() || is_invisible(c));
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

fn has_digit(token: &str) -> bool {
    let bytes = token.as_bytes();
    bytes.iter().any(u8::is_ascii_digit) || !token.is_ascii() && token.chars().any(|c| digit(c).is_some())
}

/// The words and groups of digits of a text.
struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

impl Iterator for Tokens<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let bytes = self.text.as_bytes();
        let begins = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80;
        loop {
            let start = self.at + bytes[self.at..].iter().position(begins)?;
            let mut end = start;
            while let Some(byte) = bytes.get(end) {
                if byte.is_ascii_alphanumeric() {
                    end += 1;
                } else if *byte < 0x80 {
                    break;
                } else {
                    let c = self.text[end..].chars().next()?;
                    if !(c.is_alphanumeric() || end > start && (is_invisible(c) || is_mark(c))) {
                        break;
                    }
                    end += c.len_utf8();
                }
            }
            if end > start {
                self.at = end;
                return Some(start..end);
            }
            self.at = start + self.text[start..].chars().next().map_or(1, char::len_utf8);
        }
    }
}
