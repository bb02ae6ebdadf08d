//! A run: for each tenant whose lease is free, an interrupted pass is resumed, and then a new pass is made.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;

use super::context::PassContext;
use super::job_runs;
use super::lease::{self, Lease};
use super::model::{Ending, Options, PassError, PassResult, RunStatus, StepName, Stop};
use super::progress::Progress;
use super::report::Report;
use super::restore::{self, GRACE, Look};
use super::steps::scan::Scanned;
use super::steps::{certify, purge, rescan_texts, scan};
use super::{pass, sql};
use crate::archive::mentions;
use crate::base::id::RunId;
use crate::content::ContentStore;
use crate::requests;
use crate::store;
use crate::tenants::{self, Tenant};
use crate::vault::{self, AppContext};

/// Runs the job. A tenant whose pass fails delays no other tenant. Returns how the job ended, and a report for each
/// tenant that it worked for.
pub async fn run(
    app: &Arc<AppContext>,
    content_store: &Arc<ContentStore>,
    options: &Options,
    progress: &Progress,
    stop: &Stop,
) -> PassResult<(Ending, Vec<(Tenant, Report)>)> {
    let (refused, mut tenants) = in_step(app, content_store).await?;
    tenants.retain(|tenant| options.tenant.is_none_or(|only| only == tenant.id));
    let tenants = interrupted_last(app, tenants).await?;
    let is_whole = refused.is_empty();
    let mut job = TenantJob { app, content_store, options, progress, stop, ending: Ending::Done, reports: Vec::new() };
    for (tenant, error) in refused {
        if options.tenant.is_none_or(|only| only == tenant.id) {
            job.refuse(tenant, &error);
        }
    }
    let leased = job.run_each(tenants).await?;
    if !leased.is_empty() {
        // The lease of a killed process ends within its term. A live process renews it before that.
        lease::wait_for_a_term(stop).await;
        for tenant in job.run_each(leased).await? {
            tracing::info!(tenant = %tenant.slug, "Skipped the tenant: another process has its lease");
        }
    }
    // Nothing expires as long as a replay may need it.
    if is_whole && job.ending < Ending::Interrupted {
        restore::expire(app, options.as_of, TimeDelta::days(options.journal_days.into())).await;
    }
    progress.finish();
    Ok((job.ending, job.reports))
}

struct TenantJob<'j> {
    app: &'j Arc<AppContext>,
    content_store: &'j Arc<ContentStore>,
    options: &'j Options,
    progress: &'j Progress,
    stop: &'j Stop,
    ending: Ending,
    reports: Vec<(Tenant, Report)>,
}

/// The tenants whose databases know all that the erasure journal says. The others are refused, since a pass over a
/// restored database could destroy what the replay needs. Decisions of calls that a killed process has left are
/// carried out first.
async fn in_step(
    app: &Arc<AppContext>,
    content_store: &Arc<ContentStore>,
) -> PassResult<(Vec<(Tenant, PassError)>, Vec<Tenant>)> {
    if app.journal.is_off() {
        return Ok(readable(tenants::list(&mut app.archive.read().await?).await?));
    }
    let Look { tenants, damage, .. } = restore::look(app).await?;
    if let Some(damage) = damage {
        return Err(PassError::JournalDamaged(damage));
    }
    let (mut refused, mut in_step) = (Vec::new(), Vec::new());
    for mut look in tenants {
        if let Some(behind) = look.behind.take() {
            refused.push((look.tenant, PassError::ReplayNeeded(behind)));
            continue;
        }
        if let Err(error) = look.tenant.check_readable() {
            refused.push((look.tenant, error.into()));
            continue;
        }
        let settling = async {
            let settled = restore::settle(app, content_store, &look, Some(GRACE), &BTreeMap::new()).await?;
            restore::reserve(app, look.tenant.id).await?;
            PassResult::Ok(settled)
        };
        let settled = match settling.await {
            Ok(settled) => settled,
            Err(error) if error.ending() == Ending::Unavailable => return Err(error),
            Err(error) => {
                refused.push((look.tenant, error));
                continue;
            }
        };
        if !settled.lost.is_empty() {
            tracing::warn!(requests = ?settled.lost, "The erasure journal names requests that the archive does not have");
        }
        in_step.push(look.tenant);
    }
    Ok((refused, in_step))
}

/// The tenants that cannot be read, each with the error, and the others.
fn readable(tenants: Vec<Tenant>) -> (Vec<(Tenant, PassError)>, Vec<Tenant>) {
    let (mut refused, mut others) = (Vec::new(), Vec::new());
    for tenant in tenants {
        match tenant.check_readable() {
            Ok(()) => others.push(tenant),
            Err(error) => refused.push((tenant, error.into())),
        }
    }
    (refused, others)
}

impl TenantJob<'_> {
    fn refuse(&mut self, tenant: Tenant, error: &PassError) {
        let mut report = Report::default();
        report.stop(error, None);
        tracing::error!(tenant = %tenant.slug, %error, "The pass was refused");
        self.ending = self.ending.max(error.ending());
        self.reports.push((tenant, report));
    }

    /// Works for each of the tenants whose lease is free, and returns the other ones.
    async fn run_each(&mut self, tenants: Vec<Tenant>) -> PassResult<Vec<Tenant>> {
        let Self { app, content_store, progress, stop, .. } = *self;
        let mut leased = Vec::new();
        for tenant in tenants {
            if stop.is_requested() {
                self.ending = self.ending.max(Ending::Interrupted);
                break;
            }
            let Some(lease) = Lease::take(&app.archive, tenant.id).await? else {
                leased.push(tenant);
                continue;
            };
            let mut report = Report::default();
            let context =
                PassContext { app, content_store, tenant: &tenant, lease: &lease, progress, stop, replay: None };
            let running = AssertUnwindSafe(run_tenant(&context, self.options, &mut report)).catch_unwind();
            // A mistake of the program that one tenant's data bring to light delays no other tenant.
            let ended = running.await.unwrap_or(Err(PassError::Panicked));
            // If the lease cannot be released, it ends by itself.
            let _ = lease.release(&app.archive).await;
            self.ending = self.ending.max(ending_of(&tenant, ended, &mut report));
            self.reports.push((tenant, report));
        }
        Ok(leased)
    }
}

fn ending_of(tenant: &Tenant, ended: PassResult<()>, report: &mut Report) -> Ending {
    let Err(error) = ended else {
        return if report.is_incomplete() { Ending::Incomplete } else { Ending::Done };
    };
    if report.error.is_none() {
        report.stop(&error, None);
    }
    let step = report.stopped_at.as_deref();
    tracing::error!(tenant = %tenant.slug, step, %error, "The pass failed; the next start resumes it");
    error.ending()
}

/// Moves the tenants whose last run was killed to the end. The process may end there again, and the other tenants must
/// not wait for that.
async fn interrupted_last(app: &AppContext, tenants: Vec<Tenant>) -> PassResult<Vec<Tenant>> {
    let mut tx = app.archive.read().await?;
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for tenant in tenants {
        let was_killed = job_runs::is_open(&mut tx, tenant.id).await?;
        if was_killed { &mut last } else { &mut first }.push(tenant);
    }
    first.append(&mut last);
    Ok(first)
}

/// Makes the tenant's passes, and records the beginning and the end of the run.
async fn run_tenant(context: &PassContext<'_>, options: &Options, report: &mut Report) -> PassResult<()> {
    let mut tx = context.begin().await?;
    let run = job_runs::begin(&mut tx, context.tenant.id, options.as_of, context.app.clock.now()).await?;
    if options.retry_texts {
        rescan_texts::retry_failed(&mut tx, context.tenant.id).await?;
    }
    tx.commit().await?;

    let ended = passes(context, options, report).await;
    if let Err(error) = &ended {
        let waiting = explain(context, error, options.as_of).await.ok();
        report.stop(error, waiting);
    }

    // The error of the pass is more important than an error of the note.
    let noted = end(context, run, ended.is_ok(), report).await;
    ended.and(noted.map_err(PassError::from))
}

/// Makes the passes of one run: an interrupted one, a new one, and another one if a text was rescanned late.
async fn passes(context: &PassContext<'_>, options: &Options, report: &mut Report) -> PassResult<()> {
    let as_of = options.as_of;
    report.enter(StepName::Claim);
    let unfinished = sql::unfinished(&mut context.read().await?, context.tenant.id).await?;
    if let Some(pass) = unfinished {
        report.resumed = true;
        pass::run(context, Some(pass), as_of, report).await?;
    }
    pass::run(context, None, as_of, report).await?;
    report.enter(StepName::RetryTexts);
    if rescan_texts::retry(context, report).await? {
        // The next pass counts all requests that wait, also those that waited for these texts.
        report.requests_failed = 0;
        pass::run(context, None, as_of, report).await?;
    }
    report.enter(StepName::Purge);
    purge::purge_audit_log(context, options).await?;
    report.enter(StepName::Scan);
    let scanned = if options.scan { scan(context, report).await? } else { None };
    report.enter(StepName::Certify);
    certify::certify(context, scanned.as_ref()).await?;
    report.enter(StepName::Scrub);
    report.scrubbed = scrub(context.app, report.key_versions_deleted > 0).await?;
    report.stopped_at = None;
    Ok(())
}

/// Scans what changed. If texts cannot be read, the next run scans it instead, because the passes of this run are done.
async fn scan(context: &PassContext<'_>, report: &mut Report) -> PassResult<Option<Scanned>> {
    match scan::scan(context, report).await {
        Ok(scanned) => Ok(Some(scanned)),
        Err(PassError::Content(error)) => {
            tracing::warn!(tenant = %context.tenant.slug, %error, "The residue scan failed. The next run repeats it");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Writes into the requests of a stopped pass why they wait. They stay in the pass, since the next start resumes it.
/// Returns how many requests wait.
async fn explain(context: &PassContext<'_>, error: &PassError, as_of: DateTime<Utc>) -> PassResult<u64> {
    let mut tx = context.begin().await?;
    requests::passes::explain(&mut tx, context.tenant.id, error.code(), context.app.clock.now()).await?;
    let waiting = requests::passes::waiting(&mut tx, context.tenant.id, as_of).await?;
    tx.commit().await?;
    Ok(waiting)
}

/// Records the end of the run. A run that has lost its lease records its end too, so the lease is not renewed.
async fn end(context: &PassContext<'_>, run: RunId, is_done: bool, report: &mut Report) -> store::Result<()> {
    let mut tx = context.app.archive.write().await?;
    rescan_texts::report_failed(&mut tx, context.tenant.id, report).await?;
    let status = match is_done {
        true if report.is_incomplete() => RunStatus::Incomplete,
        true => RunStatus::Succeeded,
        false => RunStatus::Failed,
    };
    job_runs::end(&mut tx, context.tenant.id, run, status, report, context.app.clock.now()).await?;
    tx.commit().await
}

/// Leaves nothing that was unlinked in free pages or in the write-ahead log.
async fn scrub(app: &AppContext, has_lost_keys: bool) -> PassResult<bool> {
    let archive = app.archive.scrub(mentions::SCRUB).await?;
    let vault = app.vault.scrub(vault::SCRUB).await?;
    if has_lost_keys {
        app.vault.scrub(vault::SCRUB_KEYS).await?;
    }
    Ok(archive && vault)
}
