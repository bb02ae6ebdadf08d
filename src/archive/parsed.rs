//! From what was sent to what is kept of it, before the vault is asked.

use chrono::{DateTime, Datelike as _, Utc};
use pii::text::{Find, Finder, Found, Own, tokenize_json, tokenize_text};
use pii::{Email, IdentifierError, PersonName, Phone, Pii, Region};
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
    /// Pointers to customer fields that are no identifiers: the record is kept without them.
    pub ignored: Vec<&'static str>,
}

/// Reads the records of one tenant.
pub struct Reader<'a> {
    /// Whose national numbers need no country code.
    pub region: Region,
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
        let mut ignored = Vec::new();
        let customer =
            Customer { phone: reader.phone(phone_number, "/phone_number", &mut ignored), ..Customer::default() };
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
        let mut ignored = Vec::new();
        let customer = Customer {
            phone: reader.phone(phone_number, "/phone_number", &mut ignored),
            email: reader.email(email, "/email", &mut ignored),
            name: None,
        };
        let mut texts = reader.texts(&customer);
        let columns = Columns::RawEvent {
            interaction_external_id: interaction_external_id.map(|id| texts.external_id(id)),
            event: texts.word(Some(event)).unwrap_or_default(),
            attributes: texts.attributes(attributes),
        };
        Ok(texts.draft(external_id, occurred_at, (customer, ignored), columns))
    }
}

impl Reader<'_> {
    fn phone(&self, raw: Option<String>, pointer: &'static str, ignored: &mut Vec<&'static str>) -> Option<Pii<Phone>> {
        note(Phone::parse(&raw?, self.region), pointer, ignored)
    }

    #[expect(clippy::unused_self, reason = "reads like its neighbours")]
    fn email(&self, raw: Option<String>, pointer: &'static str, ignored: &mut Vec<&'static str>) -> Option<Pii<Email>> {
        note(Email::parse(&raw?), pointer, ignored)
    }

    fn customer(&self, channel: Channel, customer: CustomerIn) -> (Customer, Vec<&'static str>) {
        let CustomerIn { phone_number, email, name } = customer;
        let (mut read, mut ignored) = (Customer::default(), Vec::new());
        if channel == Channel::Chat {
            // A chatter's id is an address, a number, or else kept as the name, in whichever field it came (A18).
            for (raw, pointer) in [(phone_number, "/customer/phone_number"), (email, "/customer/email")] {
                if let Some(raw) = raw {
                    self.named(&raw, pointer, &mut read, &mut ignored);
                }
            }
        } else {
            read.phone = self.phone(phone_number, "/customer/phone_number", &mut ignored);
            read.email = self.email(email, "/customer/email", &mut ignored);
        }
        if let Some(name) = name {
            self.named(&name, "/customer/name", &mut read, &mut ignored);
        }
        (read, ignored)
    }

    /// Reads what should be a name. Numbers and addresses in it go to the customer's own fields, where they are found and
    /// forgotten; one too many of a kind is left out with a warning, never kept as a name, and so is what is suppressed.
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

    fn texts(&self, customer: &Customer) -> Texts<'_> {
        let Customer { phone, email, name } = customer.clone();
        Texts { reader: self, finder: Finder::new(self.region, Own { phone, email, name }), mentions: Vec::new() }
    }
}

/// The identifier, if it is one; a field that says there is none is no mistake.
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
