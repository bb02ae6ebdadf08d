//! Webhooks when something fails: requests that cannot be carried out, runs that fail, and workers that are killed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use lethe::base::id::IdentifierId;
use lethe::store::{Db, StoreSettings, Vault};
use serde_json::{Value, json};

use crate::harness::receiver::{Got, Receiver};
use crate::harness::{Needles, Store, TestLethe, each_store, kills, signal, until};
use crate::webhooks::{calmly, deliver, enter, send_test};

const AS_OF: &str = "2026-02-16T02:00:00Z";
const JOB: &[&str] = &["job", "nightly", "--as-of", AS_OF, "--json"];
const KANARI: &str = "+4791827364";
const OLA: &str = "+4740506071";
const FAILURES: &[&str] = &["anonymize_request.failing", "job.failed"];

async fn forget(lethe: &TestLethe, number: &str) -> Value {
    let request = json!({ "phone_number": number, "to_date": "2026-02-15", "targets": ["archive"] });
    lethe.enter_request(&request).await["id"].clone()
}

fn failing(request: &Value, error: &str) -> (String, Value) {
    let data = json!({ "request_id": request, "status": "waiting", "attempts": 1, "error": error });
    ("anonymize_request.failing".to_owned(), data)
}

/// The kinds and the data of the messages of one round, in their order. None of them contains an identifier.
async fn told(lethe: &TestLethe, receiver: &Receiver) -> Vec<(String, Value)> {
    deliver(lethe).await.well();
    let all = receiver.take();
    let bodies: String = all.iter().map(|got| got.body.as_str()).collect();
    let found = Needles::new(["91827364", "40506071", "Kanari Fuglesang"]).found_in(bodies.as_bytes());
    assert!(found.is_empty(), "{found:?}");
    let mut told: Vec<_> = all
        .iter()
        .map(Got::json)
        .map(|event| (event["type"].as_str().unwrap().to_owned(), event["data"].clone()))
        .collect();
    told.sort_by_key(|(kind, data)| (kind.clone(), data.to_string()));
    told
}

/// Puts a folder where the next object of the journal would be. So the journal is read, and nothing is written.
fn block(lethe: &TestLethe) -> PathBuf {
    let last = lethe.decisions().pop().unwrap();
    let number: u64 = last.file_name().unwrap().to_str().unwrap().parse().unwrap();
    let blocked = last.with_file_name(format!("{:020}", number + 1));
    std::fs::create_dir(&blocked).unwrap();
    blocked
}

/// Does what no migration does to a table of the archive.
async fn alter(lethe: &TestLethe, statement: &'static str) {
    let archive = lethe.archive().await;
    let mut tx = archive.write().await.unwrap();
    tx.query(statement).execute().await.unwrap();
    tx.commit().await.unwrap();
    archive.close().await;
}

/// Deletes an identifier from the vault, as a restored vault may lack one.
async fn lose(lethe: &TestLethe, id: IdentifierId) {
    let (url, schema) = match lethe.store() {
        Store::Postgres => (lethe.archive_url(), Some("vault")),
        Store::Sqlite => (lethe.archive_url().replace("archive.db", "vault.db"), None),
    };
    let patience = std::time::Duration::from_secs(10);
    let vault = Db::<Vault>::open(&StoreSettings { url: url.into(), schema, connections: 1, patience }).await.unwrap();
    let mut tx = vault.write().await.unwrap();
    let deleted = tx.query("DELETE FROM identifiers").with(" WHERE id = ", id).execute().await.unwrap();
    assert_eq!(deleted, 1);
    tx.commit().await.unwrap();
    vault.close().await;
}

/// An id as a dump writes it.
fn plain(id: &Value) -> String {
    id.as_str().unwrap().replace('-', "")
}

each_store!(a_failed_run_is_told_each_time_and_its_requests_once, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let receiver = Receiver::start();
    enter(&lethe, &receiver.url, FAILURES).await;
    let kanari = forget(&lethe, KANARI).await;
    let mut runs = Vec::new();
    let mut note = |run: &(String, Value), error: &str, stopped_at: &str| {
        let (kind, data) = run;
        assert_eq!(kind, "job.failed");
        assert_eq!((&data["error"], &data["stopped_at"]), (&json!(error), &json!(stopped_at)), "{data}");
        runs.push(plain(&data["job_run_id"]));
    };

    // Nothing is forgotten while the journal cannot be written.
    let blocked = block(&lethe);
    for is_first in [true, false] {
        assert_eq!(lethe.night(AS_OF).await.code(), Some(2));
        let mut all = told(&lethe, &receiver).await;
        note(&all.pop().unwrap(), "journal_unavailable", "journal");
        let expected: Vec<_> = is_first.then(|| failing(&kanari, "journal_unavailable")).into_iter().collect();
        assert_eq!(all, expected);
    }
    std::fs::remove_dir(blocked).unwrap();

    // The event of the same request is sent again, because it fails for another reason.
    alter(&lethe, "ALTER TABLE pass_work RENAME COLUMN component TO was_component").await;
    for is_first in [true, false] {
        assert_eq!(lethe.night(AS_OF).await.code(), Some(1));
        let mut all = told(&lethe, &receiver).await;
        note(&all.pop().unwrap(), "pass_failed", "plan");
        let expected: Vec<_> = is_first.then(|| failing(&kanari, "pass_failed")).into_iter().collect();
        assert_eq!(all, expected);
    }
    alter(&lethe, "ALTER TABLE pass_work RENAME COLUMN was_component TO component").await;

    let dump = lethe.dump().await;
    let failed: BTreeSet<_> = dump.rows("job_runs").iter().map(|row| row["id"].clone().unwrap()).collect();
    assert_eq!((runs.len(), runs.into_iter().collect::<BTreeSet<_>>()), (4, failed), "each run is told of once");
    lethe.night(AS_OF).await.well();
    assert!(told(&lethe, &receiver).await.is_empty());
    assert_eq!(lethe.request(&kanari).await.expect(200).json()["status"], "done");
});

each_store!(a_request_that_leaves_its_pass_is_told_with_its_reason, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let receiver = Receiver::start();
    enter(&lethe, &receiver.url, FAILURES).await;
    // A text that the job cannot read. It came before its customer was known, so it is to be searched again.
    let chat = |customer: Value| json!({ "external_id": "c", "channel": "chat", "started_at": "2026-02-10T10:00:00Z", "customer": customer });
    lethe.record(&chat(Value::Null)).await;
    let path = format!("/archive/interactions/{}/content?kind=comment", lethe.call_of("c").await.id);
    let text = "Kanari ringte, og mer. ".repeat(40_000);
    lethe.caller("integration").post_raw(&path, "text/plain", text).await.expect(201);
    lethe.record(&chat(json!({ "phone_number": KANARI, "name": "Kanari Fuglesang" }))).await;
    let kanari = forget(&lethe, KANARI).await;
    // An identifier that the vault does not have.
    let ola = forget(&lethe, OLA).await;
    let dump = lethe.dump().await;
    let row = dump.rows("requests").iter().find(|row| row["id"] == Some(plain(&ola))).unwrap();
    lose(&lethe, IdentifierId(row["phone_id"].as_deref().unwrap().parse().unwrap())).await;

    let little = [("LETHE_MEMORY__BUDGET", "8388608")];
    let mut expected = vec![failing(&kanari, "text_unreadable"), failing(&ola, "identifier_unreadable")];
    expected.sort_by_key(|(_, data)| data.to_string());
    for expected in [expected, Vec::new()] {
        let ran = lethe.run_with(JOB, &little, Vec::new()).await;
        assert_eq!(ran.code(), Some(2), "{}", ran.stderr);
        assert_eq!(told(&lethe, &receiver).await, expected, "a request is told of once, however many nights it waits");
    }
    let dump = lethe.dump().await;
    for (request, error) in [(&kanari, "text_unreadable"), (&ola, "identifier_unreadable")] {
        let row = dump.rows("requests").iter().find(|row| row["id"] == Some(plain(request))).unwrap();
        let attempts: u32 = row["attempts"].as_deref().unwrap().parse().unwrap();
        assert_eq!((row["last_error"].as_deref(), attempts >= 2), (Some(error), true), "{row:?}");
    }
});

each_store!(the_metrics_tell_of_messages_that_wait_and_that_were_sent, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let receiver = Receiver::start();
    let webhook = enter(&lethe, &receiver.url, FAILURES).await;
    send_test(&lethe, &webhook).await;
    until("the message has waited for a second", async || {
        let shown = lethe.metrics().await;
        assert!(shown.contains("lethe_webhook_messages_pending 1\n"), "{shown}");
        !shown.contains("lethe_webhook_oldest_pending_seconds 0\n")
    })
    .await;
    deliver(&lethe).await.well();
    let shown = lethe.metrics().await;
    for line in ["messages_pending 0", "oldest_pending_seconds 0", "messages_total{state=\"delivered\"} 0"] {
        assert!(shown.contains(&format!("lethe_webhook_{line}\n")), "another process has sent it: {line} in {shown}");
    }

    lethe.stop().await;
    lethe.set("DELIVERY__SERVE", "true");
    lethe.set("DELIVERY__INTERVAL", "1");
    lethe.serve().await;
    for (status, line) in [(204, "{state=\"delivered\"} 0\n"), (500, "{state=\"failed\"} 0\n")] {
        receiver.says(status);
        send_test(&lethe, &webhook).await;
        // The counter of this state is no longer zero.
        until("the metric counts the message", async || {
            !lethe.metrics().await.contains(&format!("lethe_webhook_messages_total{line}"))
        })
        .await;
    }
    let shown = lethe.metrics().await;
    assert!(shown.contains("lethe_webhook_messages_total{state=\"delivered\"} 1\n"), "{shown}");
    assert!(shown.contains("lethe_webhook_messages_pending 1\n"), "{shown}");
});

/// The number of events that wait when a worker is killed.
const EVENTS: usize = 150;

const ONCE: &[&str] = &["deliver", "--once"];

/// The ids of the messages of each request that a receiver got.
fn by_request(all: &[Got]) -> BTreeMap<String, BTreeSet<String>> {
    let mut messages = BTreeMap::<_, BTreeSet<_>>::new();
    for got in all {
        let event = got.json();
        assert_eq!(event["id"], got.id());
        messages.entry(plain(&event["data"]["request_id"])).or_default().insert(got.id().to_owned());
    }
    messages
}

/// The next number of a sequence, below a thousand.
fn next_permille(seed: &mut u64) -> u32 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    u32::try_from((*seed >> 33) % 1_000).unwrap()
}

each_store!(a_worker_killed_at_random_instants_loses_no_event, |mut lethe: TestLethe| async move {
    calmly(&mut lethe).await;
    let receiver = Receiver::start();
    enter(&lethe, &receiver.url, &["anonymize_request.created"]).await;
    let row = json!({ "phone_number": KANARI, "to_date": "2026-02-15", "targets": ["archive"] });
    let batch = json!({ "create": vec![row; EVENTS] });
    lethe.caller("dpo").post("/anonymize-requests/batch", &batch).await.expect(200);
    lethe.stop().await;
    let dump = lethe.dump().await;
    let wanted: BTreeSet<_> = dump.rows("requests").iter().map(|row| row["id"].clone().unwrap()).collect();
    assert_eq!(wanted.len(), EVENTS);

    let undisturbed = lethe.copy().await;
    let began = Instant::now();
    let worker = undisturbed.start(ONCE);
    let receiver = receiver.hears().await;
    let first = began.elapsed();
    worker.end().await.well();
    let whole = began.elapsed();
    let got = receiver.take();
    assert_eq!(got.len(), EVENTS);
    assert!(by_request(&got).into_keys().eq(wanted.iter().cloned()));

    // Most kills come while messages are sent, and some before.
    let begin = first * 3 / 4;
    let (kills, mut killed_within, mut seed) = (kills(6), 0, 23);
    for no in 1..=kills {
        let killed = lethe.copy().await;
        let worker = killed.start(ONCE);
        tokio::time::sleep(begin + whole.saturating_sub(begin) * next_permille(&mut seed) / 1_000).await;
        signal(worker.pid, "KILL");
        killed_within += u32::from(worker.end().await.killed());
        // The messages of a killed worker belong to it for a minute. The story does not wait for its end.
        alter(&killed, "UPDATE webhook_messages SET claim = NULL, claimed_until = NULL").await;
        killed.run(ONCE).await.well();
        let messages = by_request(&receiver.take());
        assert!(messages.keys().eq(&wanted), "a kill at {no}/{kills}: {} of {EVENTS} events", messages.len());
        let again: Vec<_> = messages.values().filter(|ids| ids.len() > 1).collect();
        assert!(again.is_empty(), "a kill at {no}/{kills}: a message was sent again under another id: {again:?}");
        let dump = killed.dump().await;
        let delivered = dump.rows("webhook_messages").iter().filter(|row| row["state"].as_deref() == Some("delivered"));
        assert_eq!(delivered.count(), EVENTS, "a kill at {no}/{kills}");
    }
    assert!(killed_within > 0, "no kill came in time");
});
