//! The record's own address where spaces, words, annotations, or turns of other speakers stand between its parts.
//!
//! Around each sign or word that means `@`, the words before it and behind it are compared with the address. Words for
//! dots, fillers, annotations, times, labels, and turns of other speakers are passed over; any other word ends the
//! search. The words are read once for the whole text, so that a sign costs only the few words that are compared at it.

use std::cell::OnceCell;
use std::ops::Range;

use super::address_signs::{Sign, sign_of_word, small};
use super::address_words::CUES;
use super::email::is_top_level;
use super::fillers::is_filler;
use super::obfuscated::goes_on;
use super::own_words::{Part, Pieces, Step, Window, Words};
use super::resolve::Finds;
use super::turns::Turns;
use super::{Find, Found, overlaps};
use crate::{Email, Pii};

/// The bytes beside an address that may have more of a longer one.
const NEAR: usize = 80;

/// Adds the own address in pieces around some signs that mean `@`, outside of `taken`.
pub(super) fn find(
    text: &str,
    signs: &[Sign],
    own: &Pii<Email>,
    taken: &[Range<usize>],
    turns: &OnceCell<Turns>,
) -> Finds {
    let mut found = Finds::new();
    let Some((local, domain)) = own.expose().as_str().rsplit_once('@') else { return found };
    let (local, domain) = (Part::new(local), Part::new(domain));
    let (mut pieces, mut words) = (Pieces::of(text, &local, &domain), None);
    let mut free = 0;
    for Sign { range: sign, .. } in signs {
        // Most addresses are other people's, and are told by the words beside their sign.
        if sign.start < free
            || overlaps(taken, sign)
            || !domain.may_follow(&text[sign.end..])
            || !local.may_precede(&text[..sign.start])
        {
            continue;
        }
        // Without a piece of either part near it, the sign is a word of a sentence.
        if !pieces.are_near(sign) {
            continue;
        }
        let words = words.get_or_insert_with(|| Words::of(text, turns.get_or_init(|| Turns::of(text))));
        let Some(places) = around(&words.window(sign), sign, &local, &domain) else { continue };
        free = places[places.len() - 1].end;
        let mut find = Some(Find::Identifier(Found::Email(own.clone())));
        for place in joined(text, places) {
            found.push((place, find.take().unwrap_or(Find::Rest)));
        }
    }
    found
}

/// The places of the address around a sign, in the order of the text.
fn around(window: &Window, sign: &Range<usize>, local: &Part, domain: &Part) -> Option<Vec<Range<usize>>> {
    let text = window.text();
    let after = window.walk(domain, Step::Forward)?;
    let behind = &text[after.last()?.end..];
    if goes_on(behind) || goes_on_in_words(behind) {
        return None;
    }
    let mut places = window.walk(local, Step::Back)?;
    let mut before = text[..places.last()?.start].chars().rev();
    let is_longer =
        matches!(before.next(), Some('.' | '-' | '_' | '+')) && before.next().is_some_and(char::is_alphanumeric);
    // `kari_@x.no` is another address, and `kari.@x.no` is none: the sign is a slip.
    let ends_otherwise = matches!(&text[places.first()?.end..sign.end], "_@" | "-@" | "+@");
    if is_longer || ends_otherwise || begins_in_words(&text[..places.last()?.start]) {
        return None;
    }
    places.reverse();
    places.push(sign.clone());
    places.extend(after);
    Some(places)
}

/// Whether a said sign and a word before a local part make a longer one of it: `ola punktum` before `kari`.
fn begins_in_words(before: &str) -> bool {
    let mut words = before[before.ceil_char_boundary(before.len().saturating_sub(NEAR))..].rsplit([' ', '\u{A0}']);
    let (gap, sign, word) = (words.next(), words.next(), words.next());
    let has_word = |word: &str| {
        word.ends_with(char::is_alphanumeric) && !is_filler(&small(word)) && !CUES.contains(&&*small(word))
    };
    gap == Some("") && sign.is_some_and(|sign| sign_of_word(sign).is_some()) && word.is_some_and(has_word)
}

/// Whether a said dot and a country's domain at the end of what is said make a longer domain: `punktum uk` behind
/// `example punktum no`.
fn goes_on_in_words(behind: &str) -> bool {
    let near = &behind[..behind.floor_char_boundary(NEAR)];
    let Some((sign, rest)) = near.strip_prefix(' ').and_then(|near| near.split_once(' ')) else { return false };
    let (label, rest) = rest.split_at(rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len()));
    let ends = rest.trim_start_matches(' ').chars().next().is_none_or(|c| !c.is_alphanumeric());
    sign_of_word(sign) == Some('.') && is_top_level(label) && ends
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
