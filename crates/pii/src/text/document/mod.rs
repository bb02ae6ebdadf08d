//! Texts of interactions: chat logs, transcripts and the like, in the formats they come in.
//!
//! [`tokenize`] splits a document and replaces the identifiers by placeholders, even if one is spread over words, cues,
//! or turns. Then it joins the document in its format. [`Filled`] renders it in a view, and [`tokenize_again`] searches
//! it for a customer that became known later. Each format is a file here. `joined` searches several pieces together,
//! and `speakers` decides which speakers may be named.
//!
//! A document is never stored as a tree or a list of its words. `pieces` notes the position of each piece in a few
//! bytes, and the text between pieces is copied unchanged. So the memory is a small multiple of the document's length,
//! whatever its shape.

mod cells;
mod detect;
mod fields;
mod fill;
mod html;
mod joined;
mod json;
mod mail;
mod ndjson;
mod neighbours;
mod pieces;
mod rereading;
mod scan;
mod signs;
mod speakers;
mod srt;
mod turns;
mod vcon;
mod vtt;
mod walk;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::time::Duration;

use super::placeholder::{CLOSE, OPEN, strip};
use super::{Finder, Found, Own, Patterns};
use crate::Region;
pub use fill::Filled;
use joined::{Eyes, Layout};
use pieces::{Belongs, Pieces};
pub use rereading::tokenize_again;
use speakers::Labels;

/// The most numbers and addresses that one document may name: all of them go through one short transaction of the vault.
pub const MOST_MENTIONS: usize = 10_000;

/// The most places of a document that may be replaced.
const MOST_MARKS: usize = 1_000_000;

/// How long a document may take.
const LONGEST_WORK: Duration = Duration::from_mins(5);

/// The format of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Plain,
    /// JSON of any shape: turns, words with their times.
    Json,
    /// `WebVTT`.
    Vtt,
    /// A container of a conversation, as an Internet-Draft of the IETF describes it.
    Vcon,
    /// JSON Lines.
    NdJson,
    /// `SubRip`.
    Srt,
    /// HTML.
    Html,
    /// A message as mail programs write it.
    Mail,
}

impl Format {
    /// The media types there is a format for.
    pub const MEDIA_TYPES: &'static str = "text/plain, text/html, text/vtt, application/json, application/x-ndjson, \
                                           application/vcon+json, application/x-subrip, or message/rfc822";

    /// The format of a media type.
    #[must_use]
    pub fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "text/plain" => Some(Self::Plain),
            "text/vtt" => Some(Self::Vtt),
            "application/json" => Some(Self::Json),
            "application/vcon+json" | "application/vcon" => Some(Self::Vcon),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
                Some(Self::NdJson)
            }
            "application/x-subrip" | "text/srt" | "text/x-srt" => Some(Self::Srt),
            "text/html" => Some(Self::Html),
            "message/rfc822" => Some(Self::Mail),
            _ => None,
        }
    }

    /// How long the text of a document may become, in bytes. Characters of another charset are longer in UTF-8.
    #[must_use]
    pub fn longest(self, bytes: &[u8]) -> usize {
        let grows = self == Self::Mail && std::str::from_utf8(bytes).is_err();
        if grows { 2 * bytes.len() } else { bytes.len() }
    }

    /// Whether its values are JSON.
    const fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Vcon | Self::NdJson)
    }
}

#[derive(Clone, Debug)]
pub struct Case {
    /// The region in which national numbers need no country code.
    pub region: Region,
    /// The known identifiers of the customer.
    pub own: Own,
    /// Whether the customer was forgotten, so that the name is not known any more.
    pub forgotten: bool,
    /// Whether the document was stored before: what it had to be to come in, it is not held to once more.
    pub stored: bool,
    /// The tenant's own patterns. They are for what arrives, and not for what was stored before.
    pub patterns: Patterns,
}

#[derive(Debug, Default)]
pub struct Document {
    pub text: String,
    pub mentions: Vec<Found>,
    /// Whether anything of what came was replaced.
    pub is_replaced: bool,
    /// How many parts of a message were dropped, since they are no text.
    pub dropped: usize,
}

/// Why bytes are no document of a format. Never quotes them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The bytes are no UTF-8 from this one on, counted from 0.
    #[error("not UTF-8 from byte {0} on")]
    NotUtf8(usize),
    /// It is no JSON: where it stops being so, both counted from 1.
    #[error("not JSON from line {line}, column {column} on")]
    NotJson {
        line: usize,
        /// The column, in bytes.
        column: usize,
    },
    /// A line breaks a rule of its format, counted from 1.
    #[error("line {line} {rule}")]
    Line { line: usize, rule: &'static str },
    #[error("must name at most 10000 numbers and addresses, and those and the customer at most 1000000 times")]
    TooMany,
    #[error("takes too long to be read")]
    TooSlow,
    #[error("{pointer} {rule}")]
    Rule {
        /// Where (RFC 6901).
        pointer: String,
        rule: &'static str,
    },
}

/// Reads a document and replaces what identifies somebody.
pub fn tokenize(format: Format, bytes: &[u8], case: &Case) -> Result<Document, DocumentError> {
    if let Some(opened) = opened(format, bytes)? {
        let document = tokenize_text(Format::Mail, &opened.text, case)?;
        return Ok(Document { is_replaced: true, dropped: opened.dropped, ..document });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| DocumentError::NotUtf8(error.valid_up_to()))?;
    tokenize_text(format, text, case)
}

/// The message that the bytes are, opened; `None` where they are none.
fn opened(format: Format, bytes: &[u8]) -> Result<Option<mail::Opened>, DocumentError> {
    match format {
        Format::Mail => mail::open(bytes).map(Some),
        Format::Plain => {
            let is_mail = |text: &&str| Format::Plain.of_text(text) == Format::Mail;
            let text = std::str::from_utf8(bytes).ok().filter(is_mail);
            // A part that cannot be opened is searched as it is.
            Ok(text.and_then(|text| mail::open(text.as_bytes()).ok()))
        }
        _ => Ok(None),
    }
}

fn tokenize_text(format: Format, text: &str, case: &Case) -> Result<Document, DocumentError> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    if let Some(at) = text.find('\0') {
        // A text of another encoding: digits with a NUL between them would not be found.
        return Err(DocumentError::Line { line: 1 + text[..at].matches('\n').count(), rule: "must not hold NUL" });
    }
    let stripped = stripped(format.of_text(text), text);
    let clean = stripped.as_deref().unwrap_or(text);
    let replaced = replaced(format, clean, 0, case)?;
    let is_stripped = stripped.is_some();
    let document = Document::of(replaced, || stripped.unwrap_or_else(|| text.to_owned()));
    Ok(Document { is_replaced: document.is_replaced || is_stripped, ..document })
}

impl Document {
    fn of(replaced: Option<Replaced>, text: impl FnOnce() -> String) -> Self {
        match replaced {
            Some((text, mentions)) => Self { text, mentions, is_replaced: true, dropped: 0 },
            None => Self { text: text(), ..Self::default() },
        }
    }
}

/// The document without the characters that delimit placeholders, so that nobody can forge one; `None` where it has none.
fn stripped(format: Format, text: &str) -> Option<String> {
    let is_json = format.is_json();
    let text = match strip(text) {
        Some(stripped) => Cow::Owned(stripped),
        None => Cow::Borrowed(text),
    };
    match scan::without(&text, [OPEN, CLOSE]).filter(|_| is_json) {
        Some(stripped) => Some(stripped),
        None => matches!(text, Cow::Owned(_)).then(|| text.into_owned()),
    }
}

/// A document without what identifies somebody, and what its new placeholders stand for.
type Replaced = (String, Vec<Found>);

/// Replaces what identifies somebody; `None` where nothing does. New placeholders are numbered from `first` on.
fn replaced(format: Format, text: &str, first: usize, case: &Case) -> Result<Option<Replaced>, DocumentError> {
    let finder = Finder::new(case.region, case.own.clone()).with_patterns(&case.patterns);
    let read = format.of_text(text);
    match replaced_in(read, text, first, case, &finder) {
        // It only looked like another format.
        Err(DocumentError::NotJson { .. } | DocumentError::Line { .. } | DocumentError::Rule { .. })
            if read != format =>
        {
            plain(text, case, &finder, first)
        }
        replaced => replaced,
    }
}

fn replaced_in(
    format: Format,
    text: &str,
    first: usize,
    case: &Case,
    finder: &Finder,
) -> Result<Option<Replaced>, DocumentError> {
    match format {
        Format::Plain => plain(text, case, finder, first),
        Format::Json => json::tokenize(text, case, finder, json::Shape::Any, first),
        Format::Vcon => json::tokenize(text, case, finder, json::Shape::Vcon, first),
        Format::NdJson => ndjson::tokenize(text, case, finder, first),
        Format::Vtt => vtt::tokenize(text, case, finder, first),
        Format::Srt => srt::tokenize(text, case, finder, first),
        Format::Html => html::tokenize(text, case, finder, first),
        Format::Mail => mail::tokenize(text, case, finder, first),
    }
}

fn plain(text: &str, case: &Case, finder: &Finder, first: usize) -> Result<Option<Replaced>, DocumentError> {
    let mut labels = Labels::default();
    for label in speakers::labels_of_lines(text).filter(|_| case.forgotten) {
        labels.add(label, case)?;
    }
    let eyes = Eyes::new(finder, labels.names());
    let mut pieces = Pieces::new(text.len(), first);
    pieces.add(0, text.len(), Belongs::Alone);
    let layout = Layout { spaced: false, wraps: false, stored: case.stored };
    eyes.mark(&mut pieces, &|_| Cow::Borrowed(text), layout)?;
    if pieces.marks.is_empty() {
        return Ok(None);
    }
    pieces.sort();
    let mut written = String::with_capacity(text.len());
    pieces.write(text, 0..pieces.marks.len(), &mut written);
    Ok(Some((written, pieces.into_mentions())))
}
