//! `SubRip`: numbered cues with their times, an empty line after each.
//!
//! The words of a cue are one text whatever tags are between them, and so are the cues of one speaker, where cues begin with
//! who speaks.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::super::Finder;
use super::joined::{Eyes, Layout};
use super::pieces::{Belongs, Pieces};
use super::signs::{VttLine, VttLines};
use super::speakers::{Labels, labels_of_lines};
use super::{Case, DocumentError, Replaced};

/// The text of a cue's line that has lost all its words, because an empty line would end the cue.
const EMPTY: &str = "\u{A0}";

/// The shortest inside of a tag that may have an identifier: a name of three letters.
pub(super) const SHORTEST_TAG: usize = 3;

/// Replaces what identifies somebody; `None` where nothing does.
pub(super) fn tokenize(
    text: &str,
    case: &Case,
    finder: &Finder,
    first: usize,
) -> Result<Option<Replaced>, DocumentError> {
    let (mut pieces, mut labels) = (Pieces::new(text.len(), first), Labels::default());
    for (count, cue) in (1..).zip(cues(text)) {
        let Cue { beside, said } = cue?;
        for label in labels_of_lines(said).filter(|_| case.forgotten) {
            labels.add(label, case)?;
        }
        let mut hasher = DefaultHasher::new();
        labels_of_lines(said.lines().next().unwrap_or_default()).next().hash(&mut hasher);
        for words in [beside, said].into_iter().filter(|words| !words.is_empty()) {
            let at = words.as_ptr().addr() - text.as_ptr().addr();
            words_of(words, &mut |words, is_said| {
                let start = at + words.start;
                let belongs =
                    if is_said { Belongs::With { key: hasher.finish(), part: Some(count) } } else { Belongs::Alone };
                pieces.add(start, start + words.len(), belongs);
            });
        }
    }
    let eyes = Eyes::new(finder, labels.names());
    let layout = Layout { spaced: false, wraps: true, stored: case.stored };
    eyes.mark(&mut pieces, &|piece| Cow::Borrowed(&text[piece.start as usize..piece.end as usize]), layout)?;
    if pieces.marks.is_empty() {
        return Ok(None);
    }
    pieces.sort_for_writing();
    let written = put_together(text, &mut pieces);
    Ok(Some((written, pieces.into_mentions())))
}

/// A cue without its number and its times.
struct Cue<'t> {
    /// The text behind its times that is no place on the screen.
    beside: &'t str,
    said: &'t str,
}

/// Whether a text is nothing but such cues. A transcript that has its words behind the times of each line is another format.
pub(super) fn is_one(text: &str) -> bool {
    let is_timed = text.lines().take(8).any(|line| times(line).is_some());
    is_timed && cues(text).all(|cue| cue.is_ok_and(|cue| cue.beside.is_empty()))
}

/// The words of each cue.
fn cues(text: &str) -> impl Iterator<Item = Result<Cue<'_>, DocumentError>> {
    let mut lines = VttLines::of(text);
    std::iter::from_fn(move || {
        loop {
            let block = lines.block();
            let is_last = lines.next().is_none();
            if block.clone().next().is_some() {
                return Some(said_in(block));
            }
            if is_last {
                return None;
            }
        }
    })
}

fn said_in(mut lines: VttLines<'_>) -> Result<Cue<'_>, DocumentError> {
    let is_number = |line: &VttLine<'_>| line.text.trim().bytes().all(|byte| byte.is_ascii_digit());
    let first = lines.next();
    let number = first.map_or(0, |line| line.number);
    let timing = if first.as_ref().is_some_and(is_number) { lines.next() } else { first };
    let timing = timing.ok_or(DocumentError::Line { line: number, rule: "must be followed by the times of a cue" })?;
    if times(timing.text).is_none() {
        let rule = "must be two times such as 00:00:01,000 --> 00:00:02,500, the second not before the first";
        return Err(DocumentError::Line { line: timing.number, rule });
    }
    Ok(Cue { beside: beside(timing.text), said: lines.text() })
}

/// The text behind the times of a line that is no place on the screen, such as `X1:40 X2:600 Y1:20 Y2:50`.
fn beside(line: &str) -> &str {
    let rest = line.split_once("-->").map_or("", |(_, to)| to.trim_start());
    let rest = rest.find([' ', '\t']).map_or("", |end| rest[end..].trim());
    let is_place = |word: &str| {
        let place = word.strip_prefix(['X', 'Y', 'x', 'y']).and_then(|rest| rest.strip_prefix(['1', '2']));
        place
            .and_then(|rest| rest.strip_prefix(':'))
            .is_some_and(|value| value.len() <= 4 && value.parse::<u16>().is_ok())
    };
    if rest.split_whitespace().all(is_place) { "" } else { rest }
}

/// The two times of a cue in milliseconds; places on the screen may follow them.
fn times(line: &str) -> Option<(u64, u64)> {
    let (from, to) = line.split_once("-->")?;
    let to = to.trim_start().split([' ', '\t']).next().unwrap_or_default();
    let (from, to) = (millis(from.trim())?, millis(to)?);
    (from <= to).then_some((from, to))
}

/// A time such as `00:00:01,000`. Many programs write a point instead of the comma, or leave out the fraction.
fn millis(time: &str) -> Option<u64> {
    let (clock, fraction) = time.split_once([',', '.']).unwrap_or((time, "0"));
    let mut fields =
        clock.split(':').map(|field| Some(field).filter(|field| (1..=4).contains(&field.len()))?.parse::<u64>().ok());
    let (hours, minutes, seconds) = (fields.next()??, fields.next()??, fields.next()??);
    let is_time = fields.next().is_none() && minutes < 60 && seconds < 60 && (1..=3).contains(&fraction.len());
    let thousandths = format!("{fraction:0<3}").parse::<u64>().ok()?;
    is_time.then_some(((hours * 60 + minutes) * 60 + seconds) * 1_000 + thousandths)
}

/// Calls `add` with each stretch of a cue: what is said, and what is inside of a tag.
fn words_of(said: &str, add: &mut dyn FnMut(std::ops::Range<usize>, bool)) {
    let mut at = 0;
    while at < said.len() {
        let rest = &said[at..];
        let tag = rest.char_indices().find(|(open, c)| *c == '<' && is_tag(&rest[*open..])).map(|(open, _)| open);
        let open = tag.unwrap_or(rest.len());
        if open > 0 {
            add(at..at + open, true);
        }
        let Some(close) = tag.and_then(|open| rest[open..].find('>')) else { return };
        if close > SHORTEST_TAG {
            add(at + open + 1..at + open + close, false);
        }
        at += open + close + 1;
    }
}

/// Whether a text begins with a tag: `<i>`, `</font>`.
fn is_tag(text: &str) -> bool {
    let inside = text[1..].trim_start_matches('/');
    inside.starts_with(|c: char| c.is_ascii_alphabetic()) && inside.contains('>')
}

fn put_together(text: &str, pieces: &mut Pieces) -> String {
    let mut file = String::with_capacity(text.len());
    let (mut end, mut at) = (0, 0);
    while let Some(mark) = pieces.marks.get(at).copied() {
        let marks = at..at + pieces.marks_at(at).len();
        at = marks.end;
        let piece = pieces.list[mark.piece as usize];
        let (start, stop) = (piece.start as usize, piece.end as usize);
        file.push_str(&text[end..start]);
        let from = file.len();
        pieces.write(&text[start..stop], marks, &mut file);
        keep_lines(&mut file, from, &text[start..stop]);
        end = stop;
    }
    file.push_str(&text[end..]);
    file
}

/// Fills the lines of a piece that are empty now.
fn keep_lines(file: &mut String, from: usize, was: &str) {
    if !was.contains('\n') && !file[from..].is_empty() {
        return;
    }
    let kept: Vec<String> = file[from..]
        .split('\n')
        .map(|line| if line.trim_end_matches('\r').is_empty() { format!("{EMPTY}{line}") } else { line.to_owned() })
        .collect();
    file.truncate(from);
    file.push_str(&kept.join("\n"));
}
