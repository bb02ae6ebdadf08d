//! The outbox: the recordings that are to be delivered to their tenant.
//!
//! Its rows are written in the transaction that stores a recording, and cancelled in the one that deletes it. So no
//! recording is missed, and no deleted one is delivered. A worker claims a due row, renews its claim while it works, and
//! settles the row. `crate::delivery` has the workers.
//!
//! Events are the other outbox. `crate::webhooks` makes messages of them and sends these.

mod destination;
mod event;
mod model;
mod rounds;
mod sql;
mod webhook;

use chrono::{DateTime, Utc};

use crate::base::id::{ContentId, DeliveryId, RecordId, TenantId};
use crate::store::{Archive, Query, Result, Tx};

pub use destination::{delete_destination, destination, upsert_destination};
pub use event::{
    EventKind, EventKinds, OpenEvent, StoredEvent, TEST, close_events, count_open, events, events_since, insert_event,
    join_events, oldest_open, open_events, publish, purge_events,
};
pub use model::{ClaimedDelivery, Delivery, DeliveryState, Destination};
pub use rounds::{Stopping, round, stopped, work_in_rounds};
pub use sql::{
    announce, by_id, claim, count, deliver, due, fail, hold_all, join_files, last_error, of_customers, page,
    release_all, renew, retry,
};
pub use webhook::{
    Webhook, count_webhooks, delete_webhook, disable_webhook, disable_webhooks_of, enabled_webhooks, insert_webhook,
    note_failure, note_success, pause_webhook, resume_webhook, tell_disabled, update_webhook, webhook, webhooks,
};

/// Enqueues the delivery of a recording, if its tenant has a delivery target.
pub async fn enqueue(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    content: ContentId,
    interaction: RecordId,
    now: DateTime<Utc>,
) -> Result<u64> {
    tx.query(
        "INSERT INTO deliveries (tenant_id, id, content_id, interaction_id, state, attempts, next_at, file_names, \
         created_at, updated_at) SELECT tenant_id, ",
    )
    .with("", DeliveryId::new())
    .with(", ", content)
    .with(", ", interaction)
    .with(", 'pending', 0, ", now)
    .with(", '[]', ", now)
    .with(", ", now)
    .with(" FROM delivery_targets WHERE tenant_id = ", tenant)
    .execute()
    .await
}

/// Cancels the deliveries of deleted content that were not made yet. The others stay listed, because the tenant must
/// delete its own copies.
pub async fn cancel(tx: &mut Tx<Archive>, tenant: TenantId, contents: &[ContentId], now: DateTime<Utc>) -> Result<u64> {
    tx.query("UPDATE deliveries SET state = 'cancelled'")
        .with(", updated_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND state IN ('pending', 'held')")
        .with_any(" AND content_id", contents.iter().copied())
        .execute()
        .await
}

/// Whether the tenant has any delivery. The order lets the planner use the index even if it expects to find a row soon.
pub async fn is_any(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<bool> {
    let one: Option<(ContentId,)> = tx
        .query("SELECT content_id FROM deliveries")
        .with(" WHERE tenant_id = ", tenant)
        .push(" ORDER BY content_id LIMIT 1")
        .maybe()
        .await?;
    Ok(one.is_some())
}

/// Cancels the deliveries that were not made yet of the interactions of `customers k (id)`, of which `customers`
/// appends a WITH.
pub async fn cancel_of(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    now: DateTime<Utc>,
    customers: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    customers(tx.query(""))
        .push(" UPDATE deliveries SET state = 'cancelled', last_error = 'forgotten'")
        .with(", updated_at = ", now)
        .with(" FROM customers k WHERE deliveries.tenant_id = ", tenant)
        .push(" AND deliveries.interaction_id = k.id AND deliveries.state IN ('pending', 'held')")
        .execute()
        .await
}

/// Deletes the deliveries of some interactions.
pub async fn delete_of(tx: &mut Tx<Archive>, tenant: TenantId, interactions: &[RecordId]) -> Result<u64> {
    tx.query("DELETE FROM deliveries")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND interaction_id", interactions.iter().copied())
        .execute()
        .await
}

/// Appends a SELECT of the files of the deliveries `d` of the relation `matched h`, which has their request:
/// `(request_id, file_name)`.
pub fn files<'c>(query: Query<'c>, tenant: TenantId, condition: &'static str) -> Query<'c> {
    query
        .push("SELECT h.request_id, f.value AS file_name FROM matched h JOIN deliveries d ON ")
        .push(condition)
        .push(sql::NAMES)
        .with(" WHERE d.tenant_id = ", tenant)
}
