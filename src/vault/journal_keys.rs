//! The keys of the erasure journal. One key seals the objects of a tenant. The journal itself contains the wrapped
//! keys. So a vault that was restored from before the creation of the tenant can read the objects.

use super::key_sql::{self, KeyRow};
use super::keyset::{INDEX, JOURNAL, Keysets};
use super::model::VaultError;
use crate::base::clock::Clock;
use crate::base::crypto::Key;
use crate::base::id::TenantId;
use crate::journal::{JournalError, TenantKeys, WrappedKey};
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
                print: print(&self.masters.unwrap(row)?),
                wrapped: row.wrapped.clone(),
            });
        }
        Ok(TenantKeys { tenant, version: row.key_version, key, wrapped })
    }

    /// The keys by which the journal itself opens an object that was sealed under a version, for a vault that lacks them.
    #[must_use]
    pub fn kept_journal_keys(&self, tenant: TenantId, version: i32, kept: &[WrappedKey]) -> Option<TenantKeys> {
        let is_wanted = |key: &&WrappedKey| key.purpose == JOURNAL && key.version == version;
        let key = kept.iter().filter(is_wanted).find_map(|key| self.masters.unwrap(&row(tenant, key.clone())).ok())?;
        Some(TenantKeys { tenant, version, key, wrapped: Vec::new() })
    }

    /// The first of the keys in the journal that was altered, or that the journal lacks although the vault has it. A
    /// restored vault may need each of them. A key is not opened if the process does not have its master key.
    #[must_use]
    pub fn damaged_key(&self, tenant: TenantId, own: Option<&TenantKeys>, kept: &[WrappedKey]) -> Option<JournalError> {
        let own = own.map_or(&[][..], |own| &own.wrapped);
        let is_same = |a: &WrappedKey, b: &WrappedKey| (&a.purpose, a.version) == (&b.purpose, b.version);
        let is_intact = |key: &WrappedKey| {
            let is_own = own.iter().filter(|own| is_same(own, key)).all(|own| own.print == key.print);
            is_own
                && match self.masters.unwrap(&row(tenant, key.clone())) {
                    Ok(clear) => print(&clear) == key.print,
                    Err(error) => matches!(error, VaultError::MasterKeyUnknown(_)),
                }
        };
        if let Some(altered) = kept.iter().find(|key| !is_intact(key)) {
            return Some(damaged(tenant, altered, "it is not the key that was wrapped"));
        }
        let missing = own.iter().find(|own| !kept.iter().any(|key| is_same(own, key)));
        missing.map(|missing| damaged(tenant, missing, "it is missing"))
    }

    /// Adds keys that a restored vault lacks. A key is left out if it cannot be opened.
    pub async fn adopt(&self, vault: &Db<Vault>, tenant: TenantId, keys: Vec<WrappedKey>) -> Result<(), VaultError> {
        let mut tx = vault.write().await?;
        let (mut unknown, mut altered) = (None, None);
        for key in keys {
            let row = row(tenant, key.clone());
            match self.masters.unwrap(&row) {
                Ok(_) => drop(key_sql::insert_key(&mut tx, &row).await?),
                Err(error @ VaultError::MasterKeyUnknown(_)) => unknown = Some(error),
                Err(_) => altered = Some(damaged(tenant, &key, "it is not the key that was wrapped").into()),
            }
        }
        // New keys in the place of those that cannot be read would make the journal unreadable for good.
        let rows = key_sql::keys(&mut tx, tenant).await?;
        let is_missing = |purpose| rows.iter().all(|row| row.purpose != purpose);
        if is_missing(JOURNAL) || is_missing(INDEX) {
            let missing = || JournalError::Damaged(format!("keys/{tenant}"), "it is missing").into();
            return Err(altered.or(unknown).unwrap_or_else(missing));
        }
        tx.commit().await?;
        self.reload(vault, tenant).await.map(drop)
    }
}

/// A key of the journal as the row of the vault that it was.
fn row(tenant: TenantId, key: WrappedKey) -> KeyRow {
    let WrappedKey { purpose, version, master, print: _, wrapped } = key;
    let created_at = Clock::System.now();
    KeyRow { tenant_id: tenant, purpose, key_version: version, master_id: master, wrapped, created_at }
}

fn print(key: &Key) -> [u8; 32] {
    key.hash(&[b"print"]).0
}

fn damaged(tenant: TenantId, key: &WrappedKey, why: &'static str) -> JournalError {
    JournalError::Damaged(format!("keys/{tenant}/{key}"), why)
}

/// Whether the vault has keys of a tenant.
pub async fn has_keys(tx: &mut Tx<Vault>, tenant: TenantId) -> Result<bool, StoreError> {
    Ok(!key_sql::keys(tx, tenant).await?.is_empty())
}
