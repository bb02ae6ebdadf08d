//! The record's own number and address over several cells of a table.
//!
//! Two cells are never read together for identifiers of other people, so that no row of figures becomes a number. But a table
//! may be a conversation, with a column that says who speaks and another one with the words. It is read as lines,
//! `Kari: 98 76`. In any other table, cells of digits that follow one another can be the customer's own number.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::super::{Find, Finder, Found};
use super::joined::{Known, Place};
use super::pieces::{Piece, Pieces, Put};
use crate::{digit, is_separator};

/// The longest text of a cell that may be a part of a number, in bytes.
const LONGEST_FIGURE: usize = 64;

/// The longest name of a speaker, in bytes.
const LONGEST_NAME: usize = 64;

/// The names by which the speakers of a table are called.
const LETTERS: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "H"];

/// How many rows are looked at for the columns of a conversation.
const LOOKED_AT: usize = 100;

/// How many rows are read together at most. A number over more rows than these is not found.
const MOST_ROWS: usize = 4_096;

/// The record's own identifiers over several cells, by their pieces.
pub(super) fn find<'t>(pieces: &Pieces, read: &dyn Fn(Piece) -> Cow<'t, str>, finder: &Finder) -> Known {
    let mut tables = TableReader { pieces, read, finder, rows: Vec::new(), known: Known::new() };
    let has_cells = finder.has_own() && pieces.list.iter().any(|piece| piece.begins_cell());
    for no in (0..pieces.list.len()).filter(|_| has_cells).filter_map(|no| u32::try_from(no).ok()) {
        tables.add(no);
    }
    tables.close();
    tables.known
}

/// The pieces of a cell.
type TableCell = Range<u32>;

/// The rows of a table so far.
struct TableReader<'r, 't> {
    pieces: &'r Pieces,
    read: &'r dyn Fn(Piece) -> Cow<'t, str>,
    finder: &'r Finder,
    rows: Vec<Vec<TableCell>>,
    known: Known,
}

impl TableReader<'_, '_> {
    fn add(&mut self, no: u32) {
        let piece = self.pieces.list[no as usize];
        if !piece.is_joined() {
            return;
        }
        if piece.begins_row() || self.rows.is_empty() {
            let width = |row: Option<&Vec<TableCell>>| row.map_or(0, Vec::len);
            let (last, before) = (width(self.rows.last()), width(self.rows.iter().rev().nth(1)));
            // Rows with as many cells as each other are a table.
            if before > 0 && before != last {
                let row = self.rows.pop();
                self.close();
                self.rows.extend(row);
            }
            if self.rows.len() >= MOST_ROWS {
                self.close();
            }
            self.rows.push(Vec::new());
        }
        let Some(row) = self.rows.last_mut() else { return };
        match row.last_mut().filter(|_| !piece.begins_cell()) {
            Some(cell) => cell.end = no + 1,
            None => row.push(no..no + 1),
        }
    }

    /// Reads the rows so far.
    fn close(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        let mut joined = JoinedCells::default();
        if let Some((speaker, words)) = self.conversation(&rows) {
            // The speakers get letters, so that nothing is found in their names.
            let mut names: HashMap<String, usize> = HashMap::new();
            for row in &rows {
                let next = names.len();
                let name = *names.entry(self.text(&row[speaker])).or_insert(next);
                joined.text.push_str(&LETTERS[name % LETTERS.len()].repeat(1 + name / LETTERS.len() % LETTERS.len()));
                joined.text.push_str(": ");
                self.join(&row[words], &mut joined);
                joined.text.push('\n');
            }
            joined.find(self.finder, &mut self.known);
            return;
        }
        for cell in rows.iter().flatten() {
            let says = self.text(cell);
            if !says.is_empty() && says.chars().all(|c| digit(c).is_some() || is_separator(c)) {
                joined.text.push(' ');
                self.join(cell, &mut joined);
            } else if !says.is_empty() {
                std::mem::take(&mut joined).find(self.finder, &mut self.known);
            }
        }
        joined.find(self.finder, &mut self.known);
    }

    fn join(&self, cell: &TableCell, joined: &mut JoinedCells) {
        for no in cell.clone() {
            let piece = self.pieces.list[no as usize];
            if piece.begins() {
                joined.text.push(' ');
            }
            let start = joined.text.len();
            joined.text.extend((self.read)(piece).chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }));
            joined.places.push((no, start..joined.text.len()));
        }
        joined.cells += 1;
    }

    /// The text of a cell, of which a long one is cut.
    fn text(&self, cell: &TableCell) -> String {
        let mut text = String::new();
        for no in cell.clone() {
            if text.len() > LONGEST_FIGURE.max(LONGEST_NAME) {
                break;
            }
            text.push_str(&(self.read)(self.pieces.list[no as usize]));
        }
        text.trim().to_owned()
    }

    /// The columns that say who speaks and what, if the rows are a conversation.
    fn conversation(&self, rows: &[Vec<TableCell>]) -> Option<(usize, usize)> {
        let width = rows.first().map_or(0, Vec::len).min(LOOKED_AT);
        if rows.len() < 2 || width < 2 || rows.iter().any(|row| row.len() < width) {
            return None;
        }
        let columns: Vec<TableColumn> = (0..width).map(|at| self.column(rows, at)).collect();
        let speaker = columns.iter().position(|column| column.is_speaker(rows.len().min(LOOKED_AT)))?;
        let others = columns.iter().enumerate().filter(|(at, column)| *at != speaker && column.said > 0);
        let (words, _) = others.max_by_key(|(_, column)| column.said)?;
        Some((speaker, words))
    }

    fn column(&self, rows: &[Vec<TableCell>], at: usize) -> TableColumn {
        let mut column = TableColumn::default();
        for row in rows.iter().take(LOOKED_AT) {
            let text = self.text(&row[at]);
            column.has_long |= text.len() > LONGEST_NAME;
            column.names += usize::from(text.starts_with(char::is_alphabetic));
            // A time is not said.
            column.said += if text.contains(':') && !text.contains(char::is_alphabetic) { 0 } else { text.len() };
            *column.values.entry(text).or_default() += 1;
        }
        column
    }
}

/// The values of a column.
#[derive(Default)]
struct TableColumn {
    values: HashMap<String, usize>,
    names: usize,
    said: usize,
    has_long: bool,
}

impl TableColumn {
    /// Whether the values are names that come again. The name of the column may be one more.
    fn is_speaker(&self, rows: usize) -> bool {
        let distinct = self.values.len();
        !self.has_long && self.names == rows && distinct >= 2 && distinct * 2 <= rows + 2 && distinct < rows
    }
}

/// Cells as one text, with the position of each piece in it.
#[derive(Default)]
struct JoinedCells {
    text: String,
    places: Vec<(u32, Range<usize>)>,
    cells: usize,
}

impl JoinedCells {
    /// Adds the own identifiers that are in more than one piece.
    fn find(self, finder: &Finder, known: &mut Known) {
        let Self { text, places, cells } = self;
        if cells < 2 {
            return;
        }
        // Names are found in the cells, and must not be between a find and the rest of it.
        let mut found = finder.find_own(&text);
        found.retain(|(_, find)| *find != Find::Identifier(Found::OwnName));
        for whole in found.chunk_by(|_, (_, next)| *next == Find::Rest) {
            let mut put = Some(Put::Find(whole[0].1.clone()));
            let mut parts: Vec<(u32, Place)> = Vec::new();
            for (find, _) in whole {
                let first = places.partition_point(|(_, place)| place.end <= find.start);
                for (piece, place) in places[first..].iter().take_while(|(_, place)| place.start < find.end) {
                    let (start, end) = (find.start.max(place.start), find.end.min(place.end));
                    let put = put.take().unwrap_or(Put::Find(Find::Rest));
                    parts.push((*piece, (start - place.start..end - place.start, put)));
                }
            }
            if parts.len() > 1 {
                for (piece, place) in parts {
                    known.entry(piece).or_default().push(place);
                }
            }
        }
    }
}
