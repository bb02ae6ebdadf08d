//! Records as rows of a spreadsheet.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::csv::shielded;

/// A cell: the name of its column, and its text.
pub type Cell<'j> = (Cow<'j, str>, Cow<'j, str>);

/// The fields of an object in their order.
struct Fields<'j>(Vec<(&'j str, &'j RawValue)>);

impl<'j> Deserialize<'j> for Fields<'j> {
    fn deserialize<D: Deserializer<'j>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'j> Visitor<'j> for FieldsVisitor {
    type Value = Fields<'j>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'j>>(self, mut object: A) -> Result<Fields<'j>, A::Error> {
        let mut fields = Vec::with_capacity(16);
        while let Some(field) = object.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

/// The cells of a record, of which this is the JSON. The fields of the customer are columns of their own.
///
/// The JSON is written anyway, and its texts are cells as they are. Values between the two would take most of the time.
pub fn cells(record: &[u8]) -> serde_json::Result<Vec<Cell<'_>>> {
    let mut cells = Vec::with_capacity(20);
    for (name, value) in serde_json::from_slice::<Fields<'_>>(record)?.0 {
        if name == "customer" {
            for (field, value) in serde_json::from_str::<Fields<'_>>(value.get())?.0 {
                cells.push((format!("customer_{field}").into(), text_of(value)?));
            }
        } else {
            cells.push((name.into(), text_of(value)?));
        }
    }
    Ok(cells)
}

fn text_of(value: &RawValue) -> serde_json::Result<Cow<'_, str>> {
    match value.get() {
        "null" => Ok("".into()),
        text if !text.starts_with('"') => Ok(text.into()),
        text if text.contains('\\') => serde_json::from_str::<String>(text).map(Cow::from),
        text => Ok(text.trim_matches('"').into()),
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
        let head = cells.iter().map(|(name, _)| name.as_bytes());
        let head = if has_head { Ok(()) } else { self.lines.write_record(head) };
        head.and_then(|()| {
            cells.iter().try_for_each(|(_, text)| self.lines.write_field(shielded(text).as_bytes()))?;
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
            r#""n":[1,"x"],"is":false}"#
        );
        let cells = cells(record.as_bytes()).unwrap();
        let mut writer = SpreadsheetWriter::new(Vec::new());
        writer.write(&cells).unwrap();
        writer.write(&cells).unwrap();
        let row = "\"a \"\"b\"\" \\\",,,'+4791234567,,\"[1,\"\"x\"\"]\",false\n";
        let lines = format!("id,none,empty,customer_phone,customer_email,n,is\n{row}{row}");
        assert_eq!(String::from_utf8(writer.end().unwrap()).unwrap(), lines);
    }
}
