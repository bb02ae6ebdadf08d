//! JSON documents: turns, words with their times, or any other shape.
//!
//! Every string is looked through, and those that follow one another: strings in one place of the shape (`turns[].text`,
//! `segments[].words[].word`) said by one speaker are one text. Times and ids are no text. Of numbers and keys only
//! what [`tokenize_json`](super::super::tokenize_json) takes for identifiers is one.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use chrono::DateTime;
use serde_json::error::Category;
use serde_json::{Map, Value};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::super::json::insert;
use super::super::placeholder::{Mentions, strip};
use super::super::{Finder, Reading};
use super::joined::{Eyes, Mark, Part, Put, written};
use super::{Broken, Case, speakers, vcon};
use crate::base::json::Unambiguous;

/// What the JSON is to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Any,
    Vcon,
}

/// Fields that hold one word of several.
const WORDS: [&str; 7] = ["word", "punctuated_word", "w", "token", "words", "tokens", "digits"];

/// Fields that hold what somebody said: the object that has one is a turn.
const SAID: [&str; 9] = ["text", "body", "message", "content", "transcript", "utterance", "words", "word", "msg"];

/// Fields that name who speaks, in any object.
const SPEAKERS: [&str; 5] = ["speaker", "speaker_name", "speaker_label", "speakers", "participants"];

/// Fields that name who speaks, in a turn.
const SENDERS: [&str; 11] = [
    "from",
    "author",
    "sender",
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
const PARTIES: [&str; 2] = ["originator", "parties"];

/// A string on its own: what such a field holds is not said.
fn stands_alone(key: &str) -> bool {
    let times =
        ["id", "uuid", "at", "time", "timestamp", "start", "end", "begin", "date", "duration", "offset", "type"];
    times.contains(&key)
        || ["_id", "_at", "_time", "Id", "Time"].iter().any(|end| key.ends_with(end))
        || ["start_", "end_"].iter().any(|begin| key.starts_with(begin))
}

/// A string of the document, and to which others it belongs.
pub(super) struct Slot<'v> {
    value: &'v mut Value,
    text: String,
    /// Its place in the shape and who speaks; none: it stands on its own.
    sequence: Option<(u64, u64)>,
    /// Which array it is a word of; none: it is a turn by itself.
    array: Option<usize>,
    is_label: bool,
    /// What stands for all of it, whatever is found in it.
    whole: Option<Put>,
}

/// Where a walk is.
#[derive(Clone, Copy, Default)]
pub(super) struct Trail {
    path: u64,
    speaker: u64,
    array: usize,
    /// The field is one of those that hold words.
    is_word: bool,
    alone: bool,
    is_label: bool,
}

/// Collects the strings of a document.
#[derive(Default)]
pub(super) struct Walk<'v> {
    pub slots: Vec<Slot<'v>>,
    arrays: usize,
}

/// Replaces what identifies somebody; `None` where nothing does.
pub(super) fn tokenize(
    text: &str,
    case: &Case,
    finder: &Finder,
    mentions: &mut Mentions<'_>,
    shape: Shape,
) -> Result<Option<String>, Broken> {
    let mut value = parse(text)?;
    let is_vcon = shape == Shape::Vcon || vcon::is_one(&value);
    let mut is_replaced = is_vcon && !case.stored && vcon::open(&mut value)?;
    let mut walk = Walk::default();
    if is_vcon {
        vcon::walk(&mut value, case, finder, &mut walk);
    } else {
        walk.value(&mut value, Trail::default());
    }
    is_replaced |= replace(walk.slots, case, finder, mentions)?;
    let value = rename(finder, value, mentions, &mut is_replaced);
    let replaced = is_replaced.then(|| value.to_string());
    // A body that became part of its container made it deeper.
    replaced.as_deref().filter(|_| is_vcon).map_or(Ok(Value::Null), parse)?;
    Ok(replaced)
}

/// Reads JSON as one value, not too deep.
pub(super) fn parse(text: &str) -> Result<Value, Broken> {
    let Unambiguous(value) = serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Data => Broken::Rule { pointer: String::new(), rule: "must name each field of an object once" },
        _ => Broken::NotJson { line: error.line().max(1), column: error.column().max(1) },
    })?;
    Ok(value)
}

/// Replaces the identifiers of keys and of numbers.
fn rename(finder: &Finder, value: Value, mentions: &mut Mentions<'_>, is_replaced: &mut bool) -> Value {
    match value {
        Value::Number(ref number) => {
            let written = number.to_string();
            let written = written.strip_suffix(".0").unwrap_or(&written);
            let finds = finder.read(written, Reading::Counter);
            if finds.is_empty() {
                return value;
            }
            *is_replaced = true;
            Value::String(mentions.replace(written, finds))
        }
        Value::Array(values) => values.into_iter().map(|value| rename(finder, value, mentions, is_replaced)).collect(),
        Value::Object(fields) => {
            let (mut kept, mut next) = (Map::new(), HashMap::new());
            for (key, value) in fields {
                let value = rename(finder, value, mentions, is_replaced);
                let stripped = strip(&key);
                let finds = finder.read(stripped.as_deref().unwrap_or(&key), Reading::Counter);
                *is_replaced |= stripped.is_some() || !finds.is_empty();
                let key = stripped.unwrap_or(key);
                let key = if finds.is_empty() { key } else { mentions.replace(&key, finds) };
                insert(&mut kept, &mut next, key, value);
            }
            Value::Object(kept)
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value,
    }
}

impl<'v> Walk<'v> {
    /// Collects the strings of a value and of all that is in it.
    pub(super) fn value(&mut self, value: &'v mut Value, trail: Trail) {
        match value {
            Value::Object(fields) => self.object(fields, trail),
            Value::Array(values) => {
                self.arrays += 1;
                let are_words = trail.is_word || values.iter().all(Value::is_string);
                let inner = Trail { path: below(trail.path, "[]"), array: self.arrays, is_word: are_words, ..trail };
                for value in values {
                    self.value(value, inner);
                }
            }
            Value::String(_) => self.string(value, trail, None),
            // A word of digits may have become a number.
            Value::Number(_) if trail.is_word && !trail.alone => self.string(value, trail, None),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn object(&mut self, fields: &'v mut Map<String, Value>, trail: Trail) {
        let is_turn = SAID.iter().any(|key| fields.contains_key(*key));
        let tells = |key: &&str| SPEAKERS.contains(key) || is_turn && (SENDERS.contains(key) || PARTIES.contains(key));
        let speaker = fields.iter().find(|(key, _)| tells(&key.as_str()));
        let speaker = speaker.map_or(trail.speaker, |(_, value)| below(0, &value.to_string()));
        for (key, value) in fields {
            let key = key.as_str();
            let is_label = trail.is_label || SPEAKERS.contains(&key) || is_turn && SENDERS.contains(&key);
            let inner = Trail {
                path: below(trail.path, key),
                speaker,
                array: trail.array,
                is_word: WORDS.contains(&key),
                alone: trail.alone || is_label || stands_alone(key),
                is_label,
            };
            self.value(value, inner);
        }
    }

    /// Adds a string, of which nothing or all goes for what is known already.
    pub(super) fn string(&mut self, value: &'v mut Value, trail: Trail, whole: Option<Put>) {
        let text = match &*value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let is_id = text.len() == Hyphenated::LENGTH && Uuid::parse_str(&text).is_ok();
        if whole.is_none() && (is_id || DateTime::parse_from_rfc3339(&text).is_ok()) {
            return;
        }
        let sequence = (!trail.alone && whole.is_none()).then_some((trail.path, trail.speaker));
        let array = trail.is_word.then_some(trail.array);
        self.slots.push(Slot { value, text, sequence, array, is_label: trail.is_label, whole });
    }

    /// The trail of a field below one.
    pub(super) fn field(trail: Trail, key: &str) -> Trail {
        Trail { path: below(trail.path, key), alone: trail.alone || stands_alone(key), ..trail }
    }

    /// The trail of a label.
    pub(super) fn label() -> Trail {
        Trail { alone: true, is_label: true, ..Trail::default() }
    }
}

fn below(path: u64, step: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (path, step).hash(&mut hasher);
    hasher.finish()
}

/// Replaces what identifies somebody in the strings. Answers whether there was anything.
fn replace(
    mut slots: Vec<Slot<'_>>,
    case: &Case,
    finder: &Finder,
    mentions: &mut Mentions<'_>,
) -> Result<bool, Broken> {
    let mut is_replaced = false;
    for slot in &mut slots {
        if let Some(clean) = strip(&slot.text) {
            (slot.text, is_replaced) = (clean, true);
            *slot.value = Value::String(slot.text.clone());
        }
    }
    let names_unknown = |slot: &&Slot<'_>| {
        let is_unknown = if slot.whole.is_some() { slot.is_label } else { slot.is_label && case.forgotten };
        is_unknown && !speakers::is_role(&slot.text)
    };
    let labels: Vec<&str> = slots.iter().filter(names_unknown).map(|slot| slot.text.as_str()).collect();
    let eyes = Eyes { finder, names: speakers::names(labels, case)? };
    let mut marks: Vec<Vec<Mark>> = slots.iter().map(|_| Vec::new()).collect();
    for sequence in sequences(&slots) {
        for (slot, found) in sequence.iter().zip(eyes.marks(&parts(&slots, &sequence))) {
            marks[*slot] = found;
        }
    }
    for (slot, mut marks) in slots.into_iter().zip(marks) {
        let whole = match slot.whole {
            Some(put) => Some(put),
            None => (slot.is_label && case.forgotten && !speakers::is_role(&slot.text)).then_some(Put::Word),
        };
        if let Some(put) = whole {
            marks = vec![Mark { range: 0..slot.text.len(), put: Some(put) }];
        }
        if !marks.is_empty() {
            is_replaced = true;
            *slot.value = Value::String(written(&slot.text, marks, mentions));
        }
    }
    Ok(is_replaced)
}

/// The strings that are one text, in the order of the document.
fn sequences(slots: &[Slot<'_>]) -> Vec<Vec<usize>> {
    let mut sequences: Vec<Vec<usize>> = Vec::new();
    let mut known = HashMap::new();
    for (no, slot) in slots.iter().enumerate() {
        match slot.sequence {
            None => sequences.push(vec![no]),
            Some(key) => {
                let at = *known.entry(key).or_insert(sequences.len());
                if at == sequences.len() {
                    sequences.push(Vec::new());
                }
                sequences[at].push(no);
            }
        }
    }
    sequences
}

/// Words of one array stand together; a turn stands by itself.
fn parts<'t>(slots: &'t [Slot<'_>], sequence: &[usize]) -> Vec<Part<'t>> {
    let mut parts: Vec<(Option<usize>, Part<'t>)> = Vec::new();
    for slot in sequence.iter().filter_map(|no| slots.get(*no)) {
        match parts.last_mut() {
            Some((array, part)) if array.is_some() && *array == slot.array => part.pieces.push(&slot.text),
            _ => parts.push((slot.array, Part { pieces: vec![&slot.text], spaced: true, wraps: false })),
        }
    }
    parts.into_iter().map(|(_, part)| part).collect()
}
