//! Calls that are sent again.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;

use super::*;
use crate::idempotency::{self, BegunCall, IdempotencyError, IdempotencyKey};

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

    let batch: RequestBatch = serde_json::from_value(
        json!({ "create": [bob()], "delete": [{ "id": first.value.request.id, "version": 1 }] }),
    )
    .unwrap();
    let save = async || save_batch(&house.app, &house.actor, &batch, Some("k1")).await;
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
    let service_key = house.app.service_key().await.unwrap();
    let key = || IdempotencyKey::new(&service_key, &house.actor, "create", "k1", &new(bob())).unwrap();
    let now = house.app.clock.now();
    let BegunCall::<Saved<RequestId>>::Reserved(dead) =
        idempotency::begin(&house.app.archive, key(), now).await.unwrap()
    else {
        panic!("the key is new");
    };
    assert!(matches!(house.enter_once(bob(), "k1").await, Err(RequestError::InProgress)));
    let house = house.later(TimeDelta::minutes(2));
    assert!(house.enter_once(bob(), "k1").await.is_ok(), "after a minute it is taken for dead");
    let mut tx = house.app.archive.write().await.unwrap();
    let late = idempotency::settle(&mut tx, &dead, &Saved::<RequestId>::default()).await;
    assert!(matches!(late, Err(IdempotencyError::InProgress)), "the dead one cannot answer any more");
    drop(tx);
    let mut tx = house.app.archive.write().await.unwrap();
    let purged = idempotency::purge(&mut tx, house.actor.tenant, house.app.clock.now() + TimeDelta::seconds(1)).await;
    assert_eq!(purged.unwrap(), 1);
}

#[tokio::test]
async fn of_many_equal_calls_at_once_one_works() {
    let house = House::new().await;
    let answers = join_all((0..20).map(|_| house.enter_once(bob(), "k1"))).await;
    let worked = answers.iter().filter(|answer| answer.as_ref().is_ok_and(|answer| !answer.replayed)).count();
    assert_eq!(worked, 1);
    let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
    assert!(refused.into_iter().all(|error| matches!(error, RequestError::InProgress)));
    assert_eq!(house.count("SELECT count(*) FROM requests").await, 1);
}
