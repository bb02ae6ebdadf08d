//! Both stores, with what it takes to use them.

use super::Keysets;
use crate::base::clock::Clock;
use crate::base::crypto::Key;
use crate::store::{Archive, Db, Vault};

/// Both stores, and the keys and the clock to use them with: what every operation that touches people needs.
#[derive(Debug)]
pub struct AppContext {
    pub archive: Db<Archive>,
    pub vault: Db<Vault>,
    pub keysets: Keysets,
    pub clock: Clock,
    /// The service's own key: cursors are sealed with it, idempotency keys hashed.
    pub service_key: Key,
}
