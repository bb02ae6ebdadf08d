//! The days of the items of checklists. Webhooks tell the tenant's other systems once when an item is due (C4). A request
//! that arrived on another day moves its open items.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::json;

use super::checklist::{ChecklistItem, ChecklistState};
use super::model::Revision;
use crate::base::id::{RequestId, TenantId};
use crate::outbox::{self, EventKind};
use crate::store::{Archive, Result, Tx};

/// The most items that one statement tells of.
const PAGE: i64 = 1_000;

/// The most items that one statement moves.
const CHUNK: usize = 1_000;

/// Tells webhooks of the open items whose last day has come, of each once. Returns how many these are.
pub async fn publish(tx: &mut Tx<Archive>, tenant: TenantId, day: NaiveDate, now: DateTime<Utc>) -> Result<usize> {
    let mut told = 0;
    loop {
        let due = mark(tx, tenant, day).await?;
        let count = due.len();
        let events =
            due.iter().map(|(id, system, due_on)| json!({ "request_id": id, "system": system, "due_on": due_on }));
        outbox::publish(tx, tenant, EventKind::ChecklistDue, events, now).await?;
        told += count;
        if i64::try_from(count).is_ok_and(|count| count < PAGE) {
            return Ok(told);
        }
    }
}

/// The next items that are due, which are noted as told.
async fn mark(tx: &mut Tx<Archive>, tenant: TenantId, day: NaiveDate) -> Result<Vec<(RequestId, String, NaiveDate)>> {
    tx.query("UPDATE request_checklist SET")
        .with(" told_on = ", day)
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND state = 'open' AND told_on IS NULL")
        .push(" AND (request_id, position) IN (SELECT request_id, position FROM request_checklist")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND due_on <= ", day)
        .with(" AND state = 'open' AND told_on IS NULL ORDER BY due_on, request_id, position LIMIT ", PAGE)
        .push(") RETURNING request_id, system, due_on")
        .all()
        .await
}

/// The checklist of a request whose day of arrival has moved. Its open items move by as many days.
#[must_use]
pub fn moved(mut checklist: Vec<ChecklistItem>, by: TimeDelta) -> Vec<ChecklistItem> {
    for item in checklist.iter_mut().filter(|item| item.state == ChecklistState::Open) {
        item.due_on = item.due_on.checked_add_signed(by).unwrap_or(item.due_on);
    }
    checklist
}

/// Writes the items that have moved. Webhooks are told of them again.
pub async fn reschedule(tx: &mut Tx<Archive>, tenant: TenantId, revisions: &[Revision]) -> Result<()> {
    let moved: Vec<_> = revisions.iter().flat_map(moved_items).collect();
    for chunk in moved.chunks(CHUNK) {
        tx.query("WITH moved (request_id, place, due_on) AS (VALUES ")
            .each(chunk, |query, (request, place, due_on)| {
                query.with("(", *request).with(", ", *place).with(", ", *due_on).push(")")
            })
            .push(") UPDATE request_checklist SET due_on = moved.due_on, told_on = NULL FROM moved")
            .with(" WHERE request_checklist.tenant_id = ", tenant)
            .push(" AND request_checklist.request_id = moved.request_id AND request_checklist.position = moved.place")
            .push(" AND request_checklist.state = 'open'")
            .once()
            .execute()
            .await?;
    }
    Ok(())
}

/// The items of a changed request that have other days than before, with their places in the checklist.
fn moved_items(Revision { before, after }: &Revision) -> impl Iterator<Item = (RequestId, i16, NaiveDate)> {
    let before = before.iter().flat_map(|before| &before.checklist);
    let items = (0_i16..).zip(before.zip(&after.checklist));
    let moved = items.filter(|(_, (before, after))| before.due_on != after.due_on);
    moved.map(move |(place, (_, item))| (after.request.id, place, item.due_on))
}
