//! Rows of a file, one on each line.
//!
//! An exchange writes a row on each line and removes characters that could break it. So each line is parsed by itself:
//! a quote without an end spoils its own row only, and no row needs more memory than [`LONGEST`].

use std::io::{self, BufRead, BufReader, Cursor, Read, SeekFrom};

use csv::{ByteRecord, Position, Reader, ReaderBuilder};

/// The longest row that is read, in bytes. Asterisk writes rows of at most 1 KB.
pub(super) const LONGEST: usize = 64 * 1024;

/// The byte order mark that a text editor or a spreadsheet writes first.
const BOM: &[u8] = "\u{FEFF}".as_bytes();

pub(super) enum Next {
    /// A row: see [`Rows::record`].
    Row,
    Blank,
    /// The row was longer than any row may be, and was skipped.
    TooLong,
    /// The file has ended.
    End,
}

/// The lines of a file, each split into its fields.
pub(super) struct Rows<R> {
    input: BufReader<R>,
    line: u64,
    parser: Reader<Cursor<Vec<u8>>>,
    record: ByteRecord,
    /// Takes off what an exchange writes around a row.
    unwrap: fn(&mut Vec<u8>),
}

impl<R: Read> Rows<R> {
    pub(super) fn new(input: R, unwrap: fn(&mut Vec<u8>)) -> Self {
        let parser = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(Cursor::new(Vec::new()));
        Self { input: BufReader::new(input), line: 0, parser, record: ByteRecord::new(), unwrap }
    }

    /// The line that was read last, counted from 1.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// The row that was read last.
    pub(super) const fn record(&self) -> &ByteRecord {
        &self.record
    }

    pub(super) fn advance(&mut self) -> io::Result<Next> {
        let line = self.parser.get_mut().get_mut();
        line.clear();
        let most = LONGEST as u64 + 1;
        if self.input.by_ref().take(most).read_until(b'\n', line)? == 0 {
            return Ok(Next::End);
        }
        self.line += 1;
        if line.len() > LONGEST {
            if line.last() != Some(&b'\n') {
                skip_line(&mut self.input)?;
            }
            return Ok(Next::TooLong);
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(Next::Blank);
        }
        if self.line == 1 && line.starts_with(BOM) {
            line.drain(..BOM.len());
        }
        (self.unwrap)(line);
        // Going back to the start makes the parser forget what the line before left open.
        self.parser.seek_raw(SeekFrom::Start(0), Position::new())?;
        let found = self.parser.read_byte_record(&mut self.record)?;
        Ok(if found { Next::Row } else { Next::Blank })
    }
}

/// Skips to the end of a line without keeping it.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let chunk = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            chunk => chunk?,
        };
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let (length, done) = end.map_or((chunk.len(), chunk.is_empty()), |at| (at + 1, true));
        input.consume(length);
        if done {
            return Ok(());
        }
    }
}
