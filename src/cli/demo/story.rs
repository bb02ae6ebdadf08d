//! The story of the demo: a privacy officer uses the service.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use sample::{self, Sample, SampleCustomer};
use serde_json::{Value, json};

use super::table::{TableRows, show_totals};
use crate::app::{self, Addresses};
use crate::base::day::start_of_day;
use crate::cli::exit::CommandError;
use crate::cli::output::{counted, print};
use crate::config::Config;
use crate::content::ContentStore;
use crate::http::auth::dev_token;
use crate::nightly::{self, Options, Progress, Stop};
use crate::tenants::Tenant;
use crate::vault::AppContext;

const TARGETS: [&str; 3] = ["archive", "sms_survey", "raw_data"];

/// The number of days between today and the last day of the first request.
const AGO: u64 = 4;

/// The service as a privacy officer uses it.
pub struct Story {
    client: reqwest::Client,
    api: String,
    token: String,
    content_store: Arc<ContentStore>,
    sample: Sample,
    tenant: Tenant,
}

impl Story {
    pub fn new(config: &Config, addresses: &Addresses, sample: &Sample, tenant: &Tenant) -> Result<Self, CommandError> {
        let client = reqwest::Client::builder().no_proxy().build();
        let token = dev_token(config, "demo", &["dpo".to_owned()], "kari");
        Ok(Self {
            client: client.map_err(|_| CommandError::Internal("the HTTP client cannot be built"))?,
            api: format!("http://{}/api/v1", addresses.api),
            token: token.map_err(|_| CommandError::Internal("the token of development mode cannot be made"))?,
            content_store: Arc::new(app::content_store(config)),
            sample: *sample,
            tenant: tenant.clone(),
        })
    }

    pub async fn play(&self, stores: &Arc<AppContext>, folder: &Path) -> Result<(), CommandError> {
        let caller = sample::customer(&self.sample, 0);
        let (number, last_day) = (spelling(&caller), self.day(AGO));
        let cutoff = start_of_day(self.day(AGO - 1), self.tenant.zone).unwrap_or_default();
        let by_number = json!({ "phone_number": number, "limit": 200 });

        print(&format!("\n{} calls, and asks to be forgotten up to {last_day}.", caller.name));
        print(&format!("Before the pass, a search by {number} finds:\n"));
        let totals = self.totals().await?;
        let before = self.search(&by_number).await?;
        before.show_around(cutoff, &last_day.to_string());

        self.enter_all(&number, last_day).await?;
        self.run_the_job(stores).await?;

        print("\nAfter the pass, the same search finds:\n");
        let after = self.search(&by_number).await?;
        after.show_around(cutoff, &last_day.to_string());
        print(&format!(
            "\n{} → {} records: nobody finds the {} others by their customer any more.",
            before.count(),
            after.count(),
            before.count() - after.count()
        ));
        if let Some((queue, at)) = before.last_before(cutoff) {
            print(&format!("They are still there. A search of the queue {queue} shows them, without that customer:\n"));
            let to = at + TimeDelta::seconds(1);
            self.search(&json!({ "queue": queue, "to": to, "limit": 4 })).await?.show();
        }
        let compared = if self.totals().await? == totals { "the same as before" } else { "not the same as before" };
        print(&format!("\nThe totals are {compared}. A manager sees them without any record:\n"));
        show_totals(&totals);
        print(&linkability(&self.post("/archive/linkability", &json!({})).await?));
        print(&format!("\nThe archive's files contain the number in clear: {}", contain(folder, &caller.phone_e164)?));
        Ok(())
    }

    /// The day that was some days before the last one of the archive.
    fn day(&self, ago: u64) -> NaiveDate {
        self.sample.until.checked_sub_days(Days::new(ago)).unwrap_or(self.sample.until)
    }

    /// Enters the requests of three customers.
    async fn enter_all(&self, number: &str, last_day: NaiveDate) -> Result<(), CommandError> {
        print("\nThe privacy officer enters three requests:");
        let (second, third) = (sample::customer(&self.sample, 1), sample::customer(&self.sample, 2));
        for request in [
            json!({ "phone_number": number, "to_date": last_day, "targets": TARGETS, "comment": "case 118" }),
            json!({ "phone_number": spelling(&second), "email": second.email, "to_date": self.day(1),
                    "targets": TARGETS }),
            json!({ "phone_number": spelling(&third), "targets": ["archive"] }),
        ] {
            let entered = self.post("/anonymize-requests", &request).await?;
            let text = |field: &str| entered[field].as_str().unwrap_or("-").to_owned();
            print(&format!(
                "  {:<14} {:<28} up to {}, {}, due at {}",
                text("phone_number"),
                text("email"),
                text("to_date"),
                text("status"),
                text("due_at")
            ));
        }
        Ok(())
    }

    /// The time of the nightly job that carries out the requests of today.
    fn tonight(&self) -> DateTime<Utc> {
        let tomorrow = self.sample.until.checked_add_days(Days::new(1)).unwrap_or(self.sample.until);
        let three = NaiveTime::from_hms_opt(3, 0, 0).unwrap_or_default() - NaiveTime::MIN;
        start_of_day(tomorrow, self.tenant.zone).unwrap_or_default() + three
    }

    async fn run_the_job(&self, stores: &Arc<AppContext>) -> Result<(), CommandError> {
        print("\nAt 3 o'clock the next day, `lethe job nightly`:");
        let (as_of, tenant) = (self.tonight(), Some(self.tenant.id));
        let options = Options { as_of, tenant, retry_texts: false, scan: true, journal_days: 400, audit_days: None };
        let progress = Progress::lines();
        let (_, reports) = nightly::run(stores, &self.content_store, &options, &progress, &Stop::default()).await?;
        for (_, report) in reports {
            let counts: Vec<_> =
                report.anonymized.iter().map(|(target, records)| format!("{target} {records}")).collect();
            print(&format!("  {} done; anonymized: {}", counted(report.requests_done, "request"), counts.join(", ")));
        }
        Ok(())
    }

    /// The totals of all days of the archive, by queue and channel.
    async fn totals(&self) -> Result<Value, CommandError> {
        let start = |day| start_of_day(day, self.tenant.zone).unwrap_or_default();
        let tomorrow = self.sample.until.checked_add_days(Days::new(1)).unwrap_or(self.sample.until);
        let from = start(self.day(self.sample.days.into()));
        let groups = ["queue", "channel"];
        let body = json!({ "from": from, "to": start(tomorrow), "group_by": groups, "measures": ["count"] });
        self.post("/archive/totals", &body).await
    }

    async fn search(&self, filter: &Value) -> Result<TableRows, CommandError> {
        Ok(TableRows::of(&self.post("/archive/search", filter).await?))
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, CommandError> {
        let call = self.client.post(format!("{}{path}", self.api)).bearer_auth(&self.token).json(body);
        let answer = call.send().await.and_then(reqwest::Response::error_for_status);
        let answer = answer.map_err(|_| CommandError::Internal("the service refused a call of the demo"))?;
        answer.json().await.map_err(|_| CommandError::Internal("the service sent a body that is not JSON"))
    }

    /// Prints calls that the reader can try, and the command that carries out their requests.
    pub fn invite(&self, addresses: &Addresses, folder: &Path) {
        let Self { api, token, .. } = self;
        let number = spelling(&sample::customer(&self.sample, 3));
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
        print("\nThis line, in another terminal, carries out the requests that you have entered:\n");
        let program = std::env::current_exe().map_or_else(|_| "lethe".to_owned(), |path| path.display().to_string());
        let time = self.tonight().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        print(&format!("LETHE_DATA_DIR={} {program} job nightly --as-of {time}", folder.display()));
    }
}

/// A line about the interactions that are alone by facts that others may know too.
fn linkability(report: &Value) -> String {
    let alone = |columns: [&str; 2]| {
        let mut classes = report["classes"].as_array().into_iter().flatten();
        let class = classes.find(|class| class["columns"] == json!(columns));
        class.and_then(|class| class["unique"].as_u64()).unwrap_or_default()
    };
    format!(
        "\nOf {} interactions, {} are alone by second and queue, and {} by day and queue. Ageing coarsens old ones.",
        report["classes"][0]["rows"],
        alone(["second", "queue"]),
        alone(["day", "queue"])
    )
}

/// The customer's number in a spelling in which nobody stored it.
fn spelling(customer: &SampleCustomer) -> String {
    let spellings = sample::REGION.parse().map(|region| sample::spellings(&customer.phone_e164, region));
    let spaced = |all: Vec<String>| all.into_iter().find(|one| one.starts_with("00") && one.contains(' '));
    spellings.ok().and_then(spaced).unwrap_or_else(|| customer.phone_e164.clone())
}

/// Whether any file of the archive contains the digits of a number.
fn contain(folder: &Path, number: &str) -> Result<&'static str, CommandError> {
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
