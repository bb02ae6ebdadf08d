//! JSON in place: a document is read in spans of its own bytes, never as a tree. A tree of words with their times is
//! twenty times as long as its text.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::DocumentError;

/// JSON that was checked: one value, not too deep, whose objects name each member once.
#[derive(Clone, Copy)]
pub(super) struct Json<'t> {
    pub text: &'t str,
}

/// A field of an object: the position of its key with its quotes, and the start of its value.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub key: Range<usize>,
    pub value: usize,
}

impl<'t> Json<'t> {
    pub(super) fn check(text: &'t str) -> Result<Self, DocumentError> {
        serde_json::from_str::<ValidJson>(text)
            .map_err(|error| DocumentError::NotJson { line: error.line().max(1), column: error.column().max(1) })?;
        let json = Self { text };
        let mut keys = ObjectKeys { json, starts: Vec::new() };
        let mut is_unique = true;
        keys.walk(json.root(), &mut |_, starts| {
            is_unique &= starts.is_sorted_by(|one, other| json.order(*one, *other).is_lt());
        });
        if is_unique {
            return Ok(json);
        }
        Err(DocumentError::Rule { pointer: String::new(), rule: "must name each field of an object once" })
    }

    /// A text that [`Json::check`] has let through before.
    pub(super) const fn checked(text: &'t str) -> Self {
        Self { text }
    }

    pub(super) fn root(self) -> usize {
        self.space(0)
    }

    /// The first byte of a value.
    pub(super) fn byte(self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or_default()
    }

    /// Where the space that begins at a place ends.
    pub(super) fn space(self, at: usize) -> usize {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
    }

    pub(super) fn end(self, at: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut depth = 0_usize;
        let mut at = at;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => {
                    at = self.string_end(at);
                    if depth == 0 {
                        return at;
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth <= 1 => return if depth == 1 { at + 1 } else { at },
                b'}' | b']' => depth -= 1,
                b',' | b' ' | b'\n' | b'\r' | b'\t' if depth == 0 => return at,
                _ => {}
            }
            at += 1;
        }
        at
    }

    fn string_end(self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        while let Some(ahead) =
            bytes.get(at..).and_then(|rest| rest.iter().position(|byte| matches!(byte, b'"' | b'\\')))
        {
            at += ahead;
            if bytes[at] == b'"' {
                return at + 1;
            }
            at += 2;
        }
        bytes.len()
    }

    /// The text of the string that begins at a position.
    pub(super) fn string(self, start: usize) -> Cow<'t, str> {
        self.read(start..self.string_end(start))
    }

    /// The text of a string or a number.
    pub(super) fn read(self, range: Range<usize>) -> Cow<'t, str> {
        let raw = self.text.get(range).unwrap_or_default();
        match raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
            None => Cow::Borrowed(raw),
            Some(inner) if !inner.contains('\\') => Cow::Borrowed(inner),
            Some(_) => Cow::Owned(serde_json::from_str(raw).unwrap_or_default()),
        }
    }

    pub(super) fn members(self, object: usize) -> impl Iterator<Item = Member> {
        let mut at = object + 1;
        std::iter::from_fn(move || {
            let member = self.member(at)?;
            at = self.end(member.value);
            Some(member)
        })
    }

    /// The member that begins at a place inside of an object, or behind the comma before it.
    pub(super) fn member(self, at: usize) -> Option<Member> {
        let start = self.item(at)?;
        let key = start..self.string_end(start);
        let value = self.space(self.space(key.end) + 1);
        Some(Member { key, value })
    }

    pub(super) fn items(self, array: usize) -> impl Iterator<Item = usize> {
        self.items_behind(array + 1)
    }

    /// The items behind the bracket of an array, or behind the beginning of JSON Lines.
    pub(super) fn items_behind(self, start: usize) -> impl Iterator<Item = usize> {
        let mut at = start;
        std::iter::from_fn(move || {
            let item = self.item(at)?;
            at = self.end(item);
            Some(item)
        })
    }

    /// The position of the next item after a position inside of an array or an object.
    pub(super) fn item(self, at: usize) -> Option<usize> {
        let mut at = self.space(at);
        if self.byte(at) == b',' {
            at = self.space(at + 1);
        }
        (!matches!(self.byte(at), b']' | b'}' | 0)).then_some(at)
    }

    /// Where the value of a member begins.
    pub(super) fn get(self, object: usize, key: &str) -> Option<usize> {
        self.members(object).find(|member| self.read(member.key.clone()) == key).map(|member| member.value)
    }

    /// The order of two keys, by what they say.
    pub(super) fn order(self, one: u32, other: u32) -> Ordering {
        self.string(one as usize).cmp(&self.string(other as usize))
    }

    /// Calls `visit` at the end of each object, with where it begins and where its keys begin, in the order of what they say.
    pub(super) fn objects(self, visit: &mut dyn FnMut(usize, &[u32])) {
        // JSON Lines have a value a line.
        let (mut keys, mut at) = (ObjectKeys { json: self, starts: Vec::new() }, self.root());
        while at < self.text.len() {
            at = self.space(keys.walk(at, visit).max(at + 1));
        }
    }
}

/// The keys of the objects that a walk is in.
struct ObjectKeys<'t> {
    json: Json<'t>,
    starts: Vec<u32>,
}

impl ObjectKeys<'_> {
    fn walk(&mut self, at: usize, visit: &mut dyn FnMut(usize, &[u32])) -> usize {
        let json = self.json;
        match json.byte(at) {
            b'{' => {
                let (first, mut end) = (self.starts.len(), at + 1);
                while let Some(member) = json.member(end) {
                    self.starts.push(position(member.key.start));
                    end = self.walk(member.value, visit);
                }
                let keys = &mut self.starts[first..];
                if keys.len() > 1 {
                    keys.sort_unstable_by(|one, other| json.order(*one, *other));
                }
                visit(at, keys);
                self.starts.truncate(first);
                json.space(end) + 1
            }
            b'[' => {
                let mut end = at + 1;
                while let Some(item) = json.item(end) {
                    end = self.walk(item, visit);
                }
                json.space(end) + 1
            }
            _ => json.end(at),
        }
    }
}

/// A place in a document: none is as long as that.
pub(super) fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// A string in the form of JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned())
}

/// Reads a value as strictly as a tree is read, and keeps nothing of it.
struct ValidJson;

impl<'de> Deserialize<'de> for ValidJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValidValue)
    }
}

struct ValidValue;

impl<'de> Visitor<'de> for ValidValue {
    type Value = ValidJson;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<ValidJson, E> {
        Ok(ValidJson)
    }

    fn visit_bool<E>(self, _: bool) -> Result<ValidJson, E> {
        Ok(ValidJson)
    }

    fn visit_u64<E>(self, _: u64) -> Result<ValidJson, E> {
        Ok(ValidJson)
    }

    fn visit_i64<E>(self, _: i64) -> Result<ValidJson, E> {
        Ok(ValidJson)
    }

    fn visit_f64<E>(self, _: f64) -> Result<ValidJson, E> {
        Ok(ValidJson)
    }

    fn visit_str<E>(self, _: &str) -> Result<ValidJson, E> {
        Ok(ValidJson)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ValidJson, A::Error> {
        while items.next_element::<ValidJson>()?.is_some() {}
        Ok(ValidJson)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<ValidJson, A::Error> {
        while members.next_entry::<ValidJson, ValidJson>()?.is_some() {}
        Ok(ValidJson)
    }
}

/// JSON without some characters that are written as escapes (`\\ue000`); `None` where it has none of them.
pub(super) fn without(text: &str, signs: [char; 2]) -> Option<String> {
    let mut kept: Option<String> = None;
    let (mut at, mut end) = (0, 0);
    while let Some(ahead) = text[at..].find('\\') {
        let start = at + ahead;
        let code = text.get(start + 2..start + 6).filter(|_| text.as_bytes().get(start + 1) == Some(&b'u'));
        let sign = code.and_then(|code| char::from_u32(u32::from_str_radix(code, 16).ok()?));
        if sign.is_some_and(|sign| signs.contains(&sign)) {
            kept.get_or_insert_default().push_str(&text[end..start]);
            end = start + 6;
            at = end;
        } else {
            at = text.ceil_char_boundary((start + 2).min(text.len()));
        }
    }
    kept.map(|kept| kept + &text[end..])
}
