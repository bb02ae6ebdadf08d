//! Survey responses: answers to questionnaires by text message.

use chrono::{DateTime, Utc};
use pii::Kind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::columns::columns;
use super::{AgedOut, RecordKind};
use crate::archive::model::Record;
use crate::archive::parsed::{ParsedCustomer, ParsedRecord, Reader, check_time};
use crate::archive::render::Renderer;
use crate::base::field::FieldError;
use crate::base::id::RecordId;
use crate::base::target::Target;

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

columns! {
    /// The columns of survey responses alone.
    SurveyResponse {
        plain { score: Option<i16> }
        descriptive { interaction_external_id: Option<String> }
        text { comment }
    }
}

/// A survey response.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SurveyResponse, example = json!({
    "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f31", "external_id": "sms-17", "interaction_external_id": "cdr-43678",
    "answered_at": "2026-08-01T09:00:00Z", "phone_number": "phone_2CMSVFGGZ38DN8XTVCWTPVPBXR", "score": 9,
    "comment": "Kari called me back at phone_2CMSVFGGZ38DN8XTVCWTPVPBXR, thanks", "anonymized": false, "aged": null
}))]
pub struct SurveyResponseOut {
    /// The id of the survey response.
    pub id: RecordId,
    /// The id that the sending system gave the record, or its replacement, as for an interaction.
    #[schema(required)]
    pub external_id: Option<String>,
    /// The external id of the interaction that the survey response is about.
    #[schema(required)]
    pub interaction_external_id: Option<String>,
    /// The time of the answer.
    #[serde(serialize_with = "crate::base::clock::serialize")]
    pub answered_at: DateTime<Utc>,
    /// The customer's number, as the view shows it.
    #[schema(required)]
    pub phone_number: Option<String>,
    /// The score, 0 to 10.
    #[schema(required)]
    pub score: Option<i16>,
    /// Free text, with identifiers as the view shows them.
    #[schema(required)]
    pub comment: Option<String>,
    /// Whether any identifier of the record was forgotten.
    pub anonymized: bool,
    /// The precision that an aged record still has. It is null if the record is not aged.
    #[schema(required)]
    pub aged: Option<AgedOut>,
}

impl RecordKind for SurveyResponse {
    type Input = SurveyResponseIn;
    type Output = SurveyResponseOut;

    const TARGET: Target = Target::SmsSurvey;
    const TABLE: &'static str = "survey_responses";
    const TEXT_IS_JSON: bool = false;

    fn parse(input: SurveyResponseIn, reader: &Reader<'_>) -> Result<ParsedRecord<Self>, Vec<FieldError>> {
        let SurveyResponseIn { external_id, interaction_external_id, answered_at, phone_number, score, comment } =
            input;
        let mut errors = Vec::new();
        check_time(answered_at, "/answered_at", &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let (read, mut ignored) = reader.read([(phone_number, Kind::Phone, "/phone_number")]);
        if read.email.is_some() {
            ignored.push("/phone_number");
        }
        // A survey response has a number and nothing else of its customer.
        let customer = ParsedCustomer { phone: read.phone, ..ParsedCustomer::default() };
        let mut texts = reader.texts(&customer);
        let columns = Self {
            interaction_external_id: interaction_external_id.map(|id| texts.external_id(id)),
            score,
            comment: comment.map(|comment| texts.text(&comment)),
        };
        Ok(texts.record(external_id, answered_at, (customer, ignored), columns))
    }

    fn render(record: Record<Self>, renderer: &Renderer) -> SurveyResponseOut {
        let Record { id, external_id, at, listed_by: _, phone, email: _, name: _, anonymized, mentions, columns } =
            record;
        let Self { interaction_external_id, score, comment } = columns;
        SurveyResponseOut {
            aged: AgedOut::linked(&external_id),
            id: renderer.id(id),
            external_id: renderer.external_id(Some(external_id)),
            interaction_external_id: renderer.external_id(interaction_external_id),
            answered_at: renderer.time(at),
            phone_number: renderer.field(phone),
            score,
            comment: renderer.text(comment.as_deref(), &mentions),
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
