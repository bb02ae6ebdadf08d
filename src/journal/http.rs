//! The problems of the journal. A change that cannot be journaled is not made.

use super::model::JournalError;
use crate::http::{Code, Problem};

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        let detail = if error.is_open() {
            "The erasure journal timed out. The change is made within a few minutes, or never. Wait for some minutes, and \
             read the resource before you send the call again."
        } else {
            "The erasure journal cannot be written, so nothing was changed. Wait for the seconds that the header \
             Retry-After names, and send the call again."
        };
        Self::new(Code::Unavailable).detail(detail).caused_by(error)
    }
}
