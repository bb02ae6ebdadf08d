//! Texts that were sent as plain ones and are plainly written in another format.

use super::scan::Json;
use super::{Format, html, mail, ndjson, srt, vcon};

impl Format {
    /// The format that a text is read in. One that was sent as plain text, or that was stored as such, is told by what it is:
    /// the same before and after its identifiers were replaced.
    pub(super) fn of_text(self, text: &str) -> Self {
        if self != Self::Plain {
            return self;
        }
        let start = text.trim_start();
        match start.chars().next() {
            Some('{' | '[') => match Json::check(text) {
                Ok(json) if vcon::is_one(json) => Self::Vcon,
                Ok(_) => Self::Json,
                Err(_) if ndjson::is_one(text) => Self::NdJson,
                Err(_) => Self::Plain,
            },
            Some('<') if html::is_one(text) => Self::Html,
            Some('W') if is_vtt(text) => Self::Vtt,
            Some('0'..='9') if srt::is_one(text) => Self::Srt,
            Some('A'..='Z' | 'a'..='z') if mail::is_one(text) => Self::Mail,
            _ => Self::Plain,
        }
    }
}

/// Whether a text begins like `WebVTT` and has a cue.
fn is_vtt(text: &str) -> bool {
    let header = text.strip_prefix("WEBVTT").is_some_and(|rest| rest.starts_with(['\n', '\r', ' ', '\t']));
    header && text.contains("-->")
}
