//! The arguments of the command line.

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use clap::{Args, Parser, Subcommand, ValueEnum};
use sample::SampleKind;

use super::access_export::AccessExportArguments;
use super::audit::AuditCommand;
use super::health::HealthcheckArguments;
use super::journal::{JournalCommand, ReplayArguments};
use super::keys::KeysCommand;
use super::linkability::LinkabilityArguments;
use super::requests::RequestsCommand;
use super::scan::ScanArguments;
use super::tenant_args::TenantCommand;
use super::verify::VerifyArguments;
use crate::archive::ExportView;
use crate::base::clock::rfc3339;
use crate::base::day::plain_date;
use crate::cdr::CallLogFormat;

/// Lethe makes a contact centre able to forget a person.
#[derive(Parser)]
#[command(name = "lethe", version, after_help = EXITS, arg_required_else_help = true)]
pub struct Arguments {
    /// The settings file [default: lethe.toml, if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The command to run.
    #[command(subcommand)]
    pub command: CliCommand,
}

const EXITS: &str = "Examples:
  lethe demo                      show the whole service on embedded databases in a new folder
  lethe serve                     run the API on http://127.0.0.1:8080
  lethe job nightly               carry out the requests that are due
  lethe deliver                   deliver recordings to their tenants, and messages to webhooks

Exit codes:
  0   All is done, or another process works for the tenants.
  1   The command failed.
  2   Some requests were left waiting, some lines were rejected, something was not delivered, or a log is broken.
  64  The command line is wrong.
  75  Try again: a database or the erasure journal is unavailable, or the process was stopped.
  78  A setting is wrong, a database was restored from a backup, or the erasure journal is damaged.";

/// The commands.
#[derive(Subcommand)]
pub enum CliCommand {
    /// Run the API
    #[command(after_help = "Example: LETHE_HTTP__LISTEN=127.0.0.1:0 lethe serve")]
    Serve,
    /// Run a job and exit
    #[command(subcommand)]
    Job(Job),
    /// Deliver recordings to their tenants, and messages to webhooks
    #[command(after_help = "Examples:\n  lethe deliver\n  lethe deliver --once --tenant acme --json")]
    Deliver(DeliverArguments),
    /// Make a restored database forget again what was forgotten since its backup
    #[command(after_help = "Examples:\n  lethe replay --dry-run\n  lethe replay --tenant acme --json")]
    Replay(ReplayArguments),
    /// Show and verify the erasure journal
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Apply the missing migrations to both databases
    Migrate,
    /// Import records from a file, or content from a folder
    #[command(
        after_help = "Examples:\n  lethe import calls.ndjson\n  lethe import --format asterisk-csv Master.csv\n  lethe import recordings\n  \
                            lethe sample --interactions 1000 --days 7 --seed 1 | lethe import -"
    )]
    Import(ImportArguments),
    /// Write a customer's copy of their data, which another user has approved, as a ZIP file
    #[command(
        after_help = "Example: lethe export --tenant acme --id 0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f81 --to copy.zip\n\n\
                            An existing file is not replaced. The exit code is 1 if the export is not approved, or has \
                            ended."
    )]
    Export(AccessExportArguments),
    /// Write the records of the archive without identifiers, in the order of their ids
    #[command(after_help = "Examples:\n  lethe export-archive --tenant acme > calls.ndjson\n  \
                            lethe export-archive --tenant acme --view pseudonymous --format csv > calls.csv")]
    ExportArchive(ExportArguments),
    /// Report how many interactions are alone in their class, by columns that others may know
    #[command(after_help = "Example: lethe linkability --tenant acme --json")]
    Linkability(LinkabilityArguments),
    /// Import and export anonymize requests as CSV
    #[command(subcommand)]
    Requests(RequestsCommand),
    /// Write realistic records as NDJSON
    #[command(after_help = "Examples:\n  lethe sample --interactions 1000 --days 7 --seed 1 > calls.ndjson\n  \
                            lethe sample --interactions 1000 --days 7 --seed 1 --content recordings")]
    Sample(SampleArguments),
    /// Show the whole service on embedded databases in a new folder: sample data, requests, a nightly pass, and the
    /// server
    #[command(after_help = "Example: lethe demo --once")]
    Demo(DemoArguments),
    /// Make a token for development mode
    #[command(after_help = "Example: lethe token --roles dpo --user kari")]
    Token(TokenArguments),
    /// Create, list, and change tenants
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Show and rotate the keys of the vault
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Verify the sealed audit log, and show its keys
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Verify a certificate of erasure and print it in plain words, without the service
    #[command(after_help = "Example: lethe verify certificate.json --keys jwks.json\n\n\
                            The exit code is 0 if it is valid, and 2 if it is not.")]
    Verify(VerifyArguments),
    /// Search the archive, or files, for identifiers that should not be there
    #[command(
        after_help = "Examples:\n  lethe scan --full\n  lethe scan --tenant acme --file archive.dump --places\n\n\
                            The exit code is 0 if nothing was found, and 2 if something was."
    )]
    Scan(ScanArguments),
    /// Write the OpenAPI document
    Openapi,
    /// Check that the service runs, or wait until it is ready
    #[command(after_help = "Examples:\n  lethe healthcheck\n  lethe healthcheck --wait\n  \
                            lethe healthcheck --wait 60 --url http://lethe.example:8080")]
    Healthcheck(HealthcheckArguments),
    /// Write completions for a shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// The jobs.
#[derive(Subcommand)]
pub enum Job {
    /// Carry out the anonymize requests that are due: one pass for each tenant
    #[command(
        after_help = "Examples:\n  lethe job nightly\n  lethe job nightly --as-of 2026-08-04T03:00:00+02:00 --dry-run"
    )]
    Nightly(NightlyArguments),
}

/// The options of the nightly job.
#[derive(Args)]
pub struct NightlyArguments {
    /// The instant as of which requests are due and old ones are purged (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub as_of: Option<DateTime<Utc>>,
    /// Work for this tenant only
    #[arg(long, value_name = "SLUG")]
    pub tenant: Option<String>,
    /// Write nothing, and say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// First allow another attempt for the texts whose rescan failed
    #[arg(long)]
    pub retry_texts: bool,
    /// Report as JSON lines
    #[arg(long)]
    pub json: bool,
}

/// The options of the delivery worker.
#[derive(Args)]
pub struct DeliverArguments {
    /// Try every delivery that is due once, and exit
    #[arg(long)]
    pub once: bool,
    /// Work for this tenant only
    #[arg(long, value_name = "SLUG")]
    pub tenant: Option<String>,
    /// First release the deliveries that are held
    #[arg(long)]
    pub held: bool,
    /// Report as JSON lines
    #[arg(long)]
    pub json: bool,
}

/// The kind of the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum KindArgument {
    /// Calls, chats, e-mails, voicemails, and text messages
    #[default]
    Interactions,
    /// Answers to surveys
    SurveyResponses,
    /// Events behind the statistics
    RawEvents,
}

impl From<KindArgument> for SampleKind {
    fn from(kind: KindArgument) -> Self {
        match kind {
            KindArgument::Interactions => Self::Interactions,
            KindArgument::SurveyResponses => Self::SurveyResponses,
            KindArgument::RawEvents => Self::RawEvents,
        }
    }
}

/// The options of an import.
#[derive(Args)]
pub struct ImportArguments {
    /// The format of the file
    #[arg(long, value_enum, default_value_t)]
    pub format: CallLogFormat,
    /// The kind of the records in the file
    #[arg(long, value_enum, default_value_t)]
    pub kind: KindArgument,
    /// The tenant that the records belong to
    #[arg(long, value_name = "SLUG", default_value = "demo")]
    pub tenant: String,
    /// The zone of local times in the file [default: the tenant's]
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<Tz>,
    /// Report as JSON
    #[arg(long)]
    pub json: bool,
    /// The file, - for standard input, or a folder of recordings, transcripts, and chat logs that are named by external
    /// id
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// The view of an export. There is no identified one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ViewArgument {
    /// Every identifier reads `Anonymized`
    #[default]
    Anonymized,
    /// Every identifier reads as its token
    Pseudonymous,
}

impl From<ViewArgument> for ExportView {
    fn from(view: ViewArgument) -> Self {
        match view {
            ViewArgument::Anonymized => Self::Anonymized,
            ViewArgument::Pseudonymous => Self::Pseudonymous,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One JSON object on each line
    #[default]
    Ndjson,
    /// A header and one row for each record
    Csv,
}

/// The options of an export.
#[derive(Args)]
pub struct ExportArguments {
    /// The tenant that the records belong to
    #[arg(long, value_name = "SLUG", default_value = "demo")]
    pub tenant: String,
    /// The kind of the records
    #[arg(long, value_enum, default_value_t)]
    pub kind: KindArgument,
    /// How identifiers read
    #[arg(long, value_enum, default_value_t)]
    pub view: ViewArgument,
    /// The format of the output
    #[arg(long, value_enum, default_value_t)]
    pub format: ExportFormat,
}

/// The options of the sample.
#[derive(Args)]
pub struct SampleArguments {
    /// The number of interactions
    #[arg(long, default_value_t = 1_000)]
    pub interactions: u64,
    /// The number of days over which the records are spread
    #[arg(long, default_value_t = 7)]
    pub days: u32,
    /// The seed: the same seed gives the same records
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The day after the last day
    #[arg(long, value_name = "DATE", default_value = "2026-08-04", value_parser = date)]
    pub until: NaiveDate,
    /// The kind of the records; records of the same seed belong together
    #[arg(long, value_enum, default_value_t)]
    pub kind: KindArgument,
    /// Write recordings, transcripts, and chat logs of the interactions into this folder instead
    #[arg(long, value_name = "FOLDER", conflicts_with = "kind")]
    pub content: Option<PathBuf>,
}

/// The options of the demo.
#[derive(Args)]
pub struct DemoArguments {
    /// Play the story to its end and exit
    #[arg(long)]
    pub once: bool,
    /// The folder, which must not exist yet [default: a new one among the temporary files]
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
    /// Leave the folder at the end
    #[arg(long)]
    pub keep: bool,
}

/// The options of a token.
#[derive(Args)]
pub struct TokenArguments {
    /// The tenant of the token
    #[arg(long, value_name = "SLUG", default_value = "demo")]
    pub tenant: String,
    /// The roles of the token
    #[arg(long, value_delimiter = ',', default_value = "admin")]
    pub roles: Vec<String>,
    /// The name that other users see
    #[arg(long, default_value = "developer")]
    pub user: String,
}

/// The library's own errors name neither the format nor an example.
fn time(text: &str) -> Result<DateTime<Utc>, &'static str> {
    rfc3339(text).ok_or("must be a time with its offset from UTC, such as 2026-08-04T03:00:00+02:00")
}

fn date(text: &str) -> Result<NaiveDate, &'static str> {
    plain_date(text).ok_or("must be a day, such as 2026-08-04")
}
