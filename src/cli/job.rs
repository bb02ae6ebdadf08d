//! `lethe job nightly`.

use std::io::IsTerminal as _;
use std::sync::Arc;

use serde_json::json;

use super::args::{Job, NightlyArguments};
use super::exit::{CommandError, Exit};
use super::output::{counted, print};
use crate::app;
use crate::base::clock::microseconds;
use crate::config::Config;
use crate::nightly::restore::{self, TenantLook};
use crate::nightly::{self, Forecast, Options, PassError, Progress, Report, ScanOutcome, Stop};
use crate::tenants::{self, Retention, Tenant};
use crate::vault::AppContext;

pub async fn run(config: &Config, Job::Nightly(arguments): Job) -> Result<Exit, CommandError> {
    let NightlyArguments { as_of, tenant, dry_run, retry_texts, json } = arguments;
    let stores = open(config).await?;
    let now = stores.clock.now();
    let as_of = as_of.map_or(now, microseconds);
    if as_of > now && !dry_run && !config.development() {
        return Err(CommandError::Usage(
            "--as-of in the future is allowed with --dry-run or in development mode only".to_owned(),
        ));
    }
    let slug = tenant;
    let tenant = match &slug {
        Some(slug) => Some(find(&stores, slug).await?.id),
        None => None,
    };
    let options = Options {
        as_of,
        tenant,
        retry_texts,
        scan: config.scan.nightly,
        journal_days: config.journal.keep_days,
        audit_days: config.audit.keep_days,
    };
    if dry_run {
        check_in_step(&stores, slug.as_deref()).await?;
        return preview(&stores, &options, json).await;
    }
    let stop = Stop::default();
    let asked = stop.clone();
    let listening = tokio::spawn(async move {
        app::stop_asked().await;
        asked.request();
    });
    let progress = if std::io::stderr().is_terminal() && !json { Progress::bar() } else { Progress::lines() };
    let (stores, content_store) = (Arc::new(stores), Arc::new(app::content_store(config)));
    let (ending, reports) = nightly::run(&stores, &content_store, &options, &progress, &stop).await?;
    listening.abort();
    if let Err(error) = app::sealer(config, &stores).round().await {
        tracing::warn!(%error, "Sealing the audit logs failed; serve or the next job seals them");
    }
    for (tenant, report) in &reports {
        show(tenant, report, json);
    }
    if reports.is_empty() && !json {
        print("Nothing was done: other processes work for the tenants, or there is no tenant.");
    }
    Ok(ending.into())
}

/// The databases, with all tables that a command needs.
pub async fn open(config: &Config) -> Result<AppContext, CommandError> {
    let stores = app::open(config).await?;
    match app::pending_migrations(&stores).await? {
        0 => Ok(stores),
        missing => Err(CommandError::Unmigrated(missing)),
    }
}

/// The databases for a command that reads or sends records. Such a command does nothing if a database was restored.
pub async fn open_in_step(config: &Config, slug: Option<&str>) -> Result<AppContext, CommandError> {
    let stores = open(config).await?;
    check_in_step(&stores, slug).await?;
    Ok(stores)
}

/// Returns an error if a database of the tenant, or of any tenant, was restored.
pub async fn check_in_step(stores: &AppContext, slug: Option<&str>) -> Result<(), CommandError> {
    let look = restore::look(stores).await?;
    let is_wanted = |one: &TenantLook| slug.is_none_or(|slug| slug == one.tenant.slug);
    match look.tenants.into_iter().filter(is_wanted).find_map(|one| one.behind) {
        Some(behind) => Err(PassError::ReplayNeeded(behind).into()),
        None => Ok(()),
    }
}

/// The tenant with the slug of the command line.
pub async fn find(stores: &AppContext, slug: &str) -> Result<Tenant, CommandError> {
    let tenant = tenants::find_by_slug(&mut stores.archive.read().await?, slug).await?;
    tenant.ok_or_else(|| CommandError::Usage("the tenant does not exist: see lethe tenant list".to_owned()))
}

fn show(tenant: &Tenant, report: &Report, json: bool) {
    if json {
        let mut line = json!(report);
        line["tenant"] = json!(tenant.slug);
        print(&line.to_string());
        return;
    }
    let Report { requests_done, requests_failed, identifiers_deleted, requests_purged, .. } = report;
    let targets: Vec<_> = report.anonymized.iter().map(|(target, records)| format!("{target} {records}")).collect();
    let targets = if targets.is_empty() { "no records".to_owned() } else { targets.join(", ") };
    let waiting = if report.is_uncounted { "an unknown number".to_owned() } else { requests_failed.to_string() };
    if let Some(error) = &report.error {
        let place = report
            .stopped_at
            .as_deref()
            .map_or_else(|| "the pass did not begin".to_owned(), |step| format!("the pass failed at the step {step}"));
        let advice = if error == "replay_needed" { "run lethe replay" } else { "the next start resumes it" };
        print(&format!("{}: {place}: {error}; {advice}", tenant.slug));
    }
    print(&format!(
        "{}: {} done, {waiting} left waiting; anonymized: {targets}; {} deleted from the vault; {} purged",
        tenant.slug,
        counted(*requests_done, "request"),
        counted(*identifiers_deleted, "identifier"),
        counted(*requests_purged, "old request")
    ));
    let Report { content_deleted, texts_anonymized, content_expired, .. } = report;
    if content_deleted + texts_anonymized + content_expired > 0 {
        print(&format!(
            "{}: content: {content_deleted} deleted, {} anonymized, {content_expired} deleted by retention",
            tenant.slug,
            counted(*texts_anonymized, "text")
        ));
    }
    if report.records_aged + report.records_deleted > 0 {
        print(&format!(
            "{}: ageing: {} aged, {} deleted",
            tenant.slug,
            counted(report.records_aged, "interaction"),
            report.records_deleted
        ));
    }
    show_problems(tenant, report);
}

/// Prints the facts that an operator has to check.
fn show_problems(tenant: &Tenant, report: &Report) {
    let Report { content_left, rows_without_object, requests_overdue, .. } = report;
    if content_left + rows_without_object > 0 {
        print(&format!(
            "{}: content: the deletion of {content_left} by retention failed, and the objects of {rows_without_object} are \
             missing: check the object store",
            tenant.slug
        ));
    }
    if report.texts_failed > 0 {
        let ids: Vec<_> = report.failed_texts.iter().map(ToString::to_string).collect();
        print(&format!(
            "{}: {} failed. Later passes skip them. Delete them, or run with --retry-texts: {}",
            tenant.slug,
            counted(report.texts_failed, "text"),
            ids.join(", ")
        ));
    }
    if report.requests_held > 0 {
        print(&format!(
            "{}: {} held: a legal hold keeps selected records",
            tenant.slug,
            counted(report.requests_held, "request")
        ));
    }
    let ScanOutcome { residue, exposed, .. } = report.scan;
    if residue + exposed > 0 {
        print(&format!(
            "{}: the residue scan found {} and {exposed} others in clear: run lethe scan --full",
            tenant.slug,
            counted(residue, "erased identifier")
        ));
    }
    if *requests_overdue > 0 {
        print(&format!(
            "{}: {} overdue: waiting for longer than the retention. Check the waiting requests",
            tenant.slug,
            counted(*requests_overdue, "request")
        ));
    }
}

async fn preview(stores: &AppContext, options: &Options, json: bool) -> Result<Exit, CommandError> {
    for forecast in nightly::dry_run(stores, options).await? {
        foretell(&forecast, json);
    }
    Ok(Exit::Done)
}

fn foretell(forecast: &Forecast, json: bool) {
    let Forecast { tenant, requests, requests_held, targets, deleted, unfindable, retention, expired, requests_purged } =
        forecast;
    if json {
        let selected: serde_json::Map<_, _> =
            targets.iter().map(|(target, hits)| (target.to_string(), json!(hits.records))).collect();
        let content = json!({ "deleted": deleted, "unfindable": unfindable });
        let retention = json!({ "state": retention, "deleted": expired });
        print(
            &json!({ "tenant": tenant.slug, "dry_run": true, "requests_due": requests, "requests_held": requests_held,
                "selected": selected,
                "content": content, "retention": retention, "requests_purged": requests_purged })
            .to_string(),
        );
        return;
    }
    let targets: Vec<_> = targets.iter().map(|(target, hits)| format!("{target} {}", hits.records)).collect();
    print(&format!("{}: {} due; selected records: {}", tenant.slug, counted(*requests, "request"), targets.join(", ")));
    if *requests_held > 0 {
        print(&format!(
            "{}: {requests_held} of these will stay waiting, because a legal hold keeps selected records",
            tenant.slug
        ));
    }
    let (deleted, unfindable): (u64, u64) = (deleted.values().sum(), unfindable.values().sum());
    if deleted + unfindable > 0 {
        print(&format!(
            "{}: content: {deleted} will be deleted, {unfindable} will stay without their customer",
            tenant.slug
        ));
    }
    let kinds: Vec<_> = expired.iter().map(|(kind, count)| format!("{} {count}", kind.as_str())).collect();
    match retention {
        Retention::Off => {}
        Retention::On if kinds.is_empty() => print(&format!("{}: retention has nothing to delete", tenant.slug)),
        Retention::On => print(&format!("{}: retention will delete: {}", tenant.slug, kinds.join(", "))),
        Retention::Pending => print(&format!("{}: retention is pending and deletes nothing yet", tenant.slug)),
        Retention::Paused => print(&format!("{}: retention is paused and deletes nothing", tenant.slug)),
    }
    if *requests_purged > 0 {
        print(&format!("{}: {} will be purged", tenant.slug, counted(*requests_purged, "old request")));
    }
}
