//! Recipients: clients that see tokens, and ids of records, of their own.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use lethe::base::clock::Clock;
use serde_json::{Value, json};

use crate::harness::{Answer, Caller, Part, TestLethe, each_store};

/// A caller whose token was issued to a client, signed by the key of development mode.
pub fn caller(lethe: &TestLethe, client: &str, user: &str, roles: &[&str]) -> Caller {
    let pem = std::fs::read_to_string(lethe.data_folder().join("dev-signing-key.pem")).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let key = EncodingKey::from_ed_der(&STANDARD.decode(body).unwrap());
    let end = Clock::System.now().timestamp() + 600;
    let claims = json!({ "iss": "lethe-dev", "aud": "lethe", "exp": end, "sub": user, "azp": client, "tenant": "demo",
        "roles": roles });
    lethe.caller_with(Some(&encode(&Header::new(Algorithm::EdDSA), &claims, &key).unwrap()))
}

const SEARCHES: [&str; 3] = ["/archive/search", "/archive/survey-responses/search", "/archive/raw-events/search"];

/// All that a caller can export by searches.
struct Export {
    records: Vec<Value>,
    tokens: BTreeSet<String>,
    ids: BTreeSet<String>,
}

async fn export(caller: &Caller) -> Export {
    let mut records = Vec::new();
    for path in SEARCHES {
        records.extend(caller.all(path, &json!({ "limit": 3 })).await);
    }
    let text = Value::from(records.clone()).to_string();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_token =
        |word: &&str| ["phone_", "email_", "name_"].iter().any(|kind| word.starts_with(kind) && word.len() > 30);
    let tokens = words.filter(is_token).map(str::to_owned).collect();
    let ids = records.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect();
    Export { records, tokens, ids }
}

/// Sends six customers with two calls each, a survey response and an event of the first one, and two pieces of content.
async fn stock(lethe: &TestLethe) {
    for no in 0..12 {
        let customer = json!({
            "phone_number": format!("9123456{}", no % 6), "email": format!("kari{}@example.net", no % 6), "name": "Kari"
        });
        let call = json!({
            "external_id": format!("cdr-{no}"), "channel": "call", "started_at": format!("2026-02-10T10:{:02}:17Z", no),
            "customer": customer, "attributes": { "note": format!("ring 9123456{}", no % 6) }
        });
        lethe.record(&call).await;
    }
    let survey = json!({ "external_id": "s", "interaction_external_id": "cdr-0", "answered_at": "2026-02-10T11:10:00Z",
        "phone_number": "91234560", "comment": "call 91234561" });
    lethe.ingest("survey-responses", survey.to_string()).await;
    let event = json!({ "external_id": "e", "interaction_external_id": "cdr-0", "occurred_at": "2026-02-10T11:20:00Z",
        "event": "x", "phone_number": "91234560" });
    lethe.ingest("raw-events", event.to_string()).await;
    let first = lethe.search(&json!({ "external_id": "cdr-0" })).await["items"][0]["id"].as_str().unwrap().to_owned();
    for (kind, media_type, bytes) in [
        ("chat_log", "text/plain", "ring 912 34 560"),
        ("comment", "text/plain", "no answer"),
        ("recording", "audio/wav", "RIFF"),
    ] {
        let path = format!("/archive/interactions/{first}/content?kind={kind}");
        lethe.caller("integration").post_raw(&path, media_type, bytes).await.expect(201);
    }
}

async fn create(lethe: &TestLethe, name: &str, time: &str) -> Answer {
    let clients = json!([{ "issuer": "lethe-dev", "client_id": name }]);
    lethe.caller("admin").post("/recipients", &json!({ "name": name, "clients": clients, "time": time })).await
}

fn of<'r>(export: &'r Export, field: &str) -> Vec<&'r Value> {
    export.records.iter().filter_map(|record| record.get(field)).collect()
}

/// The content of the first interaction that has any: the items, and for each its bytes, tag, digest, and file name.
async fn content(caller: &Caller, ids: &BTreeSet<String>) -> Vec<(Value, String, [String; 3])> {
    let mut all = Vec::new();
    for id in ids {
        let Answer { status, text, .. } = caller.get(&format!("/archive/interactions/{id}/content")).await;
        assert_eq!(status, 200, "{text}");
        let page: Value = serde_json::from_str(&text).unwrap();
        for item in page["items"].as_array().unwrap() {
            assert_eq!(item["interaction_id"], json!(id));
            let path = format!("/archive/content/{}", item["id"].as_str().unwrap());
            assert_eq!(caller.get(&path).await.expect(200).json(), *item);
            let loaded = caller.get(&format!("{path}/download")).await.expect(200);
            let ticket = caller.post(&format!("{path}/ticket"), &json!({})).await.expect(201).json();
            let by_ticket =
                caller.get(ticket["url"].as_str().unwrap().strip_prefix("/api/v1").unwrap()).await.expect(200);
            let header = |answer: &Answer, name: &str| answer.header(name).unwrap_or_default().to_owned();
            assert_eq!(header(&loaded, "repr-digest"), header(&by_ticket, "repr-digest"));
            let headers = [header(&loaded, "etag"), header(&by_ticket, "etag"), header(&loaded, "repr-digest")];
            assert!(header(&loaded, "content-disposition").contains(item["id"].as_str().unwrap()));
            all.push((item.clone(), loaded.text, headers));
        }
    }
    all
}

each_store!(two_recipients_share_no_token_and_no_id, |lethe: TestLethe| async move {
    stock(&lethe).await;
    let (crm, dialler, analyst) = (
        caller(&lethe, "crm", "kari", &["supervisor"]),
        caller(&lethe, "dialler", "dialler", &["supervisor"]),
        lethe.caller("analyst"),
    );
    create(&lethe, "crm", "hour").await.expect(201);
    create(&lethe, "dialler", "second").await.expect(201);

    // The exports have the same records, and no token, id of a record, or external id in common.
    let exports = [export(&crm).await, export(&dialler).await, export(&analyst).await];
    for (no, one) in exports.iter().enumerate() {
        assert_eq!((one.records.len(), one.ids.len(), one.tokens.len()), (14, 14, 18), "{no}");
        for other in &exports[..no] {
            assert!(one.tokens.is_disjoint(&other.tokens) && one.ids.is_disjoint(&other.ids), "{no}");
        }
    }
    let [of_crm, of_dialler, of_analyst] = &exports;
    for recipient in [of_crm, of_dialler] {
        let hidden = [of(recipient, "external_id"), of(recipient, "interaction_external_id")].concat();
        assert!(hidden.len() == 16 && hidden.iter().all(|id| id.is_null()));
    }
    let minutes =
        |export: &Export| of(export, "started_at").iter().filter(|at| at.as_str().unwrap().ends_with(":17Z")).count();
    assert_eq!((minutes(of_crm), minutes(of_dialler)), (0, 12));
    assert!(of(of_crm, "occurred_at")[0] == "2026-02-10T11:00:00Z");

    // A recipient searches with its own tokens and ids. Others find nothing, as unknown ones do.
    let token = |export: &Export| export.records[0]["customer"]["phone_number"].as_str().unwrap().to_owned();
    let id = |export: &Export| format!("/archive/interactions/{}", export.records[0]["id"].as_str().unwrap());
    for (no, caller) in [&crm, &dialler, &analyst].into_iter().enumerate() {
        for (other, export) in exports.iter().enumerate() {
            let found = caller.all("/archive/search", &json!({ "token": token(export) })).await;
            assert_eq!(found.len(), if no == other { 2 } else { 0 }, "{no} {other}");
            let one = caller.get(&id(export)).await;
            assert_eq!(one.status, if no == other { 200 } else { 404 }, "{no} {other}");
        }
    }
    let first = crm.get(&id(of_crm)).await.expect(200).json();
    assert_eq!((&first["id"], &first["external_id"]), (&of_crm.records[0]["id"], &Value::Null));

    // There is no identified view, and no filter isolates more than the recipient sees.
    let scopes = crm.get("/me").await.expect(200).json()["scopes"].clone();
    assert_eq!(scopes, json!(["archive:search", "archive:totals", "content:read"]));
    for body in [json!({ "phone_number": "91234560" }), json!({ "view": "identified" })] {
        assert_eq!(crm.post("/archive/search", &body).await.problem(403), "forbidden");
    }
    let refused = crm.get("/anonymize-requests").await;
    assert_eq!(refused.problem(403), "forbidden");
    assert!(refused.text.contains("belongs to a recipient"), "another token would not help: {}", refused.text);
    let refused = crm.post("/archive/search", &json!({ "external_id": "cdr-0" })).await.mistakes();
    assert_eq!(refused, ["/external_id hidden"]);
    let second = json!({ "from": "2026-02-10T10:05:17Z", "to": "2026-02-10T10:05:18Z" });
    let within = [crm.all("/archive/search", &second).await.len(), dialler.all("/archive/search", &second).await.len()];
    assert_eq!(within, [12, 1]);
    let page = crm.post("/archive/search", &json!({ "limit": 1 })).await.expect(200).json();
    let foreign = json!({ "limit": 1, "cursor": page["next_cursor"] });
    assert_eq!(dialler.post("/archive/search", &foreign).await.problem(400), "cursor_invalid");

    // Content has ids and tags of its own, and no digest.
    let contents = [content(&crm, &ids_of_calls(of_crm)).await, content(&dialler, &ids_of_calls(of_dialler)).await];
    let (mut names, phone) = ([BTreeSet::new(), BTreeSet::new()], token_of_first(of_crm));
    for (contents, names) in contents.iter().zip(&mut names) {
        assert_eq!(contents.len(), 3);
        for (item, text, [tag, ticket_tag, digest]) in contents {
            assert!(item["sha256"].is_null() && digest.is_empty() && !text.contains("912 34"));
            names.extend([item["id"].as_str().unwrap().to_owned(), tag.clone(), ticket_tag.clone()]);
        }
    }
    assert!(names[0].len() >= 6 && names[0].is_disjoint(&names[1]));
    assert!(contents[0].iter().any(|(_, text, _)| *text == format!("ring {phone}")));
    let plain = content(&lethe.caller("supervisor"), &ids_of_calls(of_analyst)).await;
    assert!(plain.iter().any(|(item, _, [.., digest])| item["sha256"].is_string() && digest.starts_with("sha-256=")));

    // A recipient that sends records gets its own ids for them, and reveals its own tokens only. External ids are hidden
    // from it, also in a lookup. It can send requests, and does not read them.
    let sender = caller(&lethe, "crm", "crm", &["integration", "dpo"]);
    let refused = sender.post("/archive/interactions/lookup", &json!({ "external_ids": ["cdr-11"] })).await.mistakes();
    assert_eq!(refused, ["/external_ids hidden"]);
    let request = json!({ "phone_number": "91234560", "targets": ["archive"] });
    sender.post("/anonymize-requests", &request).await.expect(201);
    assert_eq!(sender.get("/anonymize-requests").await.problem(403), "forbidden");
    let again = json!([{ "external_id": "cdr-11", "channel": "call", "started_at": "2026-02-10T10:11:17Z",
        "customer": { "phone_number": "91234565" } }]);
    let sent = sender.post("/archive/interactions?ids=true", &again).await.expect(200).json();
    assert_eq!(sent["ids"][0], of_crm.records[0]["id"]);
    let ask = json!({ "tokens": [token(of_crm), token(of_dialler), token(of_analyst)], "purpose": "call back" });
    let reveal = sender.post("/reveals", &ask).await.expect(201).json()["id"].as_str().unwrap().to_owned();
    let opened = sender.post(&format!("/reveals/{reveal}/open"), &json!({})).await.expect(200).json();
    let expected = json!([
        { "token": token(of_crm), "value": "+4791234565" },
        { "token": token(of_dialler), "code": "unknown" },
        { "token": token(of_analyst), "code": "unknown" }
    ]);
    assert_eq!(opened["items"], expected);
});

/// The ids of the calls of an export.
fn ids_of_calls(export: &Export) -> BTreeSet<String> {
    let calls = export.records.iter().filter(|record| record.get("channel").is_some());
    calls.map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}

/// The token of the number of the first call that was sent.
fn token_of_first(export: &Export) -> String {
    export.records[11]["customer"]["phone_number"].as_str().unwrap().to_owned()
}

each_store!(a_recipient_is_rotated_and_deleted, |lethe: TestLethe| async move {
    stock(&lethe).await;
    let (admin, crm) = (lethe.caller("admin"), caller(&lethe, "crm", "kari", &["analyst"]));
    // A program of no recipient reads until the tenant has recipients. After that, it can only send.
    let (program, user) =
        (caller(&lethe, "other", "other", &["analyst", "integration"]), caller(&lethe, "other", "ola", &["analyst"]));
    let plain = export(&program).await;
    let created = create(&lethe, "crm", "second").await.expect(201);
    let path = format!("/recipients/{}", created.json()["id"].as_str().unwrap());
    assert_eq!(created.header("location").unwrap(), format!("/api/v1{path}"));
    for read in SEARCHES {
        assert_eq!(program.post(read, &json!({})).await.problem(403), "forbidden");
    }
    let refused = program.get("/anonymize-requests").await;
    assert_eq!(refused.problem(403), "forbidden");
    assert!(refused.text.contains("belongs to none of the tenant's recipients"), "{}", refused.text);
    let record = json!([{ "external_id": "p", "channel": "call", "started_at": "2026-02-10T09:00:00Z" }]);
    program.post("/archive/interactions", &record).await.expect(200);
    assert_eq!(export(&user).await.tokens, plain.tokens);

    // A client belongs to one recipient, and a broken recipient is refused by its places.
    assert_eq!(create(&lethe, "crm", "second").await.problem(409), "state_conflict");
    let client = json!({ "issuer": "lethe-dev", "client_id": "a" });
    for (body, mistakes) in [
        (json!({ "name": " ", "clients": [] }), &["/name out_of_range", "/clients required"][..]),
        (json!({ "name": "a", "clients": [client, client] }), &["/clients/1 duplicate"]),
        (json!({ "name": "a", "clients": [{ "issuer": "", "client_id": "b" }] }), &["/clients/0/issuer out_of_range"]),
        (json!({ "name": "a", "clients": [client], "time": "day" }), &["/time format"]),
    ] {
        assert_eq!(admin.post("/recipients", &body).await.mistakes(), mistakes, "{body}");
    }
    let keyed = || admin.call("POST", "/recipients").header("idempotency-key", "a");
    let body = json!({ "name": "shared", "clients": [client], "record_ids": "shared", "external_ids": "shown" });
    let shared = Answer::of(keyed().json(&body)).await.expect(201).json();
    assert_eq!(Answer::of(keyed().json(&body)).await.expect(201).json(), shared);
    let listed = admin.get("/recipients").await.expect(200).json();
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["shared", "crm"]);
    let sharing = export(&caller(&lethe, "a", "a", &["analyst"])).await;
    assert!(sharing.tokens.is_disjoint(&plain.tokens) && plain.ids.is_subset(&sharing.ids));
    assert!(of(&sharing, "external_id").iter().all(|id| id.is_string()));
    let looked_up = json!({ "external_ids": ["cdr-0"] });
    let found = caller(&lethe, "a", "a", &["integration"]).post("/archive/interactions/lookup", &looked_up).await;
    assert_eq!(found.expect(200).json()["items"][0]["external_id"], "cdr-0");

    // A recipient names interactions by its own ids.
    let before = export(&crm).await;
    let officer = caller(&lethe, "crm", "kari", &["dpo", "integration"]);
    let own = before.records.iter().find(|record| record.get("channel").is_some()).unwrap()["id"].clone();
    let naming = |id: &Value| json!({ "interaction_ids": [id], "targets": ["archive"] });
    let foreign = json!(plain.ids.first().unwrap());
    let refused = officer.post("/anonymize-requests", &naming(&foreign)).await;
    assert_eq!(refused.mistakes(), ["/interaction_ids/0 not_found"]);
    let entered = officer.post("/anonymize-requests", &naming(&own)).await.expect(201);
    assert_eq!(entered.json()["interaction_ids"], json!([own]));
    let place = format!("/anonymize-requests/{}", entered.json()["id"].as_str().unwrap());
    let same = officer.patch(&place, "*", &json!({ "interaction_ids": [own] })).await.expect(200).json();
    assert_eq!((&same["interaction_ids"], &same["version"]), (&json!([own]), &json!(1)));
    assert_ne!(admin.get(&place).await.expect(200).json()["interaction_ids"], json!([own]));
    Answer::of(officer.call("DELETE", &place).header("if-match", "*")).await.expect(204);

    // After a rotation, the earlier tokens and ids mean nothing, also in a reveal that was entered before.
    let reveal = json!({ "tokens": [before.records[0]["customer"]["phone_number"]], "purpose": "case 118" });
    let reveal = officer.post("/reveals", &reveal).await.expect(201).json();
    let opening = format!("/reveals/{}/open", reveal["id"].as_str().unwrap());
    let opened = officer.post(&opening, &json!({})).await.expect(200).json();
    assert!(opened["items"][0]["value"].is_string(), "{opened}");
    // Of the reveals, a recipient's user sees the own ones.
    let body = json!({ "tokens": [plain.tokens.first()], "purpose": "Per" });
    let others = lethe.caller_of("demo", "dpo", "dora").post("/reveals", &body).await.expect(201).json();
    let others = format!("/reveals/{}", others["id"].as_str().unwrap());
    assert_eq!(officer.get(&others).await.problem(404), "not_found");
    let listed = officer.get("/reveals").await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    let rotated = admin.post(&format!("{path}/rotate"), &json!({})).await.expect(200);
    assert_eq!(rotated.json()["version"], 2);
    let opened = officer.post(&opening, &json!({})).await.expect(200).json();
    assert_eq!(opened["items"][0]["code"], "unknown", "{opened}");
    let after = export(&crm).await;
    assert_eq!((before.tokens.len(), before.records.len()), (after.tokens.len(), after.records.len()));
    assert!(before.tokens.is_disjoint(&after.tokens) && before.ids.is_disjoint(&after.ids));
    let old = json!({ "token": before.records[0]["customer"]["phone_number"] });
    assert_eq!(crm.post("/archive/search", &old).await.expect(200).json()["items"], json!([]));
    let keys = async |lethe: &TestLethe| {
        let dump = lethe.dump().await;
        let of_recipients =
            |purpose: &Option<String>| purpose.as_deref().is_some_and(|purpose| purpose.starts_with("recipient:"));
        dump.rows("vault.keysets").iter().filter(|row| of_recipients(&row["purpose"])).count()
    };
    assert_eq!(keys(&lethe).await, 2);

    // With the recipient, its key is deleted.
    assert_eq!(admin.delete(&path, &created.etag()).await.problem(412), "version_stale");
    Answer::of(admin.call("DELETE", &path)).await.expect(204);
    assert_eq!(admin.get(&path).await.problem(404), "not_found");
    assert_eq!(keys(&lethe).await, 1);
    let program = caller(&lethe, "crm", "crm", &["analyst"]);
    assert_eq!(program.post("/archive/search", &json!({})).await.problem(403), "forbidden");
    let actions = lethe.caller("dpo").get("/audit-events?limit=200").await.expect(200).json();
    let actions = actions["items"].as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap());
    let actions: Vec<_> = actions.filter(|action| action.starts_with("recipient.")).collect();
    assert_eq!(actions, ["recipient.deleted", "recipient.rotated", "recipient.created", "recipient.created"]);
});

each_store!(each_process_knows_a_change_of_a_recipient_at_once, |lethe: TestLethe| async move {
    stock(&lethe).await;
    let other = lethe.serve_another().await;
    let (admin, crm) = (lethe.caller("admin"), caller(&lethe, "crm", "kari", &["analyst"]));
    // Both processes have seen the client before each change.
    let there = crm.at(&other.address);
    let seen = async || {
        let (here, there) = (export(&crm).await, export(&there).await);
        assert_eq!((&here.tokens, &here.ids), (&there.tokens, &there.ids));
        here.tokens
    };
    let plain = seen().await;
    let created = create(&lethe, "crm", "second").await.expect(201).json();
    let path = format!("/recipients/{}", created["id"].as_str().unwrap());
    let first = seen().await;
    admin.post(&format!("{path}/rotate"), &json!({})).await.expect(200);
    let second = seen().await;
    assert!(first.is_disjoint(&plain) && second.is_disjoint(&plain) && second.is_disjoint(&first));
    Answer::of(admin.call("DELETE", &path)).await.expect(204);
    assert_eq!(seen().await, plain);
    assert!(other.stop().await.success());
});

each_store!(a_recipient_whose_key_a_restore_has_lost_is_told_so, |mut lethe: TestLethe| async move {
    stock(&lethe).await;
    lethe.stop().await;
    let before = lethe.copy().await;
    lethe.serve().await;
    let created = create(&lethe, "crm", "second").await.expect(201);
    let path = format!("/recipients/{}", created.json()["id"].as_str().unwrap());
    let (user, program) = (
        |lethe: &TestLethe| caller(lethe, "crm", "kari", &["dpo"]),
        |lethe: &TestLethe| caller(lethe, "crm", "crm", &["integration", "analyst"]),
    );
    let first = export(&user(&lethe)).await;
    lethe.stop().await;
    let with_first = lethe.copy().await;
    lethe.serve().await;
    lethe.caller("admin").post(&format!("{path}/rotate"), &json!({})).await.expect(200);
    let second = export(&user(&lethe)).await;
    lethe.stop().await;
    // The vault has no key of the recipient, or an older one, or a newer one than the archive names.
    for (backup, part) in [(&before, Part::Vault), (&with_first, Part::Vault), (&with_first, Part::Archive)] {
        let mut restored = lethe.copy().await;
        restored.restore(backup, &[part]).await;
        restored.serve().await;
        let record = json!([{ "external_id": "p", "channel": "call", "started_at": "2026-02-10T09:00:00Z" }]);
        let lookup = json!({ "external_ids": ["cdr-0"] });
        for (caller, path, body) in [
            (user(&restored), "/archive/search", &json!({})),
            (program(&restored), "/archive/search", &json!({})),
            (program(&restored), "/archive/interactions?ids=true", &record),
            (program(&restored), "/archive/interactions/lookup", &lookup),
        ] {
            let refused = caller.post(path, body).await;
            assert_eq!(refused.problem(403), "forbidden", "{path}");
            let detail = refused.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("the key of this token's recipient"), "{path}: {detail}");
            assert!(detail.contains("POST /recipients/{id}/rotate"), "{path}: {detail}");
        }
        assert_eq!(user(&restored).get("/me").await.expect(200).json()["scopes"], json!([]));
        restored.caller("admin").post(&format!("{path}/rotate"), &json!({})).await.expect(200);
        let shown = export(&user(&restored)).await;
        assert_eq!((shown.records.len(), shown.tokens.len()), (14, 18));
        assert!(shown.tokens.is_disjoint(&first.tokens));
        program(&restored).post("/archive/interactions?ids=true", &record).await.expect(200);
        restored.stop().await;
    }
    assert!(second.tokens.is_disjoint(&first.tokens));
});
