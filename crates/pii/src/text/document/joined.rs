//! Finds that reach over several pieces of a text: words with their times, cues, the turns of one speaker.
//!
//! Pieces form parts (the words of a segment, the spans of a cue, one turn), and parts follow one another. The search
//! reads each part, all parts together, and each piece. The first piece that a match touches contains its replacement,
//! and the others lose their part of it. If two results overlap, suppressed values come first, and then the results of
//! a part. Nothing of the other results stays either.
//!
//! A text of any length is looked through in windows of a fixed one, which overlap by more than any find is long: so neither memory
//! nor time depends on more than a window.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Instant;

use super::super::name::Names;
use super::super::{Find, Finder, Found, Reading, Suppressed, turns};
use super::neighbours::Neighbours;
use super::pieces::{Piece, Pieces, Put};
use super::rereading::hidden;
use super::{DocumentError, LONGEST_WORK};

/// A run of characters that is longer than this is no address.
const LONGEST_ADDRESS: usize = 320;

/// How much is looked through at once, in bytes.
const WINDOW: usize = 64 << 10;

/// How much before and behind a find decides on it at most, in bytes.
const MARGIN: usize = 4 << 10;

/// How the pieces of a format stand together.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// Whether the pieces of a part are words, with a space between two of them.
    pub spaced: bool,
    /// Whether a line's end is a space like any other.
    pub wraps: bool,
    /// Whether the document was stored before, so that its placeholders are to be hidden from the finder.
    pub stored: bool,
}

/// The aim of the search: identifiers, and the names of unknown speakers.
pub(super) struct Eyes<'f> {
    pub finder: &'f Finder,
    pub names: Vec<Names>,
    /// The facts that are known before the search, by the number of the piece.
    pub known: Known,
}

/// Finds by the numbers of their pieces.
pub(super) type Known = BTreeMap<u32, Vec<Place>>;

/// A place in a text, and what it is replaced by.
pub(super) type Place = (Range<usize>, Put);

/// A kept match: its start, its end, and its replacement.
type Kept = BTreeMap<usize, (usize, Option<Put>)>;

impl<'f> Eyes<'f> {
    pub(super) const fn new(finder: &'f Finder, names: Vec<Names>) -> Self {
        Self { finder, names, known: Known::new() }
    }

    /// Marks the removed ranges of each piece.
    pub(super) fn mark<'t>(
        &self,
        pieces: &mut Pieces,
        read: &dyn Fn(Piece) -> Cow<'t, str>,
        layout: Layout,
    ) -> Result<(), DocumentError> {
        let mut order = pieces.order();
        let mut window = JoinedWindow::new(self, layout);
        let mut last = None;
        while let Some(no) = order.next(pieces) {
            if pieces.is_settled(no) {
                continue;
            }
            if last.is_some_and(|last| !pieces.are_together(last, no)) {
                window.close(pieces, true)?;
            }
            let piece = pieces.list[no as usize];
            window.add(pieces, no, &read(piece), piece.begins())?;
            last = Some(no);
        }
        window.close(pieces, true)
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

    /// Whether two words are parts of one address: `kari`, `@`, `example`, `.`, `no`.
    fn belongs_together(&self, before: &str, next: &str) -> bool {
        let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
        let at = word.ends_with('@') || next.starts_with('@');
        let dot = word.contains('@') && (word.ends_with('.') || next.starts_with('.'));
        let is_whole = || self.finder.find(word).iter().any(|(_, found)| matches!(found, Found::Email(_)));
        (at || dot) && word.len() <= LONGEST_ADDRESS && !is_whole()
    }
}

/// A sequence of pieces as one text, with the position of each piece and part in it.
struct JoinedWindow<'e> {
    eyes: &'e Eyes<'e>,
    layout: Layout,
    text: String,
    fragments: Vec<Fragment>,
    parts: Vec<usize>,
    /// From where on finds count: what begins before was decided by the window before.
    from: usize,
    begun: Instant,
}

/// A piece, or what of it lies in the window.
struct Fragment {
    piece: u32,
    /// Where in the piece it begins.
    offset: usize,
    range: Range<usize>,
}

impl<'e> JoinedWindow<'e> {
    fn new(eyes: &'e Eyes<'_>, layout: Layout) -> Self {
        Self {
            eyes,
            layout,
            text: String::new(),
            fragments: Vec::new(),
            parts: Vec::new(),
            from: 0,
            begun: Instant::now(),
        }
    }

    fn add(&mut self, pieces: &mut Pieces, no: u32, says: &str, begins: bool) -> Result<(), DocumentError> {
        let part = self.parts.last().copied().filter(|_| !begins);
        match part {
            None => {
                if !self.text.is_empty() {
                    // A label is one at the beginning of a line only.
                    self.text.push(if turns::is_labelled(says) { '\n' } else { ' ' });
                }
                self.parts.push(self.text.len());
            }
            Some(part) if self.layout.spaced && !self.eyes.belongs_together(&self.text[part..], says) => {
                self.text.push(' ');
            }
            Some(_) => {}
        }
        let says = if self.layout.stored { hidden(says) } else { Cow::Borrowed(says) };
        let (mut offset, mut is_first) = (0, true);
        loop {
            let rest = &says[offset..];
            let taken = &rest[..rest.floor_char_boundary(WINDOW.saturating_sub(self.text.len()).min(rest.len()))];
            self.push(no, offset, taken, std::mem::take(&mut is_first));
            offset += taken.len();
            if self.text.len() + 4 > WINDOW {
                self.close(pieces, false)?;
            }
            if offset == says.len() {
                return Ok(());
            }
        }
    }

    fn push(&mut self, piece: u32, offset: usize, text: &str, is_first: bool) {
        let start = self.text.len();
        if self.layout.wraps {
            self.text.extend(text.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }));
        } else {
            self.text.push_str(text);
        }
        let range = start..self.text.len();
        match self.fragments.last_mut().filter(|_| !is_first) {
            Some(last) => last.range.end = range.end,
            None => self.fragments.push(Fragment { piece, offset, range }),
        }
    }

    /// Marks what is found in the window. Unless it is the last one of its group, its end is looked at again with what follows.
    fn close(&mut self, pieces: &mut Pieces, is_last: bool) -> Result<(), DocumentError> {
        if self.begun.elapsed() > LONGEST_WORK {
            return Err(DocumentError::TooSlow);
        }
        let kept = self.look(pieces);
        let to = if is_last { self.text.len() } else { self.cut(MARGIN) };
        for (start, (end, put)) in kept {
            if start >= self.from && (start < to || is_last) {
                self.spread(pieces, start..end, put)?;
                self.from = end;
            }
        }
        if is_last {
            self.text.clear();
            self.fragments.clear();
            self.parts.clear();
            self.from = 0;
        } else {
            self.from = self.from.max(to);
            self.keep_from(self.cut(2 * MARGIN));
        }
        Ok(())
    }

    /// A place so far before the end, behind a space if there is one.
    fn cut(&self, before_end: usize) -> usize {
        let at = self.text.floor_char_boundary(self.text.len().saturating_sub(before_end));
        let near = self.text.floor_char_boundary(at.saturating_sub(MARGIN / 8));
        self.text[near..at]
            .rfind(char::is_whitespace)
            .map_or(at, |space| self.text.ceil_char_boundary(near + space + 1))
    }

    /// Drops the text before a position.
    fn keep_from(&mut self, from: usize) {
        self.text.drain(..from);
        self.from = self.from.saturating_sub(from);
        self.fragments.retain(|fragment| fragment.range.end > from);
        for fragment in &mut self.fragments {
            fragment.offset += from.saturating_sub(fragment.range.start);
            fragment.range = fragment.range.start.saturating_sub(from)..fragment.range.end - from;
        }
        let gone = self.parts.partition_point(|part| *part <= from).saturating_sub(1);
        self.parts.drain(..gone);
        for part in &mut self.parts {
            *part = part.saturating_sub(from);
        }
    }

    /// The finds of the window, none overlapping another.
    fn look(&self, pieces: &Pieces) -> Kept {
        let mut finds = self.known();
        let look_within = |range: Range<usize>, finds: &mut Vec<Place>| {
            let mut counts = true;
            for (find, put) in self.eyes.look(&self.text[range.clone()]) {
                let find = range.start + find.start..range.start + find.end;
                counts = if put == Put::Find(Find::Rest) { counts } else { self.counts(pieces, &find, &put) };
                if counts {
                    finds.push((find, put));
                }
            }
        };
        // The space before a part does not belong to it. A space behind it, too, changes nothing.
        let mut of_parts = Vec::new();
        for (no, start) in self.parts.iter().enumerate() {
            let end = self.parts.get(no + 1).map_or(self.text.len(), |next| next.saturating_sub(1).max(*start));
            look_within(*start..end, &mut of_parts);
        }
        let mut joined = Vec::new();
        if self.parts.len() > 1 {
            look_within(0..self.text.len(), &mut joined);
            Neighbours { text: &self.text, parts: &self.parts, finder: self.eyes.finder }
                .settle(&mut of_parts, &mut joined);
        }
        finds.append(&mut of_parts);
        finds.append(&mut joined);
        if self.fragments.len() > self.parts.len() {
            self.fragments.iter().for_each(|fragment| look_within(fragment.range.clone(), &mut finds));
        }
        let has_patterns = finds.iter().any(|(_, put)| is_pattern(put));
        finds.sort_by_key(|(_, put)| self.rank(put, has_patterns));
        let mut kept = BTreeMap::new();
        for (range, put) in finds {
            keep(&mut kept, range, put);
        }
        kept
    }

    /// The known facts of the pieces in the window, where it is in the window.
    fn known(&self) -> Vec<Place> {
        let mut places = Vec::new();
        for Fragment { piece, offset, range } in self.fragments.iter().filter(|_| !self.eyes.known.is_empty()) {
            for (find, put) in self.eyes.known.get(piece).into_iter().flatten() {
                let (start, end) = (find.start.max(*offset), find.end.min(offset + range.len()));
                if start < end {
                    places.push((range.start + start - offset..range.start + end - offset, put.clone()));
                }
            }
        }
        places
    }

    /// Whether a find counts where it is. In figures that nobody speaks, only the record's own identifiers are joined:
    /// a column of prices is no number of somebody else.
    fn counts(&self, pieces: &Pieces, find: &Range<usize>, put: &Put) -> bool {
        let is_certain = match put {
            Put::Find(what) => self.eyes.finder.is_own(what) || is_pattern(put),
            Put::Word => true,
        };
        if is_certain {
            return true;
        }
        let first = self.fragments.partition_point(|fragment| fragment.range.end <= find.start);
        let (mut count, mut are_figures, mut is_labelled) = (0, true, false);
        for fragment in self.fragments[first..].iter().take_while(|fragment| fragment.range.start < find.end) {
            let piece = pieces.list[fragment.piece as usize];
            count += 1;
            are_figures &= piece.is_figure();
            is_labelled |= piece.is_labelled();
        }
        !is_labelled && (count < 2 || !are_figures)
    }

    /// The rank of a find among those of all readings. Half of a card may be somebody's number: the card counts, so that no half of it is shown to
    /// anybody. A tenant's pattern counts behind the customer's own identifiers.
    fn rank(&self, put: &Put, has_patterns: bool) -> u8 {
        match put {
            put if is_pattern(put) => 2,
            Put::Find(Find::Suppressed(_)) => 0,
            Put::Find(find) if has_patterns && self.eyes.finder.is_own(find) => 1,
            _ => 3,
        }
    }

    /// Marks what of a find lies in each piece.
    fn spread(&self, pieces: &mut Pieces, find: Range<usize>, mut put: Option<Put>) -> Result<(), DocumentError> {
        let first = self.fragments.partition_point(|fragment| fragment.range.end <= find.start);
        for Fragment { piece, offset, range } in
            self.fragments[first..].iter().take_while(|fragment| fragment.range.start < find.end)
        {
            let (start, end) = (find.start.max(range.start), find.end.min(range.end));
            if start < end {
                pieces.mark(*piece, offset + start - range.start, offset + end - range.start, put.take())?;
            }
        }
        Ok(())
    }
}

const fn is_pattern(put: &Put) -> bool {
    matches!(put, Put::Find(Find::Suppressed(Suppressed::Pattern(_))))
}

/// Adds a match to the kept ones. An identifier that is found twice is one match. If another match is kept already, the
/// rest of this one is removed without a replacement.
fn keep(kept: &mut Kept, range: Range<usize>, put: Put) {
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
