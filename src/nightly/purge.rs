//! Purge: done requests are kept for some calendar months, and their erasures as long (A10, A28).

use chrono::{DateTime, Months, NaiveTime, TimeDelta, Utc};
use serde_json::json;

use super::finish::ACTOR;
use super::lease::Lease;
use super::model::{NightError, Pass, Report};
use super::sql;
use crate::archive::mentions::{self, Owner};
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::day::{local_day, start_of_day};
use crate::base::id::{RequestId, TenantId};
use crate::requests;
use crate::store::{Archive, Result, Tx};
use crate::tenants::Tenant;
use crate::vault::{self, Stores};

/// How many requests are deleted at once.
const BATCH: usize = 500;

/// For how long answers to repeated posts are kept.
const IDEMPOTENCY: TimeDelta = TimeDelta::hours(24);

/// Deletes what is too old, and with it the pass.
pub async fn purge(
    stores: &Stores,
    lease: &Lease,
    tenant: &Tenant,
    pass: &Pass,
    report: &mut Report,
) -> std::result::Result<(), NightError> {
    if let Some(limit) = limit(tenant, pass.as_of) {
        loop {
            let ids = done_before(&mut stores.archive.read().await?, tenant.id, limit).await?;
            if ids.is_empty() {
                break;
            }
            // The vault first: an erasure whose request is gone could not be found again.
            let mut tx = stores.vault.write().await?;
            vault::drop_erasures(&mut tx, tenant.id, &ids).await?;
            tx.commit().await?;
            let mut tx = stores.archive.write().await?;
            lease.renew(&mut tx).await?;
            report.requests_purged += delete_requests(&mut tx, tenant.id, &ids).await?;
            let entry = Entry::new(Action::RequestsPurged, ids.len(), json!({}));
            audit::record(&mut tx, stores.clock, &Actor::service(tenant.id, ACTOR), &entry).await?;
            tx.commit().await?;
        }
        report.requests_overdue = waiting_since(&mut stores.archive.read().await?, tenant.id, limit).await?;
    }
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    requests::purge_idempotency(&mut tx, tenant.id, stores.clock.now() - IDEMPOTENCY).await?;
    sql::delete_pass(&mut tx, tenant.id, pass.id).await?;
    tx.commit().await?;
    Ok(())
}

/// Done requests created before this local instant are too old: calendar months before the pass.
fn limit(tenant: &Tenant, as_of: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let local = as_of.with_timezone(&tenant.zone).naive_local();
    let day =
        local_day(as_of, tenant.zone).checked_sub_months(Months::new(tenant.settings.request_retention_months))?;
    Some(start_of_day(day, tenant.zone)? + (local.time() - NaiveTime::MIN))
}

async fn done_before(tx: &mut Tx<Archive>, tenant: TenantId, limit: DateTime<Utc>) -> Result<Vec<RequestId>> {
    let rows: Vec<(RequestId,)> = tx
        .query("SELECT id FROM requests")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND status = 'done' AND created_at < ", limit)
        .with(" ORDER BY created_at, id LIMIT ", i64::try_from(BATCH).unwrap_or(i64::MAX))
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

async fn waiting_since(tx: &mut Tx<Archive>, tenant: TenantId, limit: DateTime<Utc>) -> Result<u64> {
    let count: i64 = tx
        .query("SELECT count(*) FROM requests")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND status = 'waiting' AND created_at < ", limit)
        .scalar()
        .await?;
    Ok(count.unsigned_abs())
}

async fn delete_requests(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[RequestId]) -> Result<u64> {
    let records: Vec<_> = ids.iter().map(|id| id.0).collect();
    mentions::delete(tx, tenant, Owner::Request, &records).await?;
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
