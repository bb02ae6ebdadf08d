//! Escapes of JSON and URLs, and entities of HTML.

use super::{Kind, Layer};
use crate::references::named;
use crate::text::digits::next_byte;

/// How many times an escape may be escaped itself.
const DEEPEST: usize = 8;

/// `\n`, `\u00e5`, `\"`: as many backslashes as there are.
pub(super) fn json(text: &str) -> Option<Layer> {
    let mut layer = Layer::default();
    let mut from = 0;
    while let Some(start) = next_byte(text, b'\\', from) {
        let slashes = text[start..].bytes().take(DEEPEST).take_while(|byte| *byte == b'\\').count();
        let at = start + slashes;
        from = at;
        let Some((sign, end)) = escaped(text, at) else { continue };
        layer.change(text, start..end, sign.encode_utf8(&mut [0; 4]), Kind::Sign);
        from = end;
    }
    layer.end(text)
}

/// The sign of an escape behind its backslash, and where it ends.
fn escaped(text: &str, at: usize) -> Option<(char, usize)> {
    let sign = match text.as_bytes().get(at)? {
        b'n' | b'r' => '\n',
        b't' => '\t',
        b'"' => '"',
        b'/' => '/',
        b'u' if text[at + 1..].starts_with('{') => return braced(text, at + 1),
        b'u' => return unicode(text, at),
        b'x' => return hexadecimals(text, at),
        b'0' | b'1' => return octal(text, at),
        _ => return None,
    };
    Some((sign, at + 1))
}

/// `\u{3c}`, as JavaScript and Rust write a sign.
fn braced(text: &str, open: usize) -> Option<(char, usize)> {
    let code = text.get(open + 1..)?.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
    let end = open + 1 + code;
    let sign = u32::from_str_radix(text.get(open + 1..end)?, 16).ok().and_then(char::from_u32)?;
    (is_text(sign) && text[end..].starts_with('}')).then_some((sign, end + 1))
}

/// `\x3c`, or the bytes of a longer character: `\xc3\xa5`.
fn hexadecimals(text: &str, at: usize) -> Option<(char, usize)> {
    let byte =
        |at: usize| text.as_bytes().get(at).filter(|x| **x == b'x').and_then(|_| hexadecimal(text.get(at + 1..)?));
    let first = byte(at)?;
    let length = match first {
        0xC2..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0..0xF5 => 4,
        _ => 1,
    };
    let (mut bytes, mut end) = (vec![first], at + 3);
    while bytes.len() < length {
        let slashes = text[end..].bytes().take(DEEPEST).take_while(|byte| *byte == b'\\').count();
        let Some(next) = byte(end + slashes).filter(|_| slashes > 0) else { break };
        bytes.push(next);
        end += slashes + 3;
    }
    let whole = std::str::from_utf8(&bytes).ok().and_then(|whole| whole.chars().next()).map(|sign| (sign, end));
    // One byte alone is a sign of Latin-1.
    let (sign, end) = whole.unwrap_or((char::from(first), at + 3));
    is_text(sign).then_some((sign, end))
}

/// `\074`: a sign that is neither a letter nor a digit. The digits of a path such as `C:\12345678` are no escape.
fn octal(text: &str, at: usize) -> Option<(char, usize)> {
    let digits = text.get(at..at + 3)?;
    let sign = char::from(u8::from_str_radix(digits, 8).ok()?);
    let is_sign = is_text(sign) && !sign.is_alphanumeric() && !text[at + 3..].starts_with(|c: char| c.is_ascii_digit());
    is_sign.then_some((sign, at + 3))
}

fn unicode(text: &str, at: usize) -> Option<(char, usize)> {
    let code = |at: usize| u32::from_str_radix(text.get(at + 1..at + 5)?, 16).ok();
    let high = code(at)?;
    if let Some(sign) = char::from_u32(high) {
        return is_text(sign).then_some((sign, at + 5));
    }
    let slashes = text[at + 5..].bytes().take(DEEPEST).take_while(|byte| *byte == b'\\').count();
    let low = at + 5 + slashes;
    let is_low = slashes > 0 && text.as_bytes().get(low) == Some(&b'u');
    let low_code = code(low).filter(|code| is_low && (0xDC00..0xE000).contains(code))?;
    let sign = char::from_u32(0x1_0000 + (high.checked_sub(0xD800)? << 10) + (low_code - 0xDC00))?;
    Some((sign, low + 5))
}

/// Whether a sign may stand in a text that is searched: no delimiter of a placeholder, and nothing below a space.
fn is_text(sign: char) -> bool {
    !matches!(sign, '\u{E000}' | '\u{E001}' | '\0')
}

/// `%40`, `%C3%A5`, `%2540`.
pub(super) fn percent(text: &str) -> Option<Layer> {
    bytes(text, b'%', |text, start| {
        let mut at = start + 1;
        for _ in 0..DEEPEST {
            let Some(rest) = text[at..].strip_prefix("25").filter(|rest| hexadecimal(rest).is_some()) else { break };
            at = text.len() - rest.len();
        }
        Some((hexadecimal(&text[at..])?, at + 2))
    })
}

/// Changes runs of escaped bytes that are characters; `escape` tells the byte that begins at a place, and where it ends.
fn bytes(text: &str, sign: u8, escape: impl Fn(&str, usize) -> Option<(u8, usize)>) -> Option<Layer> {
    let mut layer = Layer::default();
    let mut from = 0;
    while let Some(start) = next_byte(text, sign, from) {
        from = start + 1;
        let Some((first, mut end)) = escape(text, start) else { continue };
        let (mut character, mut length) = ([first, 0, 0, 0], 1);
        let wanted = match first {
            0xC2..0xE0 => 2,
            0xE0..0xF0 => 3,
            0xF0..0xF5 => 4,
            _ => 1,
        };
        while length < wanted
            && text.as_bytes()[end..].first() == Some(&sign)
            && let Some((next, behind)) = escape(text, end)
        {
            (character[length], end) = (next, behind);
            length += 1;
        }
        if let Some(sign) = std::str::from_utf8(&character[..length]).ok().filter(|sign| sign.chars().all(is_text)) {
            layer.change(text, start..end, sign, Kind::Sign);
            from = end;
        }
    }
    layer.end(text)
}

/// The byte that two hexadecimal digits at the beginning of a text mean.
pub(super) fn hexadecimal(text: &str) -> Option<u8> {
    let digits = text.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

/// `&nbsp;`, `&#64;`, `&#x40;`, `&amp;nbsp;`.
pub(super) fn entities(text: &str) -> Option<Layer> {
    let mut layer = Layer::default();
    let mut from = 0;
    while let Some(start) = next_byte(text, b'&', from) {
        // The name may be behind some `amp;`, each of which is the `&` of the next one.
        let mut name = start + 1;
        let read = |name: usize| named(&format!("&{}", near(&text[name..])));
        for _ in 0..DEEPEST {
            if !text[name..].starts_with("amp;") || read(name + 4).is_none() {
                break;
            }
            name += 4;
        }
        let named = read(name);
        from = start + 1;
        if let Some((sign, length)) = named.filter(|(sign, _)| is_text(*sign)) {
            let end = name + length - 1;
            layer.change(text, start..end, sign.encode_utf8(&mut [0; 4]), Kind::Sign);
            from = end;
        }
    }
    layer.end(text)
}

/// As much of a text as a name of a sign is long.
fn near(text: &str) -> &str {
    &text[..text.floor_char_boundary(16)]
}
