//! `lethe demo`: the whole story on embedded databases, told over the public API.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_web::web::Data;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use sample::{self, Sample, SampleCustomer, SampleKind};
use serde_json::{Value, json};

use super::args::DemoArguments;
use super::exit::{CommandError, Exit};
use super::job::find;
use super::output::print;
use crate::app::{self, Addresses};
use crate::archive::intake::{Ingested, Intake};
use crate::archive::{Interaction, RawEvent, RecordKind, SurveyResponse};
use crate::base::day::{local_day, start_of_day};
use crate::base::id::RunId;
use crate::config::Config;
use crate::content::ContentStore;
use crate::http::auth::dev_token;
use crate::nightly::{self, Options, Progress, Stop};
use crate::tenants::Tenant;
use crate::vault::AppContext;

/// The size of the sample archive.
const INTERACTIONS: u64 = 1_000;
const DAYS: u32 = 14;

/// Plays the story. Without `--once` the service then keeps running.
pub async fn run(mut config: Config, arguments: DemoArguments) -> Result<Exit, CommandError> {
    let folder = fresh_folder(arguments.dir)?;
    config.data_dir.clone_from(&folder);
    config.database.url = None;
    config.vault.url = None;
    if !config.development() {
        return Err(CommandError::Usage("the demo needs development mode: unset auth.issuer".to_owned()));
    }
    if arguments.once {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        (config.http.listen, config.http.internal_listen) = (any, any);
    }
    print(&format!("A fresh archive and vault in {}", folder.display()));
    let stores = Data::new(app::open(&config).await?);
    let tenant = find(&stores, "demo").await?;
    let today = local_day(stores.clock.now(), tenant.zone);
    let sample = Sample { interactions: INTERACTIONS, days: DAYS, seed: 7, until: today };
    fill(&stores, &tenant, &sample).await?;

    let (ready, started) = tokio::sync::oneshot::channel();
    let (served, settings) = (stores.clone(), config.clone());
    let mut server = actix_web::rt::spawn(async move {
        app::serve(&settings, served, |addresses| drop(ready.send(addresses.clone()))).await
    });
    let addresses = tokio::select! {
        addresses = started => addresses.map_err(|_| CommandError::Internal("the server did not start"))?,
        ended = &mut server => {
            ended.map_err(|_| CommandError::Internal("the server panicked"))??;
            return Ok(Exit::Done);
        }
    };
    let story = Story::new(&config, &addresses)?;
    story.play(&stores, &tenant, &sample, today, &folder).await?;
    if arguments.once {
        print(&format!("\nRemove {} when you are done.", folder.display()));
        print("This is the end of the story. `lethe demo` without --once leaves the service running.");
        return Ok(Exit::Done);
    }
    story.invite(&sample, &addresses);
    server.await.map_err(|_| CommandError::Internal("the server panicked"))??;
    Ok(Exit::Done)
}

fn fresh_folder(wanted: Option<PathBuf>) -> Result<PathBuf, CommandError> {
    let folder = wanted.unwrap_or_else(|| std::env::temp_dir().join(format!("lethe-demo-{}", RunId::new())));
    if folder.exists() {
        return Err(CommandError::Usage("--dir names a folder that exists: name a new one".to_owned()));
    }
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Fills the archive with two weeks of a small contact centre.
async fn fill(stores: &AppContext, tenant: &Tenant, sample: &Sample) -> Result<(), CommandError> {
    let calls = ingest::<Interaction>(stores, tenant, sample, SampleKind::Interactions).await?;
    let answers = ingest::<SurveyResponse>(stores, tenant, sample, SampleKind::SurveyResponses).await?;
    let events = ingest::<RawEvent>(stores, tenant, sample, SampleKind::RawEvents).await?;
    print(&format!(
        "{DAYS} days of a small contact centre: {} calls, chats and e-mails, {} survey responses, {} raw events",
        calls.created, answers.created, events.created
    ));
    Ok(())
}

async fn ingest<K: RecordKind>(
    stores: &AppContext,
    tenant: &Tenant,
    sample: &Sample,
    kind: SampleKind,
) -> Result<Ingested, CommandError> {
    let mut lines = Vec::new();
    sample::write(sample, kind, &mut lines)?;
    let mut intake = Intake::<K>::begin(stores, tenant).await?;
    for (line, number) in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).zip(1..) {
        intake.take(number, Some(line)).await?;
    }
    Ok(intake.end().await?)
}

/// The service as a privacy officer uses it.
struct Story {
    client: reqwest::Client,
    api: String,
    token: String,
    content_store: Arc<ContentStore>,
}

impl Story {
    fn new(config: &Config, addresses: &Addresses) -> Result<Self, CommandError> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .map_err(|_| CommandError::Internal("the HTTP client cannot be built"))?;
        let token = dev_token(config, "demo", &["dpo".to_owned()], "kari");
        let token = token.map_err(|_| CommandError::Internal("the token of development mode cannot be made"))?;
        Ok(Self {
            client,
            api: format!("http://{}/api/v1", addresses.api),
            token,
            content_store: Arc::new(app::content_store(config)),
        })
    }

    async fn play(
        &self,
        stores: &Arc<AppContext>,
        tenant: &Tenant,
        sample: &Sample,
        today: NaiveDate,
        folder: &Path,
    ) -> Result<(), CommandError> {
        let caller = sample::customer(sample, 0);
        let number = spelling(&caller);
        print(&format!(
            "\n{} calls and asks to be forgotten. Before the pass, a search by {number} finds:",
            caller.name
        ));
        let before = self.search(&json!({ "phone_number": number, "limit": 200 })).await?;
        show(&before);

        print("\nThe privacy officer enters three requests, the first up to four days ago:");
        let day = |ago| today.checked_sub_days(Days::new(ago)).unwrap_or(today);
        let (second, third) = (sample::customer(sample, 1), sample::customer(sample, 2));
        self.enter(&json!({ "phone_number": number, "to_date": day(4), "targets": TARGETS, "comment": "case 118" }))
            .await?;
        self.enter(
            &json!({ "phone_number": spelling(&second), "email": second.email, "to_date": day(1), "targets": TARGETS }),
        )
        .await?;
        self.enter(&json!({ "phone_number": spelling(&third), "targets": ["archive"] })).await?;

        let tomorrow = start_of_day(today.checked_add_days(Days::new(1)).unwrap_or(today), tenant.zone);
        let as_of = tomorrow.unwrap_or(stores.clock.now())
            + (NaiveTime::from_hms_opt(3, 0, 0).unwrap_or_default() - NaiveTime::MIN);
        print("\nThe next night, `lethe job nightly`:");
        let options = Options { as_of, tenant: Some(tenant.id), retry_texts: false };
        let (_, reports) =
            nightly::run(stores, &self.content_store, &options, &Progress::lines(), &Stop::default()).await?;
        for (_, report) in reports {
            let hit: Vec<_> = report.anonymized.iter().map(|(target, records)| format!("{target} {records}")).collect();
            print(&format!("  {} requests done; anonymized: {}", report.requests_done, hit.join(", ")));
        }

        print(&format!("\nAfter the pass, the same search finds only the calls after {}:", day(4)));
        show(&self.search(&json!({ "phone_number": number, "limit": 200 })).await?);
        let end = start_of_day(day(3), tenant.zone).unwrap_or_default();
        let (queue, to) = last_before(&before, end);
        print(&format!("\nA search of the queue {queue} still shows every call, but without that customer:"));
        show(&self.search(&json!({ "queue": queue, "to": to, "limit": 4 })).await?);
        print(&format!("\nThe archive's files contain the number in clear: {}", holds(folder, &caller.phone_e164)?));
        Ok(())
    }

    async fn search(&self, wanted: &Value) -> Result<Value, CommandError> {
        self.post("/archive/search", wanted).await
    }

    async fn enter(&self, request: &Value) -> Result<(), CommandError> {
        let entered = self.post("/anonymize-requests", request).await?;
        let text = |field: &str| entered[field].as_str().unwrap_or("-").to_owned();
        print(&format!(
            "  {:<14} {:<28} up to {}, {}, due at {}",
            text("phone_number"),
            text("email"),
            text("to_date"),
            text("status"),
            text("due_at")
        ));
        Ok(())
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, CommandError> {
        let call = self.client.post(format!("{}{path}", self.api)).bearer_auth(&self.token).json(body);
        let answer = call.send().await.and_then(reqwest::Response::error_for_status);
        let answer = answer.map_err(|_| CommandError::Internal("the service refused a call of the demo"))?;
        answer.json().await.map_err(|_| CommandError::Internal("the service sent a body that is not JSON"))
    }

    fn invite(&self, sample: &Sample, addresses: &Addresses) {
        let Self { api, token, .. } = self;
        let number = spelling(&sample::customer(sample, 3));
        print(&format!("\nThe service is running: http://{}/docs. Ctrl-C ends it. Try:\n", addresses.api));
        print(&format!("export TOKEN={token}"));
        for (path, body) in [
            ("/archive/search", json!({ "phone_number": number })),
            ("/anonymize-requests/preview", json!({ "phone_number": number, "targets": ["archive"] })),
            ("/anonymize-requests", json!({ "phone_number": number, "targets": ["archive"] })),
        ] {
            print(&format!(
                "curl -s {api}{path} -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' -d \
                 '{body}'"
            ));
        }
        print(&format!("curl -s {api}/anonymize-requests -H \"Authorization: Bearer $TOKEN\""));
    }
}

const TARGETS: [&str; 3] = ["archive", "sms_survey", "raw_data"];

/// The queue of the last interaction before an instant, and the second after it.
fn last_before(page: &Value, end: DateTime<Utc>) -> (Value, DateTime<Utc>) {
    let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let started = |item: &Value| item["started_at"].as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok());
    let found = items.iter().find_map(|item| Some((item, started(item).filter(|at| *at < end)?)));
    found.map_or((Value::Null, end), |(item, at)| (item["queue"].clone(), at + TimeDelta::seconds(1)))
}

/// The customer's number in a spelling in which nobody stored it.
fn spelling(customer: &SampleCustomer) -> String {
    let spellings = sample::REGION.parse().map(|region| sample::spellings(&customer.phone_e164, region));
    let spaced = |all: Vec<String>| all.into_iter().find(|one| one.starts_with("00") && one.contains(' '));
    spellings.ok().and_then(spaced).unwrap_or_else(|| customer.phone_e164.clone())
}

fn show(page: &Value) {
    let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() {
        print("  nothing");
    }
    for item in items.iter().take(6) {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let customer = &item["customer"];
        print(&format!(
            "  {:<20} {:<9} {:<18} {:<14} {}",
            text(&item["started_at"]),
            text(&item["channel"]),
            text(&item["queue"]),
            text(&customer["phone_number"]),
            text(&customer["name"])
        ));
    }
    if items.len() > 6 {
        print(&format!("  … and {} more", items.len() - 6));
    }
}

/// Whether any file of the archive contains the digits of a number.
fn holds(folder: &Path, number: &str) -> Result<&'static str, CommandError> {
    let national = number.get(number.len().saturating_sub(8)..).unwrap_or(number).as_bytes();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_archive = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("archive.db"));
        if is_archive && std::fs::read(&path)?.windows(national.len()).any(|bytes| bytes == national) {
            return Ok("yes");
        }
    }
    Ok("no")
}
