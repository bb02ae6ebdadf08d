//! Encodings in which a text may contain another one. Each is undone once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::reading::{ReadText, TextBuilder};

/// The shortest encoded text that can contain a number: `987=6543`.
const SHORTEST: usize = 8;

/// The shortest base64 that can contain a number.
const SHORTEST_BASE64: usize = 10;

/// Whether a byte is a sign of base64 in either alphabet.
static IS_BASE64: [bool; 256] = {
    let (mut is_base64, mut byte) = ([false; 256], 0);
    while byte < 128_u8 {
        is_base64[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
        byte += 1;
    }
    is_base64
};

/// The texts of a JSON document: those with the same key, one after the other. A transcript that has each word as an
/// object of its own splits a number over many of them.
pub fn texts_of_json(text: &str) -> Vec<String> {
    let (mut texts, mut document) = (BTreeMap::new(), serde_json::Deserializer::from_str(text));
    let read = TextsByKey { key: Cow::Borrowed(""), texts: &mut texts }.deserialize(&mut document);
    if read.and_then(|()| document.end()).is_err() {
        return Vec::new();
    }
    // A single text was read already, unless escapes hide it.
    let is_escaped = text.contains('\\');
    let texts = texts.into_values().filter(|(count, _)| *count > 1 || is_escaped);
    texts.map(|(_, joined)| joined.into_owned()).collect()
}

/// Collects the texts of a document while it is parsed, because a tree of its values would take longer. The key is that
/// of the value that is read.
struct TextsByKey<'c, 'j> {
    key: Cow<'j, str>,
    texts: &'c mut BTreeMap<Cow<'j, str>, (usize, Cow<'j, str>)>,
}

impl<'j> TextsByKey<'_, 'j> {
    fn add(self, text: Cow<'j, str>) {
        match self.texts.entry(self.key) {
            Entry::Vacant(first) => drop(first.insert((1, text))),
            Entry::Occupied(mut known) => {
                let (count, joined) = known.get_mut();
                *count += 1;
                let joined = joined.to_mut();
                joined.push(' ');
                joined.push_str(&text);
            }
        }
    }
}

#[derive(Deserialize)]
struct Key<'j>(#[serde(borrow)] Cow<'j, str>);

impl<'j> DeserializeSeed<'j> for TextsByKey<'_, 'j> {
    type Value = ();

    fn deserialize<D: Deserializer<'j>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'j> Visitor<'j> for TextsByKey<'_, 'j> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_borrowed_str<E>(self, text: &'j str) -> Result<(), E> {
        self.add(Cow::Borrowed(text));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.add(Cow::Owned(text.to_owned()));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'j>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { key, texts } = self;
        while items.next_element_seed(TextsByKey { key: key.clone(), texts })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'j>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = fields.next_key()? {
            fields.next_value_seed(TextsByKey { key, texts: self.texts })?;
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
}

/// The words of a text that may be an encoding, each with its position. A soft line break of quoted-printable does not
/// end a word.
pub fn tokens(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        let start = at;
        while let Some(byte) = bytes.get(at) {
            if byte.is_ascii_whitespace() && !is_soft_break(bytes, at) {
                break;
            }
            at += 1;
        }
        (at > start).then(|| (start, &text[start..at]))
    })
}

fn is_soft_break(bytes: &[u8], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|at| bytes.get(at));
    match bytes.get(at) {
        Some(b'\r') => before(1) == Some(&b'='),
        Some(b'\n') => before(1) == Some(&b'=') || before(1) == Some(&b'\r') && before(2) == Some(&b'='),
        _ => false,
    }
}

/// The texts that a word may encode: percent-encoding, quoted-printable, and base64, each once.
pub fn decodings(token: &str) -> Vec<ReadText> {
    let mut decoded = Vec::new();
    if token.len() < SHORTEST {
        return decoded;
    }
    if token.bytes().any(|byte| matches!(byte, b'%' | b'=')) {
        for sign in [b'%', b'='] {
            if has_escape(token, sign) {
                decoded.push(unescaped(token, sign));
            }
        }
    }
    let mut at = 0;
    for run in token.as_bytes().split(|byte| !IS_BASE64[usize::from(*byte)]) {
        if run.len() >= SHORTEST_BASE64 {
            decoded.extend(of_base64(run).map(|text| ReadText::of_base64(text, at)));
        }
        at += run.len() + 1;
    }
    decoded
}

fn has_escape(token: &str, sign: u8) -> bool {
    token.as_bytes().windows(3).any(|three| three[0] == sign && (is_hex(three) || three[1].is_ascii_whitespace()))
}

fn is_hex(three: &[u8]) -> bool {
    three[1..].iter().all(u8::is_ascii_hexdigit)
}

fn unescaped(token: &str, sign: u8) -> ReadText {
    let (bytes, mut builder, mut at) = (token.as_bytes(), TextBuilder::default(), 0);
    while let Some(byte) = bytes.get(at) {
        let three = bytes.get(at..at + 3).filter(|three| three[0] == sign && is_hex(three));
        if let Some(value) = three.and_then(|three| u8::from_str_radix(str::from_utf8(&three[1..]).ok()?, 16).ok()) {
            builder.push(at, &[value]);
            at += 3;
        } else if *byte == sign && bytes.get(at + 1).is_some_and(u8::is_ascii_whitespace) {
            at += 1 + bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        } else {
            builder.push(at, &[*byte]);
            at += 1;
        }
    }
    builder.finish()
}

/// The text behind base64, if it is one: words decode as well, but not into text.
fn of_base64(run: &[u8]) -> Option<String> {
    let whole = &run[..run.len() - usize::from(run.len() % 4 == 1)];
    // The first characters of most words and ids already are no text.
    if !whole.first_chunk().is_some_and(|four| is_text_or_begins_one(&begin_of_base64(*four))) {
        return None;
    }
    let mut bytes = vec![0; base64::decoded_len_estimate(whole.len())];
    let length = decode(whole, &mut bytes)?;
    bytes.truncate(length);
    let text = String::from_utf8(bytes).ok()?;
    is_text(&text).then_some(text)
}

/// The three bytes of four signs of base64 in either alphabet. Nearly all words end here, and the library takes longer.
fn begin_of_base64(four: [u8; 4]) -> [u8; 3] {
    let bits = four.into_iter().fold(0, |bits, sign| {
        let value = match sign {
            b'A'..=b'Z' => sign - b'A',
            b'a'..=b'z' => sign - b'a' + 26,
            b'0'..=b'9' => sign - b'0' + 52,
            b'+' | b'-' => 62,
            _ => 63,
        };
        bits << 6 | u32::from(value)
    });
    let [_, begin @ ..] = bits.to_be_bytes();
    begin
}

fn decode(run: &[u8], bytes: &mut [u8]) -> Option<usize> {
    STANDARD_NO_PAD.decode_slice(run, bytes).or_else(|_| URL_SAFE_NO_PAD.decode_slice(run, bytes)).ok()
}

fn is_text(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace())
}

/// Whether bytes are a text, but for a character that they cut.
fn is_text_or_begins_one(bytes: &[u8]) -> bool {
    match str::from_utf8(bytes) {
        Ok(text) => is_text(text),
        Err(error) => error.error_len().is_none() && str::from_utf8(&bytes[..error.valid_up_to()]).is_ok_and(is_text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_begin_of_base64_is_that_of_the_library(run in "[A-Za-z0-9+/]{4}|[A-Za-z0-9_-]{4}") {
            let mut bytes = [0; 3];
            prop_assert_eq!(decode(run.as_bytes(), &mut bytes), Some(3));
            prop_assert_eq!(begin_of_base64(*run.as_bytes().first_chunk().unwrap()), bytes);
        }
    }
}
