//! Purge: done requests are kept for some calendar months after their entry and for 30 days after they were done. Their
//! erasures live on for months of their own, so that late data still arrive forgotten (A10, A28). Both retentions can be
//! paused, and wait for 30 days after a change (C7).

use chrono::{DateTime, Days, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde_json::json;

use super::finish::ACTOR;
use super::journal;
use crate::archive::unlink;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::day::{local_day, start_of_day};
use crate::base::id::{AuditId, RequestId};
use crate::certificates;
use crate::exports;
use crate::holds;
use crate::idempotency;
use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::model::{Options, Pass, PassResult};
use crate::nightly::report::Report;
use crate::nightly::sql;
use crate::requests::due;
use crate::requests::passes::{BATCH, waiting_since};
use crate::requests::purging::{self as requests, AgeLimits};
use crate::reveals::passes as reveals;
use crate::scan;
use crate::seals;
use crate::store::{Archive, Result, Tx};
use crate::suppressions;
use crate::tenants::{Retention, Tenant};
use crate::vault;
use crate::webhooks;

/// For how many local days a request is kept at least after it was done, so that its users see its result.
const DONE_KEPT: Days = Days::new(30);

/// How long the outcomes of calls with an idempotency key are kept.
const IDEMPOTENCY: TimeDelta = TimeDelta::hours(24);

/// The age of the audit rows that may have got the id of a forgotten record late. The job runs each day.
const LATE: TimeDelta = TimeDelta::days(2);

/// Deletes what is too old, and with it the pass.
pub async fn purge(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    let (app, tenant) = (context.app, context.tenant.id);
    purge_requests(context, pass, report).await?;
    forget_in_audit_log(context).await?;
    loop {
        let mut tx = context.begin().await?;
        let has_more = reveals::purge(&mut tx, context.tenant, pass.as_of).await?;
        tx.commit().await?;
        if !has_more {
            break;
        }
    }
    purge_erasures(context, pass, report).await?;
    purge_messages(context).await?;
    match context.replay {
        Some(replay) => replay.know_in_vault(context).await?,
        None => journal::know_in_vault(context, pass).await?,
    }
    let mut tx = context.begin().await?;
    if let Some(replay) = context.replay {
        replay.finish(context, &mut tx, pass).await?;
    }
    idempotency::purge(&mut tx, tenant, app.clock.now() - IDEMPOTENCY).await?;
    suppressions::purge(&mut tx, tenant, app.clock.now()).await?;
    exports::expire(&mut tx, tenant, app.clock.now()).await?;
    if context.replay.is_none() {
        due::publish(&mut tx, tenant, local_day(pass.as_of, context.tenant.zone), app.clock.now()).await?;
    }
    sql::delete(&mut tx, tenant, pass.id).await?;
    failpoint::reach("purge.before-commit");
    tx.commit().await?;
    Ok(())
}

/// Deletes the done requests that are too old, and counts the waiting ones. The released holds have the retention of
/// the requests, so they also stay while it deletes nothing.
async fn purge_requests(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    let (app, tenant, settings) = (context.app, context.tenant.id, &context.tenant.settings);
    let Some(limits) = limits(context.tenant, pass.as_of) else { return Ok(()) };
    report.requests_overdue = waiting_since(&mut context.read().await?, tenant, limits.created).await?;
    if !context.deletes_old(settings.request_retention.state(pass.as_of)) {
        return Ok(());
    }
    loop {
        let ids = requests::too_old(&mut context.read().await?, tenant, limits).await?;
        if ids.is_empty() {
            break;
        }
        let mut tx = context.begin().await?;
        certificates::purge(&mut tx, tenant, &ids).await?;
        scan::purge(&mut tx, tenant, &ids).await?;
        report.requests_purged += requests::purge(&mut tx, tenant, &ids).await?;
        let entry = Entry::new(Action::RequestsPurged, ids.len(), json!({}));
        audit::record(&mut tx, app.clock, &Actor::service(tenant, ACTOR), &entry).await?;
        tx.commit().await?;
    }
    let mut tx = context.begin().await?;
    holds::purge(&mut tx, tenant, limits.created).await?;
    Ok(tx.commit().await?)
}

/// Deletes the ids of forgotten records that the audit log got after the pass had unlinked them: a call that showed them
/// before may end later.
async fn forget_in_audit_log(context: &PassContext<'_>) -> PassResult<()> {
    let (app, tenant) = (context.app, context.tenant.id);
    if !audit::any_record(&mut context.read().await?, tenant).await? {
        return Ok(());
    }
    let since = AuditId::before(app.clock.now() - LATE);
    let mut tx = context.begin().await?;
    audit::unlink(&mut tx, app.clock, &Actor::service(tenant, ACTOR), |query| {
        let query = audit::records_since(query.push("WITH recent AS ("), tenant, since).push("), gone AS (");
        unlink::forgotten_of(query, tenant, "recent").push(")")
    })
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Deletes the erasures that are too old, and whose request is gone. The id of a request tells when it was entered.
async fn purge_erasures(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    let (app, tenant, settings) = (context.app, context.tenant.id, &context.tenant.settings);
    let limit = months_before(context.tenant, pass.as_of, settings.erasure_months());
    let Some(limit) = limit.filter(|_| context.deletes_old(settings.erasure_retention.state(pass.as_of))) else {
        return Ok(());
    };
    let mut after = RequestId(uuid::Uuid::nil());
    loop {
        let span = (after, RequestId::before(limit));
        let old = vault::old_erasures(&mut context.read_vault().await?, tenant, span, BATCH).await?;
        let Some(last) = old.last() else { return Ok(()) };
        after = *last;
        let kept = requests::existing(&mut context.read().await?, tenant, &old).await?;
        let gone: Vec<RequestId> = old.into_iter().filter(|id| !kept.contains(id)).collect();
        if gone.is_empty() {
            continue;
        }
        let mut tx = context.begin().await?;
        let entry = Entry::new(Action::ErasuresPurged, gone.len(), json!({}));
        audit::record(&mut tx, app.clock, &Actor::service(tenant, ACTOR), &entry).await?;
        tx.commit().await?;
        let mut tx = context.begin_vault().await?;
        report.erasures_purged += vault::drop_erasures(&mut tx, tenant, &gone).await?;
        tx.commit().await?;
    }
}

/// Deletes the rows of the audit log that are older than `audit.keep_days`, and then the names that no row refers to any
/// more. A replay does not: it brings back what the next run deletes again.
pub async fn purge_audit_log(context: &PassContext<'_>, options: &Options) -> PassResult<()> {
    let (app, tenant, now) = (context.app, context.tenant.id, context.app.clock.now());
    let mut tx = context.begin().await?;
    // A run as of a past day does not shorten the days of grace.
    let days = seals::keep(&mut tx, tenant, options.audit_days, options.as_of.max(now)).await?;
    tx.commit().await?;
    let kept = days.and_then(TimeDelta::try_days);
    let Some(limit) = kept.and_then(|kept| options.as_of.checked_sub_signed(kept)) else { return Ok(()) };
    let actor = Actor::service(tenant, ACTOR);
    loop {
        context.check_stop()?;
        let mut tx = context.begin().await?;
        if !seals::purge(&mut tx, app.clock, &actor, limit).await? {
            break;
        }
        tx.commit().await?;
    }
    let mut tx = context.begin().await?;
    audit::drop_unused_actors(&mut tx, tenant, now).await?;
    Ok(tx.commit().await?)
}

/// Deletes the old events and messages of webhooks, and the secrets that sign no more.
async fn purge_messages(context: &PassContext<'_>) -> PassResult<()> {
    let (tenant, now) = (context.tenant.id, context.app.clock.now());
    loop {
        context.check_stop()?;
        let mut tx = context.begin().await?;
        let purged = webhooks::purge(&mut tx, tenant, now - TimeDelta::days(webhooks::DAYS_KEPT)).await?;
        tx.commit().await?;
        if purged == 0 {
            break;
        }
    }
    let mut tx = context.begin_vault().await?;
    vault::drop_expired_webhook_secrets(&mut tx, tenant, now).await?;
    Ok(tx.commit().await?)
}

/// How many requests a pass as of an instant would delete.
pub async fn forecast(tx: &mut Tx<Archive>, tenant: &Tenant, as_of: DateTime<Utc>) -> Result<u64> {
    if tenant.settings.request_retention.state(as_of) != Retention::On {
        return Ok(0);
    }
    let Some(limits) = limits(tenant, as_of) else { return Ok(0) };
    requests::count_too_old(tx, tenant.id, limits).await
}

/// The instants that are calendar months and days before a pass, at its time of the local day.
fn limits(tenant: &Tenant, as_of: DateTime<Utc>) -> Option<AgeLimits> {
    let done = local_day(as_of, tenant.zone).checked_sub_days(DONE_KEPT)?;
    let created = months_before(tenant, as_of, tenant.settings.request_retention_months)?;
    Some(AgeLimits { created, done: at_time_of(tenant, as_of, done)? })
}

fn months_before(tenant: &Tenant, as_of: DateTime<Utc>, months: u32) -> Option<DateTime<Utc>> {
    at_time_of(tenant, as_of, local_day(as_of, tenant.zone).checked_sub_months(Months::new(months))?)
}

/// The instant of another day at the local time of an instant.
fn at_time_of(tenant: &Tenant, as_of: DateTime<Utc>, day: NaiveDate) -> Option<DateTime<Utc>> {
    Some(start_of_day(day, tenant.zone)? + (as_of.with_timezone(&tenant.zone).time() - NaiveTime::MIN))
}
