//! Figures that a word or sign before them makes the id of a thing: `ordre 4536123097`, `case #0676847`,
//! `RF-40908052-12`, `v0.66.2668`. They are no numbers of other people. The record's own number counts nevertheless.

mod cases;
pub(super) mod parties;
mod paths;
pub(super) mod things;
mod vocabulary;

use std::ops::Range;

use super::digits::{Gap, Group, Lookalike, Stretch, next_byte};
use things::trim_signs;

/// The lengths of the parts of a UUID.
const UUID: [usize; 5] = [8, 4, 4, 4, 12];
/// Its bytes, with the hyphens.
const UUID_LENGTH: usize = 36;

/// The UUIDs of a text, in its order. The digits of their parts would be numbers, cards, and accounts of other people
/// by chance. One without a letter may also be a list of figures.
pub(super) fn uuids(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while let Some(hyphen) = next_byte(text, b'-', at) {
        at = hyphen + 1;
        let free = found.last().map_or(0, |last| last.end);
        let Some(start) = hyphen.checked_sub(UUID[0]).filter(|start| *start >= free) else { continue };
        if let Some(uuid) = bytes.get(start..start + UUID_LENGTH).filter(|uuid| is_uuid(uuid)) {
            found.push(start..start + uuid.len());
            at = start + uuid.len();
        }
    }
    found
}

fn is_uuid(bytes: &[u8]) -> bool {
    let mut parts = bytes.split(|byte| *byte == b'-');
    let is_part = |length: usize, part: &[u8]| part.len() == length && part.iter().all(u8::is_ascii_hexdigit);
    UUID.iter().all(|length| parts.next().is_some_and(|part| is_part(*length, part)))
        && parts.next().is_none()
        && bytes.iter().any(u8::is_ascii_alphabetic)
}

/// The text that is looked at before a group, in bytes.
const NEAR: usize = 48;

/// The fewest digits of an id in one piece.
const LONG: usize = 5;

/// Marks the groups of an id that begins with a group.
pub(super) fn mark(text: &str, stretch: &mut Stretch, first: usize) {
    let groups = &stretch.groups;
    // An id in parts was marked to its end, so that a long row of them is read once.
    let is_id = |group: &Group| group.lookalike == Lookalike::Id;
    if first > 0 && is_joined(&groups[first].gap, '-') && is_id(&groups[first]) && is_id(&groups[first - 1]) {
        return;
    }
    let before = &text[..groups[first].start];
    let near = &before[before.ceil_char_boundary(before.len().saturating_sub(NEAR))..];
    let joined = |sign: char| {
        let rest = &groups[first + 1..];
        first + rest.iter().take_while(|group| is_joined(&group.gap, sign)).count()
    };
    let has_hyphen = groups.get(first + 1).is_some_and(|next| is_joined(&next.gap, '-'));
    let is_numbered = near.ends_with('#') && !super::cues::ends_with_cue(near);
    let known_end = || {
        let word = things::word_of_number(near);
        business_end(&word, stretch, first)
            .or_else(|| reference_end(&word, stretch, first))
            .or_else(|| cases::end(near, stretch, first))
    };
    let last = if let Some(last) = known_end() {
        last
    } else if is_book(stretch, first)
        || is_business(near, stretch, first)
        || is_numbered
        || follows_letters(near)
        || things::follows(near, &groups[first], has_hyphen)
        || groups[first].len() >= LONG && groups[first].gap.plus.is_none() && paths::is_path(before)
    {
        joined('-')
    } else if near.ends_with(['v', 'V']) && !near[..near.len() - 1].ends_with(char::is_alphanumeric) {
        match joined('.') {
            last if last > first => last,
            _ => return,
        }
    } else {
        return;
    };
    for group in &mut stretch.groups[first..=last] {
        group.lookalike = group.lookalike.max(Lookalike::Id);
    }
}

/// Whether the number of a book begins with a group, `978-952-03-20897-2`: thirteen digits in five groups with hyphens
/// between them.
fn is_book(stretch: &Stretch, first: usize) -> bool {
    let Some(groups) = stretch.groups.get(first..first + BOOK) else { return false };
    let digits = &stretch.digits[groups[0].from..groups[BOOK - 1].to];
    let is_prefixed = groups[0].len() == 3 && (digits.starts_with(b"978") || digits.starts_with(b"979"));
    is_prefixed && digits.len() == 13 && groups[1..].iter().all(|group| is_joined(&group.gap, '-'))
}

/// Whether the number of a Finnish business (Y-tunnus) begins with a group, `0109862-8`: seven digits, a hyphen, and a
/// check digit.
fn is_business(near: &str, stretch: &Stretch, first: usize) -> bool {
    const WEIGHTS: [u32; 8] = [7, 9, 10, 5, 8, 4, 2, 1];
    let Some([number, check]) = stretch.groups.get(first..first + 2) else { return false };
    let goes_on = stretch.groups.get(first + 2).is_some_and(|group| is_joined(&group.gap, '-'));
    let digits = &stretch.digits[number.from..check.to];
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    let is_written = number.len() == 7 && check.len() == 1 && is_joined(&check.gap, '-') && !goes_on;
    is_written && (ends_with_business(near) || sum.is_multiple_of(11) && !super::cues::ends_with_cue(near))
}

/// Words for the numbers of businesses in one country each, and how many digits these have.
const BUSINESSES: [(&str, usize); 9] = [
    ("cvr", 8),
    ("cvrnr", 8),
    ("kvk", 8),
    ("orgnr", 9),
    ("siren", 9),
    ("regon", 9),
    ("nif", 9),
    ("nip", 10),
    ("siret", 14),
];

/// The last group of the number of a business that a word before it names: `CVR 31 66 23 38`. It may have the groups
/// of a phone number.
fn business_end(word: &str, stretch: &Stretch, first: usize) -> Option<usize> {
    let (_, length) = BUSINESSES.into_iter().find(|(known, _)| *known == word)?;
    let begun = stretch.groups[first].from;
    let rest = stretch.groups[first..].iter().enumerate();
    let mut joined = rest.take_while(|(at, group)| *at == 0 || group.gap.joins && group.gap.plus.is_none());
    joined
        .find(|(_, group)| group.to - begun >= length)
        .filter(|(_, group)| group.to - begun == length)
        .map(|(at, _)| first + at)
}

/// Words for the reference of a payment.
const REFERENCES: [&str; 8] =
    ["kid", "ocr", "fik", "viite", "viitenumero", "viitenro", "zahlungsreferenz", "verwendungszweck"];

/// The most digits of a reference of a payment (KID).
const LONGEST_REFERENCE: usize = 25;

/// The last group of the reference of a payment that a word before it names: `KID 98 76 54 32 1`. A longer group is a
/// reference by itself.
fn reference_end(word: &str, stretch: &Stretch, first: usize) -> Option<usize> {
    let groups = &stretch.groups[first..];
    if groups[0].gap.plus.is_some() || !REFERENCES.contains(&word) {
        return None;
    }
    let is_part = |group: &&Group| {
        is_joined(&group.gap, ' ') && group.len() <= LONG && group.to - groups[0].from <= LONGEST_REFERENCE
    };
    let rest = if groups[0].len() <= LONG { groups[1..].iter().take_while(is_part).count() } else { 0 };
    Some(first + rest)
}

/// Whether the text before a figure ends with a label of the number of a Finnish business.
fn ends_with_business(near: &str) -> bool {
    const LABELS: [&str; 6] = ["y-tunnus", "ytunnus", "fo-nummer", "fo-numret", "business id", "y-tunnuksemme"];
    let near = trim_signs(near).to_lowercase();
    LABELS.iter().any(|label| near.ends_with(label))
}

/// The groups of the number of a book.
const BOOK: usize = 5;

fn is_joined(gap: &Gap, sign: char) -> bool {
    gap.joins && gap.width == 1 && gap.sign == Some(sign)
}

/// `RF-`, `ABC-`: the letters of a code. A label of a phone number is none.
fn follows_letters(near: &str) -> bool {
    let Some(before) = near.strip_suffix('-') else { return false };
    let rest = before.trim_end_matches(|c: char| c.is_ascii_uppercase());
    let letters = &before[rest.len()..];
    (1..=5).contains(&letters.len())
        && !rest.ends_with(char::is_alphanumeric)
        && !["TLF", "TEL", "MOB", "FAX", "PH", "SMS", "NR", "PHONE", "CELL", "GSM"].contains(&letters)
}
