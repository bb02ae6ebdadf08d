//! Transfer encodings of mail: quoted-printable, encoded words, base64.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::escapes::hexadecimal;
use super::{Kind, Layer};
use crate::text::digits::next_byte;

/// Reads with and without padding.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// The shortest run that is taken for base64.
const SHORTEST: usize = 16;

/// The most signs at the end of a run that fill its last four.
const PADDING: usize = 2;

/// Lines of a mail's base64 are at least so long, but for the last.
const SHORTEST_LINE: usize = 60;

/// The longest line of base64 that is distinguished from quoted-printable, in bytes.
const LONGEST_RUN: usize = 4_096;

/// The longest name of a field before a `=`.
const LONGEST_FIELD: usize = 32;

/// The longest encoded word, with room for writers that do not keep to the 75 characters.
const LONGEST_WORD: usize = 512;

/// Quoted-printable, and words with their character set, `=?utf-8?Q?K=C3=A5ri?=`.
pub(super) fn words(text: &str) -> Option<Layer> {
    let mut layer = Layer::default();
    let mut from = 0;
    while let Some(start) = next_byte(text, b'=', from) {
        from = match word(text, start, &mut layer).or_else(|| quoted(text, start, &mut layer)) {
            Some(end) => end,
            None => start + 1,
        };
    }
    layer.end(text)
}

/// Reads the encoded word that begins at a place; tells where it ends.
fn word(text: &str, start: usize, layer: &mut Layer) -> Option<usize> {
    let rest = text[start..].strip_prefix("=?")?;
    let near = &rest[..rest.floor_char_boundary(LONGEST_WORD)];
    let (set, near) = near.split_once('?')?;
    let (encoding, near) = near.split_once('?')?;
    let (coded, _) = near.split_once("?=")?;
    let is_set = !set.is_empty() && set.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !is_set || coded.contains(char::is_whitespace) {
        return None;
    }
    let begins = start + 2 + set.len() + 1 + encoding.len() + 1;
    let ends = begins + coded.len();
    // Between two words there is nothing.
    let is_next = layer.read > 0 && layer.changes.last().is_some_and(|last| last.kind == Kind::Frame);
    let is_next = is_next && text[layer.read..start].chars().all(char::is_whitespace);
    let open = if is_next { layer.read } else { start };
    match encoding {
        "Q" | "q" => {
            layer.change(text, open..begins, "", Kind::Frame);
            let mut at = begins;
            while let Some(ahead) = text[at..ends].find(['_', '=']) {
                at += ahead;
                at = match text.as_bytes()[at] {
                    b'_' => {
                        layer.change(text, at..at + 1, " ", Kind::Sign);
                        at + 1
                    }
                    _ => character(text, at, ends, false, layer).unwrap_or(at + 1),
                };
            }
        }
        "B" | "b" => {
            let bytes = STANDARD.decode(coded).ok()?;
            layer.change(text, open..begins, "", Kind::Frame);
            match String::from_utf8(bytes) {
                Ok(decoded) => layer.change(text, begins..ends, &clean(decoded), Kind::Base64),
                Err(bytes) => {
                    let latin: String = bytes.into_bytes().into_iter().map(char::from).collect();
                    layer.change(text, begins..ends, &clean(latin), Kind::Sign);
                }
            }
        }
        _ => return None,
    }
    layer.change(text, ends..ends + 2, "", Kind::Frame);
    Some(ends + 2)
}

/// A decoded text as it may be searched: as long as it was, without what delimits placeholders.
fn clean(decoded: String) -> String {
    if decoded.contains(['\u{E000}', '\u{E001}', '\0']) {
        return decoded.replace(['\u{E000}', '\u{E001}'], "   ").replace('\0', " ");
    }
    decoded
}

/// Reads the escape of quoted-printable at a place; tells where it ends.
fn quoted(text: &str, start: usize, layer: &mut Layer) -> Option<usize> {
    let rest = &text[start + 1..];
    if let Some(length) = ["\r\n", "\n"].into_iter().find(|end| rest.starts_with(end)).map(str::len) {
        if ends_base64(text, start) {
            return None;
        }
        let end = start + 1 + length;
        layer.change(text, start..end, "", Kind::Frame);
        return Some(end);
    }
    // `tel=22334455` is a field and its value, and `0301=205183` two parts of a number.
    let is_value = rest.bytes().take(6).filter(u8::is_ascii_digit).count() == 6 && !follows_number(&text[..start]);
    if is_value { None } else { character(text, start, text.len(), true, layer) }
}

/// Whether the `=` at a line's end is the padding of base64 and not a soft line break.
fn ends_base64(text: &str, at: usize) -> bool {
    let end = at - usize::from(text[..at].ends_with('='));
    let run = text.as_bytes()[..end].iter().rev().take(LONGEST_RUN).take_while(|byte| is_base64(**byte)).count();
    let coded = &text[end - run..=at];
    run >= SHORTEST
        && coded.len().is_multiple_of(4)
        && STANDARD
            .decode(coded)
            .is_ok_and(|bytes| std::str::from_utf8(&bytes).is_ok_and(|text| text.chars().all(is_readable)))
}

/// Whether a text ends with digits that are no part of a word.
fn follows_number(before: &str) -> bool {
    let near = &before[before.ceil_char_boundary(before.len().saturating_sub(LONGEST_FIELD))..];
    let rest = near.trim_end_matches(|c: char| c.is_ascii_digit());
    rest.len() < near.len() && !rest.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

/// Reads the bytes of one character, `=C3=A5`. A letter or digit of ASCII is never written so in a text (`is_text`).
fn character(text: &str, start: usize, stop: usize, is_text: bool, layer: &mut Layer) -> Option<usize> {
    let byte = |at: usize| {
        let digits = text.get(at + 1..at + 3).filter(|_| at + 3 <= stop && text.as_bytes()[at] == b'=')?;
        hexadecimal(digits)
    };
    let first = byte(start)?;
    let wanted = match first {
        0xC2..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0..0xF5 => 4,
        _ => 1,
    };
    let bytes: Vec<u8> = (0..wanted).map_while(|place| byte(start + 3 * place)).collect();
    if let Some(sign) = std::str::from_utf8(&bytes).ok().filter(|sign| !sign.contains(['\u{E000}', '\u{E001}', '\0'])) {
        if is_text && first.is_ascii_alphanumeric() {
            return None;
        }
        let end = start + 3 * bytes.len();
        layer.change(text, start..end, sign, Kind::Sign);
        return Some(end);
    }
    // A letter of Latin-1.
    let latin = char::from(first);
    (first >= 0xC0).then(|| layer.change(text, start..start + 3, latin.encode_utf8(&mut [0; 4]), Kind::Sign))?;
    Some(start + 3)
}

/// Runs of base64 that are text, over the lines of a mail.
pub(super) fn base64(text: &str) -> Option<Layer> {
    let mut layer = Layer::default();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        // Of sixteen bytes two may be padding. So the last of the next fourteen tells whether a run may be among them, and nearly
        // every word of a text is passed over without a look at its other bytes.
        let last = at + SHORTEST - PADDING - 1;
        match bytes.get(last) {
            None => break,
            Some(byte) if !is_base64(*byte) => {
                at = last + 1;
                continue;
            }
            Some(_) => {}
        }
        if let Some(space) = run_end(bytes, last) {
            at = space + 1;
            continue;
        }
        let start = last - bytes[at..last].iter().rev().take_while(|byte| is_base64(**byte)).count();
        let behind = bytes[last..].iter().take(SHORTEST).take_while(|byte| is_base64(**byte)).count();
        if last + behind - start < SHORTEST - PADDING {
            at = last + behind;
            continue;
        }
        at = start;
        let mut lines = Vec::new();
        loop {
            let length = bytes[at..].iter().take_while(|byte| is_base64(**byte)).count();
            let padding = bytes[at + length..].iter().take(PADDING).take_while(|byte| **byte == b'=').count();
            // A line with something else behind it is another text: `Agent: yes`.
            let is_line = bytes.get(at + length + padding).is_none_or(|byte| matches!(byte, b'\r' | b'\n'));
            if !is_line && !lines.is_empty() {
                break;
            }
            lines.push(at..at + length + padding);
            at += length + padding;
            let end = if bytes[at..].starts_with(b"\r\n") { 2 } else { usize::from(bytes[at..].starts_with(b"\n")) };
            let goes_on = end > 0 && padding == 0 && length >= SHORTEST_LINE && length.is_multiple_of(4);
            if !goes_on || !bytes.get(at + end).is_some_and(|byte| is_base64(*byte)) {
                break;
            }
            at += end;
        }
        let is_read = at - start >= SHORTEST && lines_of(text, &lines, &mut layer);
        // A last line of letters alone may be another text too: `Takk`.
        if let (false, Some((_, before @ [_, ..]))) = (is_read, lines.split_last()) {
            lines_of(text, before, &mut layer);
        }
    }
    layer.end(text)
}

/// Where the run that has a byte in it ends, if spaces or other low signs of ASCII on both sides are so near that the run is
/// too short. Eight bytes are looked at as one number, since the ends of words cannot be foreseen.
fn run_end(bytes: &[u8], at: usize) -> Option<usize> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // Each of these signs is less than `+`. A borrow only reaches bytes behind the first such sign.
    let low = |eight: &[u8; 8]| {
        let eight = u64::from_le_bytes(*eight);
        eight.wrapping_sub(EACH * u64::from(b'+')) & !eight & (EACH << 7)
    };
    let before = low(bytes[..=at].last_chunk()?);
    let behind = low(bytes[at..].first_chunk()?);
    (before != 0 && behind != 0).then(|| at + behind.trailing_zeros() as usize / 8)
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// The characters of a run that tell whether it may be text.
const LOOKED_AT: usize = 12;

/// A run in the standard alphabet.
fn as_standard(run: &str) -> String {
    run.replace('-', "+").replace('_', "/")
}

/// Changes lines that are base64 of a text together. Returns whether they are.
fn lines_of(text: &str, lines: &[std::ops::Range<usize>], layer: &mut Layer) -> bool {
    let standard = |line: &std::ops::Range<usize>| as_standard(&text[line.clone()]);
    // A run that no byte of a text begins with is none: the first letters decide on nearly every long word.
    let begin = &text[lines[0].clone()];
    let first = as_standard(&begin[..begin.len().min(LOOKED_AT) / 4 * 4]);
    let is_hopeless = STANDARD.decode(&first).map_or(true, |begin| !begin.iter().all(|byte| may_be_text(*byte)));
    if is_hopeless {
        return false;
    }
    let Some(decoded) = lines.iter().map(|line| STANDARD.decode(standard(line)).ok()).collect::<Option<Vec<_>>>()
    else {
        return false;
    };
    if !std::str::from_utf8(&decoded.concat()).is_ok_and(|whole| whole.chars().all(is_readable)) {
        return false;
    }
    for (no, (line, bytes)) in lines.iter().zip(&decoded).enumerate() {
        // A character that two lines share is read as two unknown ones.
        let part = String::from_utf8_lossy(bytes);
        let kind = if part.len() == bytes.len() { Kind::Base64 } else { Kind::Sign };
        if no == 0 {
            layer.change(text, line.start..line.start, "\n", Kind::Frame);
        } else {
            layer.change(text, layer.read..line.start, "", Kind::Frame);
        }
        layer.change(text, line.clone(), &clean(part.into_owned()), kind);
    }
    let end = layer.read;
    layer.change(text, end..end, "\n", Kind::Frame);
    true
}

const fn may_be_text(byte: u8) -> bool {
    byte >= 0x80 || byte >= b' ' && byte != 0x7F || matches!(byte, b'\n' | b'\r' | b'\t')
}

fn is_readable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{E000}'..='\u{F8FF}') || matches!(c, '\n' | '\r' | '\t')
}
