//! One request, from entry to what is left of it.

use chrono::TimeDelta;
use serde_json::json;

use super::*;
use crate::base::version::VersionError;

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
    body["comment"] = json!("Bob, 98765 or bob.test@mytest.no");
    let entered = house.enter(body).await;
    assert_eq!(entered.comment.as_deref(), Some("Bob, +4798765 or bob.test@mytest.no"));
    assert_eq!(entered.warnings, [RequestNotice::CommentHasIdentifier]);
    let stored = house.app.archive.read().await.unwrap().query("SELECT comment FROM requests").scalar::<String>().await;
    assert!(!stored.unwrap().contains("mytest"));

    house.nightly("2026-08-03T12:00:00Z").await;
    let before = house.audited().await.len();
    let done = house.read(entered.request.id).await.map_err(|error| error.to_string()).unwrap();
    assert_eq!(done.phone_number.as_deref(), Some("*****5"));
    assert_eq!(done.comment.as_deref(), Some("Bob, *****5 or *****o"));
    assert_eq!(house.audited().await.len(), before, "masks are nobody's secret");
    let result: Vec<_> = done.result.unwrap().targets.into_values().collect();
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
    assert!(matches!(house.patch(id, 2, wrong.clone()).await, Err(RequestError::Version(VersionError::Stale))));
    assert_eq!(
        places(house.patch(id, 1, wrong.clone()).await),
        [place("/phone_number", "identifier_missing"), place("/to_date", "required"), place("/targets", "required")]
    );
    house.begin_nightly("2026-08-03T12:00:00Z").await;
    assert!(matches!(house.patch(id, 1, wrong.clone()).await, Err(RequestError::PassStarted)));
    let refused = cancel(&house.app, &house.actor, id, &Versions::Listed(vec![1])).await;
    assert!(matches!(refused, Err(RequestError::PassStarted)));
    house.nightly("2026-08-03T12:00:00Z").await;
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
    assert_eq!(patched.warnings, [RequestNotice::CommentHasIdentifier]);
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
    cancel(&house.app, &house.actor, id, &Versions::Listed(vec![1])).await.map_err(|error| error.to_string()).unwrap();
    assert!(matches!(house.read(id).await, Err(RequestError::NotFound)));
    assert_eq!(house.count("SELECT count(*) FROM mentions").await, 0);
    assert_eq!(house.audited().await, ["request.created", "request.deleted"]);
}

#[tokio::test]
async fn a_preview_counts_what_would_be_forgotten_and_remembers_nobody() {
    let house = House::new().await;
    let look = async |body| preview(&house.app, &house.actor, &new(body)).await;
    let nothing = look(bob()).await.map_err(|error| error.to_string()).unwrap();
    assert_eq!(nothing.warnings, [RequestNotice::NothingFound]);
    assert_eq!(house.identifiers().await, 0);

    house.enter(bob()).await;
    for (external_id, at) in
        [("a", "2026-08-01T08:00:00Z"), ("b", "2026-08-02T08:00:00Z"), ("c", "2026-08-03T08:00:00Z")]
    {
        let customer = json!({ "phone_number": "004798765" });
        house
            .interaction(
                &json!({ "external_id": external_id, "channel": "call", "started_at": at, "customer": customer }),
            )
            .await;
    }
    let hits = look(bob()).await.map_err(|error| error.to_string()).unwrap();
    assert_eq!(hits.warnings, [RequestNotice::DuplicateWaiting]);
    let (target, calls) = hits.targets[0];
    assert_eq!((target.as_str(), calls.records), ("archive", 2));
    assert_eq!(calls.last, Some(instant("2026-08-02T08:00:00Z")));
    assert_eq!(hits.targets[1].1.records, 0);
    assert_eq!(house.audited().await, ["request.previewed", "request.created", "request.previewed"]);
}

#[tokio::test]
async fn who_may_only_write_sees_what_he_enters_and_no_more() {
    let mut house = House::new().await;
    let entered = house.enter(bob()).await;
    house.0.actor.scopes.remove(&Scope::RequestsRead);
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
    let mut tx = house.app.archive.write().await.unwrap();
    let other = tenants::create(&mut tx, house.app.clock, "other").await.unwrap();
    tx.commit().await.unwrap();
    let kari = Actor { tenant: other.id, ..house.actor.clone() };
    assert!(matches!(find(&house.app, &kari, id, &Versions::Absent).await, Err(RequestError::NotFound)));
    assert!(matches!(cancel(&house.app, &kari, id, &Versions::Listed(vec![1])).await, Err(RequestError::NotFound)));
    let filter = RequestFilter { limit: 10, ..RequestFilter::default() };
    assert!(list(&house.app, &kari, &filter).await.is_ok_and(|page| page.items.is_empty()));
}

#[tokio::test]
async fn requests_are_entered_while_the_night_moves_the_epoch() {
    let house = House::new().await;
    let moving = async {
        for _ in 0..10 {
            let mut tx = house.app.archive.write().await.unwrap();
            fence::advance(&mut tx, house.actor.tenant).await.unwrap();
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
