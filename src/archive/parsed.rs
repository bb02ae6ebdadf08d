//! From what was sent to what is kept of it, before the vault is asked.

use chrono::{DateTime, Datelike as _, Utc};
use pii::text::{Finder, Found, Own, tokenize_json, tokenize_text};
use pii::{Email, FieldReading, HouseNumbers, Kind, PersonName, Phone, Pii, Region, read_field};
use serde_json::{Map, Value};

use super::columns::Columns;
use super::incoming::{Channel, CustomerIn, Incoming, InteractionIn, RawEventIn, SurveyResponseIn};
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

/// A record that was read: everything of it but its identifiers is as it will be stored.
pub struct ParsedRecord {
    /// The sending system's id, as it was sent.
    pub external_id: String,
    /// The keyed hash of that id.
    pub keyed_id: String,
    /// Whether the record is stored under the keyed hash, because the id contains the customer's number, address, or name.
    pub is_keyed: bool,
    pub at: DateTime<Utc>,
    pub customer: Customer,
    /// What the placeholders of its texts stand for.
    pub mentions: Vec<Found>,
    pub columns: Columns,
    /// Pointers to customer fields that say something that is not kept.
    pub ignored: Vec<&'static str>,
}

/// Reads the records of one tenant.
pub struct Reader<'a> {
    /// Whose national numbers need no country code.
    pub region: Region,
    /// The tenant's own numbers, which are no customer's.
    pub house: &'a HouseNumbers,
    /// Under whose key external ids are hashed.
    pub keyset: &'a Keyset,
}

/// The texts of one record while it is read.
struct Texts<'a> {
    reader: &'a Reader<'a>,
    finder: Finder,
    mentions: Vec<Found>,
}

impl Incoming for InteractionIn {
    fn read(self, reader: &Reader<'_>) -> Result<ParsedRecord, Vec<FieldError>> {
        let Self {
            external_id,
            channel,
            direction,
            started_at,
            ended_at,
            queue,
            agent_id,
            outcome,
            customer,
            attributes,
        } = self;
        let mut wrong = Vec::new();
        check_time(started_at, "/started_at", &mut wrong);
        if let Some(ended_at) = ended_at {
            check_time(ended_at, "/ended_at", &mut wrong);
            if ended_at < started_at {
                wrong.push(FieldError::at("/ended_at", "out_of_range", "must not be before started_at"));
            }
        }
        check_attributes(attributes.as_ref(), &mut wrong);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let (customer, ignored) = reader.customer(channel, customer.unwrap_or_default());
        let mut texts = reader.texts(&customer);
        let columns = Columns::Interaction {
            ended_at: ended_at.map(microseconds),
            channel,
            direction,
            queue: texts.word(queue),
            agent_id: texts.word(agent_id),
            outcome: texts.word(outcome),
            attributes: texts.attributes(attributes),
        };
        Ok(texts.draft(external_id, started_at, (customer, ignored), columns))
    }
}

impl Incoming for SurveyResponseIn {
    fn read(self, reader: &Reader<'_>) -> Result<ParsedRecord, Vec<FieldError>> {
        let Self { external_id, interaction_external_id, answered_at, phone_number, score, comment } = self;
        let mut wrong = Vec::new();
        check_time(answered_at, "/answered_at", &mut wrong);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let (read, mut ignored) = reader.read([(phone_number, Kind::Phone, "/phone_number")]);
        if read.email.is_some() {
            ignored.push("/phone_number");
        }
        // A survey response has a number and nothing else of its customer.
        let customer = Customer { phone: read.phone, ..Customer::default() };
        let mut texts = reader.texts(&customer);
        let columns = Columns::SurveyResponse {
            interaction_external_id: interaction_external_id.map(|id| texts.external_id(id)),
            score,
            comment: comment.map(|comment| texts.text(&comment)),
        };
        Ok(texts.draft(external_id, answered_at, (customer, ignored), columns))
    }
}

impl Incoming for RawEventIn {
    fn read(self, reader: &Reader<'_>) -> Result<ParsedRecord, Vec<FieldError>> {
        let Self { external_id, interaction_external_id, occurred_at, event, phone_number, email, attributes } = self;
        let mut wrong = Vec::new();
        check_time(occurred_at, "/occurred_at", &mut wrong);
        check_attributes(attributes.as_ref(), &mut wrong);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let (read, ignored) =
            reader.read([(phone_number, Kind::Phone, "/phone_number"), (email, Kind::Email, "/email")]);
        let customer = Customer { name: None, ..read };
        let mut texts = reader.texts(&customer);
        let columns = Columns::RawEvent {
            interaction_external_id: interaction_external_id.map(|id| texts.external_id(id)),
            event: texts.word(Some(event)).unwrap_or_default(),
            attributes: texts.attributes(attributes),
        };
        Ok(texts.draft(external_id, occurred_at, (customer, ignored), columns))
    }
}

/// A field of a customer on its way in: its text, the kind that it is meant for, and its pointer.
type Field = (Option<String>, Kind, &'static str);

/// The same, read.
type Reading = (FieldReading, Kind, &'static str);

/// The identifier of a kind, from the field that is meant for it if possible.
fn choose<'r, T: Clone + 'r>(
    readings: impl Iterator<Item = &'r Reading> + Clone,
    kind: Kind,
    identifier: impl Fn(&'r FieldReading) -> Option<&'r T>,
) -> Option<T> {
    let meant = readings.clone().filter(|(_, meant, _)| *meant == kind).find_map(|(reading, ..)| identifier(reading));
    let mut any = readings;
    meant.or_else(|| any.find_map(|(reading, ..)| identifier(reading))).cloned()
}

impl Reader<'_> {
    fn customer(&self, channel: Channel, customer: CustomerIn) -> (Customer, Vec<&'static str>) {
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
    fn read<const N: usize>(&self, fields: [Field; N]) -> (Customer, Vec<&'static str>) {
        let read = |(raw, kind, pointer): Field| Some((read_field(&raw?, kind, self.region), kind, pointer));
        let readings: Vec<Reading> = fields.into_iter().filter_map(read).collect();
        let is_customers = |phone: &&Pii<Phone>| !self.house.contains(phone);
        let customer = Customer {
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

    fn texts(&self, customer: &Customer) -> Texts<'_> {
        let Customer { phone, email, name } = customer.clone();
        Texts { reader: self, finder: Finder::new(self.region, Own { phone, email, name }), mentions: Vec::new() }
    }
}

impl Texts<'_> {
    fn text(&mut self, text: &str) -> String {
        tokenize_text(&self.finder, text, &mut self.mentions)
    }

    fn attributes(&mut self, attributes: Option<Map<String, Value>>) -> Option<String> {
        attributes.map(|map| tokenize_json(&self.finder, Value::Object(map), &mut self.mentions).to_string())
    }

    /// A word by which records are grouped. It is no text, but must not contain the customer either.
    fn word(&self, word: Option<String>) -> Option<String> {
        word.map(|word| self.keyed_if_own("word", word))
    }

    fn external_id(&self, id: String) -> String {
        self.keyed_if_own("external_id", id)
    }

    fn keyed_if_own(&self, purpose: &str, text: String) -> String {
        if self.finder.holds_own(&text) { keyed(self.reader.keyset, purpose, &text) } else { text }
    }

    fn draft(
        self,
        external_id: String,
        at: DateTime<Utc>,
        (customer, ignored): (Customer, Vec<&'static str>),
        columns: Columns,
    ) -> ParsedRecord {
        let is_keyed = is_keyed(&external_id) || self.finder.holds_own(&external_id);
        let keyed_id = keyed_id(self.reader.keyset, &external_id);
        let (at, mentions) = (microseconds(at), self.mentions);
        ParsedRecord { external_id, keyed_id, is_keyed, at, customer, mentions, columns, ignored }
    }
}

/// The text under which a record is stored whose external id contains its customer's number, address, or name. An id that
/// is such a hash already stays as it is: a caller may send the id that it was shown.
pub(super) fn keyed_id(keyset: &Keyset, id: &str) -> String {
    if is_keyed(id) { id.to_owned() } else { keyed(keyset, "external_id", id) }
}

/// Stands before the hexadecimal digits of a keyed hash.
const KEYED: &str = "hash-";

fn keyed(keyset: &Keyset, purpose: &str, text: &str) -> String {
    format!("{KEYED}{}", hex(&keyset.hash(purpose, text).0))
}

/// Whether a stored value is a keyed hash: [`super::selector::forget_descriptive`] asks the same in a statement.
pub(super) fn is_keyed(value: &str) -> bool {
    value.starts_with(KEYED) && value.chars().count() == KEYED.len() + 64
}

/// The largest attributes, in bytes of JSON.
const LARGEST_ATTRIBUTES: usize = 32 * 1024;
const DEEPEST_ATTRIBUTES: usize = 16;

fn check_time(at: DateTime<Utc>, pointer: &'static str, wrong: &mut Vec<FieldError>) {
    if !(1970..=9999).contains(&at.year()) {
        wrong.push(FieldError::at(pointer, "out_of_range", "must lie in the years 1970 to 9999"));
    }
}

fn check_attributes(attributes: Option<&Map<String, Value>>, wrong: &mut Vec<FieldError>) {
    let Some(attributes) = attributes else { return };
    if attributes.values().any(|value| depth(value) >= DEEPEST_ATTRIBUTES) {
        wrong.push(FieldError::at("/attributes", "too_long", "must be at most 16 levels deep"));
    } else if serde_json::to_string(attributes).is_ok_and(|text| text.len() > LARGEST_ATTRIBUTES) {
        wrong.push(FieldError::at("/attributes", "too_long", "must be at most 32 KB of JSON"));
    }
}

/// How many levels of arrays and objects a value has. The parser's own limit bounds the recursion.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}
