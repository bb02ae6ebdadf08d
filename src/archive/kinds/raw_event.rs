//! Raw events: the events behind the statistics.

use chrono::{DateTime, Utc};
use pii::Kind;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use validator::Validate;

use super::columns::columns;
use super::{AgedOut, RecordKind};
use crate::archive::model::Record;
use crate::archive::parsed::{ParsedCustomer, ParsedRecord, Reader, check_attributes, check_time};
use crate::archive::render::Renderer;
use crate::base::field::FieldError;
use crate::base::id::RecordId;
use crate::base::target::Target;

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
    #[schema(value_type = Option<BTreeMap<String, Value>>, additional_properties)]
    pub attributes: Option<Map<String, Value>>,
}

columns! {
    /// The columns of raw events alone.
    RawEvent {
        plain {}
        descriptive { interaction_external_id: Option<String>, event: String }
        text { attributes }
    }
}

/// A raw event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RawEvent, example = json!({
    "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f41", "external_id": "ev-1", "interaction_external_id": "cdr-43678",
    "occurred_at": "2026-07-31T22:10:11Z", "event": "queued", "phone_number": "Anonymized", "email": null,
    "attributes": {"position": 3}, "anonymized": true, "aged": null
}))]
pub struct RawEventOut {
    /// The id of the raw event.
    pub id: RecordId,
    /// The id that the sending system gave the record, or its replacement, as for an interaction.
    #[schema(required)]
    pub external_id: Option<String>,
    /// The external id of the interaction that the event belongs to.
    #[schema(required)]
    pub interaction_external_id: Option<String>,
    /// The time of the event.
    #[serde(serialize_with = "crate::base::clock::serialize")]
    pub occurred_at: DateTime<Utc>,
    /// The name of the event.
    pub event: String,
    /// The customer's number, as the view shows it.
    #[schema(required)]
    pub phone_number: Option<String>,
    /// The customer's address, as the view shows it.
    #[schema(required)]
    pub email: Option<String>,
    /// Further facts about the event.
    #[schema(required, value_type = Option<BTreeMap<String, Value>>, additional_properties)]
    pub attributes: Option<Box<RawValue>>,
    /// Whether any identifier of the record was forgotten.
    pub anonymized: bool,
    /// The precision that an aged record still has. It is null if the record is not aged.
    #[schema(required)]
    pub aged: Option<AgedOut>,
}

impl RecordKind for RawEvent {
    type Input = RawEventIn;
    type Output = RawEventOut;

    const TARGET: Target = Target::RawData;
    const TABLE: &'static str = "raw_events";
    const TEXT_IS_JSON: bool = true;

    fn parse(input: RawEventIn, reader: &Reader<'_>) -> Result<ParsedRecord<Self>, Vec<FieldError>> {
        let RawEventIn {
            external_id,
            interaction_external_id,
            occurred_at,
            event,
            phone_number,
            email: address,
            attributes,
        } = input;
        let mut errors = Vec::new();
        check_time(occurred_at, "/occurred_at", &mut errors);
        check_attributes(attributes.as_ref(), &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let (read, ignored) =
            reader.read([(phone_number, Kind::Phone, "/phone_number"), (address, Kind::Email, "/email")]);
        let customer = ParsedCustomer { name: None, ..read };
        let mut texts = reader.texts(&customer);
        let columns = Self {
            interaction_external_id: interaction_external_id.map(|id| texts.external_id(id)),
            event: texts.word(Some(event)).unwrap_or_default(),
            attributes: texts.attributes(attributes),
        };
        Ok(texts.record(external_id, occurred_at, (customer, ignored), columns))
    }

    fn render(record: Record<Self>, renderer: &Renderer) -> RawEventOut {
        let Record { id, external_id, at, listed_by: _, phone, email, name: _, anonymized, mentions, columns } = record;
        let Self { interaction_external_id, event, attributes } = columns;
        RawEventOut {
            aged: AgedOut::linked(&external_id),
            id: renderer.id(id),
            external_id: renderer.external_id(Some(external_id)),
            interaction_external_id: renderer.external_id(interaction_external_id),
            occurred_at: renderer.time(at),
            event,
            phone_number: renderer.field(phone),
            email: renderer.field(email),
            attributes: renderer.attributes(attributes, &mentions),
            anonymized,
        }
    }

    fn interaction_external_id(&self) -> Option<&str> {
        self.interaction_external_id.as_deref()
    }

    fn set_interaction_external_id(&mut self, id: &str) {
        self.interaction_external_id = Some(id.to_owned());
    }
}
