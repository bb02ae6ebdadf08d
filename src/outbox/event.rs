//! Events that webhooks get. This room is below the rooms with the events, so that each event is written in its own
//! transaction. `crate::webhooks` makes the messages and sends them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::base::id::{EventId, TenantId, first_id_of};
use crate::base::words::{described, words};
use crate::store::{Archive, Query, Result, StoreError, Tx};

words! {
    /// The kind of an event. The position in this list is its bit in the column `events`, so new ones come last.
    #[derive(PartialOrd, Ord)]
    pub enum EventKind {
        /// A request was entered.
        AnonymizeRequestCreated = "anonymize_request.created",
        /// A pass carried a request out.
        AnonymizeRequestDone = "anonymize_request.done",
        /// A pass could not carry a request out, which waits for the next one.
        AnonymizeRequestFailing = "anonymize_request.failing",
        /// Interactions were stored.
        InteractionStored = "interaction.stored",
        /// Content was deleted.
        ContentDeleted = "content.deleted",
        /// A delivery is held until an operator corrects something.
        DeliveryHeld = "delivery.held",
        /// A user asks to reveal tokens.
        RevealRequested = "reveal.requested",
        /// An entry of a checklist is due.
        ChecklistDue = "checklist.due",
        /// A run of the nightly job failed.
        JobFailed = "job.failed",
        /// A webhook has a new secret.
        WebhookSecretRotated = "webhook.secret_rotated",
        /// A webhook was disabled, because its receiver is gone or has failed for days.
        WebhookDisabled = "webhook.disabled",
        /// The audit log has a new checkpoint.
        AuditCheckpoint = "audit.checkpoint",
    }
}

impl EventKind {
    const fn bit(self) -> i32 {
        1 << self as i32
    }
}

described!(EventKind as "WebhookEvent", "The kind of an event.");

/// The kinds of events that a webhook gets, as the bits of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct EventKinds(i32);

impl EventKinds {
    #[must_use]
    pub const fn contain(self, kind: EventKind) -> bool {
        self.0 & kind.bit() != 0
    }

    #[must_use]
    pub fn kinds(self) -> BTreeSet<EventKind> {
        EventKind::ALL.iter().copied().filter(|kind| self.contain(*kind)).collect()
    }
}

impl FromIterator<EventKind> for EventKinds {
    fn from_iter<I: IntoIterator<Item = EventKind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | kind.bit()))
    }
}

/// The kind of an event that a user sends to one webhook to test it.
pub const TEST: &str = "webhook.test";

/// The most events of one statement.
const CHUNK: usize = 500;

/// An event as it is stored.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    pub id: EventId,
    /// The word of its kind, or [`TEST`].
    pub kind: String,
    pub at: DateTime<Utc>,
    /// Ids, states, and counts.
    pub data: Value,
}

#[derive(sqlx::FromRow)]
struct EventRow {
    id: EventId,
    kind: String,
    at: DateTime<Utc>,
    data: String,
}

impl TryFrom<EventRow> for StoredEvent {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self> {
        let EventRow { id, kind, at, data } = row;
        let data = serde_json::from_str(&data);
        let data = data.map_err(|_| StoreError::Inconsistent(format!("webhook_events.data of {id}")))?;
        Ok(Self { id, kind, at, data })
    }
}

/// Writes events in the transaction in which they happen, if a webhook gets this kind. The data of each is an object of
/// ids, states, and counts. It must never contain an identifier, or link the records of one person.
pub async fn publish(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    kind: EventKind,
    data: impl IntoIterator<Item = Value>,
    now: DateTime<Utc>,
) -> Result<u64> {
    let data: Vec<_> = data.into_iter().map(|data| data.to_string()).collect();
    let mut published = 0;
    for chunk in data.chunks(CHUNK) {
        published += tx
            .query(
                "INSERT INTO webhook_events (tenant_id, id, kind, at, data, is_open) WITH fresh (id, data) AS (VALUES ",
            )
            .each(chunk, |query, data| query.with("(", EventId::new()).with(", ", data.as_str()).push(")"))
            .with(") SELECT w.tenant_id, f.id, ", kind.as_str())
            .with(", ", now)
            .push(", f.data, TRUE FROM (SELECT tenant_id FROM webhooks")
            .with(" WHERE tenant_id = ", tenant)
            .with(" AND enabled AND events & ", kind.bit())
            .push(" <> 0 LIMIT 1) w CROSS JOIN fresh f")
            .once()
            .execute()
            .await?;
    }
    Ok(published)
}

/// Writes an event that has its message already.
pub async fn insert_event(tx: &mut Tx<Archive>, tenant: TenantId, event: &StoredEvent) -> Result<u64> {
    let StoredEvent { id, kind, at, data } = event;
    tx.query("INSERT INTO webhook_events (tenant_id, id, kind, at, data, is_open) VALUES (")
        .with("", tenant)
        .with(", ", *id)
        .with(", ", kind.as_str())
        .with(", ", *at)
        .with(", ", data.to_string())
        .push(", FALSE)")
        .execute()
        .await
}

/// An event without messages.
#[derive(sqlx::FromRow)]
pub struct OpenEvent {
    pub id: EventId,
    /// The word of its kind, or [`TEST`].
    pub kind: String,
    pub at: DateTime<Utc>,
}

/// The next events without messages.
pub async fn open_events(tx: &mut Tx<Archive>, tenant: TenantId, limit: i64) -> Result<Vec<OpenEvent>> {
    tx.query("SELECT id, kind, at FROM webhook_events")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND is_open ORDER BY id LIMIT ", limit)
        .all()
        .await
}

/// The number of events without messages, counted up to a limit.
pub async fn count_open(tx: &mut Tx<Archive>, tenant: TenantId, limit: i64) -> Result<i64> {
    tx.query("SELECT COUNT(*) FROM (SELECT 1 FROM webhook_events")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND is_open LIMIT ", limit)
        .push(") AS counted")
        .scalar()
        .await
}

/// The time of the oldest event without messages.
pub async fn oldest_open(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Option<DateTime<Utc>>> {
    let row: Option<(DateTime<Utc>,)> = tx
        .query("SELECT at FROM webhook_events")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND is_open ORDER BY id LIMIT 1")
        .maybe()
        .await?;
    Ok(row.map(|(at,)| at))
}

/// Notes that events have their messages.
pub async fn close_events(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[EventId]) -> Result<u64> {
    tx.query("UPDATE webhook_events SET is_open = FALSE")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", ids.iter().copied())
        .execute()
        .await
}

pub async fn events(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[EventId]) -> Result<Vec<StoredEvent>> {
    let rows: Vec<EventRow> = tx
        .query("SELECT id, kind, at, data FROM webhook_events")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", ids.iter().copied())
        .all()
        .await?;
    rows.into_iter().map(StoredEvent::try_from).collect()
}

/// Appends the events `e` of the messages `m (event_id)`.
pub fn join_events(query: Query<'_>, tenant: TenantId) -> Query<'_> {
    query.push(" JOIN webhook_events e ON e.id = m.event_id").with(" WHERE e.tenant_id = ", tenant)
}

/// The events of a kind whose ids were made since an instant, oldest first.
pub async fn events_since(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    kind: EventKind,
    from: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<EventId>> {
    let rows: Vec<(EventId,)> = tx
        .query("SELECT id FROM webhook_events")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND kind = ", kind.as_str())
        .with(" AND id >= ", first_id_of(from))
        .with(" ORDER BY id LIMIT ", limit)
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Deletes some events from before an instant.
pub async fn purge_events(tx: &mut Tx<Archive>, tenant: TenantId, before: DateTime<Utc>, limit: i64) -> Result<u64> {
    tx.query("DELETE FROM webhook_events")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id IN (SELECT id FROM webhook_events WHERE tenant_id = ", tenant)
        .with(" AND id < ", first_id_of(before))
        .with(" ORDER BY id LIMIT ", limit)
        .push(")")
        .execute()
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_bit_and_a_word_of_its_own() {
        let all: EventKinds = EventKind::ALL.iter().copied().collect();
        assert_eq!(all.0.count_ones() as usize, EventKind::ALL.len());
        assert_eq!(all.kinds().len(), EventKind::ALL.len());
        for kind in EventKind::ALL {
            let one = EventKinds::from_iter([kind]);
            assert_eq!(one.kinds().into_iter().collect::<Vec<_>>(), [kind]);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert!(EventKind::ALL.iter().all(|kind| kind.as_str() != TEST));
        assert_eq!(EventKind::AuditCheckpoint.bit(), 1 << 11, "the columns have the bits by position");
    }
}
