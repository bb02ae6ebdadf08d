//! The contract of the Anonymize page, call by call.

use actix_web::http::Method;
use actix_web::http::header::{ETAG, LOCATION};
use serde_json::{Value, json};

use super::*;
use crate::requests::tests::House;
use crate::tests::{Call, Stage, document};

const REQUESTS: &str = "/api/v1/anonymize-requests";

impl House {
    fn call(&self, method: Method, path: impl AsRef<str>) -> Call<'_> {
        Stage::call(self, routes, "admin", method, path)
    }
}

fn bob() -> Value {
    json!({ "phone_number": "004798765", "email": null, "to_date": "2026-08-03", "comment": "case 118",
            "targets": ["archive", "raw_data"] })
}

#[actix_web::test]
async fn a_request_from_entry_to_cancellation() {
    let house = House::new().await;
    let entered = house.call(Method::POST, REQUESTS).json(bob()).header("Idempotency-Key", "k1").send().await;
    assert_eq!((entered.status, entered.header(ETAG)), (201, "\"1\""));
    let id = entered.body["id"].as_str().unwrap().to_owned();
    let expected = json!({
        "id": id, "phone_number": "+4798765", "email": null, "interaction_ids": [], "interaction_count": 0, "to_date": "2026-08-03", "comment": "case 118",
        "reference": null,
        "targets": ["archive", "raw_data"], "delete_content": false, "received_on": "2026-08-03", "deadline_on": "2026-09-03",
        "extended_to": null, "extension_reason": null, "attestation": null, "checklist": [], "status": "waiting", "user_name": "paal",
        "due_at": "2026-08-03T22:00:00Z", "attempts": 0, "last_error": null, "result": null, "created_at": "2026-08-03T12:00:00Z",
        "updated_at": "2026-08-03T12:00:00Z", "done_at": null, "version": 1, "warnings": [],
    });
    assert_eq!(entered.body, expected);
    let address = entered.header(LOCATION).to_owned();
    assert_eq!(address, format!("{REQUESTS}/{id}"));

    let again = house.call(Method::POST, REQUESTS).json(bob()).header("Idempotency-Key", "k1").send().await;
    assert_eq!((again.status, again.header("Idempotency-Replayed"), &again.body), (201, "true", &entered.body));

    let read = house.call(Method::GET, &address).send().await;
    assert_eq!((read.status, read.header(ETAG), read.header("Cache-Control")), (200, "\"1\"", "no-store"));
    assert!(read.body.get("warnings").is_none());
    let known = house.call(Method::GET, &address).header("If-None-Match", "\"1\"").send().await;
    assert_eq!((known.status, known.header(ETAG)), (304, "\"1\""));

    let patch = || house.call(Method::PATCH, &address).json(json!({ "comment": "call 912 34 567" }));
    let changed = patch().header("If-Match", "\"1\"").send().await;
    assert_eq!((changed.status, changed.header(ETAG)), (200, "\"2\""));
    assert_eq!(changed.body["warnings"][0]["code"], "comment_has_identifier");
    assert_eq!(changed.body["comment"], "call +4791234567");

    let page = house.call(Method::GET, format!("{REQUESTS}?status=waiting&limit=1")).send().await;
    assert_eq!((page.status, &page.body["items"][0]["id"], &page.body["next_cursor"]), (200, &json!(id), &Value::Null));

    let gone = house.call(Method::DELETE, &address).header("If-Match", "*").send().await;
    assert_eq!((gone.status, gone.body), (204, Value::Null));
    assert_eq!(house.call(Method::GET, &address).send().await.problem(), (404, "not_found"));
    let again = house.call(Method::POST, REQUESTS).json(bob()).header("Idempotency-Key", "k1").send().await;
    assert_eq!(again.problem(), (409, "state_conflict"));
}

#[actix_web::test]
async fn what_is_wrong_is_told_in_the_contracts_order() {
    let house = House::new().await;
    let entered = house.call(Method::POST, REQUESTS).json(bob()).send().await;
    let address = entered.header(LOCATION).to_owned();
    let patch = |address: &str| house.call(Method::PATCH, address).json(json!({ "colour": "red" }));
    let missing = format!("{REQUESTS}/{}", RequestId::new());
    assert_eq!(patch(&missing).send().await.problem(), (404, "not_found"));
    assert_eq!(patch(&address).send().await.problem(), (428, "if_match_required"));
    assert_eq!(patch(&address).header("If-Match", "\"7\"").send().await.problem(), (412, "version_stale"));
    let shape = patch(&address).header("If-Match", "\"1\"").send().await;
    assert_eq!((shape.problem(), &shape.body["errors"][0]["pointer"]), ((422, "validation_failed"), &json!("/colour")));
    house.begin_nightly("2026-08-03T22:30:00Z").await;
    assert_eq!(patch(&address).header("If-Match", "\"1\"").send().await.problem(), (409, "pass_started"));
    let cancelled = house.call(Method::DELETE, &address).header("If-Match", "\"1\"").send().await;
    assert_eq!(cancelled.problem(), (409, "pass_started"));
    assert_eq!(
        house.call(Method::GET, format!("{REQUESTS}?cursor=abc")).send().await.problem(),
        (400, "cursor_invalid")
    );
    assert_eq!(house.call(Method::GET, REQUESTS).roles("analyst").send().await.problem(), (403, "forbidden"));
}

#[actix_web::test]
async fn a_page_of_rows_and_a_preview() {
    let house = House::new().await;
    let batch = json!({ "create": [bob(), { "phone_number": "1", "targets": ["archive"] }] });
    let refused = house.call(Method::POST, format!("{REQUESTS}/batch")).json(batch).send().await;
    assert_eq!(refused.problem(), (422, "validation_failed"));
    assert_eq!(refused.body["errors"][0]["pointer"], "/create/1/phone_number");
    let saved = house.call(Method::POST, format!("{REQUESTS}/batch")).json(json!({ "create": [bob()] })).send().await;
    assert_eq!((saved.status, &saved.body["created"][0]["phone_number"]), (200, &json!("+4798765")));
    assert_eq!((&saved.body["updated"], &saved.body["deleted"]), (&json!([]), &json!([])));

    let preview = house.call(Method::POST, format!("{REQUESTS}/preview")).json(bob()).send().await;
    let none = json!({ "records": 0, "first": null, "last": null });
    assert_eq!((preview.status, &preview.body["targets"]), (200, &json!({ "archive": none, "raw_data": none })));
    assert_eq!(preview.body["warnings"][0]["code"], "duplicate_waiting");
    assert_eq!(preview.body["warnings"][1]["code"], "nothing_found");
}

#[test]
fn the_documents_examples_are_what_it_says() {
    let document = serde_json::to_value(document(routes)).unwrap();
    let example = |name: &str| document["components"]["schemas"][name]["example"].clone();
    assert!(serde_json::from_value::<NewRequest>(example("AnonymizeRequestNew")).is_ok());
    assert!(serde_json::from_value::<RequestPatch>(example("AnonymizeRequestChange")).is_ok());
    assert!(serde_json::from_value::<RequestBatch>(example("AnonymizeRequestBatch")).is_ok());
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let about = operation["description"].as_str().unwrap_or_default();
            assert!(about.contains("This operation needs the scope"), "{method} {path}");
            assert!(
                operation["operationId"]
                    .as_str()
                    .is_some_and(|id| id.contains("_anonymize_request") || id.contains("_hold")),
                "{path}"
            );
        }
    }
}
