//! Identifiers in JSON values: strings at any depth, numbers, object keys.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Map, Value};

use super::placeholder::{Mentions, fill_text, strip};
use super::resolve::{self, Finds};
use super::{Find, Finder, Found, Reading, labelled};

/// Replaces the identifiers of every string, number and key by placeholders.
pub(super) fn tokenize(finder: &Finder, value: Value, mentions: &mut Mentions<'_>) -> Value {
    tokenize_field(finder, "", value, mentions)
}

/// The same for the value of a field.
fn tokenize_field(finder: &Finder, name: &str, value: Value, mentions: &mut Mentions<'_>) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value,
        Value::Number(ref number) => {
            let written = number.to_string();
            let (written, mut finds) = read_number(finder, &written);
            finder.retain_labelled(name, &mut finds);
            if finds.is_empty() { value } else { Value::String(mentions.replace(written, finds)) }
        }
        Value::String(text) => Value::String(tokenize_string(finder, name, text, mentions)),
        Value::Array(values) => tokenize_list(finder, name, values, mentions),
        Value::Object(fields) => tokenize_object(finder, name, fields, HashMap::new(), mentions),
    }
}

fn tokenize_list(finder: &Finder, name: &str, values: Vec<Value>, mentions: &mut Mentions<'_>) -> Value {
    let spread = spread(finder, &values.iter().collect::<Vec<_>>());
    let mut columns = columns(finder, &values);
    let items = values.into_iter().zip(spread.into_iter().chain(std::iter::repeat_with(Vec::new)));
    let tokenized = items.enumerate().map(|(no, (value, finds))| match value {
        Value::Object(fields) if !columns.is_empty() => {
            let known = columns.iter_mut().map(|(key, finds)| (key.clone(), std::mem::take(&mut finds[no])));
            tokenize_object(finder, name, fields, known.collect(), mentions)
        }
        value => tokenize_spread(finder, name, value, finds, mentions),
    });
    Value::Array(tokenized.collect())
}

/// Replaces the identifiers of the fields of an object that is below a field. Some finds of its fields may be known.
fn tokenize_object(
    finder: &Finder,
    above: &str,
    fields: Map<String, Value>,
    mut known: HashMap<String, Finds>,
    mentions: &mut Mentions<'_>,
) -> Value {
    let (mut kept, mut next) = (Map::new(), HashMap::new());
    let named = fields.get(labelled::NAME).and_then(Value::as_str).filter(|name| labelled::names_message_id(name));
    let named = named.map(str::to_owned);
    for (key, value) in fields {
        let spread = known.remove(&key).unwrap_or_default();
        let name = strip(&key).unwrap_or(key);
        let finds = finder.read(&name, Reading::Counter);
        let key = if finds.is_empty() { name.clone() } else { mentions.replace(&name, finds) };
        let label = named
            .as_ref()
            .filter(|_| name == labelled::VALUE)
            .map_or_else(|| labelled::telling(above, &name), String::as_str);
        let value = tokenize_spread(finder, label, value, spread, mentions);
        insert(&mut kept, &mut next, key, value);
    }
    Value::Object(kept)
}

/// Replaces the identifiers of a value, of which some are spread over it and its neighbours.
fn tokenize_spread(finder: &Finder, name: &str, value: Value, spread: Finds, mentions: &mut Mentions<'_>) -> Value {
    match scalar(&value) {
        Some(text) if !spread.is_empty() => {
            let (text, mut finds) = (text.into_owned(), spread);
            resolve::add(&mut finds, finder.find_all(&text));
            Value::String(mentions.replace(&text, finds))
        }
        _ => tokenize_field(finder, name, value, mentions),
    }
}

/// The record's own identifiers that are spread over one field of the objects of a list, for each of these.
fn columns(finder: &Finder, values: &[Value]) -> HashMap<String, Vec<Finds>> {
    let Some(Value::Object(first)) = values.first().filter(|_| values.len() > 1) else { return HashMap::new() };
    let column = |key: &String| {
        let values: Vec<&Value> = values.iter().map(|value| value.get(key).unwrap_or(&Value::Null)).collect();
        let finds = spread(finder, &values);
        finds.iter().any(|finds| !finds.is_empty()).then(|| (key.clone(), finds))
    };
    first.keys().filter_map(column).collect()
}

/// Reads a JSON number. A number of a telephone that a spreadsheet has made a decimal is still one. Behind a minus, the
/// record's own number is one, too, and nobody else's. Returns the digits that were read.
pub(super) fn read_number<'t>(finder: &Finder, written: &'t str) -> (&'t str, Finds) {
    let digits = written.strip_suffix(".0").unwrap_or(written);
    match digits.strip_prefix('-') {
        None => (digits, finder.read(digits, Reading::Counter)),
        Some(digits) => {
            let mut finds = finder.read(digits, Reading::Counter);
            finds.retain(|(_, find)| finder.is_own(find));
            (digits, finds)
        }
    }
}

/// A string or number as it is written.
fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(strip(text).map_or(Cow::Borrowed(text), Cow::Owned)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// The record's own identifiers that are spread over the strings and numbers of a list, for each of its items.
fn spread(finder: &Finder, values: &[&Value]) -> Vec<Finds> {
    if values.len() < 2 || !finder.has_own() {
        return Vec::new();
    }
    let mut joined = String::new();
    let mut places = Vec::with_capacity(values.len());
    for value in values {
        let text = scalar(value).unwrap_or(Cow::Borrowed("\u{1F}\u{1F}\u{1F}\u{1F}"));
        joined.push_str(if joined.is_empty() { "" } else { " " });
        places.push(joined.len()..joined.len() + text.len());
        joined.push_str(&text);
    }
    let mut items: Vec<Finds> = vec![Vec::new(); values.len()];
    let found = finder.find_own(&joined);
    let mut at = 0;
    while at < found.len() {
        let parts = 1 + found[at + 1..].iter().take_while(|(_, find)| *find == Find::Rest).count();
        let whole = &found[at..at + parts];
        at += parts;
        let first = places.partition_point(|place| place.end <= whole[0].0.start);
        let is_in_one = places.get(first).is_some_and(|place| whole.iter().all(|(range, _)| range.end <= place.end));
        if is_in_one || cuts_number(values, &places, &joined, whole) {
            continue;
        }
        let mut find = Some(whole[0].1.clone());
        for (range, _) in whole {
            let from = places.partition_point(|place| place.end <= range.start);
            for (no, place) in places.iter().enumerate().skip(from).take_while(|(_, place)| place.start < range.end) {
                let inner = range.start.max(place.start) - place.start..range.end.min(place.end) - place.start;
                if inner.start < inner.end {
                    items[no].push((inner, find.take().unwrap_or(Find::Rest)));
                }
            }
        }
    }
    items
}

/// Whether a find begins or ends within a number of a list: `[98, 7, 65, 4, 3, 21]` are scores.
fn cuts_number(values: &[&Value], places: &[Range<usize>], joined: &str, whole: &[(Range<usize>, Find)]) -> bool {
    let is_digit = |at: Option<usize>| at.and_then(|at| joined.as_bytes().get(at)).is_some_and(u8::is_ascii_digit);
    let is_number = |at: usize| {
        let item = places.partition_point(|place| place.end <= at);
        values.get(item).is_some_and(|value| value.is_number())
    };
    let (start, end) = (whole[0].0.start, whole[whole.len() - 1].0.end);
    is_digit(start.checked_sub(1)) && is_number(start) || is_digit(Some(end)) && is_number(end)
}

/// A string reads as text; one that is a bare number with its country code counts as the JSON number would.
fn tokenize_string(finder: &Finder, name: &str, text: String, mentions: &mut Mentions<'_>) -> String {
    let text = strip(&text).unwrap_or(text);
    let is_labelled = !name.is_empty() && labelled::is_figure(&text);
    let finds = if is_labelled {
        finder.find_labelled(name, &text)
    } else if labelled::is_read_behind(|| Cow::Borrowed(name), &text) {
        finder.find_behind(name, &text)
    } else {
        finder.find_all(&text)
    };
    if is_labelled && finds.is_empty() {
        return text;
    }
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
