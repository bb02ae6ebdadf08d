//! Webhooks: signed messages about events, sent to a local receiver by the real program.

use serde_json::{Value, json};

use crate::harness::receiver::{Got, Play, Receiver};
use crate::harness::{Answer, Caller, Needles, Ran, TestLethe, each_store, signal};

/// A Lethe whose server leaves the outbox to the story.
pub async fn calmly(lethe: &mut TestLethe) {
    lethe.stop().await;
    lethe.set("DELIVERY__SERVE", "false");
    lethe.set("DELIVERY__TIMEOUT", "1");
    // Only the nightly job makes checkpoints.
    lethe.set("AUDIT__SEAL_INTERVAL", "3600");
    lethe.serve().await;
}

pub fn operator(lethe: &TestLethe) -> Caller {
    lethe.caller("operator")
}

pub async fn enter(lethe: &TestLethe, url: &str, events: &[&str]) -> Value {
    operator(lethe).post("/webhooks", &json!({ "url": url, "events": events })).await.expect(201).json()
}

pub fn path(webhook: &Value, rest: &str) -> String {
    format!("/webhooks/{}{rest}", webhook["id"].as_str().unwrap())
}

pub async fn deliver(lethe: &TestLethe) -> Ran {
    lethe.run(&["deliver", "--once", "--json"]).await
}

pub async fn send_test(lethe: &TestLethe, webhook: &Value) -> Value {
    operator(lethe).post(&path(webhook, "/test"), &json!({})).await.expect(202).json()
}

/// Has a message sent at once.
async fn retry(lethe: &TestLethe, webhook: &Value, message: &Value) {
    let rest = format!("/messages/{}/retry", message["id"].as_str().unwrap());
    operator(lethe).post(&path(webhook, &rest), &json!({})).await.expect(200);
}

/// The messages of a webhook, oldest first.
async fn messages(lethe: &TestLethe, webhook: &Value) -> Vec<Value> {
    let mut page = operator(lethe).get(&path(webhook, "/messages?limit=200")).await.expect(200).json();
    let mut items = std::mem::take(page["items"].as_array_mut().unwrap());
    items.reverse();
    items
}

pub fn call(external_id: &str, number: &str) -> Value {
    json!({ "external_id": external_id, "channel": "call", "started_at": "2026-02-10T10:00:00Z",
        "customer": { "phone_number": number, "name": "Kari Nordmann" } })
}

each_store!(a_receiver_gets_signed_messages_without_identifiers, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let receiver = Receiver::start();
    let events =
        ["anonymize_request.created", "anonymize_request.done", "interaction.stored", "webhook.secret_rotated"];
    let body = json!({ "url": receiver.url, "events": events });
    let create = |key: &str| operator(&lethe).call("POST", "/webhooks").header("idempotency-key", key).json(&body);
    let webhook = Answer::of(create("a")).await.expect(201).json();
    let again = Answer::of(create("a")).await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let again = again.json();
    assert_eq!((&again["id"], &again["secret"]), (&webhook["id"], &Value::Null));
    let listed = operator(&lethe).get("/webhooks").await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed["items"][0].get("secret"), None, "a secret is shown once");

    // One message tells of all interactions of a call, and each message is signed in both ways.
    let lines = format!("{}\n{}\n", call("a", "+4791234567"), call("b", "+4798765432"));
    lethe.ingest("interactions", lines).await;
    let request = json!({ "phone_number": "+4791234567", "to_date": "2026-03-01", "targets": ["archive"] });
    let request = lethe.enter_request(&request).await;
    deliver(&lethe).await.well();
    let mut all = receiver.take();
    all.sort_by_key(|got| got.json()["type"].as_str().unwrap().to_owned());
    let [entered, stored] = &all[..] else { panic!("{all:?}") };
    for got in &all {
        assert!(got.is_signed_by(&webhook["secret"]) && got.is_verified_by(&webhook["public_key"]), "{got:?}");
        assert_eq!(got.headers["content-type"], "application/cloudevents+json");
        let event = got.json();
        assert_eq!((&event["specversion"], &event["id"]), (&json!("1.0"), &json!(got.id())));
        assert_eq!(event["source"], "urn:lethe:tenant:demo");
    }
    assert_ne!(entered.id(), stored.id());
    assert_eq!(entered.json()["data"], json!({ "request_id": request["id"], "status": "waiting" }));
    let shown = stored.json()["data"]["interactions"].as_array().unwrap().clone();
    let customer = json!({ "phone_number": "Anonymized", "email": null, "name": "Anonymized" });
    assert_eq!(shown.len(), 2);
    assert!(shown.iter().all(|one| one["customer"] == customer && one["anonymized"] == false), "{shown:?}");

    // A customer who is forgotten while a message waits is shown as forgotten.
    lethe.record(&call("c", "+4791234567")).await;
    lethe.night("2026-03-03T02:00:00Z").await.well();
    deliver(&lethe).await.well();
    let mut later = receiver.take();
    later.sort_by_key(|got| got.json()["type"].as_str().unwrap().to_owned());
    let [done, stored] = &later[..] else { panic!("{later:?}") };
    let result = json!({ "archive": { "anonymized": 2 }, "content": { "deleted": 0 } });
    assert_eq!(done.json()["data"], json!({ "request_id": request["id"], "status": "done", "result": result }));
    assert_eq!(stored.json()["data"]["interactions"][0]["anonymized"], true);
    all.extend(later);

    // During a rotation both secrets sign. Without an overlap only the new one does.
    let rotation = path(&webhook, "/rotate-secret");
    let second = Answer::of(operator(&lethe).call("POST", &rotation)).await.expect(200).json();
    deliver(&lethe).await.well();
    let got = receiver.one();
    assert!(got.is_signed_by(&webhook["secret"]) && got.is_signed_by(&second["secret"]));
    let third = operator(&lethe).post(&rotation, &json!({ "overlap_hours": 0 })).await.expect(200).json();
    deliver(&lethe).await.well();
    let got = receiver.one();
    assert!(!got.is_signed_by(&webhook["secret"]) && !got.is_signed_by(&second["secret"]));
    assert!(got.is_signed_by(&third["secret"]) && got.is_verified_by(&webhook["public_key"]));

    // Everything is sent again under the same ids.
    let ids = |all: &[Got]| {
        let mut ids: Vec<_> = all.iter().map(|got| got.id().to_owned()).collect();
        ids.sort();
        ids
    };
    let earlier = messages(&lethe, &webhook).await;
    let replay = operator(&lethe).post(&path(&webhook, "/replay"), &json!({ "from": webhook["created_at"] })).await;
    assert_eq!(replay.expect(200).json(), json!({ "messages": earlier.len(), "next_from": null }));
    assert!(messages(&lethe, &webhook).await.iter().all(|message| message["delivered_at"].is_null()));
    deliver(&lethe).await.well();
    let replayed = receiver.take();
    let mut known: Vec<_> = earlier.iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect();
    known.sort();
    assert_eq!(ids(&replayed), known);
    all.extend(replayed);
    let bodies: Vec<_> = all.iter().map(|got| got.body.as_str()).collect();
    let tokens = (0..8).map(|digit| format!("phone_{digit}"));
    let identifiers = ["4791234567", "4798765432", "91234567", "Nordmann"].map(str::to_owned);
    Needles::new(identifiers.into_iter().chain(tokens)).absent_from("the bodies", bodies.concat().as_bytes());

    // From now on, only the new kinds of events are sent.
    let change = json!({ "events": ["content.deleted", "delivery.held"] });
    operator(&lethe).patch(&path(&webhook, ""), "\"1\"", &change).await.expect(200);
    let held = lethe.call_of("b").await.id;
    let upload = format!("/archive/interactions/{held}/content?kind=recording");
    let upload = || {
        let (caller, upload) = (lethe.caller("integration"), upload.clone());
        async move { caller.post_raw(&upload, "audio/wav", "RIFF").await.expect(201).json()["id"].clone() }
    };
    let content = upload().await;
    let path_of_content = format!("/archive/content/{}", content.as_str().unwrap());
    lethe.caller("dpo").delete(&path_of_content, "*").await.expect(204);
    let allow = |is_allowed: bool| {
        let caller = operator(&lethe);
        let setting = json!({ "recordings": { "allow_plain_ftp": is_allowed } });
        async move { caller.patch("/tenant", "*", &setting).await.expect(200) }
    };
    allow(true).await;
    let target = json!({ "url": "ftp://lethe@127.0.0.1:9/", "password": "geheim-wort" });
    Answer::of(operator(&lethe).call("PUT", "/tenant/delivery-target").json(&target)).await.expect(200);
    allow(false).await;
    upload().await;
    assert_eq!(deliver(&lethe).await.code(), Some(2));
    deliver(&lethe).await.well();
    let mut told: Vec<_> = receiver.take().iter().map(|got| got.json()["data"].clone()).collect();
    told.sort_by_key(ToString::to_string);
    let delivery = operator(&lethe).get("/deliveries").await.expect(200).json()["items"][0]["id"].clone();
    let deleted = json!({ "because": "user", "deleted": 1, "content_ids": [content] });
    assert_eq!(told, [deleted, json!({ "delivery_id": delivery, "error": "plain_ftp_not_allowed" })]);

    // The secrets leave with the webhook, and nothing more is sent.
    operator(&lethe).delete(&path(&webhook, ""), "*").await.expect(204);
    operator(&lethe).get(&path(&webhook, "")).await.expect(404);
    lethe.record(&call("d", "+4791234567")).await;
    deliver(&lethe).await.well();
    assert!(receiver.take().is_empty());
    let dump = lethe.dump().await;
    assert!(dump.rows("vault.webhook_secrets").is_empty());
    let open = dump.rows("webhook_events").iter().filter(|row| row["kind"].as_deref() == Some("interaction.stored"));
    assert_eq!(open.count(), 2, "nobody gets the last event, so it is not written");
});

each_store!(a_receiver_that_fails_gets_the_same_message_later, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let (receiver, canary, other) = (Receiver::start(), Receiver::start(), Receiver::start());
    let webhook = enter(&lethe, &receiver.url, &["job.failed"]).await;
    let message = send_test(&lethe, &webhook).await;
    for (play, error, status) in [
        (Play::Status(500, String::new()), "refused", json!(500)),
        (Play::Status(302, format!("location: {}\r\n", canary.url)), "redirected", json!(302)),
        (Play::Status(429, "retry-after: 600\r\n".to_owned()), "throttled", json!(429)),
        (Play::Silent, "timeout", Value::Null),
        (Play::Reset, "connection_lost", Value::Null),
    ] {
        receiver.answers(play.clone());
        retry(&lethe, &webhook, &message).await;
        assert_eq!(deliver(&lethe).await.code(), Some(2), "{play:?}");
        let now = messages(&lethe, &webhook).await.remove(0);
        assert_eq!(
            (&now["state"], &now["last_error"], &now["last_status"]),
            (&json!("pending"), &json!(error), &status),
            "{play:?}"
        );
    }
    assert_eq!(messages(&lethe, &webhook).await[0]["attempts"], 5);
    assert!(operator(&lethe).get(&path(&webhook, "")).await.json()["failing_since"].is_string());
    // Nothing is sent before its time, and nothing to an address that a receiver names.
    deliver(&lethe).await.well();
    let ids: Vec<_> = receiver.take().iter().map(|got| got.id().to_owned()).collect();
    assert_eq!(ids, vec![message["id"].as_str().unwrap(); 5]);
    assert!(canary.take().is_empty());

    // A receiver that asks for a pause gets no other message meanwhile.
    receiver.says(429);
    retry(&lethe, &webhook, &message).await;
    deliver(&lethe).await;
    receiver.take();
    let second = send_test(&lethe, &webhook).await;
    deliver(&lethe).await.well();
    assert!(receiver.take().is_empty());

    // A worker that is killed before it settles the message leaves it to the next one, under the same id.
    receiver.answers(Play::Silent);
    retry(&lethe, &webhook, &second).await;
    lethe.set("DELIVERY__TIMEOUT", "60");
    let worker = lethe.start(&["deliver"]);
    let receiver = receiver.hears().await;
    signal(worker.pid, "KILL");
    worker.end().await;
    let killed = receiver.one();
    receiver.answers(Play::Long);
    deliver(&lethe).await.well();
    assert!(receiver.take().is_empty(), "the message still belongs to the killed worker");
    retry(&lethe, &webhook, &second).await;
    deliver(&lethe).await.well();
    assert_eq!(receiver.one().id(), killed.id());
    assert_eq!(messages(&lethe, &webhook).await[1]["state"], "delivered");
    assert_eq!(operator(&lethe).get(&path(&webhook, "")).await.json()["failing_since"], Value::Null);

    // A receiver that is gone gets nothing more, and the other webhooks get an event.
    let watching = enter(&lethe, &other.url, &["webhook.disabled"]).await;
    receiver.says(410);
    retry(&lethe, &webhook, &message).await;
    assert_eq!(deliver(&lethe).await.code(), Some(2));
    deliver(&lethe).await.well();
    let told = other.one();
    assert!(told.is_signed_by(&watching["secret"]));
    assert_eq!(told.json()["data"], json!({ "webhook_id": webhook["id"], "reason": "gone" }));
    let gone = operator(&lethe).get(&path(&webhook, "")).await.expect(200);
    let etag = gone.header("etag").unwrap().to_owned();
    let gone = gone.json();
    assert_eq!((&gone["enabled"], &gone["disabled_reason"]), (&json!(false), &json!("gone")));
    assert_eq!(operator(&lethe).post(&path(&webhook, "/test"), &json!({})).await.problem(409), "state_conflict");
    // It begins anew when it is enabled again.
    receiver.says(204);
    receiver.take();
    let stale = operator(&lethe).patch(&path(&webhook, ""), "\"1\"", &json!({ "enabled": true })).await;
    assert_eq!(stale.problem(412), "version_stale");
    let back = operator(&lethe).patch(&path(&webhook, ""), &etag, &json!({ "enabled": true })).await.expect(200).json();
    assert_eq!((&back["enabled"], &back["disabled_reason"]), (&json!(true), &Value::Null));
    retry(&lethe, &webhook, &message).await;
    deliver(&lethe).await.well();
    assert_eq!(receiver.one().id(), message["id"].as_str().unwrap());
    // A delivered message that is sent again has had no attempt.
    retry(&lethe, &webhook, &message).await;
    let again = messages(&lethe, &webhook).await.remove(0);
    assert_eq!((&again["state"], &again["attempts"]), (&json!("pending"), &json!(0)));
    for cleared in ["delivered_at", "last_status", "last_error"] {
        assert_eq!(again[cleared], Value::Null, "{cleared}");
    }
});

each_store!(a_webhook_leads_to_no_internal_address, |lethe: TestLethe| async move {
    let refused = |body: Value| {
        let caller = operator(&lethe);
        async move {
            let answer = caller.post("/webhooks", &body).await;
            assert_eq!(answer.problem(422), "validation_failed", "{body}");
            let error = answer.json()["errors"][0].clone();
            (error["pointer"].as_str().unwrap().to_owned(), error["code"].as_str().unwrap().to_owned())
        }
    };
    for (url, code) in [
        ("https://10.0.0.1/", "address_blocked"),
        ("https://0xA9FEA9FE/latest/meta-data", "address_blocked"),
        ("https://[::ffff:169.254.169.254]/", "address_blocked"),
        ("http://crm.example/", "format"),
        ("https://user:geheim@1.1.1.1/", "format"),
        ("nonsense", "format"),
    ] {
        let body = json!({ "url": url, "events": ["job.failed"] });
        assert_eq!(refused(body).await, ("/url".to_owned(), code.to_owned()), "{url}");
    }
    let here = "http://127.0.0.1:9/";
    let body = json!({ "url": here, "events": ["job.failed"], "recipient": "crm" });
    assert_eq!(refused(body).await, ("/recipient".to_owned(), "recipient_unknown".to_owned()));
    assert_eq!(refused(json!({ "url": here, "events": [] })).await.0, "/events");
    assert_eq!(refused(json!({ "url": here, "events": ["webhook.test"] })).await.0, "/events/0");
    let webhook = enter(&lethe, here, &["job.failed"]).await;
    // A name may get its address later. A rotation needs no body, and a body has its rules.
    let later = enter(&lethe, "https://nowhere.invalid/", &["job.failed"]).await;
    let rotate = async |media_type: &str, body: &str| {
        operator(&lethe).post_raw(&path(&later, "/rotate-secret"), media_type, body).await
    };
    for body in ["", "null", "{}"] {
        assert!(rotate("application/json", body).await.expect(200).json()["secret"].is_string(), "{body}");
    }
    assert_eq!(rotate("text/plain", "x").await.problem(415), "media_type_unsupported");
    let too_long = rotate("application/json", r#"{"overlap_hours": 169}"#).await;
    assert_eq!(too_long.mistakes(), ["/overlap_hours out_of_range"]);
    let change = json!({ "url": "https://192.168.0.1/" });
    let path = path(&webhook, "");
    assert_eq!(operator(&lethe).patch(&path, "*", &change).await.problem(422), "validation_failed");
    let missing = operator(&lethe).call("PATCH", &path).json(&change);
    assert_eq!(Answer::of(missing).await.problem(428), "if_match_required");
    assert_eq!(operator(&lethe).get(&path).await.expect(200).json()["url"], here);
});

each_store!(an_item_that_is_due_is_told_once, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let crm = Receiver::start();
    enter(&lethe, &crm.url, &["checklist.due"]).await;
    let systems = ["CRM", "ERP"].map(|name| json!({ "name": name, "owner": "Paal", "days": 10 }));
    operator(&lethe).patch("/tenant", "*", &json!({ "external_systems": systems })).await.expect(200);
    let request = json!({ "phone_number": "91234567", "targets": ["archive"], "received_on": "2026-02-01" });
    let request = lethe.enter_request(&request).await;
    let officer = lethe.caller("dpo");
    let place = format!("/anonymize-requests/{}", request["id"].as_str().unwrap());
    officer.patch(&format!("{place}/checklist/ERP"), "*", &json!({ "state": "done" })).await.expect(200);
    // The open item moves with the request. A job that did not run on its last day tells of it later, and once.
    for (received, due, nights) in [
        ("2026-02-03", "2026-02-13", &["2026-02-12", "2026-02-15", "2026-02-15"][..]),
        ("2026-02-02", "2026-02-12", &["2026-02-16"][..]),
    ] {
        let moved = officer.patch(&place, "*", &json!({ "received_on": received })).await.expect(200).json();
        let days = [0, 1].map(|place| moved["checklist"][place]["due_on"].clone());
        assert_eq!(days, [json!(due), json!("2026-02-11")]);
        for night in nights {
            lethe.night(&format!("{night}T02:00:00Z")).await.well();
        }
        deliver(&lethe).await.well();
        assert_eq!(crm.one().json()["data"], json!({ "request_id": request["id"], "system": "CRM", "due_on": due }));
    }
});
