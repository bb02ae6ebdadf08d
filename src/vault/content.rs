//! The keys of content. Without its key, every copy and backup of an object is unreadable.

use super::keyset::Keyset;
use super::model::VaultError;
use super::sql;
use crate::base::crypto::Key;
use crate::base::id::{ContentId, ObjectId, TenantId};
use crate::store::{Result as StoreResult, Tx, Vault};

/// Stores the key of a new object, wrapped by the tenant's key.
pub async fn keep_content_key(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    object: ObjectId,
    key: &Key,
) -> Result<(), VaultError> {
    let (version, wrapped) = keyset.wrap_content_key(object, key)?;
    sql::insert_content_key(tx, keyset.tenant, object, version, &wrapped).await?;
    Ok(())
}

/// The key of an object. Without one, nobody can read the object any more.
pub async fn content_key(tx: &mut Tx<Vault>, keyset: &Keyset, object: ObjectId) -> Result<Option<Key>, VaultError> {
    let row = sql::content_key(tx, keyset.tenant, object).await?;
    keyset.learn(tx, row.iter().map(|row| row.key_version)).await?;
    row.map(|row| keyset.unwrap_content_key(object, &row)).transpose()
}

/// The objects of some content that have a key.
pub async fn keys_of_contents(tx: &mut Tx<Vault>, tenant: TenantId, ids: &[ContentId]) -> StoreResult<Vec<ObjectId>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    tx.query("SELECT content_id AS id, generation FROM content_keys")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND content_id", ids.iter().copied())
        .all()
        .await
}

/// Deletes all keys of some content permanently. A restored vault may have keys of objects that the archive does not
/// know any more.
pub async fn drop_keys_of_contents(tx: &mut Tx<Vault>, tenant: TenantId, ids: &[ContentId]) -> StoreResult<u64> {
    tx.query("DELETE FROM content_keys")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND content_id", ids.iter().copied())
        .execute()
        .await
}
