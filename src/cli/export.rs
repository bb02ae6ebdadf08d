//! `lethe export-archive`.

use std::io::{BufWriter, Error, Stdout, Write as _};

use serde::Serialize;

use super::COMMAND_LINE;
use super::args::{ExportArguments, ExportFormat, KindArgument};
use super::exit::{CommandError, Exit};
use super::job::{find, open_in_step};
use super::output::note;
use crate::archive::{self, Interaction, RawEvent, RecordKind, SurveyResponse};
use crate::base::actor::Actor;
use crate::base::spreadsheet::{SpreadsheetWriter, cells};
use crate::config::Config;
use crate::tenants::Tenant;
use crate::vault::AppContext;

pub async fn run(config: &Config, arguments: ExportArguments) -> Result<Exit, CommandError> {
    let app = open_in_step(config, Some(&arguments.tenant)).await?;
    let tenant = find(&app, &arguments.tenant).await?;
    match arguments.kind {
        KindArgument::Interactions => export::<Interaction>(&app, &tenant, &arguments).await?,
        KindArgument::SurveyResponses => export::<SurveyResponse>(&app, &tenant, &arguments).await?,
        KindArgument::RawEvents => export::<RawEvent>(&app, &tenant, &arguments).await?,
    }
    Ok(Exit::Done)
}

async fn export<K: RecordKind>(
    app: &AppContext,
    tenant: &Tenant,
    arguments: &ExportArguments,
) -> Result<(), CommandError> {
    let mut lines = ExportLines::new(arguments.format);
    let actor = Actor::service(tenant.id, COMMAND_LINE);
    let (mut written, view) = (Ok(()), arguments.view.into());
    archive::export::<K>(app, &actor, view, |record| {
        written = lines.write(&record);
        written.is_ok()
    })
    .await?;
    note(written.and_then(|()| lines.end()));
    Ok(())
}

/// The lines of an export on standard output.
enum ExportLines {
    Ndjson(BufWriter<Stdout>),
    Csv(Box<SpreadsheetWriter<Stdout>>),
}

impl ExportLines {
    fn new(format: ExportFormat) -> Self {
        match format {
            ExportFormat::Ndjson => Self::Ndjson(BufWriter::with_capacity(1 << 16, std::io::stdout())),
            ExportFormat::Csv => Self::Csv(Box::new(SpreadsheetWriter::new(std::io::stdout()))),
        }
    }

    fn write(&mut self, record: &impl Serialize) -> Result<(), Error> {
        match self {
            Self::Ndjson(out) => {
                serde_json::to_writer(&mut *out, record)?;
                out.write_all(b"\n")
            }
            Self::Csv(writer) => writer.write(&cells(record, &mut Vec::new())?),
        }
    }

    fn end(self) -> Result<(), Error> {
        match self {
            Self::Ndjson(mut out) => out.flush(),
            Self::Csv(writer) => writer.end().map(drop),
        }
    }
}
