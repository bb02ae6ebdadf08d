//! Words that say that a phone number follows.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::LazyLock;

use super::ids::parties::is_party;
use super::ids::things::is_phone_number;
use super::words::Quick;

/// Labels and verbs of English, German, and the languages of the north, in small letters.
const CUES: &[&str] = &[
    "tlf",
    "tel",
    "tlfnr",
    "telnr",
    "telefon",
    "telefonen",
    "telefonnr",
    "telefonnummer",
    "telefonnummeret",
    "phone",
    "phonenumber",
    "telephone",
    "mobil",
    "mobile",
    "mobiltelefon",
    "mobilnr",
    "mobilnummer",
    "mob",
    "cell",
    "cellphone",
    "handy",
    "rufnummer",
    "nummer",
    "nummeret",
    "numret",
    "number",
    "nr",
    "numero",
    "puhelin",
    "puh",
    "puhelinnumero",
    "puhelinnumeroni",
    "ring",
    "ringe",
    "ringer",
    "ringte",
    "ringa",
    "call",
    "caller",
    "callback",
    "called",
    "callto",
    "soita",
    "anrufen",
    "sms",
    "sms-til",
    "smsto",
    "pjsip",
    "text",
    "msisdn",
    "whatsapp",
    "wa",
    "signal",
    "viber",
    "telegram",
    "imessage",
    "fax",
    "faks",
    "telefax",
    "fasttelefon",
    "hjemmetelefon",
    "arbeidstelefon",
    "mobiltlf",
    "gsm",
    "ani",
    "cli",
    "sip",
    "sips",
    "callerid",
    "ph",
    "tfn",
    "tfnr",
    "handynr",
    "handynummer",
    "mobilnumret",
    "mobilnummeret",
    "mobilen",
    "matkapuhelin",
    "matkapuhelinnumero",
    "kännykkä",
    "puhnro",
    "numeroon",
    "mobiel",
    "telefoon",
    "telefoonnummer",
    "teléfono",
    "telefono",
    "móvil",
    "téléphone",
    "tél",
];

/// The same by their hash. The list is gone through for each figure of a text otherwise.
static CUE_WORDS: LazyLock<HashSet<&str, BuildHasherDefault<Quick>>> = LazyLock::new(|| CUES.iter().copied().collect());

fn is_label(word: &str) -> bool {
    CUE_WORDS.contains(word)
}

/// Words for a number of whatever kind. Alone they are a label, but the words before them may say that a thing has the
/// number.
const NUMBERS: &[&str] =
    &["id", "no", "nr", "nro", "num", "number", "nummer", "nummeret", "numret", "numero", "número"];

/// Words between a verb or a label and its number: `ring meg på`, `my number is`.
const BETWEEN: &[&str] = &[
    "på", "paa", "at", "on", "to", "til", "till", "under", "unter", "an", "auf", "med", "via", "is", "er", "är", "ist",
    "meg", "mig", "me", "mich", "minulle", "us", "oss", "os", "uns", "her", "him", "them", "ham", "henne", "hende",
];

/// The most such words.
const MOST_BETWEEN: usize = 3;

/// The longest of them, and what may be between one and its number.
const LONGEST: usize = 48;

/// Whether the text before a number ends with a label of a number.
pub(super) fn ends_with_cue(before: &str) -> bool {
    let near = &before[before.ceil_char_boundary(before.len().saturating_sub(LONGEST))..];
    if near.ends_with('/') && near.to_ascii_lowercase().ends_with("wa.me/") {
        return true;
    }
    if names_sender(near) {
        return true;
    }
    let mut rest = near;
    for skipped in 0..=MOST_BETWEEN {
        let Some((before, written)) = last_written(rest) else { return false };
        let word = written.to_lowercase();
        if is_cue(before, written, &word) {
            // `order number is 46701740605`: only a label that is just before its number outweighs a thing.
            return skipped == 0 || !NUMBERS.contains(&word.as_str()) || !names_thing(before);
        }
        if !(rest.ends_with([' ', '\u{A0}', ':']) && BETWEEN.contains(&word.as_str())) {
            return false;
        }
        rest = before;
    }
    false
}

/// Names of the fields of a message for who sends and who gets it. Sentences have these words too, so
/// they count only with a sign behind them.
const SENDERS: [&str; 18] = [
    "from",
    "to",
    "sender",
    "recipient",
    "originator",
    "fra",
    "til",
    "från",
    "till",
    "von",
    "afsender",
    "avsender",
    "avsändare",
    "absender",
    "mottaker",
    "mottagare",
    "modtager",
    "empfänger",
];

/// Whether a text ends with the name of such a field and its sign: `From: `, `to=`.
fn names_sender(near: &str) -> bool {
    let Some(name) = near.trim_end_matches([' ', '"', '\'']).strip_suffix([':', '=']) else { return false };
    let name = name.trim_end_matches(['"', '\'', ' ']);
    let start = name.char_indices().rev().find(|(_, c)| !c.is_alphabetic()).map_or(0, |(at, c)| at + c.len_utf8());
    // `valid from=` and `path_to:` are names of something else.
    let is_whole = !name[..start].ends_with(['_', '-', '.']);
    is_whole && SENDERS.contains(&&*name[start..].to_lowercase())
}

/// The last word of a text in small letters, and the text before it. A word may have underscores in it.
pub(super) fn last_word(text: &str) -> Option<(&str, String)> {
    last_written(text).map(|(before, word)| (before, word.to_lowercase()))
}

/// The same as it is written.
fn last_written(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_end_matches([' ', '\u{A0}', ':', '=', '.', '#', '(', '"', '\'', '/', '-']);
    let start = text.char_indices().rev().find(|(_, c)| !c.is_alphabetic() && *c != '_');
    let (before, word) = text.split_at(start.map_or(0, |(at, c)| at + c.len_utf8()));
    (word.len() > 1).then_some((before, word))
}

/// The parts of the last word of a text, in small letters: those of `date_unixtime` and of `createdAt` are two.
pub(super) fn last_words(text: &str) -> Option<Vec<String>> {
    Some(parts(last_name(text)?).map(str::to_lowercase).collect())
}

/// The last word of a text as it is written. It may be a name of several parts.
pub(super) fn last_name(text: &str) -> Option<&str> {
    let near = &text[text.ceil_char_boundary(text.len().saturating_sub(LONGEST))..];
    last_written(near).map(|(_, word)| word)
}

/// The parts of a name that a program gives: `customer_phone`, `callingPartyNumber`.
pub(super) fn parts(word: &str) -> impl Iterator<Item = &str> {
    word.split('_').flat_map(|part| {
        let is_border = |at: &usize| {
            let is_capital = |c: Option<char>| c.is_some_and(char::is_uppercase);
            let before = part[..*at].chars().next_back();
            is_capital(part[*at..].chars().next()) && before.is_some() && !is_capital(before)
        };
        let mut start = 0;
        let ends: Vec<usize> = part.char_indices().map(|(at, _)| at).filter(is_border).chain([part.len()]).collect();
        ends.into_iter().map(move |end| &part[std::mem::replace(&mut start, end)..end]).filter(|part| !part.is_empty())
    })
}

/// Whether a word may have several parts. Most have none but themselves.
pub(super) fn has_parts(word: &str) -> bool {
    word.starts_with('_') || word.chars().skip(1).any(|c| c == '_' || c.is_uppercase())
}

/// Words before `number` that say whose number it is.
const WHOSE: [&str; 17] = [
    "from",
    "to",
    "contact",
    "my",
    "party",
    "remote",
    "source",
    "destination",
    "calling",
    "called",
    "callee",
    "dialed",
    "dialled",
    "sender",
    "recipient",
    "originator",
    "originating",
];

/// Whether a word is a label; `small` is the word in small letters. Of the parts of `customer_phone` and
/// `customerPhone`, the last one counts. Words such as `number` and `id` belong to the word before them.
fn is_cue(before: &str, written: &str, small: &str) -> bool {
    let parts: Vec<String>;
    let (last, other) = if has_parts(written) {
        parts = self::parts(written).map(str::to_lowercase).collect();
        let Some((last, others)) = parts.split_last() else { return false };
        (last.as_str(), others.last())
    } else {
        (small, None)
    };
    if !NUMBERS.contains(&last) {
        // `WhatsApp` is one word.
        return is_label(last) || is_label(small) || is_phone_number(small);
    }
    match other {
        // The id of a contact or of a user is no number: `contact_id`.
        Some(other) if last == "id" => is_label(other) || WHOSE.contains(&other.as_str()) && other != "contact",
        Some(other) => is_label(other) || WHOSE.contains(&other.as_str()) || is_party(other),
        None if is_label(last) => true,
        None => last_word(before).is_some_and(|(_, other)| is_label(&other) || other == "contact"),
    }
}

/// Whether a text ends with the word of a thing.
fn names_thing(before: &str) -> bool {
    last_word(before).is_some_and(|(_, word)| super::ids::things::is_thing(&word))
}

/// Abbreviations of `number`, which are labels of numbers of any kind. Alone they say that a figure
/// follows: `nr. 41 92 61 48 37`.
const SHORT_NUMBERS: [&str; 4] = ["nr", "no", "nro", "num"];

/// The letters of the longest abbreviation, `avd.`, that is not taken for the end of a sentence.
const LONGEST_SHORT: usize = 3;

/// Whether a number probably begins with the first figure of a row and not with a later one: a label, a speaker, or
/// the end of a sentence is before it, or no text. Another word, `rom`, `avd.`, or `alder:`, names what the first
/// figure is.
pub(super) fn leads(before: &str) -> bool {
    let before = &before[before.ceil_char_boundary(before.len().saturating_sub(LONGEST))..];
    let before = before.trim_end_matches([' ', '\u{A0}', '(', '[', '+']);
    let begun = before.trim_end_matches([' ', '-', '\u{2013}', '\u{2022}', '*', '>', '"', '\u{AB}', '\u{201C}']);
    if begun.is_empty() || begun.ends_with('\n') || before.ends_with([',', ';']) {
        return true;
    }
    let Some((rest, word)) = last_word(before) else { return before.ends_with([':', '=', '.']) };
    if SHORT_NUMBERS.contains(&word.as_str()) {
        return last_written(rest).is_some_and(|(before, other)| is_cue(before, other, &other.to_lowercase()));
    }
    let is_end = before.ends_with('.') && word.chars().count() > LONGEST_SHORT;
    is_end || before.ends_with([':', '=']) && crate::nobody::is_role(&word) || ends_with_cue(before)
}
