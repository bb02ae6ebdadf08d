//! The outbox: which recordings are to be delivered to their tenant. Its rows are written in the transaction that
//! stores a recording and cancelled in the one that deletes it, so that no recording is missed and none is delivered
//! that is gone. `crate::delivery` works it.

use chrono::{DateTime, Utc};

use super::model::Content;
use crate::base::id::{ContentId, DeliveryId, TenantId};
use crate::store::{Archive, Query, Result, Sql, Tx};

/// Notes that content is to be delivered, if the tenant has a target and it is a recording.
pub(super) async fn enqueue(tx: &mut Tx<Archive>, tenant: TenantId, content: &Content) -> Result<u64> {
    if !content.kind.is_recording() {
        return Ok(0);
    }
    let now = content.created_at;
    tx.query(
        "INSERT INTO deliveries (tenant_id, id, content_id, interaction_id, state, attempts, next_at, file_names, \
         created_at, updated_at) SELECT tenant_id, ",
    )
    .with("", DeliveryId::new())
    .with(", ", content.id)
    .with(", ", content.interaction)
    .with(", 'pending', 0, ", now)
    .with(", '[]', ", now)
    .with(", ", now)
    .with(" FROM delivery_targets WHERE tenant_id = ", tenant)
    .execute()
    .await
}

/// Cancels what is not delivered yet of some content that is being deleted. What was delivered stays listed: the tenant
/// must delete its copies.
pub async fn cancel(tx: &mut Tx<Archive>, tenant: TenantId, contents: &[ContentId], now: DateTime<Utc>) -> Result<u64> {
    tx.query("UPDATE deliveries SET state = 'cancelled'")
        .with(", updated_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND state IN ('pending', 'held')")
        .with_any(" AND content_id", contents.iter().copied())
        .execute()
        .await
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

/// Appends a SELECT of the files of the deliveries `d` of a relation `h`, which has their request: `(request_id,
/// file_name)`.
pub fn files<'c>(query: Query<'c>, tenant: TenantId, relation: &'static str, condition: &'static str) -> Query<'c> {
    query
        .push("SELECT h.request_id, f.value AS file_name FROM ")
        .push(relation)
        .push(" h JOIN deliveries d ON ")
        .push(condition)
        .push(Sql::per(
            " CROSS JOIN LATERAL json_array_elements_text(d.file_names::json) AS f (value)",
            " CROSS JOIN json_each(d.file_names) AS f",
        ))
        .with(" WHERE d.tenant_id = ", tenant)
}
