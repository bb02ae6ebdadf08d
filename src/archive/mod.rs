//! The archive: interactions, survey responses, and raw events, without any identifier in them.

pub mod ageing;
mod arrival;
mod copy;
pub mod counting;
pub mod customer;
mod existing;
mod export;
mod expressions;
pub mod held;
pub mod hidden;
pub mod http;
mod ingest;
pub mod intake;
pub mod kinds;
pub mod linkability;
mod listing;
pub mod mentions;
mod model;
mod naming;
mod parsed;
mod render;
pub mod rescan;
mod search;
pub mod selector;
mod sql;
pub mod unlink;

use crate::store::Reference;

pub use copy::CustomerRecords;
pub use export::{ExportView, export};
pub use kinds::{Channel, Direction, Interaction, RawEvent, RecordKind, SurveyResponse, table};
pub use listing::MOST_READ;
pub use model::{ArchiveError, CustomerField, Record, Search, View, forgotten};
pub(crate) use render::{Renderer, identifiers};
pub use search::{find, interactions_of, plan, search};
pub use selector::{Hits, preview};

/// The columns that contain ids of identifiers.
pub const REFERENCES: [Reference; 11] = [
    Reference::new("interactions", "phone_id"),
    Reference::new("interactions", "email_id"),
    Reference::new("interactions", "name_id"),
    Reference::new("survey_responses", "phone_id"),
    Reference::new("survey_responses", "email_id"),
    Reference::new("survey_responses", "name_id"),
    Reference::new("raw_events", "phone_id"),
    Reference::new("raw_events", "email_id"),
    Reference::new("raw_events", "name_id"),
    Reference::new("mentions", "identifier_id"),
    Reference::new("rescans", "identifier_id"),
];
