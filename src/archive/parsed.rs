//! From a record as it was sent to the record that is stored, before the vault is read.

use chrono::{DateTime, Datelike as _, Utc};
use pii::text::{Finder, Found, Own, Patterns, tokenize_json, tokenize_text};
use pii::{Email, FieldReading, HouseNumbers, Kind, PersonName, Phone, Pii, Region, read_field};
use serde_json::{Map, Value};

use super::ageing::AgedKey;
use super::kinds::{Channel, CustomerIn, RecordKind};
use crate::base::clock::microseconds;
use crate::base::field::FieldError;
use crate::base::hex::hex;
use crate::base::target::Target;
use crate::vault::Keyset;

/// The identifiers of a record's customer.
#[derive(Clone, Default)]
pub struct ParsedCustomer {
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
    pub customer: ParsedCustomer,
    /// The identifiers that the placeholders of its text stand for.
    pub mentions: Vec<Found>,
    pub columns: K,
    /// The keyed hash of the external id of the interaction that the record names.
    pub interaction_keyed_id: Option<String>,
    /// Pointers to customer fields that say something that is not stored.
    pub ignored: Vec<&'static str>,
    /// The keys of its external id and of the interaction that it names. If one of them is listed, the record is of an
    /// aged interaction.
    pub aged_keys: Vec<AgedKey>,
}

/// Parses the records of one tenant.
pub struct Reader<'a> {
    pub region: Region,
    /// The tenant's own numbers, which are no customer's.
    pub house: &'a HouseNumbers,
    pub patterns: &'a Patterns,
    pub keyset: &'a Keyset,
}

/// The texts of one record while it is parsed.
pub struct Texts<'a> {
    reader: &'a Reader<'a>,
    finder: Finder,
    mentions: Vec<Found>,
}

/// A field of a customer on its way in: its text, the kind that it is meant for, and its pointer.
pub type FieldText = (Option<String>, Kind, &'static str);

/// The same, read.
type KindReading = (FieldReading, Kind, &'static str);

/// The identifier of a kind, from the field that is meant for it if possible.
fn choose<'r, T: Clone + 'r>(
    readings: impl Iterator<Item = &'r KindReading> + Clone,
    kind: Kind,
    identifier: impl Fn(&'r FieldReading) -> Option<&'r T>,
) -> Option<T> {
    let meant = readings.clone().filter(|(_, meant, _)| *meant == kind).find_map(|(reading, ..)| identifier(reading));
    let mut any = readings;
    meant.or_else(|| any.find_map(|(reading, ..)| identifier(reading))).cloned()
}

impl Reader<'_> {
    pub fn customer(&self, channel: Channel, customer: CustomerIn) -> (ParsedCustomer, Vec<&'static str>) {
        let CustomerIn { phone_number, email, name } = customer;
        // A chatter's id is an address, a number, or else kept as the name, in whichever field it came (A18).
        let meant = |kind| if channel == Channel::Chat { Kind::Name } else { kind };
        self.read([
            (phone_number, meant(Kind::Phone), "/customer/phone_number"),
            (email, meant(Kind::Email), "/customer/email"),
            (name, Kind::Name, "/customer/name"),
        ])
    }

    /// Reads the fields of a customer, and gives the pointers to those that say something else or too much. An identifier in
    /// the field that is meant for its kind counts before one in another field. A number of the house is not the customer's.
    pub fn read<const N: usize>(&self, fields: [FieldText; N]) -> (ParsedCustomer, Vec<&'static str>) {
        let read = |(raw, kind, pointer): FieldText| {
            Some((read_field(&raw?, kind, self.region, self.patterns), kind, pointer))
        };
        let readings: Vec<KindReading> = fields.into_iter().filter_map(read).collect();
        let is_customers = |phone: &&Pii<Phone>| !self.house.contains(phone);
        let customer = ParsedCustomer {
            phone: choose(readings.iter(), Kind::Phone, |reading| reading.phone.as_ref().filter(is_customers)),
            email: choose(readings.iter(), Kind::Email, |reading| reading.email.as_ref()),
            // The name's own field is the last one, also of a chatter.
            name: choose(readings.iter().rev(), Kind::Name, |reading| reading.name.as_ref()),
        };
        let is_left_out = |FieldReading { phone, email, name: _, is_ignored }: &FieldReading| {
            *is_ignored || phone.is_some() && *phone != customer.phone || email.is_some() && *email != customer.email
        };
        let ignored = readings.iter().filter(|(reading, ..)| is_left_out(reading));
        let ignored = ignored.map(|(.., pointer)| *pointer).collect();
        (customer, ignored)
    }

    pub fn texts(&self, customer: &ParsedCustomer) -> Texts<'_> {
        let ParsedCustomer { phone, email, name } = customer.clone();
        let finder = Finder::new(self.region, Own { phone, email, name }).with_patterns(self.patterns);
        Texts { reader: self, finder, mentions: Vec::new() }
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
        (customer, ignored): (ParsedCustomer, Vec<&'static str>),
        columns: K,
    ) -> ParsedRecord<K> {
        let is_keyed = is_keyed(&external_id) || self.finder.holds_own(&external_id);
        let own_keyed_id = keyed_id(self.reader.keyset, &external_id);
        let (at, mentions) = (microseconds(at), self.mentions);
        let own = AgedKey::of_keyed(self.reader.keyset, K::TARGET, &own_keyed_id);
        let interaction_keyed_id = columns.interaction_external_id().map(|id| keyed_id(self.reader.keyset, id));
        let linked = interaction_keyed_id.as_ref();
        let linked = linked.map(|id| AgedKey::of_keyed(self.reader.keyset, Target::Archive, id));
        let aged_keys = [own].into_iter().chain(linked).collect();
        ParsedRecord {
            external_id,
            keyed_id: own_keyed_id,
            is_keyed,
            at,
            customer,
            mentions,
            columns,
            interaction_keyed_id,
            ignored,
            aged_keys,
        }
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

/// Whether a stored value is a keyed hash. [`super::expressions::is_keyed`] is the same condition in SQL.
pub(super) fn is_keyed(value: &str) -> bool {
    value.len() == KEYED.len() + 64 && value.starts_with(KEYED)
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
