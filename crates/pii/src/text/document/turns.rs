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

/// The items are rows, and the first value of each says who speaks: `["customer", "98 76"]`. No hash of a name is even.
pub(super) const ROWS: u64 = 2;

/// The field of an array's items that says who speaks, as a hash of its name. They begin behind a place.
pub(super) fn speaker_of(json: Json<'_>, start: usize) -> Option<u64> {
    if json.items_behind(start).next().is_some_and(|item| json.byte(item) == b'[') {
        return are_rows(json, start).then_some(ROWS);
    }
    let mut fields: HashMap<String, Values> = HashMap::new();
    let mut items = 0;
    for item in json.items_behind(start).take(LOOKED_AT) {
        if json.byte(item) != b'{' {
            return None;
        }
        items += 1;
        for member in json.members(item) {
            let name = json.read(member.key.clone()).into_owned();
            let is_person = speaks(&name.to_lowercase());
            note(json, member.value, is_person, fields.entry(name).or_default());
        }
    }
    let repeats = |values: &Values| values.repeat(items);
    let says = |values: &Values| values.is_long || values.seen.len() * 2 > items + 1;
    // `sender_type` says who speaks, and `agent_status` does not.
    let is_kind = |name: &str| speaks(name) && ["type", "kind"].iter().any(|end| name.ends_with(end));
    let is_other = |name: &str| is_other(name) && !is_kind(name);
    let candidates = fields.iter().filter(|(name, values)| repeats(values) && !is_other(&name.to_lowercase()));
    let best = candidates
        .max_by_key(|(name, values)| (speaks(&name.to_lowercase()), values.changes, std::cmp::Reverse(*name)))?;
    let is_turn = fields.iter().any(|(name, values)| name != best.0 && says(values));
    is_turn.then(|| hash(best.0))
}

impl Values {
    /// Whether the values come again, as those of a speaker do: there are at most half as many as turns.
    fn repeat(&self, items: usize) -> bool {
        let distinct = self.seen.len();
        !self.is_long && self.count == items && distinct >= 2 && distinct * 2 <= items + 1
    }
}

/// Whether the items behind a place are rows whose first values come again, with something that is said behind each.
fn are_rows(json: Json<'_>, start: usize) -> bool {
    let (mut values, mut items) = (Values::default(), 0);
    for item in json.items_behind(start).take(LOOKED_AT) {
        let mut row = json.items_behind(item + 1);
        let is_row = json.byte(item) == b'[';
        let (Some(first), Some(second)) = (row.next(), row.next()) else { return false };
        let name = json.text.get(first..json.end(first)).unwrap_or_default();
        if !is_row || json.byte(first) != b'"' || json.byte(second) != b'"' || !name.contains(char::is_alphabetic) {
            return false;
        }
        items += 1;
        note(json, first, false, &mut values);
    }
    values.repeat(items)
}

fn speaks(name: &str) -> bool {
    SPEAKS.iter().any(|part| name.contains(part))
}

/// Whether a name in small letters has a part that does not say who speaks. The `end` in `sender` is none.
fn is_other(name: &str) -> bool {
    OTHERS.iter().any(|other| name.replace("sender", "").contains(other))
}

fn note(json: Json<'_>, at: usize, is_person: bool, values: &mut Values) {
    let end = json.end(at);
    let raw = json.text.get(at..end).unwrap_or_default();
    match json.byte(at) {
        b'"' if raw.len() <= LONGEST => {}
        // `{"who": {"name": "Kari"}}`.
        b'{' if is_person && raw.len() <= LONGEST => {}
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
