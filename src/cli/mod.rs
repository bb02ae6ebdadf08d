//! The command line: `serve` and every other command. Data are written to standard output, and messages to standard
//! error. The exit code gives the outcome.

mod access_export;
mod args;
mod audit;
mod deliver;
mod demo;
mod exit;
mod export;
mod files;
mod folder;
mod health;
mod import;
mod job;
mod journal;
mod keys;
mod linkability;
mod output;
mod requests;
mod scan;
mod tenant;
mod tenant_args;
mod verify;
mod zones;

use std::ffi::OsString;
use std::io::Write as _;

use actix_web::web::Data;
use clap::{CommandFactory as _, Parser as _};
use sample::{self, Sample};

use crate::app;
use crate::config::Config;
use crate::http;
use crate::telemetry;

pub use exit::Exit;

use args::{Arguments, CliCommand, SampleArguments, TokenArguments};
use audit::{AuditCommand, AuditVerifyArguments};
use exit::CommandError;
use health::HealthcheckArguments;
use output::print;

/// The name of the command line in the audit log. It does not know the user's name.
const COMMAND_LINE: &str = "command-line";

/// Runs a command line and returns its outcome.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let ran = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => Box::pin(execute(arguments)).await,
        Err(error) if error.use_stderr() => {
            let _ = error.print();
            return Exit::Usage;
        }
        Err(help) => {
            // The help and the version are data.
            output::note(help.print());
            Ok(Exit::Done)
        }
    };
    let ended = match ran {
        // A command that did not succeed keeps its own exit code, which is more exact.
        Ok(Exit::Done) => output::check().map(|()| Exit::Done),
        ended => ended,
    };
    match ended {
        Ok(exit) => exit,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "lethe: {failure}");
            failure.exit()
        }
    }
}

async fn execute(arguments: Arguments) -> Result<Exit, CommandError> {
    // These need no settings.
    match &arguments.command {
        CliCommand::Sample(wanted) => return write_sample(wanted),
        CliCommand::Openapi => return show_openapi(),
        CliCommand::Verify(arguments) => return verify::run(arguments),
        CliCommand::Healthcheck(check @ HealthcheckArguments { url: Some(url), .. }) => {
            return health::check(url, check).await;
        }
        CliCommand::Audit(AuditCommand::Verify(AuditVerifyArguments {
            export: Some(export),
            keys: Some(keys),
            json,
            ..
        })) => return audit::verify_export(export, keys, *json),
        CliCommand::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "lethe", &mut script);
            print(String::from_utf8_lossy(&script).trim_end());
            return Ok(Exit::Done);
        }
        _ => {}
    }
    let mut config = Config::load(arguments.config.as_deref()).map_err(app::StartError::from)?;
    if matches!(arguments.command, CliCommand::Demo(_)) {
        // The demo tells a story, so it logs no line for every call.
        "warn".clone_into(&mut config.log.level);
    }
    telemetry::init(&config.log);
    match arguments.command {
        CliCommand::Serve => serve(&config).await,
        CliCommand::Job(job) => job::run(&config, job).await,
        CliCommand::Deliver(arguments) => deliver::run(&config, arguments).await,
        CliCommand::Replay(arguments) => journal::replay(&config, arguments).await,
        CliCommand::Journal(command) => journal::run(&config, command).await,
        CliCommand::Migrate => {
            app::migrate(&app::open(&config).await?).await?;
            Ok(Exit::Done)
        }
        CliCommand::Import(import) => import::run(&config, import).await,
        CliCommand::Demo(demo) => demo::run(config, demo).await,
        CliCommand::Token(token) => mint(&config, &token),
        CliCommand::Tenant(command) => tenant::run(&config, command).await,
        CliCommand::Healthcheck(check) => health::check(&health::own_address(&config)?, &check).await,
        CliCommand::Export(arguments) => access_export::run(&config, arguments).await,
        CliCommand::ExportArchive(arguments) => export::run(&config, arguments).await,
        CliCommand::Scan(arguments) => scan::run(&config, arguments).await,
        CliCommand::Requests(command) => requests::run(&config, command).await,
        CliCommand::Keys(command) => keys::run(&config, command).await,
        CliCommand::Linkability(arguments) => linkability::run(&config, arguments).await,
        CliCommand::Audit(command) => audit::run(&config, command).await,
        CliCommand::Sample(_) | CliCommand::Openapi | CliCommand::Verify(_) | CliCommand::Completions { .. } => {
            Ok(Exit::Done)
        }
    }
}

fn show_openapi() -> Result<Exit, CommandError> {
    let document = app::openapi().to_pretty_json();
    print(&document.map_err(|_| CommandError::Internal("the OpenAPI document cannot be written"))?);
    Ok(Exit::Done)
}

async fn serve(config: &Config) -> Result<Exit, CommandError> {
    let stores = Data::new(app::open_to_serve(config).await?);
    if let Err(reason) = app::ready(&stores).await {
        // The service continues, because a migration or a restart of the database may end soon.
        let _ = writeln!(std::io::stderr(), "not ready, so /readyz returns 503: {reason}");
    }
    app::serve(config, stores, |addresses| {
        let mut stderr = std::io::stderr();
        let _ = writeln!(stderr, "listening on http://{}", addresses.api);
        let _ = writeln!(stderr, "internal listener on http://{}", addresses.internal);
        if config.development() {
            let _ =
                writeln!(stderr, "development mode: `lethe token` makes tokens; browse http://{}/docs", addresses.api);
        }
    })
    .await?;
    Ok(Exit::Done)
}

fn write_sample(wanted: &SampleArguments) -> Result<Exit, CommandError> {
    let SampleArguments { interactions, days, seed, until, kind, content } = wanted;
    let sample = Sample { interactions: *interactions, days: *days, seed: *seed, until: *until };
    let unlikely = || CommandError::Usage("the days must be at least 1 and lie in the years 1970 to 9999".to_owned());
    if let Some(folder) = content {
        let made = std::fs::create_dir_all(folder);
        made.map_err(|error| files::unusable("the folder", folder, "created", &error))?;
        for file in sample::files(&sample).ok_or_else(unlikely)? {
            let path = folder.join(file.name());
            let written = std::fs::write(&path, file.bytes);
            written.map_err(|error| files::unusable("the file", &path, "written", &error))?;
        }
        return Ok(Exit::Done);
    }
    let mut out = std::io::BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    match sample::write(&sample, (*kind).into(), &mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => Err(unlikely()),
        written => {
            output::note(written);
            Ok(Exit::Done)
        }
    }
}

fn mint(config: &Config, wanted: &TokenArguments) -> Result<Exit, CommandError> {
    let TokenArguments { tenant, roles, user } = wanted;
    let token =
        http::auth::dev_token(config, tenant, roles, user).map_err(|error| CommandError::Usage(error.to_string()))?;
    print(&token);
    Ok(Exit::Done)
}
