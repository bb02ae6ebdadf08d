//! The signs and words of a text that mean `@`, and the words that mean other signs of an address.

use std::borrow::Cow;
use std::ops::Range;

use super::address_words::{DOTS, OTHERS, SIGNS, TWO_SIGNS, WORDS};
use super::digits::{DIGIT, KINDS, LETTER};

/// How sure a sign means `@`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It means nothing else.
    Sure,
    /// An `a` in brackets with spaces around it. Lists have such ones too.
    Letter,
    /// A word of everyday language.
    Word,
}

/// A sign that means `@`.
#[derive(Debug)]
pub(super) struct Sign {
    pub range: Range<usize>,
    pub meaning: Meaning,
}

/// The sign of an address that a word means.
pub(super) fn sign_of_word(word: &str) -> Option<char> {
    let is = |known: &str| known.eq_ignore_ascii_case(word);
    if DOTS.iter().any(|known| is(known)) {
        return Some('.');
    }
    OTHERS.iter().find(|(known, _)| is(known)).map(|(_, sign)| *sign)
}

/// Whether a word in small letters means `@`.
pub(super) fn is_at(word: &str) -> bool {
    WORDS.contains(&word) || SIGNS.contains(&word)
}

/// The bit of a byte with which a sign begins wherever it is, and a bit for each letter with which a word for `@` begins
/// if no letter or digit is before it.
const SIGN: u8 = 1;
const WORD: u8 = !SIGN;

/// The first letters of such words, and the letters that may be second behind each. A letter that is a sign itself is in
/// brackets. The last one is the first byte of `ä` and `æ`, and is not looked at further.
const BEGINNINGS: [(u8, &[u8]); 5] = [(b'a', b"tlfrp)]}"), (b'k', b"rali"), (b's', b"n"), (b'm', b"ia"), (b'c', b"h")];
const BEYOND_ASCII: u8 = 0xC3;

/// The bits of a byte as the first one, as the second one, and before both. Three bytes decide on nearly
/// every place of a text.
#[derive(Clone, Copy)]
struct SignByte {
    first: u8,
    second: u8,
    before: u8,
}

static BYTES: [SignByte; 256] = {
    let mut table = [SignByte { first: 0, second: SIGN | 1 << 7, before: SIGN | WORD }; 256];
    let mut byte = 0;
    while byte < table.len() {
        if KINDS[byte] & (LETTER | DIGIT) > 0 {
            table[byte].before = SIGN;
        }
        byte += 1;
    }
    table[b'@' as usize].first = SIGN;
    table[0xEF].first = SIGN;
    table[BEYOND_ASCII as usize].first = 1 << 7;
    let mut no = 0;
    while no < BEGINNINGS.len() {
        let (first, mut seconds) = BEGINNINGS[no];
        let bit = 2 << no;
        table[first as usize].first = bit;
        table[first.to_ascii_uppercase() as usize].first = bit;
        while let [second, rest @ ..] = seconds {
            table[*second as usize].second |= bit;
            table[second.to_ascii_uppercase() as usize].second |= bit;
            seconds = rest;
        }
        no += 1;
    }
    table
};

/// The signs and words of a text that mean `@`, in its order.
pub(super) fn signs(text: &str) -> Vec<Sign> {
    let mut from = 0;
    let next = || next_sign(text, from).inspect(|sign| from = sign.range.end);
    std::iter::from_fn(next).collect()
}

/// The next sign or word that means `@`.
fn next_sign(text: &str, from: usize) -> Option<Sign> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        at = next_place(bytes, at)?;
        if bytes[at] == b'@' || text[at..].starts_with('\u{FF20}') {
            let length = if bytes[at] == b'@' { 1 } else { 3 };
            return Some(Sign { range: at..at + length, meaning: Meaning::Sure });
        }
        if let Some(sign) = letter(text, at) {
            return Some(sign);
        }
        let may_begin = BYTES[usize::from(bytes[at])].first & WORD != 0 && text.is_char_boundary(at);
        let begins = may_begin && !text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
        if begins {
            let word = word_at(text, at);
            if let Some(sign) = may_be_sign(word).then(|| word_sign(text, at, word)).flatten() {
                return Some(sign);
            }
            at += word.len().max(1);
        } else {
            at += 1;
        }
        at = text.ceil_char_boundary(at.min(text.len()));
    }
}

/// The sign that a word at a place means.
fn word_sign(text: &str, at: usize, word: &str) -> Option<Sign> {
    let end = at + word.len();
    let small = small(word);
    if let Some(end) = second_word(text, end, &small) {
        return Some(Sign { range: at..end, meaning: Meaning::Sure });
    }
    let is_bracketed = || {
        text[..at].trim_end_matches([' ', '_']).ends_with(['(', '[', '{', '<'])
            && text[end..].trim_start_matches([' ', '_']).starts_with([')', ']', '}', '>'])
    };
    let is_sure = SIGNS.contains(&&*small);
    if !is_sure && !WORDS.contains(&&*small) {
        return None;
    }
    let meaning = if is_sure || is_bracketed() { Meaning::Sure } else { Meaning::Word };
    Some(Sign { range: at..end, meaning })
}

/// A word in small letters.
pub(super) fn small(word: &str) -> Cow<'_, str> {
    let is_small = if word.is_ascii() {
        !word.bytes().any(|byte| byte.is_ascii_uppercase())
    } else {
        word.chars().all(|c| c.is_lowercase() || !c.is_alphabetic())
    };
    if is_small { Cow::Borrowed(word) } else { Cow::Owned(word.to_lowercase()) }
}

/// The sign that a letter in brackets is: `kari(a)x.no`.
fn letter(text: &str, at: usize) -> Option<Sign> {
    let bytes = text.as_bytes();
    if !matches!(bytes[at], b'a' | b'A') || at == 0 {
        return None;
    }
    let closing = match bytes[at - 1] {
        b'(' => b')',
        b'[' => b']',
        b'{' => b'}',
        _ => return None,
    };
    if bytes.get(at + 1) != Some(&closing) {
        return None;
    }
    let is_beside =
        text[..at - 1].ends_with(char::is_alphanumeric) && text[at + 2..].starts_with(char::is_alphanumeric);
    let meaning = if is_beside { Meaning::Sure } else { Meaning::Letter };
    Some(Sign { range: at..at + 1, meaning })
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

/// The next place where a sign or a word that means `@` may begin.
fn next_place(bytes: &[u8], from: usize) -> Option<usize> {
    let bits = |byte: u8| BYTES[usize::from(byte)];
    let mut before = from.checked_sub(1).map_or(SIGN | WORD, |at| bits(bytes[at]).before);
    let places = bytes[from..].iter().zip(bytes[from..].iter().skip(1).chain([&0]));
    let mut ahead = places.map(|(first, second)| {
        let here = bits(*first);
        here.first & bits(*second).second & std::mem::replace(&mut before, here.before)
    });
    ahead.position(|bits| bits != 0).map(|ahead| from + ahead)
}

/// Whether a word can be one for `@` by its length and its first two letters: they decide on nearly every word.
fn may_be_sign(word: &str) -> bool {
    const BEGINNINGS: [&[u8; 2]; 13] =
        [b"kr", b"al", b"sn", b"ka", b"kl", b"af", b"mi", b"ki", b"ar", b"ch", b"at", b"ap", b"ma"];
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
    let is_part = |c: char| c.is_alphanumeric() || c == '-';
    let ascii = near.bytes().take_while(|byte| byte.is_ascii() && is_part(char::from(*byte))).count();
    let rest = &near[ascii..];
    let end = ascii + rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
    near[..end].trim_end_matches('-')
}
