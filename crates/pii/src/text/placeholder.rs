//! Placeholders in texts: U+E000, a number, U+E001. They hold no id, so a text is never rewritten: reading fills them in.

use std::collections::HashMap;
use std::ops::Range;

use super::digits::next_byte;
use super::{Find, Found};

pub const OPEN: char = '\u{E000}';
pub const CLOSE: char = '\u{E001}';
/// The byte that both delimiters begin with and hardly any other character.
const LEAD: u8 = 0xEE;

/// A text without the characters that delimit placeholders, so that nobody can forge one; `None` where it has none.
pub(super) fn strip(text: &str) -> Option<String> {
    let has_one = next_byte(text, LEAD, 0).is_some() && text.contains([OPEN, CLOSE]);
    has_one.then(|| text.chars().filter(|c| !matches!(*c, OPEN | CLOSE)).collect())
}

/// The identifiers that a record mentions, each with its number.
pub(super) struct Mentions<'m> {
    list: &'m mut Vec<Found>,
    numbers: HashMap<Found, usize>,
}

impl<'m> Mentions<'m> {
    pub(super) fn new(list: &'m mut Vec<Found>) -> Self {
        Self { list, numbers: HashMap::new() }
    }

    /// The number of an identifier: the one it has, or the next.
    fn number(&mut self, found: Found) -> usize {
        if self.numbers.is_empty() {
            self.numbers = self.list.iter().cloned().zip(0..).collect();
        }
        let next = self.list.len();
        let list = &mut *self.list;
        *self.numbers.entry(found).or_insert_with_key(|found| {
            list.push(found.clone());
            next
        })
    }

    /// Appends what is written in place of a find: a placeholder of an identifier, a word of what is suppressed.
    pub(super) fn write(&mut self, find: Find, text: &mut String) {
        match find {
            Find::Identifier(found) => text.push_str(&placeholder(self.number(found))),
            Find::Suppressed(what) => text.push_str(what.word()),
            Find::Rest => {}
        }
    }

    /// The text with a placeholder in place of each identifier, and a word in place of what is suppressed.
    pub(super) fn replace(&mut self, text: &str, finds: Vec<(Range<usize>, Find)>) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut end = 0;
        for (range, find) in finds {
            replaced.push_str(&text[end..range.start]);
            self.write(find, &mut replaced);
            end = range.end;
        }
        replaced.push_str(&text[end..]);
        replaced
    }
}

pub(super) fn placeholder(n: usize) -> String {
    format!("{OPEN}{n}{CLOSE}")
}

/// Puts `show(n)` in place of each placeholder. Delimiters that enclose no number stay as they are.
pub fn fill_text(text: &str, show: impl Fn(usize) -> String) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        filled.push_str(before);
        if let Some((n, behind)) = number_of(after) {
            filled.push_str(&show(n));
            rest = behind;
        } else {
            filled.push(OPEN);
            rest = after;
        }
    }
    filled.push_str(rest);
    filled
}

/// The number after the highest one of the placeholders of a text.
#[must_use]
pub fn next_number(text: &str) -> usize {
    parts(text).1.into_iter().map(|(n, _)| n.saturating_add(1)).max().unwrap_or(0)
}

/// The text before the first placeholder, and each placeholder with the text up to the next one.
pub(super) fn parts(text: &str) -> (&str, Vec<(usize, &str)>) {
    let next = |from: usize| {
        let opens = text[from..].match_indices(OPEN).map(|(at, _)| from + at);
        opens.into_iter().find_map(|at| Some((at, number_of(&text[at + OPEN.len_utf8()..])?)))
    };
    let (mut first, mut places) = (text, Vec::new());
    let mut open: Option<(usize, &str)> = None;
    let mut from = 0;
    while let Some((at, place)) = next(from) {
        match open {
            Some((n, _)) => places.push((n, &text[from..at])),
            None => first = &text[..at],
        }
        from = text.len() - place.1.len();
        open = Some(place);
    }
    places.extend(open);
    (first, places)
}

/// The number behind an opening delimiter, and what follows the placeholder.
pub(super) fn number_of(after: &str) -> Option<(usize, &str)> {
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    let behind = after[digits..].strip_prefix(CLOSE)?;
    Some((after[..digits].parse().ok()?, behind))
}
