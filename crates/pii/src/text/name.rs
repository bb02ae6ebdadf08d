//! The record's own name in a text: the whole name in any word order, and each word of three letters or more.
//!
//! The search ignores case and accents, and matches at word boundaries. Spellings for keyboards without a letter count
//! as well (`Moeller`, `Haakon`). Adjacent words of the name are one match.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

use super::digits::is_invisible;
use super::resolve::{self, Finds};
use super::{Find, Found, Reading, overlaps};
use crate::{PersonName, Pii};

/// Letters from which on a word of a name counts without the others.
const TELLING: usize = 3;
/// Characters that may stand between two words of one name, as in `Nordmann, Kari`.
const WIDEST_GAP: usize = 3;

/// A name and how it may begin.
#[derive(Debug)]
pub(super) struct Names {
    words: Vec<NameWord>,
    longest: usize,
    /// First bytes of its words in either case, and of all words whose accents must be looked at.
    begins: [bool; 256],
}

#[derive(Debug)]
struct NameWord {
    spellings: Vec<String>,
    telling: bool,
}

/// A word of the name in the text.
struct NameAt {
    range: Range<usize>,
    word: usize,
}

impl Names {
    /// `None` for a name without a word of letters.
    pub(super) fn new(name: &Pii<PersonName>) -> Option<Self> {
        let name = name.expose().as_str();
        let words: Vec<NameWord> =
            name.split(|c| !is_word(c)).filter(|word| !word.is_empty()).map(NameWord::new).collect();
        let letters: usize = name.chars().filter(|c| c.is_alphabetic()).count();
        if letters < 2 {
            return None;
        }
        let mut begins = [false; 256];
        for first in words.iter().flat_map(|word| &word.spellings).filter_map(|spelling| spelling.chars().next()) {
            for c in first.to_lowercase().chain(first.to_uppercase()) {
                begins[usize::from(c.encode_utf8(&mut [0; 4]).as_bytes()[0])] = true;
            }
        }
        // Latin letters with accents and full-width ones.
        for lead in (0xC3..=0xC9).chain([0xE1, 0xEF]) {
            begins[lead] = true;
        }
        let longest = words.iter().flat_map(|word| &word.spellings).map(String::len).max().unwrap_or_default();
        Some(Self { words, longest, begins })
    }

    /// Adds every place outside of `taken` that contains the name or a telling word of it. In keys of JSON objects,
    /// which are more often words of a program than of a person, only the whole name counts.
    pub(super) fn find(
        &self,
        text: &str,
        reading: Reading,
        taken: &[Range<usize>],
        found: &mut Vec<(Range<usize>, Find)>,
    ) {
        let mut row: Vec<NameAt> = Vec::new();
        let mut at = 0;
        while let Some(ahead) = text.as_bytes()[at..].iter().position(|byte| self.begins[usize::from(*byte)]) {
            at += ahead;
            if continues_word(text, at) {
                at += 1;
                while !text.is_char_boundary(at) {
                    at += 1;
                }
                continue;
            }
            let word = word_at(text, at);
            let range = at..at + word.len();
            at = range.end.max(at + text[at..].chars().next().map_or(1, char::len_utf8));
            let Some(word) = self.position(word).filter(|_| !overlaps(taken, &range)) else { continue };
            if row.last().is_some_and(|last| !is_close(&text[last.range.end..range.start])) {
                self.close(&mut row, reading, found);
            }
            row.push(NameAt { range, word });
        }
        self.close(&mut row, reading, found);
    }

    /// Whether an id or a word of a program contains the whole name, whatever separates its words.
    pub(super) fn is_in(&self, id: &str) -> bool {
        let words: Vec<&str> = id.split(|c| !is_word(c)).filter(|word| !word.is_empty()).collect();
        let mut found = Vec::new();
        self.find(&words.join(" "), Reading::Counter, &[], &mut found);
        !found.is_empty()
    }

    fn position(&self, word: &str) -> Option<usize> {
        // A folded word may be shorter than the written one, by accents and invisible marks, but not without end.
        if word.is_empty() || word.len() > self.longest * 4 + 16 {
            return None;
        }
        if word.is_ascii() {
            // A word in ASCII is folded by its case alone.
            let is = |spelling: &String| spelling.eq_ignore_ascii_case(word);
            return self.words.iter().position(|known| known.spellings.iter().any(is));
        }
        let folded = fold(word, false);
        self.words.iter().position(|known| known.spellings.contains(&folded))
    }

    /// Turns words that stand together into a find: from the first telling one to the last, and the others as well where
    /// the name is not whole without them.
    fn close(&self, row: &mut Vec<NameAt>, reading: Reading, found: &mut Vec<(Range<usize>, Find)>) {
        let telling = |hit: &NameAt| self.words[hit.word].telling;
        let mut rest = row.as_slice();
        if self.is_whole(rest) {
            while let [inner @ .., last] = rest
                && !telling(last)
                && self.is_whole(inner)
            {
                rest = inner;
            }
            while let [first, inner @ ..] = rest
                && !telling(first)
                && self.is_whole(inner)
            {
                rest = inner;
            }
        } else {
            let words = rest.iter().position(telling).zip(rest.iter().rposition(telling));
            let words = words.filter(|_| reading == Reading::Text);
            rest = words.map_or(&[], |(first, last)| &rest[first..=last]);
        }
        if let [first, .., last] | [first @ last] = rest {
            found.push((first.range.start..last.range.end, Find::Identifier(Found::OwnName)));
        }
        row.clear();
    }

    /// Whether each word of the name is among the hits.
    fn is_whole(&self, row: &[NameAt]) -> bool {
        (0..self.words.len()).all(|word| row.iter().any(|hit| self.same(hit.word, word)))
    }

    /// Whether two words of the name are spelled alike (`Hans Hans`): a hit of one is a hit of the other.
    fn same(&self, one: usize, other: usize) -> bool {
        self.words[one].spellings == self.words[other].spellings
    }
}

impl NameWord {
    fn new(written: &str) -> Self {
        let plain = fold(written, false);
        let spelled_out = fold(written, true);
        let contracted = plain.replace("ue", "u").replace("oe", "o").replace("aa", "a");
        let mut spellings = vec![plain, spelled_out, contracted];
        spellings.sort_unstable();
        spellings.dedup();
        Self { spellings, telling: written.chars().filter(|c| c.is_alphabetic()).count() >= TELLING }
    }
}

/// A word in small letters without accents; `spelled_out`: with the two letters that stand for one with dots or a ring.
fn fold(word: &str, spelled_out: bool) -> String {
    let mut folded = String::with_capacity(word.len());
    let composed: String;
    let word = if word.is_ascii() {
        word
    } else {
        composed = word.nfkc().collect();
        &composed
    };
    for c in word.chars().flat_map(char::to_lowercase) {
        match c {
            'ø' | 'ö' if spelled_out => folded.push_str("oe"),
            'ü' if spelled_out => folded.push_str("ue"),
            'ä' if spelled_out => folded.push_str("ae"),
            'å' if spelled_out => folded.push_str("aa"),
            c if c.is_ascii() => folded.push(c),
            'ø' => folded.push('o'),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ß' => folded.push_str("ss"),
            'þ' => folded.push_str("th"),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ħ' => folded.push('h'),
            'ŧ' => folded.push('t'),
            'ŋ' => folded.push('n'),
            'ı' => folded.push('i'),
            c => folded.extend([c].into_iter().nfkd().filter(|c| !is_mark(*c) && !is_invisible(*c))),
        }
    }
    folded
}

/// Accents that follow their letter.
const fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}')
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c) || is_invisible(c)
}

fn continues_word(text: &str, at: usize) -> bool {
    match at.checked_sub(1).map(|before| text.as_bytes()[before]) {
        None => false,
        Some(before) if before.is_ascii() => before.is_ascii_alphanumeric(),
        // An invisible mark alone makes no word: look at the character before it.
        Some(_) => text[..at].chars().rev().find(|c| !is_invisible(*c)).is_some_and(is_word),
    }
}

/// The word that begins at a place, without invisible marks behind it.
fn word_at(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    rest[..end].trim_end_matches(is_invisible)
}

fn is_close(between: &str) -> bool {
    between.chars().count() <= WIDEST_GAP
        && between.chars().all(|c| matches!(c, ' ' | '\u{A0}' | ',' | '.' | '-' | '\u{2010}' | '\u{2011}' | '\'' | '’'))
}

/// A text without some names, in whose places a word is written.
#[must_use]
pub fn without_names<'n>(text: &str, names: impl IntoIterator<Item = &'n Pii<PersonName>>, word: &str) -> String {
    let mut found = Finds::new();
    for names in names.into_iter().filter_map(Names::new) {
        let taken = resolve::ranges(&found);
        names.find(text, Reading::Text, &taken, &mut found);
        resolve::sort(&mut found);
    }
    let mut kept = String::with_capacity(text.len());
    let mut end = 0;
    for (range, _) in found {
        kept.push_str(&text[end..range.start]);
        kept.push_str(word);
        end = range.end;
    }
    kept.push_str(&text[end..]);
    kept
}
