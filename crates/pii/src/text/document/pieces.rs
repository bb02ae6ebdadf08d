//! The searched pieces of a document, and the ranges to remove from them. A document may have millions of either, so
//! each is a few numbers: a position, and no text.

use std::collections::HashMap;

use super::super::{Find, Found};
use super::scan::position;
use super::{DocumentError, MOST_MARKS, MOST_MENTIONS};
use crate::ANONYMIZED;

/// The replacement of a match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// The replacement of an identifier or of a suppressed value.
    Find(Find),
    /// The word `Anonymized`: a name of which nobody knows whose it is.
    Word,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub start: u32,
    pub end: u32,
    /// Which others it is read with, and whether it begins a part of them.
    group: u32,
}

/// Set in `group` where a piece begins a part.
const BEGINS: u32 = 1 << 31;

/// Set in `group` where signs are written by name in a piece, as the words of cues are.
const SIGNED: u32 = 1 << 30;

/// Set in `group` where a piece begins a cell of a table, which is read apart from those before it, and where it also
/// begins a row.
const CELL: u32 = 1 << 29;
const ROW: u32 = 1 << 26;

/// Set in `group` where a piece is a figure of a field that nobody speaks: with its neighbours, it can only be the
/// record's own number.
const FIGURE: u32 = 1 << 28;

/// Set in `group` where a figure was read behind the name of its field: here, it can only be the record's own number.
const LABELLED: u32 = 1 << 27;

/// The most groups through whose pieces the list is gone for each of them. More groups have an order of their own, of four bytes
/// a piece.
const FEW_GROUPS: u32 = 8;

/// The group of pieces that are looked at one by one.
const ALONE: u32 = 0;

/// The group of pieces that are not searched, because their replacement is known.
const SETTLED: u32 = 1;

/// The first group of pieces that are read together.
const FIRST: u32 = 2;

impl Piece {
    const fn group(self) -> u32 {
        self.group & !(BEGINS | SIGNED | CELL | ROW | FIGURE | LABELLED)
    }

    /// Whether it begins a part of its group.
    pub(super) const fn begins(self) -> bool {
        self.group & BEGINS != 0
    }

    /// Whether it is read with the other pieces of a group.
    pub(super) const fn is_joined(self) -> bool {
        self.group() >= FIRST
    }

    /// Whether it begins a cell of a table.
    pub(super) const fn begins_cell(self) -> bool {
        self.group & CELL != 0
    }

    /// Whether it begins a row of a table.
    pub(super) const fn begins_row(self) -> bool {
        self.group & ROW != 0
    }

    /// Whether it is a figure of a field that nobody speaks.
    pub(super) const fn is_figure(self) -> bool {
        self.group & FIGURE != 0
    }

    /// Whether it is a figure that was read behind the name of its field.
    pub(super) const fn is_labelled(self) -> bool {
        self.group & LABELLED != 0
    }

    /// Whether signs are written by name in it.
    pub(super) const fn is_signed(self) -> bool {
        self.group & SIGNED != 0
    }
}

/// A removed range of a piece's text, and its replacement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub piece: u32,
    pub start: u32,
    pub end: u32,
    put: u32,
}

/// Nothing is written in place of a mark: another piece has it.
const NOTHING: u32 = u32::MAX;

/// How a piece belongs to others.
#[derive(Clone, Copy, Debug)]
pub(super) enum Belongs {
    /// It is read by itself.
    Alone,
    /// It is searched together with the pieces of the same key. With the same part, it continues the piece before.
    /// Without a part, it is a part of its own.
    With { key: u64, part: Option<u32> },
}

#[derive(Default)]
pub(super) struct Pieces {
    pub list: Vec<Piece>,
    pub marks: Vec<Mark>,
    groups: HashMap<u64, u32>,
    /// The part that the last piece of each group belongs to, and no part at all.
    parts: Vec<Option<u32>>,
    puts: Vec<Put>,
    known: HashMap<Found, u32>,
    mentions: PieceMentions,
}

/// The identifiers that a document mentions, in the order in which they are written.
#[derive(Default)]
pub(super) struct PieceMentions {
    pub first: usize,
    pub list: Vec<Found>,
    numbers: HashMap<u32, usize>,
}

impl Pieces {
    /// The pieces of a document of a length, whose placeholders are numbered from one on. A list that grows is copied now and then,
    /// and both copies take memory. Room that is never used takes none.
    pub(super) fn new(length: usize, first: usize) -> Self {
        Self {
            list: Vec::with_capacity(length / 8),
            marks: Vec::with_capacity((length / 12).min(MOST_MARKS)),
            mentions: PieceMentions { first, ..PieceMentions::default() },
            ..Self::default()
        }
    }

    /// Adds a piece that is to be looked through.
    pub(super) fn add(&mut self, start: usize, end: usize, belongs: Belongs) -> u32 {
        let group = match belongs {
            Belongs::Alone => ALONE | BEGINS,
            Belongs::With { key, part } => {
                let next = FIRST + position(self.parts.len());
                let group = *self.groups.entry(key).or_insert(next);
                if group == next {
                    self.parts.push(None);
                }
                let last = &mut self.parts[(group - FIRST) as usize];
                let goes_on = part.is_some() && *last == part;
                *last = part;
                if goes_on { group } else { group | BEGINS }
            }
        };
        self.push(start, end, group)
    }

    /// Adds a piece whose removed ranges are known.
    pub(super) fn settle(&mut self, start: usize, end: usize) -> u32 {
        self.push(start, end, SETTLED)
    }

    /// Notes that signs are written by name in a piece.
    pub(super) fn sign(&mut self, piece: u32) {
        self.list[piece as usize].group |= SIGNED;
    }

    /// Notes that a piece is a figure of a field that nobody speaks, and whether it was read behind the field's name.
    pub(super) fn figure(&mut self, piece: u32, is_labelled: bool) {
        self.list[piece as usize].group |= FIGURE | if is_labelled { LABELLED } else { 0 };
    }

    /// Notes that a piece begins a cell of a table, and perhaps a row.
    pub(super) fn cell(&mut self, piece: u32, is_row: bool) {
        self.list[piece as usize].group |= CELL | BEGINS | if is_row { ROW } else { 0 };
    }

    fn push(&mut self, start: usize, end: usize, group: u32) -> u32 {
        self.list.push(Piece { start: position(start), end: position(end), group });
        position(self.list.len() - 1)
    }

    /// Notes a removed range of a piece.
    pub(super) fn mark(&mut self, piece: u32, start: usize, end: usize, put: Option<Put>) -> Result<(), DocumentError> {
        if self.marks.len() >= MOST_MARKS {
            return Err(DocumentError::TooMany);
        }
        let put = match put {
            None => NOTHING,
            Some(put) => self.intern(put)?,
        };
        self.marks.push(Mark { piece, start: position(start), end: position(end), put });
        Ok(())
    }

    fn intern(&mut self, put: Put) -> Result<u32, DocumentError> {
        let next = position(self.puts.len());
        let number = match &put {
            Put::Find(Find::Identifier(found)) => {
                if let Some(known) = self.known.get(found) {
                    return Ok(*known);
                }
                if self.known.len() >= MOST_MENTIONS {
                    return Err(DocumentError::TooMany);
                }
                self.known.insert(found.clone(), next);
                next
            }
            // There are few words, and they are written often: they stand near the beginning.
            _ => self.puts.iter().position(|known| *known == put).map_or(next, position),
        };
        if number == next {
            self.puts.push(put);
        }
        Ok(number)
    }

    /// The pieces of each group in the order of the document, group by group.
    pub(super) fn order(&self) -> Order {
        if position(self.parts.len()) + FIRST <= FEW_GROUPS {
            return Order::Few { group: 0, next: 0 };
        }
        let mut ends = vec![0_u32; self.parts.len() + FIRST as usize + 1];
        for piece in &self.list {
            ends[piece.group() as usize + 1] += 1;
        }
        for group in 1..ends.len() {
            ends[group] += ends[group - 1];
        }
        let mut order = vec![0; self.list.len()];
        for (no, piece) in self.list.iter().enumerate() {
            let at = &mut ends[piece.group() as usize];
            order[*at as usize] = position(no);
            *at += 1;
        }
        Order::Many(order.into_iter())
    }

    /// Whether the removed ranges of a piece are known.
    pub(super) fn is_settled(&self, no: u32) -> bool {
        self.list[no as usize].group() == SETTLED
    }

    /// Whether two pieces are read together.
    pub(super) fn are_together(&self, one: u32, other: u32) -> bool {
        let group = |no: u32| self.list[no as usize].group();
        group(one) == group(other) && group(one) >= FIRST && self.list[other as usize].group & CELL == 0
    }

    /// Brings the marks into the order of the document and forgets all that was only needed to find them.
    pub(super) fn sort(&mut self) {
        self.marks.sort_unstable_by_key(|mark| (mark.piece, mark.start));
        self.groups = HashMap::new();
        self.parts = Vec::new();
    }

    /// Brings the marks into their order and forgets the pieces without any. So there is room for what is written.
    pub(super) fn sort_for_writing(&mut self) {
        self.sort();
        let (mut kept, mut last) = (0, None);
        for mark in &mut self.marks {
            if last != Some(mark.piece) {
                last = Some(mark.piece);
                // A piece moves to the front, never behind one that is still to be moved.
                self.list[kept] = self.list[mark.piece as usize];
                kept += 1;
            }
            mark.piece = position(kept - 1);
        }
        self.list.truncate(kept);
        self.list.shrink_to_fit();
        self.marks.shrink_to_fit();
    }

    /// The marks of the piece that the mark at a place belongs to.
    pub(super) fn marks_at(&self, at: usize) -> &[Mark] {
        let rest = &self.marks[at..];
        let piece = rest.first().map(|mark| mark.piece);
        &rest[..rest.iter().take_while(|mark| Some(mark.piece) == piece).count()]
    }

    /// Writes what a piece says without what is marked.
    pub(super) fn write(&mut self, says: &str, marks: std::ops::Range<usize>, written: &mut String) {
        let mut end = 0;
        for at in marks {
            let mark = self.marks[at];
            written.push_str(says.get(end..mark.start as usize).unwrap_or_default());
            self.mentions.write(mark.put, &self.puts, written);
            end = mark.end as usize;
        }
        written.push_str(says.get(end..).unwrap_or_default());
    }

    /// The mentions in the written text.
    pub(super) fn into_mentions(self) -> Vec<Found> {
        self.mentions.list
    }
}

/// The pieces of a document, group by group.
pub(super) enum Order {
    /// The list is gone through for each group.
    Few {
        group: u32,
        next: usize,
    },
    Many(std::vec::IntoIter<u32>),
}

impl Order {
    /// The number of the next piece.
    pub(super) fn next(&mut self, pieces: &Pieces) -> Option<u32> {
        match self {
            Self::Many(order) => order.next(),
            Self::Few { group, next } => {
                while *group < FIRST + position(pieces.parts.len()) {
                    let rest = pieces.list.get(*next..).unwrap_or_default();
                    if let Some(ahead) = rest.iter().position(|piece| piece.group() == *group) {
                        *next += ahead + 1;
                        return Some(position(*next - 1));
                    }
                    (*group, *next) = (*group + 1, 0);
                }
                None
            }
        }
    }
}

impl PieceMentions {
    fn write(&mut self, put: u32, puts: &[Put], written: &mut String) {
        match puts.get(put as usize) {
            None | Some(Put::Find(Find::Rest)) => {}
            Some(Put::Word) => written.push_str(ANONYMIZED),
            Some(Put::Find(Find::Suppressed(what))) => written.push_str(what.word()),
            Some(Put::Find(Find::Identifier(found))) => {
                let next = self.first + self.list.len();
                let number = *self.numbers.entry(put).or_insert(next);
                if number == next {
                    self.list.push(found.clone());
                }
                written.push_str(&super::super::placeholder::placeholder(number));
            }
        }
    }
}
