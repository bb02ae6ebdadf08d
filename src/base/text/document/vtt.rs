//! `WebVTT`: cues with their times, and notes, styles and regions between them.
//!
//! What is neither a time nor the sign of a tag is text: cue ids, settings, voices, notes too. The words of a cue are one
//! text whatever tags stand between them, and so are the cues of one voice.

use std::collections::HashMap;

use super::super::Finder;
use super::super::placeholder::{Mentions, strip};
use super::joined::{Eyes, Mark, Part, Put, written};
use super::signs::{Line, escape_read, lines, time, times, unescape};
use super::{Broken, Case, speakers};

/// A part of the file.
enum Segment<'t> {
    /// Times and signs: as they are.
    Raw(&'t str),
    /// Text.
    Text(Text<'t>),
}

struct Text<'t> {
    raw: &'t str,
    /// What it reads as, where signs are written by name.
    read: Option<String>,
    role: Role<'t>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role<'t> {
    /// Said in a cue, by a voice.
    Said { cue: usize, voice: &'t str },
    /// Who says it.
    Voice,
    /// All else.
    Other,
}

impl Text<'_> {
    fn text(&self) -> &str {
        self.read.as_deref().unwrap_or(self.raw)
    }
}

/// Replaces what identifies somebody; `None` where nothing does.
pub(super) fn tokenize(
    text: &str,
    case: &Case,
    finder: &Finder,
    mentions: &mut Mentions<'_>,
) -> Result<Option<String>, Broken> {
    let stripped = strip(text);
    let segments = read(stripped.as_deref().unwrap_or(text))?;
    let texts: Vec<&Text<'_>> = segments
        .iter()
        .filter_map(|segment| if let Segment::Text(text) = segment { Some(text) } else { None })
        .collect();
    let is_unknown = |text: &&&Text<'_>| text.role == Role::Voice && case.forgotten;
    let voices = texts.iter().filter(is_unknown).map(|text| text.text());
    let eyes = Eyes { finder, names: speakers::names(voices, case)? };
    let mut marks: Vec<Vec<Mark>> = texts.iter().map(|_| Vec::new()).collect();
    for sequence in sequences(&texts) {
        for (no, found) in sequence.iter().zip(eyes.marks(&parts(&texts, &sequence))) {
            marks[*no] = found;
        }
    }
    for (text, marks) in texts.iter().zip(&mut marks) {
        if is_unknown(&text) && !speakers::is_role(text.text()) {
            *marks = vec![Mark { range: 0..text.text().len(), put: Some(Put::Word) }];
        }
    }
    if marks.iter().all(Vec::is_empty) {
        return Ok(stripped);
    }
    Ok(Some(put_together(&segments, marks, mentions)))
}

/// The texts that are one, in the order of the file.
fn sequences(texts: &[&Text<'_>]) -> Vec<Vec<usize>> {
    let mut sequences: Vec<Vec<usize>> = Vec::new();
    let mut known = HashMap::new();
    for (no, text) in texts.iter().enumerate() {
        let Role::Said { voice, .. } = text.role else {
            sequences.push(vec![no]);
            continue;
        };
        let at = *known.entry(voice).or_insert(sequences.len());
        if at == sequences.len() {
            sequences.push(Vec::new());
        }
        sequences[at].push(no);
    }
    sequences
}

/// What is said in one cue stands together.
fn parts<'t>(texts: &[&'t Text<'_>], sequence: &[usize]) -> Vec<Part<'t>> {
    let mut parts: Vec<(Option<usize>, Part<'t>)> = Vec::new();
    for text in sequence.iter().filter_map(|no| texts.get(*no)) {
        let cue = if let Role::Said { cue, .. } = text.role { Some(cue) } else { None };
        match parts.last_mut() {
            Some((last, part)) if last.is_some() && *last == cue => part.pieces.push(text.text()),
            _ => parts.push((cue, Part { pieces: vec![text.text()], spaced: false, wraps: true })),
        }
    }
    parts.into_iter().map(|(_, part)| part).collect()
}

/// The file again.
fn put_together(segments: &[Segment<'_>], marks: Vec<Vec<Mark>>, mentions: &mut Mentions<'_>) -> String {
    let mut file = String::new();
    let mut marks = marks.into_iter();
    let mut lost_words = false;
    for segment in segments {
        let Segment::Text(text) = segment else {
            let Segment::Raw(raw) = segment else { continue };
            keep_line(&mut file, raw, std::mem::take(&mut lost_words));
            file.push_str(raw);
            continue;
        };
        let marks = marks.next().unwrap_or_default();
        if marks.is_empty() {
            keep_line(&mut file, text.raw, std::mem::take(&mut lost_words));
            file.push_str(text.raw);
            continue;
        }
        let new = written(text.text(), marks, mentions);
        if text.role == Role::Other {
            file.push_str(&new);
            continue;
        }
        for line in new.split_inclusive(['\n', '\r']) {
            keep_line(&mut file, line, true);
            file.push_str(&escape_read(line));
        }
        lost_words = true;
    }
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

fn read(text: &str) -> Result<Vec<Segment<'_>>, Broken> {
    let lines = lines(text);
    let mut segments = Vec::new();
    let header = lines.first().copied().filter(|line| is_header(line.text));
    let Some(header) = header else {
        return Err(Broken::Line { line: 1, rule: "must be WEBVTT" });
    };
    segments.push(Segment::Raw(&header.text[..6]));
    other(&mut segments, &header.text[6..]);
    segments.push(Segment::Raw(header.end));
    let mut cues = 0;
    let mut is_first = true;
    for block in lines[1..].split_inclusive(|line| line.text.is_empty()) {
        let empty = block.last().filter(|line| line.text.is_empty());
        let full = &block[..block.len() - usize::from(empty.is_some())];
        // Lines right below the first one belong to it.
        let of_header = std::mem::take(&mut is_first) && full.iter().all(|line| !line.text.contains("-->"));
        if of_header {
            header_lines(&mut segments, full);
        } else if !full.is_empty() {
            read_block(text, full, &mut cues, &mut segments)?;
        }
        if let Some(line) = empty {
            segments.push(Segment::Raw(line.end));
        }
    }
    Ok(segments)
}

fn is_header(line: &str) -> bool {
    line.strip_prefix("WEBVTT").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

fn header_lines<'t>(segments: &mut Vec<Segment<'t>>, lines: &[Line<'t>]) {
    for line in lines {
        let stamp = line.text.strip_prefix("X-TIMESTAMP-MAP=");
        // Which time of the cues is which of the stream's.
        if stamp.is_some_and(|stamp| stamp.chars().all(|c| c.is_ascii_digit() || "LOCALMPEGTS:=,.".contains(c))) {
            segments.push(Segment::Raw(line.text));
        } else {
            other(segments, line.text);
        }
        segments.push(Segment::Raw(line.end));
    }
}

fn read_block<'t>(
    text: &'t str,
    lines: &[Line<'t>],
    cues: &mut usize,
    segments: &mut Vec<Segment<'t>>,
) -> Result<(), Broken> {
    let Some(first) = lines.first() else { return Ok(()) };
    let is_block =
        |name: &str| first.text.strip_prefix(name).is_some_and(|rest| rest.trim_start().len() < rest.len().max(1));
    if ["NOTE", "STYLE", "REGION"].iter().any(|name| is_block(name)) {
        if let Some(line) = lines.iter().find(|line| line.text.contains("-->")) {
            return Err(Broken::Line { line: line.number, rule: "must hold no arrow, since it stands in no cue" });
        }
        let last = lines[lines.len() - 1];
        other(segments, &text[first.from..last.to - last.end.len()]);
        segments.push(Segment::Raw(last.end));
        return Ok(());
    }
    let has_id = !first.text.contains("-->");
    let Some(timing) = lines.get(usize::from(has_id)).filter(|line| line.text.contains("-->")) else {
        return Err(Broken::Line { line: first.number, rule: "must be followed by the times of a cue" });
    };
    if has_id {
        other(segments, first.text);
        segments.push(Segment::Raw(first.end));
    }
    let settings = times(timing.text).ok_or(Broken::Line {
        line: timing.number,
        rule: "must be two times such as 00:00:01.000 --> 00:00:02.500, the second not before the first",
    })?;
    segments.push(Segment::Raw(&timing.text[..settings]));
    other(segments, &timing.text[settings..]);
    segments.push(Segment::Raw(timing.end));
    *cues += 1;
    let Some((first, last)) = lines.get(usize::from(has_id) + 1..).and_then(|rest| Some((rest.first()?, rest.last()?)))
    else {
        return Ok(());
    };
    if let Some(line) = lines[usize::from(has_id) + 1..].iter().find(|line| line.text.contains("-->")) {
        return Err(Broken::Line { line: line.number, rule: "must hold no arrow: an empty line ends a cue" });
    }
    let payload = &text[first.from..last.to - last.end.len()];
    read_payload(payload, first.number, *cues, segments)?;
    segments.push(Segment::Raw(last.end));
    Ok(())
}

/// The words and tags of a cue.
fn read_payload<'t>(payload: &'t str, line: usize, cue: usize, segments: &mut Vec<Segment<'t>>) -> Result<(), Broken> {
    let (mut rest, mut voice) = (payload, "");
    while !rest.is_empty() {
        let said = rest.find('<').unwrap_or(rest.len());
        let (words, tag) = rest.split_at(said);
        if !words.is_empty() {
            segments.push(Segment::Text(Text { raw: words, read: unescape(words), role: Role::Said { cue, voice } }));
        }
        let Some(inside) = tag.strip_prefix('<') else { return Ok(()) };
        let end = inside.find('>').unwrap_or(inside.len());
        let (inside, behind) = inside.split_at(end);
        rest = behind.strip_prefix('>').unwrap_or(behind);
        segments.push(Segment::Raw("<"));
        if inside.starts_with(|c: char| c.is_ascii_digit()) {
            if time(inside) != Some(inside.len()) {
                let line = line + payload[..payload.len() - tag.len()].matches('\n').count();
                return Err(Broken::Line { line, rule: "must have times such as <00:00:01.000> and tags in its cue" });
            }
            segments.push(Segment::Raw(inside));
        } else {
            voice = read_tag(inside, voice, segments);
        }
        segments.push(Segment::Raw(&behind[..behind.len() - rest.len()]));
    }
    Ok(())
}

/// A tag, `v.loud Kari` or `/c`; answers who speaks behind it.
fn read_tag<'t>(inside: &'t str, voice: &'t str, segments: &mut Vec<Segment<'t>>) -> &'t str {
    let name = inside.trim_start_matches('/');
    let name = &inside[..inside.len() - name.len() + name.bytes().take_while(u8::is_ascii_alphabetic).count()];
    let is_known = ["c", "i", "b", "u", "ruby", "rt", "v", "lang"].contains(&name.trim_start_matches('/'));
    if !is_known {
        other(segments, inside);
        return voice;
    }
    segments.push(Segment::Raw(name));
    let rest = &inside[name.len()..];
    if name != "v" {
        other(segments, rest);
        return if name == "/v" { "" } else { voice };
    }
    let (classes, annotation) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
    let named = annotation.trim_start();
    other(segments, classes);
    segments.push(Segment::Raw(&annotation[..annotation.len() - named.len()]));
    if !named.is_empty() {
        segments.push(Segment::Text(Text { raw: named, read: unescape(named), role: Role::Voice }));
    }
    named
}

fn other<'t>(segments: &mut Vec<Segment<'t>>, raw: &'t str) {
    if !raw.is_empty() {
        segments.push(Segment::Text(Text { raw, read: None, role: Role::Other }));
    }
}
