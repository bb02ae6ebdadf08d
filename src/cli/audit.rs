//! `lethe audit`.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::exit::{CommandError, Exit};
use super::files;
use super::job::{find, open};
use super::output::print;
use crate::app;
use crate::base::id::TenantId;
use crate::config::Config;
use crate::journal::Journal;
use crate::seals::{self, CheckpointKeys, Fault, Verdict, VerifierKey};
use crate::tenants;
use crate::vault::{AppContext, SigningPurpose};

/// The commands about the audit log.
#[derive(Subcommand)]
pub enum AuditCommand {
    /// Verify the sealed audit log, in the database or in an export
    #[command(
        after_help = "Examples:\n  lethe audit verify\n  lethe audit verify --anchors file:///mnt/copy-of-the-journal\n  \
                            lethe audit verify --export audit.ndjson --keys lethe.vkey"
    )]
    Verify(AuditVerifyArguments),
    /// Show the keys that verify the checkpoints of the audit logs, one on each line
    #[command(after_help = "Example: lethe audit key --tenant acme > lethe.vkey")]
    Key {
        /// The log of this tenant only
        #[arg(long, value_name = "SLUG")]
        tenant: Option<String>,
    },
}

/// The options of the verification.
#[derive(Args)]
pub struct AuditVerifyArguments {
    /// The log of this tenant only
    #[arg(long, value_name = "SLUG", conflicts_with = "export")]
    pub tenant: Option<String>,
    /// An export of a log, instead of the database
    #[arg(long, value_name = "FILE", requires = "keys")]
    pub export: Option<PathBuf>,
    /// A file with the keys of the log, as `lethe audit key` shows them
    #[arg(long, value_name = "FILE", requires = "export")]
    pub keys: Option<PathBuf>,
    /// A place with the anchored checkpoints [default: the erasure journal]
    #[arg(long, value_name = "PLACE", conflicts_with = "export")]
    pub anchors: Option<String>,
    /// Report as JSON lines
    #[arg(long)]
    pub json: bool,
}

pub async fn run(config: &Config, command: AuditCommand) -> Result<Exit, CommandError> {
    match command {
        AuditCommand::Key { tenant } => show_keys(config, tenant.as_deref()).await,
        AuditCommand::Verify(arguments) => verify(config, arguments).await,
    }
}

/// Verifies an export. This needs no settings and no database.
pub fn verify_export(export: &Path, keys: &Path, json: bool) -> Result<Exit, CommandError> {
    let keys = files::read(keys)?;
    let keys = String::from_utf8_lossy(&keys);
    let keys = keys.lines().filter(|line| !line.trim().is_empty()).map(str::parse::<VerifierKey>);
    let keys: Vec<_> = keys.collect::<Result<_, _>>().map_err(|_| {
        CommandError::Usage("--keys must name a file with keys, as lethe audit key shows them".to_owned())
    })?;
    let mut file = BufReader::with_capacity(1 << 20, files::open(export)?);
    let verdict = seals::verify_export(&mut file, &CheckpointKeys::Named(keys))?;
    let summary = format!("{} rows agree with {} checkpoints", verdict.rows, verdict.checkpoints);
    Ok(show(None, &json!(verdict), &summary, verdict.lost, verdict.fault, json))
}

async fn verify(config: &Config, arguments: AuditVerifyArguments) -> Result<Exit, CommandError> {
    let AuditVerifyArguments { tenant, export, keys, anchors, json } = arguments;
    if let Some((export, keys)) = export.zip(keys) {
        return verify_export(&export, &keys, json);
    }
    let app = open(config).await?;
    let other = match anchors {
        Some(place) => Some(other_anchors(config, place).await?),
        None => None,
    };
    let anchors = other.as_ref().unwrap_or(&app.journal);
    let mut exit = Exit::Done;
    for (name, tenant) in logs(&app, anchors, tenant.as_deref()).await? {
        let verdict = seals::verify(&app, anchors, tenant).await?;
        let Verdict { rows, checkpoints, lost, fault, record_ids, record_ids_left, record_ids_deleted, .. } = &verdict;
        let summary = format!(
            "{rows} rows agree with {checkpoints} checkpoints; of {record_ids} ids of records {record_ids_left} are \
             left, and {record_ids_deleted} were deleted with their records"
        );
        if show(Some(&name), &json!(verdict), &summary, *lost, *fault, json) != Exit::Done {
            exit = Exit::Incomplete;
        }
        let Verdict { deleted, before_retention, .. } = &verdict;
        if *deleted > 0 && !json {
            print(&format!(
                "{name}: {deleted} older rows were deleted by retention; {before_retention} checkpoints of them were \
                 not compared"
            ));
        }
    }
    Ok(exit)
}

/// The checkpoints of another place than the journal. A place without any proves nothing.
async fn other_anchors(config: &Config, place: String) -> Result<Journal, CommandError> {
    let wrong = |why: &str| CommandError::Usage(format!("--anchors must be file:///dir or s3://bucket/prefix: {why}"));
    let anchors = app::anchors(config, place).map_err(|_| wrong("the place has another form"))?;
    if anchors.anchored_tenants().await.map_err(seals::SealError::from)?.is_empty() {
        return Err(wrong("this place has no checkpoints"));
    }
    Ok(anchors)
}

/// The logs to verify: those of the database, and those of which only anchors are left.
async fn logs(
    app: &AppContext,
    anchors: &Journal,
    only: Option<&str>,
) -> Result<Vec<(String, TenantId)>, CommandError> {
    if let Some(slug) = only {
        return Ok(vec![(slug.to_owned(), find(app, slug).await?.id)]);
    }
    let tenants = tenants::list(&mut app.archive.read().await?).await?;
    let mut logs: Vec<_> = tenants.into_iter().map(|tenant| (tenant.slug, tenant.id)).collect();
    for tenant in anchors.anchored_tenants().await.map_err(seals::SealError::from)? {
        if !logs.iter().any(|(_, known)| *known == tenant) {
            logs.push((tenant.to_string(), tenant));
        }
    }
    Ok(logs)
}

fn show(log: Option<&str>, verdict: &Value, summary: &str, lost: i64, fault: Option<Fault>, json: bool) -> Exit {
    let exit = if fault.is_none() { Exit::Done } else { Exit::Incomplete };
    if json {
        let mut line = verdict.clone();
        if let Some(log) = log {
            line["tenant"] = json!(log);
        }
        line["valid"] = json!(fault.is_none());
        print(&line.to_string());
        return exit;
    }
    let log = log.map_or_else(String::new, |log| format!("{log}: "));
    match fault {
        None => print(&format!("{log}valid: {summary}")),
        Some(Fault { seq, kind }) => {
            print(&format!("{log}broken: the row {seq} is {}", kind.as_str().replace('_', " ")));
        }
    }
    if lost > 0 {
        print(&format!("{log}{lost} rows were lost by restores, as the log says"));
    }
    exit
}

async fn show_keys(config: &Config, only: Option<&str>) -> Result<Exit, CommandError> {
    let app = open(config).await?;
    let tenants = match only {
        Some(slug) => vec![find(&app, slug).await?],
        None => tenants::list(&mut app.archive.read().await?).await?,
    };
    let versions = app.signing_keys(None, SigningPurpose::Checkpoint).await?;
    for tenant in tenants {
        let name = seals::LogName::new(&config.log_host(), tenant.id);
        for version in &versions {
            let key = VerifierKey { name: name.as_str().to_owned(), key: version.public() };
            print(&key.to_string());
        }
    }
    Ok(Exit::Done)
}
