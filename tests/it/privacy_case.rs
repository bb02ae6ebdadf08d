//! One customer's case as a privacy officer works it: from the letter to the evidence, by the API alone.

use std::io::{Cursor, Read as _};

use serde_json::{Value, json};

use crate::harness::{Answer, Caller, TestLethe, each_store};

const NUMBER: &str = "+4791234567";
const OTHER: &str = "+4798765432";

/// The tenant's rules: a checklist for the CRM, an attestation always, and a second person for copies.
async fn set_up(lethe: &TestLethe) {
    let rules = json!({
        "external_systems": [{ "name": "Salesforce", "owner": "CRM team", "days": 20 }], "attestation_required": true,
        "processing": { "controller": "Example AS", "contact": "privacy@example.net" }
    });
    lethe.caller("operator").patch("/tenant", "*", &rules).await.expect(200);
    for (no, number, name) in [(1, NUMBER, "Kari Nordmann"), (2, NUMBER, "Kari Nordmann"), (3, OTHER, "Ola Hansen")] {
        lethe
            .record(&json!({ "external_id": format!("cdr-{no}"), "channel": "call",
                "started_at": format!("2026-02-0{no}T10:00:00Z"), "ended_at": format!("2026-02-0{no}T10:0{no}:00Z"), "queue": "sales",
                "customer": { "phone_number": number, "name": name },
                "attributes": { "notes": format!("{name} was called back at {number}") } }))
            .await;
    }
    lethe.upload("cdr-1", "recording", b"RIFF").await;
}

/// The letter comes as a row of a spreadsheet. Returns the request.
async fn enter(officer: &Caller) -> Value {
    let sheet = "phone_number;to_date;targets;delete_content;reference;received_on;attestation_method;attestation_by;\
                 attestation_on\n\
                 912 34 567;2026-02-28;archive|sms_survey|raw_data;true;CASE-118;2026-02-25;letter;Ingrid;2026-02-26\n";
    let dry = officer.post_raw("/anonymize-requests/import?dry_run=true", "text/csv", sheet).await.expect(200).json();
    assert_eq!((&dry["received"], &dry["created"]), (&json!(1), &json!(0)), "{dry}");
    let entered = officer.post_raw("/anonymize-requests/import", "text/csv", sheet).await.expect(201).json();
    let path = format!("/anonymize-requests/{}", entered["ids"][0].as_str().unwrap());
    let request = officer.get(&path).await.expect(200).json();
    let facts = ["status", "reference", "deadline_on"].map(|field| request[field].clone());
    assert_eq!(facts, [json!("waiting"), json!("CASE-118"), json!("2026-03-25")], "{request}");
    assert_eq!(request["attestation"]["method"], json!("letter"));
    assert_eq!(request["checklist"][0]["state"], json!("open"));
    request
}

/// The customer also wants a copy. Another user approves it, and the customer gets the file.
async fn hand_over(lethe: &TestLethe, officer: &Caller) -> Value {
    let order = json!({ "phone_number": NUMBER, "purpose": "letter of 25 February", "ticket": "CASE-118",
        "attestations": [{ "method": "letter", "by": "Ingrid", "on": "2026-02-26" }], "language": "en" });
    let ordered = officer.post("/access-exports", &order).await.expect(202).json();
    let path = format!("/access-exports/{}", ordered["id"].as_str().unwrap());
    assert_eq!(officer.post(&format!("{path}/approve"), &json!({})).await.problem(403), "own_request");
    lethe.caller_of("demo", "compliance", "ola").post(&format!("{path}/approve"), &json!({})).await.expect(200);
    let ticket = officer.post(&format!("{path}/ticket"), &json!({})).await.expect(201).json();
    let url = format!("/{}", ticket["url"].as_str().unwrap());
    let zip = lethe.caller_with(None).call("GET", &url).send().await.unwrap().bytes().await.unwrap();
    let mut zip = zip::ZipArchive::new(Cursor::new(&zip[..])).unwrap();
    let mut text = String::new();
    zip.by_name("data.json").unwrap().read_to_string(&mut text).unwrap();
    let data: Value = serde_json::from_str(&text).unwrap();
    let copied: Vec<_> = data["interactions"].as_array().unwrap().iter().map(|one| &one["external_id"]).collect();
    assert_eq!(copied, ["cdr-1", "cdr-2"], "the copy has what the request selects");
    assert!(!text.contains(OTHER) && !text.contains("Ola"), "and names nobody else");
    ordered
}

async fn totals(lethe: &TestLethe) -> Value {
    let query = json!({ "from": "2026-02-01T00:00:00Z", "to": "2026-03-01T00:00:00Z", "group_by": ["month"],
        "measures": ["count", "duration_avg"] });
    lethe.caller("manager").post("/archive/totals", &query).await.expect(200).json()
}

each_store!(a_case_goes_from_the_letter_to_the_evidence, |lethe: TestLethe| async move {
    set_up(&lethe).await;
    lethe.caller("operator").patch("/tenant", "*", &json!({ "totals": { "min_cell": 2 } })).await.expect(200);
    let officer = lethe.caller_of("demo", "dpo", "ingrid");
    let request = enter(&officer).await;
    let path = format!("/anonymize-requests/{}", request["id"].as_str().unwrap());
    let preview = json!({ "phone_number": NUMBER, "to_date": "2026-02-28", "targets": ["archive"] });
    let preview = officer.post("/anonymize-requests/preview", &preview).await.expect(200).json();
    assert_eq!(preview["targets"]["archive"]["records"], json!(2), "{preview}");
    let export = hand_over(&lethe, &officer).await;
    let before = totals(&lethe).await;

    // After the nightly job nobody finds the customer, and no number has changed.
    lethe.night("2026-03-01T02:00:00Z").await.well();
    let done = officer.get(&path).await.expect(200).json();
    assert_eq!((&done["status"], &done["result"]["archive"]["anonymized"]), (&json!("done"), &json!(2)), "{done}");
    assert_eq!(lethe.find(&json!({ "phone_number": NUMBER })).await, [""; 0]);
    assert_eq!(lethe.find(&json!({ "phone_number": OTHER })).await, ["cdr-3"]);
    assert_eq!(totals(&lethe).await, before);
    let gone = format!("/access-exports/{}", export["id"].as_str().unwrap());
    assert_eq!(officer.get(&gone).await.problem(404), "not_found", "the copy went with the customer");

    // The other system confirms, and the evidence is complete.
    let item = json!({ "state": "done", "evidence": "SF-2211" });
    let closed = officer.patch(&format!("{path}/checklist/Salesforce"), "*", &item).await.expect(200).json();
    assert_eq!((&closed["state"], &closed["done_by"]), (&json!("done"), &json!("ingrid")), "{closed}");
    let certificate = officer.get(&format!("{path}/certificate")).await.expect(200);
    let keys = lethe.caller_with(None).get("//.well-known/lethe/jwks.json").await.expect(200).text;
    let folder = lethe.data_folder();
    let (file, key_file) = (folder.join("certificate.json"), folder.join("keys.json"));
    std::fs::write(&file, &certificate.text).unwrap();
    std::fs::write(&key_file, keys).unwrap();
    lethe.run(&["verify", file.to_str().unwrap(), "--keys", key_file.to_str().unwrap()]).await.well();

    // A new record of the customer from before the day arrives forgotten, and the CRM can ask for that.
    let check = json!({ "items": [{ "phone_number": NUMBER, "at": "2026-02-10T10:00:00Z" }] });
    let told = lethe.caller("integration").post("/suppressions/check", &check).await.expect(200).json();
    assert_eq!(told["items"][0]["suppressed"], json!(true));
    let trail = Answer::of(officer.call("GET", "/audit-events?limit=200")).await.expect(200).text;
    for action in ["request.created", "export.requested", "export.approved", "export.downloaded", "request.changed"] {
        assert!(trail.contains(action), "{action} in {trail}");
    }
    assert!(!trail.contains("91234567"), "the trail has no number");
});
