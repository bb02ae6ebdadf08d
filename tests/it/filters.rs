//! The filters of a search beside time, queue, agent, and channel.

use lethe::archive::MOST_READ;
use serde_json::{Value, json};

use crate::again::{BEFORE, LATER, NUMBER, forget, record, whole};
use crate::harness::each_store;

fn call(external_id: &str, at: &str, direction: &str, queue: &str, outcome: &str) -> Value {
    json!({
        "external_id": external_id, "channel": "call", "started_at": at, "direction": direction, "queue": queue,
        "outcome": outcome
    })
}

each_store!(each_filter_finds_its_own, |lethe: TestLethe| async move {
    for (id, hour, direction, queue, outcome) in [
        ("a", 10, "inbound", "Invoice", "answered"),
        ("b", 11, "outbound", "Invoice", "abandoned"),
        ("c", 12, "inbound", "Private service", "answered"),
        ("d", 13, "inbound", "Business", "abandoned"),
    ] {
        lethe.record(&call(id, &format!("2026-02-10T{hour}:00:00Z"), direction, queue, outcome)).await;
    }
    lethe.upload("c", "recording", b"RIFF").await;
    for (body, wanted) in [
        (json!({ "outcome": "abandoned" }), vec!["d", "b"]),
        (json!({ "outcome": "Abandoned" }), vec![]),
        (json!({ "direction": "inbound" }), vec!["d", "c", "a"]),
        (json!({ "direction": "inbound", "outcome": "answered", "from": "2026-02-10T11:00:00Z" }), vec!["c"]),
        (json!({ "queues": ["Invoice", "Business"] }), vec!["d", "b", "a"]),
        (json!({ "queues": ["Invoice", "nowhere"], "queue": "Invoice" }), vec!["b", "a"]),
        (json!({ "queues": ["Business"], "queue": "Invoice" }), vec![]),
        (json!({ "has_content": true }), vec!["c"]),
        (json!({ "has_content": false, "direction": "inbound" }), vec!["d", "a"]),
        (json!({ "external_id": "b" }), vec!["b"]),
        (json!({ "external_id": "b", "direction": "inbound" }), vec![]),
        (json!({ "external_id": "B" }), vec![]),
        (json!({ "anonymized": true }), vec![]),
        (json!({ "anonymized": false, "queue": "Invoice" }), vec!["b", "a"]),
    ] {
        assert_eq!(lethe.find(&body).await, wanted, "{body}");
        let mut small = body.clone();
        small["limit"] = json!(1);
        assert_eq!(lethe.find(&small).await, wanted, "{small}");
    }
    let refuse = async |body: Value| lethe.caller("dpo").post("/archive/search", &body).await.mistakes();
    for (body, wanted) in [
        (json!({ "queues": [] }), "/queues required"),
        (json!({ "queues": vec!["q"; 51] }), "/queues too_many"),
        (json!({ "queues": ["q".repeat(501)] }), "/queues/0 too_long"),
        (json!({ "outcome": "o".repeat(501) }), "/outcome too_long"),
        (json!({ "external_id": "e".repeat(201) }), "/external_id too_long"),
        (json!({ "direction": "sideways" }), "/direction format"),
        (json!({ "changed_since": "2026-02-10" }), "/changed_since format"),
    ] {
        assert_eq!(refuse(body.clone()).await, [wanted], "{body}");
    }
});

each_store!(a_search_finds_what_has_changed, |lethe: TestLethe| async move {
    let old = call("old", LATER, "inbound", "Invoice", "answered");
    lethe.record(&old).await;
    lethe.record(&call("untouched", LATER, "inbound", "Invoice", "answered")).await;
    let since = lethe::base::clock::Clock::System.now();
    for id in ["b", "a"] {
        lethe.record(&call(id, BEFORE, "inbound", "Invoice", "answered")).await;
    }
    lethe.record(&old).await;
    let body = json!({ "changed_since": since });
    assert_eq!(lethe.find(&body).await, ["old", "a", "b"], "the latest change comes first");
    let small = json!({ "changed_since": since, "limit": 1 });
    assert_eq!(lethe.find(&small).await, ["old", "a", "b"]);
    let both = json!({ "changed_since": since, "to": LATER });
    assert_eq!(lethe.find(&both).await, ["a", "b"]);
    assert_eq!(lethe.find(&json!({ "changed_since": lethe::base::clock::Clock::System.now() })).await, [""; 0]);
});

each_store!(a_pass_changes_records_without_telling_them_apart, |lethe: TestLethe| async move {
    let sivert = whole();
    let ola = json!({ "phone_number": "41234567" });
    for (id, customer) in [("s1", &sivert), ("s2", &sivert), ("o1", &ola), ("o2", &ola)] {
        lethe.record(&record("interactions", id, BEFORE, customer, "nothing")).await;
    }
    let since = lethe::base::clock::Clock::System.now();
    let other = json!({ "phone_number": "41234567", "to_date": "2026-02-15", "targets": ["archive"] });
    lethe.enter_request(&other).await;
    forget(&lethe, json!({ "phone_number": NUMBER })).await;
    let mut changed = lethe.find(&json!({ "changed_since": since, "anonymized": true })).await;
    changed.sort();
    assert_eq!(changed, ["o1", "o2", "s1", "s2"]);
    let dump = lethe.dump().await;
    let mut instants: Vec<_> = dump.rows("interactions").iter().map(|row| row["changed_at"].clone().unwrap()).collect();
    instants.dedup();
    // A pass that runs over the full hour has two.
    assert!(instants.len() <= 2, "{instants:?}");
    assert!(instants.iter().all(|at| at.contains(":00:00")), "{instants:?}");
});

each_store!(an_external_id_is_no_oracle_for_numbers, |lethe: TestLethe| async move {
    let keyed = format!("call-{NUMBER}-1");
    lethe.record(&record("interactions", &keyed, BEFORE, &whole(), "nothing")).await;
    lethe.record(&record("interactions", "plain", BEFORE, &whole(), "nothing")).await;
    let hash = lethe.find(&json!({})).await.into_iter().find(|id| id.starts_with("hash-")).unwrap();
    let find = async |id: &str| lethe.find(&json!({ "external_id": id })).await.len();
    assert_eq!((find(&keyed).await, find(&hash).await, find("plain").await), (0, 1, 1));
    forget(&lethe, json!({ "phone_number": NUMBER })).await;
    assert_eq!((find(&keyed).await, find(&hash).await, find("plain").await), (0, 0, 1));
    assert_eq!(find("Anonymized").await, 0);
});

each_store!(a_rare_match_ends_a_page_early, |lethe: TestLethe| async move {
    // As many records as a call reads, and more: the only match is the oldest one.
    let count = MOST_READ + 2_000;
    let at = |no: u32| {
        let at = chrono::DateTime::from_timestamp(1_770_000_000 + i64::from(no), 0).unwrap();
        at.to_rfc3339()
    };
    let line =
        |no: u32| call(&no.to_string(), &at(no), if no == 0 { "outbound" } else { "inbound" }, "q", "o").to_string();
    lethe.ingest("interactions", (0..count).map(line).collect::<Vec<_>>().join("\n")).await;
    let first = lethe.search(&json!({ "direction": "outbound" })).await;
    assert_eq!(first["items"], json!([]));
    let cursor = first["next_cursor"].as_str().expect("the search goes on");
    let second = lethe.search(&json!({ "direction": "outbound", "cursor": cursor })).await;
    assert_eq!(second["items"][0]["external_id"], "0");
    assert_eq!(second["next_cursor"], Value::Null);
    // A page that is found before that is a usual one.
    let usual = lethe.search(&json!({ "direction": "inbound", "limit": 200 })).await;
    assert_eq!(usual["items"].as_array().unwrap().len(), 200);
    let all = lethe.caller("dpo").all("/archive/search", &json!({ "outcome": "o" })).await;
    assert_eq!(all.len(), count as usize, "nothing twice, and nothing left out");
});
