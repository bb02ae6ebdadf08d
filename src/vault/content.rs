//! The keys of content. The sealed bytes lie elsewhere, and every copy and backup of them ends with the key here.

use super::keyset::Keyset;
use super::model::VaultError;
use super::sql;
use crate::base::crypto::Key;
use crate::base::id::{ContentId, TenantId};
use crate::store::{Tx, Vault};

/// Keeps the key of a new piece of content, wrapped by the tenant's.
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

/// The key of a piece of content, or none: then nobody can read it any more.
pub async fn content_key(tx: &mut Tx<Vault>, keyset: &Keyset, content: ContentId) -> Result<Option<Key>, VaultError> {
    let row = sql::content_key(tx, keyset.tenant, content).await?;
    row.map(|row| keyset.unwrap_content_key(content, &row)).transpose()
}

/// The content that has a key, in the order of its ids, after one.
pub async fn walk_content_keys(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    after: ContentId,
    limit: u32,
) -> Result<Vec<ContentId>, VaultError> {
    Ok(sql::walk_content_keys(tx, tenant, after, limit).await?)
}

/// Deletes the keys of some content, for good. Repeating it changes nothing.
pub async fn drop_content_keys(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    contents: &[ContentId],
) -> Result<u64, VaultError> {
    Ok(sql::delete_content_keys(tx, tenant, contents).await?)
}
