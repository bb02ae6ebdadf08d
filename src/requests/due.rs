//! The items of checklists whose day has come: webhooks tell the tenant's other systems about them (C4).

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::json;

use crate::base::id::{RequestId, TenantId};
use crate::outbox::{self, EventKind};
use crate::store::{Archive, Result, Tx};

/// The most items of one day that are told.
const MOST: i64 = 1_000;

/// Tells webhooks of the items that are open on their last day. Returns how many these are.
pub async fn publish(tx: &mut Tx<Archive>, tenant: TenantId, day: NaiveDate, now: DateTime<Utc>) -> Result<usize> {
    let due: Vec<(RequestId, String)> = tx
        .query("SELECT request_id, system FROM request_checklist")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND due_on = ", day)
        .with(" AND state = 'open' ORDER BY request_id, position LIMIT ", MOST)
        .all()
        .await?;
    let events = due.iter().map(|(id, system)| json!({ "request_id": id, "system": system, "due_on": day }));
    outbox::publish(tx, tenant, EventKind::ChecklistDue, events, now).await?;
    Ok(due.len())
}
