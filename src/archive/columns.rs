//! The columns in which the kinds of records differ.

use chrono::{DateTime, Utc};
use pii::text::placeholder;
use serde_json::Value;

use super::incoming::{Channel, Direction};
use crate::base::page::weight_of_text;

/// The columns that the kinds of records do not share. Texts hold placeholders.
#[derive(Clone, Debug)]
pub enum Columns {
    Interaction {
        ended_at: Option<DateTime<Utc>>,
        channel: Channel,
        direction: Option<Direction>,
        queue: Option<String>,
        agent_id: Option<String>,
        outcome: Option<String>,
        /// JSON text.
        attributes: Option<String>,
    },
    SurveyResponse {
        interaction_external_id: Option<String>,
        /// 0 to 10.
        score: Option<i16>,
        comment: Option<String>,
    },
    RawEvent {
        interaction_external_id: Option<String>,
        event: String,
        /// JSON text.
        attributes: Option<String>,
    },
}

impl Columns {
    /// The descriptive fields, in the order of [`super::selector::descriptive`].
    pub(super) fn descriptive(&self) -> [Option<&str>; 3] {
        match self {
            Self::Interaction { queue, agent_id, outcome, .. } => {
                [queue.as_deref(), agent_id.as_deref(), outcome.as_deref()]
            }
            Self::SurveyResponse { interaction_external_id, .. } => [interaction_external_id.as_deref(), None, None],
            Self::RawEvent { interaction_external_id, event, .. } => {
                [interaction_external_id.as_deref(), Some(event), None]
            }
        }
    }

    /// The same fields, to be changed.
    pub(super) fn descriptive_mut(&mut self) -> [Option<&mut String>; 3] {
        match self {
            Self::Interaction { queue, agent_id, outcome, .. } => [queue.as_mut(), agent_id.as_mut(), outcome.as_mut()],
            Self::SurveyResponse { interaction_external_id, .. } => [interaction_external_id.as_mut(), None, None],
            Self::RawEvent { interaction_external_id, event, .. } => {
                [interaction_external_id.as_mut(), Some(event), None]
            }
        }
    }

    /// Whether a text of it has a placeholder.
    #[must_use]
    pub fn has_mentions(&self) -> bool {
        self.stored_text().is_some_and(|text| text.contains(placeholder::OPEN))
    }

    /// About how many bytes of JSON they are. All but the text are short.
    #[must_use]
    pub fn weight(&self) -> usize {
        weight_of_text(self.stored_text())
    }

    fn stored_text(&self) -> Option<&str> {
        match self {
            Self::Interaction { attributes: text, .. }
            | Self::SurveyResponse { comment: text, .. }
            | Self::RawEvent { attributes: text, .. } => text.as_deref(),
        }
    }

    /// The text of it, as JSON; null where there is none.
    pub(super) fn text(&self) -> Value {
        match self {
            Self::Interaction { attributes, .. } | Self::RawEvent { attributes, .. } => as_json(attributes.as_deref()),
            Self::SurveyResponse { comment, .. } => comment.clone().map_or(Value::Null, Value::String),
        }
    }

    /// Puts another text in its place.
    pub(super) fn set_text(&mut self, text: Value) {
        match (self, text) {
            (_, Value::Null) => {}
            (Self::Interaction { attributes, .. } | Self::RawEvent { attributes, .. }, text) => {
                *attributes = Some(text.to_string());
            }
            (Self::SurveyResponse { comment, .. }, Value::String(text)) => *comment = Some(text),
            (Self::SurveyResponse { .. }, _) => {}
        }
    }
}

/// Stored attributes as they were written.
pub(super) fn as_json(attributes: Option<&str>) -> Value {
    attributes.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}
