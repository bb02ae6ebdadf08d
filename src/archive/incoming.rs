//! Records on their way in, over any road: what may be sent, and what is kept of it before the vault is asked.

use chrono::{DateTime, Datelike as _, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use validator::Validate;

use crate::base::clock::microseconds;
use crate::base::pii::{Email, PersonName, Phone, Pii, Region, Unidentified};
use crate::base::place::Place;
use crate::base::text::{Finder, Found, Own, tokenize_json, tokenize_text};
use crate::vault::Keyset;

/// Over which channel an interaction came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type, Serialize, Deserialize, ToSchema)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// A phone call.
    Call,
    /// A chat.
    Chat,
    /// An e-mail.
    Email,
    /// A voicemail.
    Voicemail,
    /// A text message.
    Sms,
}

impl Channel {
    /// The channel's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Chat => "chat",
            Self::Email => "email",
            Self::Voicemail => "voicemail",
            Self::Sms => "sms",
        }
    }
}

/// Who began an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type, Serialize, Deserialize, ToSchema)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The customer.
    Inbound,
    /// The contact centre.
    Outbound,
}

impl Direction {
    /// The direction's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// The customer's identifiers, as the telephony system wrote them, in any format.
#[derive(Default, Deserialize, Validate, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CustomerIn {
    /// National in the tenant's region, or international after `00` or `+`.
    #[validate(length(max = 500))]
    pub phone_number: Option<String>,
    /// An e-mail address.
    #[validate(length(max = 500))]
    pub email: Option<String>,
    /// A name.
    #[validate(length(max = 500))]
    pub name: Option<String>,
}

/// An interaction on its way in.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "external_id": "cdr-43678", "channel": "call", "direction": "inbound",
    "started_at": "2026-08-01T00:10:10+02:00", "ended_at": "2026-08-01T00:10:27+02:00",
    "queue": "Private service", "agent_id": "a17", "outcome": "answered",
    "customer": {"phone_number": "0047 912 34 567", "email": null, "name": "Kari Nordmann"},
    "attributes": {"line": "AA0204", "wait_seconds": 17}
}))]
pub struct InteractionIn {
    /// The sending system's id: the same one again replaces the record.
    #[validate(length(min = 1, max = 200))]
    pub external_id: String,
    /// Over which channel it came.
    pub channel: Channel,
    /// Who began it.
    pub direction: Option<Direction>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended; not before it began.
    pub ended_at: Option<DateTime<Utc>>,
    /// The queue it came to.
    #[validate(length(max = 500))]
    pub queue: Option<String>,
    /// Who answered.
    #[validate(length(max = 500))]
    pub agent_id: Option<String>,
    /// How it ended.
    #[validate(length(max = 500))]
    pub outcome: Option<String>,
    /// Whom it was with.
    #[validate(nested)]
    pub customer: Option<CustomerIn>,
    /// What else is known, at most 32 KB and 16 deep. Identifiers in it are tokenized.
    #[schema(value_type = Option<Object>)]
    pub attributes: Option<Map<String, Value>>,
}

/// A survey response on its way in.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "external_id": "sms-17", "interaction_external_id": "cdr-43678", "answered_at": "2026-08-01T09:00:00Z",
    "phone_number": "912 34 567", "score": 9, "comment": "Kari called me back at 912 34 567, thanks"
}))]
pub struct SurveyResponseIn {
    /// The sending system's id.
    #[validate(length(min = 1, max = 200))]
    pub external_id: String,
    /// The interaction it is about.
    #[validate(length(max = 200))]
    pub interaction_external_id: Option<String>,
    /// When it was answered.
    pub answered_at: DateTime<Utc>,
    /// Who answered, in any format.
    #[validate(length(max = 500))]
    pub phone_number: Option<String>,
    /// 0 to 10.
    #[validate(range(min = 0, max = 10))]
    pub score: Option<i16>,
    /// Free text. Identifiers in it are tokenized.
    #[validate(length(max = 10_000))]
    pub comment: Option<String>,
}

/// A raw event on its way in.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "external_id": "ev-1", "interaction_external_id": "cdr-43678", "occurred_at": "2026-08-01T00:10:11+02:00",
    "event": "queued", "phone_number": "004791234567", "email": null, "attributes": {"position": 3}
}))]
pub struct RawEventIn {
    /// The sending system's id.
    #[validate(length(min = 1, max = 200))]
    pub external_id: String,
    /// The interaction it belongs to.
    #[validate(length(max = 200))]
    pub interaction_external_id: Option<String>,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// What happened.
    #[validate(length(min = 1, max = 500))]
    pub event: String,
    /// The customer's number, in any format.
    #[validate(length(max = 500))]
    pub phone_number: Option<String>,
    /// The customer's address.
    #[validate(length(max = 500))]
    pub email: Option<String>,
    /// What else is known, at most 32 KB and 16 deep. Identifiers in it are tokenized.
    #[schema(value_type = Option<Object>)]
    pub attributes: Option<Map<String, Value>>,
}

/// The identifiers of a record's customer.
#[derive(Clone, Default)]
pub struct Customer {
    /// The number.
    pub phone: Option<Pii<Phone>>,
    /// The address.
    pub email: Option<Pii<Email>>,
    /// The name.
    pub name: Option<Pii<PersonName>>,
}

/// The columns that the kinds of records do not share. Texts hold placeholders.
#[derive(Clone, Debug)]
pub enum Columns {
    /// Of an interaction.
    Interaction {
        /// When it ended.
        ended_at: Option<DateTime<Utc>>,
        /// The channel.
        channel: Channel,
        /// Who began it.
        direction: Option<Direction>,
        /// The queue.
        queue: Option<String>,
        /// Who answered.
        agent_id: Option<String>,
        /// How it ended.
        outcome: Option<String>,
        /// JSON text.
        attributes: Option<String>,
    },
    /// Of a survey response.
    SurveyResponse {
        /// The interaction it is about.
        interaction_external_id: Option<String>,
        /// 0 to 10.
        score: Option<i16>,
        /// Free text.
        comment: Option<String>,
    },
    /// Of a raw event.
    RawEvent {
        /// The interaction it belongs to.
        interaction_external_id: Option<String>,
        /// What happened.
        event: String,
        /// JSON text.
        attributes: Option<String>,
    },
}

impl Columns {
    /// Whether a text of it has a placeholder.
    #[must_use]
    pub fn has_mentions(&self) -> bool {
        match self {
            Self::Interaction { attributes: text, .. }
            | Self::SurveyResponse { comment: text, .. }
            | Self::RawEvent { attributes: text, .. } => text.as_ref().is_some_and(|text| text.contains('\u{E000}')),
        }
    }
}

/// A record that was read: everything of it but its identifiers is as it will be stored.
pub struct Draft {
    /// The sending system's id, or its keyed hash where it holds the customer's number or address.
    pub external_id: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Whom it was with.
    pub customer: Customer,
    /// What the placeholders of its texts stand for.
    pub mentions: Vec<Found>,
    /// The rest.
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

/// What one call sends: drafts of itself.
pub trait Incoming: for<'de> Deserialize<'de> + Validate {
    /// Reads the record, or says what is wrong with it.
    fn read(self, reader: &Reader<'_>) -> Result<Draft, Vec<Place>>;
}

impl Incoming for InteractionIn {
    fn read(self, reader: &Reader<'_>) -> Result<Draft, Vec<Place>> {
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
                wrong.push(Place::new("/ended_at", "out_of_range", "must not be before started_at"));
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
        let external_id = texts.external_id(external_id);
        Ok(Draft { external_id, at: microseconds(started_at), customer, mentions: texts.mentions, columns, ignored })
    }
}

impl Incoming for SurveyResponseIn {
    fn read(self, reader: &Reader<'_>) -> Result<Draft, Vec<Place>> {
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
        let external_id = texts.external_id(external_id);
        Ok(Draft { external_id, at: microseconds(answered_at), customer, mentions: texts.mentions, columns, ignored })
    }
}

impl Incoming for RawEventIn {
    fn read(self, reader: &Reader<'_>) -> Result<Draft, Vec<Place>> {
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
        let external_id = texts.external_id(external_id);
        Ok(Draft { external_id, at: microseconds(occurred_at), customer, mentions: texts.mentions, columns, ignored })
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
        let mut ignored = Vec::new();
        let mut read = Customer {
            name: name.and_then(|name| note(PersonName::parse(&name), "/customer/name", &mut ignored)),
            ..Customer::default()
        };
        if channel == Channel::Chat {
            // A chatter's id is an address, a number, or else kept as the name, in whichever field it came (A18).
            for (raw, pointer) in [(phone_number, "/customer/phone_number"), (email, "/customer/email")] {
                if let Some(raw) = raw {
                    self.chatter(&raw, pointer, &mut read, &mut ignored);
                }
            }
        } else {
            read.phone = self.phone(phone_number, "/customer/phone_number", &mut ignored);
            read.email = self.email(email, "/customer/email", &mut ignored);
        }
        (read, ignored)
    }

    fn chatter(&self, raw: &str, pointer: &'static str, read: &mut Customer, ignored: &mut Vec<&'static str>) {
        match (Email::parse(raw), Phone::parse(raw, self.region)) {
            (Err(Unidentified::Withheld), _) => {}
            (Ok(email), _) if read.email.is_none() => read.email = Some(email),
            (_, Ok(phone)) if read.phone.is_none() => read.phone = Some(phone),
            _ if read.name.is_none() => read.name = note(PersonName::parse(raw), pointer, ignored),
            _ => ignored.push(pointer),
        }
    }

    fn texts(&self, customer: &Customer) -> Texts<'_> {
        let Customer { phone, email, name } = customer.clone();
        Texts { reader: self, finder: Finder::new(self.region, Own { phone, email, name }), mentions: Vec::new() }
    }
}

/// The identifier, if it is one; a field that says there is none is no mistake.
fn note<T>(read: Result<T, Unidentified>, pointer: &'static str, ignored: &mut Vec<&'static str>) -> Option<T> {
    match read {
        Ok(identifier) => Some(identifier),
        Err(Unidentified::Withheld) => None,
        Err(Unidentified::Phone | Unidentified::Email | Unidentified::Name) => {
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

    /// A word by which records are grouped. It is no text, but must not smuggle the customer in either.
    fn word(&self, word: Option<String>) -> Option<String> {
        word.map(|word| self.hashed_if_own("word", word))
    }

    fn external_id(&self, id: String) -> String {
        self.hashed_if_own("external_id", id)
    }

    fn hashed_if_own(&self, purpose: &str, text: String) -> String {
        if !self.finder.holds_own(&text) {
            return text;
        }
        let hash = self.reader.keyset.hash(purpose, &text);
        hash.0.iter().fold(String::from("hash-"), |hex, byte| format!("{hex}{byte:02x}"))
    }
}

/// The largest attributes, in bytes of JSON.
const LARGEST_ATTRIBUTES: usize = 32 * 1024;
/// The deepest attributes.
const DEEPEST_ATTRIBUTES: usize = 16;

fn check_time(at: DateTime<Utc>, pointer: &'static str, wrong: &mut Vec<Place>) {
    if !(1970..=9999).contains(&at.year()) {
        wrong.push(Place::new(pointer, "out_of_range", "must lie in the years 1970 to 9999"));
    }
}

fn check_attributes(attributes: Option<&Map<String, Value>>, wrong: &mut Vec<Place>) {
    let Some(attributes) = attributes else { return };
    if attributes.values().any(|value| depth(value) >= DEEPEST_ATTRIBUTES) {
        wrong.push(Place::new("/attributes", "too_long", "must be at most 16 levels deep"));
    } else if serde_json::to_string(attributes).is_ok_and(|text| text.len() > LARGEST_ATTRIBUTES) {
        wrong.push(Place::new("/attributes", "too_long", "must be at most 32 KB of JSON"));
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
