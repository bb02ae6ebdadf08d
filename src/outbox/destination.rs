//! The delivery target of a tenant. It is in this room because a recording is enqueued only if its tenant has one.

use chrono::{DateTime, Utc};

use super::model::Destination;
use crate::base::id::TenantId;
use crate::store::{Archive, Result, Tx};

#[derive(sqlx::FromRow)]
struct DestinationRow {
    url: String,
    host_key: Option<String>,
    endpoint: Option<String>,
    region: Option<String>,
    access_key_id: Option<String>,
    renames: Option<bool>,
    updated_at: DateTime<Utc>,
}

pub async fn destination(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Option<Destination>> {
    let row: Option<DestinationRow> = tx
        .query("SELECT url, host_key, endpoint, region, access_key_id, renames, updated_at FROM delivery_targets")
        .with(" WHERE tenant_id = ", tenant)
        .maybe()
        .await?;
    Ok(row.map(|row| {
        let DestinationRow { url, host_key, endpoint, region, access_key_id, renames, updated_at } = row;
        let renames = renames.unwrap_or(true);
        Destination { url, host_key, endpoint, region, access_key_id, renames, updated_at }
    }))
}

pub async fn upsert_destination(tx: &mut Tx<Archive>, tenant: TenantId, destination: &Destination) -> Result<u64> {
    let Destination { url, host_key, endpoint, region, access_key_id, renames, updated_at } = destination;
    tx.query(
        "INSERT INTO delivery_targets (tenant_id, url, host_key, endpoint, region, access_key_id, renames, updated_at) \
         VALUES (",
    )
    .with("", tenant)
    .with(", ", url.as_str())
    .with(", ", host_key.as_deref())
    .with(", ", endpoint.as_deref())
    .with(", ", region.as_deref())
    .with(", ", access_key_id.as_deref())
    .with(", ", *renames)
    .with(", ", *updated_at)
    .push(
        ") ON CONFLICT (tenant_id) DO UPDATE SET url = excluded.url, host_key = excluded.host_key, \
         endpoint = excluded.endpoint, region = excluded.region, access_key_id = excluded.access_key_id, \
         renames = excluded.renames, updated_at = excluded.updated_at",
    )
    .execute()
    .await
}

pub async fn delete_destination(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<u64> {
    tx.query("DELETE FROM delivery_targets").with(" WHERE tenant_id = ", tenant).execute().await
}
