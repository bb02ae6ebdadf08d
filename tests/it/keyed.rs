//! Words and ids that contain their record's customer: they name nobody, and join no forgotten record to a later one.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::again::{ADDRESS, BEFORE, KINDS, LATER, NAME, NUMBER, forget, needles, record, whole};
use crate::harness::{Dump, TestLethe, each_store};

/// Everything that the archive shows of all kinds.
async fn shown(lethe: &TestLethe) -> String {
    let officer = lethe.caller("dpo");
    let mut shown = String::new();
    for (_, path) in KINDS {
        shown.push_str(&json!(officer.all(path, &json!({})).await).to_string());
    }
    shown
}

/// The keyed hashes in a dump of the archive: table, column, value.
fn keyed(dump: &Dump) -> BTreeSet<(String, String, String)> {
    let mut keyed = BTreeSet::new();
    for (table, rows) in dump.archive() {
        for (column, value) in rows.iter().flatten() {
            if let Some(value) = value.as_ref().filter(|value| value.contains("hash-")) {
                keyed.insert((table.to_owned(), column.clone(), value.clone()));
            }
        }
    }
    keyed
}

/// A record whose descriptive fields contain its customer.
fn described(kind: &str, external_id: &str, at: &str, customer: &Value, told: &[&str; 3]) -> Value {
    let mut record = record(kind, external_id, at, customer, "nothing");
    match kind {
        "interactions" => {
            record["queue"] = json!(told[0]);
            record["agent_id"] = json!(told[1]);
            record["outcome"] = json!(told[2]);
        }
        "survey-responses" => record["interaction_external_id"] = json!(told[0]),
        _ => {
            record["event"] = json!(told[0]);
            record["interaction_external_id"] = json!(told[2]);
        }
    }
    record
}

fn fields(kind: &str) -> &'static [&'static str] {
    match kind {
        "interactions" => &["queue", "agent_id", "outcome"],
        "survey-responses" => &["interaction_external_id"],
        _ => &["event", "interaction_external_id"],
    }
}

each_store!(a_field_that_contained_the_customer_joins_no_forgotten_record, |lethe: TestLethe| async move {
    let named = json!({ "phone_number": NUMBER, "email": ADDRESS, "name": NAME });
    let own = [["VIP 928 84 417", "Langmo_Sivert", "mailed sivert.moe@example.net"]; 2];
    let plain = ["Private service", "a17", "answered"];
    let other = json!({ "phone_number": "41234567", "email": "ola@example.net", "name": "Ola Storvatn" });
    for (kind, _) in KINDS {
        let lines = [
            described(kind, "early", BEFORE, &named, &own[0]),
            described(kind, "later", LATER, &named, &own[1]),
            described(kind, "plain", BEFORE, &named, &plain),
            described(kind, "other", BEFORE, &other, &plain),
        ];
        lethe.ingest(kind, lines.map(|line| line.to_string()).join("\n")).await;
    }
    needles().absent_from("the archive before the pass", &lethe.archive_bytes().await);
    let officer = lethe.caller("dpo");
    let of = async |path: &str, id: &str| {
        let items = officer.all(path, &json!({})).await;
        items.into_iter().find(|item| item["external_id"] == id).unwrap()
    };
    let queue = of("/archive/search", "early").await["queue"].clone();
    assert!(queue.as_str().unwrap().starts_with("hash-"));
    assert_eq!(lethe.find(&json!({ "queue": queue })).await, ["later", "early"], "found by the hash that is shown");
    let mut before = Vec::new();
    for (_, path) in KINDS {
        before.push(officer.all(path, &json!({})).await);
    }

    forget(&lethe, json!({ "phone_number": NUMBER })).await;
    for round in ["after the pass", "sent again", "sent again without a customer"] {
        for ((kind, path), before) in KINDS.into_iter().zip(&before) {
            let early = of(path, "early").await;
            for field in fields(kind) {
                assert_eq!(early[field], "Anonymized", "{round}, {kind}: {early}");
            }
            let plain_now = of(path, "plain").await;
            for before in before {
                let id = before["external_id"].as_str().unwrap();
                match id {
                    "early" => {}
                    "plain" => fields(kind).iter().for_each(|field| assert_eq!(plain_now[field], before[field])),
                    _ => assert_eq!(of(path, id).await, *before, "{round}: every other record is as it was"),
                }
            }
            let next = match round {
                "after the pass" => described(kind, "early", BEFORE, &named, &own[0]),
                _ => described(kind, "early", LATER, &json!({}), &own[0]),
            };
            lethe.ingest(kind, next.to_string()).await;
        }
    }
    // A record that comes late arrives like that.
    for (kind, path) in KINDS {
        lethe.ingest(kind, described(kind, "late", BEFORE, &named, &own[0]).to_string()).await;
        let late = of(path, "late").await;
        for field in fields(kind) {
            assert_eq!(late[field], "Anonymized", "{kind}: {late}");
        }
    }
    assert_eq!(lethe.find(&json!({ "queue": queue })).await, ["later"]);
    let dump = lethe.dump().await;
    for (table, _, hash) in keyed(&dump) {
        let rows = dump.rows(&table).iter().filter(|row| row.values().flatten().any(|value| *value == hash));
        rows.for_each(|row| assert_eq!(row["external_id"].as_deref(), Some("later"), "{table}"));
    }
    needles().absent_from("the archive", &lethe.archive_bytes().await);
});

each_store!(an_external_id_that_contained_the_customer_tells_nothing, |lethe: TestLethe| async move {
    let named = json!({ "phone_number": NUMBER, "email": ADDRESS, "name": NAME });
    let ids = ["call-92884417-1", "mail/Sivert.Moe@example.net", "langmo.sivert.7"];
    let officer = lethe.caller("dpo");
    let send = async |kind: &str, id: &str, at: &str, customer: &Value| {
        lethe.ingest(kind, record(kind, id, at, customer, "nothing").to_string()).await
    };
    let mut counts = Vec::new();
    let mut outcome = async |label: &str| {
        let mut told = Vec::new();
        for (kind, _) in KINDS {
            // Surveys know a number only, events no name.
            for id in &ids[..match kind {
                "interactions" => 3,
                "survey-responses" => 1,
                _ => 2,
            }] {
                let stored = send(kind, id, BEFORE, &named).await;
                told.push((stored["created"].clone(), stored["updated"].clone()));
            }
        }
        counts.push((label.to_owned(), told));
    };
    outcome("new").await;
    outcome("known").await;
    let shown_ids = lethe.find(&json!({})).await;
    assert!(shown_ids.iter().all(|id| id.starts_with("hash-")), "{shown_ids:?}");
    assert_eq!(shown_ids.len(), 3);
    needles().absent_from("the archive before the pass", &lethe.archive_bytes().await);

    forget(&lethe, json!({ "phone_number": NUMBER })).await;
    outcome("forgotten").await;
    for (label, told) in &counts {
        assert!(told.iter().all(|told| *told == (json!(1), json!(0))), "{label}: {told:?}");
    }
    for (kind, path) in KINDS {
        for item in officer.all(path, &json!({})).await {
            assert_eq!(item["external_id"], "Anonymized", "{kind}: {item}");
            if kind == "interactions" {
                let one = officer.get(&format!("/archive/interactions/{}", item["id"].as_str().unwrap())).await;
                assert_eq!(one.expect(200).json()["external_id"], "Anonymized");
            }
        }
    }
    // Whatever customer it has then, the record is found by its id, and the id does not stand in clear.
    for customer in [json!({}), json!({ "phone_number": "41234567" })] {
        for (kind, path) in KINDS {
            send(kind, ids[0], LATER, &customer).await;
            let wanted = match kind {
                "interactions" => 3,
                "survey-responses" => 1,
                _ => 2,
            };
            assert_eq!(officer.all(path, &json!({})).await.len(), wanted, "{kind}");
        }
    }
    assert!(!shown(&lethe).await.contains("hash-"));
    let dump = lethe.dump().await;
    assert!(keyed(&dump).iter().all(|(_, column, _)| column == "external_id"));
    assert_eq!(dump.rows("vault.identifiers").len(), 0);
    needles().absent_from("the archive", &lethe.archive_bytes().await);
    // A call under another id has nothing in common with them.
    send("interactions", "call-92884417-2", LATER, &named).await;
    let later = keyed(&lethe.dump().await).into_iter().map(|(.., hash)| hash);
    assert_eq!(later.collect::<BTreeSet<_>>().len(), 7 - 3, "{:?}", keyed(&dump));
});

each_store!(an_external_id_learns_its_customer, |lethe: TestLethe| async move {
    lethe.record(&record("interactions", "call-92884417-1", BEFORE, &json!({}), "nothing")).await;
    assert_eq!(lethe.find(&json!({})).await, ["call-92884417-1"]);
    lethe.record(&record("interactions", "call-92884417-1", BEFORE, &whole(), "nothing")).await;
    let found = lethe.find(&json!({})).await;
    assert!(found.len() == 1 && found[0].starts_with("hash-"), "{found:?}");
    // In one call, whichever comes first; and under the hash that is shown.
    let lines = [json!({}), whole(), json!({})]
        .map(|customer| record("interactions", "call-92884417-2", BEFORE, &customer, "nothing").to_string());
    lethe.ingest("interactions", lines.join("\n")).await;
    lethe.record(&record("interactions", &found[0], BEFORE, &whole(), "nothing")).await;
    let found = lethe.find(&json!({})).await;
    assert!(found.len() == 2 && found.iter().all(|id| id.starts_with("hash-")), "{found:?}");
    needles().absent_from("the archive", &lethe.dump().await.archive_texts());
});

each_store!(content_finds_a_forgotten_record_by_its_external_id, |lethe: TestLethe| async move {
    lethe.record(&record("interactions", "call-92884417-1", BEFORE, &whole(), "nothing")).await;
    forget(&lethe, json!({ "phone_number": NUMBER })).await;
    let folder = lethe.data_folder().with_file_name("transcripts");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("call-92884417-1.txt"), "Kunde: ring 92884417").unwrap();
    lethe.run(&["import", folder.to_str().unwrap(), "--json"]).await.well();
    std::fs::remove_dir_all(&folder).unwrap();
    let officer = lethe.caller("dpo");
    let id = lethe.search(&json!({})).await["items"][0]["id"].as_str().unwrap().to_owned();
    let items = officer.get(&format!("/archive/interactions/{id}/content")).await.expect(200).json();
    let path = format!("/archive/content/{}/download", items["items"][0]["id"].as_str().unwrap());
    assert_eq!(officer.get(&path).await.expect(200).text, "Kunde: ring Anonymized");
});

each_store!(a_record_names_a_call_as_the_call_is_stored, |lethe: TestLethe| async move {
    let call = format!("call-{NUMBER}-1");
    let naming = |kind: &str, id: &str, at: &str, customer: &Value| {
        let mut record = record(kind, id, at, customer, "nothing");
        record["interaction_external_id"] = json!(call);
        record
    };
    let kinds = &KINDS[1..];
    let officer = lethe.caller("dpo");
    let names = async |path: &str| {
        let items = officer.all(path, &json!({})).await;
        items
            .into_iter()
            .map(|item| item["interaction_external_id"].as_str().unwrap().to_owned())
            .collect::<BTreeSet<_>>()
    };
    for (kind, _) in kinds {
        lethe.ingest(kind, naming(kind, "before", BEFORE, &json!({})).to_string()).await;
    }
    lethe.record(&record("interactions", &call, BEFORE, &whole(), "nothing")).await;
    let hash = lethe.find(&json!({})).await.remove(0);
    assert!(hash.starts_with("hash-"), "{hash}");
    for (kind, path) in kinds {
        let lines = [naming(kind, "after", BEFORE, &json!({})), naming(kind, "own", LATER, &whole())];
        lethe.ingest(kind, lines.map(|line| line.to_string()).join("\n")).await;
        assert_eq!(names(path).await, BTreeSet::from([hash.clone()]), "{kind}");
    }
    needles().absent_from("the archive before the pass", &lethe.dump().await.archive_texts());

    forget(&lethe, json!({ "phone_number": NUMBER })).await;
    for (kind, path) in kinds {
        for id in ["before", "late"] {
            lethe.ingest(kind, naming(kind, id, BEFORE, &json!({})).to_string()).await;
        }
        lethe.ingest(kind, naming(kind, "own and late", BEFORE, &whole()).to_string()).await;
        // The hash would join the records of the call, and tell that the call was known.
        assert_eq!(names(path).await, BTreeSet::from(["Anonymized".to_owned()]), "{kind}");
    }
    needles().absent_from("the archive", &lethe.dump().await.archive_texts());
    lethe.run(&["scan", "--full", "--json"]).await.well();
});
