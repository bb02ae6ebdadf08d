//! The stage of unit tests: one tenant on embedded databases, in a folder that is removed at the end.

mod folder;
mod http;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::Value;

use crate::archive::Interaction;
use crate::archive::intake::Intake;
use crate::audit;
use crate::base::actor::{Actor, Scope};
use crate::base::clock::Clock;
use crate::base::id::RecordId;
use crate::base::memory::MemoryBudget;
use crate::content::ContentStore;
use crate::holds;
use crate::journal::Journal;
use crate::nightly::{self, Ending, Options, Progress, Stop};
use crate::objects::{Ledger, Objects};
use crate::requests;
use crate::store::{Archive, Db, StoreSettings, Vault, migrate};
use crate::tenants::{self, Tenant};
use crate::vault::{AppContext, Keysets, MasterKey, MasterKeys};

pub use folder::Folder;
pub use http::{Answered, Call, document};

/// A contact centre in Norway, on the afternoon of 3 August 2026.
pub struct Stage {
    pub app: Arc<AppContext>,
    pub content_store: Arc<ContentStore>,
    pub tenant: Tenant,
    pub actor: Actor,
    pub folder: Folder,
}

impl Stage {
    pub async fn new(name: &str, scopes: &[Scope]) -> Self {
        let folder = Folder::new();
        let (archive, vault) = databases(&folder).await;
        migrate(&archive).await.unwrap();
        migrate(&vault).await.unwrap();
        let clock = Clock::Fixed(instant("2026-08-03T12:00:00Z"));
        let mut tx = archive.write().await.unwrap();
        let tenant = tenants::create(&mut tx, clock, "demo").await.unwrap();
        tx.commit().await.unwrap();
        let scopes = scopes.iter().copied().collect();
        let actor = Actor { sub: "u1".to_owned(), scopes, ..Actor::service(tenant.id, name) };
        Self::of_process((archive, vault), tenant, actor, folder, clock)
    }

    /// A stage in the folder of another one that was closed, or in a copy of it.
    pub async fn reopened(folder: Folder, tenant: Tenant, actor: Actor, clock: Clock) -> Self {
        let databases = databases(&folder).await;
        Self::of_process(databases, tenant, actor, folder, clock)
    }

    /// The stage as a new process has it: nothing of the keys or the journal is in memory yet.
    fn of_process(
        (archive, vault): (Db<Archive>, Db<Vault>),
        tenant: Tenant,
        actor: Actor,
        folder: Folder,
        clock: Clock,
    ) -> Self {
        let keysets = Keysets::new(MasterKeys::new(MasterKey::from_bytes(&[7; 32]).unwrap(), None));
        let ledger = Ledger::new(Objects::in_folder(folder.join("journal")), Duration::from_secs(5));
        let journal = Journal::new(Some(ledger));
        let memory = Arc::new(MemoryBudget::new(160 << 20));
        let hiding = &[requests::HIDING, holds::HIDING];
        let app = Arc::new(AppContext { archive, vault, keysets, journal, clock, memory, hiding });
        let objects = Objects::in_folder(folder.join("objects"));
        let content_store = Arc::new(ContentStore { objects, size_limit: 8 << 20 });
        Self { app, content_store, tenant, actor, folder }
    }

    /// The same stage in a process that follows one that was killed.
    pub fn restarted(self) -> Self {
        let Self { app, content_store: _, tenant, actor, folder } = self;
        Self::of_process((app.archive.clone(), app.vault.clone()), tenant, actor, folder, app.clock)
    }

    /// Closes the databases, so that their files are complete.
    pub async fn close(&self) {
        self.app.archive.close().await;
        self.app.vault.close().await;
    }

    /// The same stage at a later time.
    pub fn later(self, by: TimeDelta) -> Self {
        let AppContext { archive, vault, keysets, journal, clock, memory, hiding } = Arc::into_inner(self.app).unwrap();
        let clock = Clock::Fixed(clock.now() + by);
        Self { app: Arc::new(AppContext { archive, vault, keysets, journal, clock, memory, hiding }), ..self }
    }

    /// Sends an interaction to the archive.
    pub async fn interaction(&self, record: &Value) -> RecordId {
        let mut intake = Intake::<Interaction>::begin(&self.app, &self.actor, &self.tenant).await.unwrap();
        intake.take(1, Some(record.to_string().as_bytes())).await.unwrap();
        assert_eq!(intake.end().await.unwrap().created, 1);
        let mut tx = self.app.archive.read().await.unwrap();
        let query = tx.query("SELECT id FROM interactions").with(" WHERE tenant_id = ", self.tenant.id);
        query.with(" AND external_id = ", record["external_id"].as_str().unwrap()).scalar().await.unwrap()
    }

    /// Runs the nightly job as of an instant.
    pub async fn nightly(&self, as_of: &str) {
        assert_eq!(self.run(as_of).await, Ending::Done);
    }

    /// Runs the nightly job on a vault without the table of erasures. The pass claims the due requests, and then fails.
    pub async fn begin_nightly(&self, as_of: &str) {
        self.alter_vault("ALTER TABLE erasures RENAME TO erasures_away").await;
        assert_eq!(self.run(as_of).await, Ending::Failed);
        self.alter_vault("ALTER TABLE erasures_away RENAME TO erasures").await;
    }

    async fn alter_vault(&self, sql: &'static str) {
        let mut tx = self.app.vault.write().await.unwrap();
        tx.query(sql).execute().await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn run(&self, as_of: &str) -> Ending {
        let (as_of, journal_days, audit_days) = (instant(as_of), 400, None);
        let options = Options { as_of, tenant: None, retry_texts: false, scan: true, journal_days, audit_days };
        let (ending, _) =
            nightly::run(&self.app, &self.content_store, &options, &Progress::lines(), &Stop::default()).await.unwrap();
        ending
    }

    /// The audit log, without the rows of the records that the stage has sent.
    pub async fn events(&self) -> Vec<audit::Event> {
        let mut tx = self.app.archive.read().await.unwrap();
        let mut events = audit::list(&mut tx, &self.actor, &audit::EventFilter::default(), None, 100).await.unwrap();
        events.retain(|event| event.action != "archive.ingested");
        events.reverse();
        events
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        self.app.archive.read().await.unwrap().query(sql).scalar().await.unwrap()
    }

    pub async fn count_in_vault(&self, sql: &'static str) -> i64 {
        self.app.vault.read().await.unwrap().query(sql).scalar().await.unwrap()
    }
}

/// The two embedded databases of a folder.
async fn databases(folder: &Folder) -> (Db<Archive>, Db<Vault>) {
    let settings = |file| StoreSettings {
        url: SecretString::from(format!("sqlite:{}", folder.join(file).display())),
        schema: None,
        connections: 2,
        patience: Duration::from_secs(5),
    };
    (Db::open(&settings("archive.db")).await.unwrap(), Db::open(&settings("vault.db")).await.unwrap())
}

pub fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
