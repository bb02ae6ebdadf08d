//! A message as it came: in any charset and encoding, with parts of any kind.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use super::super::DocumentError;
use super::parts::{Part, unfolded};
use crate::field::{quoted, words};

/// The fields of a header that stay. All others are notes of the programs that a message has passed.
const KEPT: [&str; 8] = ["from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date"];

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The most parts of a message. A part of a few bytes is written with a header, so many of them would take far more
/// memory than the message.
const MOST_PARTS: usize = 1_000;

/// A message whose texts are in UTF-8, and how many of its parts were no text.
pub struct Opened {
    pub text: String,
    pub dropped: usize,
    parts: usize,
}

/// Opens a message.
pub fn open(bytes: &[u8]) -> Result<Opened, DocumentError> {
    // Bytes of another charset become characters one by one, so that each part can be read in its own.
    let raw = Raw::of(bytes);
    let mut opened = Opened { text: String::with_capacity(raw.text.len()), dropped: 0, parts: 0 };
    opened.part(&raw, Part::of(&raw.text, 0), true)?;
    Ok(opened)
}

/// A message as text.
struct Raw<'b> {
    text: Cow<'b, str>,
    /// Whether each byte is one character.
    is_by_bytes: bool,
}

impl<'b> Raw<'b> {
    fn of(bytes: &'b [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self { text: Cow::Borrowed(text.strip_prefix('\u{FEFF}').unwrap_or(text)), is_by_bytes: false },
            Err(_) => Self { text: bytes.iter().map(|byte| char::from(*byte)).collect(), is_by_bytes: true },
        }
    }

    /// The bytes of a part of it.
    fn bytes<'p>(&self, part: &'p str) -> Cow<'p, [u8]> {
        if self.is_by_bytes {
            return Cow::Owned(part.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect());
        }
        Cow::Borrowed(part.as_bytes())
    }
}

impl Opened {
    /// Writes a part, unless it is no text. Says whether it is written.
    fn part(&mut self, raw: &Raw<'_>, part: Part<'_>, is_message: bool) -> Result<bool, DocumentError> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return Err(DocumentError::Rule { pointer: String::new(), rule: "must have at most 1000 parts" });
        }
        let kind = part.kind();
        let is_readable =
            kind.starts_with("text/") && !matches!(kind.as_str(), "text/rtf" | "text/enriched" | "text/richtext");
        let has_parts = kind.starts_with("multipart/") || kind == "message/rfc822";
        if !is_message && !is_readable && !has_parts {
            self.dropped += 1;
            return Ok(false);
        }
        if is_message {
            self.header(raw, part)?;
        }
        if has_parts {
            self.parts(raw, part, &kind)?;
        } else if is_readable {
            let kind = if kind == "text/html" { "text/html" } else { "text/plain" };
            let _ = write!(self.text, "Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
            let mut body = decoded(raw, part)?;
            body.retain(|c| c != '\0');
            // A line like one of the boundaries that this file writes would begin another part.
            let mut pieces = body.split("\n--part-");
            let first = pieces.next().unwrap_or_default();
            self.text.push_str(if first.starts_with("--part-") { &first[1..] } else { first });
            for piece in pieces {
                self.text.push_str("\n --part-");
                self.text.push_str(piece);
            }
        } else {
            self.dropped += 1;
            self.text.push_str("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
        }
        Ok(true)
    }

    fn header(&mut self, raw: &Raw<'_>, part: Part<'_>) -> Result<(), DocumentError> {
        let mut is_empty = true;
        for field in part.fields() {
            let field = field?;
            is_empty = false;
            if KEPT.iter().any(|kept| field.name.eq_ignore_ascii_case(kept)) {
                let value = unfolded(&text_of(&raw.bytes(field.value), None));
                let value = words(&value).map_or(value, |words| unfolded(&words));
                let _ = write!(self.text, "{}: {}\r\n", field.name, value.replace('\0', ""));
            }
        }
        if is_empty && part.depth == 0 {
            return Err(DocumentError::Line { line: 1, rule: "must be the first field of a header" });
        }
        self.text.push_str("MIME-Version: 1.0\r\n");
        Ok(())
    }

    fn parts(&mut self, raw: &Raw<'_>, part: Part<'_>, kind: &str) -> Result<(), DocumentError> {
        let parts = part.parts()?;
        if kind == "message/rfc822" {
            self.text.push_str("Content-Type: message/rfc822\r\n\r\n");
            for message in parts {
                self.part(raw, message, true)?;
            }
            return Ok(());
        }
        let boundary = format!("part-{}-{:x}", part.depth, part.body().len());
        let _ = write!(self.text, "Content-Type: {kind}; boundary=\"{boundary}\"\r\n\r\n");
        for inner in parts {
            let before = self.text.len();
            let _ = write!(self.text, "--{boundary}\r\n");
            if self.part(raw, inner, false)? {
                self.text.push_str("\r\n");
            } else {
                self.text.truncate(before);
            }
        }
        let _ = write!(self.text, "--{boundary}--\r\n");
        Ok(())
    }
}

/// The text of a part's body.
fn decoded(raw: &Raw<'_>, part: Part<'_>) -> Result<String, DocumentError> {
    let refuse = |rule| DocumentError::Rule { pointer: String::new(), rule };
    let encoding = part.get("content-transfer-encoding").unwrap_or_default().trim().to_ascii_lowercase();
    let bytes = match encoding.as_str() {
        "" | "7bit" | "8bit" | "binary" => raw.bytes(part.body()).into_owned(),
        "quoted-printable" => {
            let joined = part.body().replace("=\r\n", "").replace("=\n", "");
            if joined.is_ascii() { quoted(&joined) } else { raw.bytes(&joined).into_owned() }
        }
        "base64" => {
            let signs: Vec<u8> = part.body().bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
            ENGINE.decode(&signs).map_err(|_| refuse("must be base64 where its header says so"))?
        }
        _ => return Err(refuse("must be encoded as 7bit, 8bit, binary, quoted-printable, or base64")),
    };
    Ok(text_of(&bytes, part.parameter("charset").as_deref()))
}

/// Bytes as text, in the charset that they are said to be in; else in UTF-8, or what mail programs take for it.
fn text_of(bytes: &[u8], charset: Option<&str>) -> String {
    let stated = charset.and_then(|charset| Encoding::for_label(charset.as_bytes()));
    let is_utf8 = std::str::from_utf8(bytes).is_ok();
    let encoding = match stated {
        // The label of ASCII means its extension to all programs.
        Some(encoding) if encoding != WINDOWS_1252 || !is_utf8 || bytes.is_ascii() => encoding,
        _ if is_utf8 => UTF_8,
        _ => WINDOWS_1252,
    };
    encoding.decode_without_bom_handling(bytes).0.trim_start_matches('\u{FEFF}').to_owned()
}
