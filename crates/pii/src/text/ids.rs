//! Figures that a word or sign before them makes the id of a thing: `ordre 4536123097`, `case #0676847`, `RF-40908052-12`,
//! `v0.66.2668`. They are no numbers of other people. The record's own number counts nevertheless.

use std::ops::Range;

use super::digits::{Gap, Group, Lookalike, Stretch};

/// The lengths of the parts of a UUID.
const UUID: [usize; 5] = [8, 4, 4, 4, 12];
/// Its bytes, with the hyphens.
const UUID_LENGTH: usize = 36;

/// The UUIDs of a text, in its order. The digits of their parts would be numbers, cards, and accounts of other people by chance.
/// One without a letter may also be a list of figures.
pub(super) fn uuids(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = UUID[0];
    while let Some(ahead) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'-')) {
        let start = at + ahead - UUID[0];
        at += ahead + 1;
        if let Some(uuid) = bytes.get(start..start + UUID_LENGTH).filter(|uuid| is_uuid(uuid)) {
            found.push(start..start + uuid.len());
            at = start + uuid.len() + UUID[0];
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

/// Words for things that have numbers, in small letters. A word may have an ending of [`ENDINGS`].
const THINGS: &str = "order ordre ordren bestilling bestillingen beställning sak saken sag sagen ärende \
    ärendet case ticket ref reference referanse referansen referens referensen faktura fakturaen fakturan invoice regning \
    kvittering kvitto kundenr kundenummer kundnr kundnummer kundennummer kontonr kontonummer avtale avtalenr avtalsnr polise \
    sporing spårning tracking shipment forsendelse tilaus tilausnumero viite viitenumero lasku asiakasnumero auftrag \
    auftragsnummer bestellung bestellnummer rechnung rechnungsnummer vorgang vorgangsnummer aktenzeichen booking reservation \
    cvr cvrnr cvrnummer orgnr orgnummer organisasjonsnummer kid kidnr kidnummer ocr ocrnummer \
    isbn issn ean bookingnr serienr serienummer artikel artikelnr varenr varenummer produkt sku build commit issue job jobb batch";

/// The text that may follow the word of a thing.
const ENDINGS: [&str; 16] = [
    "nummeret",
    "nummer",
    "numret",
    "number",
    "numero",
    "snummeret",
    "snummer",
    "snumret",
    "nr",
    "snr",
    "no",
    "id",
    "en",
    "et",
    "s",
    "er",
];

/// The text that is looked at before a group, in bytes.
const NEAR: usize = 48;

/// Marks the groups of an id that begins with a group.
pub(super) fn mark(text: &str, stretch: &mut Stretch, first: usize) {
    let groups = &stretch.groups;
    let before = &text[..groups[first].start];
    let near = &before[before.ceil_char_boundary(before.len().saturating_sub(NEAR))..];
    let joined = |sign: char| {
        let rest = &groups[first + 1..];
        first + rest.iter().take_while(|group| is_joined(&group.gap, sign)).count()
    };
    let is_numbered = near.ends_with('#') && !super::cues::ends_with_cue(near);
    let last = if is_book(stretch, first) || is_numbered || follows_letters(near) || follows_thing(near, &groups[first])
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

/// Whether the number of a book begins with a group, `978-952-03-20897-2`: thirteen digits in five groups with hyphens between them.
fn is_book(stretch: &Stretch, first: usize) -> bool {
    let Some(groups) = stretch.groups.get(first..first + BOOK) else { return false };
    let digits = &stretch.digits[groups[0].from..groups[BOOK - 1].to];
    let is_prefixed = groups[0].len() == 3 && (digits.starts_with(b"978") || digits.starts_with(b"979"));
    is_prefixed && digits.len() == 13 && groups[1..].iter().all(|group| is_joined(&group.gap, '-'))
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

/// Whether a word of a thing is before a group of five digits or more, perhaps with `nr` or a sign between them.
fn follows_thing(near: &str, group: &Group) -> bool {
    if group.len() < 5 || group.gap.plus.is_some() {
        return false;
    }
    let near = near.trim_end_matches([' ', '\u{A0}', ':', '#', '.', '=']);
    let word = last_word(near);
    if word.is_empty() {
        return false;
    }
    let small = word.to_lowercase();
    if is_thing(&small) {
        return true;
    }
    let is_ending = ["nr", "no", "nummer", "number", "numero", "id"].contains(&small.as_str());
    is_ending
        && is_thing(
            &last_word(near[..near.len() - word.len()].trim_end_matches([' ', '\u{A0}', '-', '_'])).to_lowercase(),
        )
}

fn last_word(near: &str) -> &str {
    let start = near.char_indices().rev().find(|(_, c)| !c.is_alphabetic()).map_or(0, |(at, c)| at + c.len_utf8());
    &near[start..]
}

/// Whether a word in small letters names a thing that has a number.
pub(super) fn is_thing(word: &str) -> bool {
    let is_known = |word: &str| !word.is_empty() && THINGS.split_ascii_whitespace().any(|thing| thing == word);
    is_known(word) || ENDINGS.iter().any(|ending| word.strip_suffix(ending).is_some_and(is_known))
}
