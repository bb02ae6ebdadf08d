//! The way from the ids of a sending system to the ids of interactions, and what the audit log tells of it.

use serde_json::{Value, json};

use crate::again::{BEFORE, NUMBER, forget, record, whole};
use crate::harness::{Answer, TestLethe, each_store};

const LOOKUP: &str = "/archive/interactions/lookup";
const INGEST: &str = "/archive/interactions?ids=true";

fn call(external_id: &str, customer: &Value) -> Value {
    record("interactions", external_id, BEFORE, customer, "nothing")
}

async fn look_up(lethe: &TestLethe, external_ids: &[&str]) -> Vec<Value> {
    let found = lethe.caller("integration").post(LOOKUP, &json!({ "external_ids": external_ids })).await.expect(200);
    found.json()["items"].as_array().unwrap().clone()
}

/// The rows of an action in the audit log, oldest first: their details and numbers of records.
async fn audited(lethe: &TestLethe, action: &str) -> Vec<(Value, Value)> {
    let page = lethe.caller("dpo").get("/audit-events?limit=200").await.expect(200).json();
    let rows = page["items"].as_array().unwrap().iter().rev().filter(|row| row["action"] == action);
    rows.map(|row| (row["detail"].clone(), row["records"].clone())).collect()
}

each_store!(a_sender_gets_the_ids_of_its_records, |lethe: TestLethe| async move {
    let sender = lethe.caller("integration");
    let nobody = json!({});
    let broken = json!({ "external_id": "broken" });
    let sent = json!([call("a", &nobody), broken, call("b", &nobody), call("a", &whole())]);
    let answer = sender.post(INGEST, &sent).await.expect(200).json();
    let ids = answer["ids"].as_array().unwrap().clone();
    assert_eq!((ids.len(), &ids[1]), (4, &Value::Null), "one for each record, in order: {answer}");
    assert_eq!(ids[0], ids[3], "a record that is sent twice is one record");
    let lines = format!("{}\n\n{{\n{}\n", call("b", &nobody), call("c", &nobody));
    let lines =
        Answer::of(sender.call("POST", INGEST).header("content-type", "application/x-ndjson").body(lines)).await;
    let lines = lines.expect(200).json()["ids"].as_array().unwrap().clone();
    assert_eq!((lines.len(), &lines[0], &lines[1]), (3, &ids[2], &Value::Null), "blank lines are no records");

    let found = look_up(&lethe, &["c", "nobody", "a", "b", "c"]).await;
    let item = |external_id: &str, id: &Value| json!({ "external_id": external_id, "id": id });
    let expected = [item("c", &lines[2]), Value::Null, item("a", &ids[0]), item("b", &ids[2]), item("c", &lines[2])];
    assert_eq!(found, expected);
    let path = format!("/archive/interactions/{}", ids[0].as_str().unwrap());
    assert_eq!(lethe.caller("agent").get(&path).await.expect(200).json()["external_id"], "a");

    let without = sender.post("/archive/interactions", &json!([call("a", &nobody)])).await.expect(200).json();
    assert_eq!(without.get("ids"), None, "only if the caller asks for them");
});

each_store!(an_id_that_contained_its_customer_is_lost_with_them, |lethe: TestLethe| async move {
    let sender = lethe.caller("integration");
    let keyed = format!("call-{NUMBER}-1");
    let answer = sender.post(INGEST, &json!([call(&keyed, &whole()), call("plain", &whole())])).await.expect(200);
    let ids = answer.json()["ids"].clone();
    let shown = lethe.find(&json!({})).await;
    let hash = shown.iter().find(|id| id.starts_with("hash-")).unwrap().clone();
    let found = look_up(&lethe, &[&keyed, &hash, "plain"]).await;
    assert_eq!(found[0], json!({ "external_id": keyed, "id": ids[0] }));
    assert_eq!(found[1], json!({ "external_id": hash, "id": ids[0] }));

    forget(&lethe, json!({ "phone_number": NUMBER })).await;
    let found = look_up(&lethe, &[&keyed, &hash, "plain", "call-40506071-1"]).await;
    assert_eq!(found, [Value::Null, Value::Null, json!({ "external_id": "plain", "id": ids[1] }), Value::Null]);
    let again = sender.post(INGEST, &json!([call(&keyed, &whole()), call("plain", &whole())])).await.expect(200);
    assert_eq!(again.json()["ids"], json!([null, ids[1]]));
    // A record that arrives forgotten is like one that was forgotten.
    let late = sender.post(INGEST, &json!([call(&format!("late-{NUMBER}"), &whole())])).await.expect(200);
    assert_eq!(late.json()["ids"], json!([null]));
});

each_store!(what_a_sender_stores_and_looks_up_is_in_the_audit_log, |lethe: TestLethe| async move {
    let sender = lethe.caller("integration");
    sender
        .post("/archive/interactions", &json!([call("a", &whole()), json!({}), call("b", &whole())]))
        .await
        .expect(200);
    lethe.record(&call("a", &whole())).await;
    let survey = json!({ "external_id": "s", "answered_at": BEFORE, "phone_number": NUMBER });
    lethe.ingest("survey-responses", survey.to_string()).await;
    sender.post("/archive/interactions", &json!([json!({})])).await.expect(200);
    look_up(&lethe, &["a", "b", "nobody"]).await;
    lethe.import(&[], call("imported", &json!({})).to_string()).await.well();
    let stored = |target: &str, created: u64, updated: u64| {
        (json!({ "target": target, "created": created, "updated": updated }), json!(created + updated))
    };
    let expected =
        [stored("archive", 2, 0), stored("archive", 0, 1), stored("sms_survey", 1, 0), stored("archive", 1, 0)];
    assert_eq!(audited(&lethe, "archive.ingested").await, expected, "a call that stored nothing leaves no row");
    let looked_up = (json!({ "target": "archive", "asked": 3 }), json!(2));
    assert_eq!(audited(&lethe, "archive.looked_up").await, [looked_up]);
    let imported = lethe.caller("dpo").get("/audit-events?actor=lethe:command-line").await.expect(200).json();
    assert_eq!(imported["items"].as_array().unwrap().len(), 1, "{imported}");
});

each_store!(a_lookup_has_at_most_a_thousand_ids, |lethe: TestLethe| async move {
    let ask = async |body: Value| lethe.caller("integration").post(LOOKUP, &body).await;
    let many: Vec<_> = (0..1_001).map(|no| format!("c{no}")).collect();
    ask(json!({ "external_ids": many[..1_000] })).await.expect(200);
    for (body, wanted) in [
        (json!({ "external_ids": many }), "/external_ids too_many"),
        (json!({ "external_ids": [] }), "/external_ids required"),
        (json!({}), "/external_ids required"),
        (json!({ "external_ids": ["a", "å".repeat(201)] }), "/external_ids/1 too_long"),
        (json!({ "external_ids": ["a\0"] }), "/external_ids/0 format"),
    ] {
        assert_eq!(ask(body).await.mistakes(), [wanted]);
    }
    assert_eq!(
        lethe.caller("integration").post("/archive/interactions?ids=yes", &json!([])).await.mistakes(),
        ["ids type"]
    );
});
