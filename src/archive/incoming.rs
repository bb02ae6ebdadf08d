//! Records on their way in, over any road: what may be sent.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use validator::Validate;

use super::parsed::{ParsedRecord, Reader};
use crate::base::field::FieldError;

/// The channel of an interaction.
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
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Chat => "chat",
            Self::Email => "email",
            Self::Voicemail => "voicemail",
            Self::Sms => "sms",
        }
    }
}

/// The side that began an interaction.
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
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// The customer's identifiers in any format, as the telephony system wrote them.
#[derive(Default, Deserialize, Validate, ToSchema)]
#[serde(default, deny_unknown_fields)]
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
    #[schema(value_type = Option<Object>)]
    pub attributes: Option<Map<String, Value>>,
}

/// A survey response to store.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "external_id": "sms-17", "interaction_external_id": "cdr-43678", "answered_at": "2026-08-01T09:00:00Z",
    "phone_number": "912 34 567", "score": 9, "comment": "Kari called me back at 912 34 567, thanks"
}))]
pub struct SurveyResponseIn {
    /// The id that the sending system gave the record.
    #[validate(length(min = 1, max = 200))]
    pub external_id: String,
    /// The external id of the interaction that the survey response is about.
    #[validate(length(max = 200))]
    pub interaction_external_id: Option<String>,
    /// The time of the answer.
    pub answered_at: DateTime<Utc>,
    /// The customer's number, in any format.
    #[validate(length(max = 500))]
    pub phone_number: Option<String>,
    /// The score, 0 to 10.
    #[validate(range(min = 0, max = 10))]
    pub score: Option<i16>,
    /// Free text. Identifiers in it are tokenized.
    #[validate(length(max = 10_000))]
    pub comment: Option<String>,
}

/// A raw event to store.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "external_id": "ev-1", "interaction_external_id": "cdr-43678", "occurred_at": "2026-08-01T00:10:11+02:00",
    "event": "queued", "phone_number": "004791234567", "email": null, "attributes": {"position": 3}
}))]
pub struct RawEventIn {
    /// The id that the sending system gave the record.
    #[validate(length(min = 1, max = 200))]
    pub external_id: String,
    /// The external id of the interaction that the event belongs to.
    #[validate(length(max = 200))]
    pub interaction_external_id: Option<String>,
    /// The time of the event.
    pub occurred_at: DateTime<Utc>,
    /// The name of the event.
    #[validate(length(min = 1, max = 500))]
    pub event: String,
    /// The customer's number, in any format.
    #[validate(length(max = 500))]
    pub phone_number: Option<String>,
    /// The customer's address.
    #[validate(length(max = 500))]
    pub email: Option<String>,
    /// Further facts about the event: at most 32 KB, and 16 levels deep. Identifiers in them are tokenized.
    #[schema(value_type = Option<Object>)]
    pub attributes: Option<Map<String, Value>>,
}

/// What one call sends: drafts of itself.
pub trait Incoming: for<'de> Deserialize<'de> + Validate + 'static {
    /// Reads the record, or says what is wrong with it.
    fn read(self, reader: &Reader<'_>) -> Result<ParsedRecord, Vec<FieldError>>;
}
