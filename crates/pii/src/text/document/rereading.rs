//! Reading a stored document again, for a customer who was not known when it came.
//!
//! Its placeholders stay. During the search, each is hidden by characters that are no letters, no digits, and no sign
//! between digits, and that have the same number of bytes. So a match in the searched text has the same position in the
//! document.

use std::borrow::Cow;

use super::super::Patterns;
use super::super::placeholder::{CLOSE, OPEN};
use super::{Case, Document, DocumentError, Format, replaced};

/// The first character of a hidden placeholder: one of Unicode's noncharacters, which no text may interchange.
const HIDDEN: char = '\u{FDDA}';

/// The character for each other byte. A placeholder has at least four of them, which is more than any gap between the
/// digits of a number.
const FILLER: char = '\u{1}';

/// Searches a document from [`tokenize`](super::tokenize) again, and replaces the identifiers of this customer that it
/// still contains. Its placeholders stay, and the new ones are numbered from `first` on. Returns the mentions of the
/// new placeholders, and the new document if anything was replaced.
pub fn tokenize_again(format: Format, text: String, first: usize, case: &Case) -> Result<Document, DocumentError> {
    let replaced =
        replaced(format, &text, first, &Case { stored: true, patterns: Patterns::default(), ..case.clone() })?;
    Ok(Document::of(replaced, || text))
}

/// A text as the finder is to see it: as long as it is, with nothing to be found in its placeholders.
pub(super) fn hidden(text: &str) -> Cow<'_, str> {
    if !text.contains(OPEN) {
        return Cow::Borrowed(text);
    }
    let mut seen = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        seen.push_str(before);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        seen.push(HIDDEN);
        rest = match after[digits..].strip_prefix(CLOSE) {
            Some(behind) => {
                seen.extend(std::iter::repeat_n(FILLER, digits + CLOSE.len_utf8()));
                behind
            }
            None => after,
        };
    }
    seen.push_str(rest);
    Cow::Owned(seen)
}

/// Whether a text has a placeholder.
pub(super) fn has_placeholder(text: &str) -> bool {
    text.contains(OPEN)
}
