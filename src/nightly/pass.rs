//! The run: for every tenant whose lease is free, an interrupted pass is brought to its end, then a new one is made.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::lease::Lease;
use super::model::{Ending, Options, Pass, PassError, Report, RunStatus, Step, Stop};
use super::progress::Progress;
use super::steps::{
    claim, delete_content, finish, gc_identifiers, gc_objects, plan, purge, rescan_texts, retention, unlink,
};
use super::{job_runs, sql};
use crate::archive::{self, Hits};
use crate::base::content::ContentKind;
use crate::base::id::{IdentifierId, PassId, RunId};
use crate::base::target::Target;
use crate::content::{ContentStore, of_customers as content_of};
use crate::store::{self, Archive, Sql, Tx};
use crate::tenants::{self, Retention, Tenant};
use crate::vault::AppContext;

/// How often in one pass a transaction may lose against another one, such as an ingest of the same records.
const MOST_LOST: u32 = 20;

/// One night. A tenant whose pass fails blocks no other. Answers how it ended, and a report for each tenant it worked for.
pub async fn run(
    stores: &AppContext,
    shelf: &ContentStore,
    options: &Options,
    progress: &Progress,
    stop: &Stop,
) -> Result<(Ending, Vec<(Tenant, Report)>), PassError> {
    let mut tenants = tenants::list(&mut stores.archive.read().await?).await?;
    tenants.retain(|tenant| options.tenant.is_none_or(|only| only == tenant.id));
    let tenants = killed_last(stores, tenants).await?;
    let (mut ending, mut reports) = (Ending::Done, Vec::new());
    for tenant in tenants {
        let Some(lease) = Lease::take(&stores.archive, tenant.id).await? else {
            tracing::info!(tenant = %tenant.slug, "Skipped the tenant: another runner works for it");
            continue;
        };
        let mut report = Report::default();
        let night = Night { stores, shelf, lease: &lease, tenant: &tenant, progress, stop };
        let ended = night.run(options, &mut report).await;
        // A lease that cannot be given back runs out by itself.
        let _ = lease.release(&stores.archive).await;
        ending = ending.max(match ended {
            Ok(()) if report.is_incomplete() => Ending::Incomplete,
            Ok(()) => Ending::Done,
            Err(error) => {
                if report.error.is_none() {
                    report.stop(&error, None);
                }
                let step = report.stopped_at.as_deref();
                tracing::error!(tenant = %tenant.slug, step, %error, "The pass failed; the next start resumes it");
                error.ending()
            }
        });
        reports.push((tenant, report));
        if stop.is_asked() {
            ending = ending.max(Ending::Interrupted);
            break;
        }
    }
    progress.finish();
    Ok((ending, reports))
}

/// The tenants, those last at whose pass the process ended: it may end there again, and the others are not to wait for it.
async fn killed_last(stores: &AppContext, tenants: Vec<Tenant>) -> Result<Vec<Tenant>, PassError> {
    let mut tx = stores.archive.read().await?;
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for tenant in tenants {
        let was_killed = job_runs::is_open(&mut tx, tenant.id).await?;
        if was_killed { &mut last } else { &mut first }.push(tenant);
    }
    first.append(&mut last);
    Ok(first)
}

struct Night<'a> {
    stores: &'a AppContext,
    shelf: &'a ContentStore,
    lease: &'a Lease,
    tenant: &'a Tenant,
    progress: &'a Progress,
    stop: &'a Stop,
}

impl Night<'_> {
    /// The tenant's passes, between the notes of their run.
    async fn run(&self, options: &Options, report: &mut Report) -> Result<(), PassError> {
        let AppContext { archive, clock, .. } = self.stores;
        let as_of = options.as_of;
        let mut tx = archive.write().await?;
        self.lease.renew(&mut tx).await?;
        let run = job_runs::begin(&mut tx, self.tenant.id, as_of, clock.now()).await?;
        if options.retry_texts {
            rescan_texts::forgive(&mut tx, self.tenant.id).await?;
        }
        tx.commit().await?;

        let ended = self.passes(as_of, report).await;
        if let Err(error) = &ended {
            let waiting = self.explain(error, as_of).await.ok();
            report.stop(error, waiting);
        }

        // Why the pass stopped outweighs that nobody could note it.
        let noted = self.end(run, ended.is_ok(), report).await;
        ended.and(noted.map_err(PassError::from))
    }

    async fn end(&self, run: RunId, is_done: bool, report: &mut Report) -> store::Result<()> {
        let mut tx = self.stores.archive.write().await?;
        rescan_texts::tell(&mut tx, self.tenant.id, report).await?;
        let status = match is_done {
            true if report.is_incomplete() => RunStatus::Incomplete,
            true => RunStatus::Succeeded,
            false => RunStatus::Failed,
        };
        job_runs::end(&mut tx, self.tenant.id, run, status, report, self.stores.clock.now()).await?;
        tx.commit().await
    }

    /// Says in the requests that a stopped pass holds why they wait. Answers how many wait that are due: it has none of them
    /// let go, since the next start goes on with them.
    async fn explain(&self, error: &PassError, as_of: DateTime<Utc>) -> Result<u64, PassError> {
        let mut tx = self.stores.archive.write().await?;
        self.lease.renew(&mut tx).await?;
        sql::explain(&mut tx, self.tenant.id, error.code(), self.stores.clock.now()).await?;
        let waiting = sql::waiting(&mut tx, self.tenant.id, as_of).await?;
        tx.commit().await?;
        Ok(waiting)
    }

    async fn passes(&self, as_of: DateTime<Utc>, report: &mut Report) -> Result<(), PassError> {
        report.stopped_at = Some("claim".to_owned());
        let unfinished = sql::unfinished_pass(&mut self.stores.archive.read().await?, self.tenant.id).await?;
        if let Some(pass) = unfinished {
            report.resumed = true;
            self.pass(Some(pass), as_of, report).await?;
        }
        let pass = self.pass(None, as_of, report).await?;
        let Self { stores, shelf, lease, tenant, stop, .. } = self;
        let room = delete_content::PassContext { stores, shelf, lease, tenant: tenant.id, pass };
        report.stopped_at = Some("rescan".to_owned());
        if rescan_texts::retry(room, report, stop).await? {
            // Requests that waited for these texts only, and all others that wait: they count once.
            report.requests_failed = 0;
            self.pass(None, as_of, report).await?;
        }
        report.stopped_at = Some("scrub".to_owned());
        report.scrubbed = self.scrub().await?;
        report.stopped_at = None;
        Ok(())
    }

    /// Brings a pass to its end: one that was begun, or a new one. A transaction that lost against another one is undone, as
    /// if the job had been killed in it, so the pass goes on from the step that it has noted.
    async fn pass(
        &self,
        mut begun: Option<Pass>,
        as_of: DateTime<Utc>,
        report: &mut Report,
    ) -> Result<PassId, PassError> {
        for _ in 0..MOST_LOST {
            match self.attempt(begun, as_of, report).await {
                Err(error) if error.is_contended() => {
                    tracing::warn!(tenant = %self.tenant.slug, step = report.stopped_at, "A transaction of the pass lost against another one, retrying");
                }
                ended => return ended,
            }
            begun = sql::unfinished_pass(&mut self.stores.archive.read().await?, self.tenant.id).await?;
        }
        self.attempt(begun, as_of, report).await
    }

    async fn attempt(
        &self,
        begun: Option<Pass>,
        as_of: DateTime<Utc>,
        report: &mut Report,
    ) -> Result<PassId, PassError> {
        let pass = if let Some(pass) = begun {
            pass
        } else {
            let pass = Pass { id: PassId::new(), as_of, step: Step::Claimed, position: 0, position_at: None };
            self.progress.step(&self.tenant.slug, "claim");
            claim::claim(self.stores, self.lease, self.tenant.id, pass).await?
        };
        let id = pass.id;
        self.go_on(pass, report).await?;
        Ok(id)
    }

    /// Brings a pass from the last step it did to its end.
    async fn go_on(&self, mut pass: Pass, report: &mut Report) -> Result<(), PassError> {
        let Self { stores, shelf, lease, tenant, progress, stop } = self;
        let room = delete_content::PassContext { stores, shelf, lease, tenant: tenant.id, pass: pass.id };
        loop {
            report.stopped_at = Some(pass.step.next().to_owned());
            if stop.is_asked() {
                return Err(PassError::Stopped);
            }
            let id = tenant.id;
            pass.step = match pass.step {
                Step::Claimed => {
                    progress.step(&tenant.slug, "texts");
                    rescan_texts::catch_up(room, report, stop).await?;
                    progress.step(&tenant.slug, "content");
                    delete_content::delete(room, report, stop).await?;
                    Step::Emptied
                }
                Step::Emptied => {
                    progress.step(&tenant.slug, "erasures");
                    claim::erase(stores, lease, id, &pass, report).await?;
                    Step::Fenced
                }
                Step::Fenced => {
                    plan::plan(stores, lease, id, &pass).await?;
                    Step::Planned
                }
                Step::Planned => {
                    progress.step(&tenant.slug, "cut");
                    unlink::cut(stores, lease, id, &pass, report, (progress, stop)).await?;
                    Step::Cut
                }
                Step::Cut => {
                    progress.step(&tenant.slug, "finish");
                    finish::finish(stores, lease, id, &pass, report, stop).await?;
                    Step::Finished
                }
                Step::Finished => {
                    progress.step(&tenant.slug, "retention");
                    retention::expire(room, tenant, &pass, report, stop).await?;
                    progress.step(&tenant.slug, "sweep");
                    gc_identifiers::sweep(stores, lease, id, &pass, report).await?;
                    Step::Swept
                }
                Step::Swept => {
                    gc_identifiers::retire(stores, lease, id, &pass).await?;
                    Step::Retired
                }
                Step::Retired => {
                    gc_identifiers::delete(stores, lease, id, &pass, report).await?;
                    Step::Deleted
                }
                Step::Deleted => {
                    gc_objects::sweep(room, &pass, report).await?;
                    progress.step(&tenant.slug, "purge");
                    return purge::purge(stores, lease, tenant, &pass, report).await;
                }
            };
        }
    }

    /// Leaves nothing of what was cut in free pages or the write-ahead log.
    async fn scrub(&self) -> Result<bool, PassError> {
        let archive = self.stores.archive.scrub(Sql::per("VACUUM mentions", "")).await?;
        let vault = self.stores.vault.scrub(Sql::per("VACUUM identifiers, content_keys", "")).await?;
        Ok(archive && vault)
    }
}

/// What a pass would do for one tenant.
#[derive(Debug)]
pub struct Forecast {
    pub tenant: Tenant,
    pub requests: u64,
    /// What they select in each target.
    pub targets: Vec<(Target, Hits)>,
    /// The content that they delete, by kind.
    pub deleted: BTreeMap<ContentKind, u64>,
    /// The content that they leave without its customer, by kind.
    pub unfindable: BTreeMap<ContentKind, u64>,
    pub retention: Retention,
    /// The content that retention deletes, by kind.
    pub expired: BTreeMap<ContentKind, u64>,
    /// Done requests that are deleted for their age.
    pub requests_purged: u64,
}

/// What a pass as of an instant would do, without doing it: no lease, nothing written.
pub async fn preview(stores: &AppContext, options: &Options) -> Result<Vec<Forecast>, PassError> {
    let mut tx = stores.archive.read().await?;
    let mut tenants = tenants::list(&mut tx).await?;
    tenants.retain(|tenant| options.tenant.is_none_or(|only| only == tenant.id));
    let mut forecasts = Vec::new();
    for tenant in tenants {
        let targets = Target::ALL.into_iter().map(|target| (target, Hits::default())).collect();
        let retention = tenant.settings.recordings.retention(options.as_of);
        let expired = retention::forecast(&mut tx, &tenant, options.as_of).await?;
        let requests_purged = purge::forecast(&mut tx, &tenant, options.as_of).await?;
        let (deleted, unfindable) = (BTreeMap::new(), BTreeMap::new());
        let mut forecast =
            Forecast { tenant, requests: 0, targets, deleted, unfindable, retention, expired, requests_purged };
        let mut after = None;
        loop {
            let due = sql::due(&mut tx, forecast.tenant.id, options.as_of, after, claim::BATCH).await?;
            let Some(last) = due.last() else { break };
            after = Some(last.id);
            forecast.requests += due.len() as u64;
            forecast.add(&mut tx, &due).await?;
        }
        forecasts.push(forecast);
    }
    Ok(forecasts)
}

impl Forecast {
    async fn add(&mut self, tx: &mut Tx<Archive>, due: &[sql::Claimed]) -> Result<(), PassError> {
        let tenant = self.tenant.id;
        for (target, sum) in &mut self.targets {
            let selected = selected(due, |request| request.targets.contains(*target));
            sum.add(archive::selector::count(tx, tenant, *target, &selected).await?);
        }
        for (sum, goes) in [(&mut self.deleted, true), (&mut self.unfindable, false)] {
            let selected =
                selected(due, |request| request.targets.contains(Target::Archive) && request.delete_content == goes);
            for (kind, count) in content_of(tx, tenant, &selected).await? {
                *sum.entry(kind).or_default() += count;
            }
        }
        Ok(())
    }
}

/// The identifiers of some requests, each up to its cut-off.
fn selected(due: &[sql::Claimed], which: impl Fn(&sql::Claimed) -> bool) -> Vec<(IdentifierId, DateTime<Utc>)> {
    let requests = due.iter().filter(|request| which(request));
    requests.flat_map(|request| request.identifiers().map(|id| (id, request.due_at))).collect()
}
