//! Addresses that are spoken, obfuscated, or broken: `kari dot nordmann at x dot no`, `ola (at) x (dot) no`, `kn@` and the
//! domain in the next line.
//!
//! Around each sign or word that means `@`, the words are read as a local part and a domain. The record's own address counts
//! whatever its dots were said as. Another one counts where the sign leaves no doubt (`@`, `(at)`, `krøllalfa`), or where the
//! dots of both parts are words, or a label says that an address follows; `we met at example dot com` is none.

use std::ops::Range;

use super::address_words::{CUES, DOTS, OTHERS, SIGNS, TWO_SIGNS, WORDS};
use super::email::{is_public, is_top_level};
use super::resolve::Finds;
use super::{Find, Found, overlaps};
use crate::{Email, Pii};

/// The most characters and words that are read on either side of a sign.
const LONGEST_PART: usize = 120;
const MOST_WORDS: usize = 16;

/// The role of a piece of a text in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AddressPiece {
    Word,
    Dot,
    /// Another sign, as it is written in an address.
    Sign(&'static str),
}

/// A sign that means `@`, and how sure it is.
#[derive(Debug)]
struct Sign {
    range: Range<usize>,
    is_sure: bool,
}

/// Adds the addresses outside of `taken`.
pub(super) fn find(text: &str, own: Option<&Pii<Email>>, taken: &[Range<usize>]) -> Finds {
    let mut found = Finds::new();
    let mut from = 0;
    while let Some(sign) = next_sign(text, from) {
        from = sign.range.end;
        let free = found.last().map_or(0, |(range, _): &(Range<usize>, Find)| range.end);
        if sign.range.start < free || overlaps(taken, &sign.range) {
            continue;
        }
        if let Some((range, address)) = around(text, free, &sign, own).filter(|(range, _)| !overlaps(taken, range)) {
            from = range.end;
            found.push((range, Find::Identifier(Found::Email(address))));
        }
    }
    found
}

/// The place of the next sign or word that means `@`.
pub(super) fn sign(text: &str, from: usize) -> Option<Range<usize>> {
    next_sign(text, from).map(|sign| sign.range)
}

/// Whether a word in small letters means a sign of an address.
pub(super) fn is_sign_word(word: &str) -> bool {
    DOTS.contains(&word) || OTHERS.iter().any(|(known, _)| *known == word)
}

/// The next sign or word that means `@`.
fn next_sign(text: &str, from: usize) -> Option<Sign> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        // Every such word has one of these letters, and most words have none of them at a place where it counts.
        at += bytes[at..].iter().position(|byte| {
            matches!(byte, b'@' | b'a' | b'A' | b'k' | b'K' | b's' | b'S' | b'm' | b'M' | b'c' | b'C' | 0xC3 | 0xEF)
        })?;
        if bytes[at] == b'@' || text[at..].starts_with('\u{FF20}') {
            let length = if bytes[at] == b'@' { 1 } else { 3 };
            return Some(Sign { range: at..at + length, is_sure: true });
        }
        let may_begin = begins_sign(&bytes[at..]) && text.is_char_boundary(at);
        let begins = may_begin && !text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
        if begins {
            let word = word_at(text, at);
            if !may_be_sign(word) {
                at = text.ceil_char_boundary((at + word.len().max(1)).min(text.len()));
                continue;
            }
            let small = word.to_lowercase();
            let bracketed = || {
                text[..at].trim_end_matches([' ', '_']).ends_with(['(', '[', '{', '<'])
                    && text[at + word.len()..].trim_start_matches([' ', '_']).starts_with([')', ']', '}', '>'])
            };
            if let Some(end) = second_word(text, at + word.len(), &small) {
                return Some(Sign { range: at..end, is_sure: true });
            }
            let (is_sign, is_word) = (SIGNS.contains(&small.as_str()), WORDS.contains(&small.as_str()));
            if is_sign || is_word {
                return Some(Sign { range: at..at + word.len(), is_sure: is_sign || bracketed() });
            }
            at += word.len().max(1);
        } else {
            at += 1;
        }
        at = text.ceil_char_boundary(at.min(text.len()));
    }
}

/// Where the second of two words ends that mean `@` together: `snabel a`.
fn second_word(text: &str, end: usize, first: &str) -> Option<usize> {
    if !TWO_SIGNS.iter().any(|(known, _)| *known == first) {
        return None;
    }
    let start = end + text[end..].strip_prefix(' ').map(|_| 1)?;
    let second = word_at(text, start);
    let is_sign = TWO_SIGNS.iter().any(|(known, other)| *known == first && other.eq_ignore_ascii_case(second));
    is_sign.then_some(start + second.len())
}

/// Whether a word that means `@` may begin with these bytes: the first two letters tell nearly every other word.
fn begins_sign(bytes: &[u8]) -> bool {
    let [first, second, ..] = bytes else { return false };
    match first.to_ascii_lowercase() {
        b'a' => matches!(second.to_ascii_lowercase(), b't' | b'l' | b'f' | b'r'),
        b'k' => matches!(second.to_ascii_lowercase(), b'r' | b'a' | b'l' | b'i'),
        b's' => second.eq_ignore_ascii_case(&b'n'),
        b'm' => second.eq_ignore_ascii_case(&b'i'),
        b'c' => second.eq_ignore_ascii_case(&b'h'),
        0xC3 => true,
        _ => false,
    }
}

/// Whether a word can be one for `@` by its length and its first two letters: nearly every word is told by them.
fn may_be_sign(word: &str) -> bool {
    const BEGINNINGS: [&[u8; 2]; 10] = [b"kr", b"al", b"sn", b"ka", b"kl", b"af", b"mi", b"ki", b"ar", b"ch"];
    match word.as_bytes() {
        [] | [_] => false,
        [0xC3, ..] => true,
        [first, _] | [first, _, _] => first.eq_ignore_ascii_case(&b'a'),
        [first, second, rest @ ..] => {
            let small = [first.to_ascii_lowercase(), second.to_ascii_lowercase()];
            rest.len() > 3 && BEGINNINGS.contains(&&small)
        }
    }
}

/// The word that begins at a place, with hyphens inside of it.
fn word_at(text: &str, at: usize) -> &str {
    let near = &text[at..text.floor_char_boundary(at + 24)];
    let end = near.find(|c: char| !c.is_alphanumeric() && c != '-').unwrap_or(near.len());
    near[..end].trim_end_matches('-')
}

/// The address around a sign.
fn around(text: &str, free: usize, sign: &Sign, own: Option<&Pii<Email>>) -> Option<(Range<usize>, Pii<Email>)> {
    let after = &text[sign.range.end..text.floor_char_boundary(sign.range.end + LONGEST_PART)];
    let before =
        &text[text.ceil_char_boundary(free.max(sign.range.start.saturating_sub(LONGEST_PART)))..sign.range.start];
    let domains = domains(after);
    if domains.is_empty() {
        return None;
    }
    let (own_local, own_domain) = own.and_then(|own| own.expose().as_str().rsplit_once('@')).unwrap_or_default();
    if let Some((domain, end, _)) = domains.iter().find(|(domain, ..)| domain.eq_ignore_ascii_case(own_domain))
        && !goes_on(&after[*end..])
        && let Some(start) = own_start(before, own_local)
    {
        let address = Email::parse(&format!("{own_local}@{domain}")).ok()?;
        return Some((sign.range.start - before.len() + start..sign.range.end + end, address));
    }
    let (domain, end, dots) = domains
        .into_iter()
        .rev()
        .find(|(domain, ..)| is_public(domain) && domain.rsplit('.').next().is_some_and(is_top_level))?;
    let (local, start, has_dots) = local(before)?;
    let is_plain = !dots && !has_dots && text[sign.range.clone()].len() == 1;
    // Of an address that is written without words, the finder of addresses has found what there is.
    let is_spaced = after.starts_with([' ', '\n', '\r']) || before.ends_with([' ', '\n', '\r']);
    let is_said = sign.is_sure && (!is_plain || is_spaced && is_one_line(before, after))
        || dots && (has_dots || is_no_word(&local) || has_cue(&before[..start]));
    let address =
        Email::parse(&format!("{local}@{domain}")).ok().filter(|_| is_said && !local.contains(char::is_whitespace))?;
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
                if word.eq_ignore_ascii_case("full")
                    && text[at..].get(..5).is_some_and(|next| next.eq_ignore_ascii_case(" stop"))
                {
                    at += 5;
                    return Some((start..at, AddressPiece::Dot));
                }
                let is = |known: &&str| known.eq_ignore_ascii_case(word);
                let other = OTHERS
                    .iter()
                    .find(|(known, _)| known.eq_ignore_ascii_case(word))
                    .map(|(_, sign)| AddressPiece::Sign(sign));
                let piece = if DOTS.iter().any(is) { AddressPiece::Dot } else { other.unwrap_or(AddressPiece::Word) };
                return Some((start..at, piece));
            }
            at += c.len_utf8();
            let piece = match c {
                '.' | '\u{FF0E}' => AddressPiece::Dot,
                '-' => AddressPiece::Sign("-"),
                '_' => AddressPiece::Sign("_"),
                '+' => AddressPiece::Sign("+"),
                ' ' | '\t' | '\r' | '\n' | '\u{A0}' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' => continue,
                _ => return None,
            };
            return Some((start..at, piece));
        }
    })
}

/// The domains that a text may begin with, the shortest first: where each ends, and whether a dot was a word.
fn domains(after: &str) -> Vec<(String, usize, bool)> {
    let mut all = Vec::new();
    let (mut domain, mut was_word, mut dots) = (String::new(), false, false);
    for (range, piece) in pieces(after).take(MOST_WORDS) {
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
                let ends = range.len() == 1
                    && after[range.end..].starts_with(char::is_whitespace)
                    && !after[..range.start].ends_with(char::is_whitespace);
                if domain.is_empty() || domain.ends_with('.') || ends && domain.contains('.') {
                    break;
                }
                dots |= range.len() > 1;
                domain.push('.');
            }
            AddressPiece::Sign("-") if was_word && after[..range.start].ends_with(char::is_alphanumeric) => {
                domain.push('-');
            }
            AddressPiece::Sign(_) => break,
        }
        was_word = piece == AddressPiece::Word;
        if was_word && domain.contains('.') {
            all.push((domain.clone(), range.end, dots));
        }
    }
    all
}

/// The local part that a text ends with, where it begins, and whether a dot of it was a word.
fn local(before: &str) -> Option<(String, usize, bool)> {
    let all: Vec<_> = pieces_from_end(before);
    let mut parts: Vec<&str> = Vec::new();
    let (mut start, mut was_word, mut dots) = (before.len(), false, false);
    for (range, piece) in all.into_iter().rev().take(MOST_WORDS) {
        let part = match piece {
            AddressPiece::Word if was_word => break,
            AddressPiece::Word => &before[range.clone()],
            AddressPiece::Dot if was_word => ".",
            AddressPiece::Sign(sign) if was_word => sign,
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

/// The pieces of the part of a text that ends it without a sign that no address has.
fn pieces_from_end(before: &str) -> Vec<(Range<usize>, AddressPiece)> {
    let is_in = |c: char| {
        c.is_alphanumeric()
            || c.is_whitespace()
            || matches!(c, '.' | '-' | '_' | '+' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '\u{FF0E}')
    };
    let from = before.rfind(|c: char| !is_in(c)).map_or(0, |at| before.ceil_char_boundary(at + 1));
    pieces(&before[from..]).map(|(range, piece)| (from + range.start..from + range.end, piece)).collect()
}

/// Where the own local part begins that a text ends with, whatever its signs were said as.
fn own_start(before: &str, own: &str) -> Option<usize> {
    let wanted: String = own.chars().filter(|c| c.is_alphanumeric()).collect();
    let mut left = &wanted[..];
    for (range, piece) in pieces_from_end(before).into_iter().rev() {
        if piece != AddressPiece::Word && !left.to_lowercase().ends_with(&before[range.clone()].to_lowercase()) {
            continue;
        }
        let word = before[range.clone()].to_lowercase();
        left = left.strip_suffix(&word[..])?;
        if left.is_empty() {
            return (!wanted.is_empty()).then_some(range.start);
        }
    }
    None
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
