//! The problems of the journal. A change that cannot be journaled is not made.

use super::model::JournalError;
use crate::http::{Code, Problem};

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        let detail = "The erasure journal cannot be written, so nothing was changed. Wait for the seconds that the \
                      header Retry-After names, and send the call again.";
        Self::new(Code::Unavailable).detail(detail).caused_by(error)
    }
}
