//! The Anonymize page on embedded databases.

mod pages;
mod repeats;
mod stories;

use std::ops::Deref;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::*;
use crate::base::actor::Scope;
use crate::base::field::FieldError;
use crate::base::page::Page;
use crate::tenants::{self, fence};
use crate::tests::{Stage, instant};

/// A contact centre with a privacy officer.
pub struct House(Stage);

impl Deref for House {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.0
    }
}

impl House {
    pub async fn new() -> Self {
        Self(Stage::new("paal", &[Scope::RequestsRead, Scope::RequestsWrite]).await)
    }

    /// The same house at a later time.
    fn later(self, by: TimeDelta) -> Self {
        Self(self.0.later(by))
    }

    async fn enter(&self, body: Value) -> RenderedRequest {
        self.try_enter(body).await.map_err(|error| error.to_string()).unwrap()
    }

    async fn try_enter(&self, body: Value) -> Result<RenderedRequest, RequestError> {
        create(&self.app, &self.actor, &new(body), None).await.map(|answer| answer.value)
    }

    async fn enter_once(&self, body: Value, key: &str) -> Result<Replayable<RenderedRequest>, RequestError> {
        create(&self.app, &self.actor, &new(body), Some(key)).await
    }

    async fn patch(&self, id: RequestId, version: i64, body: Value) -> Result<RenderedRequest, RequestError> {
        let patch: RequestPatch = serde_json::from_value(body).unwrap();
        change(&self.app, &self.actor, id, &Versions::Listed(vec![version]), &patch).await
    }

    async fn save(&self, body: Value) -> Result<Saved<RenderedRequest>, RequestError> {
        let batch: RequestBatch = serde_json::from_value(body).unwrap();
        save_batch(&self.app, &self.actor, &batch, None).await.map(|answer| answer.value)
    }

    async fn read(&self, id: RequestId) -> Result<RenderedRequest, RequestError> {
        match find(&self.app, &self.actor, id, &Versions::Absent).await? {
            Read::Rendered(rendered) => Ok(*rendered),
            Read::Known(_) => unreachable!("the caller has no version"),
        }
    }

    async fn page(&self, status: Option<Status>, cursor: Option<String>, limit: u32) -> Page<RenderedRequest> {
        list(&self.app, &self.actor, &RequestFilter { status, cursor, limit, ..RequestFilter::default() })
            .await
            .unwrap()
    }

    async fn audited(&self) -> Vec<String> {
        self.events().await.into_iter().map(|event| event.action).collect()
    }

    async fn identifiers(&self) -> i64 {
        self.count_in_vault("SELECT count(*) FROM identifiers").await
    }
}

fn new(body: Value) -> NewRequest {
    serde_json::from_value(body).unwrap()
}

fn bob() -> Value {
    json!({ "phone_number": "004798765", "email": " Bob.Test@MyTest.no", "to_date": "2026-08-02", "comment": "case 118",
            "targets": ["archive", "raw_data"] })
}

/// A request that is not due on the afternoon on which it is entered.
fn not_due() -> Value {
    let mut body = bob();
    body["to_date"] = json!("2026-08-03");
    body
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
