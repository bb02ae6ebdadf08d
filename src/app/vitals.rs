//! Readiness, and the metrics that are read from the databases when they are collected.

use std::sync::{Arc, Mutex};

use actix_web::web::Data;
use chrono::{DateTime, Utc};

use super::journal_watch::JournalWatch;
use crate::audit;
use crate::base::memory::MemoryUse;
use crate::delivery;
use crate::http::health::Health;
use crate::journal::State;
use crate::nightly::{self, Report, Run, RunStatus};
use crate::requests;
use crate::store::{Db, Migrations, PoolUse, pending_migrations};
use crate::telemetry::Metrics;
use crate::tenants;
use crate::vault::AppContext;
use crate::webhooks;

/// The number of a tenant's latest runs that are read.
const RUNS: u32 = 20;

/// Readiness means that both databases can be written and are migrated.
pub fn health(stores: &Data<AppContext>, watch: &Arc<JournalWatch>, metrics: &Metrics) -> Health {
    let watch = Arc::clone(watch);
    let asked = Arc::clone(stores);
    let (observed, metrics) = (Arc::clone(stores), metrics.clone());
    let since = Arc::new(Mutex::new(stores.clock.now()));
    Health::new(move || {
        let stores = Arc::clone(&asked);
        Box::pin(async move { ready(&stores).await })
    })
    .journaled(move || watch.health())
    .observing(move || {
        let (stores, metrics, since) = (Arc::clone(&observed), metrics.clone(), Arc::clone(&since));
        Box::pin(async move {
            if let Err(error) = observe(&stores, &metrics, &since).await {
                tracing::warn!(%error, "Reading some metrics failed; their values are not up to date");
            }
        })
    })
}

/// Whether both databases can be written and are migrated, or the reason why not.
pub async fn ready(stores: &AppContext) -> Result<(), String> {
    check("archive", &stores.archive).await?;
    check("vault", &stores.vault).await
}

async fn check<S: Migrations>(name: &str, db: &Db<S>) -> Result<(), String> {
    match pending_migrations(db).await.map_err(|error| format!("{name}: {error}"))? {
        0 => db.probe().await.map_err(|error| format!("{name}: {error}")),
        missing => Err(format!("{name}: {missing} migrations are missing: run lethe migrate")),
    }
}

/// The numbers of content of a run, by the outcomes of the metric.
const fn of_content(report: &Report) -> [(&'static str, u64); 8] {
    [
        ("deleted", report.content_deleted),
        ("anonymized", report.texts_anonymized),
        ("reread", report.texts_reread),
        ("failed", report.texts_failed),
        ("expired", report.content_expired),
        ("left", report.content_left),
        ("swept", report.objects_swept),
        ("lost", report.rows_without_object),
    ]
}

/// Counts the rows, findings, and content of a run.
fn count_run(metrics: &Metrics, report: &Report) {
    for (target, rows) in &report.anonymized {
        metrics.cut(target, *rows);
    }
    let scan = &report.scan;
    for (class, count) in [("residue", scan.residue), ("exposed", scan.exposed)] {
        metrics.scan_findings(class, count);
    }
    for (outcome, pieces) in of_content(report) {
        metrics.content(outcome, pieces);
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a century fit")]
fn seconds_since(at: DateTime<Utc>, now: DateTime<Utc>) -> f64 {
    (now - at).num_seconds() as f64
}

async fn observe(
    stores: &AppContext,
    metrics: &Metrics,
    since: &Mutex<DateTime<Utc>>,
) -> Result<(), tenants::TenantError> {
    for (database, PoolUse { in_use, idle }) in
        [("archive", stores.archive.pool_use()), ("vault", stores.vault.pool_use())]
    {
        metrics.connections(database, in_use, idle);
    }
    let standing = &stores.journal.standing;
    metrics.journal(State::ALL.map(|state| (state.as_str(), state == standing.state())), standing.failures());
    for MemoryUse { pool, size, drawn } in stores.memory.usage() {
        metrics.memory(pool, size, drawn);
    }
    let now = stores.clock.now();
    let since = since.lock().map_or(now, |mut since| std::mem::replace(&mut since, now));
    let mut tx = stores.archive.read().await?;
    let (mut oldest, mut unsealed, mut last_pass) = (0.0_f64, 0.0_f64, None::<DateTime<Utc>>);
    let (mut pending, mut held) = (0, 0);
    let (mut messages, mut oldest_message) = (0, 0.0_f64);
    for tenant in tenants::list(&mut tx).await? {
        if let Some(waiting) = requests::oldest_waiting(&mut tx, tenant.id).await? {
            oldest = oldest.max(seconds_since(waiting, now));
        }
        if let Some(at) = audit::oldest_unsealed(&mut tx, tenant.id).await? {
            unsealed = unsealed.max(seconds_since(at, now));
        }
        let waiting = delivery::waiting(&mut tx, tenant.id).await?;
        (pending, held) = (pending + waiting.0, held + waiting.1);
        let backlog = webhooks::backlog(&mut tx, tenant.id).await?;
        messages += backlog.pending;
        oldest_message = backlog.oldest.map_or(oldest_message, |at| oldest_message.max(seconds_since(at, now)));
        let runs = nightly::list(&mut tx, tenant.id, None, RUNS).await?;
        let succeeded = runs.iter().filter(|run| run.status == RunStatus::Succeeded).find_map(|run| run.finished_at);
        // The metric shows the tenant whose last success is the oldest.
        last_pass = [last_pass, succeeded].into_iter().flatten().min();
        let has_ended = |run: &&Run| run.finished_at.is_some_and(|at| at > since && at <= now);
        for run in runs.iter().filter(has_ended) {
            count_run(metrics, &run.report);
        }
    }
    metrics.oldest_waiting(oldest);
    metrics.oldest_unsealed(unsealed);
    metrics.deliveries("pending", pending);
    metrics.deliveries("held", held);
    metrics.webhooks_pending(messages, oldest_message);
    if let Some(at) = last_pass {
        metrics.pass_succeeded(at);
    }
    Ok(())
}
