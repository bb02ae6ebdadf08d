//! The words around a sign of an address, compared with a part of the record's own address.

mod part;

use std::cell::Cell;
use std::ops::Range;

use super::address_signs::{is_at, sign_of_word, small};
use super::digits::{BEYOND, KINDS, is_word_part};
use super::fillers::is_filler;
use super::turns::Turns;
use crate::digit;
pub(super) use part::{Part, Pieces, Step};
use part::{said_before, said_digits};

/// How far from the sign the parts may lie, in bytes.
const WIDEST: usize = 300;

/// The most words that are passed over on either side of the sign.
const MOST_SKIPPED: usize = 12;

/// The words of a text: letters and digits without anything between them.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let kind = move |at: usize| bytes.get(at).map_or(0, |byte| KINDS[usize::from(*byte)]);
    let mut end = 0;
    std::iter::from_fn(move || {
        loop {
            let start = end + bytes[end..].iter().position(|byte| KINDS[usize::from(*byte)] != 0)?;
            end = start;
            loop {
                let length = match kind(end) {
                    0 => break,
                    BEYOND => text[end..].chars().next().filter(|c| is_word_part(*c)).map_or(0, char::len_utf8),
                    _ => 1,
                };
                if length == 0 {
                    break;
                }
                end += length;
            }
            if end > start {
                return Some(start..end);
            }
            end += text[end..].chars().next().map_or(1, char::len_utf8);
        }
    })
}

/// A word of a text that somebody said.
#[derive(Debug)]
struct Word {
    speaker: u32,
    start: u32,
    end: u32,
    /// The annotation that has the word in it.
    note: Option<u32>,
}

impl Word {
    const fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The words of a text by their speakers, without labels and stamps, and its annotations.
pub(super) struct Words<'t> {
    text: &'t str,
    turns: &'t Turns,
    said: Vec<Word>,
    notes: &'t [Range<usize>],
    /// The word that was looked up last.
    last: Cell<usize>,
}

impl<'t> Words<'t> {
    pub(super) fn of(text: &'t str, turns: &'t Turns) -> Self {
        let notes = turns.notes();
        let mut all = Vec::new();
        let mut note = 0;
        let mut roles = turns.roles();
        for Range { start, end } in words(text) {
            while notes.get(note).is_some_and(|note| note.end < end) {
                note += 1;
            }
            let role = roles.of(&(start..end));
            if role.is_label || role.is_stamp {
                continue;
            }
            let is_noted = notes.get(note).is_some_and(|note| note.start <= start);
            all.push(Word {
                speaker: position(role.speaker),
                start: position(start),
                end: position(end),
                note: is_noted.then(|| position(note)),
            });
        }
        all.sort_by_key(|word| word.speaker);
        #[cfg(test)]
        crate::work::count_steps(text.len());
        Self { text, turns, said: all, notes, last: Cell::new(0) }
    }

    /// The first word of a speaker from a place on. Signs come in their order, so it is mostly near the last one.
    fn next(&self, speaker: u32, at: u32) -> usize {
        const NEAR: usize = 8;
        let is_before = |word: &Word| (word.speaker, word.start) < (speaker, at);
        let near = self.last.get();
        let is_behind = near.checked_sub(1).is_none_or(|last| is_before(&self.said[last]));
        let ahead = self.said[near..].iter().take(NEAR).take_while(|word| is_before(word)).count();
        let next = if is_behind && ahead < NEAR { near + ahead } else { self.said.partition_point(is_before) };
        self.last.set(next);
        next
    }

    /// The words around a sign.
    pub(super) fn window(&self, sign: &Range<usize>) -> Window<'_> {
        let speaker = position(self.turns.speaker(sign.start));
        let next = |at: usize| self.next(speaker, position(at));
        Window { all: self, sign: sign.clone(), speaker, before: next(sign.start), behind: next(sign.end) }
    }
}

/// A place in a text. Nobody reads a text of four gigabytes at once.
fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The words of the speaker of a sign.
pub(super) struct Window<'w> {
    all: &'w Words<'w>,
    sign: Range<usize>,
    speaker: u32,
    /// How many words are before the sign, and how many before what is behind it.
    before: usize,
    behind: usize,
}

/// How far a part of the address is read.
struct Walk<'p> {
    part: &'p Part,
    step: Step,
    /// The letters that are not yet read.
    left: Range<usize>,
    places: Vec<Range<usize>>,
    /// Whether a filler was taken for a piece of the part.
    has_filler: bool,
}

impl Window<'_> {
    pub(super) const fn text(&self) -> &str {
        self.all.text
    }

    /// The places of the words that make up a part, from the sign on. A filler may be a piece of it by chance, as the
    /// last word of `koch och @`. So it is passed over if the part cannot be read otherwise.
    pub(super) fn walk(&self, part: &Part, step: Step) -> Option<Vec<Range<usize>>> {
        let mut walk = Walk { part, step, left: 0..part.letters.len(), places: Vec::new(), has_filler: false };
        if self.read(&mut walk, false).is_some() {
            return Some(walk.places);
        }
        let is_other = std::mem::take(&mut walk.has_filler);
        (walk.left, walk.places) = (0..part.letters.len(), Vec::new());
        (is_other && self.read(&mut walk, true).is_some()).then_some(walk.places)
    }

    /// The words on one side of the sign, from it on.
    fn words(&self, step: Step) -> impl Iterator<Item = &Word> {
        let words = &self.all.said;
        let (forward, back) = match step {
            Step::Forward => (&words[self.behind..], &words[..0]),
            Step::Back => (&words[..0], &words[..self.before]),
        };
        let from = position(self.sign.start.saturating_sub(WIDEST));
        let until = position(self.sign.end + WIDEST);
        let is_near = move |word: &&Word| word.speaker == self.speaker && from <= word.start && word.end <= until;
        forward.iter().chain(back.iter().rev()).take_while(is_near)
    }

    /// Reads the words of a part; `None` if they do not make it up.
    fn read(&self, walk: &mut Walk, skips_fillers: bool) -> Option<()> {
        let mut skipped = 0;
        for word in self.words(walk.step) {
            #[cfg(test)]
            crate::work::count_steps(1);
            let range = word.range();
            let small = small(&self.text()[range.clone()]);
            let is_beside_sign = range.start == self.sign.end || range.end == self.sign.start;
            let is_filler = || !is_beside_sign && is_filler(&small);
            if !(skips_fillers && is_filler()) && self.take(walk, &range, &small)? {
                walk.has_filler |= is_filler();
                if walk.left.is_empty() {
                    return self.is_up_to(&range).then_some(());
                }
                continue;
            }
            // `ok@example.no` is an address of its own.
            if is_beside_sign {
                return None;
            }
            // `full stop` is two words.
            if let Some(sign) = sign_of_word(&small).or(matches!(&small[..], "full" | "stop").then_some('.')) {
                walk.is_sign(sign).then(|| walk.places.push(range))?;
                continue;
            }
            skipped += 1;
            if self.is_sign(word, &small)
                || skipped > MOST_SKIPPED
                || !(is_filler() || is_in_time(self.text(), &range) || self.is_noted(word))
            {
                return None;
            }
        }
        None
    }

    /// Takes a word that is the next piece of the part. Returns whether it is one, and `None` if it tells that the
    /// address is another one.
    fn take(&self, walk: &mut Walk, range: &Range<usize>, small: &str) -> Option<bool> {
        let letters = &walk.part.letters[walk.left.clone()];
        let is_piece = match walk.step {
            Step::Forward => letters.starts_with(small),
            Step::Back => letters.ends_with(small),
        };
        let said = || said_length(small, letters, &walk.part.letters[walk.left.end..]);
        let said = (!is_piece && walk.step == Step::Back).then(said).flatten();
        let Some(length) = is_piece.then_some(small.len()).or(said) else { return Some(false) };
        let piece = match walk.step {
            Step::Forward => walk.left.start..walk.left.start + length,
            Step::Back => walk.left.end - length..walk.left.end,
        };
        let is_other =
            walk.part.is_divided(&piece) && !self.is_said() || said.is_none() && !self.has_signs(walk, range);
        if is_other {
            return None;
        }
        match walk.step {
            Step::Forward => walk.left.start = piece.end,
            Step::Back => walk.left.end = piece.start,
        }
        walk.places.push(range.clone());
        Some(true)
    }

    /// Whether what is written between a word and the one that was taken before it is a sign that the part has there.
    /// In `ola_berg` it is not the one of `ola.berg`. A gap with anything else in it says nothing.
    fn has_signs(&self, walk: &Walk, range: &Range<usize>) -> bool {
        let Some(last) = walk.places.last() else { return true };
        let gap = if last.end <= range.start { last.end..range.start } else { range.end..last.start };
        let mut signs = self.text()[gap].chars();
        let (Some(sign), None) = (signs.next().and_then(written_sign), signs.next()) else { return true };
        let is_spelled = || sign == '-' && last.len() == 1 && range.len() == 1 && walk.part.letters.len() > 2;
        walk.part.has_only(walk.next(), sign) || is_spelled()
    }

    /// Whether the sign is a word of a sentence. People leave dots out when they speak, but not when they write.
    fn is_said(&self) -> bool {
        let text = self.text();
        text[self.sign.clone()].contains(char::is_alphabetic)
            && !text[..self.sign.start].trim_end_matches(' ').ends_with(['(', '[', '{', '<', '_'])
    }

    /// Whether no other `@` is between the sign and a word.
    fn is_up_to(&self, word: &Range<usize>) -> bool {
        let text = self.text();
        let between = if word.start < self.sign.start { word.end..self.sign.start } else { self.sign.end..word.start };
        !text[between].contains(['@', '\u{FF20}'])
    }

    /// Whether a word is another sign in brackets, such as `(at)`.
    fn is_sign(&self, word: &Word, small: &str) -> bool {
        let note = word.note.and_then(|note| self.all.notes.get(note as usize));
        note.is_some_and(|note| note.start + 1 == word.start as usize && note.end == word.end as usize) && is_at(small)
    }

    /// Whether a word is in an annotation that the sign is not in.
    fn is_noted(&self, word: &Word) -> bool {
        let note = word.note.and_then(|note| self.all.notes.get(note as usize));
        note.is_some_and(|note| note.end <= self.sign.start || self.sign.end <= note.start)
    }
}

/// How many letters at the end of a part a word for digits says, if the part has digits there.
fn said_length(word: &str, letters: &str, read: &str) -> Option<usize> {
    if !letters.ends_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = said_digits(word).filter(|digits| letters.ends_with(digits)).map(|digits| digits.len());
    digits.or_else(|| said_before(word, letters, read))
}

impl Walk<'_> {
    /// How many bytes of the letters are before the place that is read next.
    const fn next(&self) -> usize {
        match self.step {
            Step::Forward => self.left.start,
            Step::Back => self.left.end,
        }
    }

    /// Whether the part has this sign where it is said.
    fn is_sign(&self, sign: char) -> bool {
        self.part.signs.iter().any(|(at, known)| *at == self.next() && *known == sign)
    }
}

/// The sign of an address that a character is.
const fn written_sign(c: char) -> Option<char> {
    match c {
        '.' | '_' | '-' | '+' | '\'' => Some(c),
        '\u{FF0E}' => Some('.'),
        '\u{FF3F}' => Some('_'),
        '\u{FF0D}' => Some('-'),
        '\u{FF0B}' => Some('+'),
        _ => None,
    }
}

/// Whether digits belong to a time: `00:12`.
fn is_in_time(text: &str, word: &Range<usize>) -> bool {
    let is_colon = |c: Option<char>| c == Some(':');
    text[word.clone()].chars().all(|c| digit(c).is_some())
        && (is_colon(text[..word.start].chars().next_back()) || is_colon(text[word.end..].chars().next()))
}
