//! The context of all operations.

use std::sync::Arc;

use super::{Keysets, VaultError};
use crate::base::clock::Clock;
use crate::base::crypto::Key;
use crate::base::memory::MemoryBudget;
use crate::journal::Journal;
use crate::store::{Archive, Db, Vault};

/// The two databases, and the keys and the clock to use them with.
#[derive(Debug)]
pub struct AppContext {
    pub archive: Db<Archive>,
    pub vault: Db<Vault>,
    pub keysets: Keysets,
    /// The erasure journal, which outlives a restore of the databases.
    pub journal: Journal,
    pub clock: Clock,
    pub memory: Arc<MemoryBudget>,
}

impl AppContext {
    /// The service's own key. It seals cursors, and it hashes idempotency keys.
    pub async fn service_key(&self) -> Result<Key, VaultError> {
        self.keysets.service_key(&self.vault).await
    }
}
