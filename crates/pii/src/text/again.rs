//! A text that is sent again after the customer in it was forgotten.
//!
//! The name of that customer is not known any more, but the stored text has its position. If the new text is equal to
//! the stored one around the placeholders, they stay in their places. A name in such a place becomes a placeholder in
//! the rest of the record as well. A text that differs gives no information.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::json::insert;
use super::name::Names;
use super::placeholder::{OPEN, fill_text, parts, placeholder};
use super::words::meaning;
use super::{Find, Reading};
use crate::{Kind, PersonName, Pii, digit};

/// The fewest digits of a number: fewer are something else (A15).
const FEWEST_DIGITS: usize = 5;
/// The most words of what is taken for a name.
const MOST_WORDS: usize = 5;
/// The most stored keys that a key is compared with: a record of thousands of keys must not cost their square.
const MOST_KEYS: usize = 64;
/// The most places where an identifier may end that are tried.
const MOST_ENDS: usize = 32;
/// The most names that are looked for.
const MOST_NAMES: usize = 10;

/// The text of one record that is sent again.
pub struct Again {
    /// The number of the next placeholder.
    next: usize,
    /// The kinds of the placeholders that were added, in the order of their numbers.
    added: Vec<Kind>,
    /// The added placeholders by those of the stored text.
    kept: HashMap<usize, usize>,
    names: Vec<Pii<PersonName>>,
}

impl Again {
    /// Of a text that was tokenized, and has so many mentions. Some names may be known from elsewhere.
    #[must_use]
    pub fn new(mentions: usize, mut names: Vec<Pii<PersonName>>) -> Self {
        names.truncate(MOST_NAMES);
        Self { next: mentions, added: Vec::new(), kept: HashMap::new(), names }
    }

    /// The names that are known or were found, and the kinds of the placeholders that were added behind the mentions.
    #[must_use]
    pub fn end(self) -> (Vec<Pii<PersonName>>, Vec<Kind>) {
        (self.names, self.added)
    }

    /// Keeps the placeholders of a stored value, whose kinds are known by their numbers, where the strings of a value that
    /// is sent again read alike.
    pub fn keep(&mut self, stored: &Value, kinds: &HashMap<usize, Kind>, sent: &mut Value) {
        match (stored, sent) {
            (Value::String(stored), Value::String(sent)) => {
                if let Some(text) = self.kept_text(stored, kinds, sent) {
                    *sent = text;
                }
            }
            (Value::Array(stored), Value::Array(sent)) => {
                stored.iter().zip(sent).for_each(|(stored, sent)| self.keep(stored, kinds, sent));
            }
            // A number in JSON may have been the customer's.
            (Value::String(stored), sent @ Value::Number(_)) => {
                if let Some(text) = self.kept_text(stored, kinds, &sent.to_string()) {
                    *sent = Value::String(text);
                }
            }
            (Value::Object(stored), Value::Object(sent)) => {
                *sent = self.kept_fields(stored, kinds, std::mem::take(sent));
            }
            _ => {}
        }
    }

    /// The fields that are sent again. Fields with the same key belong together, and then fields with similar keys.
    fn kept_fields(
        &mut self,
        stored: &Map<String, Value>,
        kinds: &HashMap<usize, Kind>,
        sent: Map<String, Value>,
    ) -> Map<String, Value> {
        let mut others: Vec<_> =
            stored.iter().filter(|(key, _)| key.contains(OPEN) && !sent.contains_key(*key)).collect();
        let (mut kept, mut next) = (Map::new(), HashMap::new());
        for (key, mut value) in sent {
            if let Some(stored) = stored.get(&key) {
                self.keep(stored, kinds, &mut value);
                insert(&mut kept, &mut next, key, value);
                continue;
            }
            let tried = others.iter().take(MOST_KEYS);
            let alike = tried.map(|(stored, _)| is_alike(stored, kinds, &key)).position(|is_alike| is_alike);
            let alike = alike.map(|no| others.remove(no));
            let name = alike.and_then(|(stored, _)| self.kept_text(stored, kinds, &key));
            if let Some((_, stored)) = alike {
                self.keep(stored, kinds, &mut value);
            }
            insert(&mut kept, &mut next, name.unwrap_or(key), value);
        }
        kept
    }

    /// The stored text, with what was added behind it; `None` where the other reads differently, or nobody is mentioned.
    fn kept_text(&mut self, stored: &str, kinds: &HashMap<usize, Kind>, sent: &str) -> Option<String> {
        let StoredPieces { places, rest } = pieces(stored, kinds, sent)?;
        // A text that is nothing but a name says less about what a name is than one that says something of it.
        let is_bare = places.iter().all(|(.., piece)| piece.len() == sent.len());
        for (_, kind, piece) in &places {
            let named = Some(*piece).filter(|piece| *kind == Kind::Name && (!is_bare || is_capitalized(piece)));
            let name = named.and_then(name).filter(|name| !self.names.contains(name));
            self.names.extend(name.filter(|_| self.names.len() < MOST_NAMES));
        }
        let mut numbers = HashMap::new();
        for (n, kind, _) in places {
            let known = self.kept.get(&n).copied();
            let number = known.unwrap_or_else(|| self.add(kind));
            self.kept.insert(n, number);
            numbers.insert(n, number);
        }
        Some(fill_text(stored, |n| placeholder(numbers.get(&n).copied().unwrap_or(n))) + rest)
    }

    fn add(&mut self, kind: Kind) -> usize {
        self.added.push(kind);
        self.next += 1;
        self.next - 1
    }

    /// The value with a placeholder for each of the names that are known.
    #[must_use]
    pub fn without_names(&mut self, value: Value) -> Value {
        let names: Vec<Names> = self.names.iter().filter_map(Names::new).collect();
        let mut number = None;
        names.iter().fold(value, |value, names| self.without(names, value, &mut number))
    }

    fn without(&mut self, names: &Names, value: Value, number: &mut Option<usize>) -> Value {
        match value {
            Value::String(text) => Value::String(self.text_without(names, text, Reading::Text, number)),
            Value::Array(values) => values.into_iter().map(|value| self.without(names, value, number)).collect(),
            Value::Object(fields) => {
                let (mut kept, mut next) = (Map::new(), HashMap::new());
                for (key, value) in fields {
                    let key = self.text_without(names, key, Reading::Counter, number);
                    insert(&mut kept, &mut next, key, self.without(names, value, number));
                }
                Value::Object(kept)
            }
            other => other,
        }
    }

    fn text_without(&mut self, names: &Names, text: String, reading: Reading, number: &mut Option<usize>) -> String {
        let mut found: Vec<(_, Find)> = Vec::new();
        names.find(&text, reading, &[], &mut found);
        if found.is_empty() {
            return text;
        }
        let place = placeholder(*number.get_or_insert_with(|| self.add(Kind::Name)));
        let (mut left, mut end) = (String::with_capacity(text.len()), 0);
        for (range, _) in found {
            left.push_str(&text[end..range.start]);
            left.push_str(&place);
            end = range.end;
        }
        left + &text[end..]
    }
}

/// A text that reads like a stored one.
struct StoredPieces<'s> {
    /// The number, the kind, and the text of each place.
    places: Vec<(usize, Kind, &'s str)>,
    /// The text behind the last place and what follows it in the stored text.
    rest: &'s str,
}

/// The places of a stored text, with their kinds, their texts in the new text, and the text after each of them. Returns
/// `None` if the texts differ, or if the text in a place cannot be of its kind.
fn pieces<'s>(stored: &str, kinds: &HashMap<usize, Kind>, sent: &'s str) -> Option<StoredPieces<'s>> {
    let (first, places) = parts(stored);
    let last = places.len().checked_sub(1)?;
    let mut rest = sent.strip_prefix(first)?;
    let mut found = Vec::with_capacity(places.len());
    for (no, (n, behind)) in places.iter().enumerate() {
        let kind = kinds.get(n).copied().unwrap_or(Kind::Phone);
        let fits = |end: &usize| rest.get(..*end).is_some_and(|piece| can_be(kind, piece));
        // If no text follows the last place, the rest of the new text belongs to it.
        let end = if no == last && behind.is_empty() {
            Some(rest.len()).filter(fits)?
        } else {
            rest.match_indices(behind).map(|(end, _)| end).take(MOST_ENDS).find(fits)?
        };
        let piece = &rest[..end];
        found.push((*n, kind, piece));
        rest = &rest[end + behind.len()..];
    }
    Some(StoredPieces { places: found, rest })
}

/// Whether a key that is sent again reads like a stored one. Most keys are one word, as a name in small letters would be.
fn is_alike(stored: &str, kinds: &HashMap<usize, Kind>, sent: &str) -> bool {
    let is_name = |piece: &str| is_capitalized(piece) || piece.split_whitespace().count() > 1;
    pieces(stored, kinds, sent).is_some_and(|found| {
        found.places.iter().all(|(_, kind, piece)| *kind != Kind::Name || piece.len() < sent.len() || is_name(piece))
    })
}

/// Whether a piece of text can be an identifier of a kind, in any spelling.
fn can_be(kind: Kind, piece: &str) -> bool {
    match kind {
        Kind::Phone => {
            let words =
                piece.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty() && meaning(word).is_some());
            piece.chars().filter_map(digit).count().max(words.count()) >= FEWEST_DIGITS
        }
        Kind::Email => ["@", "\u{ff20}", "\u{fe6b}", "%40"].iter().any(|at| piece.contains(at)),
        Kind::Name => name(piece).is_some(),
    }
}

fn is_capitalized(piece: &str) -> bool {
    piece.split_whitespace().all(|word| word.starts_with(char::is_uppercase))
}

/// Whether a text can be a name: a few words of letters.
fn name(text: &str) -> Option<Pii<PersonName>> {
    let is_name = |c: char| c.is_alphabetic() || c.is_whitespace() || matches!(c, '-' | '.' | ',' | '\'' | '’');
    let can_be = text.chars().all(is_name) && text.split_whitespace().count() <= MOST_WORDS;
    PersonName::parse(text).ok().filter(|_| can_be)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::fill_json;
    use super::placeholder as place;

    /// A value that is sent again as it is shown. Of the stored one placeholder 0 is of a name.
    fn again(stored: &Value, mut sent: Value) -> Value {
        let mut again = Again::new(7, Vec::new());
        again.keep(stored, &HashMap::from([(0, Kind::Name), (1, Kind::Phone)]), &mut sent);
        let left = again.without_names(sent);
        let (_, added) = again.end();
        fill_json(left, &|n| if (7..7 + added.len()).contains(&n) { "Anonymized".to_owned() } else { format!("[{n}]") })
    }

    #[test]
    fn a_text_that_is_sent_again_comes_without_what_was_forgotten() {
        let stored =
            json!({ "n": format!("{} asked twice, {}", place(0), place(1)), "x": [1, format!("by {}", place(0))] });
        let sent = json!({ "n": "Ola Storvatn asked twice, 9 1 2 3 4", "x": [1, "by Ola Storvatn"], "new": "Storvatn's wife" });
        let wanted =
            json!({ "n": "Anonymized asked twice, Anonymized", "x": [1, "by Anonymized"], "new": "Anonymized's wife" });
        assert_eq!(again(&stored, sent), wanted);
    }

    #[test]
    fn what_is_added_behind_it_stays_but_for_the_name() {
        let stored = json!(format!("ask {} again", place(0)));
        assert_eq!(
            again(&stored, json!("ask Ola again. Ola came at 9")),
            json!("ask Anonymized again. Anonymized came at 9")
        );
    }

    #[test]
    fn another_text_stays_as_it_is() {
        let stored = json!({ "n": format!("ask {} again", place(0)), "plain": "Ola" });
        for sent in [
            json!({ "n": "Ola asked" }),
            json!({ "m": "ask Ola again", "plain": "Kari" }),
            json!("x"),
            json!({ "n": 7 }),
        ] {
            assert_eq!(again(&stored, sent.clone()), sent);
        }
    }

    #[test]
    fn numbers_and_keys_are_texts_too() {
        let stored = json!({ "n": place(1), "f": format!("{}.0", place(1)), "list": [place(1)], place(1): 1, place(0): place(1) });
        let sent = json!({ "n": 98_765_432, "f": 98_765_432.0, "list": ["98765432"], "98765432": 1, "Ola Storvatn": 98_765_432 });
        let wanted = json!({ "n": "Anonymized", "f": "Anonymized.0", "list": ["Anonymized"], "Anonymized": 1,
            "Anonymized 2": "Anonymized" });
        assert_eq!(again(&stored, sent), wanted);
        let sent = json!({ "n": 17, "f": true, "list": [3], "note": 1, "priority": "high" });
        assert_eq!(again(&stored, sent.clone()), sent);
    }

    #[test]
    fn many_keys_that_read_alike_are_all_kept() {
        let stored: Map<_, _> = (0..300).map(|no| (format!("{} {no}", place(1)), json!(no))).collect();
        let sent: Map<_, _> = (0..300).map(|no| (format!("98765432 {no}"), json!(no))).collect();
        let wanted: Map<_, _> = (0..300).map(|no| (format!("Anonymized {no}"), json!(no))).collect();
        assert_eq!(again(&json!(stored), json!(sent)), json!(wanted));
    }

    #[test]
    fn what_cannot_have_stood_in_a_place_is_another_text() {
        let stored = json!([place(1), format!("{} {}", place(1), place(0)), place(0)]);
        let sent =
            json!(["delivered to warehouse 7, ticket 118", "order shipped today by the blue truck", "private 7"]);
        assert_eq!(again(&stored, sent.clone()), sent);
        let spoken = json!(["ni \u{e5}tte sju seks fem fire tre to", "9876 5432 Ola", "Ola Storvatn"]);
        assert_eq!(again(&stored, spoken), json!(["Anonymized", "Anonymized Anonymized", "Anonymized"]));
    }

    proptest! {
        #[test]
        fn nothing_that_was_replaced_comes_back(before in "[a-z ]{0,9}", name in "[A-Z]{3,9}( [A-Z]{3,9})?", behind in "[a-z .]{0,9}", more in "[a-z .]{0,9}") {
            let stored = json!(format!("{before}{}{behind}", place(0)));
            let left = again(&stored, json!(format!("{before}{name}{behind}{more}")));
            prop_assert!(!left.to_string().contains(&name), "{left}");
        }

        #[test]
        fn no_text_breaks_it(stored in "(\u{e000}[0-9]{1,3}\u{e001}|.){0,9}", sent in ".{0,20}") {
            let _ = again(&json!(stored), json!(sent));
            let _ = again(&json!(stored), json!(stored));
        }
    }
}
