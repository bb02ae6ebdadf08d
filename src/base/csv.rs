//! Comma-separated values (RFC 4180): strict reading with the line of each error, and cells that no spreadsheet takes
//! for formulas.

use std::borrow::Cow;

/// A spreadsheet takes a cell that begins with one of these as a formula.
const FORMULAS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Whether a spreadsheet would take a text as a formula.
#[must_use]
pub fn is_formula(text: &str) -> bool {
    text.starts_with(FORMULAS)
}

/// The text of a cell: a quote comes before a text that would be a formula, and before one that has such quotes already.
#[must_use]
pub fn shielded(text: &str) -> Cow<'_, str> {
    if is_formula(text.trim_start_matches('\'')) { format!("'{text}").into() } else { text.into() }
}

/// The text that [`shielded`] was made of.
#[must_use]
pub fn unshielded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if is_formula(text.trim_start_matches('\'')) => text,
        _ => cell,
    }
}

/// A row with the line on which it begins. The first line is 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvRow {
    pub line: u32,
    pub cells: Vec<String>,
}

/// Why a row cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// A quote is inside of a cell without quotes, or a text follows the closing quote.
    #[error("must have quotes only around whole cells, and double quotes inside of them")]
    Quote,
    #[error("must close the quotes of its last cell")]
    Unclosed,
    #[error("must have at most 100 cells")]
    Cells,
}

/// The most cells of a row. More of them are no spreadsheet of ours, and would take memory before anybody sees that.
const MOST_CELLS: usize = 100;

/// The number of line ends in a text. A lone carriage return is one too.
#[must_use]
pub fn line_ends(text: &[u8]) -> u32 {
    let is_end = |(place, byte): (usize, &u8)| match byte {
        b'\n' => true,
        b'\r' => text.get(place + 1) != Some(&b'\n'),
        _ => false,
    };
    u32::try_from(text.iter().enumerate().filter(|one| is_end(*one)).count()).unwrap_or(u32::MAX)
}

/// The rows of a text. Blank lines are left out. After an error there are no more rows.
pub struct CsvRows<'t> {
    rest: &'t str,
    delimiter: char,
    line: u32,
}

impl<'t> CsvRows<'t> {
    #[must_use]
    pub const fn new(text: &'t str, delimiter: char) -> Self {
        Self { rest: text, delimiter, line: 1 }
    }

    /// Reads a cell. Returns whether another one follows in the row.
    fn cell(&mut self) -> Result<(String, bool), CsvError> {
        let cell = if self.rest.starts_with('"') { self.quoted()? } else { self.bare()? };
        let mut behind = self.rest.chars();
        match behind.next() {
            Some(c) if c == self.delimiter => {
                self.rest = behind.as_str();
                Ok((cell, true))
            }
            Some('\r') if behind.as_str().starts_with('\n') => {
                self.end_of_line(2);
                Ok((cell, false))
            }
            Some('\n' | '\r') => {
                self.end_of_line(1);
                Ok((cell, false))
            }
            Some(_) => Err(CsvError::Quote),
            None => Ok((cell, false)),
        }
    }

    fn end_of_line(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
        self.line += 1;
    }

    fn bare(&mut self) -> Result<String, CsvError> {
        let end = self.rest.find([self.delimiter, '\r', '\n']).unwrap_or(self.rest.len());
        let (cell, rest) = self.rest.split_at(end);
        self.rest = rest;
        if cell.contains('"') { Err(CsvError::Quote) } else { Ok(cell.to_owned()) }
    }

    fn quoted(&mut self) -> Result<String, CsvError> {
        let mut cell = String::new();
        loop {
            let inside = self.rest.strip_prefix('"').unwrap_or(self.rest);
            let (text, behind) = inside.split_once('"').ok_or(CsvError::Unclosed)?;
            cell.push_str(text);
            self.rest = behind;
            if !behind.starts_with('"') {
                self.line += line_ends(cell.as_bytes());
                return Ok(cell);
            }
            cell.push('"');
        }
    }
}

impl Iterator for CsvRows<'_> {
    /// A row, or the line on which a row begins that cannot be read.
    type Item = Result<CsvRow, (u32, CsvError)>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let line = self.line;
            let mut cells = Vec::new();
            loop {
                match self.cell() {
                    Ok(_) if cells.len() == MOST_CELLS => {
                        self.rest = "";
                        return Some(Err((line, CsvError::Cells)));
                    }
                    Ok((cell, is_followed)) => {
                        cells.push(cell);
                        if !is_followed {
                            break;
                        }
                    }
                    Err(error) => {
                        self.rest = "";
                        return Some(Err((line, error)));
                    }
                }
            }
            if cells != [""] {
                return Some(Ok(CsvRow { line, cells }));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Read = Result<(u32, Vec<String>), (u32, CsvError)>;

    fn read(text: &str, delimiter: char) -> Vec<Read> {
        CsvRows::new(text, delimiter).map(|row| row.map(|CsvRow { line, cells }| (line, cells))).collect()
    }

    fn rows(rows: &[(u32, &[&str])]) -> Vec<Read> {
        let row = |(line, cells): &(u32, &[&str])| (*line, cells.iter().map(|cell| (*cell).to_owned()).collect());
        rows.iter().map(|one| Ok(row(one))).collect()
    }

    #[test]
    fn rows_have_the_lines_on_which_they_begin() {
        let text = "a,b\r\n\r\n\"1\n2\",\"say \"\"hi\"\"\"\nlast,";
        assert_eq!(read(text, ','), rows(&[(1, &["a", "b"]), (3, &["1\n2", "say \"hi\""]), (5, &["last", ""])]));
        assert_eq!(read("a;b,c\n;", ';'), rows(&[(1, &["a", "b,c"]), (2, &["", ""])]));
        assert_eq!(read("", ','), []);
    }

    #[test]
    fn a_broken_row_is_told_and_ends_the_text() {
        for (text, line, error) in [
            ("a\n5\" pipe\nb", 2, CsvError::Quote),
            ("a\n\"b\"c\nd", 2, CsvError::Quote),
            ("a\nb,\"c\nd\ne", 2, CsvError::Unclosed),
            ("\"", 1, CsvError::Unclosed),
            ("a\r\"1\r2\r\n3\"\rb\"", 5, CsvError::Quote),
        ] {
            assert_eq!(read(text, ',').last(), Some(&Err((line, error))), "{text}");
        }
        assert_eq!(read(&",".repeat(99), ','), rows(&[(1, &[""; 100])]));
        assert_eq!(read(&",".repeat(2_000_000), ','), [Err((1, CsvError::Cells))]);
    }

    #[test]
    fn a_formula_is_shielded_and_comes_back() {
        for (text, cell) in
            [("=1+1", "'=1+1"), ("+4798765432", "'+4798765432"), ("'=1", "''=1"), ("'s", "'s"), ("a-b", "a-b")]
        {
            assert_eq!((shielded(text).as_ref(), unshielded(cell)), (cell, text));
        }
    }

    proptest! {
        #[test]
        fn another_writer_is_read(rows in prop::collection::vec(prop::collection::vec("[a,;\"\r\n =']{0,5}", 2..4), 1..5)) {
            let rows: Vec<Vec<String>> = rows.into_iter().map(|mut cells| { cells.resize(3, String::new()); cells }).collect();
            for delimiter in [b',', b';'] {
                let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
                for cells in &rows {
                    writer.write_record(cells).unwrap();
                }
                let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
                let read: Vec<_> = CsvRows::new(&text, delimiter.into()).map(|row| row.unwrap().cells).collect();
                prop_assert_eq!(&read, &rows);
            }
        }

        #[test]
        fn no_text_makes_the_reader_panic_or_lose_lines(text in "[a,\"\r\n]{0,30}") {
            for row in CsvRows::new(&text, ',').flatten() {
                prop_assert!(row.line as usize <= 1 + text.matches(['\n', '\r']).count());
            }
        }

        #[test]
        fn a_shielded_cell_is_no_formula_and_comes_back(text in "['=+@\t\r a-]{0,6}") {
            let cell = shielded(&text);
            prop_assert!(!is_formula(&cell));
            prop_assert_eq!(unshielded(&cell), text.as_str());
        }
    }
}
