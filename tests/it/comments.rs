//! Comments and purposes lose the people that they name.

use chrono::Days;
use serde_json::{Value, json};

use crate::harness::{TestLethe, each_store};

const NUMBER: &str = "+4791827364";
const OTHER: &str = "+4740506071";

async fn record(lethe: &TestLethe, id: &str, number: &str, name: &str) {
    let record = json!({ "external_id": id, "channel": "call", "started_at": "2026-02-10T10:00:00Z",
        "customer": { "phone_number": number, "name": name } });
    lethe.record(&record).await;
}

/// A time at which everything that was entered today is due.
fn soon() -> String {
    (lethe::base::clock::Clock::System.now() + Days::new(2)).format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

async fn comment(lethe: &TestLethe, request: &Value) -> Value {
    lethe.request(&request["id"]).await.expect(200).json()["comment"].clone()
}

each_store!(a_comment_loses_another_person_when_they_are_forgotten, |lethe: TestLethe| async move {
    record(&lethe, "one", NUMBER, "Kari Nordmann").await;
    record(&lethe, "other", OTHER, "Ola Nordmann").await;
    let other = json!({ "phone_number": OTHER, "to_date": "2026-02-15", "targets": ["archive"],
        "comment": "405 06 071 lives with 918 27 364" });
    let other = lethe.enter_request(&other).await;
    lethe.night("2026-02-16T02:00:00Z").await.well();
    assert_eq!(comment(&lethe, &other).await, "*****1 lives with +4791827364");
    // An old cut-off leaves the comment, which was written after it.
    let old = json!({ "phone_number": NUMBER, "to_date": "2026-02-15", "targets": ["sms_survey"] });
    lethe.enter_request(&old).await;
    lethe.night("2026-02-16T02:00:00Z").await.well();
    assert_eq!(comment(&lethe, &other).await, "*****1 lives with +4791827364");
    let one = json!({ "phone_number": NUMBER, "targets": ["archive"], "comment": "his number is 91827364" });
    let one = lethe.enter_request(&one).await;
    lethe.night(&soon()).await.well();
    assert_eq!(comment(&lethe, &other).await, "*****1 lives with *****");
    assert_eq!(comment(&lethe, &one).await, "his number is *****4");
});

each_store!(a_comment_that_lost_a_person_is_searched_for_a_new_number, |lethe: TestLethe| async move {
    record(&lethe, "one", NUMBER, "Kari Nordmann").await;
    let one = json!({ "phone_number": NUMBER, "targets": ["archive"] });
    lethe.enter_request(&one).await;
    let other = json!({ "phone_number": OTHER, "targets": ["archive"], "comment": "as 91827364 and 98765 said" });
    let entered = lethe.caller("dpo").post("/anonymize-requests", &other).await.expect(201);
    let path = format!("/anonymize-requests/{}", entered.json()["id"].as_str().unwrap());
    let changed = json!({ "phone_number": "004798765" });
    let changed = lethe.caller("dpo").patch(&path, &entered.etag(), &changed).await.expect(200).json();
    assert_eq!(changed["comment"], "as +4791827364 and +4798765 said");
    lethe.night(&soon()).await.well();
    assert_eq!(comment(&lethe, &changed).await, "as ***** and *****5 said");
});

each_store!(a_comment_loses_the_name_of_its_customer, |lethe: TestLethe| async move {
    record(&lethe, "one", NUMBER, "Kari Nordmann").await;
    let chat = json!({ "external_id": "chat", "channel": "chat", "started_at": "2026-02-10T10:00:00Z",
        "customer": { "name": "Blue Panther" } });
    lethe.record(&chat).await;
    let found = lethe.caller("dpo").all("/archive/search", &json!({})).await;
    let chat = found.into_iter().find(|item| item["external_id"] == "chat").unwrap()["id"].clone();
    let body = |comment: &str| json!({ "phone_number": NUMBER, "to_date": "2026-02-15", "targets": ["archive"], "comment": comment });
    let one = lethe.enter_request(&body("NORDMANN, Kári wrote; Ola too")).await;
    assert_eq!(one["comment"], "Kari Nordmann wrote; Ola too");
    assert_eq!(one["warnings"][0]["code"], "comment_has_identifier");
    let other = lethe.enter_request(&body("a letter")).await;
    let path = format!("/anonymize-requests/{}", other["id"].as_str().unwrap());
    let changed = lethe.caller("dpo").patch(&path, "*", &json!({ "comment": "of Kari" })).await.expect(200).json();
    assert_eq!(changed["comment"], "of Kari Nordmann");
    let named =
        json!({ "interaction_ids": [chat], "to_date": "2026-02-15", "targets": ["archive"], "comment": "the panther" });
    let named = lethe.enter_request(&named).await;
    lethe.night("2026-02-16T02:00:00Z").await.well();
    assert_eq!(comment(&lethe, &one).await, "***** wrote; Ola too");
    assert_eq!(comment(&lethe, &changed).await, "of *****");
    assert_eq!(comment(&lethe, &named).await, "the *****");
    // The names have left the vault.
    let dump = lethe.dump().await;
    assert_eq!(dump.rows("vault.identifiers").len(), 0);
});

each_store!(a_purpose_loses_the_names_that_the_call_shows, |lethe: TestLethe| async move {
    record(&lethe, "one", NUMBER, "Kari Nordmann").await;
    record(&lethe, "other", OTHER, "Ola Hansen").await;
    let officer = lethe.caller("dpo");
    let search = |view: &str| json!({ "view": view, "phone_number": NUMBER, "purpose": "Nordmann, Kári asked for Ola Hansen, 91827364" });
    for view in ["identified", "pseudonymous"] {
        officer.post("/archive/search", &search(view)).await.expect(200);
    }
    let everybody = json!({ "view": "identified", "purpose": "for Ola and Kari" });
    officer.post("/archive/search", &everybody).await.expect(200);
    let audit = officer.get("/audit-events").await.expect(200).json();
    let purposes: Vec<_> =
        audit["items"].as_array().unwrap().iter().filter_map(|event| event["purpose"].as_str()).collect();
    // A call that shows no name knows none.
    assert_eq!(
        purposes,
        ["for ***** and *****", "Nordmann, Kári asked for Ola Hansen, *****", "***** asked for Ola Hansen, *****",]
    );
});

each_store!(a_text_of_a_user_keeps_no_name_of_its_customer, |lethe: TestLethe| async move {
    const NAME: &str = "Kunigunde Zebedeus";
    record(&lethe, "one", NUMBER, NAME).await;
    lethe.caller("operator").patch("/tenant", "*", &json!({ "reveal": { "approval": true } })).await.expect(200);
    let officer = lethe.caller("dpo");
    let seen = officer.post("/archive/search", &json!({ "view": "pseudonymous" })).await.expect(200).json();
    let token = &seen["items"][0]["customer"]["phone_number"];
    let said = |what: &str| format!("{what} Kunigunde Zebedeus (zebedeus, kunigunde)");
    let attestation =
        json!({ "method": "letter", "by": said("letter of"), "on": "2026-02-10", "representative": said("mother of") });

    let reveal = json!({ "tokens": [token], "purpose": said("call"), "ticket": said("case of") });
    let reveal = officer.post("/reveals", &reveal).await.expect(201).json();
    let other = lethe.caller_of("demo", "dpo", "else");
    let path = format!("/reveals/{}/approve", reveal["id"].as_str().unwrap());
    let decided = other.post(&path, &json!({ "comment": said("ask") })).await.expect(200).json();
    let export = json!({ "phone_number": NUMBER, "purpose": said("copy for"), "ticket": said("case of"),
        "attestations": [attestation] });
    let export = officer.post("/access-exports", &export).await.expect(202).json();
    let request = json!({ "phone_number": NUMBER, "targets": ["archive"], "reference": said("case of"),
        "comment": said("wish of"), "attestation": attestation });
    let request = lethe.enter_request(&request).await;
    for shown in [reveal, decided, export] {
        assert!(!shown.to_string().to_lowercase().contains("zebedeus"), "{shown}");
    }
    assert_eq!(request["reference"], "case of ***** (*****)");
    lethe.night(&soon()).await.well();
    let texts = lethe.dump().await.archive_texts().to_ascii_lowercase();
    let texts = String::from_utf8_lossy(&texts);
    assert!(!texts.contains("zebedeus") && !texts.contains("kunigunde"), "a name stayed");
});
