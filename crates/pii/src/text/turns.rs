//! The speakers of lines such as `Kari: 98 76` and `[10:02] Agent: yes`.

use std::collections::HashMap;
use std::ops::Range;

/// The longest label of a line.
const LONGEST_LABEL: usize = 60;

/// The most speakers whose lines are read by themselves.
const MOST_SPEAKERS: usize = 16;

/// The lines of a text with labels.
#[derive(Debug, Default)]
pub(super) struct Turns {
    lines: Vec<Line>,
    speakers: usize,
}

#[derive(Debug)]
struct Line {
    start: usize,
    /// Where what is said begins.
    said: usize,
    speaker: usize,
}

impl Turns {
    /// Reads the labels of a text.
    pub(super) fn of(text: &str) -> Self {
        let mut turns = Self::default();
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut at = 0;
        // A label ends with a colon, and most lines have none.
        while let Some(colon) = text[at..].find(':').map(|ahead| at + ahead) {
            let start = text[at..colon].rfind('\n').map_or(at, |end| at + end + 1);
            let end = text[colon..].find('\n').map_or(text.len(), |end| colon + end + 1);
            if let Some((label, said)) = label(&text[start..end]) {
                let next = known.len() + 1;
                let speaker = *known.entry(label).or_insert(next);
                turns.lines.push(Line { start, said: start + said, speaker });
            }
            at = end;
        }
        turns.speakers = known.len();
        turns
    }

    /// The speakers whose turns are to be read by themselves: none where there is only one.
    pub(super) fn speakers(&self) -> impl Iterator<Item = usize> + use<> {
        let count = if self.speakers > 1 { self.speakers.min(MOST_SPEAKERS) } else { 0 };
        1..=count
    }

    fn line(&self, at: usize) -> Option<&Line> {
        self.lines[..self.lines.partition_point(|line| line.start <= at)].last()
    }

    /// The speaker of the text at a place.
    pub(super) fn speaker(&self, at: usize) -> usize {
        self.line(at).map_or(0, |line| line.speaker)
    }

    /// The text of a speaker in a part of the text.
    pub(super) fn said_by(&self, text: &str, range: Range<usize>, speaker: usize) -> String {
        let mut said = String::new();
        let mut at = range.start;
        while at < range.end {
            let next = self.lines.partition_point(|line| line.start <= at);
            let end = self.lines.get(next).map_or(range.end, |line| line.start.min(range.end));
            let line = next.checked_sub(1).map(|line| &self.lines[line]);
            if line.map_or(0, |line| line.speaker) == speaker {
                said.push_str(&text[at.max(line.map_or(0, |line| line.said)).min(end)..end]);
            }
            at = end;
        }
        said
    }

    /// Whether a word belongs to a label.
    pub(super) fn is_label(&self, word: &Range<usize>) -> bool {
        self.line(word.start).is_some_and(|line| word.end <= line.said)
    }
}

/// The label of a line, and where what is said begins: `Kari`, `[10:02] Kari Nordmann`, `2026-08-01 10:02:11 Agent`.
fn label(line: &str) -> Option<(&str, usize)> {
    let before = line.len() - line.trim_start_matches(|c: char| !c.is_alphabetic() && c != '\n').len();
    let near = &line[before..line.floor_char_boundary(before + LONGEST_LABEL)];
    let (mut label, mut behind) = near.split_once(':')?;
    // `Agent 00:31: yes`.
    let digits = label.len() - label.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    if (1..=2).contains(&digits)
        && label[..label.len() - digits].ends_with(' ')
        && behind.starts_with(|c: char| c.is_ascii_digit())
    {
        let end = behind.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':').len();
        let time = &behind[..behind.len() - end];
        if time.ends_with(':') {
            label = &near[..label.len() + 1 + time.len() - 1];
            behind = &near[label.len() + 1..];
        }
    }
    let is_time = |text: &str| text.is_empty() || text.contains(':') || text.contains(['[', '(', '<', '-', '*', '#']);
    // `Call 0753 [24:04] 366` has a time in it.
    let is_in_time = label.ends_with(|c: char| c.is_ascii_digit()) && behind.starts_with(|c: char| c.is_ascii_digit());
    let is_label = !label.is_empty()
        && !is_in_time
        && is_time(&line[..before])
        && label.split_whitespace().count() <= 4
        && !label.contains(['.', '?', '!', '/', ','])
        && !behind.starts_with("//");
    is_label
        .then(|| (label.trim_end_matches(|c: char| c.is_ascii_digit() || c == ':').trim(), before + label.len() + 1))
}
