//! The parts of a history: its random numbers, its files, its killed futures, and the contents of its databases.

use std::collections::BTreeMap;
use std::path::Path;
use std::task::Poll;
use std::time::Duration;

use chrono::{DateTime, Utc};
use pii::{Email, Identifier, Phone};
use serde_json::Value;

use super::oracle::{CUSTOMERS, RequestRow, Row, Seen};
use crate::archive::intake::{Ingested, Intake};
use crate::archive::{ArchiveError, Interaction};
use crate::base::actor::Scope;
use crate::base::id::{ContentId, HoldId, IdentifierId, RecordId, RequestId};
use crate::nightly::restore::{self, GRACE};
use crate::tests::{Folder, Stage};
use crate::vault;

/// The names of the customers.
pub const NAMES: [&str; CUSTOMERS] = ["Anna Berg", "Bjarne Dahl", "Cecilie Eide", "Dag Foss"];

pub fn phone(customer: usize) -> String {
    format!("+479123450{customer}")
}

pub fn email(customer: usize) -> String {
    format!("customer.{customer}@mytest.no")
}

/// Random numbers of a seed (`SplitMix64`).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let one = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let one = (one ^ (one >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (one ^ (one >> 31)) % limit
    }

    pub fn customer(&mut self) -> usize {
        self.index(CUSTOMERS)
    }

    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }

    pub fn pick<T: Clone>(&mut self, all: impl Iterator<Item = T>) -> Option<T> {
        let all: Vec<T> = all.collect();
        if all.is_empty() { None } else { Some(all[self.index(all.len())].clone()) }
    }

    /// After how many polls a process is killed, if it is: below 2 to the power of `most`.
    pub fn polls(&mut self, percent: u64, most: u64) -> Option<u64> {
        let (dies, bits) = (self.below(100) < percent, self.below(most));
        let polls = 1 + self.below(1 << (1 + bits));
        Some(polls).filter(|_| dies)
    }
}

/// The files of an installation after its first night. Each history begins with a copy of them.
pub struct Template {
    pub stage: Stage,
}

impl Template {
    pub async fn new() -> Self {
        let stage = Stage::new("kari", &[Scope::ContentWrite, Scope::ContentDelete]).await;
        stage.nightly("2026-08-03T12:00:00Z").await;
        stage.close().await;
        Self { stage }
    }
}

/// Copies a folder, if there is one.
pub fn copy(from: &Path, to: &Path) {
    if !from.exists() {
        return;
    }
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Replaces the file of a database, with its log.
pub fn copy_database(name: &str, from: &Folder, to: &Folder) {
    for ending in ["", "-wal", "-shm"] {
        let file = format!("{name}.db{ending}");
        let _ = std::fs::remove_file(to.join(&file));
        if from.join(&file).exists() {
            std::fs::copy(from.join(&file), to.join(&file)).unwrap();
        }
    }
}

/// Does some work, or drops it after some polls. A killed process leaves the same: its open transactions are undone.
pub fn within<T>(polls: Option<u64>, work: impl Future<Output = T>) -> impl Future<Output = Option<T>> {
    let (mut work, mut left) = (Box::pin(work), polls);
    std::future::poll_fn(move |context| match (work.as_mut().poll(context), &mut left) {
        (Poll::Ready(ended), _) => Poll::Ready(Some(ended)),
        (Poll::Pending, Some(0 | 1)) => Poll::Ready(None),
        (Poll::Pending, Some(left)) => {
            *left -= 1;
            Poll::Pending
        }
        (Poll::Pending, None) => Poll::Pending,
    })
}

/// Sends a record to the archive.
pub async fn ingest(stage: &Stage, record: &Value) -> Result<Ingested, ArchiveError> {
    let mut intake = Intake::<Interaction>::begin(&stage.app, &stage.actor, &stage.tenant).await?;
    intake.take(1, Some(record.to_string().as_bytes())).await?;
    let stored = intake.end().await?;
    assert_eq!(stored.created + stored.updated, 1, "{:?}", stored.rejected);
    Ok(stored)
}

/// The start of a service: it looks at the journal, and carries out the decisions that a killed process has left.
pub async fn serve(stage: &Stage) {
    let look = restore::look(&stage.app).await.unwrap();
    assert_eq!(look.damage, None, "STUCK: the journal is damaged");
    for one in &look.tenants {
        assert_eq!(one.behind, None, "FALSE: no database was restored since the last replay");
        restore::settle(&stage.app, &stage.content_store, one, Some(GRACE), &BTreeMap::new()).await.unwrap();
    }
}

/// Reads both databases.
pub async fn see(stage: &Stage) -> Seen {
    let mut seen = Seen::default();
    see_records(stage, &mut seen).await;
    see_decisions(stage, &mut seen).await;
    let app = &stage.app;
    let keyset = app.keysets.get(&app.vault, stage.tenant.id).await.unwrap();
    let mut tx = app.vault.read().await.unwrap();
    let keys: Vec<(ContentId,)> = tx.query("SELECT content_id FROM content_keys").all().await.unwrap();
    seen.keys = keys.into_iter().map(|(id,)| id).collect();
    for (customer, ids) in seen.customers.iter_mut().enumerate() {
        let phone = Identifier::Phone(Phone::parse(&phone(customer), stage.tenant.region).unwrap());
        let email = Identifier::Email(Email::parse(&email(customer)).unwrap());
        let known = vault::find(&mut tx, &keyset, [&phone, &email]).await.unwrap();
        *ids = [known.get(&phone).copied(), known.get(&email).copied(), None];
    }
    seen
}

async fn see_records(stage: &Stage, seen: &mut Seen) {
    type Stored = (String, RecordId, DateTime<Utc>, Option<IdentifierId>, Option<IdentifierId>, Option<IdentifierId>);
    let mut tx = stage.app.archive.read().await.unwrap();
    let records = tx.query("SELECT external_id, id, at, phone_id, email_id, name_id FROM interactions");
    let records: Vec<Stored> = records.all().await.unwrap();
    let row = |(name, id, at, phone, email, own_name): Stored| (name, Row { id, at, ids: [phone, email, own_name] });
    seen.records = records.into_iter().map(row).collect();
    let contents: Vec<(ContentId, String)> = tx
        .query("SELECT c.id, i.external_id FROM contents c JOIN interactions i ON i.id = c.interaction_id")
        .all()
        .await
        .unwrap();
    seen.contents = contents.into_iter().collect();
}

async fn see_decisions(stage: &Stage, seen: &mut Seen) {
    type Stored = (RequestId, String, DateTime<Utc>, Option<String>, Option<i64>, Option<i64>);
    let mut tx = stage.app.archive.read().await.unwrap();
    let requests: Vec<Stored> = tx
        .query("SELECT r.id, r.status, r.due_at, r.last_error, n.anonymized, c.deleted FROM requests r")
        .push(" LEFT JOIN request_counts n ON n.request_id = r.id")
        .push(" LEFT JOIN request_contents c ON c.request_id = r.id")
        .all()
        .await
        .unwrap();
    let row = |(id, status, due_at, last_error, records, pieces): Stored| {
        let numbers = (records.unwrap_or_default(), pieces.unwrap_or_default());
        (id, RequestRow { is_done: status == "done", due_at, last_error, numbers })
    };
    seen.requests = requests.into_iter().map(row).collect();
    let holds: Vec<(HoldId, Option<IdentifierId>)> =
        tx.query("SELECT id, phone_id FROM holds WHERE released_at IS NULL").all().await.unwrap();
    seen.holds = holds.into_iter().collect();
}

/// The time in which the writes begin that a killed process has left to another thread.
const IN_FLIGHT: Duration = Duration::from_millis(20);

/// Waits for the writes that a killed process has begun in the journal.
pub async fn writes_end(journal: &Path) {
    loop {
        tokio::time::sleep(IN_FLIGHT).await;
        if !has_draft(journal) {
            break;
        }
    }
}

/// Whether a file of a folder is still being written. Then it has a `#` in its name.
fn has_draft(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| path.to_string_lossy().contains('#') || has_draft(&path))
}
