//! Finds that reach over several pieces of a text: words with their times, cues, the turns of one speaker.
//!
//! Pieces make up parts (the words of a segment, the spans of a cue, one turn), and parts follow one another. Identifiers
//! are looked for in each part, in all parts together, and in each piece. The first piece that a find touches holds what
//! stands for it, the others lose what they hold of it. Where readings differ, what is suppressed counts, then what a part
//! says; of the others' finds nothing stays either.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::name::Names;
use super::super::placeholder::Mentions;
use super::super::{Find, Finder, Found, Reading};

/// What is written where nothing is known that could stand for a find.
pub(super) const ANONYMIZED: &str = "Anonymized";

/// A run of characters that is longer than this is no address.
const LONGEST_ADDRESS: usize = 320;

/// What is written in place of a find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// What stands for an identifier, or for what is suppressed.
    Find(Find),
    /// The word `Anonymized`: a name of which nobody knows whose it is.
    Word,
}

/// A range of a piece that goes, and what comes in its place; nothing, where another piece has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub range: Range<usize>,
    pub put: Option<Put>,
}

/// Pieces that stand together.
#[derive(Debug, Default)]
pub(super) struct Part<'t> {
    pub pieces: Vec<&'t str>,
    /// Whether the pieces are words, with a space between two of them.
    pub spaced: bool,
    /// Whether a line's end is a space like any other.
    pub wraps: bool,
}

/// What is looked for: identifiers, and the names of speakers whom nobody knows.
pub(super) struct Eyes<'f> {
    pub finder: &'f Finder,
    pub names: Vec<Names>,
}

type Place = (Range<usize>, Put);

impl Eyes<'_> {
    /// What goes of each piece, in the order of the pieces.
    pub(super) fn marks(&self, parts: &[Part<'_>]) -> Vec<Vec<Mark>> {
        let joined = self.join(parts);
        let mut finds = Vec::new();
        let mut look_within = |range: &Range<usize>| {
            let within = self.look(&joined.text[range.clone()]).into_iter();
            finds.extend(within.map(|(find, put)| (range.start + find.start..range.start + find.end, put)));
        };
        joined.parts.iter().for_each(&mut look_within);
        if joined.parts.len() > 1 {
            look_within(&(0..joined.text.len()));
        }
        if joined.pieces.len() > joined.parts.len() {
            joined.pieces.iter().for_each(&mut look_within);
        }
        // Half of a card may be somebody's number: the card counts, so that no half of it is shown to anybody.
        let (suppressed, others): (Vec<_>, Vec<_>) =
            finds.into_iter().partition(|(_, put)| matches!(put, Put::Find(Find::Suppressed(_))));
        let mut kept = BTreeMap::new();
        for (range, put) in suppressed.into_iter().chain(others) {
            keep(&mut kept, range, put);
        }
        spread(kept, &joined.pieces)
    }

    fn look(&self, text: &str) -> Vec<Place> {
        let mut finds: Vec<Place> =
            self.finder.find_all(text).into_iter().map(|(range, find)| (range, Put::Find(find))).collect();
        if finds.is_empty() {
            let start = text.len() - text.trim_start().len();
            let bare = Some(text.trim()).filter(|bare| !bare.is_empty());
            let number = bare.and_then(|bare| Some((start..start + bare.len(), self.finder.bare_number(bare)?)));
            finds.extend(number.map(|(range, phone)| (range, Put::Find(Find::Identifier(Found::Phone(phone))))));
        }
        for names in &self.names {
            let taken: Vec<_> = finds.iter().map(|(range, _)| range.clone()).collect();
            let mut named = Vec::new();
            names.find(text, Reading::Text, &taken, &mut named);
            if !named.is_empty() {
                finds.extend(named.into_iter().map(|(range, _)| (range, Put::Word)));
                finds.sort_by_key(|(range, _)| range.start);
            }
        }
        finds
    }

    fn join(&self, parts: &[Part<'_>]) -> Joined {
        let mut joined = Joined::default();
        for part in parts {
            if !joined.text.is_empty() {
                joined.text.push(' ');
            }
            let first = joined.text.len();
            for (no, piece) in part.pieces.iter().enumerate() {
                if no > 0 && part.spaced && !self.belongs_together(&joined.text[first..], piece) {
                    joined.text.push(' ');
                }
                let start = joined.text.len();
                if part.wraps {
                    joined.text.extend(piece.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }));
                } else {
                    joined.text.push_str(piece);
                }
                joined.pieces.push(start..joined.text.len());
            }
            joined.parts.push(first..joined.text.len());
        }
        joined
    }

    /// Whether two words are parts of one address: `kari`, `@`, `example`, `.`, `no`.
    fn belongs_together(&self, before: &str, next: &str) -> bool {
        let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
        let at = word.ends_with('@') || next.starts_with('@');
        let dot = word.contains('@') && (word.ends_with('.') || next.starts_with('.'));
        let is_whole = || self.finder.find(word).iter().any(|(_, found)| matches!(found, Found::Email(_)));
        (at || dot) && word.len() <= LONGEST_ADDRESS && !is_whole()
    }
}

/// All pieces in one text, and where each piece and part stands in it.
#[derive(Default)]
struct Joined {
    text: String,
    pieces: Vec<Range<usize>>,
    parts: Vec<Range<usize>>,
}

/// Adds a find to those that are kept. One identifier found twice is one find; where another one is kept already, the rest
/// of this one goes without a word.
fn keep(kept: &mut BTreeMap<usize, (usize, Option<Put>)>, range: Range<usize>, put: Put) {
    let overlapping = kept.range(..range.end).rev().take_while(|(_, (end, _))| *end > range.start);
    let mut touched: Vec<Range<usize>> = overlapping.map(|(start, (end, _))| *start..*end).collect();
    touched.reverse();
    let same = touched.iter().all(|one| kept.get(&one.start).is_some_and(|(_, known)| known.as_ref() == Some(&put)));
    if same {
        let start = touched.first().map_or(range.start, |first| first.start.min(range.start));
        let end = touched.last().map_or(range.end, |last| last.end.max(range.end));
        for one in touched {
            kept.remove(&one.start);
        }
        kept.insert(start, (end, Some(put)));
        return;
    }
    let mut free = range.start;
    for one in touched {
        if free < one.start {
            kept.insert(free, (one.start, None));
        }
        free = one.end;
    }
    if free < range.end {
        kept.insert(free, (range.end, None));
    }
}

/// What of the finds lies in each piece.
fn spread(kept: BTreeMap<usize, (usize, Option<Put>)>, pieces: &[Range<usize>]) -> Vec<Vec<Mark>> {
    let mut marks: Vec<Vec<Mark>> = pieces.iter().map(|_| Vec::new()).collect();
    for (start, (end, mut put)) in kept {
        let first = pieces.partition_point(|piece| piece.end <= start);
        for (no, piece) in pieces.iter().enumerate().skip(first).take_while(|(_, piece)| piece.start < end) {
            let range = start.max(piece.start)..end.min(piece.end);
            if !range.is_empty() {
                let range = range.start - piece.start..range.end - piece.start;
                marks[no].push(Mark { range, put: put.take() });
            }
        }
    }
    marks
}

/// A piece without what is marked.
pub(super) fn written(text: &str, marks: Vec<Mark>, mentions: &mut Mentions<'_>) -> String {
    let mut written = String::with_capacity(text.len());
    let mut end = 0;
    for Mark { range, put } in marks {
        written.push_str(&text[end..range.start]);
        match put {
            Some(Put::Find(find)) => mentions.write(find, &mut written),
            Some(Put::Word) => written.push_str(ANONYMIZED),
            None => {}
        }
        end = range.end;
    }
    written.push_str(&text[end..]);
    written
}
