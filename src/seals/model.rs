//! Seals, and the errors of sealing.

use chrono::{DateTime, Utc};

use super::tree::{Hash, Tree};
use crate::journal::JournalError;
use crate::store::StoreError;
use crate::tenants::TenantError;
use crate::vault::VaultError;

/// The tree after a sealed batch.
#[derive(Clone, Debug)]
pub struct Seal {
    /// The number of the last row of the batch.
    pub seq: i64,
    /// The number of the tree.
    pub origin: i32,
    pub tree: Tree,
    pub root: Hash,
    /// The signed checkpoint, once it is published.
    pub note: Option<String>,
    pub at: DateTime<Utc>,
}

/// The hashes of the leaves of a batch, as its seal has them.
#[derive(Clone, Debug)]
pub struct SealedLeaves {
    pub seq: i64,
    pub note: Option<String>,
    pub leaves: Vec<Hash>,
}

#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A line of an export cannot be written.
    #[error("a line of the export cannot be written")]
    Line(#[from] serde_json::Error),
    /// The journal has another checkpoint under this number.
    #[error("the erasure journal has another checkpoint with the number {0}: the audit log was changed or restored")]
    Forked(i64),
}
