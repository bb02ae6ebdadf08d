//! What can be said on the command line.

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use clap::{Args, Parser, Subcommand, ValueEnum};
use sample::SampleKind;

use crate::cdr::Format;

/// Lethe makes a contact centre able to forget a person.
#[derive(Parser)]
#[command(name = "lethe", version, after_help = EXITS, arg_required_else_help = true)]
pub struct Arguments {
    /// The settings file [default: lethe.toml, if there is one].
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXITS: &str = "\
Examples:
  lethe demo                      everything on embedded databases, in a fresh folder
  lethe serve                     the API, on http://127.0.0.1:8080
  lethe job nightly               carry out what is due
  lethe deliver                   deliver recordings to their tenants

Exit codes:
  0 all done (also: another runner is at it)   1 failure   2 some requests were left waiting, some lines rejected,
  some recordings not delivered
  64 usage   75 try again (a database is away, or asked to stop)   78 configuration";

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Run the API
    #[command(after_help = "Example: LETHE_HTTP__LISTEN=127.0.0.1:0 lethe serve")]
    Serve,
    /// Run a job and exit
    #[command(subcommand)]
    Job(Job),
    /// Deliver recordings to their tenants
    #[command(after_help = "Examples:\n  lethe deliver\n  lethe deliver --once --tenant acme --json")]
    Deliver(DeliverArguments),
    /// Apply the migrations that are missing, in both databases
    Migrate,
    /// Import records from a file, or content from a folder
    #[command(
        after_help = "Examples:\n  lethe import calls.ndjson\n  lethe import --format asterisk-csv Master.csv\n  lethe import recordings\n  \
                            lethe sample --interactions 1000 --days 7 --seed 1 | lethe import -"
    )]
    Import(ImportArguments),
    /// Write realistic records as NDJSON
    #[command(after_help = "Examples:\n  lethe sample --interactions 1000 --days 7 --seed 1 > calls.ndjson\n  \
                            lethe sample --interactions 1000 --days 7 --seed 1 --content recordings")]
    Sample(SampleArguments),
    /// Show everything on embedded databases in a fresh folder: sample data, requests, a night, then the server
    #[command(after_help = "Example: lethe demo --once")]
    Demo(DemoArguments),
    /// Make a token for development mode
    #[command(after_help = "Example: lethe token --roles dpo --user kari")]
    Token(TokenArguments),
    /// Create, list and change tenants
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Write the OpenAPI document
    Openapi,
    /// Ask whether the service on this machine is healthy
    Healthcheck,
    /// Write completions for a shell
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// The jobs.
#[derive(Subcommand)]
pub enum Job {
    /// Forget what is due: the pass of the night
    #[command(
        after_help = "Examples:\n  lethe job nightly\n  lethe job nightly --as-of 2026-08-04T03:00:00+02:00 --dry-run"
    )]
    Nightly(NightlyArguments),
}

/// How the night is run.
#[derive(Args)]
pub struct NightlyArguments {
    /// Requests are due, and old ones purged, as of this instant (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<DateTime<Utc>>,
    /// Only this tenant
    #[arg(long, value_name = "SLUG")]
    pub tenant: Option<String>,
    /// Say what would be done, write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// First let texts be tried again that could not be read
    #[arg(long)]
    pub retry_texts: bool,
    /// Report as JSON lines
    #[arg(long)]
    pub json: bool,
}

/// How recordings are delivered.
#[derive(Args)]
pub struct DeliverArguments {
    /// Try everything that is due once and exit
    #[arg(long)]
    pub once: bool,
    /// Only this tenant
    #[arg(long, value_name = "SLUG")]
    pub tenant: Option<String>,
    /// First take up what is held
    #[arg(long)]
    pub held: bool,
    /// Report as JSON lines
    #[arg(long)]
    pub json: bool,
}

/// The kind of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Calls, chats, e-mails, voicemails, text messages.
    #[default]
    Interactions,
    /// Answers to surveys.
    SurveyResponses,
    /// Events behind the statistics.
    RawEvents,
}

impl From<Kind> for SampleKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Interactions => Self::Interactions,
            Kind::SurveyResponses => Self::SurveyResponses,
            Kind::RawEvents => Self::RawEvents,
        }
    }
}

/// What is imported.
#[derive(Args)]
pub struct ImportArguments {
    /// How the file is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// What kind of records it has
    #[arg(long, value_enum, default_value_t)]
    pub kind: Kind,
    /// For which tenant
    #[arg(long, value_name = "SLUG", default_value = "demo")]
    pub tenant: String,
    /// Of which zone local times are [default: the tenant's]
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<Tz>,
    /// Report as JSON
    #[arg(long)]
    pub json: bool,
    /// The file, - for standard input, or a folder of recordings, transcripts and chat logs named by external id
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// What is sampled.
#[derive(Args)]
pub struct SampleArguments {
    /// How many interactions
    #[arg(long, default_value_t = 1_000)]
    pub interactions: u64,
    /// Over how many days
    #[arg(long, default_value_t = 7)]
    pub days: u32,
    /// The same seed gives the same records
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The day after the last one
    #[arg(long, value_name = "DATE", default_value = "2026-08-04")]
    pub until: NaiveDate,
    /// Which records; those of one seed belong together
    #[arg(long, value_enum, default_value_t)]
    pub kind: Kind,
    /// Write recordings, transcripts and chat logs of the interactions into this folder instead
    #[arg(long, value_name = "FOLDER", conflicts_with = "kind")]
    pub content: Option<PathBuf>,
}

/// How the demo is shown.
#[derive(Args)]
pub struct DemoArguments {
    /// Play the story to its end and exit
    #[arg(long)]
    pub once: bool,
    /// The folder; it must not exist yet [default: a fresh one among the temporary files]
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
}

/// Whom the token is for.
#[derive(Args)]
pub struct TokenArguments {
    /// The tenant
    #[arg(long, value_name = "SLUG", default_value = "demo")]
    pub tenant: String,
    /// The roles
    #[arg(long, value_delimiter = ',', default_value = "admin")]
    pub roles: Vec<String>,
    /// The name shown to other users
    #[arg(long, default_value = "developer")]
    pub user: String,
}

/// What is done with tenants.
#[derive(Subcommand)]
pub enum TenantCommand {
    /// Create a tenant
    #[command(after_help = "Example: lethe tenant create acme --region SE --time-zone Europe/Stockholm")]
    Create(TenantArguments),
    /// List all tenants
    List {
        /// As JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Change a tenant's settings
    Set(TenantArguments),
}

/// A tenant and its settings.
#[derive(Args)]
pub struct TenantArguments {
    /// The tenant's name in tokens: lower-case letters, digits and dashes
    pub slug: String,
    /// Whose national numbers need no country code, such as NO
    #[arg(long)]
    pub region: Option<String>,
    /// Whose local days to dates are, such as Europe/Oslo
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<Tz>,
    /// Which targets it has: archive, `sms_survey`, `raw_data`
    #[arg(long, value_delimiter = ',')]
    pub targets: Option<Vec<String>>,
    /// Whether identified calls must state a purpose
    #[arg(long)]
    pub purpose_required: Option<bool>,
    /// For how many months done requests are kept
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub request_retention_months: Option<u32>,
    /// Numbers of the contact centre itself, or their beginnings such as +4722334*: they are no customer's; "" for none
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    pub own_numbers: Option<Vec<String>>,
    /// What is dialled before a number to call out of the house; "" for nothing
    #[arg(long, value_name = "PREFIXES", value_delimiter = ',')]
    pub dial_out_prefixes: Option<Vec<String>>,
}
