//! The canary: known identifiers pass through every endpoint and a nightly pass at the level TRACE. No output names
//! them, except the identified responses.

use serde_json::{Value, json};

use crate::harness::{Needles, each_store};

const NUMBER: &str = "91827364";
const ADDRESS: &str = "canary.bird@example.net";
const NAME: &str = "Kanari Fuglesang";

fn needles() -> Needles {
    let numbers = [
        "91827364",
        "918 27 364",
        "91 82 73 64",
        "918-27-364",
        "918.27.364",
        "９１８２７３６４",
        "40506071",
        "405 06 071",
    ];
    let others = [ADDRESS, NAME, "CANARY.BIRD", "canary.bird", "Fuglesang", "other.bird"];
    Needles::new(numbers.into_iter().chain(others))
}

fn record(id: &str, day: u32) -> Value {
    json!({
        "external_id": id, "channel": "chat", "started_at": format!("2026-02-{day:02}T10:00:00Z"), "queue": "q", "agent_id": "a1",
        "customer": { "phone_number": "0047 918 27 364", "email": "Canary.Bird@Example.net", "name": NAME },
        "attributes": { "notes": "Fuglesang, Kanari: 918-27-364 or canary.bird@example.net, else 405 06 071", "n": { "x": ["other.bird@example.net"] } }
    })
}

each_store!(no_identifier_comes_out_where_none_was_asked_for, |mut lethe: TestLethe| async move {
    lethe.stop().await;
    lethe.set("LOG__LEVEL", "trace");
    lethe.serve().await;
    let officer = lethe.caller("dpo");
    let needles = needles();

    for day in [10, 11, 20] {
        lethe.record(&record(&format!("r{day}"), day)).await;
    }
    let survey = json!({ "external_id": "s", "answered_at": "2026-02-10T11:00:00Z", "phone_number": NUMBER, "score": 2, "comment": format!("call {NUMBER}") });
    lethe.ingest("survey-responses", survey.to_string()).await;
    let event = json!({ "external_id": "e", "occurred_at": "2026-02-10T11:00:00Z", "event": "queued", "phone_number": NUMBER, "email": ADDRESS, "attributes": { "to": NUMBER } });
    lethe.ingest("raw-events", event.to_string()).await;
    let broken = format!(
        "{{\"external_id\": \"{NUMBER}\", \"channel\": \"{ADDRESS}\", \"started_at\": \"{NUMBER}\"}}\n{NUMBER} {ADDRESS}"
    );
    let told = lethe.ingest("interactions", broken).await.to_string();
    needles.absent_from("an answer to broken lines", told.as_bytes());
    lethe.import(&["--json"], record("imported", 12).to_string()).await.well();

    let search =
        json!({ "phone_number": NUMBER, "email": ADDRESS, "purpose": format!("asked by {NUMBER}"), "limit": 2 });
    let page = officer.post("/archive/search", &search).await.expect(200);
    assert!(page.text.contains("+4791827364"), "the identified view shows it");
    let cursor = page.json()["next_cursor"].as_str().expect("a second page").to_owned();
    let token = officer.post("/archive/search", &json!({ "view": "pseudonymous" })).await.expect(200);
    needles.absent_from("the pseudonymous view", token.text.as_bytes());
    needles.absent_from("a cursor", cursor.as_bytes());
    let journey = json!({ "token": token.json()["items"][0]["customer"]["phone_number"] });
    lethe.caller("agent").post("/archive/search", &journey).await.expect(200);
    let customer = token.json()["items"][0]["customer"].clone();
    let tokens = [&customer["phone_number"], &customer["email"], &customer["name"]];
    let tokens: Vec<_> = tokens.into_iter().filter(|token| token.is_string()).collect();
    let reveal =
        json!({ "tokens": tokens, "purpose": format!("call {NUMBER}"), "ticket": format!("case of {ADDRESS}") });
    let reveal = officer.post("/reveals", &reveal).await.expect(201);
    needles.absent_from("a reveal", reveal.text.as_bytes());
    officer.post(&format!("/reveals/{}/open", reveal.json()["id"].as_str().unwrap()), &json!({})).await.expect(200);
    for path in ["/archive/survey-responses/search", "/archive/raw-events/search"] {
        officer.post(path, &json!({ "phone_number": NUMBER })).await.expect(200);
    }

    let totals =
        json!({ "from": "2026-02-01T00:00:00Z", "to": "2026-03-01T00:00:00Z", "queue": NUMBER, "agent_id": ADDRESS });
    let told = officer.post("/archive/totals", &totals).await.expect(200);
    needles.absent_from("totals", told.text.as_bytes());
    let check = json!({ "items": [{ "phone_number": NUMBER, "at": "2026-02-01T00:00:00Z" }, { "email": ADDRESS, "at": "2026-02-01T00:00:00Z" }] });
    let told = lethe.caller("integration").post("/suppressions/check", &check).await.expect(200);
    needles.absent_from("the probe", told.text.as_bytes());

    let wrong = [
        json!({ "phone_number": format!("{NUMBER}{NUMBER}"), "targets": ["archive"] }),
        json!({ "phone_number": NUMBER, "email": format!("{ADDRESS}@"), "targets": [ADDRESS], "to_date": NUMBER, NUMBER: 1 }),
        json!({ "phone_number": { NUMBER: ADDRESS }, "targets": ["archive"] }),
    ];
    for body in wrong {
        for path in ["/anonymize-requests", "/anonymize-requests/preview", "/archive/search", "/holds"] {
            let answer = officer.post(path, &body).await;
            assert_eq!(answer.problem(422), "validation_failed");
            needles.absent_from("a refusal", answer.text.as_bytes());
        }
    }
    // An identifier is refused in every field that must not contain one.
    for path in [
        format!("/anonymize-requests/{NUMBER}"),
        format!("/anonymize-requests?cursor={NUMBER}"),
        format!("/anonymize-requests?reference={NUMBER}"),
        format!("/anonymize-requests?{NUMBER}={ADDRESS}"),
        format!("/{ADDRESS}"),
    ] {
        let answer = officer.get(&path).await;
        assert!((400..500).contains(&answer.status));
        needles.absent_from("a refusal", answer.text.as_bytes());
    }

    let request = json!({ "phone_number": NUMBER, "email": ADDRESS, "to_date": "2026-02-15", "comment": format!("{NAME} {NUMBER}"), "reference": format!("{NUMBER}, {ADDRESS}"), "targets": ["archive", "sms_survey", "raw_data"] });
    let request_with_plain_comment =
        json!({ "phone_number": "40506071", "to_date": "2026-02-15", "targets": ["archive"] });
    let preview = officer.post("/anonymize-requests/preview", &request).await.expect(200);
    needles.absent_from("a preview", preview.text.as_bytes());
    officer.post("/anonymize-requests/batch", &json!({ "create": [request_with_plain_comment, { "phone_number": "40506071", "comment": "405 06 071", "to_date": "2026-02-15", "targets": ["archive"] }] })).await.expect(200);
    let keyed = officer.call("POST", "/anonymize-requests").header("idempotency-key", "canary").json(&json!({ "phone_number": NUMBER, "email": ADDRESS, "to_date": "2026-02-15", "comment": format!("see {NUMBER}"), "targets": ["archive", "sms_survey", "raw_data"] }));
    crate::harness::Answer::of(keyed).await.expect(201);
    let mut hold = json!({ "phone_number": NUMBER, "email": ADDRESS, "ground": "17(3)(e)", "reference": "case 7", "review_on": "2036-01-01", "hide": true });
    let placed = officer.post("/holds", &hold).await.expect(201).json();
    hold["reference"] = json!(format!("{NUMBER}, {ADDRESS}"));
    needles.absent_from("a refusal", officer.post("/holds", &hold).await.expect(422).text.as_bytes());
    lethe.night("2026-02-16T02:00:00Z").await.well();
    officer.delete(&format!("/holds/{}", placed["id"].as_str().unwrap()), "*").await.expect(204);
    lethe.run(&["job", "nightly", "--as-of", "2026-02-16T02:00:00Z", "--dry-run", "--json"]).await.well();
    lethe.night("2026-02-16T02:00:00Z").await.well();

    assert_eq!(lethe.find(&json!({ "phone_number": NUMBER })).await, ["r20"]);
    let audited = officer.get("/audit-events?limit=200").await.expect(200);
    assert!(audited.json()["items"].as_array().unwrap().len() > 5);
    needles.absent_from("the audit log", audited.text.as_bytes());
    let runs = officer.get("/job-runs").await.expect(200);
    needles.absent_from("the runs", runs.text.as_bytes());
    needles.absent_from("the metrics", lethe.metrics().await.as_bytes());
    needles.absent_from("the archive", &lethe.archive_bytes().await);
    needles.absent_from("all files", &lethe.folder_bytes());
    let journal = lethe.journal().text();
    assert!(journal.contains("TRACE"), "the programs were not talkative");
    needles.absent_from("what the programs said", journal.as_bytes());
    // A token is as secret as a password.
    assert!(!journal.contains(&officer.token()[officer.token().len() - 40..]), "a token was logged");
});
