//! The archive's endpoints: ingest, and searches in three views.

mod ingest;
mod linkability;
mod lookup;
mod query;
mod search;

use super::model::ArchiveError;
use crate::http::{Problem, Registry};

pub use search::view_of;

pub fn routes(registry: &mut Registry<'_, '_>) {
    registry
        .service(ingest::ingest_interactions)
        .service(ingest::ingest_survey_responses)
        .service(ingest::ingest_raw_events)
        .service(lookup::look_up_interactions)
        .service(search::search_interactions)
        .service(search::get_interaction)
        .service(search::search_survey_responses)
        .service(search::search_raw_events)
        .service(linkability::report_linkability);
}

impl From<ArchiveError> for Problem {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Memory(error) => error.into(),
            ArchiveError::Store(error) => error.into(),
            ArchiveError::Vault(error) => error.into(),
        }
    }
}
