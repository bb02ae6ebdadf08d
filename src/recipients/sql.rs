//! Statements of recipients.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::model::{Client, ExternalIds, Recipient, RecordIds, TimeGrain};
use crate::base::id::{RecipientId, TenantId};
use crate::base::page::Position;
use crate::store::{Archive, Query, Result, Tx};

#[derive(sqlx::FromRow)]
struct RecipientRow {
    id: RecipientId,
    name: String,
    record_ids: RecordIds,
    time: TimeGrain,
    external_ids: ExternalIds,
    key_version: i32,
    created_at: DateTime<Utc>,
    rotated_at: DateTime<Utc>,
    version: i64,
}

impl RecipientRow {
    fn with(self, clients: Vec<Client>) -> Recipient {
        let Self { id, name, record_ids, time, external_ids, key_version, created_at, rotated_at, version } = self;
        Recipient { id, name, clients, record_ids, time, external_ids, key_version, created_at, rotated_at, version }
    }
}

fn select(query: Query<'_>) -> Query<'_> {
    query.push(
        "SELECT r.id, r.name, r.record_ids, r.time, r.external_ids, r.key_version, r.created_at, r.rotated_at, \
         r.version FROM recipients r",
    )
}

/// The recipient of a client.
pub async fn of_client(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    issuer: &str,
    client: &str,
) -> Result<Option<RecipientId>> {
    let row: Option<(RecipientId,)> = tx
        .query("SELECT recipient_id FROM recipient_clients")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND issuer = ", issuer)
        .with(" AND client_id = ", client)
        .maybe()
        .await?;
    Ok(row.map(|(id,)| id))
}

/// Whether a tenant has recipients.
pub async fn is_any(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<bool> {
    let query = tx.query("SELECT id FROM recipients").with(" WHERE tenant_id = ", tenant);
    let row: Option<(RecipientId,)> = query.push(" LIMIT 1").maybe().await?;
    Ok(row.is_some())
}

pub async fn names(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Vec<(RecipientId, String)>> {
    tx.query("SELECT id, name FROM recipients").with(" WHERE tenant_id = ", tenant).push(" ORDER BY id").all().await
}

pub async fn by_id(tx: &mut Tx<Archive>, tenant: TenantId, id: RecipientId) -> Result<Option<Recipient>> {
    let rows: Vec<RecipientRow> =
        select(tx.query("")).with(" WHERE r.tenant_id = ", tenant).with(" AND r.id = ", id).all().await?;
    Ok(with_clients(tx, tenant, rows).await?.pop())
}

/// A page of recipients, newest first.
pub async fn page(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Recipient>> {
    let mut query = select(tx.query("")).with(" WHERE r.tenant_id = ", tenant);
    if let Some(Position { at, id }) = after {
        query = query.with(" AND (r.created_at, r.id) < (", at).with(", ", id).push(")");
    }
    let rows = query.with(" ORDER BY r.created_at DESC, r.id DESC LIMIT ", i64::from(limit)).all().await?;
    with_clients(tx, tenant, rows).await
}

async fn with_clients(tx: &mut Tx<Archive>, tenant: TenantId, rows: Vec<RecipientRow>) -> Result<Vec<Recipient>> {
    let mut clients = HashMap::<RecipientId, Vec<Client>>::new();
    let named: Vec<(RecipientId, String, String)> = tx
        .query("SELECT recipient_id, issuer, client_id FROM recipient_clients")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND recipient_id", rows.iter().map(|row| row.id))
        .push(" ORDER BY issuer, client_id")
        .all()
        .await?;
    for (recipient, issuer, client_id) in named {
        clients.entry(recipient).or_default().push(Client { issuer, client_id });
    }
    Ok(rows
        .into_iter()
        .map(|row| (clients.remove(&row.id).unwrap_or_default(), row))
        .map(|(c, row)| row.with(c))
        .collect())
}

/// Inserts a recipient, unless another one has its name.
pub async fn insert(tx: &mut Tx<Archive>, tenant: TenantId, recipient: &Recipient) -> Result<u64> {
    let Recipient { id, name, clients: _, record_ids, time, external_ids, key_version, .. } = recipient;
    let Recipient { created_at, rotated_at, version, .. } = recipient;
    tx.query(
        "INSERT INTO recipients (tenant_id, id, name, record_ids, time, external_ids, key_version, created_at, \
         rotated_at, version) VALUES (",
    )
    .with("", tenant)
    .with(", ", *id)
    .with(", ", name.as_str())
    .with(", ", *record_ids)
    .with(", ", *time)
    .with(", ", *external_ids)
    .with(", ", *key_version)
    .with(", ", *created_at)
    .with(", ", *rotated_at)
    .with(", ", *version)
    .push(") ON CONFLICT DO NOTHING")
    .execute()
    .await
}

/// Inserts the clients that belong to no recipient yet, and returns how many these are.
pub async fn insert_clients(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    id: RecipientId,
    clients: &[Client],
) -> Result<u64> {
    tx.query("INSERT INTO recipient_clients (tenant_id, issuer, client_id, recipient_id) VALUES ")
        .each(clients, |query, Client { issuer, client_id }| {
            query.with("(", tenant).with(", ", issuer.as_str()).with(", ", client_id.as_str()).with(", ", id).push(")")
        })
        .push(" ON CONFLICT DO NOTHING")
        .once()
        .execute()
        .await
}

/// Names another version of the key, unless the recipient has changed since it was read.
pub async fn rotate(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    recipient: &Recipient,
    key_version: i32,
    now: DateTime<Utc>,
) -> Result<u64> {
    tx.query("UPDATE recipients SET version = version + 1")
        .with(", key_version = ", key_version)
        .with(", rotated_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", recipient.id)
        .with(" AND version = ", recipient.version)
        .execute()
        .await
}

/// Deletes a recipient with its clients, or only if it has a version. Returns 0 if there is none.
pub async fn delete(tx: &mut Tx<Archive>, tenant: TenantId, id: RecipientId, version: Option<i64>) -> Result<u64> {
    let deleted = tx
        .query("DELETE FROM recipients")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", id)
        .with_some(" AND version = ", version)
        .execute()
        .await?;
    if deleted > 0 {
        tx.query("DELETE FROM recipient_clients")
            .with(" WHERE tenant_id = ", tenant)
            .with(" AND recipient_id = ", id)
            .execute()
            .await?;
    }
    Ok(deleted)
}
