//! The first bytes of an upload: a page that calls itself a recording is refused, and a WAV file contains its duration.

use super::model::MediaType;

/// How many bytes are looked at.
const LOOKED_AT: usize = 64;

/// The first bytes of documents, programs, and archives. No recording begins with them.
const OTHERS: [&[u8]; 12] = [
    b"<!doctype",
    b"<html",
    b"<head",
    b"<body",
    b"<script",
    b"<svg",
    b"<?xml",
    b"%pdf-",
    b"pk\x03\x04",
    b"\x7felf",
    b"mz\x90\x00",
    b"#!/",
];

/// The first bytes of an upload, as far as they have arrived.
#[derive(Clone, Debug, Default)]
pub struct ObjectHeader(Vec<u8>);

impl ObjectHeader {
    /// Takes the next bytes, of which it keeps what it looks at.
    pub fn push(&mut self, bytes: &[u8]) {
        let wanted = LOOKED_AT - self.0.len();
        self.0.extend_from_slice(&bytes[..bytes.len().min(wanted)]);
    }

    /// Whether the bytes are plainly no sound and no film although the media type says so. Unknown bytes are accepted, because
    /// telephone systems write formats that nobody else knows.
    #[must_use]
    pub fn contradicts(&self, media_type: &MediaType) -> bool {
        let is_media = ["audio/", "video/"].iter().any(|top| media_type.as_str().starts_with(top));
        let text = self.0.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(&self.0).trim_ascii_start();
        let begins_with = |other: &&[u8]| text.get(..other.len()).is_some_and(|head| head.eq_ignore_ascii_case(other));
        is_media && OTHERS.iter().any(begins_with)
    }

    /// How long a WAV file of so many bytes plays, in milliseconds, from the bytes a second that its header names.
    #[must_use]
    pub fn duration_ms(&self, size: u64) -> Option<u64> {
        let head = self.0.as_slice();
        let is_wav = head.starts_with(b"RIFF") && head.get(8..16) == Some(b"WAVEfmt ");
        let (data_at, rate) = (20 + u64::from(number(head, 16)?) + 8, u64::from(number(head, 28)?));
        (is_wav && rate > 0).then(|| size.saturating_sub(data_at).saturating_mul(1_000) / rate)
    }
}

/// The little-endian number at a place.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(bytes: &[u8]) -> ObjectHeader {
        let mut header = ObjectHeader::default();
        bytes.chunks(7).for_each(|chunk| header.push(chunk));
        header
    }

    #[test]
    fn a_page_is_no_recording_whatever_it_calls_itself() {
        let lies = |bytes: &[u8], media_type| header(bytes).contradicts(&MediaType::parse(media_type).unwrap());
        assert!(lies(b"  <!DOCTYPE html><p>Kari", "audio/wav") && lies(b"PK\x03\x04zip", "video/mp4"));
        assert!(lies("\u{FEFF}<HTML>".as_bytes(), "audio/mpeg"));
        assert!(!lies(b"<!DOCTYPE html>", "text/html") && !lies(b"ID3\x03", "audio/mpeg") && !lies(b"", "audio/wav"));
    }

    #[test]
    fn a_wav_says_how_long_it_plays() {
        let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        wav.extend_from_slice(&8_000_u32.to_le_bytes());
        wav.extend_from_slice(&16_000_u32.to_le_bytes());
        wav.extend_from_slice(b"\x02\0\x10\0data\0\0\0\0");
        assert_eq!(header(&wav).duration_ms(44 + 24_000), Some(1_500));
        assert_eq!(header(b"ID3\x03").duration_ms(24_000), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, size: u64) {
            let header = header(&bytes);
            let _ = (header.duration_ms(size), header.contradicts(&MediaType::parse("audio/wav").unwrap()));
        }
    }
}
