//! From a record as it was sent to the record that is stored, before the vault is asked.

use chrono::{DateTime, Datelike as _, Utc};
use pii::text::{Find, Finder, Found, Own, tokenize_json, tokenize_text};
use pii::{Email, IdentifierError, PersonName, Phone, Pii, Region};
use serde_json::{Map, Value};

use super::kinds::{Channel, CustomerIn, RecordKind};
use crate::base::clock::microseconds;
use crate::base::field::FieldError;
use crate::base::hex::hex;
use crate::vault::Keyset;

/// The identifiers of a record's customer.
#[derive(Clone, Default)]
pub struct Customer {
    pub phone: Option<Pii<Phone>>,
    pub email: Option<Pii<Email>>,
    pub name: Option<Pii<PersonName>>,
}

/// A record of which everything but the identifiers is as it will be stored.
pub struct ParsedRecord<K> {
    /// The sending system's id, as it was sent.
    pub external_id: String,
    /// The keyed hash of that id.
    pub keyed_id: String,
    /// Whether the record is stored under the keyed hash, because the id contains the customer's number, address, or name.
    pub is_keyed: bool,
    pub at: DateTime<Utc>,
    pub customer: Customer,
    /// The identifiers that the placeholders of its text stand for.
    pub mentions: Vec<Found>,
    pub columns: K,
    /// Pointers to customer fields that are not identifiers. The record is stored without them.
    pub ignored: Vec<&'static str>,
}

/// Parses the records of one tenant.
pub struct Reader<'a> {
    pub region: Region,
    pub keyset: &'a Keyset,
}

/// The texts of one record while it is parsed.
pub struct Texts<'a> {
    reader: &'a Reader<'a>,
    finder: Finder,
    mentions: Vec<Found>,
}

impl Reader<'_> {
    pub fn phone(
        &self,
        raw: Option<String>,
        pointer: &'static str,
        ignored: &mut Vec<&'static str>,
    ) -> Option<Pii<Phone>> {
        note(Phone::parse(&raw?, self.region), pointer, ignored)
    }

    pub fn customer(&self, channel: Channel, customer: CustomerIn) -> (Customer, Vec<&'static str>) {
        let CustomerIn { phone_number, email, name } = customer;
        let (mut read, mut ignored) = (Customer::default(), Vec::new());
        if channel == Channel::Chat {
            // The id of a chat's customer may be an address, a number, or a name, in any of the fields (A18).
            for (raw, pointer) in [(phone_number, "/customer/phone_number"), (email, "/customer/email")] {
                if let Some(raw) = raw {
                    self.named(&raw, pointer, &mut read, &mut ignored);
                }
            }
        } else {
            read.phone = self.phone(phone_number, "/customer/phone_number", &mut ignored);
            read.email = self::email(email, "/customer/email", &mut ignored);
        }
        if let Some(name) = name {
            self.named(&name, "/customer/name", &mut read, &mut ignored);
        }
        (read, ignored)
    }

    /// Parses the text of a name. Numbers and addresses in it become the customer's own, so that they are found and
    /// forgotten. A second number or address is left out with a warning, and so is a redacted value.
    fn named(&self, raw: &str, pointer: &'static str, read: &mut Customer, ignored: &mut Vec<&'static str>) {
        let whole = Email::parse(raw).map(Found::Email).or_else(|_| Phone::parse(raw, self.region).map(Found::Phone));
        let found = match whole {
            Err(IdentifierError::Withheld) => return,
            Ok(found) => vec![(0..raw.len(), Find::Identifier(found))],
            Err(_) => Finder::new(self.region, Own::default()).find_all(raw),
        };
        let (mut rest, mut end) = (String::new(), 0);
        for (range, found) in found {
            rest.push_str(&raw[end..range.start]);
            rest.push(' ');
            end = range.end;
            match found {
                Find::Identifier(Found::Phone(phone)) if read.phone.as_ref().is_none_or(|held| *held == phone) => {
                    read.phone = Some(phone);
                }
                Find::Identifier(Found::Email(email)) if read.email.as_ref().is_none_or(|held| *held == email) => {
                    read.email = Some(email);
                }
                _ => ignored.push(pointer),
            }
        }
        rest.push_str(&raw[end..]);
        let name = if end == 0 { rest } else { rest.replace(['<', '>', '(', ')', '[', ']', '"'], " ") };
        if end == 0 || name.contains(char::is_alphabetic) {
            read.name = note(PersonName::parse(&name), pointer, ignored).or(read.name.take());
        }
    }

    pub fn texts(&self, customer: &Customer) -> Texts<'_> {
        let Customer { phone, email, name } = customer.clone();
        Texts { reader: self, finder: Finder::new(self.region, Own { phone, email, name }), mentions: Vec::new() }
    }
}

pub fn email(raw: Option<String>, pointer: &'static str, ignored: &mut Vec<&'static str>) -> Option<Pii<Email>> {
    note(Email::parse(&raw?), pointer, ignored)
}

/// The identifier, if the value is one. A value such as "anonymous" is not a mistake.
fn note<T>(read: Result<T, IdentifierError>, pointer: &'static str, ignored: &mut Vec<&'static str>) -> Option<T> {
    match read {
        Ok(identifier) => Some(identifier),
        Err(IdentifierError::Withheld) => None,
        Err(IdentifierError::Phone | IdentifierError::Email | IdentifierError::Name) => {
            ignored.push(pointer);
            None
        }
    }
}

impl Texts<'_> {
    pub fn text(&mut self, text: &str) -> String {
        tokenize_text(&self.finder, text, &mut self.mentions)
    }

    pub fn attributes(&mut self, attributes: Option<Map<String, Value>>) -> Option<String> {
        attributes.map(|map| tokenize_json(&self.finder, Value::Object(map), &mut self.mentions).to_string())
    }

    /// A word by which records are grouped. It is not a text, but it must not contain the customer either.
    pub fn word(&self, word: Option<String>) -> Option<String> {
        word.map(|word| self.keyed_if_own("word", word))
    }

    pub fn external_id(&self, id: String) -> String {
        self.keyed_if_own("external_id", id)
    }

    fn keyed_if_own(&self, purpose: &str, text: String) -> String {
        if self.finder.holds_own(&text) { keyed(self.reader.keyset, purpose, &text) } else { text }
    }

    pub fn record<K: RecordKind>(
        self,
        external_id: String,
        at: DateTime<Utc>,
        (customer, ignored): (Customer, Vec<&'static str>),
        columns: K,
    ) -> ParsedRecord<K> {
        let is_keyed = is_keyed(&external_id) || self.finder.holds_own(&external_id);
        let keyed_id = keyed_id(self.reader.keyset, &external_id);
        let (at, mentions) = (microseconds(at), self.mentions);
        ParsedRecord { external_id, keyed_id, is_keyed, at, customer, mentions, columns, ignored }
    }
}

/// The keyed hash of an external id. A record is stored under it if the id contains its customer's number, address, or
/// name. An id that is such a hash already stays as it is, because a caller may send the id that it was shown.
pub(super) fn keyed_id(keyset: &Keyset, id: &str) -> String {
    if is_keyed(id) { id.to_owned() } else { keyed(keyset, "external_id", id) }
}

/// The text before the hexadecimal digits of a keyed hash.
const KEYED: &str = "hash-";

fn keyed(keyset: &Keyset, purpose: &str, text: &str) -> String {
    format!("{KEYED}{}", hex(&keyset.hash(purpose, text).0))
}

/// Whether a stored value is a keyed hash. [`super::selector::forget_descriptive`] has the same condition as SQL.
pub(super) fn is_keyed(value: &str) -> bool {
    value.starts_with(KEYED) && value.chars().count() == KEYED.len() + 64
}

/// The largest attributes, in bytes of JSON.
const LARGEST_ATTRIBUTES: usize = 32 * 1024;
const DEEPEST_ATTRIBUTES: usize = 16;

pub fn check_time(at: DateTime<Utc>, pointer: &'static str, errors: &mut Vec<FieldError>) {
    if !(1970..=9999).contains(&at.year()) {
        errors.push(FieldError::at(pointer, "out_of_range", "must lie in the years 1970 to 9999"));
    }
}

pub fn check_attributes(attributes: Option<&Map<String, Value>>, errors: &mut Vec<FieldError>) {
    let Some(attributes) = attributes else { return };
    if attributes.values().any(|value| depth(value) >= DEEPEST_ATTRIBUTES) {
        errors.push(FieldError::at("/attributes", "too_long", "must be at most 16 levels deep"));
    } else if serde_json::to_string(attributes).is_ok_and(|text| text.len() > LARGEST_ATTRIBUTES) {
        errors.push(FieldError::at("/attributes", "too_long", "must be at most 32 KB of JSON"));
    }
}

/// The number of levels of arrays and objects. The parser's own limit bounds the recursion.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}
