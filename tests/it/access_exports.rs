//! A customer's copy of their data: ordered, approved, downloaded once, and gone with the customer.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use serde_json::{Value, json};

use crate::harness::{TestLethe, each_store};

const NUMBER: &str = "+4791234567";
const OTHER: &str = "+4798765432";

fn call(no: u32, number: &str, name: &str, note: &str) -> Value {
    json!({ "external_id": format!("cdr-{no}"), "channel": "call", "started_at": format!("2026-02-0{no}T10:00:00Z"),
        "queue": "=HYPERLINK(1)", "customer": { "phone_number": number, "name": name }, "attributes": { "notes": note } })
}

fn order() -> Value {
    json!({ "phone_number": "912 34 567", "purpose": "access request of +47 912 34 567", "ticket": "case 118",
        "attestations": [{ "method": "call_back", "by": "Ingrid", "on": "2026-02-10" }], "language": "nb" })
}

/// The files of a ZIP with their bytes.
fn files(zip: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut zip = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut files = BTreeMap::new();
    for no in 0..zip.len() {
        let mut file = zip.by_index(no).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        files.insert(file.name().unwrap().into_owned(), bytes);
    }
    files
}

async fn download(lethe: &TestLethe, path: &str) -> BTreeMap<String, Vec<u8>> {
    let ticket = lethe.caller("dpo").post(&format!("{path}/ticket"), &json!({})).await.expect(201).json();
    let url = format!("/{}", ticket["url"].as_str().unwrap());
    let nobody = lethe.caller_with(None);
    let response = nobody.call("GET", &url).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.headers()["content-type"].as_bytes()),
        (200, &b"application/zip"[..])
    );
    let zip = response.bytes().await.unwrap();
    assert_eq!(nobody.get(&url).await.problem(404), "not_found", "the address works once");
    files(&zip)
}

each_store!(a_customer_gets_a_copy_that_another_user_approved, |lethe: TestLethe| async move {
    lethe.record(&call(1, NUMBER, "Kari Nordmann", "Kari Nordmann asked for +47 98 76 54 32 & <b>")).await;
    lethe.record(&call(2, OTHER, "Ola Hansen", "he said that 91 23 45 67 called")).await;
    lethe.record(&call(3, OTHER, "Ola Hansen", "nothing of interest")).await;
    lethe
        .ingest(
            "survey-responses",
            json!({ "external_id": "s1", "answered_at": "2026-02-03T10:00:00Z", "phone_number": NUMBER, "score": 9,
                "comment": "call 98765432 instead" })
            .to_string(),
        )
        .await;
    let id = lethe.search(&json!({ "external_id": "cdr-1" })).await["items"][0]["id"].as_str().unwrap().to_owned();
    let (sender, path) = (lethe.caller("integration"), format!("/archive/interactions/{id}/content"));
    sender.post_raw(&format!("{path}?kind=recording"), "audio/wav", b"a voice").await.expect(201);
    let text = b"Kari Nordmann: my number is 91234567, his is 98765432";
    sender.post_raw(&format!("{path}?kind=transcript"), "text/plain", text).await.expect(201);

    // The rules of an order.
    let officer = lethe.caller_of("demo", "dpo", "kari");
    let bare = officer.post("/access-exports", &json!({ "phone_number": "912 34 567", "purpose": " " })).await;
    assert_eq!(bare.mistakes(), ["/attestations/0 required", "/purpose out_of_range"]);
    let ordered = officer.post("/access-exports", &order()).await.expect(202);
    let (path, ordered) = (ordered.header("location").unwrap()["/api/v1".len()..].to_owned(), ordered.json());
    assert_eq!((&ordered["status"], &ordered["warnings"]), (&json!("waiting"), &json!([])));
    assert!(!ordered["purpose"].to_string().contains("567"), "{ordered}");
    let preview = json!({ "phone_number": NUMBER, "targets": ["archive"] });
    let preview = officer.post("/anonymize-requests/preview", &preview).await.expect(200).json();
    assert!(preview["warnings"].to_string().contains("export_open"), "{preview}");

    // Another user approves it, once.
    assert_eq!(officer.post(&format!("{path}/ticket"), &json!({})).await.problem(409), "state_conflict");
    assert_eq!(officer.post(&format!("{path}/approve"), &json!({})).await.problem(403), "own_request");
    let other = lethe.caller_of("demo", "compliance", "ola");
    let approved = other.post(&format!("{path}/approve"), &json!({})).await.expect(200).json();
    assert_eq!((&approved["status"], &approved["decided_by"]), (&json!("ready"), &json!("ola")));
    assert_eq!(other.post(&format!("{path}/deny"), &json!({})).await.problem(409), "state_conflict");

    // The copy has the records that a request selects, and names nobody else.
    let files = download(&lethe, &path).await;
    let all: Vec<u8> = files.values().flatten().copied().collect();
    let all = String::from_utf8_lossy(&all);
    for foreign in ["98765432", "98 76 54 32", "Ola", "Hansen"] {
        assert!(!all.contains(foreign), "{foreign} in {all}");
    }
    let data: Value = serde_json::from_slice(&files["data.json"]).unwrap();
    assert_eq!(data["identifiers"], json!([NUMBER, "Kari Nordmann"]));
    let external: Vec<_> =
        data["interactions"].as_array().unwrap().iter().map(|one| one["external_id"].clone()).collect();
    assert_eq!(external, ["cdr-1", "cdr-2"]);
    assert_eq!(data["interactions"][0]["customer"]["phone_number"], NUMBER);
    assert_eq!(data["interactions"][0]["attributes"]["notes"], "Kari Nordmann asked for person-1 & <b>");
    assert_eq!(
        data["interactions"][1]["customer"],
        json!({ "phone_number": "person-1", "email": null, "name": "person-1" })
    );
    assert_eq!(data["interactions"][1]["attributes"]["notes"], format!("he said that {NUMBER} called"));
    assert_eq!(data["survey_responses"][0]["comment"], "call person-1 instead");
    let texts: Vec<_> =
        files.iter().filter(|(name, _)| name.starts_with("texts/")).map(|(_, text)| text.clone()).collect();
    assert_eq!(texts, [format!("Kari Nordmann: my number is {NUMBER}, his is person-1").into_bytes()]);
    assert!(files.iter().any(|(name, bytes)| name.starts_with("recordings/") && bytes == b"a voice"));
    let csv = String::from_utf8_lossy(&files["interactions.csv"]);
    assert!(csv.lines().count() == 3 && csv.contains("'=HYPERLINK(1)"), "{csv}");
    let page = String::from_utf8_lossy(&files["index.html"]);
    assert!(page.contains("lang=\"nb\"") && page.contains("&lt;b&gt;") && !page.contains("<script"), "{page}");
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    for file in manifest["manifest"]["files"].as_array().unwrap() {
        let bytes = &files[file["name"].as_str().unwrap()];
        assert_eq!(file["sha256"], json!(lethe::base::hex::hex(&lethe::base::crypto::sha256(bytes))));
    }
    assert_eq!(manifest["manifest"]["files"].as_array().unwrap().len(), files.len() - 1);

    // A pass that forgets the customer ends the export.
    let request = json!({ "phone_number": NUMBER, "targets": ["archive"], "to_date": "2026-02-01" });
    officer.post("/anonymize-requests", &request).await.expect(201);
    lethe.night("2026-02-20T00:00:00Z").await;
    assert_eq!(officer.get(&path).await.problem(404), "not_found");
    let actions = officer.get("/audit-events?limit=200").await.expect(200).text;
    for action in ["export.requested", "export.approved", "export.downloaded"] {
        assert!(actions.contains(action), "{action}");
    }
});

each_store!(an_export_of_an_unknown_customer_is_empty, |lethe: TestLethe| async move {
    let operator = lethe.caller("operator");
    let tenant = operator.get("/tenant").await.expect(200);
    let change = operator.call("PATCH", "/tenant").header("if-match", tenant.header("etag").unwrap());
    let change = change.json(&json!({ "export_approval": false, "processing": { "controller": "Example AS" } }));
    crate::harness::Answer::of(change).await.expect(200);
    let ordered = lethe.caller("dpo").post("/access-exports", &order()).await.expect(202).json();
    assert_eq!((&ordered["status"], &ordered["warnings"][0]["code"]), (&json!("ready"), &json!("nothing_found")));
    let files = download(&lethe, &format!("/access-exports/{}", ordered["id"].as_str().unwrap())).await;
    let data: Value = serde_json::from_slice(&files["data.json"]).unwrap();
    assert_eq!((&data["identifiers"], &data["interactions"]), (&json!([]), &json!([])));
    let processing: Value = serde_json::from_slice(&files["processing.json"]).unwrap();
    assert_eq!(processing["processing"]["controller"], "Example AS");
    assert_eq!(processing["open"][0], "contact");
});

each_store!(a_copy_by_another_identifier_ends_with_the_last_record, |lethe: TestLethe| async move {
    let customer = json!({ "phone_number": NUMBER, "email": "kari@example.com" });
    let record = json!({ "external_id": "a", "channel": "call", "started_at": "2026-02-01T10:00:00Z",
        "customer": customer });
    lethe.record(&record).await;
    let mut by_email = order();
    by_email.as_object_mut().unwrap().remove("phone_number");
    by_email["email"] = json!("kari@example.com");
    let ordered = lethe.caller("dpo").post("/access-exports", &by_email).await.expect(202).json();
    let path = format!("/access-exports/{}", ordered["id"].as_str().unwrap());

    let request = json!({ "phone_number": NUMBER, "to_date": "2026-02-15", "targets": ["archive"] });
    lethe.enter_request(&request).await;
    lethe.night("2026-02-16T02:00:00Z").await.well();
    assert_eq!(lethe.caller("dpo").get(&path).await.problem(404), "not_found");
    assert_eq!(lethe.dump().await.rows("vault.identifiers").len(), 0);
});
