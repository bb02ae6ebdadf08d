//! Records as rows of a spreadsheet.

use std::borrow::Cow;
use std::cell::Cell as Shared;
use std::io::{self, Write};
use std::ops::Range;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::csv::shielded;

/// The field whose own fields are columns.
const CUSTOMER: &str = "customer";

/// The most fields of most records.
const FIELDS: usize = 24;

/// A cell: its text, and the name of its column.
pub struct Cell<'j> {
    field: &'j str,
    is_customers: bool,
    pub text: Cow<'j, str>,
}

impl<'j> Cell<'j> {
    /// The name of the column.
    #[must_use]
    pub fn column(&self) -> Cow<'j, str> {
        if self.is_customers { format!("{CUSTOMER}_{}", self.field).into() } else { self.field.into() }
    }
}

/// Appends a record as JSON, and returns its cells. The fields of the customer are columns of their own.
///
/// The texts of the JSON are cells as they are. Their places are noted while they are written, because finding them
/// again would take longer than writing them.
pub fn cells<'j>(record: &impl Serialize, json: &'j mut Vec<u8>) -> serde_json::Result<Vec<Cell<'j>>> {
    let (begin, length) = (json.len(), Shared::new(0));
    let mut noted = FieldPlaces { length: &length, depth: 0, fields: Vec::with_capacity(FIELDS) };
    let counted = Counted { to: json, length: &length };
    record.serialize(&mut Serializer::with_formatter(counted, &mut noted))?;
    let fields = noted.fields;
    let written = str::from_utf8(json.get(begin..).unwrap_or_default()).unwrap_or_default();
    let (mut cells, mut outer) = (Vec::with_capacity(fields.len()), "");
    for FieldPlace { depth, name, value } in fields {
        let (field, value) = (written.get(name).unwrap_or_default(), written.get(value).unwrap_or_default());
        if depth == 1 {
            outer = field;
        }
        let is_customers = outer == CUSTOMER;
        if is_customers == (depth == 2) {
            cells.push(Cell { field, is_customers, text: text_of(value)? });
        }
    }
    Ok(cells)
}

/// Where a field of an object is, by bytes.
struct FieldPlace {
    /// 1 for a field of the record, and 2 for a field of an object in it.
    depth: usize,
    name: Range<usize>,
    value: Range<usize>,
}

/// Writes JSON and notes where the fields of a record, and of the objects in it, are.
struct FieldPlaces<'l> {
    length: &'l Shared<usize>,
    depth: usize,
    fields: Vec<FieldPlace>,
}

impl FieldPlaces<'_> {
    /// The field of the current object that was begun last.
    fn note(&mut self, note: impl FnOnce(&mut FieldPlace, usize)) {
        let (depth, at) = (self.depth, self.length.get());
        if let Some(field) = self.fields.iter_mut().rfind(|field| field.depth == depth) {
            note(field, at);
        }
    }
}

impl Formatter for &mut FieldPlaces<'_> {
    fn begin_object<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.depth += 1;
        to.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.depth -= 1;
        to.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        if !first {
            to.write_all(b",")?;
        }
        if self.depth <= 2 {
            let (depth, begin) = (self.depth, self.length.get() + 1);
            self.fields.push(FieldPlace { depth, name: begin..begin, value: begin..begin });
        }
        Ok(())
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.note(|field, at| field.name.end = at - 1);
        Ok(())
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(b":")?;
        self.note(|field, at| field.value.start = at);
        Ok(())
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.note(|field, at| field.value.end = at);
        Ok(())
    }
}

/// Bytes that are counted while they are written.
struct Counted<'b> {
    to: &'b mut Vec<u8>,
    length: &'b Shared<usize>,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.extend_from_slice(bytes);
        self.length.set(self.length.get() + bytes.len());
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn text_of(value: &str) -> serde_json::Result<Cow<'_, str>> {
    match value {
        "null" => Ok("".into()),
        text if !text.starts_with('"') => Ok(text.into()),
        text if text.contains('\\') => serde_json::from_str::<String>(text).map(Cow::from),
        text => Ok(text.get(1..text.len() - 1).unwrap_or_default().into()),
    }
}

/// The error of the writer below. The library's own conversion would hide what kind of error it is.
fn cause(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    }
}

/// Writes records as lines of comma-separated values. The names of the columns come before the first one.
pub struct SpreadsheetWriter<W: Write> {
    lines: csv::Writer<W>,
    pub has_records: bool,
}

impl<W: Write> SpreadsheetWriter<W> {
    pub fn new(to: W) -> Self {
        Self { lines: csv::Writer::from_writer(to), has_records: false }
    }

    pub fn write(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let has_head = std::mem::replace(&mut self.has_records, true);
        let names = |cell: &Cell<'_>| cell.column().into_owned();
        let head = if has_head { Ok(()) } else { self.lines.write_record(cells.iter().map(names)) };
        head.and_then(|()| {
            cells.iter().try_for_each(|cell| self.lines.write_field(shielded(&cell.text).as_bytes()))?;
            self.lines.write_record(None::<&[u8]>)
        })
        .map_err(cause)
    }

    /// Writes what is left.
    pub fn end(self) -> io::Result<W> {
        self.lines.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_row_and_its_customer_is_columns() {
        let record = concat!(
            r#"{"id":"a \"b\" \\","none":null,"empty":"","customer":{"phone":"+4791234567","email":null},"#,
            r#""n":[1,"x"],"is":false,"aged":{"time":"day"}}"#
        );
        let (record, mut json): (serde_json::Value, _) = (serde_json::from_str(record).unwrap(), b",".to_vec());
        let cells = cells(&record, &mut json).unwrap();
        let mut writer = SpreadsheetWriter::new(Vec::new());
        writer.write(&cells).unwrap();
        writer.write(&cells).unwrap();
        let row = "\"a \"\"b\"\" \\\",,,'+4791234567,,\"[1,\"\"x\"\"]\",false,\"{\"\"time\"\":\"\"day\"\"}\"\n";
        let lines = format!("id,none,empty,customer_phone,customer_email,n,is,aged\n{row}{row}");
        assert_eq!(String::from_utf8(writer.end().unwrap()).unwrap(), lines);
    }
}
