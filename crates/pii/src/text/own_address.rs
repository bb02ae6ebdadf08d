//! The record's own address where words, annotations, or turns of other speakers stand between its parts.
//!
//! Around each sign or word that means `@`, the words before it and behind it are compared with the address. Words for dots,
//! fillers, annotations, times, labels, and turns of other speakers are passed over; any other word ends the search.

use std::cell::OnceCell;
use std::ops::Range;

use super::fillers::is_filler;
use super::obfuscated::{goes_on, is_sign_word, sign};
use super::resolve::Finds;
use super::stream::Notes;
use super::turns::Turns;
use super::{Find, Found, overlaps};
use crate::{Email, Pii, digit};

/// How far from the sign the parts may lie, in bytes.
const WIDEST: usize = 300;

/// The most words that are passed over on either side of the sign.
const MOST_SKIPPED: usize = 12;

/// Adds the own address in pieces outside of `taken`.
pub(super) fn find(text: &str, own: &Pii<Email>, taken: &[Range<usize>]) -> Finds {
    let mut found = Finds::new();
    let Some((local, domain)) = own.expose().as_str().rsplit_once('@') else { return found };
    let letters = |part: &str| part.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let (local, domain) = (letters(local), letters(domain));
    let turns = OnceCell::new();
    let mut from = 0;
    while let Some(sign) = sign(text, from) {
        from = sign.end;
        if overlaps(taken, &sign) {
            continue;
        }
        let window = Window { text, turns: &turns, sign: sign.clone() };
        let Some(after) = window.after(&domain) else { continue };
        let Some(mut places) = window.before(&local) else { continue };
        places.reverse();
        places.push(sign);
        places.extend(after);
        from = places[places.len() - 1].end;
        let mut find = Some(Find::Identifier(Found::Email(own.clone())));
        for place in joined(text, places) {
            found.push((place, find.take().unwrap_or(Find::Rest)));
        }
    }
    found
}

/// The places as few ranges: what only signs divide is one place.
fn joined(text: &str, places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut all: Vec<Range<usize>> = Vec::new();
    for place in places {
        match all.last_mut() {
            Some(last) if !text[last.end..place.start].contains(|c: char| c.is_alphanumeric() || c == '\n') => {
                last.end = place.end;
            }
            _ => all.push(place),
        }
    }
    all
}

/// The text around a sign.
struct Window<'t> {
    text: &'t str,
    turns: &'t OnceCell<Turns>,
    sign: Range<usize>,
}

impl Window<'_> {
    fn after(&self, wanted: &str) -> Option<Vec<Range<usize>>> {
        let area = self.sign.end..self.text.floor_char_boundary(self.sign.end + WIDEST);
        let places = [false, true].into_iter().find_map(|skips_fillers| {
            let mut left = wanted;
            self.walk(words_after(self.text, area.clone()), &area, skips_fillers, |word| {
                left = left.strip_prefix(word)?;
                Some(left.is_empty())
            })
        })?;
        (!goes_on(&self.text[places.last()?.end..])).then_some(places)
    }

    fn before(&self, wanted: &str) -> Option<Vec<Range<usize>>> {
        let area = self.text.ceil_char_boundary(self.sign.start.saturating_sub(WIDEST))..self.sign.start;
        let places = [false, true].into_iter().find_map(|skips_fillers| {
            let mut left = wanted;
            self.walk(words_before(self.text, area.clone()), &area, skips_fillers, |word| {
                left = left.strip_suffix(word)?;
                Some(left.is_empty())
            })
        })?;
        let mut before = self.text[..places.last()?.start].chars().rev();
        let is_longer =
            matches!(before.next(), Some('.' | '-' | '_' | '+')) && before.next().is_some_and(char::is_alphanumeric);
        (!is_longer).then_some(places)
    }

    /// The words that make up the wanted text. `take` tells whether a word is the next part of it, and whether it is the last.
    /// A filler may be a part by chance, as the last word of `koch och @`, so it may be skipped instead.
    fn walk(
        &self,
        words: impl Iterator<Item = Range<usize>>,
        area: &Range<usize>,
        skips_fillers: bool,
        mut take: impl FnMut(&str) -> Option<bool>,
    ) -> Option<Vec<Range<usize>>> {
        let notes = OnceCell::new();
        let (mut places, mut skipped) = (Vec::new(), 0);
        for range in words {
            let word = self.text[range.clone()].to_lowercase();
            let between =
                if range.start < self.sign.start { range.end..self.sign.start } else { self.sign.end..range.start };
            if self.text[between.clone()].contains(['\n', ':']) && self.is_not_said(&range) {
                continue;
            }
            let skips = skips_fillers && !between.is_empty() && is_filler(&word);
            let taken = if skips { None } else { take(&word) };
            match taken {
                Some(true) => {
                    places.push(range);
                    return Some(places);
                }
                Some(false) => places.push(range),
                // `ok@example.no` is an address of its own.
                None if between.is_empty() => return None,
                None if is_sign_word(&word) => places.push(range),
                None if skipped == MOST_SKIPPED => return None,
                None if is_filler(&word) || is_in_time(self.text, &range) => skipped += 1,
                // Nearly every word is no part of an address and is in no bracket.
                None if !self.text[between.clone()].contains(['[', '(', '<', '{', ']', ')', '>', '}']) => return None,
                None => {
                    skipped += 1;
                    let notes: &Vec<Range<usize>> = notes.get_or_init(|| Notes::within(self.text, area).collect());
                    if !notes.iter().any(|note| note.start <= range.start && range.end <= note.end) {
                        return None;
                    }
                }
            }
        }
        None
    }

    /// Whether a word is a label, or said by another speaker than the sign.
    fn is_not_said(&self, word: &Range<usize>) -> bool {
        let turns = self.turns.get_or_init(|| Turns::of(self.text));
        turns.is_label(word) || turns.is_stamp(word) || turns.speaker(word.start) != turns.speaker(self.sign.start)
    }
}

/// The words of an area in its order, up to the next sign.
fn words_after(text: &str, area: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut at = area.start;
    std::iter::from_fn(move || {
        let rest = &text[at..area.end];
        let start = rest.find(|c: char| c.is_alphanumeric() || is_sign(c))?;
        let word = &rest[start..];
        let length = word.find(|c: char| !c.is_alphanumeric()).unwrap_or(word.len());
        let range = at + start..at + start + length;
        at = range.end;
        (length > 0).then_some(range)
    })
}

/// The words of an area from its end, up to the sign before it.
fn words_before(text: &str, area: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut at = area.end;
    std::iter::from_fn(move || {
        let rest = &text[area.start..at];
        let (last, c) = rest.char_indices().rev().find(|(_, c)| c.is_alphanumeric() || is_sign(*c))?;
        if is_sign(c) {
            return None;
        }
        let end = last + c.len_utf8();
        let start = rest[..end].char_indices().rev().find(|(_, c)| !c.is_alphanumeric());
        let range = area.start + start.map_or(0, |(at, c)| at + c.len_utf8())..area.start + end;
        at = range.start;
        Some(range)
    })
}

const fn is_sign(c: char) -> bool {
    matches!(c, '@' | '\u{FF20}')
}

/// Whether digits belong to a time: `00:12`.
fn is_in_time(text: &str, word: &Range<usize>) -> bool {
    let is_colon = |c: Option<char>| c == Some(':');
    text[word.clone()].chars().all(|c| digit(c).is_some())
        && (is_colon(text[..word.start].chars().next_back()) || is_colon(text[word.end..].chars().next()))
}
