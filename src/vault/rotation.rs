//! The rotation of keys (D10). No identifier changes its id, and so no token changes.
//!
//! A new master key wraps the keys of the vault again. A new version of a tenant's key seals what comes in, and the
//! nightly job seals the older values again. The key under which values are found is not rotated.

use chrono::{DateTime, Utc};

use super::key_sql;
use super::keyset::{Keyset, Keysets, SEAL};
use super::model::VaultError;
use super::sql;
use crate::base::id::{Generation, IdentifierId, TenantId};
use crate::store::{Db, Tx, Vault};

/// How many keys one transaction wraps again.
const BATCH: usize = 500;

/// A key of the vault. The key itself is not part of it.
#[derive(Clone, Debug)]
pub struct KeyStatus {
    /// The nil id for a key of the service itself.
    pub tenant: TenantId,
    /// `seal`, `index`, `journal`, `service`, or the purpose of a key that signs or of a recipient.
    pub purpose: String,
    pub version: i32,
    /// The id of the master key that has wrapped it.
    pub master_id: String,
    pub created_at: DateTime<Utc>,
}

/// All keys of the vault.
pub async fn keys(tx: &mut Tx<Vault>) -> Result<Vec<KeyStatus>, VaultError> {
    let status = |row: key_sql::KeyRow| KeyStatus {
        tenant: row.tenant_id,
        purpose: row.purpose,
        version: row.key_version,
        master_id: row.master_id,
        created_at: row.created_at,
    };
    Ok(key_sql::all_keys(tx).await?.into_iter().map(status).collect())
}

/// Keys of the vault that the current master key wraps, and whose rows still have them wrapped by another one.
pub struct Rewrapped {
    rows: Vec<(key_sql::KeyRow, Vec<u8>)>,
    /// The id of the current master key.
    master: String,
}

/// Wraps all keys by the current master key, and stores nothing yet.
pub async fn rewrap(vault: &Db<Vault>, keysets: &Keysets) -> Result<Rewrapped, VaultError> {
    let (masters, mut rows) = (&keysets.masters, Vec::new());
    let master = masters.current().id().to_owned();
    for row in key_sql::all_keys(&mut vault.read().await?).await? {
        if row.master_id != master {
            let again = masters.wrap((row.tenant_id, &row.purpose, row.key_version), &masters.unwrap(&row)?)?;
            rows.push((row, again));
        }
    }
    Ok(Rewrapped { rows, master })
}

impl Rewrapped {
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Stores the keys, and returns how many were wrapped by another master key. If it is interrupted, the next rotation
    /// stores the rest.
    pub async fn store(self, vault: &Db<Vault>) -> Result<u64, VaultError> {
        let mut stored = 0;
        for batch in self.rows.chunks(BATCH) {
            let mut tx = vault.write().await?;
            for (row, again) in batch {
                stored += key_sql::rewrap_key(&mut tx, row, &self.master, again).await?;
            }
            tx.commit().await?;
        }
        Ok(stored)
    }
}

/// The number of the next version of the key that seals the values of a tenant.
pub async fn next_version(vault: &Db<Vault>, keysets: &Keysets, tenant: TenantId) -> Result<i32, VaultError> {
    Ok(keysets.reload(vault, tenant).await?.newest()?.0 + 1)
}

/// Makes a version of the key that seals the values of a tenant. If two processes do this at once, one key is made.
pub async fn rotate(vault: &Db<Vault>, keysets: &Keysets, tenant: TenantId, version: i32) -> Result<(), VaultError> {
    let mut tx = vault.write().await?;
    keysets.insert(&mut tx, tenant, SEAL, version).await?;
    tx.commit().await?;
    keysets.reload(vault, tenant).await.map(drop)
}

/// Whether the tenant has an older version of its key, so that values may have to be sealed again.
pub async fn has_older_key(tx: &mut Tx<Vault>, tenant: TenantId) -> Result<bool, VaultError> {
    Ok(key_sql::keys(tx, tenant).await?.iter().filter(|row| row.purpose == SEAL).count() > 1)
}

/// Seals the next identifiers after one under the newest key. Returns the last of them, and how many were sealed again.
/// An unreadable value stays as it is.
pub async fn reseal_identifiers(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    after: IdentifierId,
    limit: u32,
) -> Result<(Option<IdentifierId>, u64), VaultError> {
    let (newest, _) = keyset.newest()?;
    let rows = key_sql::identifiers_after(tx, keyset.tenant, after, limit).await?;
    let last = rows.last().map(|row| row.id);
    let older = rows.iter().filter(|row| row.key_version < newest);
    // A reserved identifier has no value, and must not keep an older key.
    let reseal = |row: &sql::IdentifierRow| if row.sealed.is_empty() { Ok(Vec::new()) } else { keyset.reseal(row) };
    let fresh: Vec<_> = older.filter_map(|row| Some((row.id, reseal(row).ok()?))).collect();
    let resealed =
        if fresh.is_empty() { 0 } else { key_sql::replace_sealed(tx, keyset.tenant, newest, &fresh).await? };
    Ok((last, resealed))
}

/// Wraps the next keys of content after one by the newest key. Returns the last of them, and how many were wrapped again.
pub async fn reseal_content_keys(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    after: Generation,
    limit: u32,
) -> Result<(Option<Generation>, u64), VaultError> {
    let (newest, _) = keyset.newest()?;
    let rows = key_sql::content_keys_after(tx, keyset.tenant, after, limit).await?;
    let last = rows.last().map(|row| row.object.generation);
    let older = rows.iter().filter(|row| row.key.key_version < newest);
    let wrap = |row: &key_sql::WrappedContentKey| {
        let key = keyset.unwrap_content_key(row.object, &row.key)?;
        Ok::<_, VaultError>((row.object.generation, keyset.wrap_content_key(row.object, &key)?.1))
    };
    let fresh: Vec<_> = older.filter_map(|row| wrap(row).ok()).collect();
    let resealed =
        if fresh.is_empty() { 0 } else { key_sql::replace_content_keys(tx, keyset.tenant, newest, &fresh).await? };
    Ok((last, resealed))
}

/// Seals the secret of the tenant's delivery target under the newest key.
pub async fn reseal_delivery_secret(tx: &mut Tx<Vault>, keyset: &Keyset, address: &str) -> Result<u64, VaultError> {
    let Some(row) = sql::delivery_secret(tx, keyset.tenant).await? else { return Ok(0) };
    if row.key_version >= keyset.newest()?.0 {
        return Ok(0);
    }
    let Ok(clear) = keyset.open_secret(address, row.key_version, &row.sealed) else { return Ok(0) };
    let (version, sealed) = keyset.seal_secret(address, &clear)?;
    Ok(sql::upsert_delivery_secret(tx, keyset.tenant, &row.kind, version, &sealed).await?)
}

/// Deletes the older versions under which nothing is sealed, if a newer version was made before an instant. So no
/// process still seals under them. Returns how many were deleted.
pub async fn delete_unused_keys(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    before: DateTime<Utc>,
) -> Result<u64, VaultError> {
    let mut rows = key_sql::keys(tx, tenant).await?;
    rows.retain(|row| row.purpose == SEAL);
    rows.sort_by_key(|row| row.key_version);
    let mut deleted = 0;
    for pair in rows.windows(2) {
        if let [older, newer] = pair
            && newer.created_at < before
            && !key_sql::is_version_used(tx, tenant, older.key_version).await?
        {
            deleted += key_sql::delete_key(tx, older).await?;
        }
    }
    Ok(deleted)
}
