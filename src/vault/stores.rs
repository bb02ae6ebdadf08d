//! Both stores, with what it takes to use them.

use super::Keysets;
use crate::base::clock::Clock;
use crate::base::crypto::Key;
use crate::store::{Archive, Db, Vault};

/// Both stores, and the keys and the clock to use them with: what every operation that touches people needs.
#[derive(Debug)]
pub struct AppContext {
    /// The archive.
    pub archive: Db<Archive>,
    /// The vault.
    pub vault: Db<Vault>,
    /// The tenants' keys.
    pub keysets: Keysets,
    /// The time.
    pub clock: Clock,
    /// The service's own key: cursors are sealed with it, idempotency keys hashed.
    pub service_key: Key,
}
