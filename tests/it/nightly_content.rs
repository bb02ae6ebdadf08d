//! The nightly job and content: content that is deleted with its customer, content that stays, content past its
//! retention, and content that a broken store keeps.

use lethe::base::clock::Clock;
use serde_json::{Value, json};

use crate::harness::{Answer, TestLethe, each_store};

/// Everything up to 15 February is due.
const AS_OF: &str = "2026-02-16T02:00:00Z";
const KARI: &str = "91234567";
const OLA: &str = "41234567";

async fn call(lethe: &TestLethe, external_id: &str, customer: Value) {
    lethe
        .record(&json!({ "external_id": external_id, "channel": "call", "started_at": "2026-02-10T10:00:00Z",
            "customer": customer }))
        .await;
}

fn person(phone: &str) -> Value {
    json!({ "phone_number": phone })
}

fn request(phone: &str, more: Value) -> Value {
    let mut request = json!({ "phone_number": phone, "to_date": "2026-02-15", "targets": ["archive"] });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

async fn preview(lethe: &TestLethe, body: &Value) -> Value {
    lethe.caller("dpo").post("/anonymize-requests/preview", body).await.expect(200).json()
}

fn told(preview: &Value) -> Vec<(&str, &str)> {
    let warnings = preview["warnings"].as_array().unwrap().iter();
    warnings.map(|warning| (warning["code"].as_str().unwrap(), warning["detail"].as_str().unwrap())).collect()
}

/// The kinds of content that an interaction still lists.
async fn kinds(lethe: &TestLethe, external_id: &str) -> Vec<Value> {
    let id = lethe.call_of(external_id).await.id;
    let items = lethe.caller("dpo").get(&format!("/archive/interactions/{id}/content")).await.expect(200).json();
    items["items"].as_array().unwrap().iter().map(|item| item["kind"].clone()).collect()
}

async fn play(lethe: &TestLethe, item: &Value) -> Answer {
    lethe.caller("dpo").get(&format!("/archive/content/{}/play", item["id"].as_str().unwrap())).await
}

fn id(item: &Value) -> String {
    item["id"].as_str().unwrap().to_owned()
}

/// The ids of the content of all objects, in their order.
fn stored(lethe: &TestLethe) -> Vec<String> {
    lethe.objects().into_iter().map(|(id, _)| id).collect()
}

/// Makes an object that cannot be deleted. Root may delete any file, so a folder takes its place.
fn jam(lethe: &TestLethe, item: &Value) -> std::path::PathBuf {
    let object = lethe.object_of(item);
    std::fs::rename(&object, object.with_extension("aside")).unwrap();
    std::fs::create_dir_all(object.join("in the way")).unwrap();
    object
}

fn unjam(object: &std::path::Path) {
    std::fs::remove_dir_all(object).unwrap();
    std::fs::rename(object.with_extension("aside"), object).unwrap();
}

each_store!(of_two_forgotten_customers_one_leaves_nothing_and_the_other_a_call, |lethe: TestLethe| async move {
    for (external_id, phone) in [("kari 1", KARI), ("kari 2", KARI), ("ola", OLA)] {
        call(&lethe, external_id, person(phone)).await;
    }
    // It only mentions Kari: it is Per's call, and so is its recording.
    lethe
        .record(&json!({ "external_id": "per", "channel": "call", "started_at": "2026-02-10T10:00:00Z",
            "customer": person("40404040"), "attributes": { "notes": "asked for +47 912 34 567" } }))
        .await;
    let gone = [
        lethe.upload("kari 1", "recording", b"Kari one").await,
        lethe.upload("kari 1", "screen_recording", b"Kari's screen").await,
        lethe.upload("kari 2", "recording", b"Kari two").await,
    ];
    let olas = lethe.upload("ola", "recording", b"Ola").await;
    let pers = lethe.upload("per", "recording", b"Per").await;

    let with = request(KARI, json!({ "delete_content": true }));
    let foreseen = preview(&lethe, &with).await;
    assert_eq!(foreseen["content"], json!({ "recording": 2, "screen_recording": 1 }));
    let counts = "recording: 2, screen_recording: 1";
    assert_eq!(
        told(&foreseen),
        [("content_will_be_deleted", &*format!("{counts}. The pass deletes this content in every copy."))]
    );
    let foreseen = preview(&lethe, &request(OLA, json!({}))).await;
    assert_eq!(foreseen["content"], json!({ "recording": 1 }));
    assert_eq!(told(&foreseen)[0].0, "content_becomes_unfindable");
    assert_eq!(preview(&lethe, &request("90909090", json!({}))).await["content"], json!({}));

    let (kari, ola) = (lethe.enter_request(&with).await, lethe.enter_request(&request(OLA, json!({}))).await);
    assert_eq!((&kari["delete_content"], &ola["delete_content"]), (&json!(true), &json!(false)));
    let dry = lethe.run(&["job", "nightly", "--as-of", AS_OF, "--dry-run", "--json"]).await.well();
    let dry: Value = serde_json::from_str(dry.stdout.trim()).unwrap();
    let deleted = json!({ "recording": 2, "screen_recording": 1 });
    assert_eq!(dry["content"], json!({ "deleted": deleted, "unfindable": { "recording": 1 } }));

    let night = lethe.night(AS_OF).await.well();
    let report: Value = serde_json::from_str(night.stdout.trim()).unwrap();
    assert_eq!((&report["content_deleted"], &report["rows_without_object"]), (&json!(3), &json!(0)));

    assert_eq!(kinds(&lethe, "kari 1").await, Vec::<Value>::new());
    assert_eq!(stored(&lethe), [id(&olas), id(&pers)]);
    let dump = lethe.dump().await;
    assert_eq!((dump.rows("contents").len(), dump.rows("vault.content_keys").len()), (2, 2));
    for item in &gone {
        assert_eq!(play(&lethe, item).await.problem(404), "not_found");
    }
    assert_eq!(lethe.find(&json!({ "phone_number": OLA })).await, Vec::<String>::new());
    assert_eq!(play(&lethe, &olas).await.expect(200).text, "Ola");
    assert_eq!(play(&lethe, &pers).await.expect(200).text, "Per");

    let done = lethe.request(&kari["id"]).await.json();
    let result = json!({ "archive": { "anonymized": 3 }, "content": { "deleted": 3, "anonymized": 0 } });
    assert_eq!((&done["status"], &done["result"]), (&json!("done"), &result));
    let done = lethe.request(&ola["id"]).await.json();
    assert_eq!(done["result"], json!({ "archive": { "anonymized": 1 } }));
    let audited = lethe.caller("dpo").get("/audit-events").await.json();
    let events = audited["items"].as_array().unwrap();
    let deletion = events.iter().find(|event| event["action"] == "content.deleted").unwrap();
    assert_eq!((&deletion["records"], &deletion["detail"]), (&json!(3), &json!({ "because": "requests" })));
    assert!(lethe.metrics().await.contains("lethe_pass_content_total{outcome=\"deleted\"} 3"));
});

each_store!(whether_content_goes_is_the_tenants_default_and_the_requests_to_say, |lethe: TestLethe| async move {
    let officer = lethe.caller("dpo");
    let admin = lethe.caller("operator");
    admin.patch("/tenant", "*", &json!({ "delete_content": true })).await.expect(200);
    let kari = lethe.enter_request(&request(KARI, json!({}))).await;
    assert_eq!(kari["delete_content"], json!(true));
    let ola = lethe.enter_request(&request(OLA, json!({ "delete_content": false }))).await;
    assert_eq!(ola["delete_content"], json!(false));
    let path = format!("/anonymize-requests/{}", id(&ola));
    let changed = officer.patch(&path, "\"1\"", &json!({ "delete_content": true })).await.expect(200);
    assert_eq!((&changed.json()["delete_content"], &changed.json()["version"]), (&json!(true), &json!(2)));
    let same = officer.patch(&path, "\"2\"", &json!({ "delete_content": true, "comment": null })).await.expect(200);
    assert_eq!(same.json()["version"], json!(2));
    let null = officer.patch(&path, "\"2\"", &json!({ "delete_content": null })).await;
    assert_eq!(null.mistakes(), ["/delete_content required"]);
    let nowhere = json!({ "phone_number": KARI, "targets": ["raw_data"], "delete_content": true });
    let nowhere = officer.post("/anonymize-requests", &nowhere).await;
    assert_eq!(nowhere.mistakes(), ["/delete_content target_unavailable"]);
    let elsewhere = json!({ "phone_number": KARI, "targets": ["raw_data"] });
    officer.post("/anonymize-requests", &elsewhere).await.expect(201);
    let batch = json!({ "create": [request("90909090", json!({ "delete_content": false }))],
        "update": [{ "id": kari["id"], "version": 1, "delete_content": false }] });
    let saved = officer.post("/anonymize-requests/batch", &batch).await.expect(200).json();
    assert_eq!(
        (&saved["created"][0]["delete_content"], &saved["updated"][0]["delete_content"]),
        (&json!(false), &json!(false))
    );
    // A request without matches has a result too.
    lethe.night(AS_OF).await.well();
    let done = lethe.request(&ola["id"]).await.json();
    assert_eq!(done["result"]["content"], json!({ "deleted": 0, "anonymized": 0 }));
});

each_store!(texts_lose_forgotten_customers_and_deliveries_are_settled, |lethe: TestLethe| async move {
    let named = json!({ "phone_number": KARI, "email": "kari@example.net", "name": "Kari Nordmann" });
    call(&lethe, "kari", named).await;
    for (external_id, phone) in [("ola", OLA), ("per", "40404040")] {
        call(&lethe, external_id, person(phone)).await;
    }
    let (kari, ola, per) = (lethe.call_of("kari").await, lethe.call_of("ola").await, lethe.call_of("per").await);
    let phone = |call: &crate::harness::Call| call.phone_id.unwrap();
    // Kari's chat names herself, her name, and Ola; Ola's names only Per; Per's names Kari and Per.
    let karis = lethe.chat("kari", &[phone(&kari), kari.name_id.unwrap(), phone(&ola), phone(&per)]).await;
    let olas = lethe.chat("ola", &[phone(&per)]).await;
    let pers = lethe.chat("per", &[phone(&kari), phone(&per)]).await;
    let recording = lethe.upload("kari", "recording", b"Kari").await;
    let others = lethe.upload("per", "recording", b"Per").await;
    lethe.delivery("kari", &recording, "delivered", &["b.wav", "a.xml"]).await;
    lethe.delivery("kari", &recording, "held", &[]).await;
    lethe.delivery("per", &others, "pending", &[]).await;

    let asked = lethe.enter_request(&request(KARI, json!({}))).await;
    let by_address = json!({ "email": "kari@example.net", "to_date": "2026-02-15", "targets": ["archive"] });
    let by_address = lethe.enter_request(&by_address).await;
    let for_ola = lethe.enter_request(&request(OLA, json!({}))).await;
    let night = lethe.night(AS_OF).await.well();
    let report: Value = serde_json::from_str(night.stdout.trim()).unwrap();
    assert_eq!(report["texts_anonymized"], json!(2));

    let dump = lethe.dump().await;
    let mut held: Vec<_> = dump
        .rows("mentions")
        .iter()
        .filter(|row| row["identifier_id"].is_some())
        .map(|row| {
            (row["record_id"].clone().unwrap(), row["n"].clone().unwrap(), row["identifier_id"].clone().unwrap())
        })
        .collect();
    held.sort();
    let is = |content: lethe::base::id::ContentId, n: &str| {
        (content.0.simple().to_string(), n.to_owned(), phone(&per).0.simple().to_string())
    };
    let mut wanted = [is(karis, "3"), is(olas, "0"), is(pers, "1")];
    wanted.sort();
    assert_eq!(held, wanted, "only Per is still mentioned");
    assert_eq!(dump.rows("vault.identifiers").len(), 1, "only Per is known");
    assert_eq!((dump.rows("pass_text_mentions").len(), dump.rows("pass_interactions").len()), (0, 0));

    let result = |request: &Value| {
        let id = request["id"].clone();
        let lethe = &lethe;
        async move { lethe.request(&id).await.json()["result"].clone() }
    };
    let files = json!(["a.xml", "b.wav"]);
    let content = |texts: u64| json!({ "deleted": 0, "anonymized": texts });
    let whole = |records: u64, texts: u64| json!({ "archive": { "anonymized": records }, "content": content(texts), "delivered_files": files });
    // Kari's number is in two texts. Her address finds only her own text.
    assert_eq!(result(&asked).await, whole(1, 2));
    assert_eq!(result(&by_address).await, whole(1, 1));
    assert_eq!(result(&for_ola).await, json!({ "archive": { "anonymized": 1 }, "content": content(1) }));
    let mut states: Vec<_> = dump
        .rows("deliveries")
        .iter()
        .map(|row| (row["state"].as_deref().unwrap(), row["last_error"].as_deref()))
        .collect();
    states.sort_unstable();
    assert_eq!(states, [("cancelled", Some("forgotten")), ("delivered", None), ("pending", None)]);
});

each_store!(an_identifier_that_only_a_deleted_text_mentions_leaves_the_vault, |lethe: TestLethe| async move {
    for (external_id, phone) in [("kari", KARI), ("ola", OLA)] {
        call(&lethe, external_id, person(phone)).await;
    }
    let ola = lethe.call_of("ola").await;
    lethe.chat("kari", &[ola.phone_id.unwrap()]).await;
    lethe.upload("kari", "recording", b"Kari").await;
    // Ola's own call is gone, so that only Kari's chat knows him.
    let archive = lethe.archive().await;
    let mut tx = archive.write().await.unwrap();
    tx.query("DELETE FROM interactions").with(" WHERE id = ", ola.id).execute().await.unwrap();
    tx.commit().await.unwrap();
    archive.close().await;
    lethe.enter_request(&request(KARI, json!({ "delete_content": true }))).await;
    let night = lethe.night(AS_OF).await.well();
    let report: Value = serde_json::from_str(night.stdout.trim()).unwrap();
    assert_eq!((&report["content_deleted"], &report["identifiers_deleted"]), (&json!(2), &json!(2)));
    assert_eq!(report["orphans_found"], json!(0), "it was known, not found");
    assert_eq!(lethe.dump().await.rows("vault.identifiers").len(), 0);
});

each_store!(what_the_store_does_not_give_up_waits_with_its_customer, |lethe: TestLethe| async move {
    call(&lethe, "kari", json!({ "phone_number": KARI, "email": "kari@example.net" })).await;
    call(&lethe, "ola", person(OLA)).await;
    let first = lethe.upload("kari", "recording", b"one").await;
    let stuck = lethe.upload("kari", "recording", b"two").await;
    lethe.upload("ola", "recording", b"Ola").await;
    let with = json!({ "delete_content": true });
    let kari = lethe.enter_request(&request(KARI, with.clone())).await;
    let ola = lethe.enter_request(&request(OLA, with)).await;
    // If this request did not wait too, no request would find Kari's recording any more.
    let address = json!({ "email": "kari@example.net", "to_date": "2026-02-15", "targets": ["archive"] });
    let address = lethe.enter_request(&address).await;
    let object = jam(&lethe, &stuck);

    let night = lethe.night(AS_OF).await;
    assert_eq!(night.code(), Some(2), "{}", night.stdout);
    let waiting = lethe.request(&kari["id"]).await.json();
    assert_eq!(
        (&waiting["status"], &waiting["last_error"], &waiting["attempts"], &waiting["result"]),
        (&json!("waiting"), &json!("content_store_unavailable"), &json!(1), &Value::Null)
    );
    let waiting = lethe.request(&address["id"]).await.json();
    assert_eq!((&waiting["status"], &waiting["last_error"]), (&json!("waiting"), &json!("content_store_unavailable")));
    assert_eq!(lethe.request(&ola["id"]).await.json()["result"]["content"], json!({ "deleted": 1, "anonymized": 0 }));
    // Content that exists is listed and readable. The customer is known, and late data are not forgotten.
    assert_eq!(lethe.find(&json!({ "phone_number": KARI })).await, ["kari"]);
    assert_eq!(play(&lethe, &first).await.problem(404), "not_found");
    assert_eq!(kinds(&lethe, "kari").await, ["recording"]);
    call(&lethe, "kari", json!({ "phone_number": KARI, "email": "kari@example.net" })).await;
    assert_eq!(lethe.find(&json!({ "phone_number": KARI })).await, ["kari"]);
    unjam(&object);
    assert_eq!(play(&lethe, &stuck).await.expect(200).text, "two");

    lethe.night(AS_OF).await.well();
    let done = lethe.request(&kari["id"]).await.json();
    assert_eq!((&done["status"], &done["last_error"]), (&json!("done"), &Value::Null));
    assert_eq!(done["result"]["content"], json!({ "deleted": 2, "anonymized": 0 }));
    assert_eq!(lethe.request(&address["id"]).await.json()["status"], "done");
    assert_eq!((lethe.objects().len(), lethe.dump().await.rows("contents").len()), (0, 0));
});

each_store!(an_unavailable_store_keeps_no_other_request_waiting, |lethe: TestLethe| async move {
    for no in 0..12 {
        call(&lethe, &format!("kari {no}"), person(KARI)).await;
        lethe.upload(&format!("kari {no}"), "recording", b"Kari").await;
    }
    call(&lethe, "ola", person(OLA)).await;
    let kari = lethe.enter_request(&request(KARI, json!({ "delete_content": true }))).await;
    let ola = lethe.enter_request(&request(OLA, json!({}))).await;
    let (objects, aside) = (lethe.objects_folder(), lethe.objects_folder().with_extension("aside"));
    std::fs::rename(&objects, &aside).unwrap();
    // Not mounted, say; then something else in its place.
    assert_eq!(lethe.night(AS_OF).await.code(), Some(2));
    std::fs::write(&objects, b"no folder").unwrap();
    assert_eq!(lethe.night(AS_OF).await.code(), Some(2));
    assert_eq!(lethe.request(&kari["id"]).await.json()["attempts"], 2);
    assert_eq!(lethe.request(&kari["id"]).await.json()["last_error"], "content_store_unavailable");
    assert_eq!(lethe.request(&ola["id"]).await.json()["status"], "done");
    let dump = lethe.dump().await;
    assert_eq!((dump.rows("contents").len(), dump.rows("vault.content_keys").len()), (12, 12));

    std::fs::remove_file(&objects).unwrap();
    std::fs::rename(&aside, &objects).unwrap();
    lethe.night(AS_OF).await.well();
    assert_eq!(lethe.request(&kari["id"]).await.json()["result"]["content"]["deleted"], 12);
    assert_eq!(lethe.objects().len(), 0);
});

each_store!(what_is_past_its_retention_goes_once_its_grace_is_over, |lethe: TestLethe| async move {
    call(&lethe, "old", person(KARI)).await;
    let (recording, screen) =
        (lethe.upload("old", "recording", b"old").await, lethe.upload("old", "screen_recording", b"old").await);
    lethe.record(&json!({ "external_id": "new", "channel": "call", "started_at": "2036-02-10T10:00:00Z" })).await;
    lethe.upload("new", "recording", b"new").await;
    lethe.delivery("old", &recording, "pending", &[]).await;
    let admin = lethe.caller("operator");
    let days = json!({ "recordings": { "retention_days": { "recording": 90 } } });
    admin.patch("/tenant", "*", &days).await.expect(200);
    let now = Clock::System.now();
    let later = |days: i64| (now + chrono::TimeDelta::days(days)).to_rfc3339();

    lethe.night(&later(29)).await.well();
    assert_eq!(lethe.objects().len(), 3, "the grace is not over");
    admin.patch("/tenant", "*", &json!({ "recordings": { "retention_paused": true } })).await.expect(200);
    lethe.night(&later(99)).await.well();
    assert_eq!(lethe.objects().len(), 3, "somebody holds it");
    admin.patch("/tenant", "*", &json!({ "recordings": { "retention_paused": false } })).await.expect(200);

    let object = jam(&lethe, &recording);
    let night = lethe.night(&later(31)).await;
    let report: Value = serde_json::from_str(night.stdout.trim()).unwrap();
    assert_eq!((night.code(), &report["content_left"]), (Some(2), &json!(1)));
    assert_eq!(kinds(&lethe, "old").await.len(), 2);
    unjam(&object);
    let night = lethe.night(&later(31)).await.well();
    let report: Value = serde_json::from_str(night.stdout.trim()).unwrap();
    assert_eq!((&report["content_expired"], &report["content_left"]), (&json!(1), &json!(0)));
    assert_eq!(kinds(&lethe, "old").await, ["screen_recording"]);
    assert_eq!(play(&lethe, &screen).await.expect(200).text, "old");
    assert_eq!(kinds(&lethe, "new").await, ["recording"]);
    assert_eq!(lethe.dump().await.rows("deliveries")[0]["state"].as_deref(), Some("cancelled"));
    let audited = lethe.caller("dpo").get("/audit-events").await.json();
    let events = audited["items"].as_array().unwrap();
    let deletion = events.iter().find(|event| event["action"] == "content.deleted").unwrap();
    assert_eq!(deletion["detail"], json!({ "because": "retention", "content_ids": [recording["id"]] }));
});

each_store!(leftovers_of_crashes_are_deleted_and_lost_objects_are_reported, |lethe: TestLethe| async move {
    call(&lethe, "kari", person(KARI)).await;
    let kept = lethe.upload("kari", "recording", b"kept").await;
    let lost = lethe.upload("kari", "recording", b"lost").await;
    let orphan = lethe.upload("kari", "recording", b"orphan").await;
    std::fs::remove_file(lethe.object_of(&lost)).unwrap();
    // One object is left by a crash between object and row, and one by a crash in the middle of an upload.
    let content: lethe::base::id::ContentId = serde_json::from_value(orphan["id"].clone()).unwrap();
    let archive = lethe.archive().await;
    let mut tx = archive.write().await.unwrap();
    tx.query("DELETE FROM contents").with(" WHERE id = ", content).execute().await.unwrap();
    tx.commit().await.unwrap();
    archive.close().await;
    let draft = lethe.object_of(&kept).with_file_name("0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11#1");
    std::fs::write(&draft, b"half").unwrap();
    let later = |days: i64| (Clock::System.now() + chrono::TimeDelta::days(days)).to_rfc3339();

    let tonight = lethe.night(&later(0)).await.well();
    let report: Value = serde_json::from_str(tonight.stdout.trim()).unwrap();
    let swept = (&report["objects_swept"], &report["keys_swept"], &report["rows_without_object"]);
    assert_eq!(swept, (&json!(0), &json!(0), &json!(1)), "a young object may belong to a running upload");
    assert!(lethe.journal().text().contains(&id(&lost)), "the log names what is lost");

    let night = lethe.night(&later(8)).await.well();
    let report: Value = serde_json::from_str(night.stdout.trim()).unwrap();
    assert_eq!((&report["objects_swept"], &report["keys_swept"]), (&json!(2), &json!(1)));
    assert_eq!(stored(&lethe), [id(&kept)]);
    assert_eq!(play(&lethe, &kept).await.expect(200).text, "kept");
    assert_eq!(lethe.dump().await.rows("vault.content_keys").len(), 2, "of what is kept and of what is lost");
});
