//! The export for statistics: all records in the order of their ids, without any identifier.

use serde_json::{Value, json};

use crate::harness::{Needles, Stock, TestLethe, each_store};

const KINDS: [(&str, &str); 3] = [
    ("interactions", "/archive/search"),
    ("survey-responses", "/archive/survey-responses/search"),
    ("raw-events", "/archive/raw-events/search"),
];

async fn exported(lethe: &TestLethe, options: &[&str]) -> String {
    lethe.run(&[&["export-archive"], options].concat()).await.well().stdout
}

/// The lines of an export, which are in the order of their ids.
fn records(text: &str) -> Vec<Value> {
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(records.is_sorted_by(|a, b| a["id"].as_str() < b["id"].as_str()));
    records
}

each_store!(an_export_has_every_record_and_no_identifier, |lethe: TestLethe| async move {
    let stock = Stock::of(300, 5);
    stock.load(&lethe).await;
    let needles = Needles::new(stock.identifiers());
    for (kind, path) in KINDS {
        for view in ["anonymized", "pseudonymous"] {
            let text = exported(&lethe, &["--kind", kind, "--view", view]).await;
            let mut found = lethe.caller("dpo").all(path, &json!({ "view": view })).await;
            found.sort_by(|a, b| a["id"].as_str().cmp(&b["id"].as_str()));
            assert!(found.len() > 20, "{kind}");
            assert_eq!(records(&text), found, "{kind} {view}");
            needles.absent_from(&format!("the export of {kind}"), text.as_bytes());
            assert_eq!(text.contains(":\"phone_"), view == "pseudonymous", "{kind} {view}");
        }
    }
    let audited = lethe.caller("dpo").get("/audit-events?limit=200").await.expect(200).json();
    let exports = audited["items"].as_array().unwrap().iter().filter(|row| row["action"] == "archive.exported");
    assert_eq!(exports.count(), 6);
    assert_eq!(lethe.run(&["export-archive", "--view", "identified"]).await.code(), Some(64));
});

each_store!(a_spreadsheet_takes_no_cell_of_an_export_as_a_formula, |lethe: TestLethe| async move {
    for (external_id, queue) in [("=1+1", "@SUM(A1)"), ("plain", "Sales, \"north\"")] {
        let started_at = "2026-02-20T10:00:00Z";
        lethe
            .record(&json!({ "external_id": external_id, "channel": "call", "started_at": started_at, "queue": queue }))
            .await;
    }
    let text = exported(&lethe, &["--format", "csv"]).await;
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("id,external_id,channel,") && lines[0].contains(",customer_phone_number,"), "{text}");
    assert_eq!(lines.len(), 3);
    assert!(lines[1].contains(",'=1+1,call,") && lines[1].contains(",'@SUM(A1),"), "{text}");
    assert!(lines[2].contains(",plain,call,") && lines[2].contains(",\"Sales, \"\"north\"\"\","), "{text}");
});
