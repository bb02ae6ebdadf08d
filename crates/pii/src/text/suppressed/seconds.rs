//! Seconds since 1970, `1707728511`, which may be a date of birth and right check digits by chance.
//!
//! Identity numbers of ten digits are usually written with a hyphen, `170772-8511`. In one piece, figures that may be
//! seconds are seconds outside of the country whose numbers they could be. There, one in a hundred times would be
//! taken for a person, and one in three persons for a time. So there, a person counts unless a word says that it is a
//! time.

use crate::text::cues::last_words;
use crate::text::national::{is_danish, is_youngest, may_be_seconds};

/// Words for an identity number, in small letters.
const PERSONS: &str = "cpr cprnr cprnummer personnummer personnr persnr pnr personnummeret personnumret fødselsnummer \
    fødselsnr fnr dnr fodselsnummer samordningsnummer ssn hetu henkilötunnus person identity identitet personal \
    birth";

/// Words for a time.
const TIMES: &str = "time times unixtime unixtid timestamp tidsstempel tidsstämpel zeitstempel aikaleima unix epoch \
    ts tid zeit aika date dato datum päivä created updated modified edited changed sent received deleted expires expiry exp iat nbf since seconds sekunder \
    sekunden sekuntia tidspunkt zeitpunkt";

/// The words before a figure among which one for an identity number may be, `cpr-nummer er`, and their bytes.
const MOST_WORDS: usize = 3;
const NEAR: usize = 48;

/// The country codes of Denmark and Sweden.
const DANISH: u16 = 45;
const SWEDISH: u16 = 46;

/// Whether ten digits in one piece are seconds rather than an identity number. `home` is the code of the tenant's
/// country.
pub(super) fn are_seconds(before: &str, digits: &[u8], home: u16) -> bool {
    if !may_be_seconds(digits) {
        return false;
    }
    let near = &before[before.ceil_char_boundary(before.len().saturating_sub(NEAR))..];
    let words = near.rsplit(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    if words.take(MOST_WORDS).any(|word| is_in(PERSONS, &word.to_lowercase())) {
        return false;
    }
    let is_person_there = is_issued(digits, home);
    !is_person_there || last_words(before).into_iter().flatten().any(|word| is_time(&word))
}

/// Whether a country with a code issues such identity numbers.
pub(super) fn is_issued(digits: &[u8], home: u16) -> bool {
    match home {
        DANISH => is_danish(digits),
        SWEDISH => !is_youngest(digits) && !is_danish(digits),
        _ => false,
    }
}

/// Whether a word in small letters is for a time.
pub(in crate::text) fn is_time(word: &str) -> bool {
    is_in(TIMES, word)
}

fn is_in(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == word)
}
