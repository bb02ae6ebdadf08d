//! Purge: done requests are kept for some calendar months after their entry and for 30 days after they were done, and
//! their erasures as long (A10, A28).

use chrono::{DateTime, Days, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde_json::json;

use super::finish::ACTOR;
use super::journal;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::day::{local_day, start_of_day};
use crate::certificates;
use crate::idempotency;
use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::model::{Pass, PassResult};
use crate::nightly::report::Report;
use crate::nightly::sql;
use crate::requests::passes as requests;
use crate::requests::passes::AgeLimits;
use crate::scan;
use crate::store::{Archive, Result, Tx};
use crate::tenants::Tenant;
use crate::vault;

/// For how many local days a request is kept at least after it was done, so that its users see its result.
const DONE_KEPT: Days = Days::new(30);

/// How long the outcomes of calls with an idempotency key are kept.
const IDEMPOTENCY: TimeDelta = TimeDelta::hours(24);

/// Deletes what is too old, and with it the pass.
pub async fn purge(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    let (app, tenant) = (context.app, context.tenant.id);
    if let Some(limits) = limits(context.tenant, pass.as_of) {
        loop {
            let ids = requests::too_old(&mut context.read().await?, tenant, limits).await?;
            if ids.is_empty() {
                break;
            }
            // The vault comes first: an erasure whose request is gone could not be found again.
            let mut tx = context.begin_vault().await?;
            vault::drop_erasures(&mut tx, tenant, &ids).await?;
            tx.commit().await?;
            let mut tx = context.begin().await?;
            certificates::purge(&mut tx, tenant, &ids).await?;
            scan::purge(&mut tx, tenant, &ids).await?;
            report.requests_purged += requests::purge(&mut tx, tenant, &ids).await?;
            let entry = Entry::new(Action::RequestsPurged, ids.len(), json!({}));
            audit::record(&mut tx, app.clock, &Actor::service(tenant, ACTOR), &entry).await?;
            tx.commit().await?;
        }
        report.requests_overdue = requests::waiting_since(&mut context.read().await?, tenant, limits.created).await?;
    }
    match context.replay {
        Some(replay) => replay.know_in_vault(context).await?,
        None => journal::know_in_vault(context, pass).await?,
    }
    let mut tx = context.begin().await?;
    if let Some(replay) = context.replay {
        replay.finish(context, &mut tx, pass).await?;
    }
    idempotency::purge(&mut tx, tenant, app.clock.now() - IDEMPOTENCY).await?;
    sql::delete(&mut tx, tenant, pass.id).await?;
    failpoint::reach("purge.before-commit");
    tx.commit().await?;
    Ok(())
}

/// How many requests a pass as of an instant would delete.
pub async fn forecast(tx: &mut Tx<Archive>, tenant: &Tenant, as_of: DateTime<Utc>) -> Result<u64> {
    let Some(limits) = limits(tenant, as_of) else { return Ok(0) };
    requests::count_too_old(tx, tenant.id, limits).await
}

/// The instants that are calendar months and days before a pass, at its time of the local day.
fn limits(tenant: &Tenant, as_of: DateTime<Utc>) -> Option<AgeLimits> {
    let time = as_of.with_timezone(&tenant.zone).time() - NaiveTime::MIN;
    let at = |day: NaiveDate| Some(start_of_day(day, tenant.zone)? + time);
    let today = local_day(as_of, tenant.zone);
    let months = Months::new(tenant.settings.request_retention_months);
    let created = at(today.checked_sub_months(months)?)?;
    Some(AgeLimits { created, done: at(today.checked_sub_days(DONE_KEPT)?)? })
}
