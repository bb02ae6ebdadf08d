//! Statements of content. The statements about its rows are in `content_rows/`.

use chrono::{DateTime, Utc};

use crate::base::actor::Actor;
use crate::base::id::{ContentId, TenantId};
use crate::store::{Archive, Result, Tx};

pub use crate::content_rows::sql::{
    after, by_id, delete, insert, is_there, objects, objects_of, of_all, of_interaction, with_content,
};

/// A ticket as its row has it.
#[derive(sqlx::FromRow)]
pub struct ContentTicketRow {
    pub content_id: ContentId,
    pub actor_sub: String,
    pub actor_name: String,
    pub purpose: Option<String>,
    pub expires_at: DateTime<Utc>,
}

pub async fn insert_ticket(
    tx: &mut Tx<Archive>,
    actor: &Actor,
    hash: &[u8],
    content: ContentId,
    purpose: Option<&str>,
    expires_at: DateTime<Utc>,
) -> Result<u64> {
    tx.query(
        "INSERT INTO content_tickets \
         (tenant_id, ticket_hash, content_id, actor_sub, actor_name, purpose, expires_at) VALUES (",
    )
    .with("", actor.tenant)
    .with(", ", hash)
    .with(", ", content)
    .with(", ", actor.sub.as_str())
    .with(", ", actor.name.as_str())
    .with(", ", purpose)
    .with(", ", expires_at)
    .push(")")
    .execute()
    .await
}

pub async fn ticket(tx: &mut Tx<Archive>, tenant: TenantId, hash: &[u8]) -> Result<Option<ContentTicketRow>> {
    tx.query("SELECT content_id, actor_sub, actor_name, purpose, expires_at FROM content_tickets")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND ticket_hash = ", hash)
        .maybe()
        .await
}

pub async fn delete_ticket(tx: &mut Tx<Archive>, tenant: TenantId, hash: &[u8]) -> Result<u64> {
    let query = tx.query("DELETE FROM content_tickets").with(" WHERE tenant_id = ", tenant);
    query.with(" AND ticket_hash = ", hash).execute().await
}

pub async fn delete_expired_tickets(tx: &mut Tx<Archive>, tenant: TenantId, now: DateTime<Utc>) -> Result<u64> {
    tx.query("DELETE FROM content_tickets")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND expires_at < ", now)
        .execute()
        .await
}

/// Takes the tenant's one place for a batch, if it is free or its holder's time is up. Returns how many took it: 1 or 0.
pub async fn take_batch(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    batch: ContentId,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<u64> {
    tx.query("INSERT INTO content_batches (tenant_id, batch_id, expires_at) VALUES (")
        .with("", tenant)
        .with(", ", batch)
        .with(", ", expires_at)
        .push(
            ") ON CONFLICT (tenant_id) DO UPDATE SET batch_id = excluded.batch_id, expires_at = excluded.expires_at \
             WHERE content_batches.expires_at < ",
        )
        .with("", now)
        .execute()
        .await
}

/// Renews the place of a batch. 0: another batch has it.
pub async fn renew_batch(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    batch: ContentId,
    expires_at: DateTime<Utc>,
) -> Result<u64> {
    tx.query("UPDATE content_batches SET")
        .with(" expires_at = ", expires_at)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND batch_id = ", batch)
        .execute()
        .await
}

pub async fn leave_batch(tx: &mut Tx<Archive>, tenant: TenantId, batch: ContentId) -> Result<u64> {
    tx.query("DELETE FROM content_batches")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND batch_id = ", batch)
        .execute()
        .await
}
