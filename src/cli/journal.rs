//! `lethe journal` and `lethe replay`.

use std::io::IsTerminal as _;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::{CommandError, Exit};
use super::job::{find, open};
use super::output::{counted, print};
use crate::app;
use crate::base::id::RequestId;
use crate::config::Config;
use crate::journal::State;
use crate::nightly::restore::{self, JournalReport, ReplayOptions, ReplayReport};
use crate::nightly::{Progress, Stop};
use crate::tenants::Tenant;

/// The options of the replay.
#[derive(Args)]
pub struct ReplayArguments {
    /// Work for this tenant only
    #[arg(long, value_name = "SLUG")]
    pub tenant: Option<String>,
    /// Write nothing, and say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Report as JSON lines
    #[arg(long)]
    pub json: bool,
}

/// The commands about the erasure journal.
#[derive(Subcommand)]
pub enum JournalCommand {
    /// Compare the journal with both databases, and verify every object
    Status {
        /// Report as JSON
        #[arg(long)]
        json: bool,
    },
}

pub async fn run(config: &Config, command: JournalCommand) -> Result<Exit, CommandError> {
    let JournalCommand::Status { json } = command;
    let stores = open(config).await?;
    let report = restore::verify(&stores).await?;
    if json {
        let mut line = json!(report);
        let days = config.journal.backup_days;
        line["backup_days"] = json!({ "archive": days.archive, "vault": days.vault });
        print(&line.to_string());
    } else {
        show_status(&report);
    }
    Ok(match report.state {
        State::InStep | State::Off => Exit::Done,
        State::Unknown => Exit::TryAgain,
        State::Behind | State::Damaged => Exit::Configuration,
    })
}

fn show_status(report: &JournalReport) {
    let JournalReport { state, damage, objects, tenants, lost_tenants } = report;
    print(&format!("The erasure journal is {}.", state.as_str()));
    if let Some(damage) = damage {
        print(&format!("Damage: {damage}."));
    }
    if *state == State::Off {
        print("journal.off is true: a restore that brings forgotten customers back is not detected.");
    }
    for (kind, count) in objects {
        print(&format!("{} of the kind {kind}", counted(*count, "object")));
    }
    for tenant in lost_tenants {
        print(&format!("The archive does not have the tenant {tenant}: its backup is older."));
    }
    for tenant in tenants {
        let behind = tenant.behind.as_deref().unwrap_or("in step");
        print(&format!(
            "{}: {behind}; {} objects are not in the archive, {} are not in the vault, {} lists of content are open",
            tenant.tenant, tenant.not_in_archive, tenant.not_in_vault, tenant.contents
        ));
    }
}

pub async fn replay(config: &Config, arguments: ReplayArguments) -> Result<Exit, CommandError> {
    let ReplayArguments { tenant, dry_run, json } = arguments;
    let stores = open(config).await?;
    if stores.journal.is_off() {
        return Err(CommandError::Usage("journal.off is true: there is no journal to replay".to_owned()));
    }
    let tenant = match tenant {
        Some(slug) => Some(find(&stores, &slug).await?.id),
        None => None,
    };
    let stop = Stop::default();
    let asked = stop.clone();
    let listening = tokio::spawn(async move {
        app::stop_asked().await;
        asked.request();
    });
    let progress = if std::io::stderr().is_terminal() && !json { Progress::bar() } else { Progress::lines() };
    let (stores, content_store) = (Arc::new(stores), Arc::new(app::content_store(config)));
    let options = ReplayOptions { tenant, dry_run };
    let (ending, reports) = restore::replay(&stores, &content_store, options, &progress, &stop).await?;
    listening.abort();
    progress.finish();
    // The first seal after the lost rows records them. Until then, the verification would report a broken log.
    if !dry_run && let Err(error) = app::sealer(config, &stores).of_replay().round().await {
        tracing::warn!(%error, "Sealing the audit logs failed; serve or the next job seals them");
    }
    for (tenant, report) in &reports {
        show_replay(tenant, report, json);
    }
    Ok(ending.into())
}

fn listed(ids: &[RequestId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn show_lost(slug: &str, report: &ReplayReport) {
    if !report.lost_requests.is_empty() {
        let ids = listed(&report.lost_requests);
        print(&format!("{slug}: the backup does not have these requests, so enter them again: {ids}"));
    }
}

fn show_settings(slug: &str, report: &ReplayReport) {
    if report.settings_restored {
        print(&format!(
            "{slug}: the archive was restored, so the tenant's settings, policies, recipients, and webhooks are those \
             of the backup; check them before the next nightly job"
        ));
    }
}

fn show_replay(tenant: &Tenant, report: &ReplayReport, json: bool) {
    if json {
        let mut line = json!(report);
        line["tenant"] = json!(tenant.slug);
        print(&line.to_string());
        return;
    }
    let slug = &tenant.slug;
    let Some(behind) = &report.behind else {
        print(&format!("{slug}: there is nothing to replay"));
        show_lost(slug, report);
        return;
    };
    if report.dry_run {
        print(&format!("{slug}: {behind}; {} objects name {} requests to replay", report.objects, report.requests));
        show_settings(slug, report);
        return;
    }
    if let Some(error) = &report.error {
        let then = if error == "backup_too_old" { "restore a newer backup" } else { "run lethe replay again" };
        print(&format!("{slug}: the replay failed: {error}; {then}"));
    }
    let targets: Vec<_> = report.anonymized.iter().map(|(target, records)| format!("{target} {records}")).collect();
    let targets = if targets.is_empty() { "no records".to_owned() } else { targets.join(", ") };
    print(&format!(
        "{slug}: {} of {} requests done again, {} left waiting, {} cancelled again, {} edited again; anonymized: \
         {targets}; {} pieces of content deleted, {} texts found again",
        report.requests_done,
        report.requests,
        report.requests_failed,
        report.requests_cancelled,
        report.requests_edited,
        report.content_deleted,
        report.texts_found
    ));
    show_lost(slug, report);
    if !report.differing.is_empty() {
        print(&format!("{slug}: requests with other numbers than before the restore: {}", listed(&report.differing)));
    }
    if report.dangling > 0 {
        print(&format!(
            "{slug}: {} identifiers of the archive are not in the vault; nothing was forgotten for them",
            report.dangling
        ));
    }
    show_settings(slug, report);
}
