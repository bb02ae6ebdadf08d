//! Pages of requests, read and saved.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;

use super::*;

#[tokio::test]
async fn a_page_is_saved_all_or_nothing() {
    let house = House::new().await;
    let (a, b) = (house.enter(not_due()).await.request.id, house.enter(not_due()).await.request.id);
    let c = house.enter(bob()).await.request.id;
    house.begin_nightly("2026-08-03T12:00:00Z").await;
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
    assert!(saved.created.is_empty() && saved.updated.is_empty() && saved.deleted.is_empty());
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
    for body in [bob(), not_due(), not_due(), bob(), not_due()] {
        ids.insert(0, house.enter(body).await.request.id);
        house = house.later(TimeDelta::seconds(1));
    }
    house.nightly("2026-08-03T12:00:00Z").await;
    let mut tx = house.app.archive.read().await.unwrap();
    let oldest = oldest_waiting(&mut tx, house.actor.tenant).await.unwrap();
    assert_eq!(oldest, Some(instant("2026-08-03T12:00:01Z")));
    drop(tx);
    let of = |page: &Page<RenderedRequest>| page.items.iter().map(|one| one.request.id).collect::<Vec<_>>();
    let first = house.page(None, None, 3).await;
    assert_eq!(of(&first), ids[..3]);
    let second = house.page(None, first.next_cursor.clone(), 3).await;
    assert_eq!((of(&second), second.next_cursor.is_none()), (ids[3..].to_vec(), true));
    assert_eq!(of(&house.page(Some(Status::Done), None, 3).await), [ids[1], ids[4]]);
    let foreign =
        RequestFilter { status: Some(Status::Done), cursor: first.next_cursor, limit: 3, ..RequestFilter::default() };
    assert!(matches!(list(&house.app, &house.actor, &foreign).await, Err(RequestError::Cursor(_))));
}

#[tokio::test]
async fn of_many_changes_at_once_one_wins() {
    let house = House::new().await;
    let (a, b) = (house.enter(bob()).await.request.id, house.enter(bob()).await.request.id);
    let rows = |n: usize| {
        let both = [a, b].map(|id| json!({ "id": id, "version": 1, "comment": format!("case {n}, 912 34 567") }));
        // In either order, so that they meet in the middle.
        json!({ "update": if n.is_multiple_of(2) { vec![&both[0], &both[1]] } else { vec![&both[1], &both[0]] } })
    };
    let saved = join_all((0..20).map(|n| house.save(rows(n)))).await;
    assert_eq!(saved.iter().filter(|saved| saved.is_ok()).count(), 1);
    for refused in saved.into_iter().filter(Result::is_err) {
        assert_eq!(
            places(refused),
            [place("/update/0/version", "version_stale"), place("/update/1/version", "version_stale")]
        );
    }
    assert_eq!(house.count("SELECT count(*) FROM mentions").await, 2);
}
