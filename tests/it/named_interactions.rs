//! Requests that name interactions: for a customer who has neither a number nor an address.

use serde_json::{Value, json};

use crate::harness::{TestLethe, each_store};

const NUMBER: &str = "+4791827364";
const OTHER: &str = "+4740506071";
const NICKNAME: &str = "Blue Panther";
const ALL: [&str; 3] = ["archive", "sms_survey", "raw_data"];

async fn record(lethe: &TestLethe, id: &str, day: u32, customer: Value) -> String {
    let record = json!({ "external_id": id, "channel": "chat", "started_at": format!("2026-02-{day:02}T10:00:00Z"),
        "customer": customer, "attributes": { "note": format!("{NICKNAME} or {NUMBER}") } });
    lethe.record(&record).await;
    item(lethe, id).await["id"].as_str().unwrap().to_owned()
}

async fn item(lethe: &TestLethe, external_id: &str) -> Value {
    let all = lethe.caller("dpo").all("/archive/search", &json!({})).await;
    all.into_iter().find(|item| item["external_id"] == external_id).expect(external_id)
}

fn chatter() -> Value {
    json!({ "name": NICKNAME })
}

fn nobody() -> Value {
    json!({ "phone_number": null, "email": null, "name": null })
}

async fn upload(lethe: &TestLethe, interaction: &str, text: &str) -> String {
    let path = format!("/archive/interactions/{interaction}/content?kind=chat_log");
    let item = lethe.caller("integration").post_raw(&path, "text/plain", text).await.expect(201).json();
    format!("/archive/content/{}/download?view=identified", item["id"].as_str().unwrap())
}

each_store!(a_chatter_who_has_only_a_nickname_is_forgotten_by_their_interaction, |lethe: TestLethe| async move {
    let officer = lethe.caller("dpo");
    let nick = record(&lethe, "nick", 10, chatter()).await;
    record(&lethe, "namesake", 10, chatter()).await;
    let call = record(&lethe, "call", 11, json!({ "phone_number": NUMBER, "name": "Kari Nordmann" })).await;
    record(&lethe, "again", 12, json!({ "phone_number": NUMBER, "email": "kari@example.net" })).await;
    record(&lethe, "later", 20, json!({ "phone_number": NUMBER })).await;
    let survey = json!({ "external_id": "s", "answered_at": "2026-02-11T11:00:00Z", "phone_number": NUMBER });
    lethe.ingest("survey-responses", survey.to_string()).await;
    let chat = upload(&lethe, &nick, "Blue Panther: hello\nBlue Panther: bye").await;

    let body = json!({ "interaction_ids": [call, nick, call], "to_date": "2026-02-15", "targets": ALL });
    let preview = officer.post("/anonymize-requests/preview", &body).await.expect(200).json();
    let hits = |target: &str| preview["targets"][target]["records"].clone();
    // The note of the chat of a namesake mentions the number.
    assert_eq!([hits("archive"), hits("sms_survey"), hits("raw_data")], [json!(4), json!(1), json!(0)]);
    assert_eq!(preview["content"], json!({ "chat_log": 1 }));
    let entered = lethe.enter_request(&body).await;
    let mut named = vec![nick.clone(), call.clone()];
    named.sort();
    assert_eq!((&entered["interaction_ids"], &entered["interaction_count"]), (&json!(named), &json!(2)));
    assert_eq!((&entered["phone_number"], &entered["email"]), (&Value::Null, &Value::Null));
    let dry = lethe.run(&["job", "nightly", "--as-of", "2026-02-16T02:00:00Z", "--dry-run", "--json"]).await.well();
    assert!(dry.stdout.contains(r#""selected":{"archive":4,"sms_survey":1,"raw_data":0}"#), "{}", dry.stdout);

    lethe.night("2026-02-16T02:00:00Z").await.well();
    let done = lethe.request(&entered["id"]).await.expect(200).json();
    assert_eq!(
        (&done["status"], &done["interaction_ids"], &done["interaction_count"]),
        (&json!("done"), &json!([]), &json!(2))
    );
    assert_eq!(done["result"]["archive"], json!({ "anonymized": 4 }));
    assert_eq!(done["result"]["sms_survey"], json!({ "anonymized": 1 }));
    let gone = item(&lethe, "nick").await;
    assert_eq!(gone["customer"], json!({ "phone_number": null, "email": null, "name": "Anonymized" }));
    assert_eq!(gone["attributes"]["note"], "Anonymized or Anonymized");
    assert_eq!(item(&lethe, "namesake").await["customer"]["name"], NICKNAME);
    assert_eq!(item(&lethe, "call").await["customer"]["phone_number"], "Anonymized");
    assert_eq!(item(&lethe, "again").await["customer"]["email"], "Anonymized");
    assert_eq!(item(&lethe, "later").await["customer"]["phone_number"], NUMBER);
    let shown = officer.get(&chat).await.expect(200).text;
    assert!(shown.contains("Anonymized: hello") && !shown.contains("Panther"), "{shown}");
    let audit = officer.get("/audit-events?limit=200").await.expect(200).text;
    assert!(!audit.contains(NUMBER) && !audit.contains(NICKNAME), "{audit}");

    // A forgotten chatter stays forgotten, and late data of the caller arrive forgotten.
    record(&lethe, "nick", 10, chatter()).await;
    assert_eq!(item(&lethe, "nick").await["customer"]["name"], "Anonymized");
    record(&lethe, "late", 13, json!({ "phone_number": NUMBER })).await;
    assert_eq!(item(&lethe, "late").await["customer"]["phone_number"], "Anonymized");

    // To name it again selects nothing more.
    let body = json!({ "interaction_ids": [nick], "targets": ["archive"] });
    let preview = officer.post("/anonymize-requests/preview", &body).await.expect(200).json();
    assert_eq!(preview["targets"]["archive"]["records"], 0);
    assert_eq!(preview["warnings"][0]["code"], "nothing_found");
});

each_store!(the_ids_of_a_request_are_checked_and_changed_as_its_other_fields_are, |lethe: TestLethe| async move {
    let officer = lethe.caller("dpo");
    let nick = record(&lethe, "nick", 10, chatter()).await;
    let call = record(&lethe, "call", 11, json!({ "phone_number": NUMBER })).await;
    lethe.run(&["tenant", "create", "acme"]).await.well();
    let foreign = lethe.caller_of("acme", "dpo", "eva");
    let unknown = "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11";
    let with = |ids: Value| json!({ "interaction_ids": ids, "targets": ["archive"] });
    let many: Vec<_> = (0..1_001).map(|_| nick.clone()).collect();
    for (ids, mistakes) in [
        (json!([nick, unknown, "x", call]), &["/interaction_ids/1 not_found", "/interaction_ids/2 not_found"][..]),
        (json!(many), &["/interaction_ids too_many"]),
        (json!([]), &["/phone_number identifier_missing"]),
        (json!(null), &["/phone_number identifier_missing"]),
        (json!(nick), &["/interaction_ids type"]),
    ] {
        for path in ["/anonymize-requests", "/anonymize-requests/preview"] {
            assert_eq!(officer.post(path, &with(ids.clone())).await.expect(422).mistakes(), mistakes, "{path} {ids}");
        }
    }
    let other = foreign.post("/anonymize-requests", &with(json!([nick]))).await.expect(422);
    assert_eq!(other.mistakes(), ["/interaction_ids/0 not_found"]);

    let entered = officer.post("/anonymize-requests", &with(json!([nick]))).await.expect(201);
    let path = format!("/anonymize-requests/{}", entered.json()["id"].as_str().unwrap());
    let same = officer.patch(&path, &entered.etag(), &json!({ "interaction_ids": [nick, nick] })).await.expect(200);
    assert_eq!(same.json()["version"], 1);
    let refused = officer.patch(&path, "*", &json!({ "interaction_ids": null })).await.expect(422);
    assert_eq!(refused.mistakes(), ["/phone_number identifier_missing"]);
    let refused = officer.patch(&path, "*", &json!({ "interaction_ids": [unknown] })).await.expect(422);
    assert_eq!(refused.mistakes(), ["/interaction_ids/0 not_found"]);
    let changed = officer.patch(&path, "*", &json!({ "interaction_ids": [call] })).await.expect(200).json();
    assert_eq!((&changed["interaction_ids"], &changed["version"]), (&json!([call]), &json!(2)));
    let cleared = json!({ "interaction_ids": null, "phone_number": OTHER });
    let cleared = officer.patch(&path, "*", &cleared).await.expect(200).json();
    assert_eq!((&cleared["interaction_ids"], &cleared["interaction_count"]), (&json!([]), &json!(0)));

    let batch = json!({
        "create": [with(json!([call])), with(json!([unknown]))],
        "update": [{ "id": cleared["id"], "version": 3, "interaction_ids": [nick, "y"] }],
    });
    let refused = officer.post("/anonymize-requests/batch", &batch).await.expect(422);
    assert_eq!(refused.mistakes(), ["/create/1/interaction_ids/0 not_found", "/update/0/interaction_ids/1 not_found"]);
    let batch = json!({
        "create": [with(json!([call]))],
        "update": [{ "id": cleared["id"], "version": 3, "interaction_ids": [nick] }],
    });
    let saved = officer.post("/anonymize-requests/batch", &batch).await.expect(200).json();
    assert_eq!(saved["created"][0]["interaction_ids"], json!([call]));
    assert_eq!(saved["updated"][0]["interaction_ids"], json!([nick]));
    let listed = officer.get("/anonymize-requests").await.expect(200).json();
    assert_eq!(listed["items"][0]["interaction_ids"], json!([call]));
    officer.delete(&path, "*").await.expect(204);
    let audit = officer.get("/audit-events?limit=200").await.expect(200).json();
    let members = audit["items"].as_array().unwrap().iter().filter_map(|event| event["detail"].get("members"));
    let members: Vec<_> = members.cloned().collect();
    assert!(members.contains(&json!(["interaction_ids"])), "{members:?}");
});

each_store!(a_request_means_the_customer_that_its_interaction_had_at_entry, |lethe: TestLethe| async move {
    let call = record(&lethe, "call", 11, json!({ "phone_number": NUMBER })).await;
    record(&lethe, "again", 12, json!({ "phone_number": NUMBER })).await;
    record(&lethe, "other", 12, json!({ "phone_number": OTHER })).await;
    let empty = record(&lethe, "empty", 12, json!({})).await;
    upload(&lethe, &empty, "hello").await;
    let body = |ids: Value| json!({ "interaction_ids": ids, "to_date": "2026-02-15", "targets": ["archive"], "delete_content": true });
    let entered = lethe.enter_request(&body(json!([call, empty]))).await;
    let second = lethe.enter_request(&body(json!([call]))).await;
    record(&lethe, "call", 11, json!({ "phone_number": OTHER })).await;
    lethe.night("2026-02-16T02:00:00Z").await.well();
    // The interaction itself, the records of its customer at entry, and no other record of the customer that it has now.
    assert_eq!(item(&lethe, "call").await["customer"]["phone_number"], "Anonymized");
    assert_eq!(item(&lethe, "again").await["customer"]["phone_number"], "Anonymized");
    assert_eq!(item(&lethe, "other").await["customer"]["phone_number"], OTHER);
    let done = lethe.request(&entered["id"]).await.expect(200).json();
    // The note of `other` mentions the number.
    assert_eq!(done["result"], json!({ "archive": { "anonymized": 4 }, "content": { "deleted": 1, "anonymized": 0 } }));
    let done = lethe.request(&second["id"]).await.expect(200).json();
    assert_eq!(done["result"]["archive"], json!({ "anonymized": 4 }));
    // A customer who arrives late in an interaction that was named arrives forgotten.
    assert_eq!(
        item(&lethe, "empty").await["customer"],
        json!({ "phone_number": null, "email": null, "name": "Anonymized" })
    );
    record(&lethe, "empty", 12, chatter()).await;
    assert_eq!(item(&lethe, "empty").await["customer"]["name"], "Anonymized");
    assert_ne!(item(&lethe, "empty").await["customer"], nobody());
});
