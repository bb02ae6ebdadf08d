//! Statements of the audit log. Rows are added and read, but never changed.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::model::{Action, Entry, Event, EventFilter};
use crate::base::actor::Actor;
use crate::base::id::{AuditId, TenantId};
use crate::base::page::Position;
use crate::store::{Archive, Result, Tx};

#[derive(sqlx::FromRow)]
struct EventRow {
    id: AuditId,
    at: DateTime<Utc>,
    actor_sub: String,
    actor_name: String,
    action: String,
    outcome: String,
    purpose: Option<String>,
    records: i64,
    detail: String,
}

pub async fn insert(tx: &mut Tx<Archive>, now: DateTime<Utc>, actor: &Actor, entries: &[Entry]) -> Result<()> {
    tx.query(
        "INSERT INTO audit_events \
         (tenant_id, id, at, actor_sub, actor_name, action, outcome, purpose, records, detail) VALUES ",
    )
    .each(entries, |query, entry| {
        query
            .with("(", actor.tenant)
            .with(", ", AuditId::new())
            .with(", ", now)
            .with(", ", actor.sub.as_str())
            .with(", ", actor.name.as_str())
            .with(", ", entry.action.as_str())
            .with(", ", if entry.allowed { "allowed" } else { "refused" })
            .with(", ", entry.purpose.as_deref())
            .with(", ", i64::try_from(entry.records).unwrap_or(i64::MAX))
            .with(", ", entry.detail.to_string())
            .push(")")
    })
    .execute()
    .await
    .map(drop)
}

pub async fn page(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    filter: &EventFilter,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Event>> {
    let EventFilter { actor, action, from, to } = filter;
    let mut query = tx
        .query("SELECT id, at, actor_sub, actor_name, action, outcome, purpose, records, detail FROM audit_events")
        .with(" WHERE tenant_id = ", tenant)
        .with_some(" AND actor_sub = ", actor.as_deref())
        .with_some(" AND action = ", action.map(Action::as_str))
        .with_some(" AND at >= ", *from)
        .with_some(" AND at < ", *to);
    if let Some(Position { at, id }) = after {
        query = query.with(" AND (at, id) < (", at).with(", ", id).push(")");
    }
    let rows: Vec<EventRow> = query.with(" ORDER BY at DESC, id DESC LIMIT ", i64::from(limit)).all().await?;
    Ok(rows.into_iter().map(Event::from).collect())
}

impl From<EventRow> for Event {
    fn from(row: EventRow) -> Self {
        let EventRow { id, at, actor_sub, actor_name, action, outcome, purpose, records, detail } = row;
        let detail = serde_json::from_str(&detail).unwrap_or(Value::Null);
        Self { id, at, actor_sub, actor_name, action, outcome, purpose, records, detail }
    }
}
