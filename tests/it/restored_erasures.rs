//! Erasures after a restore: a replay repeats them whatever their age, and only a later pass deletes the old ones.

use chrono::{DateTime, Utc};
use lethe::base::id::RequestId;
use lethe::store::Query;
use serde_json::{Value, json};

use crate::harness::{Answer, Part, Ran, TestLethe, each_store};
use crate::restores::{REPLAY, RESTORES};

const KARI: &str = "+4791827364";
const JOB: &[&str] = &["job", "nightly", "--json"];
const LONG_AGO: &str = "2023-01-10T12:00:00Z";

fn report(ran: &Ran) -> Value {
    serde_json::from_str(ran.stdout.trim()).unwrap_or_else(|_| panic!("{ran:?}"))
}

async fn night(lethe: &TestLethe) -> Value {
    report(&lethe.run(JOB).await.well())
}

fn call(external_id: &str) -> Value {
    json!({ "external_id": external_id, "channel": "call", "started_at": "2026-02-10T10:00:00Z",
        "customer": { "phone_number": KARI } })
}

async fn update(lethe: &TestLethe, set: impl FnOnce(Query<'_>) -> Query<'_>) {
    let archive = lethe.archive().await;
    let mut tx = archive.write().await.unwrap();
    assert_eq!(set(tx.query("UPDATE requests SET")).execute().await.unwrap(), 1);
    tx.commit().await.unwrap();
    archive.close().await;
}

/// A call of a customer, and a request that has waited since a day long ago.
async fn waiting_since_long_ago(lethe: &TestLethe) {
    lethe.record(&call("first")).await;
    let request = json!({ "phone_number": KARI, "to_date": "2026-02-15", "targets": ["archive"] });
    lethe.enter_request(&request).await;
    let entered: DateTime<Utc> = LONG_AGO.parse().unwrap();
    update(lethe, |query| query.with(" id = ", RequestId::before(entered)).with(", created_at = ", entered)).await;
}

/// Makes the request as old as if it had been done on that day too.
async fn done_long_ago(lethe: &TestLethe) {
    let done: DateTime<Utc> = LONG_AGO.parse().unwrap();
    update(lethe, |query| query.with(" done_at = ", done).push(" WHERE status = 'done'")).await;
}

/// Changes the stored settings of the tenant, without the days of grace that a change has.
async fn set_at_once(lethe: &TestLethe, section: &str, field: &str, value: Value) {
    let archive = lethe.archive().await;
    let mut tx = archive.write().await.unwrap();
    let settings: String = tx.query("SELECT settings FROM tenants").scalar().await.unwrap();
    let mut settings: Value = serde_json::from_str(&settings).unwrap();
    settings[section][field] = value;
    tx.query("UPDATE tenants SET").with(" settings = ", settings.to_string()).execute().await.unwrap();
    tx.commit().await.unwrap();
    archive.close().await;
}

/// Whether late data of the customer arrive forgotten. The probe and the ingest say the same.
async fn arrives_forgotten(lethe: &mut TestLethe, late: &str) -> bool {
    lethe.serve().await;
    let probe = json!({ "items": [{ "phone_number": KARI, "at": "2026-02-10T10:00:00Z" }] });
    let probed = lethe.caller("integration").post("/suppressions/check", &probe).await.expect(200).json();
    let suppressed = probed["items"][0]["suppressed"].as_bool().unwrap();
    lethe.record(&call(late)).await;
    let found = lethe.find(&json!({ "phone_number": KARI })).await;
    assert_eq!(found.iter().any(|id| id == late), !suppressed, "{late}: {found:?}");
    lethe.stop().await;
    suppressed
}

async fn patch(lethe: &mut TestLethe, change: &Value) {
    lethe.serve().await;
    lethe.caller("operator").patch("/tenant", "*", change).await.expect(200);
    lethe.stop().await;
}

each_store!(an_erasure_of_a_request_that_was_held_for_years_is_repeated, |mut lethe: TestLethe| async move {
    waiting_since_long_ago(&lethe).await;
    let hold =
        json!({ "phone_number": KARI, "ground": "17(3)(e)", "reference": "case 118", "review_on": "2036-08-03" });
    let hold = lethe.caller("dpo").post("/holds", &hold).await.expect(201).json();
    lethe.stop().await;
    assert_eq!(night(&lethe).await["requests_held"], json!(1));
    lethe.serve().await;
    let path = format!("/holds/{}", hold["id"].as_str().unwrap());
    Answer::of(lethe.caller("compliance").call("DELETE", &path)).await.expect(204);
    lethe.stop().await;
    let backup = lethe.copy().await;
    assert_eq!(night(&lethe).await["requests_done"], json!(1));
    for parts in RESTORES {
        let mut restored = lethe.copy().await;
        restored.restore(&backup, parts).await;
        let told = report(&restored.run(REPLAY).await.well());
        assert_eq!(told["settings_restored"], json!(parts.contains(&Part::Archive)), "{parts:?}: {told}");
        assert!(arrives_forgotten(&mut restored, "late").await, "{parts:?}");
        night(&restored).await;
        assert!(arrives_forgotten(&mut restored, "later").await, "{parts:?}: the request is still there");
    }
});

each_store!(a_replay_repeats_an_erasure_whatever_its_retention_says, |mut lethe: TestLethe| async move {
    waiting_since_long_ago(&lethe).await;
    lethe.stop().await;
    let backup = lethe.copy().await;
    assert_eq!(night(&lethe).await["requests_done"], json!(1));
    done_long_ago(&lethe).await;
    for (state, change, purged) in [
        ("paused", json!({ "erasure_retention": { "paused": true } }), 0),
        ("pending", json!({ "erasure_retention_months": 25 }), 0),
        ("on", json!({ "erasure_retention_months": 24 }), 1),
    ] {
        let mut restored = lethe.copy().await;
        patch(&mut restored, &change).await;
        let told = night(&restored).await;
        assert_eq!((&told["requests_purged"], &told["erasures_purged"]), (&json!(1), &json!(purged)), "{state}");
        restored.restore(&backup, &[Part::Vault]).await;
        restored.run(REPLAY).await.well();
        assert!(arrives_forgotten(&mut restored, "late").await, "{state}");
        // The next pass deletes exactly what the retention says.
        assert_eq!(night(&restored).await["erasures_purged"], json!(purged), "{state}");
        assert_eq!(arrives_forgotten(&mut restored, "later").await, purged == 0, "{state}");
    }
});

each_store!(a_replay_deletes_nothing_whose_pause_the_archive_has_lost, |mut lethe: TestLethe| async move {
    waiting_since_long_ago(&lethe).await;
    lethe.upload("first", "recording", b"hello").await;
    lethe.stop().await;
    let before = lethe.copy().await;
    assert_eq!(night(&lethe).await["requests_done"], json!(1));
    done_long_ago(&lethe).await;
    set_at_once(&lethe, "recordings", "retention_days", json!({ "recording": 1 })).await;
    let after = lethe.copy().await;
    let pauses = json!({ "erasure_retention": { "paused": true }, "request_retention": { "paused": true },
        "recordings": { "retention_paused": true } });
    patch(&mut lethe, &pauses).await;
    let told = night(&lethe).await;
    assert_eq!((&told["content_expired"], &told["erasures_purged"]), (&json!(0), &json!(0)), "{told}");
    lethe.restore(&before, &[Part::Vault]).await;
    lethe.restore(&after, &[Part::Archive]).await;
    let told = report(&lethe.run(REPLAY).await.well());
    assert_eq!(told["settings_restored"], json!(true), "{told}");
    let rows = async |lethe: &TestLethe| {
        let dump = lethe.dump().await;
        ["requests", "contents", "vault.erasures"].map(|table| dump.rows(table).len())
    };
    assert_eq!(rows(&lethe).await, [1, 1, 1]);
    assert!(arrives_forgotten(&mut lethe, "late").await);
    // The operator sets the pauses again, so the next job keeps all of it too.
    patch(&mut lethe, &pauses).await;
    night(&lethe).await;
    assert_eq!(rows(&lethe).await, [1, 1, 1]);
});
