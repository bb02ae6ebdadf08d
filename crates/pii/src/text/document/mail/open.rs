//! A message as it came: in any charset and encoding, with parts of any kind.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use super::super::DocumentError;
use super::parts::{MOST_PARTS, MailPart, TOO_MANY, unfolded};
use crate::field::{hexadecimal, words};

/// The fields of a header that stay. All others are notes of the programs that a message has passed.
const KEPT: [&str; 8] = ["from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date"];

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// How much of a body is decoded at once, in bytes.
const STRETCH: usize = 16 << 10;

/// How much longer than twice its bytes a message may become: each of its parts gets a header.
const SPARE: usize = 160 << 10;

const TOO_LONG: &str = "must not become more than twice as long when its characters are written in UTF-8";

/// A message whose texts are in UTF-8, and how many of its parts were no text.
pub struct Opened {
    pub text: String,
    pub dropped: usize,
    parts: usize,
    /// The most bytes of the text.
    most: usize,
}

/// Opens a message.
pub fn open(bytes: &[u8]) -> Result<Opened, DocumentError> {
    let raw = RawMail::of(bytes);
    let most = 2 * bytes.len() + SPARE;
    let mut opened = Opened { text: String::with_capacity(most), dropped: 0, parts: 0, most };
    opened.part(&raw, MailPart::of(&raw.text, 0), true)?;
    Ok(opened)
}

/// A message as text, in which each byte is at its own place, so that each part can be read in its own charset. Of a message that
/// is not in UTF-8, all bytes beyond ASCII are question marks here.
struct RawMail<'b> {
    bytes: &'b [u8],
    text: Cow<'b, str>,
}

impl<'b> RawMail<'b> {
    fn of(bytes: &'b [u8]) -> Self {
        let bytes = bytes.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(bytes);
        let sign = |byte: &u8| if byte.is_ascii() { char::from(*byte) } else { '?' };
        let text = std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(sign).collect(), Cow::Borrowed);
        Self { bytes, text }
    }

    /// The bytes of a part of its text.
    fn bytes_of(&self, part: &str) -> &'b [u8] {
        let start = part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        self.bytes.get(start..start + part.len()).unwrap_or_default()
    }
}

impl Opened {
    /// Writes a part, unless it is no text. Says whether it is written.
    fn part(&mut self, raw: &RawMail<'_>, part: MailPart<'_>, is_message: bool) -> Result<bool, DocumentError> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return Err(DocumentError::Rule { pointer: String::new(), rule: TOO_MANY });
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
            self.body(&decoded(raw, part)?, part.parameter("charset").as_deref())?;
        } else {
            self.dropped += 1;
            self.text.push_str("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
        }
        Ok(true)
    }

    /// Writes the text of a body. It is decoded into its place, a stretch at a time, since it may be as long as the message.
    fn body(&mut self, bytes: &[u8], charset: Option<&str>) -> Result<(), DocumentError> {
        let mut decoder = encoding_of(bytes, charset).new_decoder_without_bom_handling();
        let (mut rest, mut is_first, mut stretch) = (bytes, true, String::new());
        loop {
            let (next, behind) = rest.split_at(rest.len().min(STRETCH));
            rest = behind;
            stretch.clear();
            stretch.reserve(decoder.max_utf8_buffer_length(next.len()).unwrap_or_default());
            let _ = decoder.decode_to_string(next, &mut stretch, rest.is_empty());
            let text = if std::mem::take(&mut is_first) { stretch.trim_start_matches('\u{FEFF}') } else { &stretch };
            for c in text.chars().filter(|c| *c != '\0') {
                self.text.push(c);
                // A line like one of the boundaries that this file writes would begin another part.
                if c == '-' && self.text.ends_with("\n--part-") {
                    self.text.insert(self.text.len() - "--part-".len(), ' ');
                }
            }
            if self.text.len() > self.most {
                return Err(DocumentError::Rule { pointer: String::new(), rule: TOO_LONG });
            }
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    fn header(&mut self, raw: &RawMail<'_>, part: MailPart<'_>) -> Result<(), DocumentError> {
        let mut is_empty = true;
        for field in part.fields() {
            let field = field?;
            is_empty = false;
            if KEPT.iter().any(|kept| field.name.eq_ignore_ascii_case(kept)) {
                let value = unfolded(&text_of(raw.bytes_of(field.value), None));
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

    fn parts(&mut self, raw: &RawMail<'_>, part: MailPart<'_>, kind: &str) -> Result<(), DocumentError> {
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

/// The bytes of a part's body.
fn decoded<'b>(raw: &RawMail<'b>, part: MailPart<'_>) -> Result<Cow<'b, [u8]>, DocumentError> {
    let refuse = |rule| DocumentError::Rule { pointer: String::new(), rule };
    let encoding = part.get("content-transfer-encoding").unwrap_or_default().trim().to_ascii_lowercase();
    let bytes = raw.bytes_of(part.body());
    match encoding.as_str() {
        "" | "7bit" | "8bit" | "binary" => Ok(Cow::Borrowed(bytes)),
        "quoted-printable" => Ok(Cow::Owned(unquoted(bytes))),
        "base64" => {
            let signs: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            let decoded = ENGINE.decode(&signs).map_err(|_| refuse("must be base64 where its header says so"))?;
            Ok(Cow::Owned(decoded))
        }
        _ => Err(refuse("must be encoded as 7bit, 8bit, binary, quoted-printable, or base64")),
    }
}

/// Decodes quoted-printable. A body with bytes beyond ASCII was not encoded, and only its lines were folded.
fn unquoted(bytes: &[u8]) -> Vec<u8> {
    let is_quoted = bytes.is_ascii();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, behind)) = rest.split_first() {
        let soft = [&b"\r\n"[..], b"\n"].into_iter().find_map(|end| behind.strip_prefix(end));
        let code = behind.get(..2).filter(|_| is_quoted).and_then(hexadecimal);
        rest = match (first, soft, code) {
            (b'=', Some(behind), _) => behind,
            (b'=', None, Some(code)) => {
                decoded.push(code);
                &behind[2..]
            }
            _ => {
                decoded.push(*first);
                behind
            }
        };
    }
    decoded
}

/// The charset that bytes are said to be in; else UTF-8, or what mail programs take for it.
fn encoding_of(bytes: &[u8], charset: Option<&str>) -> &'static Encoding {
    let stated = charset.and_then(|charset| Encoding::for_label(charset.as_bytes()));
    let is_utf8 = std::str::from_utf8(bytes).is_ok();
    match stated {
        // The label of ASCII means its extension to all programs.
        Some(encoding) if encoding != WINDOWS_1252 || !is_utf8 || bytes.is_ascii() => encoding,
        _ if is_utf8 => UTF_8,
        _ => WINDOWS_1252,
    }
}

fn text_of(bytes: &[u8], charset: Option<&str>) -> String {
    let text = encoding_of(bytes, charset).decode_without_bom_handling(bytes).0;
    text.trim_start_matches('\u{FEFF}').to_owned()
}
