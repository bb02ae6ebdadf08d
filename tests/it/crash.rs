//! The job is killed at any point, and nothing is lost: the next start brings the pass to the same end as a pass that
//! was not killed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::oracle::same;
use crate::harness::{Ran, Row, Stock, TestLethe, each_store, kills, signal};

const JOB: &[&str] = &["job", "nightly", "--as-of", "2026-03-03T02:00:00Z", "--json"];

/// Recordings, a chat and a delivery of some customers' calls; the chats also mention a person that no request forgets.
async fn record(lethe: &TestLethe, stock: &Stock) {
    let (mut recorded, mut bystander) = (0, None);
    for (no, customer) in stock.customers.iter().enumerate().rev() {
        let by_number = json!({ "phone_number": customer.phone_e164 });
        let Some(external_id) = lethe.find(&by_number).await.pop() else { continue };
        let phone = lethe.call_of(&external_id).await.phone_id.unwrap();
        let other = *bystander.get_or_insert(phone);
        if no >= 8 {
            continue;
        }
        let recording = lethe.upload(&external_id, "recording", b"hello").await;
        lethe.upload(&external_id, "voicemail", b"hello?").await;
        lethe.chat(&external_id, &[phone, other]).await;
        let (state, files): (_, &[&str]) =
            if no % 2 == 0 { ("delivered", &["a.wav", "a.xml"]) } else { ("pending", &[]) };
        lethe.delivery(&external_id, &recording, state, files).await;
        recorded += 1;
    }
    assert!(recorded > 3, "too few calls to tell");
    let nick = json!({ "external_id": "nick", "channel": "chat", "started_at": "2026-02-20T10:00:00Z",
        "customer": { "name": "Blue Panther" }, "attributes": { "note": "Blue Panther" } });
    lethe.record(&nick).await;
    // A note that came before anybody knew whose it was, and names the customer.
    let late = json!({ "external_id": "late", "channel": "chat", "started_at": "2026-02-20T10:00:00Z" });
    lethe.record(&late).await;
    let path = format!("/archive/interactions/{}/content?kind=comment", lethe.call_of("late").await.id);
    let note = lethe.caller("integration").post_raw(&path, "text/plain", "Kanari Fuglesang ringte").await;
    note.expect(201);
    let customer = json!({ "phone_number": stock.customers[0].phone_e164, "name": "Kanari Fuglesang" });
    lethe.record(&json!({ "customer": customer, "external_id": "late", "channel": "chat", "started_at": late["started_at"] })).await;
}

/// An evening: an archive and requests for some of its customers, up to different days; nothing runs.
async fn evening(lethe: &mut TestLethe, interactions: u64) -> usize {
    let stock = Stock::of(interactions, 23);
    stock.load(lethe).await;
    record(lethe, &stock).await;
    let mut rows = Vec::new();
    for (no, customer) in stock.customers.iter().take(20).enumerate() {
        let to_date = ["2026-02-27", "2026-02-28", "2026-03-01"][no % 3];
        let email = customer.email.as_deref().filter(|_| no % 2 == 0);
        rows.push(json!({
            "phone_number": customer.phone_e164, "email": email, "to_date": to_date,
            "targets": ["archive", "sms_survey", "raw_data"], "delete_content": no % 3 == 1, "comment": format!("as {} said", customer.phone_e164)
        }));
    }
    // The same customer twice: records that two requests share.
    rows.push(rows[0].clone());
    // A chatter who has a nickname only, and a customer, by their interactions. The comment names somebody else.
    let named = [lethe.call_of("nick").await.id, lethe.call_of("late").await.id];
    rows.push(json!({
        "interaction_ids": named, "to_date": "2026-02-28", "targets": ["archive", "raw_data"],
        "comment": format!("like {}", stock.customers[1].phone_e164)
    }));
    let saved = lethe.caller("dpo").post("/anonymize-requests/batch", &json!({ "create": rows })).await;
    saved.expect(200);
    // One that was cancelled: its identifier is an orphan of the vault.
    let cancelled = json!({ "phone_number": "40404040", "to_date": "2026-02-27", "targets": ["archive"] });
    let cancelled = lethe.caller("dpo").post("/anonymize-requests", &cancelled).await.expect(201);
    let path = format!("/anonymize-requests/{}", cancelled.json()["id"].as_str().unwrap());
    lethe.caller("dpo").delete(&path, &cancelled.etag()).await.expect(204);
    lethe.stop().await;
    rows.len()
}

/// The content ids and generations of all objects, as ids are written in a dump.
fn objects(lethe: &TestLethe) -> BTreeSet<(String, String)> {
    let plain = |id: String| id.replace('-', "");
    lethe.objects().into_iter().map(|(id, generation)| (plain(id), plain(generation))).collect()
}

/// Every row after a pass, without the times and the numbers of attempts. Two passes over the same evening must agree
/// on it.
async fn canonical(lethe: &TestLethe, evening: &BTreeSet<(String, String)>) -> BTreeMap<String, Vec<Row>> {
    let dump = lethe.dump().await;
    let without: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("requests", &["attempts", "pass_id", "updated_at", "done_at", "version"] as &[&str]),
        ("audit_events", &["id", "at", "seq", "actor_id"]),
        ("actors", &["id", "salt"]),
        ("deliveries", &["updated_at"]),
        ("interactions", &["changed_at"]),
        ("survey_responses", &["changed_at"]),
        ("raw_events", &["changed_at"]),
        // How often a fence moved, who held the lease and which runs there were tells of the kills themselves.
        ("epochs", &["epoch"]),
        ("leases", &["token", "until_ms"]),
        ("gc_identifiers", &["position"]),
        ("certificates", &["document", "version", "done_at", "made_at"]),
    ]);
    let mut tables = BTreeMap::new();
    // The hashes of the journal differ. `lethe journal status` compares them with the journal itself.
    let is_compared = |table: &&String| {
        !["job_runs", "audit_seals", "scan_rounds"].contains(&table.as_str()) && !table.contains("journal_")
    };
    for table in dump.tables.keys().filter(is_compared) {
        tables.insert(table.clone(), dump.rows_without(table, without.get(table.as_str()).copied().unwrap_or(&[])));
    }
    // Each run scans, and a later one may make a certificate again.
    let repeated = [Some("archive.scanned"), Some("certificate.issued")];
    tables.entry("audit_events".to_owned()).or_default().retain(|row| !repeated.contains(&row["action"].as_deref()));
    let object = |(id, generation)| {
        Row::from([("content_id".to_owned(), Some(id)), ("generation".to_owned(), Some(generation))])
    };
    if let Some(rows) = tables.get_mut("audit_events") {
        // A text that was being rescanned waits for another pass. Both passes together delete the same ids.
        let mut unlinked: Vec<Row> =
            rows.extract_if(.., |row| row["action"].as_deref() == Some("audit.unlinked")).collect();
        let records: u64 = unlinked.iter().map(|row| row["records"].as_deref().unwrap().parse::<u64>().unwrap()).sum();
        if let Some(mut row) = unlinked.pop() {
            row.insert("records".to_owned(), Some(records.to_string()));
            rows.push(row);
        }
    }
    // Keys that sign are made at their first use.
    let signs = |row: &Row| ["certificate", "checkpoint", "webhook"].map(Some).contains(&row["purpose"].as_deref());
    tables.entry("vault.keysets".to_owned()).or_default().retain(|row| !signs(row));
    tables.insert("objects".to_owned(), objects(lethe).into_iter().map(object).collect());
    // A killed rescan leaves an object of the old or the new text. `gc_objects` deletes it when it is a week old.
    let name = |row: &Row, id: &str| (row[id].clone().unwrap(), row["generation"].clone().unwrap());
    let named: BTreeSet<_> = dump.rows("contents").iter().map(|row| name(row, "id")).collect();
    let ids: BTreeSet<&String> = named.iter().map(|(id, _)| id).collect();
    for table in ["objects", "vault.content_keys"] {
        tables.entry(table.to_owned()).or_default().retain(|row| {
            let name = name(row, "content_id");
            named.contains(&name) || evening.contains(&name) && !ids.contains(&name.0)
        });
    }
    // A rescanned text is an object of a new generation, under another key.
    let rescanned: BTreeSet<&String> = named.difference(evening).map(|(_, generation)| generation).collect();
    for row in tables.values_mut().flatten() {
        if row.get("generation").and_then(Option::as_ref).is_some_and(|one| rescanned.contains(one)) {
            row.insert("generation".to_owned(), None);
            row.remove("wrapped");
        }
    }
    tables
}

/// The report of a job for the one tenant.
fn report(ran: &Ran) -> Value {
    serde_json::from_str(ran.stdout.trim()).unwrap()
}

/// The names of all failpoints, from the code itself. So a new one is tried without a change of this file.
fn failpoints() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/nightly")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // No ordinary pass reaches the failpoints of a replay.
                folders.extend(Some(path).filter(|path| !path.ends_with("restore")));
                continue;
            }
            if path.ends_with("ageing.rs") {
                // No policy is set on this evening. A story of ageing.rs kills the pass there.
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap();
            let reached = text.split("failpoint::reach(\"").skip(1);
            names.extend(reached.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    names
}

/// The number of stories that share the failpoints. One story would take minutes.
const SHARES: usize = 4;

/// Kills passes at the failpoints of one share.
async fn killed_at_each_point_of(mut lethe: TestLethe, share: usize) {
    let requests = evening(&mut lethe, 160).await;
    let evening = objects(&lethe);
    let undisturbed = lethe.copy().await;
    undisturbed.run(JOB).await.well();
    let wanted = canonical(&undisturbed, &evening).await;
    let done = wanted["requests"].iter().filter(|row| row["status"].as_deref() == Some("done")).count();
    assert_eq!(done, requests);
    assert!(
        !wanted["request_contents"].is_empty() && !wanted["request_files"].is_empty() && !wanted["objects"].is_empty()
    );

    let names = failpoints();
    assert!(names.len() >= 35, "{names:?}");
    let names: Vec<_> = names.into_iter().skip(share).step_by(SHARES).collect();
    let expected: Vec<_> = names.iter().filter(|name| *name == "reseal").cloned().collect();
    let mut idle = Vec::new();
    for name in names {
        let killed = lethe.copy().await;
        let ran = killed.run_with(JOB, &[("LETHE_FAILPOINT", name.as_str())], Vec::new()).await;
        if !ran.killed() {
            idle.push(name);
            continue;
        }
        // The scan and the certificates follow the pass.
        let begun = name != "claim.before-commit" && !name.starts_with("scan.") && !name.starts_with("certify.");
        assert_eq!(!killed.dump().await.rows("passes").is_empty(), begun, "{name} interrupts the pass");
        // The resumed pass is killed once more, if it reaches the failpoint. The next one is not disturbed.
        killed.end_leases().await;
        let again = killed.run_with(JOB, &[("LETHE_FAILPOINT", name.as_str())], Vec::new()).await;
        assert!(again.killed() || report(&again)["resumed"] == json!(begun), "{name}: {again:?}");
        killed.end_leases().await;
        killed.run(JOB).await.well();
        killed.run(&["journal", "status"]).await.well();
        same(&wanted, &canonical(&killed, &evening).await, &name);
    }
    // No key was rotated on this evening. A story of key_rotation.rs kills the pass there.
    assert_eq!(idle, expected, "failpoints that no pass reaches");
}

each_store!(a_pass_killed_at_a_point_of_the_first_share_ends_like_an_undisturbed_one, |lethe: TestLethe| async move {
    killed_at_each_point_of(lethe, 0).await;
});

each_store!(a_pass_killed_at_a_point_of_the_second_share_ends_like_an_undisturbed_one, |lethe: TestLethe| async move {
    killed_at_each_point_of(lethe, 1).await;
});

each_store!(a_pass_killed_at_a_point_of_the_third_share_ends_like_an_undisturbed_one, |lethe: TestLethe| async move {
    killed_at_each_point_of(lethe, 2).await;
});

each_store!(a_pass_killed_at_a_point_of_the_last_share_ends_like_an_undisturbed_one, |lethe: TestLethe| async move {
    killed_at_each_point_of(lethe, 3).await;
});

each_store!(content_of_many_batches_is_counted_once_wherever_the_pass_is_killed, |mut lethe: TestLethe| async move {
    let customer = json!({ "phone_number": "91234567", "email": "kari@example.net" });
    for (external_id, at) in [("long", "2026-02-10T10:00:00Z"), ("short", "2026-02-20T10:00:00Z")] {
        let call =
            json!({ "external_id": external_id, "channel": "call", "started_at": at, "customer": customer.clone() });
        lethe.record(&call).await;
        lethe.upload(external_id, "recording", b"hello").await;
    }
    // Two batches and a half of one interaction, and some of another that only one of the requests selects.
    lethe.recordings("long", 2_499).await;
    lethe.recordings("short", 9).await;
    let caller = lethe.caller("dpo");
    for request in [
        json!({ "phone_number": "91234567", "to_date": "2026-02-27", "targets": ["archive"], "delete_content": true }),
        json!({ "email": "kari@example.net", "to_date": "2026-02-15", "targets": ["archive"], "delete_content": true }),
    ] {
        caller.post("/anonymize-requests", &request).await.expect(201);
    }
    lethe.stop().await;
    for name in ["content.select:1", "content.objects:3", "content.keys:2", "content.before-commit:2", "content:2"] {
        let killed = lethe.copy().await;
        assert!(killed.run_with(JOB, &[("LETHE_FAILPOINT", name)], Vec::new()).await.killed(), "{name}");
        killed.end_leases().await;
        killed.run(JOB).await.well();
        let dump = killed.dump().await;
        let mut counts: Vec<_> =
            dump.rows("request_contents").iter().map(|row| row["deleted"].clone().unwrap()).collect();
        counts.sort();
        assert_eq!(counts, ["2500", "2510"], "{name}");
        let audited =
            dump.rows("audit_events").iter().filter(|row| row["action"].as_deref() == Some("content.deleted"));
        let records: u64 = audited.map(|row| row["records"].as_deref().unwrap().parse::<u64>().unwrap()).sum();
        assert_eq!(records, 2_510, "{name}");
        let left = ["contents", "vault.content_keys", "pass_interactions"].map(|table| dump.rows(table).len());
        assert_eq!((left, killed.objects().len()), ([0; 3], 0), "{name}");
    }
});

each_store!(a_resumed_pass_deletes_the_content_of_the_present_customer, |mut lethe: TestLethe| async move {
    let call = |external_id: &str, number: &str| {
        json!({ "external_id": external_id, "channel": "call", "started_at": "2026-02-10T10:00:00Z",
            "customer": { "phone_number": number } })
    };
    for external_id in ["kari's", "taken for kari's"] {
        lethe.record(&call(external_id, "91234567")).await;
        lethe.upload(external_id, "recording", b"hello").await;
    }
    let request =
        json!({ "phone_number": "91234567", "to_date": "2026-02-27", "targets": ["archive"], "delete_content": true });
    lethe.caller("dpo").post("/anonymize-requests", &request).await.expect(201);
    let ran = lethe.run_with(JOB, &[("LETHE_FAILPOINT", "content.select")], Vec::new()).await;
    assert!(ran.killed());
    lethe.record(&call("taken for kari's", "41234567")).await;
    let path = format!("/archive/interactions/{}/content?kind=recording", lethe.call_of("kari's").await.id);
    let late = lethe.caller("integration").post_raw(&path, "audio/wav", "came late").await;
    assert_eq!(late.problem(409), "content_forgotten");
    lethe.end_leases().await;
    lethe.run(JOB).await.well();
    let dump = lethe.dump().await;
    assert_eq!(dump.rows("request_contents")[0]["deleted"].as_deref(), Some("1"));
    assert_eq!((dump.rows("contents").len(), lethe.objects().len()), (1, 1), "the other customer's is left alone");
    assert_eq!(lethe.find(&json!({ "phone_number": "41234567" })).await, ["taken for kari's"]);
    lethe.stop().await;
});

each_store!(a_pass_killed_at_random_instants_ends_like_an_undisturbed_one, |mut lethe: TestLethe| async move {
    evening(&mut lethe, 400).await;
    let evening = objects(&lethe);
    let undisturbed = lethe.copy().await;
    let began = std::time::Instant::now();
    undisturbed.run(JOB).await.well();
    let whole = began.elapsed();
    let wanted = canonical(&undisturbed, &evening).await;
    let (rounds, mut killed_within) = (kills(12), 0);
    for round in 1..=rounds {
        let killed = lethe.copy().await;
        let running = killed.start(JOB);
        tokio::time::sleep(whole * round / (rounds + 1)).await;
        signal(running.pid, "KILL");
        killed_within += u32::from(running.end().await.killed());
        killed.end_leases().await;
        killed.run(JOB).await.well();
        same(&wanted, &canonical(&killed, &evening).await, &format!("a kill at {round}/{rounds}"));
    }
    assert!(killed_within > 0, "no kill came in time");
});

each_store!(a_pass_that_is_asked_to_stop_resumes_at_the_next_start, |mut lethe: TestLethe| async move {
    evening(&mut lethe, 400).await;
    let evening = objects(&lethe);
    let undisturbed = lethe.copy().await;
    undisturbed.run(JOB).await.well();
    let wanted = canonical(&undisturbed, &evening).await;
    let running = lethe.start(JOB);
    lethe.until_claimed().await;
    signal(running.pid, "TERM");
    let stopped = running.end().await;
    assert_eq!((stopped.code(), &report(&stopped)["error"]), (Some(75), &json!("interrupted")));
    assert_eq!(lethe.dump().await.rows("passes").len(), 1, "the pass is not finished");
    assert_eq!(report(&lethe.run(JOB).await.well())["resumed"], true);
    same(&wanted, &canonical(&lethe, &evening).await, "SIGTERM");
});

each_store!(a_request_that_a_pass_has_begun_is_read_only, |mut lethe: TestLethe| async move {
    let caller = lethe.caller("dpo");
    let entered = caller
        .post(
            "/anonymize-requests",
            &json!({ "phone_number": "91234567", "to_date": "2026-02-27", "targets": ["archive"] }),
        )
        .await
        .expect(201);
    let path = format!("/anonymize-requests/{}", entered.json()["id"].as_str().unwrap());
    let ran = lethe.run_with(JOB, &[("LETHE_FAILPOINT", "claim")], Vec::new()).await;
    assert!(ran.killed());
    let now = caller.get(&path).await.expect(200);
    assert_eq!((&now.json()["status"], &now.json()["attempts"]), (&json!("waiting"), &json!(1)));
    assert_eq!(caller.patch(&path, &now.etag(), &json!({ "comment": "x" })).await.problem(409), "pass_started");
    assert_eq!(caller.delete(&path, &now.etag()).await.problem(409), "pass_started");
    // The lease of the killed job has not ended yet. The next job waits for it.
    lethe.run(JOB).await.well();
    let now = caller.get(&path).await.expect(200);
    assert_eq!(now.json()["status"], "done");
    assert_eq!(caller.patch(&path, "*", &json!({ "comment": "x" })).await.problem(409), "state_conflict");
    assert_eq!(caller.delete(&path, "*").await.problem(409), "state_conflict");
    lethe.stop().await;
});
