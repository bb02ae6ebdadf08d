//! Statements of recording keys. They are in the vault, because a certificate can name its owner.

use chrono::{DateTime, Utc};

use super::model::{KeyKind, RecordingKey};
use crate::base::id::TenantId;
use crate::store::{Result, Tx, Vault};

#[derive(sqlx::FromRow)]
struct RecordingKeyRow {
    kind: KeyKind,
    fingerprint: String,
    algorithm: String,
    expires_at: Option<DateTime<Utc>>,
    certificate: Vec<u8>,
}

impl From<RecordingKeyRow> for RecordingKey {
    fn from(row: RecordingKeyRow) -> Self {
        let RecordingKeyRow { kind, fingerprint, algorithm, expires_at, certificate } = row;
        Self { kind, fingerprint, algorithm, expires_at, certificate }
    }
}

pub async fn by_tenant(tx: &mut Tx<Vault>, tenant: TenantId) -> Result<Option<RecordingKey>> {
    let row: Option<RecordingKeyRow> = tx
        .query("SELECT kind, fingerprint, algorithm, expires_at, certificate FROM recording_keys")
        .with(" WHERE tenant_id = ", tenant)
        .maybe()
        .await?;
    Ok(row.map(RecordingKey::from))
}

pub async fn upsert(tx: &mut Tx<Vault>, tenant: TenantId, key: &RecordingKey, now: DateTime<Utc>) -> Result<u64> {
    let RecordingKey { kind, fingerprint, algorithm, expires_at, certificate } = key;
    tx.query(
        "INSERT INTO recording_keys (tenant_id, kind, fingerprint, algorithm, expires_at, certificate, created_at) \
         VALUES (",
    )
    .with("", tenant)
    .with(", ", *kind)
    .with(", ", fingerprint.as_str())
    .with(", ", algorithm.as_str())
    .with(", ", *expires_at)
    .with(", ", certificate.as_slice())
    .with(", ", now)
    .push(
        ") ON CONFLICT (tenant_id) DO UPDATE SET kind = excluded.kind, fingerprint = excluded.fingerprint, \
         algorithm = excluded.algorithm, expires_at = excluded.expires_at, certificate = excluded.certificate, \
         created_at = excluded.created_at",
    )
    .execute()
    .await
}

pub async fn delete(tx: &mut Tx<Vault>, tenant: TenantId) -> Result<u64> {
    tx.query("DELETE FROM recording_keys").with(" WHERE tenant_id = ", tenant).execute().await
}
