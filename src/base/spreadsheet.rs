//! Records as rows of a spreadsheet.

use serde_json::Value;

/// A spreadsheet takes a cell that begins with one of these as a formula.
const FORMULAS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The text of a cell. A quote comes before a text that a spreadsheet would take as a formula.
#[must_use]
pub fn cell(text: String) -> String {
    if text.starts_with(FORMULAS) { format!("'{text}") } else { text }
}

/// The cells of a record with the names of their columns. The fields of the customer are columns of their own.
#[must_use]
pub fn cells(record: Value) -> Vec<(String, String)> {
    let Value::Object(fields) = record else { return Vec::new() };
    let mut cells = Vec::new();
    for (name, value) in fields {
        match value {
            Value::Object(customer) if name == "customer" => {
                cells.extend(customer.into_iter().map(|(field, value)| (format!("customer_{field}"), text_of(value))));
            }
            value => cells.push((name, text_of(value))),
        }
    }
    cells
}

fn text_of(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => cell(text),
        other => other.to_string(),
    }
}
