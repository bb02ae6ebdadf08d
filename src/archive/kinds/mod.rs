//! The kinds of records. A kind is a type: its fields are the columns that the kinds do not share.
//!
//! A file of this folder has the input, the columns, and the output of one kind. A new column is added there and in the
//! migrations. The compiler asks for the places of the file that have to name the column. ARCHITECTURE.md lists the
//! places in other files, such as ageing, deliveries, and the customer's copy.

mod columns;
mod interaction;
mod raw_event;
mod survey_response;

use std::fmt::Debug;

use pii::text::placeholder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use validator::Validate;

use super::model::Record;
use super::parsed::{ParsedRecord, Reader};
use super::render::Renderer;
use crate::base::field::FieldError;
use crate::base::page::weight_of_text;
use crate::base::target::Target;
use crate::store::ReadColumns;

pub use columns::KindColumns;
pub use interaction::{AgedOut, Channel, CustomerIn, Direction, Interaction, InteractionIn, InteractionOut};
pub use raw_event::{RawEvent, RawEventIn, RawEventOut};
pub use survey_response::{SurveyResponse, SurveyResponseIn, SurveyResponseOut};

pub trait RecordKind: KindColumns + ReadColumns + Clone + Debug + Send + Sync + Unpin + 'static {
    /// A record as it is sent.
    type Input: DeserializeOwned + Validate;
    /// A record as it is shown.
    type Output: Serialize + Send + 'static;

    const TARGET: Target;
    const TABLE: &'static str;
    /// Whether the text is JSON.
    const TEXT_IS_JSON: bool;

    /// Checks and tokenizes a record. The errors are all rules that it breaks.
    fn parse(input: Self::Input, reader: &Reader<'_>) -> Result<ParsedRecord<Self>, Vec<FieldError>>;

    fn render(record: Record<Self>, renderer: &Renderer) -> Self::Output;

    /// The external id of the interaction that the record names.
    fn interaction_external_id(&self) -> Option<&str> {
        None
    }

    /// Names the interaction by another external id.
    fn set_interaction_external_id(&mut self, _id: &str) {}

    /// Whether the text has a placeholder.
    fn has_mentions(&self) -> bool {
        self.text().is_some_and(|text| text.contains(placeholder::OPEN))
    }

    /// About how many bytes of JSON the columns are. All but the text are short.
    fn weight(&self) -> usize {
        weight_of_text(self.text())
    }

    /// The text as JSON. It is null if there is none.
    fn value(&self) -> Value {
        value_of::<Self>(self.text())
    }

    /// Replaces the text, except by a value of another shape.
    fn set_value(&mut self, value: Value) {
        match value {
            Value::Null => {}
            value if Self::TEXT_IS_JSON => self.set_text(value.to_string()),
            Value::String(text) => self.set_text(text),
            _ => {}
        }
    }
}

/// A stored text as JSON.
#[must_use]
pub fn value_of<K: RecordKind>(text: Option<&str>) -> Value {
    match text {
        Some(text) if K::TEXT_IS_JSON => serde_json::from_str(text).unwrap_or_default(),
        Some(text) => Value::String(text.to_owned()),
        None => Value::Null,
    }
}

/// The table of a target. All three have the same first columns.
#[must_use]
pub const fn table(target: Target) -> &'static str {
    match target {
        Target::Archive => Interaction::TABLE,
        Target::SmsSurvey => SurveyResponse::TABLE,
        Target::RawData => RawEvent::TABLE,
    }
}

/// The descriptive columns of a target.
#[must_use]
pub const fn descriptive(target: Target) -> &'static [&'static str] {
    match target {
        Target::Archive => Interaction::DESCRIPTIVE,
        Target::SmsSurvey => SurveyResponse::DESCRIPTIVE,
        Target::RawData => RawEvent::DESCRIPTIVE,
    }
}
