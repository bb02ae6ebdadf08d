//! Encodings in which a text may contain another one. Each is undone once.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::reading::{ReadText, TextBuilder};

/// The shortest encoded text that can contain a number: `987=6543`.
const SHORTEST: usize = 8;

/// The shortest base64 that can contain a number.
const SHORTEST_BASE64: usize = 10;

/// The texts of a JSON document: those with the same key, one after the other. A transcript that has each word as an
/// object of its own splits a number over many of them.
pub fn texts_of_json(text: &str) -> Vec<String> {
    fn collect<'v>(value: &'v Value, key: &'v str, texts: &mut BTreeMap<&'v str, (usize, String)>) {
        match value {
            Value::String(text) => {
                let (count, joined) = texts.entry(key).or_default();
                *count += 1;
                if *count > 1 {
                    joined.push(' ');
                }
                joined.push_str(text);
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, key, texts)),
            Value::Object(fields) => fields.iter().for_each(|(key, value)| collect(value, key, texts)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let Ok(value) = serde_json::from_str::<Value>(text) else { return Vec::new() };
    let mut texts = BTreeMap::new();
    collect(&value, "", &mut texts);
    // A single text was read already, unless escapes hide it.
    let is_escaped = text.contains('\\');
    texts.into_values().filter(|(count, _)| *count > 1 || is_escaped).map(|(_, joined)| joined).collect()
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
    for sign in [b'%', b'='] {
        if has_escape(token, sign) {
            decoded.push(unescaped(token, sign));
        }
    }
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    let mut at = 0;
    for run in token.as_bytes().split(|byte| !is_base64(byte)) {
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
    let mut begin = [0; 3];
    if !whole.get(..4).is_some_and(|four| decode(four, &mut begin) == Some(3) && is_text_or_begins_one(&begin)) {
        return None;
    }
    let mut bytes = vec![0; base64::decoded_len_estimate(whole.len())];
    let length = decode(whole, &mut bytes)?;
    bytes.truncate(length);
    let text = String::from_utf8(bytes).ok()?;
    is_text(&text).then_some(text)
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
