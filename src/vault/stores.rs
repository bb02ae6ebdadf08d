//! The context of all operations.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Keysets, VaultError};
use crate::base::actor::Actor;
use crate::base::clock::Clock;
use crate::base::crypto::Key;
use crate::base::memory::MemoryBudget;
use crate::idempotency::{self, Call, IdempotencyError, IdempotencyKey, Reservation};
use crate::journal::Journal;
use crate::store::{Archive, Db, Vault};
use crate::tenants::HidingRule;

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
    /// The rules that hide customers. Their rooms are above those that read records.
    pub hiding: &'static [HidingRule],
}

impl AppContext {
    /// The service's own key. It seals cursors, and it hashes idempotency keys.
    pub async fn service_key(&self) -> Result<Key, VaultError> {
        self.keysets.service_key(&self.vault).await
    }

    /// Does the work of a call, unless an earlier call of the caller with the same key and body has done it. See
    /// [`idempotency::call`].
    pub async fn call_once<T, O: DeserializeOwned, E: From<IdempotencyError> + From<VaultError>>(
        &self,
        actor: &Actor,
        route: &str,
        (key, body): (Option<&str>, &impl Serialize),
        work: impl AsyncFnOnce(Option<&Reservation>) -> Result<T, E>,
    ) -> Result<Call<T, O>, E> {
        let key = match key {
            None => None,
            Some(key) => {
                let key = IdempotencyKey::new(&self.service_key().await?, actor, route, key, body);
                Some(key.map_err(IdempotencyError::from)?)
            }
        };
        idempotency::call(&self.archive, key, self.clock.now(), work).await
    }
}
