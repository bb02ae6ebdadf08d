//! The names of fields of JSON, and what is in them.

/// Fields that hold one word of several.
pub(super) const WORDS: [&str; 7] = ["word", "punctuated_word", "w", "token", "words", "tokens", "digits"];

/// Fields that hold what somebody said: the object that has one is a turn.
pub(super) const SAID: [&str; 9] =
    ["text", "body", "message", "content", "transcript", "utterance", "words", "word", "msg"];

/// More such fields: what speech engines understood, and the keys that were pressed.
pub(super) const HEARD: [&str; 16] = [
    "display",
    "lexical",
    "itn",
    "maskeditn",
    "transcription",
    "transcripts",
    "sentence",
    "phrase",
    "caption",
    "char",
    "chars",
    "letter",
    "digit",
    "dtmf",
    "said",
    "speech",
];

/// Fields that name who speaks, in any object.
pub(super) const SPEAKERS: [&str; 5] = ["speaker", "speaker_name", "speaker_label", "speakers", "participants"];

/// Fields that name who speaks, in a turn.
pub(super) const SENDERS: [&str; 15] = [
    "from",
    "author",
    "sender",
    "sender_name",
    "senderName",
    "from_name",
    "fromName",
    "participant",
    "name",
    "user",
    "username",
    "nick",
    "display_name",
    "displayName",
    "role",
];

/// Fields that tell in a container whose turn it is.
pub(super) const PARTIES: [&str; 2] = ["originator", "parties"];

/// Values that say on which side of a conversation a message comes from, whatever the name of their field is.
const DIRECTIONS: [&str; 6] = ["incoming", "outgoing", "inbound", "outbound", "received", "sent"];

/// Whether a value as it is written is one of these.
pub(super) fn is_direction(written: &str) -> bool {
    let value = written.trim_matches('"');
    value.len() < written.len() && DIRECTIONS.iter().any(|known| value.eq_ignore_ascii_case(known))
}

/// Whether somebody speaks in a field of a name.
pub(super) fn is_said(key: &str) -> bool {
    let is_one = |known: &&str| key.eq_ignore_ascii_case(known);
    SAID.iter().chain(&WORDS).chain(&HEARD).any(is_one)
}

/// A string on its own, in a field that nobody speaks.
pub(super) fn stands_alone(key: &str) -> bool {
    let times =
        ["id", "uuid", "at", "time", "timestamp", "start", "end", "begin", "date", "duration", "offset", "type"];
    times.contains(&key)
        || ["_id", "_at", "_time", "Id", "Time"].iter().any(|end| key.ends_with(end))
        || ["start_", "end_"].iter().any(|begin| key.starts_with(begin))
}
