//! Records on their way in, over any road: what may be sent.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use validator::Validate;

use super::parsed::{ParsedRecord, Reader};
use crate::base::field::FieldError;

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
    #[must_use]
    pub const fn as_str(self) -> &'static str {
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

/// What one call sends: drafts of itself.
pub trait Incoming: for<'de> Deserialize<'de> + Validate + 'static {
    /// Reads the record, or says what is wrong with it.
    fn read(self, reader: &Reader<'_>) -> Result<ParsedRecord, Vec<FieldError>>;
}
