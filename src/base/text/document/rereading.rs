//! Reading a stored document again, for a customer who was not known when it came.
//!
//! Its placeholders stay. While the finder looks, each is hidden in characters that are no letters, no digits and no sign
//! between digits: Unicode's noncharacters, which no text may interchange.

use super::super::placeholder::placeholder;
use super::{Broken, Case, Document, Format, fill_text, tokenize};

/// Stands for the digit 0 of a hidden number; the other digits follow.
const ZERO: char = '\u{FDD0}';
/// Stands for the digit 9.
const NINE: char = '\u{FDD9}';
/// Stands before a hidden number, twice: with it the number is wider than any gap between the digits of a phone number.
const OPEN: char = '\u{FDDA}';
/// Stands behind a hidden number.
const CLOSE: char = '\u{FDDB}';

/// Reads a document that [`tokenize`] made, and replaces what identifies this customer and still stands there. Its
/// placeholders stay as they are; the new ones are numbered from `first` on. The mentions are what these stand for, and the
/// document is replaced if anything of it was, now.
pub fn tokenize_again(format: Format, text: &str, first: usize, case: &Case) -> Result<Document, Broken> {
    let clean = text.replace(is_hidden, "");
    let case = Case { stored: true, ..case.clone() };
    let document = tokenize(format, fill_text(&clean, hide).as_bytes(), &case)?;
    if !document.is_replaced {
        return Ok(Document { text: text.to_owned(), ..document });
    }
    let renumbered = fill_text(&document.text, |n| placeholder(first + n));
    Ok(Document { text: show(&renumbered), ..document })
}

/// Whether a character is of a hidden placeholder.
pub(super) const fn is_hidden(c: char) -> bool {
    matches!(c, ZERO..=CLOSE)
}

/// The number of a placeholder as the finder overlooks it.
fn hide(n: usize) -> String {
    let digits = n.to_string();
    let digits = digits.bytes().filter_map(|digit| char::from_u32(ZERO as u32 + u32::from(digit - b'0')));
    [OPEN, OPEN].into_iter().chain(digits).chain([CLOSE]).collect()
}

/// The text with placeholders in place of what is hidden in it.
fn show(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(is_hidden) {
        shown.push_str(before);
        let end = after.find(|c| !is_hidden(c)).unwrap_or(after.len());
        // What follows on another one is hidden as well: each ends with its own sign.
        for one in after[..end].split_inclusive(CLOSE).filter(|one| one.ends_with(CLOSE)) {
            let digits = one.chars().filter(|c| matches!(c, ZERO..=NINE)).map(|c| c as u32 - ZERO as u32);
            let number = digits.fold(0_usize, |number, digit| number.saturating_mul(10).saturating_add(digit as usize));
            shown.push_str(&placeholder(number));
        }
        rest = &after[end..];
    }
    shown.push_str(rest);
    shown
}
