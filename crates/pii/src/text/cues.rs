//! Words that say that a phone number follows.

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

/// Words for a number of whatever kind. Alone they are a label, but the words before them may say that a thing has the number.
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
    let mut rest = near;
    for skipped in 0..=MOST_BETWEEN {
        let Some((before, word)) = last_word(rest) else { return false };
        if is_cue(before, &word) {
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

/// The last word of a text in small letters, and the text before it. A word may have underscores in it.
fn last_word(text: &str) -> Option<(&str, String)> {
    let text = text.trim_end_matches([' ', '\u{A0}', ':', '=', '.', '#', '(', '"', '\'', '/', '-']);
    let start = text.char_indices().rev().find(|(_, c)| !c.is_alphabetic() && *c != '_');
    let (before, word) = text.split_at(start.map_or(0, |(at, c)| at + c.len_utf8()));
    (word.len() > 1).then(|| (before, word.to_lowercase()))
}

/// Whether a word is a label. Of the parts of `customer_phone`, the last one counts. Words such as `number` and `id` belong to the word
/// before them.
fn is_cue(before: &str, word: &str) -> bool {
    let parts: Vec<&str> = word.split('_').filter(|part| !part.is_empty()).collect();
    let Some((last, others)) = parts.split_last() else { return false };
    let is_label = |word: &str| CUES.contains(&word);
    if !NUMBERS.contains(last) {
        return is_label(last);
    }
    match others.last() {
        Some(other) => is_label(other) || ["from", "to", "contact", "my", "customer"].contains(other),
        None if is_label(last) => true,
        None => last_word(before).is_some_and(|(_, other)| is_label(&other)),
    }
}

/// Whether a text ends with the word of a thing.
fn names_thing(before: &str) -> bool {
    last_word(before).is_some_and(|(_, word)| super::ids::things::is_thing(&word))
}

/// Whether a number probably begins with the first figure of a row and not with a later one: a label is before it,
/// or no text.
pub(super) fn leads(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '\u{A0}', '(', '[', '+']);
    before.is_empty() || before.ends_with(['\n', ':', '=', ',', ';', '.']) || ends_with_cue(before)
}
