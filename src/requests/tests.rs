//! Stories of the Anonymize page, on embedded databases.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::web::Data;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::base::actor::Scope;
use crate::base::clock::Clock;
use crate::base::crypto::Key as ServiceKey;
use crate::base::id::{IdentifierId, RecordId};
use crate::base::place::Place;
use crate::store::{Db, Settings, migrate};
use crate::tenants::fence;
use crate::vault::{Keysets, MasterKey};

/// A contact centre in Norway, on the afternoon of 3 August 2026.
pub struct House {
    pub stores: Data<Stores>,
    pub paal: Actor,
}

impl House {
    pub async fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("lethe-requests-{}", RequestId::new()));
        let url = |name: &str| SecretString::from(format!("sqlite:{}", folder.join(name).display()));
        let settings = |name| Settings { url: url(name), schema: None, connections: 2 };
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
        let stores = Data::new(Stores { archive, vault, keysets, clock, service_key });
        let scopes = BTreeSet::from([Scope::RequestsRead, Scope::RequestsWrite]);
        Self { stores, paal: Actor { tenant: tenant.id, sub: "u1".to_owned(), name: "paal".to_owned(), scopes } }
    }

    /// The same house at another time.
    fn later(self, by: TimeDelta) -> Self {
        let Stores { archive, vault, keysets, clock, service_key } = Arc::into_inner(self.stores.into_inner()).unwrap();
        let clock = Clock::Fixed(clock.now() + by);
        Self { stores: Data::new(Stores { archive, vault, keysets, clock, service_key }), ..self }
    }

    async fn enter(&self, body: Value) -> Shown {
        self.try_enter(body).await.map_err(|error| error.to_string()).unwrap()
    }

    async fn try_enter(&self, body: Value) -> Result<Shown, RequestError> {
        create(&self.stores, &self.paal, &new(body), None).await.map(|answer| answer.value)
    }

    async fn enter_once(&self, body: Value, key: &str) -> Result<Answered<Shown>, RequestError> {
        create(&self.stores, &self.paal, &new(body), Some(key)).await
    }

    async fn patch(&self, id: RequestId, version: i64, body: Value) -> Result<Shown, RequestError> {
        let patch: Change = serde_json::from_value(body).unwrap();
        change(&self.stores, &self.paal, id, &is(version), &patch).await
    }

    async fn save(&self, body: Value) -> Result<Saved, RequestError> {
        let batch: Batch = serde_json::from_value(body).unwrap();
        save_batch(&self.stores, &self.paal, &batch, None).await.map(|answer| answer.value)
    }

    async fn read(&self, id: RequestId) -> Result<Shown, RequestError> {
        match find(&self.stores, &self.paal, id, |_| false).await? {
            Read::Shown(shown) => Ok(*shown),
            Read::Known(_) => unreachable!("nothing is known"),
        }
    }

    async fn page(&self, status: Option<Status>, cursor: Option<String>, limit: u32) -> Page<Shown> {
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

fn places<T>(result: Result<T, RequestError>) -> Vec<(String, &'static str)> {
    match result {
        Err(RequestError::Invalid(places)) => {
            places.into_iter().map(|Place { pointer, code, .. }| (pointer, code)).collect()
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("was accepted"),
    }
}

fn place(pointer: &str, code: &'static str) -> (String, &'static str) {
    (pointer.to_owned(), code)
}

#[tokio::test]
async fn a_request_is_entered_and_shown_as_it_will_match() {
    let house = House::new().await;
    let entered = house.enter(bob()).await;
    assert_eq!(entered.phone_number.as_deref(), Some("+4798765"));
    assert_eq!(entered.email.as_deref(), Some("bob.test@mytest.no"));
    let Request { status, user_name, due_at, version, attempts, .. } = &entered.request;
    assert_eq!((*status, user_name.as_str(), *version, *attempts), (Status::Waiting, "paal", 1, 0));
    assert_eq!(*due_at, instant("2026-08-02T22:00:00Z"));
    assert!(entered.warnings.is_empty() && entered.result.is_none());
    let read = house.read(entered.request.id).await.map_err(|error| error.to_string()).unwrap();
    assert!(read == entered);
    assert_eq!(house.audited().await, ["request.created", "requests.read"]);
}

#[tokio::test]
async fn a_comment_that_names_the_person_is_kept_without_the_number() {
    let house = House::new().await;
    let mut body = bob();
    body["comment"] = json!("Bob, 98765 or 912 34 567");
    let entered = house.enter(body).await;
    assert_eq!(entered.comment.as_deref(), Some("Bob, +4798765 or +4791234567"));
    assert_eq!(entered.warnings, [Warning::CommentHasIdentifier]);
    let stored =
        house.stores.archive.read().await.unwrap().query("SELECT comment FROM requests").scalar::<String>().await;
    assert!(!stored.unwrap().contains("912"));

    house.night(entered.request.id, DONE).await;
    let mut tx = house.stores.archive.write().await.unwrap();
    tx.query("UPDATE mentions SET identifier_id = NULL").execute().await.unwrap();
    tx.commit().await.unwrap();
    let before = house.audited().await.len();
    let done = house.read(entered.request.id).await.map_err(|error| error.to_string()).unwrap();
    assert_eq!(done.phone_number.as_deref(), Some("*****5"));
    assert!(done.comment.unwrap().ends_with("or *****5"));
    assert_eq!(house.audited().await.len(), before, "masks are nobody's secret");
    let result: Vec<_> = done.result.unwrap().into_values().collect();
    assert_eq!(result, [0, 0]);
}

#[tokio::test]
async fn all_mistakes_are_told_at_once() {
    let house = House::new().await;
    let body =
        json!({ "phone_number": "Anonymized", "email": "bob", "to_date": "2026-08-04", "targets": ["archive", "all"] });
    assert_eq!(
        places(house.try_enter(body).await),
        [
            place("/phone_number", "phone_number_invalid"),
            place("/email", "email_invalid"),
            place("/to_date", "to_date_after_entry"),
            place("/targets/1", "target_unavailable"),
        ]
    );
    let nothing = [place("/phone_number", "identifier_missing"), place("/targets", "required")];
    assert_eq!(places(house.try_enter(json!({})).await), nothing);
    assert_eq!(house.identifiers().await, 0);
}

#[tokio::test]
async fn a_change_changes_what_it_names() {
    let house = House::new().await;
    let id = house.enter(bob()).await.request.id;
    let patched = house.patch(id, 1, json!({ "email": null, "to_date": "2026-08-03" })).await;
    let patched = patched.map_err(|error| error.to_string()).unwrap();
    assert_eq!((patched.phone_number.as_deref(), patched.email.as_deref()), (Some("+4798765"), None));
    assert_eq!((patched.request.version, patched.request.due_at), (2, instant("2026-08-03T22:00:00Z")));

    let same = json!({ "phone_number": "98765", "comment": "case 118", "targets": ["raw_data", "archive"] });
    let same = house.patch(id, 2, same).await.map_err(|error| error.to_string()).unwrap();
    assert_eq!(same.request.version, 2, "a change of nothing keeps the version");
    assert_eq!(house.audited().await, ["request.created", "request.changed", "requests.read"]);
}

#[tokio::test]
async fn a_change_is_refused_in_the_contracts_order() {
    let house = House::new().await;
    let id = house.enter(bob()).await.request.id;
    let wrong = json!({ "phone_number": null, "email": null, "to_date": null, "targets": null });
    assert!(matches!(house.patch(RequestId::new(), 1, wrong.clone()).await, Err(RequestError::NotFound)));
    assert!(matches!(house.patch(id, 2, wrong.clone()).await, Err(RequestError::Stale)));
    assert_eq!(
        places(house.patch(id, 1, wrong.clone()).await),
        [place("/phone_number", "identifier_missing"), place("/to_date", "required"), place("/targets", "required")]
    );
    house.night(id, BEGUN).await;
    assert!(matches!(house.patch(id, 1, wrong.clone()).await, Err(RequestError::PassStarted)));
    let refused = cancel(&house.stores, &house.paal, id, &is(1)).await;
    assert!(matches!(refused, Err(RequestError::PassStarted)));
    house.night(id, DONE).await;
    assert!(matches!(house.patch(id, 2, wrong).await, Err(RequestError::Done)));
}

#[tokio::test]
async fn a_corrected_number_is_found_in_the_comment_that_was_there() {
    let house = House::new().await;
    let body = json!({ "email": "bob@mytest.no", "comment": "rang from 0047 98765", "targets": ["archive"] });
    let entered = house.enter(body).await;
    assert!(entered.warnings.is_empty(), "five digits are anybody's figure");
    let patched = house.patch(entered.request.id, 1, json!({ "phone_number": "004798765" })).await;
    let patched = patched.map_err(|error| error.to_string()).unwrap();
    assert_eq!(patched.warnings, [Warning::CommentHasIdentifier]);
    assert_eq!(patched.comment.as_deref(), Some("rang from +4798765"));

    let again = json!({ "comment": "rang from 0047 98765 twice" });
    let again = house.patch(entered.request.id, 2, again).await.map_err(|error| error.to_string()).unwrap();
    assert_eq!(again.comment.as_deref(), Some("rang from +4798765 twice"));
    assert_eq!(house.count("SELECT count(*) FROM mentions").await, 1);
}

#[tokio::test]
async fn the_entry_day_bounds_the_to_date_for_ever() {
    let house = House::new().await;
    let id = house.enter(bob()).await.request.id;
    let house = house.later(TimeDelta::days(2));
    let refused = house.patch(id, 1, json!({ "to_date": "2026-08-04" })).await;
    assert_eq!(places(refused), [place("/to_date", "to_date_after_entry")]);
    assert!(house.patch(id, 1, json!({ "to_date": "2026-08-03" })).await.is_ok());
}

#[tokio::test]
async fn a_cancelled_request_leaves_nothing_in_the_archive() {
    let house = House::new().await;
    let mut body = bob();
    body["comment"] = json!("kari@mytest.no asked");
    let id = house.enter(body).await.request.id;
    cancel(&house.stores, &house.paal, id, &is(1)).await.map_err(|error| error.to_string()).unwrap();
    assert!(matches!(house.read(id).await, Err(RequestError::NotFound)));
    assert_eq!(house.count("SELECT count(*) FROM mentions").await, 0);
    assert_eq!(house.audited().await, ["request.created", "request.deleted"]);
}

#[tokio::test]
async fn a_page_is_saved_all_or_nothing() {
    let house = House::new().await;
    let (a, b) = (house.enter(bob()).await.request.id, house.enter(bob()).await.request.id);
    let c = house.enter(bob()).await.request.id;
    house.night(c, BEGUN).await;
    let refused = house
        .save(json!({
            "create": [bob(), { "phone_number": "12", "targets": ["archive"] }],
            "update": [
                { "id": a, "version": 1, "to_date": "2026-08-09" },
                { "id": a, "version": 1, "comment": "again" },
                { "id": b, "version": 7, "comment": "x" },
                { "id": RequestId::new(), "version": 1 },
            ],
            "delete": [{ "id": c, "version": 1 }, { "id": "nonsense", "version": 1 }, { "id": b, "version": 1 }],
        }))
        .await;
    assert_eq!(
        places(refused),
        [
            place("/create/1/phone_number", "phone_number_invalid"),
            place("/update/0/to_date", "to_date_after_entry"),
            place("/update/1/id", "duplicate"),
            place("/update/2/version", "version_stale"),
            place("/update/3/id", "not_found"),
            place("/delete/0/id", "pass_started"),
            place("/delete/1/id", "not_found"),
            place("/delete/2/id", "duplicate"),
        ]
    );
    assert_eq!(house.count("SELECT count(*) FROM requests").await, 3);

    let saved = house
        .save(json!({
            "create": [bob(), { "email": "kari@mytest.no", "targets": ["sms_survey"] }],
            "update": [{ "id": a, "version": 1, "phone_number": null, "comment": "call 912 34 567" }],
            "delete": [{ "id": b, "version": 1 }],
        }))
        .await
        .map_err(|error| error.to_string())
        .unwrap();
    assert_eq!(saved.created[1].email.as_deref(), Some("kari@mytest.no"));
    assert_eq!((saved.updated[0].request.version, saved.updated[0].phone_number.as_deref()), (2, None));
    assert_eq!(saved.updated[0].comment.as_deref(), Some("call +4791234567"));
    assert_eq!(saved.deleted, [b]);
    let saved = house.save(json!({})).await.map_err(|error| error.to_string()).unwrap();
    assert!(saved == Saved::default());
}

#[tokio::test]
async fn a_page_has_at_most_five_hundred_rows() {
    let house = House::new().await;
    let rows = |count: usize| json!({ "create": vec![bob(); count] });
    assert_eq!(places(house.save(rows(501)).await), [place("", "too_many")]);
    assert!(house.save(rows(500)).await.is_ok());
    let rows: Vec<_> = house
        .page(None, None, 200)
        .await
        .items
        .iter()
        .map(|one| json!({ "id": one.request.id, "version": 1, "comment": "checked" }))
        .collect();
    let saved = house.save(json!({ "update": rows })).await.map_err(|error| error.to_string()).unwrap();
    assert_eq!(saved.updated.len(), 200);
    assert_eq!(house.count("SELECT count(*) FROM requests WHERE comment = 'checked' AND version = 2").await, 200);
}

#[tokio::test]
async fn pages_follow_each_other_newest_first() {
    let mut house = House::new().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, house.enter(bob()).await.request.id);
        house = house.later(TimeDelta::seconds(1));
    }
    house.night(ids[1], DONE).await;
    let of = |page: &Page<Shown>| page.items.iter().map(|one| one.request.id).collect::<Vec<_>>();
    let first = house.page(None, None, 3).await;
    assert_eq!(of(&first), ids[..3]);
    let second = house.page(None, first.next_cursor.clone(), 3).await;
    assert_eq!((of(&second), second.next_cursor.is_none()), (ids[3..].to_vec(), true));
    assert_eq!(of(&house.page(Some(Status::Done), None, 3).await), [ids[1]]);
    let foreign = Filter { status: Some(Status::Done), cursor: first.next_cursor, limit: 3 };
    assert!(matches!(list(&house.stores, &house.paal, &foreign).await, Err(RequestError::Cursor(_))));
}

#[tokio::test]
async fn the_same_call_again_gives_the_same_request() {
    let house = House::new().await;
    let first = house.enter_once(bob(), "k1").await.map_err(|error| error.to_string()).unwrap();
    let again = house.enter_once(bob(), "k1").await.map_err(|error| error.to_string()).unwrap();
    assert!(!first.replayed && again.replayed && first.value == again.value);
    let other = json!({ "email": "kari@mytest.no", "targets": ["archive"] });
    assert!(matches!(house.enter_once(other.clone(), "k1").await, Err(RequestError::KeyReused)));
    assert!(house.enter_once(json!({}), "k2").await.is_err());
    assert!(house.enter_once(other.clone(), "k2").await.is_ok(), "a refused call does not use its key up");

    let batch: Batch = serde_json::from_value(
        json!({ "create": [bob()], "delete": [{ "id": first.value.request.id, "version": 1 }] }),
    )
    .unwrap();
    let save = async || save_batch(&house.stores, &house.paal, &batch, Some("k1")).await;
    let saved = save().await.map_err(|error| error.to_string()).unwrap();
    let again = save().await.map_err(|error| error.to_string()).unwrap();
    assert!(!saved.replayed && again.replayed && saved.value == again.value);
    assert!(matches!(house.enter_once(bob(), "k1").await, Err(RequestError::Cancelled)));

    let house = house.later(TimeDelta::hours(25));
    assert!(house.enter_once(other, "k1").await.is_ok_and(|answer| !answer.replayed), "a key counts for a day");
}

#[tokio::test]
async fn a_call_that_still_runs_is_not_done_twice() {
    let house = House::new().await;
    let key = || Key::new(&house.stores.service_key, &house.paal, "create", "k1", &new(bob())).unwrap();
    let now = house.stores.clock.now();
    let Begun::Reserved(dead) = idempotency::begin(&house.stores.archive, key(), now).await.unwrap() else {
        panic!("the key is new");
    };
    assert!(matches!(house.enter_once(bob(), "k1").await, Err(RequestError::InProgress)));
    let house = house.later(TimeDelta::minutes(2));
    assert!(house.enter_once(bob(), "k1").await.is_ok(), "after a minute it is taken for dead");
    let mut tx = house.stores.archive.write().await.unwrap();
    let late = idempotency::answer(&mut tx, &dead, &Answer::default()).await;
    assert!(matches!(late, Err(RequestError::InProgress)), "the dead one cannot answer any more");
    drop(tx);
    let mut tx = house.stores.archive.write().await.unwrap();
    let purged = purge_idempotency(&mut tx, house.paal.tenant, house.stores.clock.now() + TimeDelta::seconds(1)).await;
    assert_eq!(purged.unwrap(), 1);
}

#[tokio::test]
async fn a_preview_counts_what_would_be_forgotten_and_remembers_nobody() {
    let house = House::new().await;
    let look = async |body| preview(&house.stores, &house.paal, &new(body)).await;
    let nothing = look(bob()).await.map_err(|error| error.to_string()).unwrap();
    assert_eq!(nothing.warnings, [Warning::NothingFound]);
    assert_eq!(house.identifiers().await, 0);

    house.enter(bob()).await;
    let mut tx = house.stores.vault.read().await.unwrap();
    let phone: IdentifierId = tx.query("SELECT id FROM identifiers WHERE kind = 'phone'").scalar().await.unwrap();
    drop(tx);
    let mut tx = house.stores.archive.write().await.unwrap();
    for (external_id, at) in
        [("a", "2026-08-01T08:00:00Z"), ("b", "2026-08-02T08:00:00Z"), ("c", "2026-08-03T08:00:00Z")]
    {
        tx.query("INSERT INTO interactions (tenant_id, id, external_id, at, phone_id, forgotten, channel) VALUES (")
            .with("", house.paal.tenant)
            .with(", ", RecordId::new())
            .with(", ", external_id)
            .with(", ", instant(at))
            .with(", ", phone)
            .push(", 0, 'call')")
            .execute()
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let hits = look(bob()).await.map_err(|error| error.to_string()).unwrap();
    assert!(hits.warnings.is_empty());
    let (target, calls) = hits.targets[0];
    assert_eq!((target.word(), calls.records), ("archive", 2));
    assert_eq!(calls.last, Some(instant("2026-08-02T08:00:00Z")));
    assert_eq!(hits.targets[1].1.records, 0);
    assert_eq!(house.audited().await, ["request.previewed", "request.created", "request.previewed"]);
}

#[tokio::test]
async fn who_may_only_write_sees_what_he_enters_and_no_more() {
    let mut house = House::new().await;
    let entered = house.enter(bob()).await;
    house.paal.scopes.remove(&Scope::RequestsRead);
    let own = house.enter(bob()).await;
    assert_eq!(own.phone_number.as_deref(), Some("+4798765"));
    let other = house.patch(entered.request.id, 1, json!({ "to_date": "2026-08-01" })).await;
    let other = other.map_err(|error| error.to_string()).unwrap();
    assert_eq!((other.phone_number.as_deref(), other.email.as_deref()), (Some("*****5"), Some("*****o")));
}

#[tokio::test]
async fn another_tenant_sees_nothing() {
    let house = House::new().await;
    let id = house.enter(bob()).await.request.id;
    let mut tx = house.stores.archive.write().await.unwrap();
    let other = tenants::create(&mut tx, house.stores.clock, "other").await.unwrap();
    tx.commit().await.unwrap();
    let kari = Actor { tenant: other.id, ..house.paal.clone() };
    assert!(matches!(find(&house.stores, &kari, id, |_| false).await, Err(RequestError::NotFound)));
    assert!(matches!(cancel(&house.stores, &kari, id, &is(1)).await, Err(RequestError::NotFound)));
    let filter = Filter { status: None, cursor: None, limit: 10 };
    assert!(list(&house.stores, &kari, &filter).await.is_ok_and(|page| page.items.is_empty()));
}

#[tokio::test]
async fn requests_are_entered_while_the_night_moves_the_epoch() {
    let house = House::new().await;
    let moving = async {
        for _ in 0..10 {
            let mut tx = house.stores.archive.write().await.unwrap();
            fence::advance(&mut tx, house.paal.tenant).await.unwrap();
            tx.commit().await.unwrap();
        }
    };
    let entering = async {
        let mut entered = 0;
        for _ in 0..10 {
            entered += i32::from(house.try_enter(bob()).await.is_ok());
        }
        entered
    };
    let ((), entered) = tokio::join!(moving, entering);
    assert_eq!(i64::from(entered), house.count("SELECT count(*) FROM requests").await);
    assert!(entered > 0);
}
