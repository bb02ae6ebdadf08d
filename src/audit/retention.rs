//! The statements by which retention deletes the oldest rows of the audit log, and the names that no row refers to any
//! more.

use chrono::{DateTime, TimeDelta, Utc};

use super::model::Action;
use crate::base::id::{ActorId, TenantId};
use crate::store::{Archive, Query, Result, StoreError, Tx};

/// The length of a digest of a record's id.
const DIGEST: i64 = 32;

/// For how long a name without a row is kept. A call that has read the name before is over by then.
const UNUSED_KEPT: TimeDelta = TimeDelta::days(1);

/// The numbers of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purged {
    pub rows: i64,
    /// The number of ids of records that these rows had lost before.
    pub missing: i64,
    /// The number of ids of records that these rows record as deleted.
    pub unlinked: i64,
}

/// Appends the condition on the numbers of rows: after one number, and up to another one.
fn of_span(query: Query<'_>, (after, last): (i64, i64)) -> Query<'_> {
    query.with(" AND seq > ", after).with(" AND seq <= ", last)
}

/// The number of the first row of a span that was written at an instant or later.
pub async fn first_since(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    span: (i64, i64),
    at: DateTime<Utc>,
) -> Result<Option<i64>> {
    let query = tx.query("SELECT seq FROM audit_events").with(" WHERE tenant_id = ", tenant);
    let row: Option<(i64,)> =
        of_span(query, span).with(" AND at >= ", at).push(" ORDER BY seq LIMIT 1").maybe().await?;
    Ok(row.map(|(seq,)| seq))
}

/// Deletes the sealed rows of a span, with the ids of their records.
pub async fn purge(tx: &mut Tx<Archive>, tenant: TenantId, span: (i64, i64)) -> Result<Purged> {
    let query = tx
        .query("SELECT count(*), CAST(coalesce(sum(length(digests)), 0) AS BIGINT)")
        .with(", CAST(coalesce(sum(CASE WHEN action = ", Action::AuditUnlinked.as_str())
        .push(" THEN records ELSE 0 END), 0) AS BIGINT) FROM audit_events")
        .with(" WHERE tenant_id = ", tenant);
    let (rows, digests, unlinked): (i64, i64, i64) = of_span(query, span).one().await?;
    let query = tx
        .query("DELETE FROM audit_records")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND event_id IN (SELECT id FROM audit_events WHERE tenant_id = ", tenant);
    // A pass that deletes some of these ids at the same time counts them itself.
    let left = of_span(query, span).push(")").execute().await?;
    let query = tx.query("DELETE FROM audit_events").with(" WHERE tenant_id = ", tenant);
    let deleted = of_span(query, span).execute().await?;
    if i64::try_from(deleted) != Ok(rows) {
        return Err(StoreError::Inconsistent("audit_events.seq".to_owned()));
    }
    let missing = digests / DIGEST - i64::try_from(left).unwrap_or(i64::MAX);
    Ok(Purged { rows, missing, unlinked })
}

/// The details of the newest rows of an action, as the texts that are stored.
pub async fn newest_details(tx: &mut Tx<Archive>, tenant: TenantId, action: Action, limit: u32) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = tx
        .query("SELECT detail FROM audit_events")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND action = ", action.as_str())
        .with(" ORDER BY at DESC, id DESC LIMIT ", i64::from(limit))
        .all()
        .await?;
    Ok(rows.into_iter().map(|(detail,)| detail).collect())
}

/// Deletes the names that no row has referred to for a day, and notes those without a row for the next time.
///
/// A call reads the id of its actor before it writes its row. So a name is not deleted when its last row is: a call may
/// have read it already. A call that reads a noted name takes the note back first, in [`keep_actor`].
pub async fn drop_unused_actors(tx: &mut Tx<Archive>, tenant: TenantId, now: DateTime<Utc>) -> Result<u64> {
    let query = tx
        .query("DELETE FROM actors")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND unused_since < ", now - UNUSED_KEPT);
    let deleted = without_rows(query, tenant).execute().await?;
    let query = tx
        .query("UPDATE actors SET")
        .with(" unused_since = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND unused_since IS NULL");
    without_rows(query, tenant).execute().await?;
    Ok(deleted)
}

/// Appends the condition that no row refers to an actor.
fn without_rows(query: Query<'_>, tenant: TenantId) -> Query<'_> {
    query
        .with(" AND NOT EXISTS (SELECT 1 FROM audit_events e WHERE e.tenant_id = ", tenant)
        .push(" AND e.actor_id = actors.id)")
}

/// Keeps a name that was noted as unused. Returns false if it has left meanwhile.
pub async fn keep_actor(tx: &mut Tx<Archive>, tenant: TenantId, id: ActorId) -> Result<bool> {
    let kept = tx
        .query("UPDATE actors SET unused_since = NULL")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", id)
        .execute()
        .await?;
    Ok(kept > 0)
}
