//! Identifiers in JSON values: strings at any depth, numbers, object keys.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::placeholder::{Mentions, fill_text, strip};
use super::{Find, Finder, Found, Reading};

/// Replaces the identifiers of every string, number and key by placeholders.
pub(super) fn tokenize(finder: &Finder, value: Value, mentions: &mut Mentions<'_>) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value,
        Value::Number(ref number) => {
            // A number that a spreadsheet has made a decimal is still one.
            let written = number.to_string();
            let written = written.strip_suffix(".0").unwrap_or(&written);
            let finds = finder.read(written, Reading::Counter);
            if finds.is_empty() { value } else { Value::String(mentions.replace(written, finds)) }
        }
        Value::String(text) => Value::String(tokenize_string(finder, text, mentions)),
        Value::Array(values) => values.into_iter().map(|value| tokenize(finder, value, mentions)).collect(),
        Value::Object(fields) => {
            let (mut kept, mut next) = (Map::new(), HashMap::new());
            for (key, value) in fields {
                let key = strip(&key).unwrap_or(key);
                let finds = finder.read(&key, Reading::Counter);
                let key = if finds.is_empty() { key } else { mentions.replace(&key, finds) };
                insert(&mut kept, &mut next, key, tokenize(finder, value, mentions));
            }
            Value::Object(kept)
        }
    }
}

/// A string reads as text; one that is a bare number with its country code counts as the JSON number would.
fn tokenize_string(finder: &Finder, text: String, mentions: &mut Mentions<'_>) -> String {
    let text = strip(&text).unwrap_or(text);
    let finds = finder.find_all(&text);
    if !finds.is_empty() {
        return mentions.replace(&text, finds);
    }
    let start = text.len() - text.trim_start().len();
    match finder.bare_number(text.trim()) {
        Some(phone) => {
            let range = start..start + text.trim().len();
            mentions.replace(&text, vec![(range, Find::Identifier(Found::Phone(phone)))])
        }
        None => text,
    }
}

/// Puts `show(n)` in place of each placeholder, in keys too.
pub(super) fn fill(value: Value, show: &dyn Fn(usize) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(fill_text(&text, show)),
        Value::Array(values) => values.into_iter().map(|value| fill(value, show)).collect(),
        Value::Object(fields) => {
            let (mut filled, mut next) = (Map::new(), HashMap::new());
            for (key, value) in fields {
                insert(&mut filled, &mut next, fill_text(&key, show), fill(value, show));
            }
            Value::Object(filled)
        }
        other => other,
    }
}

/// Adds a field under its key, or under the key and a number where another field has come to be called so. `next` knows
/// which number comes next for a key: thousands of fields may be called alike.
pub(super) fn insert(fields: &mut Map<String, Value>, next: &mut HashMap<String, usize>, key: String, value: Value) {
    if !fields.contains_key(&key) {
        fields.insert(key, value);
        return;
    }
    let number = next.entry(key.clone()).or_insert(2);
    let mut free = format!("{key} {number}");
    while fields.contains_key(&free) {
        *number += 1;
        free = format!("{key} {number}");
    }
    *number += 1;
    fields.insert(free, value);
}
