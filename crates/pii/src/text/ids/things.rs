//! Words before a figure that say that a thing has it: `ordre`, `målernr`, `account number`, `Vertragsnummer`,
//! `kunde-id`.
//!
//! A word for a number in one piece with another word is the number of what that word names: `medlemsnr`. It is none
//! if that word is for a phone, for a place where one is, or for those who are called: `mobilnr`, `jobbnummer`. In
//! English the two words are apart, and any word may be before `number`. So there, only known words count.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::LazyLock;

use super::parties::is_party;
use super::vocabulary::{OWNERS, PHONES, SENT, THINGS};
use crate::text::address_signs::small;
use crate::text::cues::{ends_with_cue, has_parts, last_name, parts};
use crate::text::digits::Group;
use crate::text::suppressed::is_time;
use crate::text::words::Quick;

/// Words for a number of any kind, and those that are written in one with the word before them.
const NUMBERS: [&str; 16] = [
    "número",
    "numéro",
    "nummeret",
    "nummer",
    "numret",
    "numeroni",
    "numeron",
    "numerolla",
    "numero",
    "number",
    "nro",
    "nr",
    "num",
    "no",
    "id",
    "n",
];
const GLUED: [&str; 10] =
    ["nummeret", "nummer", "numret", "numeroni", "numeron", "numerolla", "numero", "number", "nro", "nr"];

/// The words of [`IDS`] for a number that may be one of a phone. An id is none.
const NUMBERS_ONLY: [&str; 4] = ["number", "nummer", "nr", "num"];

/// Words for a number that are before the word for what has it, and words that may be between the two.
const FIRST_NUMBERS: [&str; 6] = ["numéro", "número", "numero", "numer", "nr", "n"];
const OF: [&str; 6] = ["de", "du", "del", "di", "da", "do"];

/// Words between a thing and the word for its number: `saken med nummer 98765432`.
const HAVING: [&str; 7] = ["med", "har", "with", "has", "mit", "hat", "fikk"];

/// The words of a list by their hash. A list is gone through for each figure of a text otherwise.
type KnownWords = HashSet<&'static str, BuildHasherDefault<Quick>>;

static THING_WORDS: LazyLock<KnownWords> = LazyLock::new(|| THINGS.split_ascii_whitespace().chain(SENT).collect());
static PHONE_PARTS: LazyLock<Vec<&str>> = LazyLock::new(|| PHONES.split_ascii_whitespace().collect());
static OWNER_WORDS: LazyLock<KnownWords> = LazyLock::new(|| OWNERS.split_ascii_whitespace().collect());

/// The text that may follow the word of a thing.
const ENDINGS: [&str; 9] = ["no", "id", "sid", "en", "et", "s", "er", "n", "ens"];

/// The last parts of the names that programs give to numbers of things.
const IDS: &str = "id ids uid guid uuid no nr num number nummer ref reference key code token hash seq sequence index \
    count counter size bytes length version revision amount sum total price";

/// Parts of such names for those who call or write: the number is theirs.
const SENDERS: &str = "caller calling called callee sender recipient receiver originator originating destination dest \
    source party remote peer wa msisdn ani dnis cli whatsapp";

/// The text that is looked at before a figure, in bytes.
const NEAR: usize = 48;

/// Words that may be between the word for a number of a thing and the number: `ordrenummeret mitt er`.
const BETWEEN: [&str; 12] = ["er", "är", "ist", "is", "on", "var", "mitt", "min", "mit", "mein", "vårt", "ditt"];

/// The most such words.
const MOST_BETWEEN: usize = 2;

/// Whether a word of a thing is before a group of five digits or more. With a word for a number, a short group with a
/// hyphen behind it is enough: `part no. 212-6834-917`.
pub(super) fn follows(near: &str, group: &Group, has_hyphen: bool) -> bool {
    if group.gap.plus.is_some() || group.len() < 5 && !has_hyphen {
        return false;
    }
    let near = trim_signs(near);
    // Behind another figure of a row there is no word.
    if near.ends_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let word = small(last_word(near));
    // `Modell 4123-4567`.
    let is_long = group.len() >= 5 || group.len() == 4 && has_hyphen;
    is_long && (is_thing(&word) || is_programs(near)) || is_numbered(near)
}

/// Whether a text ends with the word of a thing, or with one for its number.
pub(in crate::text) fn names(near: &str) -> bool {
    let near = trim_signs(near);
    is_thing(&small(last_word(near))) || is_numbered(near)
}

/// Whether a text ends with the number of a thing and perhaps words behind it: `ordrenummeret mitt er`.
fn is_numbered(near: &str) -> bool {
    let mut rest = near;
    for _ in 0..=MOST_BETWEEN {
        let word = small(last_word(rest));
        if names_number(rest, &word) {
            return true;
        }
        if !BETWEEN.contains(&&*word) {
            return false;
        }
        rest = trim_signs(&rest[..rest.len() - last_word(rest).len()]);
    }
    false
}

/// Whether a label says that the figure behind it belongs to a thing.
pub(in crate::text) fn is_of_thing(label: &str) -> bool {
    let near = trim_signs(label);
    let word = small(last_word(near));
    !ends_with_cue(label) && (is_thing(&word) || names_number(near, &word) || is_programs(near))
}

/// Whether a text ends with a name that a program gives to a time or to the number of a thing: `created_at`,
/// `conversationId`.
fn is_programs(near: &str) -> bool {
    let Some(name) = last_name(near) else { return false };
    // Nearly every word is one part, which is no name of a program.
    if !has_parts(name) {
        return is_time(&small(name)) && !ends_with_cue(near);
    }
    let parts: Vec<String> = parts(name).map(str::to_lowercase).collect();
    let Some((last, others)) = parts.split_last() else { return false };
    let is_time = if others.is_empty() { is_time(last) } else { parts.iter().any(|part| is_time(part)) };
    let is_in = |list: &str, part: &str| list.split_ascii_whitespace().any(|known| known == part);
    // A contact is called, and its id is the one of a row: `contact_id`.
    let is_row = matches!(last.as_str(), "id" | "ids" | "uid" | "uuid" | "guid");
    let is_persons = |part: &String| names_phone(part) && !(is_row && part == "contact") || is_in(SENDERS, part);
    // `source_account_number` is one of an account, and `destination_number` one of a phone.
    let is_called = NUMBERS_ONLY.contains(&last.as_str()) && others.last().is_some_and(|other| is_party(other));
    // The number of a `workOrder` is one of an order.
    let is_things = others.last().is_some_and(|other| is_thing(other));
    let is_others = is_things || !is_called && !others.iter().any(is_persons);
    let is_id = !others.is_empty() && is_in(IDS, last) && is_others;
    (is_time || is_id) && !ends_with_cue(near)
}

/// Whether a text ends with the number of a thing, in one word or in two.
fn names_number(near: &str, word: &str) -> bool {
    if is_glued(word) || is_abbreviated(near) || is_written_short(near) {
        return true;
    }
    let rest = near[..near.len() - last_word(near).len()].trim_end_matches([' ', '\u{A0}']);
    // `Kunde: Nummeret mitt er` is what a customer says.
    if rest.ends_with(':') {
        return false;
    }
    let rest = trim_signs(rest);
    let before = small(last_word(rest));
    if NUMBERS.contains(&word) {
        // A person has a number too, so behind such a verb only a thing counts.
        let owner = || small(last_word(trim_signs(&rest[..rest.len() - last_word(rest).len()])));
        let is_called = word != "id" && is_party(&before);
        return is_owner(&before) && !is_called || HAVING.contains(&&*before) && is_thing(&owner());
    }
    // In some languages the two words change their places: `numéro client`, `número de cliente`, `nr klienta`.
    let before =
        if OF.contains(&&*before) { small(last_word(trim_signs(&rest[..rest.len() - before.len()]))) } else { before };
    FIRST_NUMBERS.contains(&&*before) && is_owner(word)
}

/// Whether a text ends with the first letter of a thing and the short word for its number: `dnr`, `j.nr.` The letters
/// `t` and `m` may also be those of a phone.
fn is_abbreviated(near: &str) -> bool {
    let rest = ["nro", "nr"].iter().find_map(|number| {
        let at = near.len().checked_sub(number.len())?;
        near.get(at..).filter(|end| end.eq_ignore_ascii_case(number)).map(|_| &near[..at])
    });
    let Some(rest) = rest else { return false };
    let mut before = rest.strip_suffix('.').unwrap_or(rest).chars().rev();
    let letter = before.next().filter(|c| c.is_alphabetic() && !matches!(c, 't' | 'T' | 'm' | 'M'));
    letter.is_some() && !before.next().is_some_and(char::is_alphanumeric)
}

/// Short forms for the number of a thing whose first word is another one alone: of a series, of a part, of a cheque, and
/// of a Danish business.
const SHORT: [&str; 6] = ["s/n", "p/n", "check no", "cheque no", "se-nr", "se-nummer"];

/// Whether a text ends with such a form.
fn is_written_short(near: &str) -> bool {
    SHORT.iter().any(|short| {
        let Some((before, end)) = near.len().checked_sub(short.len()).and_then(|at| near.split_at_checked(at)) else {
            return false;
        };
        end.eq_ignore_ascii_case(short) && !before.ends_with(char::is_alphanumeric)
    })
}

/// Whether a word is the number of a thing: `medlemsnr`, `userid`.
fn is_glued(word: &str) -> bool {
    let stem = GLUED.iter().find_map(|ending| word.strip_suffix(ending)).filter(|stem| stem.chars().count() > 1);
    let has_id = |ending: &str| word.strip_suffix(ending).is_some_and(|stem| stem.len() > 3 && is_owner(stem));
    stem.is_some_and(|stem| !names_phone(stem) && !is_party(stem)) || ["id", "sid"].iter().any(|ending| has_id(ending))
}

/// Whether a word is the number of a phone in one piece: `mobilnr`, `tilbakeringingsnummer`, `externalnumber`.
pub(in crate::text) fn is_phone_number(word: &str) -> bool {
    let stem = GLUED.iter().find_map(|ending| word.strip_suffix(ending)).filter(|stem| stem.chars().count() > 1);
    stem.is_some_and(|stem| names_phone(stem) || is_party(stem))
}

/// Whether a word in one piece with the word for a number is for a phone. A longer word for a thing is none, though it
/// begins like one: the number of a `Reservierung` is not the one of a reserve.
fn names_phone(stem: &str) -> bool {
    let is_one = |part: &str| {
        let begins = part.len() > 3 && stem.starts_with(part);
        let ends = (part.len() > 4 || matches!(part, "tlf" | "ruf")) && stem.ends_with(part);
        stem == part || (begins || ends) && !is_thing(stem)
    };
    PHONE_PARTS.iter().any(|part| is_one(part))
}

/// Whether a word is one for a phone or for where it is, and for nothing shorter: `fast`, `hjem`, `cell`.
pub(in crate::text) fn is_phone_word(word: &str) -> bool {
    word.len() > 3 && PHONE_PARTS.contains(&word)
}

fn is_owner(word: &str) -> bool {
    let is_one = |word: &str| word.len() > 1 && OWNER_WORDS.contains(word);
    is_one(word) || word.strip_suffix('s').is_some_and(is_one) || is_thing(word)
}

/// Whether a word in small letters names a thing that has a number. Of a compound, the last part counts: `Feilkode`.
pub(in crate::text) fn is_thing(word: &str) -> bool {
    const LAST: [&str; 9] = ["kode", "koden", "kod", "koodi", "faktura", "ordre", "referanse", "referenz", "zeichen"];
    let is_known = |word: &str| !word.is_empty() && THING_WORDS.contains(word);
    is_known(word)
        || ENDINGS.iter().any(|ending| word.strip_suffix(ending).is_some_and(is_known))
        || is_glued(word)
        || !word.starts_with("land") && LAST.iter().any(|last| word.ends_with(last))
}

/// Whether the text before a figure ends with a word for the number of an article, perhaps with `nr` or a sign behind
/// it.
pub(in crate::text) fn is_article_label(before: &str) -> bool {
    const WORDS: [&str; 9] =
        ["ean", "eannr", "eannummer", "gtin", "gln", "isbn", "strekkode", "streckkod", "stregkode"];
    let near = &before[before.ceil_char_boundary(before.len().saturating_sub(NEAR))..];
    let is_one = |near: &str| WORDS.contains(&last_word(trim_signs(near)).to_lowercase().as_str());
    let near = trim_signs(near);
    let rest = NUMBERS.iter().find_map(|word| near.to_lowercase().ends_with(word).then(|| near.len() - word.len()));
    is_one(near) || rest.and_then(|end| near.get(..end)).is_some_and(is_one)
}

/// The word before a figure, in small letters, or the one before a word for a number: `cvr` in `CVR-nr. `.
pub(in crate::text) fn word_of_number(near: &str) -> Cow<'_, str> {
    let near = trim_signs(near);
    let word = small(last_word(near));
    if NUMBERS.contains(&&*word) {
        return small(last_word(trim_signs(&near[..near.len() - word.len()])));
    }
    word
}

/// A text without the signs and digits at its end that may be between a word and its number: `EAN-13: `.
pub(super) fn trim_signs(near: &str) -> &str {
    near.trim_end_matches([' ', '\u{A0}', ':', '#', '.', '=', '-', '_', '"', '\'', '(', '°', 'º'])
}

fn last_word(near: &str) -> &str {
    let start = near.char_indices().rev().find(|(_, c)| !c.is_alphabetic()).map_or(0, |(at, c)| at + c.len_utf8());
    &near[start..]
}
