//! Statements about idempotency keys.

use chrono::{DateTime, Utc};

use crate::base::id::TenantId;
use crate::store::{Archive, Result, Tx};

#[derive(sqlx::FromRow)]
pub struct IdempotencyRow {
    pub body_hash: Vec<u8>,
    pub outcome: Option<String>,
    pub created_at: DateTime<Utc>,
}

pub async fn by_hash(tx: &mut Tx<Archive>, tenant: TenantId, hash: &[u8]) -> Result<Option<IdempotencyRow>> {
    tx.query("SELECT body_hash, outcome, created_at FROM idempotency_keys")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND key_hash = ", hash)
        .maybe()
        .await
}

pub async fn insert(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    hash: &[u8],
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<u64> {
    tx.query("INSERT INTO idempotency_keys (tenant_id, key_hash, body_hash, created_at) VALUES (")
        .with("", tenant)
        .with(", ", hash)
        .with(", ", body)
        .with(", ", now)
        .push(") ON CONFLICT DO NOTHING")
        .execute()
        .await
}

/// Reserves a key anew that was reserved at `before` and is free again.
pub async fn take_over(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    hash: &[u8],
    body: &[u8],
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64> {
    tx.query("UPDATE idempotency_keys SET outcome = NULL")
        .with(", body_hash = ", body)
        .with(", created_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND key_hash = ", hash)
        .with(" AND created_at = ", before)
        .execute()
        .await
}

pub async fn settle(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    hash: &[u8],
    at: DateTime<Utc>,
    outcome: &str,
) -> Result<u64> {
    tx.query("UPDATE idempotency_keys SET")
        .with(" outcome = ", outcome)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND key_hash = ", hash)
        .with(" AND created_at = ", at)
        .push(" AND outcome IS NULL")
        .execute()
        .await
}

pub async fn release(tx: &mut Tx<Archive>, tenant: TenantId, hash: &[u8], at: DateTime<Utc>) -> Result<u64> {
    tx.query("DELETE FROM idempotency_keys")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND key_hash = ", hash)
        .with(" AND created_at = ", at)
        .push(" AND outcome IS NULL")
        .execute()
        .await
}

pub async fn purge(tx: &mut Tx<Archive>, tenant: TenantId, before: DateTime<Utc>) -> Result<u64> {
    tx.query("DELETE FROM idempotency_keys")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND created_at < ", before)
        .execute()
        .await
}
