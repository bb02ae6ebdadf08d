//! The customer's own number over the cells of a table. Two cells are never read together, lest a row of figures became a
//! number. But digits of the customer's own number in one cell after another, with nothing else between them, are that number.

use std::borrow::Cow;
use std::ops::Range;

use super::super::Finder;
use super::DocumentError;
use super::pieces::{Piece, Pieces, Put};
use crate::{digit, is_separator};

/// The longest text of a cell that may be a part of a number, in bytes.
const LONGEST: usize = 64;

/// Cells of digits that follow one another.
#[derive(Default)]
struct DigitCells {
    text: String,
    /// Each piece, and its place in the text.
    places: Vec<(u32, Range<usize>)>,
}

/// Marks the own number where it is written over several cells.
pub(super) fn mark<'t>(
    pieces: &mut Pieces,
    read: &dyn Fn(Piece) -> Cow<'t, str>,
    finder: &Finder,
) -> Result<(), DocumentError> {
    if !finder.has_own_number() {
        return Ok(());
    }
    let mut marked: Vec<u32> = pieces.marks.iter().map(|mark| mark.piece).collect();
    marked.sort_unstable();
    let mut cells = DigitCells::default();
    for no in 0..pieces.list.len() {
        let Some((no, piece)) = u32::try_from(no).ok().zip(pieces.list.get(no).copied()) else { break };
        if !piece.is_joined() {
            continue;
        }
        let is_short = (piece.end - piece.start) as usize <= LONGEST;
        match Some(piece).filter(|_| is_short && marked.binary_search(&no).is_err()).map(read) {
            Some(says) if says.trim().is_empty() => {}
            Some(says) if says.trim().chars().all(|c| digit(c).is_some() || is_separator(c)) => cells.add(no, &says),
            _ => cells.close(pieces, finder)?,
        }
    }
    cells.close(pieces, finder)
}

impl DigitCells {
    fn add(&mut self, piece: u32, says: &str) {
        self.text.push(' ');
        let start = self.text.len();
        self.text.push_str(says);
        self.places.push((piece, start..self.text.len()));
    }

    fn close(&mut self, pieces: &mut Pieces, finder: &Finder) -> Result<(), DocumentError> {
        let Self { text, places } = std::mem::take(self);
        if places.len() < 2 {
            return Ok(());
        }
        for (find, what) in finder.find_own(&text) {
            let mut put = Some(Put::Find(what));
            let first = places.partition_point(|(_, place)| place.end <= find.start);
            for (piece, place) in places[first..].iter().take_while(|(_, place)| place.start < find.end) {
                let (start, end) = (find.start.max(place.start), find.end.min(place.end));
                pieces.mark(*piece, start - place.start, end - place.start, put.take())?;
            }
        }
        Ok(())
    }
}
