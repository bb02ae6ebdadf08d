//! `lethe replay`: a restored database forgets again what it had forgotten.
//!
//! A replay is an ordinary pass over the entries of the journal. Before the pass, the vault gets the erasures that it
//! lacks, decisions of calls are carried out, and the requests of the entries are given to the pass. After the pass, both
//! databases know the objects. Everything can be repeated, so a killed replay is run again.
//!
//! An identifier that the vault does not know is never taken for forgotten, since it may belong to a living customer
//! of the lost days. It is reported only.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::look::{self, Look, TenantLook};
use super::lost;
use super::replayed::Replay;
use super::settle::{GRACE, settle};
use crate::base::id::{PassId, RequestId, TenantId};
use crate::content::{self, ContentError, ContentStore};
use crate::journal::{Body, KnownObject, ObjectKind, Selection};
use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::lease::{self, Lease};
use crate::nightly::model::{Ending, Pass, PassError, PassResult, Step, Stop};
use crate::nightly::progress::Progress;
use crate::nightly::report::Report;
use crate::nightly::{pass, sql};
use crate::requests::repeat::{self, RepeatedRequest};
use crate::tenants::{Tenant, fence};
use crate::vault::{self, AppContext, Erasure, RepeatedErasure};

#[derive(Clone, Copy, Debug)]
pub struct ReplayOptions {
    pub tenant: Option<TenantId>,
    /// Whether nothing is written.
    pub dry_run: bool,
}

/// The outcome of a replay for a tenant, or its forecast.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReplayReport {
    pub dry_run: bool,
    /// The reason why a database counts as restored. Without one, only decisions of calls were carried out.
    pub behind: Option<String>,
    /// Whether the archive was restored. Then the tenant's settings, policies, recipients, and webhooks are those of
    /// the backup.
    pub settings_restored: bool,
    /// The objects that the archive or the vault did not know.
    pub objects: usize,
    /// The requests that the objects of passes name.
    pub requests: u64,
    /// The requests that became done again.
    pub requests_done: u64,
    /// The requests that stay waiting. Each has its reason in `last_error`.
    pub requests_failed: u64,
    pub requests_cancelled: u64,
    pub requests_edited: u64,
    /// The legal holds that were placed or released again. Their references are lost: see `GET /holds`.
    pub holds: u64,
    /// The requests that were entered after the backup and are lost with it. Enter them again.
    pub lost_requests: Vec<RequestId>,
    pub anonymized: std::collections::BTreeMap<String, u64>,
    pub content_deleted: u64,
    /// The texts that were rescanned after the backup and were found again by their newest objects.
    pub texts_found: u64,
    /// Identifiers of the archive that the vault does not know. They belong to the lost days, and nothing is forgotten
    /// because of them.
    pub dangling: u64,
    /// Requests whose numbers differ from those before the restore, because the lost days had changed records.
    pub differing: Vec<RequestId>,
    pub error: Option<String>,
}

/// Replays the journal for each tenant whose database was restored.
pub async fn replay(
    app: &Arc<AppContext>,
    content_store: &Arc<ContentStore>,
    options: ReplayOptions,
    progress: &Progress,
    stop: &Stop,
) -> PassResult<(Ending, Vec<(Tenant, ReplayReport)>)> {
    let Look { tenants, damage, .. } = look::look(app).await?;
    if let Some(damage) = damage {
        return Err(PassError::JournalDamaged(damage));
    }
    let (mut ending, mut reports) = (Ending::Done, Vec::new());
    for look in tenants.into_iter().filter(|one| options.tenant.is_none_or(|only| only == one.tenant.id)) {
        let tenant = look.tenant.clone();
        let mut report = ReplayReport {
            dry_run: options.dry_run,
            behind: look.behind.clone(),
            settings_restored: look.behind.is_some() && !look.not_in_archive.is_empty(),
            ..Default::default()
        };
        let job = ReplayJob { app, content_store, progress, stop };
        let ended = if let Err(error) = look.tenant.check_readable() {
            Err(error.into())
        } else if look.behind.is_none() {
            if options.dry_run { Ok(()) } else { job.settle_calls(&look, &mut report).await }
        } else if look.is_too_old {
            Err(PassError::BackupTooOld(look.behind.unwrap_or_default()))
        } else if options.dry_run {
            job.foretell(&look, &mut report).await
        } else {
            job.run(look, &mut report).await
        };
        ending = ending.max(match &ended {
            Ok(()) if report.requests_failed > 0 => Ending::Incomplete,
            Ok(()) => Ending::Done,
            Err(error) => {
                tracing::error!(tenant = %tenant.slug, %error, "The replay failed");
                report.error = Some(error.code().to_owned());
                // Another process works for the tenant, so nothing was replayed yet.
                if matches!(error, PassError::LeaseLost) { Ending::Unavailable } else { error.ending() }
            }
        });
        reports.push((tenant, report));
    }
    Ok((ending, reports))
}

struct ReplayJob<'j> {
    app: &'j Arc<AppContext>,
    content_store: &'j Arc<ContentStore>,
    progress: &'j Progress,
    stop: &'j Stop,
}

impl ReplayJob<'_> {
    /// Counts what a replay would do.
    async fn foretell(&self, look: &TenantLook, report: &mut ReplayReport) -> PassResult<()> {
        report.objects = entries(look).len() + look.contents.len();
        if !vault::has_keys(&mut self.app.vault.read().await?, look.tenant.id).await? {
            return Ok(());
        }
        for object in of_archive(look) {
            report.requests += RepeatedRequest::of(&self.selections(look, object).await?).len() as u64;
        }
        Ok(())
    }

    /// Carries out what calls have decided. The databases were not restored, or nothing but calls was lost: those are not
    /// told from the calls of a killed process, so the lost requests are listed for both.
    async fn settle_calls(&self, look: &TenantLook, report: &mut ReplayReport) -> PassResult<()> {
        let settled = settle(self.app, self.content_store, look, Some(GRACE), &BTreeMap::new()).await?;
        report.requests_cancelled = settled.cancelled;
        report.requests_edited = settled.edited;
        report.holds = settled.holds;
        report.lost_requests = settled.lost;
        report.content_deleted = settled.content_deleted;
        lost::reserve(self.app, look.tenant.id).await
    }

    async fn run(&self, look: TenantLook, report: &mut ReplayReport) -> PassResult<()> {
        let Some(lease) = self.lease(&look.tenant).await? else { return Err(PassError::LeaseLost) };
        let tenant = look.tenant.clone();
        let mut replay = Replay::default();
        let ended = self.run_leased(&look, &lease, &tenant, &mut replay, report).await;
        // If the lease cannot be released, it ends by itself.
        let _ = lease.release(&self.app.archive).await;
        if let Ok(differing) = replay.differing.lock() {
            report.differing.clone_from(&differing);
        }
        ended?;
        report.dangling = lost::count(self.app, tenant.id).await?;
        look::look(self.app).await?;
        Ok(())
    }

    /// The tenant's lease, also if a killed process still has it.
    async fn lease(&self, tenant: &Tenant) -> PassResult<Option<Lease>> {
        if let Some(lease) = Lease::take(&self.app.archive, tenant.id).await? {
            return Ok(Some(lease));
        }
        lease::wait_for_a_term(self.stop).await;
        Ok(Lease::take(&self.app.archive, tenant.id).await?)
    }

    async fn run_leased(
        &self,
        look: &TenantLook,
        lease: &Lease,
        tenant: &Tenant,
        replay: &mut Replay,
        report: &mut ReplayReport,
    ) -> PassResult<()> {
        let Self { app, content_store, progress, stop } = *self;
        app.keysets.adopt(&app.vault, tenant.id, app.journal.wrapped_keys(tenant.id).await?).await?;
        self.repeat_erasures(look).await?;
        failpoint::reach("replay.erasures");
        let begun = self.begin(look).await?;
        failpoint::reach("replay.begun");
        report.texts_found = self.find_texts(tenant.id).await?;
        // The vault may have forgotten the person of a hold that is released again.
        let requests = self.read_requests(look, replay).await?;
        let settled = settle(app, content_store, look, None, &replay.masks).await?;
        report.requests_cancelled = settled.cancelled;
        report.requests_edited = settled.edited;
        report.holds = settled.holds;
        report.lost_requests = settled.lost;
        report.content_deleted = settled.content_deleted;
        lost::reserve(app, tenant.id).await?;
        failpoint::reach("replay.settled");
        replay.entries = entries(look);
        replay.entries.extend(begun.as_ref().map(|object| object.entry));
        replay.entries.dedup();
        report.objects = replay.entries.len() + look.contents.len();
        let id = begun.and_then(|object| object.header.pass).unwrap_or_default();
        let unfinished = sql::steps(&mut app.archive.read().await?, tenant.id).await?.contains_key(&id);
        report.requests = requests.len() as u64;
        let context = PassContext { app, content_store, tenant, lease, progress, stop, replay: Some(&*replay) };
        let begun = if unfinished {
            sql::unfinished(&mut context.read().await?, tenant.id).await?
        } else {
            Some(self.claim(&context, id, &requests).await?)
        };
        failpoint::reach("replay.claimed");
        let mut done = Report::default();
        let ended = pass::run(&context, begun, app.clock.now(), &mut done).await;
        report.requests_done = done.requests_done;
        report.requests_failed = done.requests_failed;
        report.anonymized = done.anonymized;
        let given_again: Vec<RequestId> = requests.iter().map(|one| one.id).collect();
        report.lost_requests.retain(|id| !given_again.contains(id));
        ended
    }

    /// Finds the newest objects of rescanned texts. An object store that is unavailable or was not restored delays nobody's
    /// erasure: a rescan of such a text, and the nightly check of content, look again.
    async fn find_texts(&self, tenant: TenantId) -> PassResult<u64> {
        match content::text::find_replaced(self.app, self.content_store, tenant).await {
            Err(ContentError::Object(error)) => {
                tracing::warn!(%error, "Finding rescanned texts failed; the next nightly job retries");
                Ok(0)
            }
            found => Ok(found?),
        }
    }

    /// Adds the erasures that the vault lacks, by their keyed hashes. No age is looked at here: one that is too old is
    /// deleted by the purge of the next pass, which alone knows the rule.
    async fn repeat_erasures(&self, look: &TenantLook) -> PassResult<()> {
        let both =
            look.not_in_vault.iter().chain(of_archive(look)).filter(|one| one.entry.kind == ObjectKind::Erasures);
        for object in both {
            let selections = self.selections(look, object).await?;
            let erasures: Vec<_> = selections
                .iter()
                .filter(|one| one.identifier.is_some())
                .map(|one| RepeatedErasure {
                    request: one.request,
                    index: one.index,
                    erasure: Erasure { cutoff: one.cutoff, targets: one.targets },
                })
                .collect();
            let mut tx = self.app.vault.write().await?;
            vault::erase_again(&mut tx, look.tenant.id, &erasures).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// The object of this replay: that of a killed one, or a new one. An archive from before the replay is known by it.
    async fn begin(&self, look: &TenantLook) -> PassResult<Option<KnownObject>> {
        let begun = look.not_in_archive.iter().chain(&look.not_in_vault);
        let begun = begun.filter(|one| one.entry.kind == ObjectKind::Replay).max_by_key(|one| one.entry.seq);
        if let Some(begun) = begun {
            return Ok(Some(begun.clone()));
        }
        let (app, pass) = (self.app, PassId::new());
        let keyset = app.keysets.get(&app.vault, look.tenant.id).await?;
        app.journal.append(keyset.journal(), Some(pass), ObjectKind::Replay, &Body::Nothing, app.clock.now()).await?;
        Ok(app.journal.of_pass(pass).await?.into_iter().find(|one| one.entry.kind == ObjectKind::Replay))
    }

    /// Reads the requests of all objects that the archive has to repeat, and notes masks and numbers.
    async fn read_requests(&self, look: &TenantLook, replay: &mut Replay) -> PassResult<Vec<RepeatedRequest>> {
        let mut requests = Vec::new();
        for object in of_archive(look) {
            let selections = self.selections(look, object).await?;
            let own = selections.iter().filter(|one| one.interaction.is_none());
            replay.masks.extend(own.filter_map(|one| Some((one.identifier?, one.mask.clone()))));
            requests.extend(RepeatedRequest::of(&selections));
        }
        requests.sort_by_key(|one| one.id);
        requests.dedup_by_key(|one| one.id);
        let keyset = self.app.keysets.get(&self.app.vault, look.tenant.id).await?;
        for object in look.not_in_archive.iter().filter(|one| one.entry.kind == ObjectKind::Finishing) {
            if let Body::Outcomes(outcomes) = self.app.journal.body(keyset.journal(), object.entry.seq).await? {
                replay.outcomes.extend(outcomes.into_iter().map(|one| (one.request, one)));
            }
        }
        Ok(requests)
    }

    /// Gives the requests to a new pass, which replaces all unfinished ones, and changes the epoch: no write from before
    /// the restore is admitted any more.
    async fn claim(&self, context: &PassContext<'_>, id: PassId, requests: &[RepeatedRequest]) -> PassResult<Pass> {
        let (app, tenant) = (self.app, context.tenant.id);
        let now = app.clock.now();
        let pass = Pass { id, as_of: now, step: Step::Claimed, position: 0, position_at: None };
        let mut tx = context.begin().await?;
        sql::replace_all(&mut tx, tenant, id).await?;
        repeat::release_all(&mut tx, tenant).await?;
        sql::insert(&mut tx, tenant, &pass).await?;
        for chunk in requests.chunks(500) {
            repeat::claim_again(&mut tx, tenant, id, chunk, now).await?;
        }
        let deleted = context.replay.into_iter().flat_map(|replay| replay.outcomes.values());
        let deleted: Vec<_> =
            deleted.filter(|one| one.content_deleted > 0).map(|one| (one.request, one.content_deleted)).collect();
        for chunk in deleted.chunks(500) {
            repeat::set_deleted(&mut tx, tenant, chunk).await?;
        }
        fence::advance(&mut tx, tenant).await?;
        failpoint::reach("replay.before-commit");
        tx.commit().await?;
        Ok(pass)
    }

    async fn selections(&self, look: &TenantLook, object: &KnownObject) -> PassResult<Vec<Selection>> {
        let keyset = self.app.keysets.get(&self.app.vault, look.tenant.id).await?;
        match self.app.journal.body(keyset.journal(), object.entry.seq).await? {
            Body::Selections(selections) => Ok(selections),
            _ => Ok(Vec::new()),
        }
    }
}

/// The objects with requests that the archive has to repeat: those that it does not know, and those of its unfinished
/// passes, which the replay takes over.
fn of_archive(look: &TenantLook) -> impl Iterator<Item = &KnownObject> {
    let missing = look.not_in_archive.iter().filter(|one| one.entry.kind == ObjectKind::Erasures);
    missing.chain(&look.unfinished)
}

/// The rows that the databases lack.
fn entries(look: &TenantLook) -> Vec<crate::journal::JournalEntry> {
    let mut entries: Vec<_> = look.not_in_archive.iter().chain(&look.not_in_vault).map(|object| object.entry).collect();
    entries.sort_by_key(|entry| entry.seq);
    entries.dedup();
    entries
}
