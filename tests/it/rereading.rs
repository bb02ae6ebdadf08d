//! Texts that are stored before their customer is known. Afterwards nobody sees the customer in them, and a pass forgets it.

use serde_json::{Value, json};

use crate::harness::{Caller, Needles, TestLethe, each_store};

const NUMBER: &str = "+4791827364";
const ADDRESS: &str = "canary.bird@example.net";
const NAME: &str = "Kanari Fuglesang";
const NIGHT: &str = "2026-02-16T02:00:00Z";
const NEXT: &str = "2026-02-17T02:00:00Z";

fn needles() -> Needles {
    Needles::new(["Kanari ", ", Kanari", "Fuglesang", "9&1&8&2", "91827364"])
}

/// A chat of 10 February, with or without its customer.
async fn chat(lethe: &TestLethe, external_id: &str, customer: Value) {
    lethe
        .record(&json!({ "external_id": external_id, "channel": "chat", "started_at": "2026-02-10T10:00:00Z",
            "customer": customer }))
        .await;
}

fn kanari() -> Value {
    json!({ "phone_number": NUMBER, "email": ADDRESS, "name": NAME })
}

/// Texts in every format, in which nothing but the customer's own name and number identifies anybody.
async fn texts(lethe: &TestLethe, external_id: &str) -> Vec<Value> {
    let path = format!("/archive/interactions/{}/content", lethe.call_of(external_id).await.id);
    let turns = json!([{ "speaker": NAME, "text": "Hei" }, { "speaker": "agent", "text": "Takk, Kanari" }]).to_string();
    let cues = format!("WEBVTT\n\n00:01.000 --> 00:02.000\n<v {NAME}>Fuglesang her\n");
    let note = format!("{NAME} ringte, 9&1&8&2&7&3&6&4, spør ola@example.net");
    let mut items = Vec::new();
    for (kind, media_type, text) in
        [("chat_log", "application/json", turns), ("transcript", "text/vtt", cues), ("comment", "text/plain", note)]
    {
        let sent = lethe.caller("integration").post_raw(&format!("{path}?kind={kind}"), media_type, text).await;
        items.push(sent.expect(201).json());
    }
    items
}

async fn shown(caller: &Caller, item: &Value, view: &str) -> String {
    let path = format!("/archive/content/{}/download?view={view}", item["id"].as_str().unwrap());
    caller.get(&path).await.expect(200).text
}

async fn forget(lethe: &TestLethe, more: Value) -> Value {
    let mut request = json!({ "phone_number": NUMBER, "to_date": "2026-02-15", "targets": ["archive"] });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    lethe.enter_request(&request).await
}

fn ids(items: &[Value]) -> Vec<&Value> {
    items.iter().map(|item| &item["id"]).collect()
}

each_store!(who_is_learned_late_is_shown_by_view_from_then_on, |lethe: TestLethe| async move {
    chat(&lethe, "c", Value::Null).await;
    let items = texts(&lethe, "c").await;
    let officer = lethe.caller("dpo");
    assert!(shown(&officer, &items[2], "anonymized").await.starts_with(NAME), "nobody knows whose name it is");
    chat(&lethe, "c", kanari()).await;

    for item in &items {
        needles().absent_from("the anonymized view", shown(&officer, item, "anonymized").await.as_bytes());
        needles().absent_from("the pseudonymous view", shown(&officer, item, "pseudonymous").await.as_bytes());
    }
    let comment = format!("{NAME} ringte, {NUMBER}, spør ola@example.net");
    assert_eq!(shown(&officer, &items[2], "identified").await, comment);
    let turns: Value = serde_json::from_str(&shown(&officer, &items[0], "identified").await).unwrap();
    assert_eq!(turns[1]["text"], format!("Takk, {NAME}"));

    let listed = officer.get(&format!("/archive/interactions/{}/content", lethe.call_of("c").await.id)).await;
    let listed = listed.expect(200).json()["items"].as_array().unwrap().clone();
    let mut listed_ids = ids(&listed);
    listed_ids.sort_by_key(|id| ids(&items).iter().position(|known| known == id));
    assert_eq!(listed_ids, ids(&items), "they are called what they were called");
    assert!(listed.iter().all(|item| item["sha256"].is_null()), "a short text can be guessed from its digest");
    let dump = lethe.dump().await;
    assert_eq!((lethe.objects().len(), dump.rows("vault.content_keys").len()), (3, 3), "of before nothing is left");
    let before = shown(&officer, &items[1], "pseudonymous").await;
    chat(&lethe, "c", kanari()).await;
    assert_eq!(shown(&officer, &items[1], "pseudonymous").await, before);
    assert_eq!(lethe.dump().await.rows("contents"), dump.rows("contents"), "the same customer again is nothing new");

    let path = format!("/archive/content/{}", items[0]["id"].as_str().unwrap());
    lethe.caller("admin").delete(&path, "*").await.expect(204);
    officer.get(&path).await.expect(404);
    assert_eq!(lethe.objects().len(), 2);
});

each_store!(many_who_read_at_once_see_nobody, |lethe: TestLethe| async move {
    let reader = lethe.caller("dpo");
    for round in 0..6 {
        let external_id = format!("c{round}");
        chat(&lethe, &external_id, Value::Null).await;
        let items = texts(&lethe, &external_id).await;
        chat(&lethe, &external_id, kanari()).await;
        let readings = (0..20).flat_map(|_| &items).map(|item| shown(&reader, item, "anonymized"));
        for text in futures_util::future::join_all(readings).await {
            needles().absent_from("the anonymized view", text.as_bytes());
        }
    }
});

each_store!(a_text_that_is_deleted_while_it_is_read_again_is_gone, |lethe: TestLethe| async move {
    let officer = lethe.caller("admin");
    for round in 0..10 {
        let external_id = format!("c{round}");
        chat(&lethe, &external_id, Value::Null).await;
        let items = texts(&lethe, &external_id).await;
        chat(&lethe, &external_id, kanari()).await;
        let path = format!("/archive/content/{}", items[2]["id"].as_str().unwrap());
        let download = format!("{path}/download?view=anonymized");
        let (_, deleted) = tokio::join!(officer.get(&download), officer.delete(&path, "*"));
        deleted.expect(204);
        officer.get(&path).await.expect(404);
    }
});

each_store!(a_list_that_is_read_while_texts_are_read_again_has_each_once, |lethe: TestLethe| async move {
    chat(&lethe, "c", Value::Null).await;
    let mut items = Vec::new();
    for _ in 0..4 {
        items.extend(texts(&lethe, "c").await);
    }
    chat(&lethe, "c", kanari()).await;
    let (officer, mut listed, mut cursor) = (lethe.caller("dpo"), Vec::new(), String::new());
    let path = format!("/archive/interactions/{}/content?limit=3", lethe.call_of("c").await.id);
    loop {
        let page = officer.get(&format!("{path}{cursor}")).await.expect(200).json();
        let ids: Vec<Value> = page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
        listed.extend(ids);
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
        for item in &items {
            shown(&officer, item, "anonymized").await;
        }
    }
    listed.sort_by_key(ToString::to_string);
    let mut sent: Vec<Value> = items.iter().map(|item| item["id"].clone()).collect();
    sent.sort_by_key(ToString::to_string);
    assert_eq!(listed, sent);
});

each_store!(a_name_that_comes_after_its_customer_was_forgotten_is_cut_too, |lethe: TestLethe| async move {
    chat(&lethe, "c", json!({ "phone_number": NUMBER })).await;
    let items = texts(&lethe, "c").await;
    forget(&lethe, json!({})).await;
    lethe.night(NIGHT).await.well();
    chat(&lethe, "c", kanari()).await;
    for item in &items {
        let text = shown(&lethe.caller("dpo"), item, "identified").await;
        needles().absent_from("a text of a forgotten customer", text.as_bytes());
    }
    lethe.night(NEXT).await.well();
    assert_eq!(lethe.dump().await.rows("vault.identifiers").len(), 1, "only Ola is left");
});

each_store!(a_text_of_many_speakers_is_read_again_for_a_forgotten_customer, |lethe: TestLethe| async move {
    chat(&lethe, "a", kanari()).await;
    forget(&lethe, json!({})).await;
    lethe.night(NIGHT).await.well();
    chat(&lethe, "c", Value::Null).await;
    let speakers =
        (0..150).map(|no| format!("{} Olsen: Kanari her, {NAME}\n", letters(no))).collect::<Vec<_>>().concat();
    let path = format!("/archive/interactions/{}/content?kind=chat_log", lethe.call_of("c").await.id);
    let item = lethe.caller("integration").post_raw(&path, "text/plain", speakers).await.expect(201).json();
    chat(&lethe, "c", kanari()).await;
    needles().absent_from("the text", shown(&lethe.caller("dpo"), &item, "identified").await.as_bytes());
});

fn letters(no: u8) -> String {
    [b'A' + no / 26, b'a' + no % 26, b'a'].iter().map(|letter| char::from(*letter)).collect()
}

each_store!(who_is_learned_late_is_forgotten_in_the_texts, |lethe: TestLethe| async move {
    chat(&lethe, "c", json!({ "email": "ola@example.net" })).await;
    let items = texts(&lethe, "c").await;
    let before = lethe.objects();
    chat(&lethe, "c", kanari()).await;
    let entered = forget(&lethe, json!({})).await;
    let night = lethe.night(NIGHT).await.well();
    let report: Value = serde_json::from_str(night.stdout.trim()).unwrap();
    assert_eq!((&report["texts_reread"], &report["texts_anonymized"]), (&json!(3), &json!(3)));
    for item in &items {
        let text = shown(&lethe.caller("dpo"), item, "identified").await;
        needles().absent_from("a text of a forgotten customer", text.as_bytes());
    }
    let done = lethe.request(&entered["id"]).await.json();
    assert_eq!(done["result"]["content"], json!({ "deleted": 0, "anonymized": 3 }));
    let dump = lethe.dump().await;
    assert!(lethe.objects().is_disjoint(&before), "what names the customer is gone");
    assert_eq!((lethe.objects().len(), dump.rows("vault.content_keys").len()), (3, 3));
    assert_eq!(dump.rows("rescans").len(), 0);
    let kinds: Vec<_> = dump.rows("vault.identifiers").iter().map(|row| row["kind"].clone()).collect();
    assert_eq!(kinds, [Some("email".to_owned())], "only Ola is left, whom the comment mentions");
});

each_store!(who_comes_back_after_being_forgotten_leaves_the_texts_too, |lethe: TestLethe| async move {
    chat(&lethe, "a", kanari()).await;
    forget(&lethe, json!({})).await;
    lethe.night(NIGHT).await.well();
    for external_id in ["read", "unread"] {
        chat(&lethe, external_id, Value::Null).await;
    }
    let (read, unread) = (texts(&lethe, "read").await, texts(&lethe, "unread").await);
    for external_id in ["read", "unread"] {
        chat(&lethe, external_id, kanari()).await;
    }
    let officer = lethe.caller("dpo");
    for item in &read {
        needles().absent_from("a text that is read at once", shown(&officer, item, "identified").await.as_bytes());
    }
    assert_eq!(lethe.find(&json!({ "phone_number": NUMBER })).await, Vec::<String>::new());
    lethe.night(NEXT).await.well();
    for item in read.iter().chain(&unread) {
        needles().absent_from("a text after the pass", shown(&officer, item, "identified").await.as_bytes());
    }
    assert!(shown(&officer, &unread[2], "anonymized").await.starts_with("Anonymized ringte, Anonymized, "));
    let dump = lethe.dump().await;
    assert_eq!((dump.rows("rescans").len(), dump.rows("vault.identifiers").len()), (0, 0));
});

each_store!(a_text_that_cannot_be_read_again_keeps_its_customer_waiting, |lethe: TestLethe| async move {
    chat(&lethe, "c", Value::Null).await;
    let items = texts(&lethe, "c").await;
    chat(&lethe, "c", kanari()).await;
    let object = lethe.object_of(&items[0]);
    let (folder, aside) = (lethe.objects_folder(), lethe.data_folder().join("not mounted"));
    std::fs::rename(&folder, &aside).unwrap();
    let entered = forget(&lethe, json!({})).await;
    let night = lethe.night(NIGHT).await;
    assert_eq!(night.code(), Some(2), "a request is left waiting");
    let waiting = lethe.request(&entered["id"]).await.json();
    assert_eq!((&waiting["status"], &waiting["last_error"]), (&json!("waiting"), &json!("content_store_unavailable")));
    assert_eq!(lethe.find(&json!({ "phone_number": NUMBER })).await, ["c"], "nothing is half done");

    std::fs::rename(&aside, &folder).unwrap();
    let lost = object.with_extension("lost");
    std::fs::rename(&object, &lost).unwrap();
    let night = lethe.night(NEXT).await.well();
    let report: Value = serde_json::from_str(night.stdout.trim()).unwrap();
    assert_eq!((&report["texts_reread"], &report["requests_done"]), (&json!(2), &json!(1)), "a lost text keeps nobody");
    let read = format!("/archive/content/{}/download", items[0]["id"].as_str().unwrap());
    assert_eq!(lethe.caller("dpo").get(&read).await.problem(503), "unavailable");
    std::fs::rename(&lost, &object).unwrap();
    let found = shown(&lethe.caller("dpo"), &items[0], "identified").await;
    needles().absent_from("a text that came back after its customer had gone", found.as_bytes());
    lethe.night("2026-02-18T02:00:00Z").await.well();
    assert_eq!(lethe.dump().await.rows("vault.identifiers").len(), 1, "only Ola is left");
});

each_store!(texts_and_customers_may_come_at_once, |lethe: TestLethe| async move {
    chat(&lethe, "c", Value::Null).await;
    let learn = async {
        for no in 0..10 {
            let name = if no % 2 == 0 { json!({ "name": NAME }) } else { kanari() };
            chat(&lethe, "c", name).await;
        }
    };
    let write = async {
        let mut items = Vec::new();
        for _ in 0..4 {
            items.extend(texts(&lethe, "c").await);
        }
        items
    };
    let ((), items) = tokio::join!(learn, write);
    let reader = lethe.caller("dpo");
    let readings = items.iter().chain(&items).map(|item| shown(&reader, item, "anonymized"));
    for text in futures_util::future::join_all(readings).await {
        needles().absent_from("the anonymized view", text.as_bytes());
    }
    forget(&lethe, json!({})).await;
    lethe.night(NIGHT).await.well();
    let dump = lethe.dump().await;
    assert_eq!((lethe.objects().len(), dump.rows("vault.content_keys").len()), (12, 12));
    assert_eq!(dump.rows("vault.identifiers").len(), 1, "only Ola is left");
});

each_store!(a_name_of_before_goes_with_its_customer, |lethe: TestLethe| async move {
    let before = [
        json!({ "email": ADDRESS, "name": NAME }),
        json!({ "phone_number": "+4740506071", "name": NAME }),
        json!({ "name": NAME }),
    ];
    let mut items = Vec::new();
    for customer in before {
        chat(&lethe, "c", customer).await;
        items.extend(texts(&lethe, "c").await);
    }
    chat(&lethe, "c", json!({ "phone_number": NUMBER, "name": "Kanari Fuglesang-Nyby" })).await;
    let entered = forget(&lethe, json!({})).await;
    lethe.night(NIGHT).await.well();
    for item in &items {
        let text = shown(&lethe.caller("dpo"), item, "identified").await;
        needles().absent_from("a text of a customer of before", text.as_bytes());
    }
    let done = lethe.request(&entered["id"]).await.json();
    assert_eq!(done["result"]["content"], json!({ "deleted": 0, "anonymized": 9 }));
});
