//! Addresses of other people that are spoken, obfuscated, or broken: `kari dot nordmann at x dot no`,
//! `ola (at) x (dot) no`, `kn @ x.no`, `kn(a)x.no`.
//!
//! Around each sign or word that means `@`, the words are read as a local part and a domain. They are an address where
//! the sign leaves no doubt (`@`, `(at)`, `krøllalfa`), or where the dots of both parts are words, or a label says that
//! an address follows; `we met at example dot com` is none. `own_address` finds the address of the record.

use std::ops::Range;

use super::address_signs::{Meaning, Sign, sign_of_word};
use super::address_words::{BESIDE, CUES, MAILBOXES, NOUNS, SAYS, STATES};
use super::email::{is_public, is_top_level};
use super::resolve::Finds;
use super::{Find, Found, overlaps};
use crate::{Email, Pii};

/// The most characters and words that are read on either side of a sign.
const LONGEST_PART: usize = 120;
const MOST_WORDS: usize = 16;

/// The most words from the noun of an address to the address.
const MOST_BETWEEN: usize = 5;

/// Two words that mean a dot together.
const FULL_STOP: (&str, &str) = ("full", "stop");

/// The role of a piece of a text in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AddressPiece {
    Word,
    Dot,
    /// Another sign, as it is written in an address.
    Sign(char),
}

/// Finds the addresses around some signs that mean `@`, outside of `taken`.
pub(super) fn find(text: &str, signs: &[Sign], taken: &[Range<usize>]) -> Finds {
    let mut found = Finds::new();
    for sign in signs {
        let free = found.last().map_or(0, |(range, _): &(Range<usize>, Find)| range.end);
        if sign.range.start < free || overlaps(taken, &sign.range) {
            continue;
        }
        if let Some((range, address)) = around(text, free, sign).filter(|(range, _)| !overlaps(taken, range)) {
            found.push((range, Find::Identifier(Found::Email(address))));
        }
    }
    found
}

/// The address around a sign.
fn around(text: &str, free: usize, sign: &Sign) -> Option<(Range<usize>, Pii<Email>)> {
    let after = &text[sign.range.end..text.floor_char_boundary(sign.range.end + LONGEST_PART)];
    let before =
        &text[text.ceil_char_boundary(free.max(sign.range.start.saturating_sub(LONGEST_PART)))..sign.range.start];
    let (domain, end, dots) = domain(after)?;
    let (local, start, has_dots) = local(before)?;
    let is_plain = !dots && !has_dots && &text[sign.range.clone()] == "@";
    // Of an address that is written without words, the finder of addresses has found what there is.
    let is_spaced = after.starts_with([' ', '\n', '\r']) || before.ends_with([' ', '\n', '\r']);
    let is_likely = || has_dots || is_no_word(&local) || has_cue(&before[..start]);
    let is_said = match sign.meaning {
        Meaning::Sure if !is_plain || is_spaced && is_one_line(before, after) => true,
        Meaning::Letter => is_likely(),
        Meaning::Word if !dots && domain_is_written(after, end) => {
            is_told(text, sign, &local, &domain, &before[..start])
        }
        Meaning::Sure | Meaning::Word => dots && is_likely(),
    };
    if !is_said {
        return None;
    }
    let address = Email::parse(&format!("{local}@{domain}")).ok()?;
    Some((sign.range.start - before.len() + start..sign.range.end + end, address))
}

/// Whether the text behind a domain continues it: `example.no` in `example.no.uk`, but not in `example.no.Takk`.
pub(super) fn goes_on(after: &str) -> bool {
    let near = &after[..after.floor_char_boundary(LONGEST_PART)];
    let rest = &near[..near.find(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | '-')).unwrap_or(near.len())];
    let rest = rest.trim_end_matches(['.', '-']);
    rest.starts_with(['.', '-']) && rest.rsplit('.').next().is_some_and(is_top_level)
}

/// Whether a spaced sign is within a line. After the end of a line, the next line is another text.
fn is_one_line(before: &str, after: &str) -> bool {
    let spaces = |text: &str| text.chars().take_while(|c| c.is_whitespace()).count();
    spaces(after) <= 1 && !after.starts_with('\n') && !before.ends_with("  ") && !before.ends_with('\n')
}

/// The pieces of a text in its order, each with its range.
fn pieces(text: &str) -> impl Iterator<Item = (Range<usize>, AddressPiece)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let c = text[at..].chars().next()?;
            let start = at;
            if c.is_alphanumeric() {
                let rest = &text[at..];
                at += rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
                let word = &text[start..at];
                let stop = text[at..].get(..FULL_STOP.1.len() + 1).and_then(|next| next.strip_prefix(' '));
                if word.eq_ignore_ascii_case(FULL_STOP.0)
                    && stop.is_some_and(|stop| stop.eq_ignore_ascii_case(FULL_STOP.1))
                {
                    at += FULL_STOP.1.len() + 1;
                    return Some((start..at, AddressPiece::Dot));
                }
                return Some((start..at, word_piece(word)));
            }
            at += c.len_utf8();
            if !is_between(c) {
                return Some((start..at, sign_piece(c)?));
            }
        }
    })
}

/// The same from its end.
fn pieces_from_end(text: &str) -> impl Iterator<Item = (Range<usize>, AddressPiece)> {
    let mut end = text.len();
    std::iter::from_fn(move || {
        loop {
            let rest = &text[..end];
            let c = rest.chars().next_back()?;
            let until = end;
            if c.is_alphanumeric() {
                end = word_start(rest);
                let word = &rest[end..];
                let first = rest[..end].strip_suffix(' ').map(|first| word_start(first)..first.len());
                let full = first.filter(|first| rest[first.clone()].eq_ignore_ascii_case(FULL_STOP.0));
                if let Some(full) = full.filter(|_| word.eq_ignore_ascii_case(FULL_STOP.1)) {
                    end = full.start;
                    return Some((end..until, AddressPiece::Dot));
                }
                return Some((end..until, word_piece(word)));
            }
            end -= c.len_utf8();
            if !is_between(c) {
                return Some((end..until, sign_piece(c)?));
            }
        }
    })
}

/// Where the word begins that a text ends with.
fn word_start(text: &str) -> usize {
    text.len() - text.chars().rev().take_while(|c| c.is_alphanumeric()).map(char::len_utf8).sum::<usize>()
}

fn word_piece(word: &str) -> AddressPiece {
    match sign_of_word(word) {
        Some('.') => AddressPiece::Dot,
        Some(sign) => AddressPiece::Sign(sign),
        None => AddressPiece::Word,
    }
}

/// The piece that a written sign is; `None` if no address has it.
const fn sign_piece(c: char) -> Option<AddressPiece> {
    match c {
        '.' | '\u{FF0E}' => Some(AddressPiece::Dot),
        '-' | '_' | '+' => Some(AddressPiece::Sign(c)),
        _ => None,
    }
}

/// Whether a character may be between two pieces.
const fn is_between(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{A0}' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>')
}

/// The longest domain of the net that a text begins with, where it ends, and whether a dot of it was a word.
fn domain(after: &str) -> Option<(String, usize, bool)> {
    let (mut domain, mut was_word, mut dots) = (String::new(), false, false);
    let mut ends: Vec<(usize, usize, bool)> = Vec::new();
    for (range, piece) in pieces(after).take(MOST_WORDS) {
        #[cfg(test)]
        crate::work::count_steps(1);
        match piece {
            AddressPiece::Word if was_word => {
                // Letters one by one: `e k s e m p e l`.
                let is_letter = range.len() == 1 && after[..range.start].ends_with(' ');
                if !is_letter {
                    break;
                }
                domain.push_str(&after[range.clone()]);
            }
            AddressPiece::Word => domain.push_str(&after[range.clone()].to_lowercase()),
            AddressPiece::Dot => {
                // `example dot com. We` is the end of a sentence, `example . com` is not.
                let is_end = range.len() == 1
                    && after[range.end..].starts_with(char::is_whitespace)
                    && !after[..range.start].ends_with(char::is_whitespace);
                if domain.is_empty() || domain.ends_with('.') || is_end && domain.contains('.') {
                    break;
                }
                dots |= range.len() > 1;
                domain.push('.');
            }
            AddressPiece::Sign('-') if was_word && after[..range.start].ends_with(char::is_alphanumeric) => {
                domain.push('-');
            }
            AddressPiece::Sign(_) => break,
        }
        was_word = piece == AddressPiece::Word;
        if was_word && domain.contains('.') {
            ends.push((domain.len(), range.end, dots));
        }
    }
    let is_one = |domain: &str| is_public(domain) && domain.rsplit('.').next().is_some_and(is_top_level);
    let (length, end, dots) = ends.into_iter().rev().find(|(length, ..)| is_one(&domain[..*length]))?;
    domain.truncate(length);
    Some((domain, end, dots))
}

/// The local part that a text ends with, where it begins, and whether a dot of it was a word.
fn local(before: &str) -> Option<(String, usize, bool)> {
    let mut parts: Vec<&str> = Vec::new();
    let (mut start, mut was_word, mut dots) = (before.len(), false, false);
    for (range, piece) in pieces_from_end(before).take(MOST_WORDS) {
        #[cfg(test)]
        crate::work::count_steps(1);
        let part = match piece {
            AddressPiece::Word if was_word => break,
            AddressPiece::Word => &before[range.clone()],
            AddressPiece::Dot if was_word => ".",
            AddressPiece::Sign('_') if was_word => "_",
            AddressPiece::Sign('+') if was_word => "+",
            AddressPiece::Sign(_) if was_word => "-",
            _ => break,
        };
        // A sentence's end is no dot of an address.
        let is_sentence =
            piece != AddressPiece::Word && range.len() == 1 && before[range.end..].starts_with(char::is_whitespace);
        if is_sentence {
            break;
        }
        dots |= piece == AddressPiece::Dot && range.len() > 1;
        was_word = piece == AddressPiece::Word;
        if was_word {
            start = range.start;
        }
        parts.push(part);
    }
    while parts.pop_if(|part| !part.starts_with(char::is_alphanumeric)).is_some() {}
    parts.reverse();
    (!parts.is_empty()).then(|| (parts.concat(), start, dots))
}

/// Whether the domain behind a sign is written without blanks, as programs write what is said: `bob at gmail.com`.
fn domain_is_written(after: &str, end: usize) -> bool {
    !after[..end].trim_start().contains(char::is_whitespace)
}

/// Whether a word between a local part and a written domain is an `@`. People also look at a site and meet at a place, so
/// the words before it must name an address, or both parts must be those of a mailbox.
fn is_told(text: &str, sign: &Sign, local: &str, domain: &str, before: &str) -> bool {
    let is_mailbox = MAILBOXES.contains(&domain);
    let is_plain_at = text[sign.range.clone()].eq_ignore_ascii_case("at");
    if is_mailbox && (is_no_word(local) || !is_plain_at) {
        return true;
    }
    // `the mail is hosted at example.com`, `the mail is down at example.com`.
    let is_participle = ["ed", "ing", "ert"].iter().any(|end| local.len() > 4 && local.ends_with(end));
    names_address(before) && (is_mailbox || !is_participle && !STATES.contains(&local.to_lowercase().as_str()))
}

/// Whether a text ends with the noun of an address and a word or a sign that says what it is: `my email is`, `e-post:`.
fn names_address(before: &str) -> bool {
    let near = before[before.ceil_char_boundary(before.len().saturating_sub(60))..].trim_end();
    let mut says = near.ends_with([':', '=']);
    let words = near.split(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '\'')).rev();
    for word in words.filter(|word| !word.is_empty()).take(MOST_BETWEEN) {
        let word = word.to_lowercase();
        if NOUNS.contains(&word.as_str()) {
            return says;
        }
        if !SAYS.contains(&word.as_str()) && !BESIDE.contains(&word.as_str()) {
            return false;
        }
        says |= SAYS.contains(&word.as_str());
    }
    false
}

/// Whether a local part is not a word of a sentence: `ola_berg`, `lise82`.
fn is_no_word(local: &str) -> bool {
    local.contains(|c: char| !c.is_alphabetic()) && local.contains(char::is_alphabetic)
}

fn has_cue(before: &str) -> bool {
    let near = &before[before.ceil_char_boundary(before.len().saturating_sub(40))..];
    let words = near.split(|c: char| !c.is_alphanumeric() && c != '-').rev().filter(|word| !word.is_empty());
    words.take(5).any(|word| CUES.contains(&word.to_lowercase().as_str()))
}
