//! The keys of the erasure journal: the key that seals a tenant's objects, and the wrapped keys in the journal itself, by
//! which a vault that was restored from before the tenant was created can read them.

use super::key_sql::{self, KeyRow};
use super::keyset::{INDEX, JOURNAL, Keysets};
use super::model::VaultError;
use crate::base::clock::Clock;
use crate::base::id::TenantId;
use crate::journal::{TenantKeys, WrappedKey};
use crate::store::{Db, StoreError, Tx, Vault};

impl Keysets {
    /// The keys of the journal among the rows of a tenant.
    pub(super) fn journal_keys(&self, tenant: TenantId, rows: &[KeyRow]) -> Result<TenantKeys, VaultError> {
        let row = rows.iter().find(|row| row.purpose == JOURNAL).ok_or(VaultError::KeyMissing(0))?;
        let (key, mut wrapped) = (self.masters.unwrap(row)?, Vec::new());
        for row in rows.iter().filter(|row| [JOURNAL, INDEX].contains(&row.purpose.as_str())) {
            wrapped.push(WrappedKey {
                purpose: row.purpose.clone(),
                version: row.key_version,
                master: row.master_id.clone(),
                print: self.masters.unwrap(row)?.hash(&[b"print"]).0,
                wrapped: row.wrapped.clone(),
            });
        }
        Ok(TenantKeys { tenant, version: row.key_version, key, wrapped })
    }

    /// The keys by which the journal itself opens an object that was sealed under a version, for a vault that lacks them.
    #[must_use]
    pub fn kept_journal_keys(&self, tenant: TenantId, version: i32, kept: &[WrappedKey]) -> Option<TenantKeys> {
        let is_wanted = |key: &&WrappedKey| key.purpose == JOURNAL && key.version == version;
        let key = kept.iter().filter(is_wanted).find_map(|key| {
            let WrappedKey { purpose, version, master, wrapped, .. } = key.clone();
            let created_at = Clock::System.now();
            let row =
                KeyRow { tenant_id: tenant, purpose, key_version: version, master_id: master, wrapped, created_at };
            self.masters.unwrap(&row).ok()
        })?;
        Some(TenantKeys { tenant, version, key, wrapped: Vec::new() })
    }

    /// Adds keys that a restored vault lacks. A key is left out if the process does not have its master key.
    pub async fn adopt(&self, vault: &Db<Vault>, tenant: TenantId, keys: Vec<WrappedKey>) -> Result<(), VaultError> {
        let mut tx = vault.write().await?;
        let mut unknown = None;
        for WrappedKey { purpose, version, master, print: _, wrapped } in keys {
            let created_at = Clock::System.now();
            let row =
                KeyRow { tenant_id: tenant, purpose, key_version: version, master_id: master, wrapped, created_at };
            if self.masters.unwrap(&row).is_ok() {
                key_sql::insert_key(&mut tx, &row).await?;
            } else {
                unknown = Some(row.master_id);
            }
        }
        // New keys in the place of those that cannot be read would make the journal unreadable for good.
        let rows = key_sql::keys(&mut tx, tenant).await?;
        if let Some(master) = unknown.filter(|_| rows.iter().all(|row| row.purpose != JOURNAL)) {
            return Err(VaultError::MasterKeyUnknown(master));
        }
        tx.commit().await?;
        self.reload(vault, tenant).await.map(drop)
    }
}

/// Whether the vault has keys of a tenant.
pub async fn has_keys(tx: &mut Tx<Vault>, tenant: TenantId) -> Result<bool, StoreError> {
    Ok(!key_sql::keys(tx, tenant).await?.is_empty())
}
