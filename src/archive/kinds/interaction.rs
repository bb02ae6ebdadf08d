//! Interactions: calls, chats, e-mails, voicemails, and text messages.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use validator::Validate;

use super::RecordKind;
use super::columns::columns;
use crate::archive::ageing::{DURATIONS, Grain, is_aged_id};
use crate::archive::model::Record;
use crate::archive::parsed::{ParsedRecord, Reader, check_attributes, check_time};
use crate::archive::render::Renderer;
use crate::base::clock::microseconds;
use crate::base::field::FieldError;
use crate::base::id::RecordId;
use crate::base::target::Target;
use crate::base::words::words;

words! {
    stored
    /// The channel of an interaction.
    #[derive(ToSchema)]
    pub enum Channel {
        /// A phone call.
        Call = "call",
        /// A chat.
        Chat = "chat",
        /// An e-mail.
        Email = "email",
        /// A voicemail.
        Voicemail = "voicemail",
        /// A text message.
        Sms = "sms",
    }
}

words! {
    stored
    /// The side that began an interaction.
    #[derive(ToSchema)]
    pub enum Direction {
        /// The customer.
        Inbound = "inbound",
        /// The contact centre.
        Outbound = "outbound",
    }
}

/// The customer's identifiers in any format, as the telephony system wrote them.
#[derive(Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerIn {
    /// The customer's number: national in the tenant's region, or international after `00` or `+`.
    #[validate(length(max = 500))]
    pub phone_number: Option<String>,
    /// The customer's e-mail address.
    #[validate(length(max = 500))]
    pub email: Option<String>,
    /// The customer's name.
    #[validate(length(max = 500))]
    pub name: Option<String>,
}

/// An interaction to store.
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
    /// The id that the sending system gave the record. A record with a known id replaces the stored one.
    #[validate(length(min = 1, max = 200))]
    pub external_id: String,
    /// The channel of the interaction.
    pub channel: Channel,
    /// The side that began the interaction.
    pub direction: Option<Direction>,
    /// The time at which the interaction began.
    pub started_at: DateTime<Utc>,
    /// The time at which the interaction ended. It is not before `started_at`.
    pub ended_at: Option<DateTime<Utc>>,
    /// The queue of the interaction.
    #[validate(length(max = 500))]
    pub queue: Option<String>,
    /// The agent of the interaction.
    #[validate(length(max = 500))]
    pub agent_id: Option<String>,
    /// The way the interaction ended.
    #[validate(length(max = 500))]
    pub outcome: Option<String>,
    /// The customer of the interaction.
    #[validate(nested)]
    pub customer: Option<CustomerIn>,
    /// Further facts about the interaction: at most 32 KB, and 16 levels deep. Identifiers in them are tokenized.
    #[schema(value_type = Option<BTreeMap<String, Value>>, additional_properties)]
    pub attributes: Option<Map<String, Value>>,
}

columns! {
    /// The columns of interactions alone.
    Interaction {
        plain {
            ended_at: Option<DateTime<Utc>>,
            channel: Channel,
            direction: Option<Direction>,
            /// The precision of the time of an aged interaction.
            aged: Option<Grain>,
            /// The least seconds of the duration of an aged interaction.
            duration_s: Option<i32>,
        }
        descriptive { queue: Option<String>, agent_id: Option<String>, outcome: Option<String> }
        text { attributes }
    }
}

/// The customer of an interaction. The view decides whether a field is the identifier, its token, or `Anonymized`. A
/// field is null if there never was an identifier.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerOut {
    /// The customer's number.
    #[schema(required, example = "phone_2CMSVFGGZ38DN8XTVCWTPVPBXR")]
    pub phone_number: Option<String>,
    /// The customer's address.
    #[schema(required, example = "Anonymized")]
    pub email: Option<String>,
    /// The customer's name.
    #[schema(required)]
    pub name: Option<String>,
}

/// An interaction.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Interaction, example = json!({
    "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11", "external_id": "cdr-43678", "channel": "call", "direction": "inbound",
    "started_at": "2026-07-31T22:10:10Z", "ended_at": "2026-07-31T22:10:27Z", "queue": "Private service",
    "agent_id": "a17", "outcome": "answered",
    "customer": {"phone_number": "phone_2CMSVFGGZ38DN8XTVCWTPVPBXR", "email": null, "name": null},
    "attributes": {"line": "AA0204", "wait_seconds": 17}, "anonymized": false, "aged": null
}))]
pub struct InteractionOut {
    /// The id of the interaction.
    pub id: RecordId,
    /// The id that the sending system gave the record. If that id contained the customer's number, address, or name,
    /// this is a keyed hash, and `Anonymized` after the customer is forgotten.
    /// It is null for a recipient that does not see external ids.
    #[schema(required, example = "cdr-43678")]
    pub external_id: Option<String>,
    /// The channel of the interaction.
    pub channel: Channel,
    /// The side that began the interaction.
    #[schema(required)]
    pub direction: Option<Direction>,
    /// The time at which the interaction began.
    #[serde(serialize_with = "crate::base::clock::serialize")]
    pub started_at: DateTime<Utc>,
    /// The time at which the interaction ended.
    #[schema(required)]
    #[serde(serialize_with = "crate::base::clock::serialize")]
    pub ended_at: Option<DateTime<Utc>>,
    /// The queue of the interaction.
    #[schema(required)]
    pub queue: Option<String>,
    /// The agent of the interaction.
    #[schema(required)]
    pub agent_id: Option<String>,
    /// The way the interaction ended.
    #[schema(required)]
    pub outcome: Option<String>,
    /// The customer of the interaction.
    pub customer: CustomerOut,
    /// Further facts about the interaction.
    #[schema(required, value_type = Option<BTreeMap<String, Value>>, additional_properties)]
    pub attributes: Option<Box<RawValue>>,
    /// Whether any identifier of the record was forgotten.
    pub anonymized: bool,
    /// The precision that an aged interaction still has. It is null if the interaction is not aged.
    #[schema(required)]
    pub aged: Option<AgedOut>,
}

/// The precision that an aged record still has.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Aged, example = json!({"time": "hour", "duration_seconds": {"from": 60, "to": 120}}))]
pub struct AgedOut {
    /// The precision of the time. The time of the record is the beginning of its hour, day, or month in the tenant's
    /// time zone.
    pub time: Grain,
    /// The range of the duration. It is null if the duration is not kept.
    #[schema(required)]
    pub duration_seconds: Option<DurationRange>,
}

/// A range of durations in seconds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"from": 60, "to": 120}))]
pub struct DurationRange {
    /// The least number of seconds, included.
    #[schema(example = 60)]
    pub from: i32,
    /// The end of the range, excluded. It is null for the longest durations.
    #[schema(required, example = 120)]
    pub to: Option<i32>,
}

impl AgedOut {
    /// The precision of a record, if it is aged.
    #[must_use]
    pub fn of(aged: Option<Grain>, duration_s: Option<i32>) -> Option<Self> {
        let end = |from: i32| DURATIONS.iter().copied().find(|bound| *bound > from);
        let duration_seconds = duration_s.map(|from| DurationRange { from, to: end(from) });
        aged.map(|time| Self { time, duration_seconds })
    }

    /// The precision of a survey response or a raw event, which ages with its interaction, and to the month.
    #[must_use]
    pub fn linked(external_id: &str) -> Option<Self> {
        Self::of(is_aged_id(external_id).then_some(Grain::Month), None)
    }
}

impl RecordKind for Interaction {
    type Input = InteractionIn;
    type Output = InteractionOut;

    const TARGET: Target = Target::Archive;
    const TABLE: &'static str = "interactions";
    const TEXT_IS_JSON: bool = true;

    fn parse(input: InteractionIn, reader: &Reader<'_>) -> Result<ParsedRecord<Self>, Vec<FieldError>> {
        let InteractionIn {
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
        } = input;
        let mut errors = Vec::new();
        check_time(started_at, "/started_at", &mut errors);
        if let Some(ended_at) = ended_at {
            check_time(ended_at, "/ended_at", &mut errors);
            if ended_at < started_at {
                errors.push(FieldError::at("/ended_at", "out_of_range", "must not be before started_at"));
            }
        }
        check_attributes(attributes.as_ref(), &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let (customer, ignored) = reader.customer(channel, customer.unwrap_or_default());
        let mut texts = reader.texts(&customer);
        let columns = Self {
            ended_at: ended_at.map(microseconds),
            channel,
            direction,
            queue: texts.word(queue),
            agent_id: texts.word(agent_id),
            outcome: texts.word(outcome),
            attributes: texts.attributes(attributes),
            aged: None,
            duration_s: None,
        };
        Ok(texts.record(external_id, started_at, (customer, ignored), columns))
    }

    fn render(record: Record<Self>, renderer: &Renderer) -> InteractionOut {
        let Record { id, external_id, at, listed_by: _, phone, email, name, anonymized, mentions, columns } = record;
        let Self { ended_at, channel, direction, queue, agent_id, outcome, attributes, aged, duration_s } = columns;
        InteractionOut {
            id: renderer.id(id),
            external_id: renderer.external_id(Some(external_id)),
            channel,
            direction,
            started_at: renderer.time(at),
            ended_at: ended_at.map(|at| renderer.time(at)),
            queue,
            agent_id,
            outcome,
            customer: CustomerOut {
                phone_number: renderer.field(phone),
                email: renderer.field(email),
                name: renderer.field(name),
            },
            attributes: renderer.attributes(attributes, &mentions),
            anonymized,
            aged: AgedOut::of(aged, duration_s),
        }
    }
}
