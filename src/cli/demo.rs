//! `lethe demo`: the whole story on embedded databases, over the public API.

mod story;
mod table;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use actix_web::web::Data;
use sample::{self, Sample, SampleKind};

use super::COMMAND_LINE;
use super::args::DemoArguments;
use super::exit::{CommandError, Exit};
use super::job::find;
use super::output::print;
use crate::app::{self, StartError};
use crate::archive::intake::{Ingested, Intake};
use crate::archive::{Interaction, RawEvent, RecordKind, SurveyResponse};
use crate::base::actor::Actor;
use crate::base::day::local_day;
use crate::base::id::RunId;
use crate::config::Config;
use crate::tenants::Tenant;
use crate::vault::AppContext;

use story::Story;

/// The size of the sample archive.
const INTERACTIONS: u64 = 1_000;
const DAYS: u32 = 14;

/// Plays the story. Without `--once` the service then keeps running.
pub async fn run(config: Config, arguments: DemoArguments) -> Result<Exit, CommandError> {
    let folder = DemoFolder::make(arguments.dir, arguments.keep)?;
    let config = settings(config, folder.path(), arguments.once)?;
    let mut stop = Box::pin(app::stop_asked());
    let prepared = tokio::select! {
        prepared = prepare(&config, folder.path()) => prepared?,
        () = &mut stop => return Ok(Exit::TryAgain),
    };
    let (stores, tenant, sample) = prepared;

    let (ready, started) = tokio::sync::oneshot::channel();
    let (served, settings) = (stores.clone(), config.clone());
    let server = actix_web::rt::spawn(async move {
        app::serve(&settings, served, |addresses| drop(ready.send(addresses.clone()))).await
    });
    let Ok(addresses) = started.await else {
        ended(server).await?;
        return Err(CommandError::Internal("the server did not start"));
    };
    let story = Story::new(&config, &addresses, &sample, &tenant)?;
    let told = tokio::select! {
        told = story.play(&stores, folder.path()) => told,
        () = &mut stop => return Ok(Exit::TryAgain),
    };
    told?;
    if arguments.once {
        print("\nThis is the end of the story. `lethe demo` without --once leaves the service running.");
        folder.say();
        return Ok(Exit::Done);
    }
    story.invite(&addresses, folder.path());
    folder.say();
    ended(server).await?;
    Ok(Exit::Done)
}

async fn ended(server: actix_web::rt::task::JoinHandle<Result<(), StartError>>) -> Result<(), CommandError> {
    Ok(server.await.map_err(|_| CommandError::Internal("the server panicked"))??)
}

/// The settings of the demo: embedded databases and objects in its folder, and free ports.
fn settings(mut config: Config, folder: &Path, once: bool) -> Result<Config, CommandError> {
    if !config.development() {
        return Err(CommandError::Usage("the demo needs development mode: unset auth.issuer".to_owned()));
    }
    folder.clone_into(&mut config.data_dir);
    (config.database.url, config.vault.url) = (None, None);
    (config.content.folder, config.content.s3.bucket, config.delivery.folder) = (None, None, None);
    if once {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        (config.http.listen, config.http.internal_listen) = (any, any);
    }
    take_free_port(&mut config.http.listen, "the API");
    take_free_port(&mut config.http.internal_listen, "/metrics");
    Ok(config)
}

/// Takes a free port if another program uses the one of the settings, and says so.
fn take_free_port(address: &mut SocketAddr, service: &str) {
    let in_use = |error: std::io::Error| error.kind() == std::io::ErrorKind::AddrInUse;
    if address.port() != 0 && TcpListener::bind(*address).is_err_and(in_use) {
        print(&format!("Another program listens on {address}, so the demo takes a free port for {service}."));
        address.set_port(0);
    }
}

/// The folder of the demo. It is removed at the end, unless the user keeps it.
struct DemoFolder {
    path: PathBuf,
    is_kept: bool,
}

impl DemoFolder {
    fn make(wanted: Option<PathBuf>, is_kept: bool) -> Result<Self, CommandError> {
        let path = wanted.unwrap_or_else(|| std::env::temp_dir().join(format!("lethe-demo-{}", RunId::new())));
        if path.exists() {
            return Err(CommandError::Usage("--dir names a folder that exists: name a new one".to_owned()));
        }
        std::fs::create_dir_all(&path)?;
        Ok(Self { path, is_kept })
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn say(&self) {
        let path = self.path.display();
        if self.is_kept {
            print(&format!("\nThe folder {path} is kept. Remove it when you are done."));
        } else {
            print(&format!("\nThe folder {path} is removed at the end. `lethe demo --keep` leaves it."));
        }
    }
}

impl Drop for DemoFolder {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Opens the databases and fills the archive with two weeks of a small contact centre.
async fn prepare(config: &Config, folder: &Path) -> Result<(Data<AppContext>, Tenant, Sample), CommandError> {
    print(&format!("A fresh archive and vault in {}", folder.display()));
    let stores = Data::new(app::open(config).await?);
    let tenant = find(&stores, "demo").await?;
    let until = local_day(stores.clock.now(), tenant.zone);
    let sample = Sample { interactions: INTERACTIONS, days: DAYS, seed: 7, until };
    let calls = ingest::<Interaction>(&stores, &tenant, &sample, SampleKind::Interactions).await?;
    let answers = ingest::<SurveyResponse>(&stores, &tenant, &sample, SampleKind::SurveyResponses).await?;
    let events = ingest::<RawEvent>(&stores, &tenant, &sample, SampleKind::RawEvents).await?;
    print(&format!(
        "{DAYS} days of a small contact centre: {} calls, chats, and e-mails, {} survey responses, {} raw events",
        calls.created, answers.created, events.created
    ));
    Ok((stores, tenant, sample))
}

async fn ingest<K: RecordKind>(
    stores: &AppContext,
    tenant: &Tenant,
    sample: &Sample,
    kind: SampleKind,
) -> Result<Ingested, CommandError> {
    let mut lines = Vec::new();
    sample::write(sample, kind, &mut lines)?;
    let actor = Actor::service(tenant.id, COMMAND_LINE);
    let mut intake = Intake::<K>::begin(stores, &actor, tenant).await?;
    for (line, number) in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).zip(1..) {
        intake.take(number, Some(line)).await?;
    }
    Ok(intake.end().await?)
}
