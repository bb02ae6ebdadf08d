//! The errors of exports as the API tells them.

use crate::exports::ExportError;
use crate::http::{Code, Problem};

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::NotFound => Self::new(Code::NotFound),
            ExportError::OwnRequest => Self::new(Code::OwnRequest),
            ExportError::Decided => {
                Self::new(Code::StateConflict).detail("The export is not waiting. Read its status.")
            }
            ExportError::NotReady => {
                Self::new(Code::StateConflict).detail("The export is not ready. Another user must approve it first.")
            }
            ExportError::Invalid(places) => Self::invalid(places),
            ExportError::Ended
            | ExportError::Changed
            | ExportError::Interrupted
            | ExportError::Zip(_)
            | ExportError::Spool(_)
            | ExportError::Crypto(_) => Self::internal(error),
            ExportError::Idempotency(error) => error.into(),
            ExportError::Archive(error) => error.into(),
            ExportError::Content(error) => error.into(),
            ExportError::Memory(error) => error.into(),
            ExportError::Tenant(error) => error.into(),
            ExportError::Vault(error) => error.into(),
            ExportError::Store(error) => error.into(),
        }
    }
}
