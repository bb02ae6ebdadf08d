//! Purge: done requests are kept for some calendar months after their entry and for 30 days after they were done, and
//! their erasures as long (A10, A28).

use chrono::{DateTime, Days, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde_json::json;

use super::finish::ACTOR;
use crate::archive::mentions::{self, Owner};
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::day::{local_day, start_of_day};
use crate::base::id::{RequestId, TenantId};
use crate::nightly::lease::Lease;
use crate::nightly::model::{Pass, PassError, Report};
use crate::nightly::sql;
use crate::requests;
use crate::store::{Archive, Query, Result, Tx};
use crate::tenants::Tenant;
use crate::vault::{self, AppContext};

/// How many requests are deleted at once.
const BATCH: usize = 500;

/// For how many local days a request is kept at least after it was done, so that its users see what came of it.
const DONE_KEPT: Days = Days::new(30);

/// For how long answers to repeated posts are kept.
const IDEMPOTENCY: TimeDelta = TimeDelta::hours(24);

/// Deletes what is too old, and with it the pass.
pub async fn purge(
    stores: &AppContext,
    lease: &Lease,
    tenant: &Tenant,
    pass: &Pass,
    report: &mut Report,
) -> std::result::Result<(), PassError> {
    if let Some(limits) = Limits::of(tenant, pass.as_of) {
        loop {
            let ids = too_old(&mut stores.archive.read().await?, tenant.id, limits).await?;
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
        report.requests_overdue = waiting_since(&mut stores.archive.read().await?, tenant.id, limits.created).await?;
    }
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    requests::purge_idempotency(&mut tx, tenant.id, stores.clock.now() - IDEMPOTENCY).await?;
    sql::delete_pass(&mut tx, tenant.id, pass.id).await?;
    tx.commit().await?;
    Ok(())
}

/// How many requests a pass as of an instant would delete.
pub async fn forecast(tx: &mut Tx<Archive>, tenant: &Tenant, as_of: DateTime<Utc>) -> Result<u64> {
    let Some(limits) = Limits::of(tenant, as_of) else { return Ok(0) };
    let query = tx.query("SELECT count(*) FROM requests").with(" WHERE tenant_id = ", tenant.id);
    let count: i64 = limits.exceeded(query).scalar().await?;
    Ok(count.unsigned_abs())
}

/// Requests that were entered before the one instant and done before the other are too old.
#[derive(Clone, Copy)]
struct Limits {
    created: DateTime<Utc>,
    done: DateTime<Utc>,
}

impl Limits {
    /// Calendar months and days before a pass, at its time of the local day.
    fn of(tenant: &Tenant, as_of: DateTime<Utc>) -> Option<Self> {
        let time = as_of.with_timezone(&tenant.zone).time() - NaiveTime::MIN;
        let at = |day: NaiveDate| Some(start_of_day(day, tenant.zone)? + time);
        let today = local_day(as_of, tenant.zone);
        let months = Months::new(tenant.settings.request_retention_months);
        let created = at(today.checked_sub_months(months)?)?;
        Some(Self { created, done: at(today.checked_sub_days(DONE_KEPT)?)? })
    }

    /// Adds to a query of requests that they are too old.
    fn exceeded(self, query: Query<'_>) -> Query<'_> {
        query.with(" AND status = 'done' AND created_at < ", self.created).with(" AND done_at < ", self.done)
    }
}

async fn too_old(tx: &mut Tx<Archive>, tenant: TenantId, limits: Limits) -> Result<Vec<RequestId>> {
    let query = tx.query("SELECT id FROM requests").with(" WHERE tenant_id = ", tenant);
    let rows: Vec<(RequestId,)> = limits
        .exceeded(query)
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
