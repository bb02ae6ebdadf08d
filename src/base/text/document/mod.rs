//! Texts of interactions: chat logs, transcripts and the like, in the formats they come in.
//!
//! A document goes in through [`tokenize`]: it is taken apart, what identifies somebody becomes placeholders, also where
//! it is spread over words, cues or turns, and it is put together again in its format. [`fill`] shows it by a view, and
//! [`tokenize_again`] reads it for a customer who became known later. A format is a file here; `joined` finds over several pieces, `speakers` knows who may be named.

mod joined;
mod json;
mod rereading;
mod signs;
mod speakers;
mod vcon;
mod vtt;

#[cfg(test)]
mod tests;

use super::placeholder::{Mentions, fill_text, strip};
use super::{Finder, Found, Own};
use crate::base::pii::Region;
use joined::{Eyes, Part, written};
pub use rereading::tokenize_again;

/// What a document is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines of text.
    Plain,
    /// JSON of any shape: turns, words with their times.
    Json,
    /// `WebVTT`.
    Vtt,
    /// A container of a conversation, as the IETF drafts it.
    Vcon,
}

impl Format {
    /// The media types there is a format for.
    pub const MEDIA_TYPES: &'static str = "text/plain, text/vtt, application/json or application/vcon+json";

    /// The format of a media type.
    #[must_use]
    pub fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "text/plain" => Some(Self::Plain),
            "text/vtt" => Some(Self::Vtt),
            "application/json" => Some(Self::Json),
            "application/vcon+json" | "application/vcon" => Some(Self::Vcon),
            _ => None,
        }
    }
}

/// Whose text it is.
#[derive(Clone, Debug)]
pub struct Case {
    /// Whose national numbers need no country code.
    pub region: Region,
    /// What is known of the customer.
    pub own: Own,
    /// Whether the customer was forgotten, so that the name is not known any more.
    pub forgotten: bool,
    /// Whether the document was stored before: what it had to be to come in, it is not held to once more.
    pub stored: bool,
}

/// A document without identifiers.
#[derive(Debug, Default)]
pub struct Document {
    /// The text, in its format.
    pub text: String,
    /// What its placeholders stand for.
    pub mentions: Vec<Found>,
    /// Whether anything of what came was replaced.
    pub is_replaced: bool,
}

/// Why bytes are no document of a format. Never quotes them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The bytes are no UTF-8 from this one on, counted from 0.
    #[error("not UTF-8 from byte {0} on")]
    NotUtf8(usize),
    /// It is no JSON: where it stops being so, both counted from 1.
    #[error("not JSON from line {line}, column {column} on")]
    NotJson {
        /// The line.
        line: usize,
        /// The column, in bytes.
        column: usize,
    },
    /// A line breaks a rule of its format, counted from 1.
    #[error("line {line} {rule}")]
    Line {
        /// The line.
        line: usize,
        /// What would be right.
        rule: &'static str,
    },
    /// A value breaks a rule.
    #[error("{pointer} {rule}")]
    Rule {
        /// Where (RFC 6901).
        pointer: String,
        /// What would be right.
        rule: &'static str,
    },
}

/// Reads a document and replaces what identifies somebody.
pub fn tokenize(format: Format, bytes: &[u8], case: &Case) -> Result<Document, Broken> {
    let text = std::str::from_utf8(bytes).map_err(|error| Broken::NotUtf8(error.valid_up_to()))?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    if let Some(at) = text.find('\0') {
        // A text of another encoding: digits with a NUL between them would not be found.
        return Err(Broken::Line { line: 1 + text[..at].matches('\n').count(), rule: "must not hold NUL" });
    }
    let finder = Finder::new(case.region, case.own.clone());
    let mut mentions = Vec::new();
    let mut list = Mentions::new(&mut mentions);
    let replaced = match format {
        Format::Plain => plain(text, case, &finder, &mut list)?,
        Format::Json => json::tokenize(text, case, &finder, &mut list, json::Shape::Any)?,
        Format::Vcon => json::tokenize(text, case, &finder, &mut list, json::Shape::Vcon)?,
        Format::Vtt => vtt::tokenize(text, case, &finder, &mut list)?,
    };
    let is_replaced = replaced.is_some();
    // What held a delimiter was replaced as well, so a text that is kept as it came has none.
    Ok(Document { text: replaced.unwrap_or_else(|| text.to_owned()), mentions, is_replaced })
}

/// Puts `show(n)` in place of each placeholder of a document that [`tokenize`] made, so that it stays one of its format.
pub fn fill(format: Format, text: &str, show: &dyn Fn(usize) -> String) -> Result<String, Broken> {
    Ok(match format {
        Format::Plain => fill_text(text, show),
        Format::Vtt => fill_text(text, |n| signs::escape(&show(n)).replace(['\n', '\r'], " ")),
        Format::Json | Format::Vcon => super::fill_json(json::parse(text)?, show).to_string(),
    })
}

fn plain(text: &str, case: &Case, finder: &Finder, mentions: &mut Mentions<'_>) -> Result<Option<String>, Broken> {
    let stripped = strip(text);
    let clean = stripped.as_deref().unwrap_or(text);
    let labels = case.forgotten.then(|| speakers::labels_of_lines(clean));
    let eyes = Eyes { finder, names: speakers::names(labels.into_iter().flatten(), case)? };
    let part = Part { pieces: vec![clean], ..Part::default() };
    let marks = eyes.marks(&[part]).pop().unwrap_or_default();
    if marks.is_empty() {
        return Ok(stripped);
    }
    Ok(Some(written(clean, marks, mentions)))
}
