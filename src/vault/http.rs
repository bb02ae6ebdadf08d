//! The problems of the vault. They tell nothing of its keys.

use super::model::VaultError;
use crate::http::Problem;

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Store(error) => error.into(),
            VaultError::Crypto(_)
            | VaultError::Journal(_)
            | VaultError::KeyMissing(_)
            | VaultError::MasterKeyUnknown(_) => Self::internal(error),
        }
    }
}
