//! Statements about messages.

use chrono::{DateTime, Utc};

use super::model::{ClaimedMessage, Message, MessageState};
use crate::base::id::{EventId, MessageId, TenantId, WebhookId, first_id_of};
use crate::base::page::Position;
use crate::outbox;
use crate::store::{Archive, Query, Result, Tx};

/// The most messages of one statement.
const CHUNK: usize = 1_000;

/// Writes the messages of some events, each to one webhook. Another worker may have written some of them.
pub async fn insert(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    messages: &[(WebhookId, EventId)],
    now: DateTime<Utc>,
) -> Result<u64> {
    let mut inserted = 0;
    for chunk in messages.chunks(CHUNK) {
        let query = insert_into(tx.query(""), tenant, chunk, now);
        inserted += query.push(" ON CONFLICT DO NOTHING").once().execute().await?;
    }
    Ok(inserted)
}

/// The same for events that are sent again. Messages that exist become due again under their ids.
pub async fn replay(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    messages: &[(WebhookId, EventId)],
    now: DateTime<Utc>,
) -> Result<u64> {
    let mut replayed = 0;
    for chunk in messages.chunks(CHUNK) {
        replayed += insert_into(tx.query(""), tenant, chunk, now)
            .push(
                " ON CONFLICT (tenant_id, webhook_id, event_id) DO UPDATE SET state = 'pending', attempts = 0, \
                 next_at = excluded.next_at, claim = NULL, claimed_until = NULL, last_error = NULL, last_status = NULL, \
                 delivered_at = NULL",
            )
            .once()
            .execute()
            .await?;
    }
    Ok(replayed)
}

fn insert_into<'c>(
    query: Query<'c>,
    tenant: TenantId,
    messages: &[(WebhookId, EventId)],
    now: DateTime<Utc>,
) -> Query<'c> {
    query
        .push(
            "INSERT INTO webhook_messages (tenant_id, id, webhook_id, event_id, state, attempts, next_at, created_at)",
        )
        .push(" VALUES ")
        .each(messages, |query, (webhook, event)| {
            query
                .with("(", tenant)
                .with(", ", MessageId::new())
                .with(", ", *webhook)
                .with(", ", *event)
                .with(", 'pending', 0, ", now)
                .with(", ", now)
                .push(")")
        })
}

fn select(query: Query<'_>, tenant: TenantId, webhook: WebhookId) -> Query<'_> {
    let query = query
        .push("SELECT m.id, e.kind, m.state, m.attempts, m.next_at, m.last_error, m.last_status, m.created_at, ")
        .push("m.delivered_at FROM webhook_messages m");
    outbox::join_events(query, tenant).with(" AND m.tenant_id = ", tenant).with(" AND m.webhook_id = ", webhook)
}

/// A page of the messages of a webhook, newest first.
pub async fn page(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    webhook: WebhookId,
    state: Option<MessageState>,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Message>> {
    let mut query = select(tx.query(""), tenant, webhook).with_some(" AND m.state = ", state);
    if let Some(Position { at, id }) = after {
        query = query.with(" AND (m.created_at, m.id) < (", at).with(", ", id).push(")");
    }
    query.with(" ORDER BY m.created_at DESC, m.id DESC LIMIT ", i64::from(limit)).all().await
}

pub async fn by_id(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    webhook: WebhookId,
    id: MessageId,
) -> Result<Option<Message>> {
    select(tx.query(""), tenant, webhook).with(" AND m.id = ", id).maybe().await
}

/// The message of an event to a webhook.
pub async fn by_event(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    webhook: WebhookId,
    event: EventId,
) -> Result<Option<Message>> {
    select(tx.query(""), tenant, webhook).with(" AND m.event_id = ", event).maybe().await
}

/// Makes a message due at once. It begins anew, also if a worker has it, so that the message of a killed worker need not
/// wait for the end of its claim.
pub async fn retry(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    webhook: WebhookId,
    id: MessageId,
    now: DateTime<Utc>,
) -> Result<u64> {
    // A message that waits keeps how its last attempt ended. One that begins anew has had no attempt.
    tx.query("UPDATE webhook_messages SET state = 'pending', claim = NULL, claimed_until = NULL, delivered_at = NULL")
        .push(", attempts = CASE WHEN state = 'pending' THEN attempts ELSE 0 END")
        .push(", last_error = CASE WHEN state = 'pending' THEN last_error END")
        .push(", last_status = CASE WHEN state = 'pending' THEN last_status END")
        .with(", next_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND webhook_id = ", webhook)
        .with(" AND id = ", id)
        .execute()
        .await
}

/// Some due messages of a webhook that no worker has claimed.
pub async fn due(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    webhook: WebhookId,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<MessageId>> {
    let rows: Vec<(MessageId,)> = tx
        .query("SELECT id FROM webhook_messages")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND webhook_id = ", webhook)
        .with(" AND state = 'pending' AND next_at <= ", now)
        .with(" AND (claimed_until IS NULL OR claimed_until < ", now)
        .with(") ORDER BY next_at, id LIMIT ", limit)
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The number of messages of some webhooks that are to be sent, counted up to a limit.
pub async fn count_pending(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[WebhookId], limit: i64) -> Result<i64> {
    tx.query("SELECT COUNT(*) FROM (SELECT 1 FROM webhook_messages")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND webhook_id", ids.iter().copied())
        .with(" AND state = 'pending' LIMIT ", limit)
        .push(") AS counted")
        .scalar()
        .await
}

/// The time of the oldest message of some webhooks that is to be sent. Each webhook is one look at an index, however
/// many messages wait. There is at least one webhook.
pub async fn oldest_pending(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    ids: &[WebhookId],
) -> Result<Option<DateTime<Utc>>> {
    let oldest: Vec<(Option<DateTime<Utc>>,)> = tx
        .query("WITH served (id) AS (VALUES ")
        .each(ids, |query, id| query.with("(", *id).push(")"))
        .push(") SELECT (SELECT m.created_at FROM webhook_messages m")
        .with(" WHERE m.tenant_id = ", tenant)
        .push(" AND m.webhook_id = served.id AND m.state = 'pending' ORDER BY m.created_at LIMIT 1) FROM served")
        .once()
        .all()
        .await?;
    Ok(oldest.into_iter().filter_map(|(at,)| at).min())
}

/// Claims those of some messages that are still free and due. Of several workers, one gets each message.
pub async fn claim(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    ids: &[MessageId],
    token: MessageId,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<ClaimedMessage>> {
    tx.query("UPDATE webhook_messages SET")
        .with(" claim = ", token)
        .with(", claimed_until = ", until)
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", ids.iter().copied())
        .with(" AND state = 'pending' AND next_at <= ", now)
        .with(" AND (claimed_until IS NULL OR claimed_until < ", now)
        .push(") RETURNING id, event_id, attempts")
        .all()
        .await
}

/// The state of a message after an attempt.
#[derive(Clone, Copy, Debug)]
pub struct Settled {
    pub id: MessageId,
    pub state: MessageState,
    pub attempts: i32,
    pub next_at: DateTime<Utc>,
    pub error: Option<&'static str>,
    pub status: Option<i32>,
    pub delivered_at: Option<DateTime<Utc>>,
}

/// Notes how attempts ended, and gives their claim back. A message whose claim was lost is left to its new worker.
pub async fn settle(tx: &mut Tx<Archive>, tenant: TenantId, token: MessageId, settled: &[Settled]) -> Result<u64> {
    tx.query("WITH ended (id, state, attempts, next_at, last_error, last_status, delivered_at) AS (VALUES ")
        .each(settled, |query, one| {
            let Settled { id, state, attempts, next_at, error, status, delivered_at } = *one;
            query
                .with("(", id)
                .with(", ", state)
                .with(", ", attempts)
                .with(", ", next_at)
                .with(", ", error)
                .with(", ", status)
                .with(", ", delivered_at)
                .push(")")
        })
        .push(
            ") UPDATE webhook_messages SET state = ended.state, attempts = ended.attempts, next_at = ended.next_at, \
         last_error = ended.last_error, last_status = ended.last_status, delivered_at = ended.delivered_at, \
         claim = NULL, claimed_until = NULL FROM ended",
        )
        .with(" WHERE webhook_messages.tenant_id = ", tenant)
        .with(" AND webhook_messages.id = ended.id AND webhook_messages.claim = ", token)
        .execute()
        .await
}

/// Deletes some messages from before an instant.
pub async fn purge(tx: &mut Tx<Archive>, tenant: TenantId, before: DateTime<Utc>, limit: i64) -> Result<u64> {
    tx.query("DELETE FROM webhook_messages")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id IN (SELECT id FROM webhook_messages WHERE tenant_id = ", tenant)
        .with(" AND id < ", first_id_of(before))
        .with(" ORDER BY id LIMIT ", limit)
        .push(")")
        .execute()
        .await
}
