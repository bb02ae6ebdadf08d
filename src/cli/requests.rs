//! `lethe requests`.

use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::COMMAND_LINE;
use super::exit::{CommandError, Exit};
use super::files;
use super::job::{self, find};
use super::output::{note, print};
use crate::base::actor::{Actor, Scope};
use crate::config::Config;
use crate::http::FieldError;
use crate::requests::{self, ImportRows, Imported, LONGEST_IMPORT, RequestError, RequestFilter};

/// The commands of requests.
#[derive(Subcommand)]
pub enum RequestsCommand {
    /// Enter the requests of a CSV file: all rows or none
    #[command(after_help = "Examples:\n  lethe requests import --tenant acme --dry-run requests.csv\n  \
                            lethe requests import --tenant acme requests.csv")]
    Import(RequestsImportArguments),
    /// Write all requests as CSV, newest first; each part of the list has a row in the audit log
    #[command(after_help = "Example: lethe requests export --tenant acme > requests.csv")]
    Export {
        /// The tenant that the requests belong to
        #[arg(long, value_name = "SLUG", default_value = "demo")]
        tenant: String,
    },
}

/// The options of an import of requests.
#[derive(Args)]
pub struct RequestsImportArguments {
    /// The tenant that the requests belong to
    #[arg(long, value_name = "SLUG", default_value = "demo")]
    pub tenant: String,
    /// Validate and count the rows, and enter none
    #[arg(long)]
    pub dry_run: bool,
    /// Report as JSON
    #[arg(long)]
    pub json: bool,
    /// The file, or - for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

pub async fn run(config: &Config, command: RequestsCommand) -> Result<Exit, CommandError> {
    match command {
        RequestsCommand::Import(arguments) => import(config, &arguments).await,
        RequestsCommand::Export { tenant } => export(config, &tenant).await,
    }
}

/// Enters the requests of a file: all or none.
async fn import(config: &Config, arguments: &RequestsImportArguments) -> Result<Exit, CommandError> {
    let RequestsImportArguments { tenant, dry_run, json, file } = arguments;
    let app = job::open_in_step(config, Some(tenant)).await?;
    let actor = Actor::service(find(&app, tenant).await?.id, COMMAND_LINE);
    let bytes = read(file)?;
    let imported = async {
        let rows = ImportRows::read(bytes).await?;
        if *dry_run {
            requests::dry_run(&app, &actor, &rows).await
        } else {
            requests::import(&app, &actor, &rows, None).await.map(|replayable| replayable.value)
        }
    };
    match imported.await {
        Ok(imported) => {
            show(&imported, *json);
            Ok(Exit::Done)
        }
        Err(RequestError::Invalid(errors)) => {
            refuse(&errors);
            Ok(Exit::Incomplete)
        }
        Err(error) => Err(error.into()),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, CommandError> {
    let input: Box<dyn Read> =
        if file == Path::new("-") { Box::new(std::io::stdin()) } else { Box::new(files::open(file)?) };
    let mut bytes = Vec::new();
    input.take(LONGEST_IMPORT as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > LONGEST_IMPORT {
        return Err(CommandError::Usage("the file must have at most 2 MB".to_owned()));
    }
    Ok(bytes)
}

fn show(imported: &Imported, json: bool) {
    if json {
        print(&serde_json::to_string(imported).unwrap_or_default());
        return;
    }
    let Imported { received, created, ids: _, warnings } = imported;
    print(&format!("{received} received, {created} created"));
    let mut stderr = std::io::stderr();
    for warning in warnings {
        let _ = writeln!(stderr, "line {}: {}", warning.line, warning.code);
    }
}

fn refuse(errors: &[FieldError]) {
    let mut stderr = std::io::stderr();
    for FieldError { line, column, code, detail, .. } in errors {
        let line = line.unwrap_or(1);
        let column = column.as_ref().map(|column| format!(", {column}")).unwrap_or_default();
        let _ = writeln!(stderr, "line {line}{column}: {code}: {detail}");
    }
    let _ = writeln!(stderr, "lethe: no request was entered. Correct these lines, and import the file again.");
}

/// Writes all requests of a tenant as CSV, with their identifiers in clear. Each part of them has an audit row.
async fn export(config: &Config, tenant: &str) -> Result<Exit, CommandError> {
    let app = job::open(config).await?;
    let mut actor = Actor::service(find(&app, tenant).await?.id, COMMAND_LINE);
    actor.scopes.insert(Scope::RequestsRead);
    let mut filter = RequestFilter::default();
    let mut is_first = true;
    loop {
        let (part, next) = requests::export_page(&app, &actor, &filter, is_first).await?;
        let mut stdout = std::io::stdout();
        let written = stdout.write_all(&part).and_then(|()| stdout.flush());
        let is_written = written.is_ok();
        note(written);
        (filter.cursor, is_first) = (next, false);
        if filter.cursor.is_none() || !is_written {
            return Ok(Exit::Done);
        }
    }
}
