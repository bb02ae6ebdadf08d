//! Records are ingested while a pass forgets. Not one is wrong, on either side of the cut-off.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::harness::{Caller, TestLethe, each_store};

/// The number of passes, each with its share of the customers. Records are sent during all passes, so a story with more
/// passes takes much longer.
const NIGHTS: u64 = 2;

/// Records of one side of the cut-off in a batch: many, so that passes run between its two databases.
const BATCH: u64 = 90;

fn number(customer: u64) -> String {
    format!("+47900{customer:05}")
}

/// One batch: for some customers a record before and one after the cut-off, and one that mentions the next customer.
fn batch(customers: u64, sender: u64, round: u64) -> String {
    let mut lines = String::new();
    for step in 0..BATCH {
        let customer = (round * 7 + step + sender) % customers;
        for (side, day) in [("late", "2026-02-10"), ("new", "2026-02-20")] {
            let record = json!({
                "external_id": format!("{side}-{sender}-{round}-{step}"), "channel": "call",
                "started_at": format!("{day}T10:00:00Z"),
                "customer": { "phone_number": number(customer), "name": "Kari Nordmann" },
                "attributes": { "notes": format!("see {}", number((customer + 1) % customers)) },
            });
            lines.push_str(&record.to_string());
            lines.push('\n');
        }
    }
    lines
}

/// Sends batches until it is stopped, and returns their number.
async fn send(caller: Caller, customers: u64, sender: u64, stop: Arc<AtomicBool>) -> u64 {
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) || round < 3 {
        let told = caller.ingest("interactions", batch(customers, sender, round)).await.expect(200).json();
        assert_eq!(told["rejected"], json!([]), "{told}");
        round += 1;
    }
    round
}

/// Customers are forgotten while their records keep coming.
async fn no_record_slips_past(lethe: TestLethe, customers: u64) {
    let stop = Arc::new(AtomicBool::new(false));
    let mut senders = Vec::new();
    for sender in 0..3 {
        senders.push(tokio::spawn(send(lethe.caller("integration"), customers, sender, Arc::clone(&stop))));
    }
    let officer = lethe.caller("dpo");
    let mut asked = BTreeSet::new();
    for round in 0..NIGHTS {
        let chosen: Vec<_> = (0..customers).filter(|customer| customer % NIGHTS == round).collect();
        let rows: Vec<_> = chosen
            .iter()
            .map(|customer| json!({ "phone_number": number(*customer), "to_date": "2026-02-15", "targets": ["archive"] }))
            .collect();
        officer.post("/anonymize-requests/batch", &json!({ "create": rows })).await.expect(200);
        asked.extend(chosen);
        lethe.night("2026-02-16T02:00:00Z").await.well();
    }
    stop.store(true, Ordering::Relaxed);
    let mut rounds = 0;
    for sender in senders {
        rounds += sender.await.unwrap();
    }
    // Each customer has a request now. A last pass carries out the requests that came too late.
    lethe.night("2026-02-16T02:00:00Z").await.well();
    assert_eq!(asked.len() as u64, customers);

    let records = officer.all("/archive/search", &json!({})).await;
    assert_eq!(records.len() as u64, rounds * 2 * BATCH, "every record is there once");
    let wrong: Vec<_> = records.iter().filter(|record| !is_right(record)).collect();
    assert!(wrong.is_empty(), "{} of {} are wrong, first: {}", wrong.len(), records.len(), wrong[0]);
    let dump = lethe.dump().await;
    let ids: BTreeSet<_> = dump.rows("vault.identifiers").iter().map(|row| row["id"].clone()).collect();
    for row in dump.rows("interactions") {
        assert!(row["phone_id"].is_none() || ids.contains(&row["phone_id"]), "an id refers to nothing");
    }
    for row in dump.rows("mentions") {
        assert!(row["identifier_id"].is_none() || ids.contains(&row["identifier_id"]), "an id refers to nothing");
    }
}

each_store!(no_record_of_many_customers_slips_past_a_pass, |lethe: TestLethe| async move {
    no_record_slips_past(lethe, 32).await;
});

each_store!(no_record_of_few_customers_slips_past_a_pass, |lethe: TestLethe| async move {
    no_record_slips_past(lethe, 6).await;
});

/// A record up to the cut-off shows nobody. A later one shows its customer and its mention.
fn is_right(record: &Value) -> bool {
    let late = record["external_id"].as_str().unwrap().starts_with("late");
    let phone = record["customer"]["phone_number"].as_str().unwrap();
    let name = record["customer"]["name"].as_str().unwrap();
    let notes = record["attributes"]["notes"].as_str().unwrap();
    if late {
        phone == "Anonymized" && name == "Anonymized" && notes == "see Anonymized"
    } else {
        phone.starts_with("+47900") && name == "Kari Nordmann" && notes.starts_with("see +47900")
    }
}
