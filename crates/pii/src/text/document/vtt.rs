//! `WebVTT`: cues with their times, and notes, styles and regions between them.
//!
//! Every part that is neither a time nor a tag is text: cue ids, settings, voices, and notes too. The words of a cue
//! are one text, even with tags between them, and so are the cues of one voice.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::super::Finder;
use super::joined::{Eyes, Layout};
use super::pieces::{Belongs, Piece, Pieces, Put};
use super::signs::{VttLines, escape_read, time, times};
use super::speakers::{self, Labels};
use super::srt::SHORTEST_TAG;
use super::{Case, DocumentError, Replaced};
use crate::references::unescape;

/// The parsed parts of a file.
struct Cues<'t> {
    text: &'t str,
    case: &'t Case,
    pieces: Pieces,
    labels: Labels,
    count: u32,
}

/// Replaces what identifies somebody; `None` where nothing does.
pub(super) fn tokenize(
    text: &str,
    case: &Case,
    finder: &Finder,
    first: usize,
) -> Result<Option<Replaced>, DocumentError> {
    let mut cues = Cues { text, case, pieces: Pieces::new(text.len(), first), labels: Labels::default(), count: 0 };
    cues.read()?;
    let Cues { mut pieces, labels, .. } = cues;
    let eyes = Eyes::new(finder, labels.names());
    let layout = Layout { spaced: false, wraps: true, stored: case.stored };
    eyes.mark(&mut pieces, &|piece| says(text, piece), layout)?;
    if pieces.marks.is_empty() {
        return Ok(None);
    }
    pieces.sort_for_writing();
    let written = put_together(text, &mut pieces);
    Ok(Some((written, pieces.into_mentions())))
}

fn says(text: &str, piece: Piece) -> Cow<'_, str> {
    let raw = &text[piece.start as usize..piece.end as usize];
    unescape(raw).filter(|_| piece.is_signed()).map_or(Cow::Borrowed(raw), Cow::Owned)
}

fn put_together(text: &str, pieces: &mut Pieces) -> String {
    let mut file = String::with_capacity(text.len());
    let (mut end, mut at, mut lost_words) = (0, 0, false);
    while let Some(mark) = pieces.marks.get(at).copied() {
        let marks = at..at + pieces.marks_at(at).len();
        at = marks.end;
        let piece = pieces.list[mark.piece as usize];
        let between = &text[end..piece.start as usize];
        keep_line(&mut file, between, std::mem::take(&mut lost_words));
        file.push_str(between);
        end = piece.end as usize;
        let mut new = String::new();
        pieces.write(&says(text, piece), marks, &mut new);
        if !piece.is_signed() {
            file.push_str(&new);
            continue;
        }
        for line in new.split_inclusive(['\n', '\r']) {
            keep_line(&mut file, line, true);
            file.push_str(&escape_read(line));
        }
        lost_words = true;
    }
    keep_line(&mut file, &text[end..], lost_words);
    file.push_str(&text[end..]);
    file
}

/// Puts a space where a line of a cue lost all its words and ends now: an empty line would end the cue.
fn keep_line(file: &mut String, next: &str, lost_words: bool) {
    let ends = next.starts_with(['\n', '\r']) && file.ends_with(['\n', '\r']);
    let is_one_end = next.starts_with('\n') && file.ends_with('\r');
    if lost_words && ends && !is_one_end {
        file.push_str("&nbsp;");
    }
}

fn is_header(line: &str) -> bool {
    line.strip_prefix("WEBVTT").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

impl<'t> Cues<'t> {
    fn read(&mut self) -> Result<(), DocumentError> {
        let mut lines = VttLines::of(self.text);
        let Some(header) = lines.next().filter(|line| is_header(line.text)) else {
            return Err(DocumentError::Line { line: 1, rule: "must be WEBVTT" });
        };
        self.other(&header.text[6..]);
        let mut is_first = true;
        loop {
            let block = lines.block();
            // Lines right below the first one belong to it.
            let of_header = std::mem::take(&mut is_first) && block.clone().all(|line| !line.text.contains("-->"));
            if of_header {
                self.header_lines(block);
            } else {
                self.read_block(&block)?;
            }
            if lines.next().is_none() {
                return Ok(());
            }
        }
    }

    fn header_lines(&mut self, lines: VttLines<'t>) {
        for line in lines {
            let stamp = line.text.strip_prefix("X-TIMESTAMP-MAP=");
            // Which time of the cues is which of the stream's.
            if !stamp.is_some_and(|stamp| stamp.chars().all(|c| c.is_ascii_digit() || "LOCALMPEGTS:=,.".contains(c))) {
                self.other(line.text);
            }
        }
    }

    fn read_block(&mut self, block: &VttLines<'t>) -> Result<(), DocumentError> {
        let Some(first) = block.clone().next() else { return Ok(()) };
        let is_block =
            |name: &str| first.text.strip_prefix(name).is_some_and(|rest| rest.trim_start().len() < rest.len().max(1));
        if ["NOTE", "STYLE", "REGION"].iter().any(|name| is_block(name)) {
            if let Some(line) = block.clone().find(|line| line.text.contains("-->")) {
                return Err(DocumentError::Line {
                    line: line.number,
                    rule: "must not contain an arrow, since it is not part of a cue",
                });
            }
            self.other(block.text());
            return Ok(());
        }
        let mut lines = block.clone();
        if !first.text.contains("-->") {
            lines.next();
        }
        let Some(timing) = lines.next().filter(|line| line.text.contains("-->")) else {
            return Err(DocumentError::Line { line: first.number, rule: "must be followed by the times of a cue" });
        };
        if timing.number > first.number {
            self.other(first.text);
        }
        let settings = times(timing.text).ok_or(DocumentError::Line {
            line: timing.number,
            rule: "must be two times such as 00:00:01.000 --> 00:00:02.500, the second not before the first",
        })?;
        self.other(&timing.text[settings..]);
        self.count += 1;
        if let Some(line) = lines.clone().find(|line| line.text.contains("-->")) {
            return Err(DocumentError::Line {
                line: line.number,
                rule: "must hold no arrow: an empty line ends a cue",
            });
        }
        self.read_payload(lines.text(), timing.number + 1)
    }

    /// The words and tags of a cue.
    fn read_payload(&mut self, payload: &'t str, line: usize) -> Result<(), DocumentError> {
        let (mut rest, mut voice) = (payload, "");
        while !rest.is_empty() {
            let said = rest.find('<').unwrap_or(rest.len());
            let (words, tag) = rest.split_at(said);
            if !words.is_empty() {
                self.said(words, voice);
            }
            let Some(inside) = tag.strip_prefix('<') else { return Ok(()) };
            let end = inside.find('>').unwrap_or(inside.len());
            let (inside, behind) = inside.split_at(end);
            rest = behind.strip_prefix('>').unwrap_or(behind);
            if !inside.starts_with(|c: char| c.is_ascii_digit()) {
                voice = self.read_tag(inside, voice)?;
            } else if time(inside) != Some(inside.len()) {
                let line = line + payload[..payload.len() - tag.len()].matches('\n').count();
                return Err(DocumentError::Line {
                    line,
                    rule: "must have times such as <00:00:01.000> and tags in its cue",
                });
            }
        }
        Ok(())
    }

    /// A tag, `v.loud Kari` or `/c`; answers who speaks behind it.
    fn read_tag(&mut self, inside: &'t str, voice: &'t str) -> Result<&'t str, DocumentError> {
        let name = inside.trim_start_matches('/');
        let name = &inside[..inside.len() - name.len() + name.bytes().take_while(u8::is_ascii_alphabetic).count()];
        let is_known = ["c", "i", "b", "u", "ruby", "rt", "v", "lang"].contains(&name.trim_start_matches('/'));
        if !is_known {
            self.other(inside);
            return Ok(voice);
        }
        let rest = &inside[name.len()..];
        if name != "v" {
            self.other(rest);
            return Ok(if name == "/v" { "" } else { voice });
        }
        let (classes, annotation) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
        let named = annotation.trim_start();
        self.other(classes);
        if !named.is_empty() {
            self.voice(named)?;
        }
        Ok(named)
    }

    fn said(&mut self, words: &str, voice: &str) {
        let mut hasher = DefaultHasher::new();
        voice.hash(&mut hasher);
        let at = self.at(words);
        let with = Belongs::With { key: hasher.finish(), part: Some(self.count) };
        let piece = self.pieces.add(at, at + words.len(), with);
        self.pieces.sign(piece);
    }

    fn voice(&mut self, name: &str) -> Result<(), DocumentError> {
        let at = self.at(name);
        let says = unescape(name).map_or(Cow::Borrowed(name), Cow::Owned);
        let piece = if self.case.forgotten && !speakers::is_role(&says) {
            self.labels.add(&says, self.case)?;
            let piece = self.pieces.settle(at, at + name.len());
            self.pieces.mark(piece, 0, says.len(), Some(Put::Word))?;
            piece
        } else {
            self.pieces.add(at, at + name.len(), Belongs::Alone)
        };
        self.pieces.sign(piece);
        Ok(())
    }

    fn other(&mut self, raw: &str) {
        if raw.len() >= SHORTEST_TAG {
            let at = self.at(raw);
            self.pieces.add(at, at + raw.len(), Belongs::Alone);
        }
    }

    /// The position of a part in the file.
    fn at(&self, part: &str) -> usize {
        part.as_ptr().addr() - self.text.as_ptr().addr()
    }
}
