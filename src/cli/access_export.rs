//! `lethe export`: a customer's copy of their data, written to a file or to standard output.

use std::fs::{File, OpenOptions};
use std::io::{Stdout, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use uuid::Uuid;

use super::COMMAND_LINE;
use super::exit::{CommandError, Exit};
use super::files;
use super::job::{find, open_in_step};
use super::output::note;
use crate::app;
use crate::base::actor::Actor;
use crate::base::id::ExportId;
use crate::config::Config;
use crate::exports::{self, Download};

/// The options of a customer's copy.
#[derive(Args)]
pub struct AccessExportArguments {
    /// The tenant that the export belongs to
    #[arg(long, value_name = "SLUG", default_value = "demo")]
    pub tenant: String,
    /// The id of the export, which another user has approved
    #[arg(long, value_name = "ID")]
    pub id: Uuid,
    /// The new ZIP file, or - for standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub to: PathBuf,
}

pub async fn run(config: &Config, arguments: AccessExportArguments) -> Result<Exit, CommandError> {
    let AccessExportArguments { tenant, id, to } = arguments;
    let app = Arc::new(open_in_step(config, Some(&tenant)).await?);
    let actor = Actor::service(find(&app, &tenant).await?.id, COMMAND_LINE);
    let content_store = Arc::new(app::content_store(config));
    // A command that cannot write the copy does not begin the download, which is audited.
    let file = if to == Path::new("-") { None } else { Some(create(&to)?) };
    let written = match exports::download(&app, &content_store, &actor, ExportId(id)).await {
        Ok(download) => match file {
            Some(file) => to_file(download, file).await,
            None => to_output(download, std::io::stdout()).await,
        },
        Err(error) => Err(error.into()),
    };
    if written.is_err() && to != Path::new("-") {
        // A part of a copy is of no use, and it has personal data.
        let _ = std::fs::remove_file(&to);
    }
    written.map(|()| Exit::Done)
}

/// A new file that only its owner can read.
fn create(path: &Path) -> Result<File, CommandError> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    created.map_err(|error| files::unusable("the file", path, "created", &error))
}

async fn to_file(mut download: Download, mut file: File) -> Result<(), CommandError> {
    while let Some(piece) = download.pieces.recv().await {
        file.write_all(&piece?)?;
    }
    Ok(file.sync_all()?)
}

/// Writes the copy to standard output. If its reader stops reading, the download ends.
async fn to_output(mut download: Download, mut stdout: Stdout) -> Result<(), CommandError> {
    while let Some(piece) = download.pieces.recv().await {
        let written = stdout.write_all(&piece?).and_then(|()| stdout.flush());
        let is_written = written.is_ok();
        note(written);
        if !is_written {
            break;
        }
    }
    Ok(())
}
