//! Hidden customers: a waiting request and a legal hold let readers see what they will see after the pass. The drift
//! between a preview and the pass.

use serde_json::{Value, json};

use crate::harness::{Answer, TestLethe, each_store};

const KARI: &str = "+4791827364";
const OLA: &str = "+4740506071";
const NIGHT: &str = "2026-02-16T02:00:00Z";

async fn call(lethe: &TestLethe, id: &str, day: u32, customer: Value, note: &str) -> String {
    let record = json!({ "external_id": id, "channel": "call", "started_at": format!("2026-02-{day:02}T10:00:00Z"),
        "customer": customer, "attributes": { "note": note } });
    lethe.record(&record).await;
    let at = |second: u32| format!("2026-02-{day:02}T10:00:0{second}Z");
    let found = lethe.search(&json!({ "from": at(0), "to": at(1) })).await;
    found["items"][0]["id"].as_str().unwrap().to_owned()
}

async fn chat(lethe: &TestLethe, interaction: &str, text: &str) -> String {
    let path = format!("/archive/interactions/{interaction}/content?kind=chat_log");
    let item = lethe.caller("integration").post_raw(&path, "text/plain", text).await.expect(201).json();
    format!("/archive/content/{}/download?view=identified", item["id"].as_str().unwrap())
}

async fn set_hiding(lethe: &TestLethe, is_hiding: bool) {
    lethe.caller("admin").patch("/tenant", "*", &json!({ "hide_waiting": is_hiding })).await.expect(200);
}

/// All records and texts as a reader of identifiers sees them, without the flag that only a pass sets.
async fn seen(lethe: &TestLethe, calls: &[String], texts: &[String]) -> Vec<Value> {
    let dpo = lethe.caller("dpo");
    let mut all = Vec::new();
    for path in ["/archive/search", "/archive/survey-responses/search", "/archive/raw-events/search"] {
        all.extend(dpo.all(path, &json!({})).await);
    }
    for call in calls {
        all.push(dpo.get(&format!("/archive/interactions/{call}")).await.expect(200).json());
    }
    for one in &mut all {
        one.as_object_mut().unwrap().remove("anonymized");
    }
    for text in texts {
        all.push(json!(dpo.get(text).await.expect(200).text));
    }
    all
}

each_store!(a_waiting_request_shows_what_the_pass_will_leave, |lethe: TestLethe| async move {
    let dpo = lethe.caller("dpo");
    let customer = json!({ "phone_number": KARI, "email": "kari@example.net", "name": "Kari Nordmann" });
    let note = format!("Kari Nordmann has {KARI}, not {OLA}");
    let calls = [
        call(&lethe, &format!("cdr-{KARI}"), 10, customer.clone(), &note).await,
        call(&lethe, "later", 20, customer, &note).await,
        call(&lethe, "ola", 11, json!({ "phone_number": OLA, "name": "Ola Hansen" }), &format!("for {KARI}")).await,
    ];
    let texts = [
        chat(&lethe, &calls[0], &format!("Kari Nordmann: call {KARI} or {OLA}")).await,
        chat(&lethe, &calls[2], &format!("Ola Hansen: who is {KARI}?")).await,
    ];
    let survey = json!({ "external_id": "s", "answered_at": "2026-02-11T11:00:00Z", "phone_number": KARI, "score": 9 });
    lethe.ingest("survey-responses", survey.to_string()).await;
    let event =
        json!({ "external_id": "e", "occurred_at": "2026-02-11T11:00:00Z", "event": "ring", "phone_number": KARI });
    lethe.ingest("raw-events", event.to_string()).await;
    let pseudonyms = lethe.caller("analyst").post("/archive/search", &json!({ "external_id": "later" })).await;
    let token = |field: &str| pseudonyms.json()["items"][0]["customer"][field].clone();
    let searches = [
        json!({ "phone_number": KARI }),
        json!({ "email": "kari@example.net" }),
        json!({ "token": token("phone_number") }),
        json!({ "token": token("name") }),
    ];
    let found = async |path: &str, body: &Value| -> Vec<Value> {
        dpo.all(path, body).await.iter().map(|item| item["external_id"].clone()).collect()
    };
    let open = seen(&lethe, &calls, &texts).await;

    set_hiding(&lethe, true).await;
    assert_eq!(seen(&lethe, &calls, &texts).await, open);
    let request = json!({ "phone_number": KARI, "to_date": "2026-02-15", "targets": ["archive", "sms_survey"] });
    let entered = lethe.enter_request(&request).await;
    for body in &searches {
        assert_eq!(found("/archive/search", body).await, ["later"], "{body}");
    }
    let by_number = json!({ "phone_number": KARI });
    assert_eq!(found("/archive/survey-responses/search", &by_number).await, [""; 0]);
    assert_eq!(found("/archive/raw-events/search", &by_number).await, ["e"]);
    assert_eq!(lethe.find(&json!({ "phone_number": OLA })).await, ["ola"]);
    let hidden = seen(&lethe, &calls, &texts).await;
    assert_ne!(hidden, open);
    let preview = dpo.post("/anonymize-requests/preview", &request).await.expect(200).json();
    assert_eq!(preview["targets"]["archive"]["records"], 2);

    // The setting decides at once, and so does a cancellation.
    set_hiding(&lethe, false).await;
    assert_eq!(seen(&lethe, &calls, &texts).await, open);
    set_hiding(&lethe, true).await;
    assert_eq!(seen(&lethe, &calls, &texts).await, hidden);
    let path = format!("/anonymize-requests/{}", entered["id"].as_str().unwrap());
    dpo.delete(&path, "\"1\"").await.expect(204);
    assert_eq!(seen(&lethe, &calls, &texts).await, open);

    // A request that names the interaction of the customer hides the same.
    let mut by_call = request.clone();
    by_call["phone_number"] = json!(null);
    by_call["interaction_ids"] = json!([calls[0]]);
    lethe.enter_request(&by_call).await;
    assert_eq!(found("/archive/search", &searches[1]).await, ["later"]);
    assert_eq!(seen(&lethe, &calls, &texts).await, hidden);
    lethe.night(NIGHT).await.well();
    assert_eq!(seen(&lethe, &calls, &texts).await, hidden);
    assert_eq!(found("/archive/search", &searches[0]).await, ["later"]);
});

each_store!(a_hold_can_hide_its_customer_at_any_time, |lethe: TestLethe| async move {
    let dpo = lethe.caller("dpo");
    let customer = || json!({ "phone_number": KARI, "email": "kari@example.net" });
    let calls = [
        call(&lethe, "kari", 10, customer(), "").await,
        call(&lethe, "later", 20, customer(), "").await,
        call(&lethe, "mail", 21, json!({ "email": "kari@example.net" }), "").await,
        call(&lethe, "ola", 11, json!({ "phone_number": OLA }), &format!("for {KARI}")).await,
    ];
    let open = seen(&lethe, &calls, &[]).await;
    let hold = json!({ "phone_number": KARI, "ground": "18(1)(b)", "reference": "case 7", "review_on": "2036-08-03",
        "hide": true });
    let placed = dpo.post("/holds", &hold).await.expect(201).json();
    assert_eq!(lethe.find(&json!({ "phone_number": KARI })).await, [""; 0]);
    // A record with the address alone is another customer's, as for a request.
    assert_eq!(lethe.find(&json!({ "email": "kari@example.net" })).await, ["mail"]);
    let hidden = seen(&lethe, &calls, &[]).await;
    let of = |id: &str| hidden.iter().find(|one| one["external_id"] == id).unwrap().clone();
    assert_eq!(of("later")["customer"]["email"], "Anonymized");
    assert_eq!(of("ola")["attributes"]["note"], "for Anonymized");

    // The preview sees through, and counts held records for callers who may place holds.
    let request = json!({ "phone_number": KARI, "to_date": "2026-02-15", "targets": ["archive"], "preview": true });
    let preview = async |role: &str| {
        lethe.caller(role).post("/anonymize-requests/preview", &request).await.expect(200).json()["held"].clone()
    };
    assert_eq!((preview("dpo").await, preview("integration,supervisor").await), (json!(2), json!(null)));
    let entered = lethe.enter_request(&request).await;
    assert_eq!((&entered["held"], &entered["preview"]), (&json!(2), &json!({ "archive": 2 })));
    let path = format!("/anonymize-requests/{}", entered["id"].as_str().unwrap());
    assert_eq!(lethe.caller("integration").get(&path).await.expect(200).json()["held"], json!(null));
    let refused = lethe.caller("integration").post("/anonymize-requests", &request).await;
    assert_eq!(refused.problem(403), "forbidden");
    let batch = json!({ "create": [request] });
    assert_eq!(lethe.caller("integration").post("/anonymize-requests/batch", &batch).await.problem(403), "forbidden");
    let saved = dpo.post("/anonymize-requests/batch", &batch).await.expect(200).json()["created"][0].clone();
    assert_eq!(saved["preview"], json!({ "archive": 2 }));
    let of_batch = format!("/anonymize-requests/{}", saved["id"].as_str().unwrap());
    dpo.delete(&of_batch, "\"1\"").await.expect(204);

    let hold = format!("/holds/{}", placed["id"].as_str().unwrap());
    Answer::of(dpo.call("DELETE", &hold)).await.expect(204);
    assert_eq!(seen(&lethe, &calls, &[]).await, open);
    // A record that arrives after the entry is the drift between the preview and the pass.
    call(&lethe, "drift", 12, customer(), "").await;
    let waiting = dpo.get(&path).await.expect(200).json();
    assert_eq!((&waiting["held"], &waiting["preview"]), (&json!(null), &json!({ "archive": 2 })));
    lethe.night(NIGHT).await.well();
    let done = dpo.get(&path).await.expect(200).json();
    assert_eq!(done["result"], json!({ "archive": { "anonymized": 3 }, "preview": { "archive": 2 } }));
    assert_eq!((&done["held"], &done["preview"]), (&json!(null), &json!({ "archive": 2 })));
});

each_store!(a_reveal_opens_nothing_of_a_hidden_customer, |lethe: TestLethe| async move {
    let dpo = lethe.caller("dpo");
    let customer = json!({ "phone_number": KARI, "email": "kari@example.net", "name": "Kari Nordmann" });
    call(&lethe, "kari", 10, customer, "").await;
    call(&lethe, "ola", 11, json!({ "phone_number": OLA }), "").await;
    let found = lethe.caller("analyst").all("/archive/search", &json!({})).await;
    let token = |id: &str, field: &str| {
        found.iter().find(|record| record["external_id"] == id).unwrap()["customer"][field].clone()
    };
    let tokens =
        [token("kari", "phone_number"), token("kari", "email"), token("kari", "name"), token("ola", "phone_number")];
    let reveal = dpo.post("/reveals", &json!({ "tokens": tokens, "purpose": "call back" })).await.expect(201).json();
    let path = format!("/reveals/{}/open", reveal["id"].as_str().unwrap());
    let open = async || -> Vec<String> {
        let opened = dpo.post(&path, &json!({})).await.expect(200).json();
        let told = |item: &Value| item.get("value").or(item.get("code")).unwrap().as_str().unwrap().to_owned();
        opened["items"].as_array().unwrap().iter().map(told).collect()
    };
    let values = [KARI, "kari@example.net", "Kari Nordmann", OLA];
    let hidden = ["forgotten", "forgotten", "forgotten", OLA];
    let request = json!({ "phone_number": KARI, "to_date": "2026-02-15", "targets": ["archive"] });
    let entered = lethe.enter_request(&request).await;
    assert_eq!(open().await, values);
    set_hiding(&lethe, true).await;
    assert_eq!(open().await, hidden);

    // Nothing of it is stored. So a cancellation ends it, and so does the release of a hold.
    let request = format!("/anonymize-requests/{}", entered["id"].as_str().unwrap());
    dpo.delete(&request, "\"1\"").await.expect(204);
    assert_eq!(open().await, values);
    let hold = json!({ "phone_number": KARI, "ground": "18(1)(b)", "reference": "case 7", "review_on": "2036-08-03",
        "hide": true });
    let placed = dpo.post("/holds", &hold).await.expect(201).json();
    assert_eq!(open().await, hidden);
    Answer::of(dpo.call("DELETE", &format!("/holds/{}", placed["id"].as_str().unwrap()))).await.expect(204);
    assert_eq!(open().await, values);
});

each_store!(a_hidden_call_is_not_found_by_an_id_that_contains_its_customer, |lethe: TestLethe| async move {
    let (sender, named) = (lethe.caller("integration"), format!("call-{KARI}"));
    let id = call(&lethe, &named, 10, json!({ "phone_number": KARI }), "").await;
    let plain = call(&lethe, "plain", 10, json!({ "phone_number": KARI }), "").await;
    let survey = json!({ "external_id": "s", "interaction_external_id": named, "answered_at": "2026-02-11T11:00:00Z" });
    lethe.ingest("survey-responses", survey.to_string()).await;
    let again = json!([
        { "external_id": named, "channel": "call", "started_at": "2026-02-10T10:00:00Z", "customer": { "phone_number": KARI } },
        { "external_id": "plain", "channel": "call", "started_at": "2026-02-10T10:00:00Z", "customer": { "phone_number": KARI } }
    ]);
    let seen = async || {
        let body = json!({ "external_ids": [named, "plain"] });
        let found = sender.post("/archive/interactions/lookup", &body).await.expect(200).json();
        let sent = sender.post("/archive/interactions?ids=true", &again).await.expect(200).json();
        let surveys = lethe.caller("dpo").post("/archive/survey-responses/search", &json!({})).await.expect(200).json();
        let looked_up: Vec<_> = found["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
        (looked_up, sent["ids"].clone(), surveys["items"][0]["interaction_external_id"].clone())
    };
    let (looked_up, sent, name) = seen().await;
    assert_eq!((looked_up, sent), (vec![json!(id), json!(plain)], json!([id, plain])));
    assert!(name.as_str().unwrap().starts_with("hash-"));

    set_hiding(&lethe, true).await;
    let request = json!({ "phone_number": KARI, "to_date": "2026-02-15", "targets": ["archive"] });
    lethe.enter_request(&request).await;
    let hidden = (vec![Value::Null, json!(plain)], json!([null, plain]), json!("Anonymized"));
    assert_eq!(seen().await, hidden);
    lethe.night(NIGHT).await.well();
    assert_eq!(seen().await, hidden, "that is what the pass leaves");
});
