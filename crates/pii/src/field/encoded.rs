//! Fields that some system on the way has encoded once more: for mail headers, for URLs, for HTML, or for JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::references::unescape;

/// The text beneath one encoding; `None` where it has none.
pub(super) fn decoded(text: &str) -> Option<String> {
    let decoded = words(text).or_else(|| percent(text)).or_else(|| escapes(text)).or_else(|| unescape(text))?;
    (decoded != text && !decoded.chars().any(|c| c.is_control() && c != '\t')).then_some(decoded)
}

/// Decodes the encoded words of a mail header (RFC 2047): `=?UTF-8?Q?K=C3=A5re?=`.
pub(crate) fn words(text: &str) -> Option<String> {
    let (mut decoded, mut rest, mut was_word) = (String::new(), text, false);
    while let Some(start) = rest.find("=?") {
        let Some((word, length)) = word(&rest[start..]) else {
            decoded.push_str(&rest[..start + 2]);
            rest = &rest[start + 2..];
            was_word = false;
            continue;
        };
        let between = &rest[..start];
        // White space between two encoded words is part of the encoding.
        if !was_word || !between.trim().is_empty() {
            decoded.push_str(between);
        }
        decoded.push_str(&word);
        rest = &rest[start + length..];
        was_word = true;
    }
    decoded.push_str(rest);
    (decoded != text).then_some(decoded)
}

/// The encoded word at the beginning of a text, and its length.
fn word(text: &str) -> Option<(String, usize)> {
    let mut parts = text.strip_prefix("=?")?.splitn(4, '?');
    let (charset, encoding, coded, behind) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let length = text.len() - behind.strip_prefix('=')?.len();
    let bytes = match encoding {
        "Q" | "q" => quoted(&coded.replace('_', " ")),
        "B" | "b" => STANDARD_NO_PAD.decode(coded.trim_end_matches('=')).ok()?,
        _ => return None,
    };
    let charset = charset.split('*').next().unwrap_or_default();
    let charset = encoding_rs::Encoding::for_label(charset.as_bytes())?;
    Some((charset.decode_without_bom_handling(&bytes).0.into_owned(), length))
}

/// The bytes of a text in quoted-printable. A text that is not an escape is unchanged.
fn quoted(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = behind.get(..2).filter(|_| *first == b'=').and_then(hexadecimal);
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &behind[2..] } else { behind };
    }
    bytes
}

/// Decodes percent escapes, if every percent sign begins one: `100% Kari` is no encoding.
fn percent(text: &str) -> Option<String> {
    if !text.contains('%') {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    let is_form = !text.contains(char::is_whitespace);
    while let Some((first, behind)) = rest.split_first() {
        if *first == b'%' {
            bytes.push(hexadecimal(behind.get(..2)?)?);
            rest = &behind[2..];
            continue;
        }
        // A form writes its spaces as `+`; before a digit it may be that of a number.
        let is_space =
            *first == b'+' && is_form && behind.first().is_some_and(|next| next.is_ascii_alphabetic() || *next == b'%');
        bytes.push(if is_space { b' ' } else { *first });
        rest = behind;
    }
    String::from_utf8(bytes).ok()
}

/// Decodes the escapes of JSON for characters: `K\u00e5re`.
fn escapes(text: &str) -> Option<String> {
    text.contains("\\u").then(|| serde_json::from_str(&format!("\"{}\"", text.replace('"', "\\\""))).ok()).flatten()
}

pub(crate) fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    Some(value(digits[0])? << 4 | value(*digits.get(1)?)?)
}
