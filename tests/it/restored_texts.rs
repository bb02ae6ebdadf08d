//! Texts that were rescanned after a backup: a restored archive finds their newest objects, and shows nobody in clear.

use serde_json::{Value, json};

use crate::harness::{Needles, Part, TestLethe, each_store};

const NUMBER: &str = "+4791827364";
const OTHER: &str = "+4790123456";
const FORGOTTEN: &str = "+4792345678";
/// Numbers that are found as a customer's own only.
const COMMENT: &str = "ring 9&1&8&2&7&3&6&4 eller 9&0&1&2&3&4&5&6 i morgen";
const NIGHT: &str = "2026-02-16T02:00:00Z";

fn needles() -> Needles {
    Needles::new(["9&1&8&2", "91827364"])
}

async fn chat(lethe: &TestLethe, customer: Value) {
    lethe
        .record(&json!({ "external_id": "c", "channel": "chat", "started_at": "2026-02-10T10:00:00Z",
            "customer": customer }))
        .await;
}

async fn shown(lethe: &TestLethe, item: &Value, view: &str) -> String {
    let path = format!("/archive/content/{}/download?view={view}", item["id"].as_str().unwrap());
    lethe.caller("dpo").get(&path).await.expect(200).text
}

/// A comment whose customer is learned after a backup of the archive. Returns the comment.
async fn rescanned_since(lethe: &mut TestLethe) -> (Value, TestLethe) {
    chat(lethe, Value::Null).await;
    let path = format!("/archive/interactions/{}/content?kind=comment", lethe.call_of("c").await.id);
    let item = lethe.caller("integration").post_raw(&path, "text/plain", COMMENT).await.expect(201).json();
    lethe.stop().await;
    let backup = lethe.copy().await;
    lethe.serve().await;
    chat(lethe, json!({ "phone_number": NUMBER })).await;
    assert!(shown(lethe, &item, "identified").await.starts_with("ring +4791827364 eller"));
    (item, backup)
}

each_store!(a_replay_finds_the_newest_object_of_a_text, |mut lethe: TestLethe| async move {
    let (item, backup) = rescanned_since(&mut lethe).await;
    let call = json!({ "external_id": "d", "channel": "call", "started_at": "2026-02-10T10:00:00Z",
        "customer": { "phone_number": FORGOTTEN } });
    lethe.record(&call).await;
    lethe.enter_request(&json!({ "phone_number": FORGOTTEN, "to_date": "2026-02-15", "targets": ["archive"] })).await;
    lethe.stop().await;
    lethe.run(&["job", "nightly", "--as-of", NIGHT]).await.well();
    lethe.restore(&backup, &[Part::Archive]).await;
    let replayed: Value = serde_json::from_str(lethe.run(&["replay", "--json"]).await.well().stdout.trim()).unwrap();
    assert_eq!(replayed["texts_found"], json!(1), "{replayed}");
    lethe.serve().await;
    let text = shown(&lethe, &item, "identified").await;
    assert_eq!(text, "ring Anonymized eller 9&0&1&2&3&4&5&6 i morgen", "its mention was lost with the archive");
    chat(&lethe, json!({ "phone_number": OTHER })).await;
    let text = shown(&lethe, &item, "identified").await;
    assert_eq!(text, format!("ring Anonymized eller {OTHER} i morgen"), "no number of a placeholder is given twice");
});

each_store!(a_text_of_an_unnoticed_restore_shows_nobody_either, |mut lethe: TestLethe| async move {
    let (item, backup) = rescanned_since(&mut lethe).await;
    lethe.stop().await;
    lethe.restore(&backup, &[Part::Archive]).await;
    lethe.serve().await;
    chat(&lethe, json!({ "phone_number": OTHER })).await;
    let text = shown(&lethe, &item, "identified").await;
    assert_eq!(text, format!("ring Anonymized eller {OTHER} i morgen"));
    needles().absent_from("the text", text.as_bytes());
});

each_store!(a_pass_finds_the_newest_object_of_a_text, |mut lethe: TestLethe| async move {
    let (item, backup) = rescanned_since(&mut lethe).await;
    lethe.stop().await;
    lethe.restore(&backup, &[Part::Archive]).await;
    lethe.serve().await;
    let path = format!("/archive/content/{}/download", item["id"].as_str().unwrap());
    assert_eq!(lethe.caller("dpo").get(&path).await.problem(404), "not_found");
    lethe.stop().await;
    lethe.run(&["job", "nightly", "--as-of", NIGHT]).await.well();
    lethe.serve().await;
    assert!(shown(&lethe, &item, "identified").await.starts_with("ring Anonymized eller"));
});
