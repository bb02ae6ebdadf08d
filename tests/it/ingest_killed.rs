//! Records whose server is killed while they arrive.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::harness::oracle::{TARGETS, differences, everything};
use crate::harness::{Stock, each_store};

each_store!(records_sent_again_after_a_kill_are_all_there_once, |mut lethe: TestLethe| async move {
    let stock = Stock::of(1_000, 31);
    let calm = lethe.copy_of_empty().await;
    stock.load(&calm).await;
    let wanted = everything(&calm).await;
    drop(calm);

    let lines = stock.lines(sample::SampleKind::Interactions);
    let mut killed = 0;
    for round in 1..=4_u64 {
        let call = lethe.caller("integration").call("POST", "/archive/interactions");
        let sending = tokio::spawn(call.header("content-type", "application/x-ndjson").body(lines.clone()).send());
        tokio::time::sleep(Duration::from_millis(round * 40)).await;
        killed += u32::from(!sending.is_finished());
        lethe.kill().await;
        let _ = sending.await;
        lethe.serve().await;
    }
    assert!(killed > 0, "no kill came in time");
    stock.load(&lethe).await;
    let found = everything(&lethe).await;
    for (kind, (target, _, _)) in TARGETS.iter().enumerate() {
        let differences = differences(&without_ids(&wanted[kind]), &without_ids(&found[kind]));
        assert!(differences.is_empty(), "{target}: {}", differences.join("\n"));
    }
    let dump = lethe.dump().await;
    for target in ["interactions", "survey_responses", "raw_events"] {
        let ids: BTreeSet<_> = dump.rows("vault.identifiers").iter().map(|row| row["id"].clone()).collect();
        for row in dump.rows(target) {
            for slot in ["phone_id", "email_id", "name_id"] {
                assert!(row[slot].is_none() || ids.contains(&row[slot]), "{target}.{slot} refers to nothing");
            }
        }
    }
});

/// Records in an order of their own and without the ids that differ between two archives.
fn without_ids(records: &[Value]) -> Vec<Value> {
    let mut records = records.to_vec();
    for record in &mut records {
        record.as_object_mut().unwrap().remove("id");
    }
    records.sort_by_key(ToString::to_string);
    records
}
