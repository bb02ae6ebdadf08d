//! The items of a check, and its errors.

use chrono::{DateTime, Utc};
use pii::Identifier;

use crate::store::StoreError;
use crate::vault::VaultError;

/// The most items that a subject may check on a local day.
pub const MOST_ITEMS_PER_DAY: i64 = 100_000;

/// The identifiers of a field as the ingest reads it, and the time of the data.
#[derive(Debug)]
pub struct CheckedItem {
    pub identifiers: Vec<Identifier>,
    pub at: DateTime<Utc>,
}

#[derive(Debug, thiserror::Error)]
pub enum SuppressionError {
    #[error("the subject has checked as many items as a day allows")]
    UsedUp {
        /// The seconds until the next day.
        wait: u64,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
}
