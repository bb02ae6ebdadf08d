//! The keys of content. Without its key, every copy and backup of an object is unreadable.

use super::keyset::Keyset;
use super::model::VaultError;
use super::sql;
use crate::base::crypto::Key;
use crate::base::id::{ContentId, TenantId};
use crate::store::{Tx, Vault};

/// Stores the key of a new piece of content, wrapped by the tenant's key.
pub async fn keep_content_key(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    content: ContentId,
    key: &Key,
) -> Result<(), VaultError> {
    let (version, wrapped) = keyset.wrap_content_key(content, key)?;
    sql::insert_content_key(tx, keyset.tenant, content, version, &wrapped).await?;
    Ok(())
}

/// The key of a piece of content. Without one, nobody can read the content any more.
pub async fn content_key(tx: &mut Tx<Vault>, keyset: &Keyset, content: ContentId) -> Result<Option<Key>, VaultError> {
    let row = sql::content_key(tx, keyset.tenant, content).await?;
    row.map(|row| keyset.unwrap_content_key(content, &row)).transpose()
}

/// The next content with a key after one, in the order of ids.
pub async fn walk_content_keys(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    after: ContentId,
    limit: u32,
) -> Result<Vec<ContentId>, VaultError> {
    Ok(sql::walk_content_keys(tx, tenant, after, limit).await?)
}

/// Deletes the keys of some content permanently. To repeat it changes nothing.
pub async fn drop_content_keys(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    contents: &[ContentId],
) -> Result<u64, VaultError> {
    Ok(sql::delete_content_keys(tx, tenant, contents).await?)
}
