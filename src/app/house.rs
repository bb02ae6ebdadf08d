//! The rules of a tenant's settings about its own telephones.

use pii::{HouseNumbers, Region};

use crate::http::FieldError;

/// The most numbers of the house, or beginnings of them.
const MOST_NUMBERS: usize = 500;

/// The most prefixes that are dialled to call out.
const MOST_PREFIXES: usize = 10;

/// The numbers of the house in their stored form; none where one of them breaks a rule.
pub fn own_numbers(raw: &[String], region: Region, invalid: &mut Vec<FieldError>) -> Option<Vec<String>> {
    const RULE: &str = "must be a phone number, or the beginning of some after + or 00 with at least 5 digits";
    let read = |raw: &str| HouseNumbers::beginning(raw, region).ok();
    each(raw, ("/own_numbers", MOST_NUMBERS), ("phone_number_invalid", RULE), read, invalid)
}

/// The prefixes that are dialled to call out; none where one of them breaks a rule.
pub fn dial_out_prefixes(raw: &[String], invalid: &mut Vec<FieldError>) -> Option<Vec<String>> {
    const RULE: &str = "must be 1 to 4 digits, * or #";
    let is_one =
        |raw: &str| (1..=4).contains(&raw.len()) && raw.bytes().all(|b| b.is_ascii_digit() || b"*#".contains(&b));
    let read = |raw: &str| is_one(raw).then(|| raw.to_owned());
    each(raw, ("/dial_out_prefixes", MOST_PREFIXES), ("format", RULE), read, invalid)
}

/// The entries of a list, each once and in order.
fn each(
    raw: &[String],
    (pointer, most): (&str, usize),
    (code, rule): (&'static str, &'static str),
    read: impl Fn(&str) -> Option<String>,
    invalid: &mut Vec<FieldError>,
) -> Option<Vec<String>> {
    if raw.len() > most {
        invalid.push(FieldError::at(pointer, "too_many", format!("must be at most {most}")));
        return None;
    }
    let mut entries: Vec<String> = Vec::with_capacity(raw.len());
    let before = invalid.len();
    for (no, raw) in raw.iter().enumerate() {
        match read(raw) {
            Some(entry) => entries.push(entry),
            None => invalid.push(FieldError::at(format!("{pointer}/{no}"), code, rule)),
        }
    }
    entries.sort_unstable();
    entries.dedup();
    (invalid.len() == before).then_some(entries)
}
