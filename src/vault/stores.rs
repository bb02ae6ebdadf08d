//! The context of all operations.

use super::Keysets;
use crate::base::clock::Clock;
use crate::base::crypto::Key;
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
    /// The service's own key. It seals cursors, and it hashes idempotency keys.
    pub service_key: Key,
}
