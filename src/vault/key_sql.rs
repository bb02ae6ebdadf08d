//! Statements about the keys of tenants, and about values that are sealed again.

use chrono::{DateTime, Utc};

use super::sql::{ContentKeyRow, IdentifierRow, lock};
use crate::base::id::{Generation, IdentifierId, ObjectId, TenantId};
use crate::store::{Result, Tx, Vault};

#[derive(Clone, sqlx::FromRow)]
pub struct KeyRow {
    pub tenant_id: TenantId,
    pub purpose: String,
    pub key_version: i32,
    /// The id of the master key that has wrapped it.
    pub master_id: String,
    pub wrapped: Vec<u8>,
    pub created_at: DateTime<Utc>,
}

const SELECT_KEYS: &str = "SELECT tenant_id, purpose, key_version, master_id, wrapped, created_at FROM keysets";

pub async fn keys(tx: &mut Tx<Vault>, tenant: TenantId) -> Result<Vec<KeyRow>> {
    tx.query(SELECT_KEYS).with(" WHERE tenant_id = ", tenant).all().await
}

/// The keys of all tenants, and of the service. They are a few rows for each tenant.
pub async fn all_keys(tx: &mut Tx<Vault>) -> Result<Vec<KeyRow>> {
    tx.query(SELECT_KEYS).push(" ORDER BY tenant_id, purpose, key_version").all().await
}

pub async fn insert_key(tx: &mut Tx<Vault>, row: &KeyRow) -> Result<u64> {
    tx.query("INSERT INTO keysets (tenant_id, purpose, key_version, master_id, wrapped, created_at) VALUES (")
        .with("", row.tenant_id)
        .with(", ", row.purpose.as_str())
        .with(", ", row.key_version)
        .with(", ", row.master_id.as_str())
        .with(", ", row.wrapped.as_slice())
        .with(", ", row.created_at)
        .push(") ON CONFLICT DO NOTHING")
        .execute()
        .await
}

/// Replaces a wrapped key by the same key, wrapped by another master key.
pub async fn rewrap_key(tx: &mut Tx<Vault>, row: &KeyRow, master: &str, wrapped: &[u8]) -> Result<u64> {
    tx.query("UPDATE keysets SET")
        .with(" master_id = ", master)
        .with(", wrapped = ", wrapped)
        .with(" WHERE tenant_id = ", row.tenant_id)
        .with(" AND purpose = ", row.purpose.as_str())
        .with(" AND key_version = ", row.key_version)
        .with(" AND master_id = ", row.master_id.as_str())
        .execute()
        .await
}

pub async fn delete_key(tx: &mut Tx<Vault>, row: &KeyRow) -> Result<u64> {
    tx.query("DELETE FROM keysets")
        .with(" WHERE tenant_id = ", row.tenant_id)
        .with(" AND purpose = ", row.purpose.as_str())
        .with(" AND key_version = ", row.key_version)
        .execute()
        .await
}

/// Whether a value of the tenant is sealed under a version.
pub async fn is_version_used(tx: &mut Tx<Vault>, tenant: TenantId, version: i32) -> Result<bool> {
    for table in ["identifiers", "content_keys", "delivery_secrets", "webhook_secrets"] {
        let one: Option<(i32,)> = tx
            .query("SELECT 1 FROM ")
            .push(table)
            .with(" WHERE tenant_id = ", tenant)
            .with(" AND key_version = ", version)
            .push(" LIMIT 1")
            .maybe()
            .await?;
        if one.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The next identifiers after one, in the order of their ids.
pub async fn identifiers_after(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    after: IdentifierId,
    limit: u32,
) -> Result<Vec<IdentifierRow>> {
    tx.query("SELECT id, kind, sealed, key_version FROM identifiers")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id > ", after)
        .with(" ORDER BY id LIMIT ", i64::from(limit))
        .all()
        .await
}

/// Replaces sealed values by the same values under a newer version.
pub async fn replace_sealed(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    version: i32,
    rows: &[(IdentifierId, Vec<u8>)],
) -> Result<u64> {
    lock(tx, tenant, &rows.iter().map(|(id, _)| *id).collect::<Vec<_>>()).await?;
    tx.query("WITH fresh (id, sealed) AS (VALUES ")
        .each(rows, |query, (id, sealed)| query.with("(", *id).with(", ", sealed.as_slice()).push(")"))
        .with(") UPDATE identifiers SET sealed = fresh.sealed, key_version = ", version)
        .with(" FROM fresh WHERE identifiers.tenant_id = ", tenant)
        .with(" AND identifiers.id = fresh.id AND identifiers.key_version < ", version)
        .once()
        .execute()
        .await
}

#[derive(sqlx::FromRow)]
pub struct WrappedContentKey {
    #[sqlx(flatten)]
    pub object: ObjectId,
    #[sqlx(flatten)]
    pub key: ContentKeyRow,
}

/// The next keys of content after one, in the order of generations.
pub async fn content_keys_after(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    after: Generation,
    limit: u32,
) -> Result<Vec<WrappedContentKey>> {
    tx.query("SELECT content_id AS id, generation, wrapped, key_version FROM content_keys")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND generation > ", after)
        .with(" ORDER BY generation LIMIT ", i64::from(limit))
        .all()
        .await
}

/// Replaces wrapped keys of content by the same keys under a newer version.
pub async fn replace_content_keys(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    version: i32,
    rows: &[(Generation, Vec<u8>)],
) -> Result<u64> {
    tx.query("WITH fresh (generation, wrapped) AS (VALUES ")
        .each(rows, |query, (generation, wrapped)| {
            query.with("(", *generation).with(", ", wrapped.as_slice()).push(")")
        })
        .with(") UPDATE content_keys SET wrapped = fresh.wrapped, key_version = ", version)
        .with(" FROM fresh WHERE content_keys.tenant_id = ", tenant)
        .with(" AND content_keys.generation = fresh.generation AND content_keys.key_version < ", version)
        .once()
        .execute()
        .await
}
