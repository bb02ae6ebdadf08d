//! The statements by which a pass deletes old requests (A10).

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::checklist;
use super::passes::BATCH;
use crate::archive::mentions::{self, Owner};
use crate::base::id::{RequestId, TenantId};
use crate::store::{Archive, Query, Result, Tx};

/// A done request is too old if it was entered and done before these instants.
#[derive(Clone, Copy, Debug)]
pub struct AgeLimits {
    pub created: DateTime<Utc>,
    pub done: DateTime<Utc>,
}

/// How many done requests are too old.
pub async fn count_too_old(tx: &mut Tx<Archive>, tenant: TenantId, limits: AgeLimits) -> Result<u64> {
    let query = tx.query("SELECT count(*) FROM requests").with(" WHERE tenant_id = ", tenant);
    let count: i64 = limits.exceeded(query).scalar().await?;
    Ok(count.unsigned_abs())
}

/// The next done requests that are too old.
pub async fn too_old(tx: &mut Tx<Archive>, tenant: TenantId, limits: AgeLimits) -> Result<Vec<RequestId>> {
    let query = tx.query("SELECT id FROM requests").with(" WHERE tenant_id = ", tenant);
    let rows: Vec<(RequestId,)> = limits.exceeded(query).with(" ORDER BY created_at, id LIMIT ", BATCH).all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

impl AgeLimits {
    fn exceeded(self, query: Query<'_>) -> Query<'_> {
        query.with(" AND status = 'done' AND created_at < ", self.created).with(" AND done_at < ", self.done)
    }
}

/// The requests among some that are still there.
pub async fn existing(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[RequestId]) -> Result<BTreeSet<RequestId>> {
    let rows: Vec<(RequestId,)> = tx
        .query("SELECT id FROM requests")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", ids.iter().copied())
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Deletes requests with their results and the mentions of their comments.
pub async fn purge(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[RequestId]) -> Result<u64> {
    let records: Vec<_> = ids.iter().map(|id| id.0).collect();
    mentions::delete(tx, tenant, Owner::Request, &records).await?;
    checklist::delete(tx, tenant, ids).await?;
    for table in ["DELETE FROM request_counts", "DELETE FROM request_contents", "DELETE FROM request_files"] {
        tx.query(table)
            .with(" WHERE tenant_id = ", tenant)
            .with_any(" AND request_id", ids.iter().copied())
            .execute()
            .await?;
    }
    tx.query("DELETE FROM requests")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", ids.iter().copied())
        .execute()
        .await
}
