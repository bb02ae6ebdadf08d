//! The speakers of lines such as `Kari: 98 76` and `[10:02] Agent: yes`.

use std::collections::HashMap;
use std::ops::Range;

use super::digits::next_byte;
use super::stamps;
use super::stream::Notes;

/// The longest label of a line.
const LONGEST_LABEL: usize = 60;

/// The most speakers whose lines are read by themselves.
const MOST_SPEAKERS: usize = 16;

/// The lines of a text with labels.
#[derive(Debug, Default)]
pub(super) struct Turns {
    lines: Vec<Line>,
    speakers: usize,
    stamps: Vec<Range<usize>>,
    /// The text with blanks in place of its stamps.
    plain: String,
    /// The annotations of the text.
    notes: Vec<Range<usize>>,
}

#[derive(Debug)]
struct Line {
    start: usize,
    /// Where what is said begins.
    said: usize,
    speaker: usize,
    /// Whether the line has nothing but the speaker and a stamp.
    is_header: bool,
}

impl Turns {
    /// Reads the labels of a text.
    pub(super) fn of(text: &str) -> Self {
        let stamps = stamps::find(text);
        let plain = stamps::blanked(text, &stamps);
        let mut lines = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut at = 0;
        // A label ends with a colon or a time, and most lines have neither.
        while let Some(colon) = next_byte(text, b':', at) {
            let start = text[at..colon].rfind('\n').map_or(at, |end| at + end + 1);
            let end = next_byte(text, b'\n', colon).map_or(text.len(), |end| end + 1);
            let header = || header(&plain[start..end], &text[start..end]).map(|label| (label, end - start));
            let labelled = label(&plain[start..end]);
            let is_header = labelled.is_none();
            if let Some((label, said)) = labelled.or_else(header) {
                let next = known.len() + 1;
                let speaker = *known.entry(label).or_insert(next);
                lines.push(Line { start, said: start + said, speaker, is_header });
            }
            at = end;
        }
        let speakers = known.len();
        let notes = Notes::within(text, &(0..text.len())).collect();
        Self { lines, speakers, stamps, plain, notes }
    }

    /// The brackets with letters or times in them.
    pub(super) fn notes(&self) -> &[Range<usize>] {
        &self.notes
    }

    /// The text with blanks in place of its stamps. Every other character is where it was.
    pub(super) fn plain(&self) -> &str {
        &self.plain
    }

    /// The speakers whose turns are to be read by themselves: none where there is only one.
    pub(super) fn speakers(&self) -> impl Iterator<Item = usize> + use<> {
        let count = if self.speakers > 1 { self.speakers.min(MOST_SPEAKERS) } else { 0 };
        1..=count
    }

    /// Gives the roles of the words of the text in its order.
    pub(super) const fn roles(&self) -> WordRoles<'_> {
        WordRoles { turns: self, lines: 0, stamps: 0 }
    }

    fn line(&self, at: usize) -> Option<&Line> {
        self.lines[..self.lines.partition_point(|line| line.start <= at)].last()
    }

    /// The speaker of the text at a place.
    pub(super) fn speaker(&self, at: usize) -> usize {
        self.line(at).map_or(0, |line| line.speaker)
    }

    /// The text of a speaker, or of all of them, in a part of the text. Stamps are not said.
    pub(super) fn said_by(&self, range: Range<usize>, speaker: Option<usize>) -> String {
        let mut said = String::new();
        let mut at = range.start;
        while at < range.end {
            let next = self.lines.partition_point(|line| line.start <= at);
            let end = self.lines.get(next).map_or(range.end, |line| line.start.min(range.end));
            let line = next.checked_sub(1).map(|line| &self.lines[line]);
            if speaker.is_none_or(|speaker| line.map_or(0, |line| line.speaker) == speaker) {
                said.push_str(&self.plain[at.max(line.map_or(0, |line| line.said)).min(end)..end]);
            }
            at = end;
        }
        said
    }
}

/// Reads the lines and stamps of a text beside its words, so that none is looked up.
pub(super) struct WordRoles<'t> {
    turns: &'t Turns,
    /// How many lines begin before the last word, and how many stamps end there.
    lines: usize,
    stamps: usize,
}

/// The role of a word.
pub(super) struct WordRole {
    /// Whether it belongs to a label.
    pub is_label: bool,
    /// Whether it is part of a stamp, or of a line that has nothing but the speaker and a stamp.
    pub is_stamp: bool,
    pub speaker: usize,
}

impl WordRoles<'_> {
    /// The role of a word that does not begin before the last one.
    pub(super) fn of(&mut self, word: &Range<usize>) -> WordRole {
        let Turns { lines, stamps, .. } = self.turns;
        self.lines += lines[self.lines..].iter().take_while(|line| line.start <= word.start).count();
        self.stamps += stamps[self.stamps..].iter().take_while(|stamp| stamp.end <= word.start).count();
        let line = self.lines.checked_sub(1).map(|at| &lines[at]);
        let is_before = line.is_some_and(|line| word.end <= line.said);
        let is_header = line.is_some_and(|line| line.is_header);
        WordRole {
            is_label: is_before && !is_header,
            is_stamp: is_before && is_header || stamps.get(self.stamps).is_some_and(|stamp| stamp.start < word.end),
            speaker: line.map_or(0, |line| line.speaker),
        }
    }
}

/// Whether a text begins with a label.
pub(super) fn is_labelled(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    line.contains(':') && label(&stamps::blanked(line, &stamps::find(line))).is_some()
}

/// The fewest digits of a number that is a label.
const FEWEST_DIGITS: usize = 7;

/// The label that is the number of a sender without a name, as chats export it: `- +47 413 27 786:`.
fn number_label(line: &str) -> Option<(&str, usize)> {
    let before = line.find('+').filter(|at| !line[..*at].contains(char::is_alphanumeric))?;
    let near = &line[before..line.floor_char_boundary(before + LONGEST_LABEL)];
    let (label, _) = near.split_once(':')?;
    let digits = label.chars().filter(char::is_ascii_digit).count();
    let is_number = |c: char| c.is_ascii_digit() || c.is_whitespace() || "+-().".contains(c) || !c.is_ascii();
    (digits >= FEWEST_DIGITS && label.chars().all(is_number)).then(|| (label.trim(), before + label.len() + 1))
}

/// The label of a line without its stamps, and where what is said begins: `Kari:`, `[     ] Kari Nordmann:`, `Agent      :`,
/// `12 Agent:`.
fn label(line: &str) -> Option<(&str, usize)> {
    if let Some(labelled) = number_label(line) {
        return Some(labelled);
    }
    let before = line.len() - line.trim_start_matches(|c: char| !c.is_alphabetic() && c != '\n').len();
    let near = &line[before..line.floor_char_boundary(before + LONGEST_LABEL)];
    let (label, behind) = near.split_once(':')?;
    // Some programs number the turns.
    let is_count = |text: &str| text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_time =
        |text: &str| is_count(text.trim()) || text.contains(':') || text.contains(['[', '(', '<', '>', '-', '*', '#']);
    // `Call 0753 [24:04] 366` has a time in it.
    let is_in_time = label.ends_with(|c: char| c.is_ascii_digit()) && behind.starts_with(|c: char| c.is_ascii_digit());
    let is_label = !label.is_empty()
        && !is_in_time
        && is_time(&line[..before])
        && label.split_whitespace().count() <= 4
        && !label.contains(['.', '?', '!', '/', ','])
        && !behind.starts_with("//");
    is_label.then(|| (label.trim(), before + label.len() + 1))
}

/// The speaker of a line that has a stamp and nothing else: `Speaker 1 00:12`, `00:01:12 Speaker 1`. The lines below have the
/// words.
fn header<'t>(plain: &'t str, line: &str) -> Option<&'t str> {
    let label = plain.trim_end();
    let is_stamped = plain != line;
    let label = label.trim_start_matches(['[', '(', '<', ' ']);
    let name = label.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_label = is_stamped
        && label.len() <= LONGEST_LABEL
        && label.len() - name.len() <= 2
        && name.starts_with(char::is_uppercase)
        && label.split_whitespace().count() <= 4
        && !name.contains(|c: char| c.is_numeric() || matches!(c, ':' | '.' | '?' | '!' | '/' | ','));
    is_label.then_some(label)
}
