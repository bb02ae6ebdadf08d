//! The Anonymize page on embedded databases.

mod pages;
mod repeats;
mod stories;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::base::actor::Scope;
use crate::base::clock::Clock;
use crate::base::crypto::Key as ServiceKey;
use crate::base::field::FieldError;
use crate::base::id::{IdentifierId, RecordId};
use crate::store::{Db, StoreSettings, migrate};
use crate::tenants::fence;
use crate::vault::{Keysets, MasterKey};

/// A contact centre in Norway, on the afternoon of 3 August 2026.
pub struct House {
    pub stores: Arc<AppContext>,
    pub paal: Actor,
}

impl House {
    pub async fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("lethe-requests-{}", RequestId::new()));
        let url = |name: &str| SecretString::from(format!("sqlite:{}", folder.join(name).display()));
        let settings = |name| StoreSettings {
            url: url(name),
            schema: None,
            connections: 2,
            patience: std::time::Duration::from_secs(5),
        };
        let archive = Db::open(&settings("archive.db")).await.unwrap();
        let vault = Db::open(&settings("vault.db")).await.unwrap();
        migrate(&archive).await.unwrap();
        migrate(&vault).await.unwrap();
        let keysets = Keysets::new(MasterKey::from_bytes(&[7; 32]).unwrap());
        let clock = Clock::Fixed(instant("2026-08-03T12:00:00Z"));
        let mut tx = archive.write().await.unwrap();
        let tenant = tenants::create(&mut tx, clock, "demo").await.unwrap();
        tx.commit().await.unwrap();
        let service_key = ServiceKey::from_bytes(&[9; 32]).unwrap();
        let stores = Arc::new(AppContext { archive, vault, keysets, clock, service_key });
        let scopes = BTreeSet::from([Scope::RequestsRead, Scope::RequestsWrite]);
        Self { stores, paal: Actor { tenant: tenant.id, sub: "u1".to_owned(), name: "paal".to_owned(), scopes } }
    }

    /// The same house at another time.
    fn later(self, by: TimeDelta) -> Self {
        let AppContext { archive, vault, keysets, clock, service_key } = Arc::into_inner(self.stores).unwrap();
        let clock = Clock::Fixed(clock.now() + by);
        Self { stores: Arc::new(AppContext { archive, vault, keysets, clock, service_key }), ..self }
    }

    async fn enter(&self, body: Value) -> RenderedRequest {
        self.try_enter(body).await.map_err(|error| error.to_string()).unwrap()
    }

    async fn try_enter(&self, body: Value) -> Result<RenderedRequest, RequestError> {
        create(&self.stores, &self.paal, &new(body), None).await.map(|answer| answer.value)
    }

    async fn enter_once(&self, body: Value, key: &str) -> Result<Replayable<RenderedRequest>, RequestError> {
        create(&self.stores, &self.paal, &new(body), Some(key)).await
    }

    async fn patch(&self, id: RequestId, version: i64, body: Value) -> Result<RenderedRequest, RequestError> {
        let patch: Change = serde_json::from_value(body).unwrap();
        change(&self.stores, &self.paal, id, &is(version), &patch).await
    }

    async fn save(&self, body: Value) -> Result<Saved, RequestError> {
        let batch: Batch = serde_json::from_value(body).unwrap();
        save_batch(&self.stores, &self.paal, &batch, None).await.map(|answer| answer.value)
    }

    async fn read(&self, id: RequestId) -> Result<RenderedRequest, RequestError> {
        match find(&self.stores, &self.paal, id, |_| false).await? {
            Read::RenderedRequest(shown) => Ok(*shown),
            Read::Known(_) => unreachable!("nothing is known"),
        }
    }

    async fn page(&self, status: Option<Status>, cursor: Option<String>, limit: u32) -> Page<RenderedRequest> {
        list(&self.stores, &self.paal, &Filter { status, cursor, limit }).await.unwrap()
    }

    /// What the night does to a request: begins it, or carries it out.
    pub async fn night(&self, id: RequestId, sql: &'static str) {
        let mut tx = self.stores.archive.write().await.unwrap();
        tx.query(sql).with(" WHERE id = ", id).execute().await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn audited(&self) -> Vec<String> {
        let mut tx = self.stores.archive.read().await.unwrap();
        let events = audit::list(&mut tx, &self.paal, None, 100).await.unwrap();
        events.into_iter().rev().map(|event| event.action).collect()
    }

    async fn count(&self, sql: &'static str) -> i64 {
        self.stores.archive.read().await.unwrap().query(sql).scalar().await.unwrap()
    }

    async fn identifiers(&self) -> i64 {
        self.stores.vault.read().await.unwrap().query("SELECT count(*) FROM identifiers").scalar().await.unwrap()
    }
}

pub const BEGUN: &str = "UPDATE requests SET attempts = 1";
const DONE: &str = "UPDATE requests SET status = 'done', attempts = 1, phone_id = NULL, email_id = NULL, \
                    phone_mask = '*****5', version = version + 1, done_at = updated_at";

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn new(body: Value) -> NewRequest {
    serde_json::from_value(body).unwrap()
}

fn is(version: i64) -> impl Fn(i64) -> Result<(), RequestError> + Sync {
    move |there| if there == version { Ok(()) } else { Err(RequestError::Stale) }
}

fn bob() -> Value {
    json!({ "phone_number": "004798765", "email": " Bob.Test@MyTest.no", "to_date": "2026-08-02", "comment": "case 118",
            "targets": ["archive", "raw_data"] })
}

fn places<T>(result: Result<T, RequestError>) -> Vec<(String, String)> {
    match result {
        Err(RequestError::Invalid(errors)) => {
            let place = |error: FieldError| (error.pointer.unwrap_or_default(), error.code.into_owned());
            errors.into_iter().map(place).collect()
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("was accepted"),
    }
}

fn place(pointer: &str, code: &str) -> (String, String) {
    (pointer.to_owned(), code.to_owned())
}
