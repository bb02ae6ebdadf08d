//! Character references of HTML, such as `&aring;` and `&#64;`.

use crate::text::placeholder::{CLOSE, OPEN};

/// A text with its signs, `None` where none is written by name.
pub(crate) fn unescape(text: &str) -> Option<String> {
    text.contains('&').then(|| {
        let mut read = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('&') {
            read.push_str(&rest[..at]);
            let (sign, length) = named(&rest[at..]).unwrap_or(('&', 1));
            read.push(sign);
            rest = &rest[at + length..];
        }
        read.push_str(rest);
        read
    })
}

/// The character that a name at the beginning of a text means, and the length of the name in bytes.
pub(crate) fn named(text: &str) -> Option<(char, usize)> {
    if let Some(number) = text.strip_prefix("&#") {
        return numbered(number);
    }
    let end = text.bytes().take(12).position(|byte| byte == b';')?;
    let name = text.get(1..end)?;
    let sign = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "nbsp" => '\u{A0}',
        "ensp" => '\u{2002}',
        "emsp" => '\u{2003}',
        "thinsp" => '\u{2009}',
        "hairsp" => '\u{200A}',
        "shy" => '\u{AD}',
        "zwnj" => '\u{200C}',
        "zwj" => '\u{200D}',
        "lrm" => '\u{200E}',
        "rlm" => '\u{200F}',
        "quot" => '"',
        "apos" => '\'',
        "commat" => '@',
        "period" => '.',
        "plus" => '+',
        "hyphen" => '-',
        "aring" => 'å',
        "Aring" => 'Å',
        "aelig" => 'æ',
        "AElig" => 'Æ',
        "oslash" => 'ø',
        "Oslash" => 'Ø',
        "auml" => 'ä',
        "Auml" => 'Ä',
        "ouml" => 'ö',
        "Ouml" => 'Ö',
        "uuml" => 'ü',
        "Uuml" => 'Ü',
        "eacute" => 'é',
        "Eacute" => 'É',
        _ => return None,
    };
    Some((sign, end + 1))
}

/// The sign of a number behind `&#`, and how many bytes the whole takes; players do without the semicolon.
fn numbered(number: &str) -> Option<(char, usize)> {
    let (digits, radix, head) = match number.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => (hexadecimal, 16, 3),
        None => (number, 10, 2),
    };
    let length = digits.bytes().take(8).take_while(|byte| char::from(*byte).is_digit(radix)).count();
    let sign = char::from_u32(u32::from_str_radix(&digits[..length], radix).ok()?)?;
    let ends = usize::from(digits[length..].starts_with(';'));
    (!matches!(sign, '\0' | OPEN | CLOSE)).then_some((sign, head + length + ends))
}
