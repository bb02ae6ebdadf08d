//! Records that are sent again after their customer was forgotten: nobody comes back with them.

use serde_json::{Value, json};

use crate::harness::{Needles, TestLethe, each_store};

pub const NUMBER: &str = "92884417";
pub const ADDRESS: &str = "sivert.moe@example.net";
pub const NAME: &str = "Sivert Langmo";
pub const NIGHT: &str = "2026-02-16T02:00:00Z";
/// Before the last day that the requests of these stories include.
pub const BEFORE: &str = "2026-02-10T10:00:00Z";
/// After it.
pub const LATER: &str = "2026-02-20T10:00:00Z";

/// A kind of record: the end of its path, the path of its search.
pub const KINDS: [(&str, &str); 3] = [
    ("interactions", "/archive/search"),
    ("survey-responses", "/archive/survey-responses/search"),
    ("raw-events", "/archive/raw-events/search"),
];

/// A record as it is sent: its time, its customer, and its text.
type Draft<'a> = (&'a str, Value, &'a str);

/// A record of a kind with a customer and a text. Surveys and events have no name, and surveys no address.
pub fn record(kind: &str, external_id: &str, at: &str, customer: &Value, text: &str) -> Value {
    let (phone, email) = (&customer["phone_number"], &customer["email"]);
    match kind {
        "interactions" => {
            json!({ "external_id": external_id, "channel": "call", "started_at": at, "customer": customer,
            "attributes": { "n": text } })
        }
        "survey-responses" => {
            json!({ "external_id": external_id, "answered_at": at, "phone_number": phone, "comment": text })
        }
        _ => {
            json!({ "external_id": external_id, "occurred_at": at, "event": "noted", "phone_number": phone, "email": email,
            "attributes": { "n": text } })
        }
    }
}

pub fn whole() -> Value {
    json!({ "phone_number": NUMBER, "email": ADDRESS })
}

pub fn needles() -> Needles {
    Needles::new([NUMBER, "+4792884417", "928 84 417", ADDRESS, "Langmo,", "Langmo ", "Langmo.", "Sivert Langmo"])
}

pub async fn forget(lethe: &TestLethe, identifiers: Value) {
    let mut request = identifiers;
    request["to_date"] = json!("2026-02-15");
    request["targets"] = json!(["archive", "sms_survey", "raw_data"]);
    lethe.enter_request(&request).await;
    lethe.night(NIGHT).await.well();
}

each_store!(whoever_was_forgotten_in_a_record_does_not_come_back_with_it, |lethe: TestLethe| async move {
    let text = format!("write to {ADDRESS}, ring {NUMBER}");
    let added = format!("{text}. Also sivert@example.org, ring 0047 928 84 417 or 40 50 60 71");
    let other = json!({ "phone_number": "41234567", "email": "ola@example.net", "name": "Ola Storvatn" });
    // The record as it is sent again, once or several times in one call.
    let again: Vec<(&str, Vec<Draft<'_>>)> = vec![
        ("nobody", vec![(BEFORE, json!({}), &text)]),
        ("nobody-later", vec![(LATER, json!({}), &text)]),
        ("same-later", vec![(LATER, whole(), &text)]),
        ("other", vec![(BEFORE, other.clone(), &text)]),
        ("other-later", vec![(LATER, other.clone(), &text)]),
        ("address-later", vec![(LATER, json!({ "email": ADDRESS }), &text)]),
        ("added", vec![(LATER, json!({}), &added)]),
        ("twice", vec![(BEFORE, whole(), &text), (LATER, json!({}), &added)]),
        ("twice-later", vec![(LATER, json!({}), &added), (LATER, other, &added)]),
    ];
    for (kind, _) in KINDS {
        let lines = again.iter().map(|(id, _)| record(kind, id, BEFORE, &whole(), &text).to_string());
        lethe.ingest(kind, lines.collect::<Vec<_>>().join("\n")).await;
    }
    forget(&lethe, json!({ "phone_number": NUMBER })).await;

    for (kind, path) in KINDS {
        for (id, drafts) in &again {
            let drafts: Vec<_> =
                drafts.iter().map(|(at, customer, text)| record(kind, id, at, customer, text)).collect();
            let lines = drafts.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
            let told = lethe.ingest(kind, lines).await;
            assert_eq!((&told["updated"], &told["rejected"]), (&json!(drafts.len()), &json!([])), "{told}");
            let sender = lethe.caller("integration");
            sender.post(&format!("/archive/{kind}"), &json!(drafts)).await.expect(200);
        }
        let items = lethe.caller("dpo").all(path, &json!({})).await;
        assert_eq!(items.len(), again.len());
        for item in items {
            assert_eq!(item["anonymized"], json!(true), "{item}");
            let text = item["attributes"]["n"].as_str().or(item["comment"].as_str()).unwrap();
            assert!(text.starts_with("write to Anonymized, ring Anonymized"), "{kind}: {item}");
            assert!(!item.to_string().contains('@') && !item.to_string().contains("+47"), "{kind}: {item}");
        }
    }
    // The surveys mentioned the address until they were sent again. The pass finds that nothing refers to it any more.
    lethe.night(NIGHT).await.well();
    let dump = lethe.dump().await;
    assert_eq!(dump.rows("vault.identifiers").len(), 0, "nobody is in the vault again");
    assert!(dump.rows("mentions").iter().all(|row| row["identifier_id"].is_none()));
    needles().absent_from("the archive", &lethe.archive_bytes().await);
});

each_store!(a_batch_forgets_as_its_records_would_one_by_one, |lethe: TestLethe| async move {
    forget(&lethe, json!({ "phone_number": NUMBER })).await;
    let text = format!("write to {ADDRESS}, or to the neighbour: 40 50 60 71");
    for (kind, path) in KINDS {
        let covered = record(kind, "r", BEFORE, &whole(), &text);
        let nobody = record(kind, "r", LATER, &json!({}), &text);
        lethe.ingest(kind, format!("{covered}\n{nobody}")).await;
        let item = &lethe.caller("dpo").all(path, &json!({})).await[0];
        assert_eq!(item["anonymized"], json!(true), "{item}");
        assert!(!item.to_string().contains('@') && !item.to_string().contains("+47"), "{item}");
    }
    assert_eq!(lethe.dump().await.rows("vault.identifiers").len(), 0);
});

each_store!(a_record_that_lost_somebody_else_keeps_its_customer_only, |lethe: TestLethe| async move {
    let text = "ask 92884417, else 40 50 60 71, else me: 41234567";
    let customer = json!({ "phone_number": "41234567", "name": "Ola Storvatn" });
    lethe.record(&record("interactions", "r", BEFORE, &customer, text)).await;
    forget(&lethe, json!({ "phone_number": NUMBER })).await;
    let read = async || lethe.search(&json!({})).await["items"][0]["attributes"]["n"].clone();
    assert_eq!(read().await, json!("ask Anonymized, else +4740506071, else me: +4741234567"));

    lethe.record(&record("interactions", "r", LATER, &customer, text)).await;
    assert_eq!(read().await, json!("ask Anonymized, else Anonymized, else me: +4741234567"));
    // A customer who was forgotten in the text does not come back into it as another customer of the record either.
    lethe.record(&record("interactions", "r", LATER, &whole(), text)).await;
    assert_eq!(read().await, json!("ask Anonymized, else Anonymized, else me: Anonymized"));
});

each_store!(while_the_night_is_at_work_nobody_slips_back, |lethe: TestLethe| async move {
    let text = format!("write to {ADDRESS}");
    for round in 0..4 {
        let id = |no: usize| format!("r-{round}-{no}");
        let lines = |customer: &Value, nos: std::ops::Range<usize>| {
            let lines = nos.map(|no| record("interactions", &id(no), BEFORE, customer, &text).to_string());
            lines.collect::<Vec<_>>().join("\n")
        };
        lethe.ingest("interactions", lines(&whole(), 0..400)).await;
        lethe.enter_request(&json!({ "phone_number": NUMBER, "to_date": "2026-02-15", "targets": ["archive"] })).await;
        let sender = lethe.caller("integration");
        let sending = async {
            for step in 0..20 {
                let told = sender.ingest("interactions", lines(&json!({}), step * 20..(step + 1) * 20)).await;
                told.expect(200);
            }
        };
        let (night, ()) = tokio::join!(lethe.night(NIGHT), sending);
        night.well();
    }
    let items = lethe.caller("dpo").all("/archive/search", &json!({})).await;
    assert_eq!(items.len(), 4 * 400);
    for item in items {
        // A record that lost its customer by being sent again before the pass reached it was not forgotten. A record that was
        // sent again during the pass has lost its mention at least.
        let said = item["attributes"]["n"].as_str().unwrap();
        assert!(said == "write to Anonymized" || item["anonymized"] == false && said == text, "{item}");
        assert_eq!(item["customer"]["email"].as_str().unwrap_or("Anonymized"), "Anonymized", "{item}");
    }
});

each_store!(numbers_and_keys_of_a_forgotten_record_do_not_come_back, |lethe: TestLethe| async move {
    // In numbers and keys only the customer's own are known, so nobody knows them once the customer is forgotten.
    let attributes =
        json!({ "n": 92_884_417, "list": [92_884_417], "92884417": 1, "Sivert Langmo": { "at": 92_884_417 } });
    let of = |kind: &str, customer: &Value| {
        let mut record = record(kind, "r", BEFORE, customer, "");
        record["attributes"] = attributes.clone();
        record.to_string()
    };
    let customer = json!({ "phone_number": NUMBER, "name": NAME });
    lethe.ingest("interactions", of("interactions", &customer)).await;
    lethe.ingest("raw-events", of("raw-events", &customer)).await;
    forget(&lethe, json!({ "phone_number": NUMBER })).await;
    let gone = lethe.search(&json!({})).await["items"][0]["attributes"].clone();
    for customer in [json!({}), json!({ "phone_number": "41234567", "name": "Ola Storvatn" })] {
        lethe.ingest("interactions", of("interactions", &customer)).await;
        lethe.ingest("raw-events", of("raw-events", &customer)).await;
        assert_eq!(lethe.search(&json!({})).await["items"][0]["attributes"], gone);
        let dump = lethe.dump().await;
        for table in ["archive.interactions", "archive.raw_events"] {
            let rows = format!("{:?}", dump.rows(table));
            assert!(!rows.contains("92884417") && !rows.contains("Langmo"), "{rows}");
        }
    }
    // Another text is another text.
    let mut other = serde_json::from_str::<Value>(&of("interactions", &json!({}))).unwrap();
    other["attributes"] = json!({ "n": 17, "list": ["delivered to warehouse 7"], "priority": 1 });
    lethe.record(&other).await;
    assert_eq!(lethe.search(&json!({})).await["items"][0]["attributes"], other["attributes"]);
});

each_store!(what_a_forgotten_text_said_is_not_said_again, |lethe: TestLethe| async move {
    let named = json!({ "phone_number": NUMBER, "name": NAME });
    // Only of its own customer does anybody know that the row of digits contains a number.
    let text = "see rec-2026021092884417.wav by now";
    let of_call = |at: &str, customer: &Value, more: Option<&str>| {
        let mut call = record("interactions", "r", at, customer, text);
        call["attributes"]["who"] = json!(["Langmo, Sivert called", "waited 7"]);
        if let Some(more) = more {
            call["attributes"]["who"][0] = json!("Langmo, Sivert called. Langmo waits.");
            call["attributes"]["more"] = json!(more);
            call["queue"] = json!("VIP Sivert Langmo");
        }
        call.to_string()
    };
    lethe.ingest("interactions", of_call(BEFORE, &named, None)).await;
    for kind in ["survey-responses", "raw-events"] {
        lethe.ingest(kind, record(kind, "r", BEFORE, &whole(), text).to_string()).await;
    }
    forget(&lethe, json!({ "phone_number": NUMBER })).await;
    let first = lethe.search(&json!({})).await["items"][0].clone();
    assert_eq!(
        first["attributes"],
        json!({ "n": "see rec-20260210Anonymized.wav by now", "who": ["Anonymized called", "waited 7"] })
    );

    let other = json!({ "phone_number": "41234567", "name": "Ola Storvatn" });
    for (at, customer) in [(BEFORE, json!({})), (LATER, json!({})), (LATER, other.clone()), (LATER, json!({}))] {
        lethe.ingest("interactions", of_call(at, &customer, None)).await;
        let now = &lethe.search(&json!({})).await["items"][0];
        assert_eq!(now["attributes"], first["attributes"], "the text that was sent again");
        for kind in ["survey-responses", "raw-events"] {
            lethe
                .ingest(
                    kind,
                    record(kind, "r", at, &json!({ "phone_number": customer["phone_number"] }), text).to_string(),
                )
                .await;
        }
    }
    lethe.ingest("interactions", of_call(LATER, &other, Some("Sivert asked for Ola"))).await;
    let now = &lethe.search(&json!({})).await["items"][0];
    assert_eq!(now["attributes"]["who"][0], "Anonymized called. Anonymized waits.", "{now}");
    assert_eq!(now["attributes"]["more"], "Anonymized asked for Anonymized", "{now}");
    assert_eq!(now["queue"], "Anonymized");
    for (kind, path) in KINDS {
        let items = lethe.caller("dpo").all(path, &json!({})).await;
        assert!(items.len() == 1 && !items[0].to_string().contains("92884417"), "{kind}: {items:?}");
    }
    needles().absent_from("the archive", &lethe.dump().await.archive_texts());
});
