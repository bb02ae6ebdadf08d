//! `lethe scan`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::COMMAND_LINE;
use super::exit::{CommandError, Exit};
use super::files;
use super::job::{check_in_step, find, open};
use super::output::print;
use crate::app;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::config::Config;
use crate::content::ContentStore;
use crate::nightly::PassError;
use crate::scan::{self, FileReport, FoundPlace, ScanReport, Scanner};
use crate::tenants::{self, Tenant};
use crate::vault::AppContext;

/// The options of a scan.
#[derive(Args)]
pub struct ScanArguments {
    /// Work for this tenant only
    #[arg(long, value_name = "SLUG")]
    pub tenant: Option<String>,
    /// Read the whole archive, not only what changed and the next part of the rest
    #[arg(long, conflicts_with = "files")]
    pub full: bool,
    /// Read this file instead of the archive, such as a dump, a log, or a write-ahead log; may be given several times
    #[arg(long = "file", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Name the positions in files
    #[arg(long)]
    pub places: bool,
    /// Report as JSON lines
    #[arg(long)]
    pub json: bool,
}

pub async fn run(config: &Config, arguments: ScanArguments) -> Result<Exit, CommandError> {
    // A scan takes long, so a name that is wrong ends it before the first file.
    for file in &arguments.files {
        files::check(file)?;
    }
    let stores = open(config).await?;
    // A restored archive contains everybody who was forgotten since. Other errors of the journal do not matter to a
    // scan.
    if let Err(error @ CommandError::Night(PassError::ReplayNeeded(_))) =
        check_in_step(&stores, arguments.tenant.as_deref()).await
    {
        return Err(error);
    }
    let content_store = app::content_store(config);
    let tenants = match &arguments.tenant {
        Some(slug) => vec![find(&stores, slug).await?],
        None => tenants::list(&mut stores.archive.read().await?).await?,
    };
    tenants.iter().try_for_each(Tenant::check_readable)?;
    let mut has_findings = false;
    for tenant in &tenants {
        if arguments.files.is_empty() {
            has_findings |= scan_archive(&stores, &content_store, tenant, &arguments).await?;
        }
        for file in &arguments.files {
            has_findings |= scan_file(&stores, tenant, file, &arguments).await?;
        }
    }
    Ok(if has_findings { Exit::Incomplete } else { Exit::Done })
}

async fn scan_archive(
    stores: &AppContext,
    content_store: &ContentStore,
    tenant: &Tenant,
    arguments: &ScanArguments,
) -> Result<bool, CommandError> {
    let now = stores.clock.now();
    let mut round = scan::round(&mut stores.archive.read().await?, tenant.id, now).await?;
    let mut scanner = Scanner::open(stores, content_store, tenant, &|| false).await?;
    if arguments.full {
        scanner.whole(&mut round).await?;
    } else {
        scanner.changes(&mut round).await?;
        scanner.part(&mut round).await?;
    }
    let report = scanner.finish();
    let mut tx = stores.archive.write().await?;
    scan::record(&mut tx, tenant.id, &round, &report).await?;
    let rows = usize::try_from(report.counts.rows).unwrap_or(usize::MAX);
    let entry = Entry::new(Action::ArchiveScanned, rows, json!({ "counts": report.counts, "full": arguments.full }));
    audit::record(&mut tx, stores.clock, &Actor::service(tenant.id, COMMAND_LINE), &entry).await?;
    tx.commit().await?;
    show(tenant, None, &report, true, arguments.json);
    Ok(report.has_findings())
}

async fn scan_file(
    stores: &AppContext,
    tenant: &Tenant,
    file: &Path,
    arguments: &ScanArguments,
) -> Result<bool, CommandError> {
    let FileReport { sha256, report } = FileReport::of(stores, tenant, file).await?;
    // The name of a file may contain an identifier. The digest says which file it was.
    let detail = json!({ "counts": report.counts, "file_sha256": sha256 });
    let mut tx = stores.archive.write().await?;
    let entry = Entry::new(Action::ArchiveScanned, 0, detail);
    audit::record(&mut tx, stores.clock, &Actor::service(tenant.id, COMMAND_LINE), &entry).await?;
    tx.commit().await?;
    show(tenant, Some((file, &sha256)), &report, arguments.places, arguments.json);
    Ok(report.has_findings())
}

fn show(tenant: &Tenant, file: Option<(&Path, &str)>, report: &ScanReport, with_places: bool, json: bool) {
    let places = if with_places { report.places.as_slice() } else { Default::default() };
    if json {
        let mut line = json!(report.counts);
        line["tenant"] = json!(tenant.slug);
        line["unclassified"] = json!(report.unclassified);
        line["places"] = json!(places);
        if let Some((path, sha256)) = file {
            line["file"] = Value::String(path.display().to_string());
            line["sha256"] = json!(sha256);
        }
        print(&line.to_string());
        return;
    }
    let counts = &report.counts;
    let what = file.map_or_else(|| "the archive".to_owned(), |(path, _)| path.display().to_string());
    print(&format!(
        "{}: {what}: {} rows, {} texts, and {} bytes were searched: residue {} (control group {}), exposed {} (control \
         group {}), coincidences {}",
        tenant.slug,
        counts.rows,
        counts.objects,
        counts.bytes,
        counts.residue,
        counts.residue_control,
        counts.exposed,
        counts.exposed_control,
        counts.coincidence
    ));
    for (kind, count) in &counts.unreadable {
        print(&format!("{}: unreadable\t{kind}\t{count}", tenant.slug));
    }
    for column in &report.unclassified {
        print(&format!("{}: unclassified_column\t{}\t{}", tenant.slug, column.table, column.column));
    }
    for place in places {
        print(&format!("{}: {}", tenant.slug, line_of(place)));
    }
}

fn line_of(place: &FoundPlace) -> String {
    let FoundPlace { class, table, column, record, offset } = place;
    let named = [table, column, record].into_iter().flatten().cloned();
    let offset = offset.map(|offset| format!("byte {offset}"));
    let words: Vec<_> = [class.as_str().to_owned()].into_iter().chain(named).chain(offset).collect();
    words.join("\t")
}
