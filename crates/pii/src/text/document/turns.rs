//! The speakers in a format that nobody has described: of the items of an array, a field whose values come again and again says
//! whose turn it is.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::scan::Json;

/// How many items of an array are looked at.
const LOOKED_AT: usize = 100;

/// A longer value is something that was said.
const LONGEST: usize = 64;

/// Parts of the names of fields that repeat and do not say who speaks.
const OTHERS: [&str; 22] = [
    "confidence",
    "duration",
    "emotion",
    "end",
    "event",
    "format",
    "intent",
    "kind",
    "lang",
    "level",
    "locale",
    "mime",
    "mood",
    "score",
    "sentiment",
    "speed",
    "start",
    "state",
    "status",
    "time",
    "topic",
    "type",
];

/// Parts of the names of fields that do.
const SPEAKS: [&str; 22] = [
    "agent",
    "author",
    "caller",
    "channel",
    "direction",
    "from",
    "originator",
    "owner",
    "participant",
    "party",
    "person",
    "purpose",
    "role",
    "sender",
    "side",
    "source",
    "speaker",
    "speaks",
    "talker",
    "track",
    "user",
    "who",
];

/// The values of a field of the items.
#[derive(Default)]
struct Values {
    seen: HashMap<u64, usize>,
    count: usize,
    changes: usize,
    last: u64,
    /// Whether it has something else than a short value: what was said, or what it was said in.
    is_long: bool,
}

/// The field of an array's items that says who speaks, as a hash of its name. They begin behind a place.
pub(super) fn speaker_of(json: Json<'_>, start: usize) -> Option<u64> {
    let mut fields: HashMap<String, Values> = HashMap::new();
    let mut items = 0;
    for item in json.items_behind(start).take(LOOKED_AT) {
        if json.byte(item) != b'{' {
            return None;
        }
        items += 1;
        for member in json.members(item) {
            let values = fields.entry(json.read(member.key.clone()).into_owned()).or_default();
            note(json, member.value, values);
        }
    }
    // The values of a speaker come again: there are at most half as many as turns.
    let repeats = |values: &Values| {
        let distinct = values.seen.len();
        !values.is_long && values.count == items && distinct >= 2 && distinct * 2 <= items + 1
    };
    let says = |values: &Values| values.is_long || values.seen.len() * 2 > items + 1;
    let speaks = |name: &str| SPEAKS.iter().any(|part| name.contains(part));
    // `sender_type` says who speaks, and `agent_status` does not.
    let is_kind = |name: &str| speaks(name) && ["type", "kind"].iter().any(|end| name.ends_with(end));
    let is_other = |name: &str| OTHERS.iter().any(|other| name.contains(other)) && !is_kind(name);
    let candidates = fields.iter().filter(|(name, values)| repeats(values) && !is_other(&name.to_lowercase()));
    let best = candidates
        .max_by_key(|(name, values)| (speaks(&name.to_lowercase()), values.changes, std::cmp::Reverse(*name)))?;
    let is_turn = fields.iter().any(|(name, values)| name != best.0 && says(values));
    is_turn.then(|| hash(best.0))
}

fn note(json: Json<'_>, at: usize, values: &mut Values) {
    let end = json.end(at);
    let raw = json.text.get(at..end).unwrap_or_default();
    match json.byte(at) {
        b'"' if raw.len() <= LONGEST => {}
        // A fraction is measured, never a speaker.
        b'0'..=b'9' | b'-' if !raw.contains(['.', 'e', 'E']) => {}
        b't' | b'f' | b'n' => {}
        b'0'..=b'9' | b'-' => return,
        _ => {
            values.is_long = true;
            return;
        }
    }
    let value = hash(raw);
    values.count += 1;
    values.changes += usize::from(values.count > 1 && values.last != value);
    values.last = value;
    *values.seen.entry(value).or_default() += 1;
}

/// The hash of a field's name.
pub(super) fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    // None is 0.
    hasher.finish() | 1
}
