//! Words that say that a phone number follows.

/// Labels and verbs of English, German, and the languages of the north, in small letters.
const CUES: [&str; 68] = [
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
    "caller_id",
];

/// The longest of them, and what may be between one and its number.
const LONGEST: usize = 32;

/// Whether the text before a number ends with a label of a number.
pub(super) fn ends_with_cue(before: &str) -> bool {
    let near = &before[before.ceil_char_boundary(before.len().saturating_sub(LONGEST))..];
    if near.ends_with('/') && near.to_ascii_lowercase().ends_with("wa.me/") {
        return true;
    }
    let near = near.trim_end_matches([' ', '\u{A0}', ':', '=', '.', '#', '(', '"', '\'', '/', '-']);
    let start = near.char_indices().rev().find(|(_, c)| !c.is_alphabetic() && *c != '_');
    let word = &near[start.map_or(0, |(at, c)| at + c.len_utf8())..];
    if word.len() < 2 {
        return false;
    }
    let small = word.to_lowercase();
    CUES.contains(&small.as_str())
}

/// Whether a number probably begins with the first figure of a row and not with a later one: a label is before it,
/// or no text.
pub(super) fn leads(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '\u{A0}', '(', '[', '+']);
    before.is_empty() || before.ends_with(['\n', ':', '=', ',', ';', '.']) || ends_with_cue(before)
}
