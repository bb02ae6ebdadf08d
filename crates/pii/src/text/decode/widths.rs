//! Full-width letters, as keyboards of East Asia write them: `ａｉｎｏ＠ｊａｒｖｉ．ｆｉ`.

use super::{Kind, Layer};
use crate::text::digits::next_byte;

/// The distance of a full-width sign from the same sign in ASCII.
const DISTANCE: u32 = 0xFEE0;

/// The length of a full-width sign, in bytes.
const LENGTH: usize = 3;

/// Undoes runs of full-width signs in which a letter or an `@` is, and full-width dots between letters. Digits by
/// themselves are digits of a script, which are read as they are.
pub(super) fn widths(text: &str) -> Option<Layer> {
    // Nearly no text has such a sign, which is the quickest to see so.
    next_byte(text, 0xEF, 0)?;
    let mut layer = Layer::default();
    let mut from = 0;
    while let Some(start) = next_byte(text, 0xEF, from) {
        let run = &text[start..];
        let run = &run[..run.find(|c| narrow(c).is_none()).unwrap_or(run.len())];
        from = start + run.len().max(LENGTH);
        let is_letter = |c: char| c == '@' || c.is_ascii_alphabetic();
        let is_dot = || {
            run == "\u{FF0E}"
                && text[..start].ends_with(char::is_alphabetic)
                && text[from..].starts_with(char::is_alphabetic)
        };
        if !run.chars().filter_map(narrow).any(is_letter) && !is_dot() {
            continue;
        }
        for (at, c) in run.char_indices() {
            let at = start + at;
            let sign = narrow(c).unwrap_or(c);
            layer.change(text, at..at + c.len_utf8(), sign.encode_utf8(&mut [0; 4]), Kind::Sign);
        }
    }
    layer.end(text)
}

/// The sign in ASCII of a full-width one that addresses have.
fn narrow(c: char) -> Option<char> {
    let narrow = char::from_u32(u32::from(c).checked_sub(DISTANCE)?)?;
    (narrow.is_ascii_alphanumeric() || matches!(narrow, '@' | '.' | '_' | '-' | '+')).then_some(narrow)
}
