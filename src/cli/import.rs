//! `lethe import`.

use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::Path;
use std::sync::Arc;

use super::COMMAND_LINE;
use super::args::{ImportArguments, KindArgument};
use super::exit::{CommandError, Exit};
use super::files;
use super::folder::{self, ImportedFiles, RejectedFile};
use super::job::{self, find};
use super::output::print;
use crate::app;
use crate::archive::intake::{Ingested, Intake};
use crate::archive::{Interaction, RawEvent, RecordKind, SurveyResponse};
use crate::base::actor::Actor;
use crate::cdr::{self, CallLogFormat, CdrError, House};
use crate::config::Config;
use crate::http::FieldError;
use crate::vault::AppContext;

/// The longest line of NDJSON, in bytes.
const LONGEST_LINE: u64 = 2 << 20;

/// Imports a file, in batches and constant memory.
pub async fn run(config: &Config, arguments: ImportArguments) -> Result<Exit, CommandError> {
    let stores = Arc::new(job::open_in_step(config, Some(&arguments.tenant)).await?);
    if arguments.file.is_dir() {
        let tenant = find(&stores, &arguments.tenant).await?;
        let content_store = Arc::new(app::content_store(config));
        let imported = folder::import(&stores, &content_store, &tenant, &arguments.file).await?;
        show_files(&imported, arguments.json);
        return Ok(if imported.rejected.is_empty() { Exit::Done } else { Exit::Incomplete });
    }
    let ingested = match arguments.kind {
        KindArgument::Interactions => import::<Interaction>(&stores, &arguments).await?,
        KindArgument::SurveyResponses => import::<SurveyResponse>(&stores, &arguments).await?,
        KindArgument::RawEvents => import::<RawEvent>(&stores, &arguments).await?,
    };
    show(&ingested, arguments.json);
    if ingested.received > 0 && ingested.created + ingested.updated + ingested.aged == 0 {
        let (file, expected) = (arguments.file.display(), expected(arguments.format));
        let _ = writeln!(std::io::stderr(), "lethe: no line of {file} was imported. {expected}");
    }
    Ok(if ingested.rejected.is_empty() { Exit::Done } else { Exit::Incomplete })
}

async fn import<K: RecordKind>(stores: &AppContext, arguments: &ImportArguments) -> Result<Ingested, CommandError> {
    let ImportArguments { format, kind, tenant, time_zone, file, .. } = arguments;
    let tenant = find(stores, tenant).await?;
    let actor = Actor::service(tenant.id, COMMAND_LINE);
    let mut intake = Intake::<K>::begin(stores, &actor, &tenant).await?;
    let input = open(file)?;
    match format.exchange() {
        None => import_lines(&mut intake, input).await?,
        Some(_) if *kind != KindArgument::Interactions => {
            return Err(CommandError::Usage("a call log contains interactions only: leave out --kind".to_owned()));
        }
        Some(exchange) => {
            let house = House {
                region: tenant.region,
                numbers: tenant.settings.house_numbers(),
                dial_out_prefixes: tenant.settings.dial_out_prefixes.clone(),
            };
            let calls = cdr::lines(exchange, time_zone.unwrap_or(tenant.zone), house, input);
            import_calls(&mut intake, calls).await?;
        }
    }
    Ok(intake.end().await?)
}

/// The shape of a file of a format, with an example.
const fn expected(format: CallLogFormat) -> &'static str {
    match format {
        CallLogFormat::Ndjson => {
            "Each line must be one JSON object, such as {\"external_id\":\"1\",\"channel\":\"call\",\
             \"started_at\":\"2026-08-01T09:00:00+02:00\"}. For a call log, set --format asterisk-csv or --format \
             freeswitch-csv."
        }
        CallLogFormat::AsteriskCsv => {
            "Each row must have the columns of cdr_csv: accountcode,src,dst,dcontext,clid,channel,dstchannel,lastapp,\
             lastdata,start,answer,end,duration,billsec,disposition,amaflags,uniqueid. A start is a local time, such \
             as 2026-08-01 09:00:00."
        }
        CallLogFormat::FreeswitchCsv => {
            "Each row must have the columns of a template of mod_cdr_csv, such as example: caller_id_name,\
             caller_id_number,destination_number,context,start_stamp,answer_stamp,end_stamp,duration,billsec,\
             hangup_cause,uuid. A start is a local time, such as 2026-08-01 09:00:00."
        }
    }
}

fn open(file: &Path) -> Result<Box<dyn Read>, CommandError> {
    if file == Path::new("-") {
        return Ok(Box::new(std::io::stdin()));
    }
    Ok(Box::new(files::open(file)?))
}

async fn import_lines<K: RecordKind>(intake: &mut Intake<'_, K>, input: Box<dyn Read>) -> Result<(), CommandError> {
    let mut input = BufReader::with_capacity(1 << 16, input);
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        if (&mut input).take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        number += 1;
        let is_cut_off = line.last() != Some(&b'\n') && line.len() as u64 == LONGEST_LINE;
        if is_cut_off {
            skip_line(&mut input)?;
            intake.take(number, None).await?;
        } else if !line.trim_ascii().is_empty() {
            intake.take(number, Some(&line)).await?;
        }
    }
}

/// Reads to the end of a line that is too long to be a record.
fn skip_line(input: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let (length, ended) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(end) => (end + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(length);
        if ended {
            return Ok(());
        }
    }
}

async fn import_calls<K: RecordKind>(
    intake: &mut Intake<'_, K>,
    calls: cdr::CallLines<Box<dyn Read>>,
) -> Result<(), CommandError> {
    for line in calls {
        match line {
            Ok(line) => intake.take(line.number, Some(&line.json)).await?,
            Err(CdrError::Row { line, error }) => {
                let pointer = error.column().map(|column| format!("/{column}")).unwrap_or_default();
                intake.refuse(line, vec![FieldError::at(pointer, error.code(), error.to_string())]);
            }
            Err(CdrError::Io(error)) => return Err(error.into()),
        }
    }
    Ok(())
}

fn show_files(imported: &ImportedFiles, json: bool) {
    if json {
        print(&serde_json::to_string(imported).unwrap_or_default());
        return;
    }
    let ImportedFiles { received, created, skipped, rejected } = imported;
    print(&format!(
        "{received} files, {created} stored, {skipped} skipped because they are stored already, {} rejected",
        rejected.len()
    ));
    let mut stderr = std::io::stderr();
    for RejectedFile { file, code, reason } in rejected {
        let _ = writeln!(stderr, "file {file}, in the order of names, rejected: {code}: {reason}");
    }
}

fn show(ingested: &Ingested, json: bool) {
    if json {
        print(&serde_json::to_string(ingested).unwrap_or_default());
        return;
    }
    let Ingested { received, created, updated, warnings, rejected, aged, .. } = ingested;
    print(&format!(
        "{received} received, {created} created, {updated} updated, {} rejected",
        received - created - updated - aged
    ));
    let mut stderr = std::io::stderr();
    for warning in warnings {
        let _ = writeln!(stderr, "line {}: {} at {}", warning.line, warning.code, warning.pointer);
    }
    for rejection in rejected {
        for error in &rejection.errors {
            let pointer = error.pointer.as_deref().unwrap_or_default();
            let place = if pointer.is_empty() { String::new() } else { format!(" at {pointer}") };
            let _ = writeln!(stderr, "line {} rejected: {}{place}: {}", rejection.line, error.code, error.detail);
        }
    }
}
