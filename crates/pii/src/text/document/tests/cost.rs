//! A document costs as much as it is long, and a hostile one ends with a document or a clear error.

use super::*;
use crate::work;

/// The parts of hostile documents, as bytes: some are no text.
const PIECES: [&[u8]; 24] = [
    b"1",
    b"1-",
    b"\xEE\x80\x801\xEE\x80\x81",
    b"<b>",
    b"<b>9",
    b"<td>9",
    b"<!--",
    b"<p title=\"98765432\">",
    b"&#57;",
    b"&amp;amp;",
    b"=39=38",
    b"=?utf-8?q?=39?= ",
    b"%2539",
    b"\\u0039",
    b"9\xCC\x81",
    b"\xE2\x80\xAE9\xE2\x81\xA68",
    b"\xFF9",
    b"\xC3",
    b"\x809",
    b"cmluZyA5ODc2",
    b"98 76 54 32\n",
    b"Kari: 98\nOla: 76\n",
    b"{\"a\":\"98\",\"speaker\":\"x\"}\n",
    b"--x\r\n\r\n9\r\n",
];

/// The texts before such parts and behind them, which make a document of each format.
const FRAMES: [(Format, &str, &str); 14] = [
    (Format::Plain, "", ""),
    (Format::Html, "<html>", ""),
    (Format::Json, "[\"", "\"]"),
    (Format::Json, "[", "]"),
    (Format::NdJson, "{}\n", "\n"),
    (Format::Vcon, "{\"vcon\":\"0.0.2\",\"parties\":[],\"dialog\":[{\"type\":\"text\",\"body\":\"", "\"}]}"),
    (Format::Vtt, "WEBVTT\n\n00:01.000 --> 00:02.000\n", "\n"),
    (Format::Srt, "1\n00:00:01,000 --> 00:00:02,000\n", "\n"),
    (Format::Mail, "From: a@b.no\r\n\r\n", ""),
    (Format::Mail, "From: a@b.no\r\nContent-Type: text/html; charset=windows-1252\r\n\r\n", ""),
    (Format::Mail, "From: a@b.no\r\nContent-Type: text/plain; charset=utf-16\r\n\r\n", ""),
    (Format::Mail, "From: a@b.no\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", ""),
    (Format::Mail, "From: a@b.no\r\nContent-Transfer-Encoding: base64\r\n\r\n", ""),
    (Format::Mail, "From: a@b.no\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n", "--x--\r\n"),
];

fn framed(head: &str, piece: &[u8], times: usize, tail: &str) -> Vec<u8> {
    [head.as_bytes(), &piece.repeat(times), tail.as_bytes()].concat()
}

/// The most steps for each byte of a document: three times those of a text, since its pieces are read by themselves, in their part, and
/// with all others.
const MOST_STEPS: usize = 180;

#[test]
fn twice_the_document_takes_twice_the_work() {
    for (format, head, tail) in FRAMES {
        for piece in PIECES {
            let times = 3_000 / piece.len();
            let work_of = |times: usize| {
                let bytes = framed(head, piece, times, tail);
                work::of(|| drop(tokenize(format, &bytes, &kari()))).1
            };
            let (once, twice) = (work_of(times), work_of(2 * times));
            let what = format!("{format:?} {head:?} {:?}: {once} steps, then {twice}", String::from_utf8_lossy(piece));
            assert!(twice <= 2 * once + 2_000, "{what}");
            assert!(once <= MOST_STEPS * piece.len() * times + 20_000, "{what}");
        }
    }
}

#[test]
fn a_long_hostile_document_ends() {
    for (format, head, tail) in FRAMES {
        for piece in [&b"1-"[..], b"<b>9", b"&amp;", b"9\xCC\x81", b"\xFF9", b"\xC3"] {
            let bytes = framed(head, piece, 200_000 / piece.len(), tail);
            if let Ok(document) = tokenize(format, &bytes, &kari()) {
                assert!(document.text.len() <= 4 * bytes.len() + 1_000);
            }
        }
    }
}
