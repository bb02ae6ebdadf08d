//! Records as rows of a spreadsheet.

use serde_json::Value;

use super::csv::shielded;

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
        Value::String(text) => shielded(&text).into_owned(),
        other => other.to_string(),
    }
}
