//! A customer's copy of their data: ordered, approved, downloaded once, and gone with the customer.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use serde_json::{Value, json};

use crate::harness::{Answer, TestLethe, each_store};

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

/// A temporary address of a download.
async fn address(lethe: &TestLethe, path: &str) -> String {
    let ticket = lethe.caller("dpo").post(&format!("{path}/ticket"), &json!({})).await.expect(201).json();
    format!("/{}", ticket["url"].as_str().unwrap())
}

async fn download(lethe: &TestLethe, path: &str) -> BTreeMap<String, Vec<u8>> {
    let url = address(lethe, path).await;
    let nobody = lethe.caller_with(None);
    assert_eq!(nobody.call("HEAD", &url).send().await.unwrap().status().as_u16(), 405, "a look does not use it up");
    let options = nobody.call("OPTIONS", &url).send().await.unwrap();
    assert_eq!(options.headers()["allow"], "GET, OPTIONS");
    let response = nobody.call("GET", &url).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.headers()["content-type"].as_bytes()),
        (200, &b"application/zip"[..])
    );
    let zip = response.bytes().await.unwrap();
    assert_eq!(nobody.get(&url).await.problem(404), "not_found", "the address works once");
    files(&zip)
}

/// Runs `lethe export` for the export of a path. Returns its exit code, and the file if it has written one.
async fn by_command(lethe: &TestLethe, path: &str) -> (Option<i32>, Option<Vec<u8>>) {
    let (id, file) = (path.rsplit('/').next().unwrap(), lethe.data_folder().with_file_name("copy.zip"));
    let ran = lethe.run(&["export", "--tenant", "demo", "--id", id, "--to", file.to_str().unwrap()]).await;
    let written = std::fs::read(&file).ok();
    let _ = std::fs::remove_file(&file);
    (ran.code(), written)
}

/// Turns the approval of exports off.
async fn without_approval(lethe: &TestLethe) {
    let operator = lethe.caller("operator");
    let tenant = operator.get("/tenant").await.expect(200);
    let change = json!({ "export_approval": false, "processing": { "controller": "Example AS" } });
    let change = operator.call("PATCH", "/tenant").header("if-match", tenant.header("etag").unwrap()).json(&change);
    Answer::of(change).await.expect(200);
}

/// Whether the preview of an anonymize request warns of an export.
async fn is_warned_of(lethe: &TestLethe) -> bool {
    let request = json!({ "phone_number": NUMBER, "targets": ["archive"] });
    let preview = lethe.caller("dpo").post("/anonymize-requests/preview", &request).await.expect(200).json();
    preview["warnings"].to_string().contains("export_open")
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
    assert!(is_warned_of(&lethe).await);

    // Another user approves it, once.
    assert_eq!(officer.post(&format!("{path}/ticket"), &json!({})).await.problem(409), "state_conflict");
    assert_eq!(officer.post(&format!("{path}/approve"), &json!({})).await.problem(403), "own_request");
    assert_eq!(by_command(&lethe, &path).await, (Some(1), None));
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

    assert!(page.contains(&format!("<td>{NUMBER}")) && page.contains("<td>=HYPERLINK(1)"), "{page}");

    // The command line writes the same files.
    let (code, written) = by_command(&lethe, &path).await;
    assert_eq!(code, Some(0));
    assert!(self::files(&written.unwrap()).keys().eq(files.keys()));
    assert_eq!(lethe.run(&["export", "--id", "118"]).await.code(), Some(64));

    // A pass that forgets the customer ends the export.
    let request = json!({ "phone_number": NUMBER, "targets": ["archive"], "to_date": "2026-02-01" });
    officer.post("/anonymize-requests", &request).await.expect(201);
    lethe.night("2026-02-20T00:00:00Z").await;
    assert_eq!(officer.get(&path).await.problem(404), "not_found");
    assert_eq!(by_command(&lethe, &path).await, (Some(1), None));
    let actions = officer.get("/audit-events?limit=200").await.expect(200).text;
    assert_eq!(actions.matches("export.downloaded").count(), 2, "{actions}");
    for action in ["export.requested", "export.approved", "export.downloaded"] {
        assert!(actions.contains(action), "{action}");
    }
});

each_store!(an_export_of_an_unknown_customer_is_empty, |lethe: TestLethe| async move {
    without_approval(&lethe).await;
    let ordered = lethe.caller("dpo").post("/access-exports", &order()).await.expect(202).json();
    assert_eq!((&ordered["status"], &ordered["warnings"][0]["code"]), (&json!("ready"), &json!("nothing_found")));
    let path = format!("/access-exports/{}", ordered["id"].as_str().unwrap());
    assert_eq!(lethe.caller("dpo").get(&path).await.expect(200).json(), ordered);
    let files = download(&lethe, &path).await;
    let data: Value = serde_json::from_slice(&files["data.json"]).unwrap();
    assert_eq!((&data["identifiers"], &data["interactions"]), (&json!([]), &json!([])));
    let processing: Value = serde_json::from_slice(&files["processing.json"]).unwrap();
    assert_eq!(processing["processing"]["controller"], "Example AS");
    assert_eq!(processing["open"][0], "contact");
});

each_store!(a_name_counts_once_in_all_its_spellings, |lethe: TestLethe| async move {
    without_approval(&lethe).await;
    let customer = |no: u32, customer: Value| {
        json!({ "external_id": format!("cdr-{no}"), "channel": "call", "started_at": "2026-02-01T10:00:00Z",
            "customer": customer })
    };
    lethe.record(&customer(1, json!({ "phone_number": NUMBER, "name": "Siv Dåhl" }))).await;
    lethe.record(&customer(2, json!({ "email": "siv@example.net", "name": "Siv Dåhl" }))).await;
    lethe.record(&customer(3, json!({ "email": "siv@example.net", "name": "DÅHL, Siv" }))).await;
    let mut both = order();
    both["email"] = json!("siv@example.net");
    both["attestations"] = json!([both["attestations"][0], both["attestations"][0]]);
    let dpo = lethe.caller("dpo");
    let ordered = dpo.post("/access-exports", &both).await.expect(202).json();
    assert_eq!(ordered["warnings"], json!([]));
    let path = format!("/access-exports/{}", ordered["id"].as_str().unwrap());
    let data: Value = serde_json::from_slice(&download(&lethe, &path).await["data.json"]).unwrap();
    assert_eq!(data["identifiers"], json!([NUMBER, "DÅHL, Siv", "Siv Dåhl", "siv@example.net"]));
    lethe.record(&customer(4, json!({ "phone_number": NUMBER, "name": "Ola Dahl" }))).await;
    let ordered = dpo.post("/access-exports", &both).await.expect(202).json();
    assert_eq!(ordered["warnings"][0]["code"], "several_names");

    // An address is made once under a key, and is not shown again.
    let ticket = || {
        let call = dpo.call("POST", &format!("{path}/ticket")).header("idempotency-key", "t-1").json(&json!({}));
        async { Answer::of(call).await.expect(201) }
    };
    let (first, again) = (ticket().await, ticket().await);
    assert!(first.json()["url"].is_string() && first.header("idempotency-replayed").is_none());
    assert_eq!((&again.json()["url"], again.header("idempotency-replayed")), (&Value::Null, Some("true")));
    assert_eq!(first.json()["expires_at"], again.json()["expires_at"]);
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
    // The preview warns of it, whether the customer is named by the other identifier or by the interaction.
    assert!(is_warned_of(&lethe).await);
    let named = json!({ "interaction_ids": [lethe.call_of("a").await.id], "targets": ["archive"] });
    let preview = lethe.caller("dpo").post("/anonymize-requests/preview", &named).await.expect(200);
    assert!(preview.text.contains("export_open"), "{}", preview.text);

    let request = json!({ "phone_number": NUMBER, "to_date": "2026-02-15", "targets": ["archive"] });
    lethe.enter_request(&request).await;
    lethe.night("2026-02-16T02:00:00Z").await.well();
    assert_eq!(lethe.caller("dpo").get(&path).await.problem(404), "not_found");
    assert_eq!(lethe.dump().await.rows("vault.identifiers").len(), 0);
});

each_store!(a_copy_of_several_pages_has_each_record_once, |lethe: TestLethe| async move {
    without_approval(&lethe).await;
    // Records of the customer, of others who name the customer several times, and of others; seven at each instant,
    // so that a page ends between records of one instant.
    let record = |no: usize| {
        let (number, note) = match no % 3 {
            0 => (NUMBER, "nothing".to_owned()),
            1 => (OTHER, "call 912 34 567 or +47 91 23 45 67, ".repeat(1 + no % 4)),
            _ => (OTHER, "call nobody".to_owned()),
        };
        let at = format!("2026-02-01T10:{:02}:{:02}Z", no / 7 / 60, no / 7 % 60);
        json!({ "external_id": format!("cdr-{no}"), "channel": "call", "started_at": at,
            "customer": { "phone_number": number }, "attributes": { "notes": note } })
    };
    for part in (0..1_800).collect::<Vec<usize>>().chunks(200) {
        let line = |no: &usize| format!("{}\n", record(*no));
        lethe.ingest("interactions", part.iter().map(line).collect::<String>()).await;
    }
    let ordered = lethe.caller("dpo").post("/access-exports", &order()).await.expect(202).json();
    let path = format!("/access-exports/{}", ordered["id"].as_str().unwrap());
    let files = download(&lethe, &path).await;
    let data: Value = serde_json::from_slice(&files["data.json"]).unwrap();
    let shown = data["interactions"].as_array().unwrap();
    let of = |part: &Value| part["external_id"].as_str().unwrap()[4..].parse::<usize>().unwrap();
    let shown: Vec<usize> = shown.iter().map(of).collect();
    let instants: Vec<usize> = shown.iter().map(|no| no / 7).collect();
    assert!(instants.is_sorted(), "the oldest is first");
    let mut sorted = shown.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..1_800).filter(|no| no % 3 < 2).collect::<Vec<_>>());
});

each_store!(an_approver_reads_the_warnings_and_the_copy_names_what_it_leaves_out, |lethe: TestLethe| async move {
    lethe.record(&call(1, NUMBER, "Kari Nordmann", "first")).await;
    lethe.record(&call(2, NUMBER, "Ola Hansen", "second")).await;
    let recording = lethe.upload("cdr-1", "recording", b"a voice").await;
    let mut bare = order();
    bare["include_recordings"] = json!(false);
    let (officer, approver) = (lethe.caller("dpo"), lethe.caller_of("demo", "compliance", "ola"));
    let ordered = officer.post("/access-exports", &bare).await.expect(202).json();
    assert_eq!(ordered["warnings"][0]["code"], "several_names");
    let path = format!("/access-exports/{}", ordered["id"].as_str().unwrap());
    assert_eq!(approver.get(&path).await.expect(200).json(), ordered);
    assert_eq!(approver.get("/access-exports").await.expect(200).json()["items"], json!([ordered]));

    // A denied export can never be downloaded, so nobody is warned of it.
    assert!(is_warned_of(&lethe).await);
    approver.post(&format!("{path}/deny"), &json!({})).await.expect(200);
    assert!(!is_warned_of(&lethe).await);
    assert_eq!(by_command(&lethe, &path).await, (Some(1), None));

    without_approval(&lethe).await;
    let ordered = officer.post("/access-exports", &bare).await.expect(202).json();
    let files = download(&lethe, &format!("/access-exports/{}", ordered["id"].as_str().unwrap())).await;
    assert!(!files.keys().any(|name| name.starts_with("recordings/")));
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let omission = json!({ "id": recording["id"], "kind": "recording", "size": 7, "started_at": "2026-02-01T10:00:00Z",
        "why": "not_asked" });
    assert_eq!(manifest["manifest"]["not_included"], json!([omission]));
    assert!(String::from_utf8_lossy(&files["index.html"]).contains(recording["id"].as_str().unwrap()));
});

each_store!(a_download_breaks_off_when_its_customer_is_forgotten, |lethe: TestLethe| async move {
    lethe.record(&call(1, NUMBER, "Kari Nordmann", "nothing")).await;
    // More than the buffers between the two have.
    lethe.upload("cdr-1", "recording", &vec![0; 48 << 20]).await;
    without_approval(&lethe).await;
    let ordered = lethe.caller("dpo").post("/access-exports", &order()).await.expect(202).json();
    let url = address(&lethe, &format!("/access-exports/{}", ordered["id"].as_str().unwrap())).await;
    let mut response = lethe.caller_with(None).call("GET", &url).send().await.unwrap();
    let mut zip = response.chunk().await.unwrap().unwrap().to_vec();

    let request = json!({ "phone_number": NUMBER, "to_date": "2026-02-15", "targets": ["archive"] });
    lethe.enter_request(&request).await;
    lethe.night("2026-02-16T02:00:00Z").await.well();
    let is_whole = loop {
        match response.chunk().await {
            Ok(Some(bytes)) => zip.extend_from_slice(&bytes),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    assert!(!is_whole, "the response looks whole");
    let names = String::from_utf8_lossy(&zip);
    assert!(names.contains("data.json") && !names.contains("index.html") && !names.contains("manifest.json"));
    assert!(zip::ZipArchive::new(Cursor::new(&zip[..])).is_err());
});

each_store!(a_copy_has_no_part_of_a_recording, |lethe: TestLethe| async move {
    lethe.record(&call(1, NUMBER, "Kari Nordmann", "nothing")).await;
    let (lost, broken) = (
        lethe.upload("cdr-1", "recording", b"a voice").await,
        lethe.upload("cdr-1", "recording", &vec![7; 200_000]).await,
    );
    let spoil = |item: &Value, at: usize| {
        let file = lethe.object_of(item);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[at] ^= 1;
        std::fs::write(&file, bytes).unwrap();
    };
    without_approval(&lethe).await;
    let ordered = lethe.caller("dpo").post("/access-exports", &order()).await.expect(202).json();
    let path = format!("/access-exports/{}", ordered["id"].as_str().unwrap());

    // A recording of which nothing can be read is missing.
    spoil(&lost, 3);
    let files = download(&lethe, &path).await;
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    assert_eq!(manifest["manifest"]["missing"], json!([lost["id"]]));
    let recordings: Vec<_> = files.keys().filter(|name| name.starts_with("recordings/")).collect();
    assert_eq!(recordings, [&format!("recordings/{}.wav", broken["id"].as_str().unwrap())]);

    // A recording that breaks after its first chunk ends the download, also of the command.
    spoil(&broken, 150_000);
    let url = address(&lethe, &path).await;
    let response = lethe.caller_with(None).call("GET", &url).send().await.unwrap();
    assert!(response.bytes().await.is_err());
    assert_eq!(by_command(&lethe, &path).await, (Some(1), None));
});
