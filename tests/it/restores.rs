//! A restored database forgets again: the erasure journal tells of the restore, nothing is served, and `lethe replay`
//! makes the databases equal to those that were never restored.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::oracle::same;
use crate::harness::{Answer, Part, Ran, Row, Stock, TestLethe, each_store};

const NIGHT: &str = "2026-03-03T02:00:00Z";
pub const JOB: &[&str] = &["job", "nightly", "--as-of", NIGHT, "--json"];
pub const REPLAY: &[&str] = &["replay", "--json"];

/// The combinations of parts that an operator restores.
pub const RESTORES: [&[Part]; 3] = [&[Part::Archive], &[Part::Vault], &[Part::Archive, Part::Vault, Part::Objects]];

/// Waiting requests and content of some customers.
pub struct Evening {
    stock: Stock,
    requests: Vec<Value>,
    content: Vec<Value>,
}

fn request(stock: &Stock, customer: usize) -> Value {
    json!({ "phone_number": stock.customers[customer].phone_e164, "email": stock.customers[customer].email,
        "to_date": "2026-03-01", "targets": ["archive", "sms_survey", "raw_data"], "delete_content": customer.is_multiple_of(2) })
}

/// An archive with requests: 0 to 5 are carried out, 6 is edited, and 7 is cancelled.
pub async fn evening(lethe: &TestLethe) -> Evening {
    let stock = Stock::of(120, 23);
    stock.load(lethe).await;
    let mut content = Vec::new();
    for customer in &stock.customers[..12] {
        let by_number = json!({ "phone_number": customer.phone_e164 });
        if let Some(external_id) = lethe.find(&by_number).await.pop() {
            content.push(lethe.upload(&external_id, "recording", b"hello").await);
        }
    }
    assert!(content.len() > 5, "too little content to tell");
    let mut requests = Vec::new();
    for customer in 0..6 {
        requests.push(lethe.enter_request(&request(&stock, customer)).await);
    }
    for customer in [6, 7] {
        let mut late = request(&stock, customer);
        late["to_date"] = json!("2026-02-28");
        requests.push(lethe.enter_request(&late).await);
    }
    Evening { stock, requests, content }
}

fn path_of(request: &Value) -> String {
    format!("/anonymize-requests/{}", request["id"].as_str().unwrap())
}

async fn delete_content(lethe: &TestLethe, item: &Value) -> Answer {
    let path = format!("/archive/content/{}", item["id"].as_str().unwrap());
    Answer::of(lethe.caller("dpo").call("DELETE", &path)).await
}

/// The decisions of the day after the backup: a cancellation, an edit, another request, and a deletion of content.
pub async fn day(lethe: &TestLethe, evening: &Evening) {
    let dpo = lethe.caller("dpo");
    dpo.delete(&path_of(&evening.requests[7]), "\"1\"").await.expect(204);
    let edited = dpo.patch(&path_of(&evening.requests[6]), "\"1\"", &json!({ "targets": ["archive"] })).await;
    edited.expect(200);
    lethe.enter_request(&request(&evening.stock, 8)).await;
    delete_content(lethe, evening.content.last().unwrap()).await.expect(204);
}

/// The rows that must be equal after a replay. Times, passes, and the user of a lost request may differ.
pub async fn canonical(lethe: &TestLethe) -> BTreeMap<String, Vec<Row>> {
    let without: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("requests", &["attempts", "pass_id", "updated_at", "done_at", "version", "user_name"] as &[&str]),
        ("interactions", &["changed_at"]),
        ("survey_responses", &["changed_at"]),
        ("raw_events", &["changed_at"]),
    ]);
    let uncompared = [
        "actors",
        "audit_events",
        "audit_records",
        "audit_seals",
        "job_runs",
        "epochs",
        "leases",
        "gc_identifiers",
        "gc_objects",
        "tenants",
    ];
    // The next job makes the certificates of requests that a replay has finished.
    let later = ["journal_", "certificates", "scan_"];
    let dump = lethe.dump().await;
    let is_compared = |table: &str| !uncompared.contains(&table) && !later.iter().any(|part| table.contains(part));
    let tables = dump.tables.keys().filter(|table| is_compared(table));
    let mut tables: BTreeMap<_, _> = tables
        .map(|table| (table.clone(), dump.rows_without(table, without.get(table.as_str()).copied().unwrap_or(&[]))))
        .collect();
    let object =
        |(id, generation)| Row::from([("id".to_owned(), Some(id)), ("generation".to_owned(), Some(generation))]);
    // Keys that sign are made at their first use.
    let signs = |row: &Row| ["certificate", "checkpoint", "webhook"].map(Some).contains(&row["purpose"].as_deref());
    tables.entry("vault.keysets".to_owned()).or_default().retain(|row| !signs(row));
    tables.insert("objects".to_owned(), lethe.objects().into_iter().map(object).collect());
    tables
}

fn report(ran: &Ran) -> Value {
    serde_json::from_str(ran.stdout.trim()).unwrap_or_else(|_| panic!("{ran:?}"))
}

/// Nothing works for the tenant but the replay.
async fn refuses(lethe: &mut TestLethe, after: &str) {
    let before = lethe.dump().await.tables;
    let job = lethe.run(JOB).await;
    assert_eq!((job.code(), &report(&job)["error"]), (Some(78), &json!("replay_needed")), "{after}");
    assert_eq!(lethe.run(&["deliver", "--once"]).await.code(), Some(78), "{after}");
    assert_eq!(lethe.import(&[], "").await.code(), Some(78), "{after}");
    assert_eq!(lethe.run(&["journal", "status"]).await.code(), Some(78), "{after}");
    let foretold = lethe.run(&["replay", "--dry-run", "--json"]).await.well();
    assert!(report(&foretold)["objects"].as_u64() > Some(0), "{after}: {}", foretold.stdout);
    assert!(lethe.dump().await.tables == before, "{after}: something was written");
    lethe.serve().await;
    let ready = lethe.caller("dpo").get("//readyz").await;
    assert_eq!((ready.problem(503).as_str(), &ready.json()["journal"]), ("unavailable", &json!("behind")), "{after}");
    for path in ["/anonymize-requests", "/me", "/audit-events"] {
        assert_eq!(lethe.caller("dpo").get(path).await.problem(503), "replay_needed", "{after}");
    }
    assert_eq!(lethe.caller("dpo").post("/archive/search", &json!({})).await.problem(503), "replay_needed", "{after}");
    assert!(lethe.metrics().await.contains("lethe_journal_state{state=\"behind\"} 1"), "{after}");
    lethe.stop().await;
}

async fn is_in_step(lethe: &mut TestLethe, after: &str) {
    let status = lethe.run(&["journal", "status", "--json"]).await;
    assert_eq!((status.code(), &report(&status)["state"]), (Some(0), &json!("in_step")), "{after}: {}", status.stdout);
    let again = lethe.run(REPLAY).await.well();
    assert_eq!(report(&again)["behind"], json!(null), "{after}: there is nothing left to replay");
    lethe.serve().await;
    let ready = lethe.caller("dpo").get("//readyz").await.expect(200).json();
    assert_eq!(ready["journal"], json!("in_step"), "{after}");
    lethe.stop().await;
}

each_store!(a_restored_database_forgets_again, |mut lethe: TestLethe| async move {
    let evening = evening(&lethe).await;
    lethe.stop().await;
    let backup = lethe.copy().await;
    lethe.serve().await;
    day(&lethe, &evening).await;
    lethe.stop().await;
    let job = lethe.run(JOB).await.well();
    assert_eq!(report(&job)["requests_done"], json!(8), "{}", job.stdout);
    let wanted = canonical(&lethe).await;
    let forgotten = &evening.stock.customers[0].phone_e164;
    for parts in RESTORES {
        let after = format!("a restore of {parts:?}");
        let mut restored = lethe.copy().await;
        restored.restore(&backup, parts).await;
        refuses(&mut restored, &after).await;
        let ran = restored.run(REPLAY).await;
        assert_eq!(ran.code(), Some(0), "{after}: {ran:?}");
        same(&wanted, &canonical(&restored).await, &after);
        let told = report(&ran);
        assert_eq!((&told["dangling"], &told["differing"]), (&json!(0), &json!([])), "{after}: {told}");
        assert_eq!(told["lost_requests"], json!([]), "{after}: {told}");
        is_in_step(&mut restored, &after).await;
        restored.serve().await;
        assert_eq!(restored.find(&json!({ "phone_number": forgotten, "to": "2026-03-01T00:00:00Z" })).await, [""; 0]);
        // Late data arrive forgotten, also if the vault was restored.
        restored
            .record(&json!({ "external_id": "late", "channel": "call", "started_at": "2026-02-10T10:00:00Z",
                "customer": { "phone_number": forgotten } }))
            .await;
        assert_eq!(restored.find(&json!({ "phone_number": forgotten, "to": "2026-03-01T00:00:00Z" })).await, [""; 0]);
        restored.stop().await;
    }
});

each_store!(a_backup_of_a_pass_at_work_is_no_killed_pass, |mut lethe: TestLethe| async move {
    evening(&lethe).await;
    lethe.stop().await;
    let undisturbed = lethe.copy().await;
    undisturbed.run(JOB).await.well();
    let wanted = canonical(&undisturbed).await;
    for failpoint in ["claim", "journal", "content.end", "fence", "plan", "chunk", "unlink"] {
        let at_work = lethe.copy().await;
        assert!(at_work.run_with(JOB, &[("LETHE_FAILPOINT", failpoint)], Vec::new()).await.killed(), "{failpoint}");
        at_work.end_leases().await;
        let backup = at_work.copy().await;
        // A pass that was killed is resumed without a replay.
        at_work.run(JOB).await.well();
        at_work.run(&["journal", "status"]).await.well();
        for parts in [RESTORES[0], RESTORES[2]] {
            let after = format!("a restore of {parts:?} at {failpoint}");
            let restored = at_work.copy().await;
            restored.restore(&backup, parts).await;
            assert_eq!(restored.run(JOB).await.code(), Some(78), "{after}");
            let ran = restored.run(REPLAY).await;
            assert_eq!(ran.code(), Some(0), "{after}: {ran:?}");
            same(&wanted, &canonical(&restored).await, &after);
            restored.run(&["journal", "status"]).await.well();
        }
    }
});

each_store!(a_killed_replay_is_run_again, |mut lethe: TestLethe| async move {
    let evening = evening(&lethe).await;
    lethe.stop().await;
    let backup = lethe.copy().await;
    lethe.serve().await;
    day(&lethe, &evening).await;
    lethe.stop().await;
    lethe.run(JOB).await.well();
    let wanted = canonical(&lethe).await;
    let failpoints = [
        "replay.erasures",
        "replay.begun",
        "replay.settled",
        "replay.before-commit",
        "replay.claimed",
        "journal",
        "fence",
        "plan",
        "chunk",
        "unlink",
        "finish.before-commit",
        "finish",
        "fence-again",
        "vault-delete",
        "purge.before-commit",
    ];
    for failpoint in failpoints {
        let restored = lethe.copy().await;
        restored.restore(&backup, RESTORES[2]).await;
        assert!(restored.run_with(REPLAY, &[("LETHE_FAILPOINT", failpoint)], Vec::new()).await.killed(), "{failpoint}");
        restored.end_leases().await;
        assert_eq!(restored.run(JOB).await.code(), Some(78), "{failpoint}: a job does not end a replay");
        let ran = restored.run(REPLAY).await;
        assert_eq!(ran.code(), Some(0), "{failpoint}: {ran:?}");
        same(&wanted, &canonical(&restored).await, failpoint);
        restored.run(&["journal", "status"]).await.well();
    }
});

each_store!(decisions_since_the_last_night_are_made_again, |mut lethe: TestLethe| async move {
    let evening = evening(&lethe).await;
    lethe.stop().await;
    let backup = lethe.copy().await;
    lethe.serve().await;
    day(&lethe, &evening).await;
    lethe.stop().await;
    // No pass tells of this restore, but each decision does.
    lethe.restore(&backup, &[Part::Archive]).await;
    let job = lethe.run(JOB).await.well();
    assert_eq!(report(&job)["requests_done"], json!(7), "the request that was entered since is lost");
    assert!(lethe.journal().text().contains("names requests that the archive does not have"));
    let dump = lethe.dump().await;
    let ids: Vec<_> = dump.rows("requests").iter().map(|row| row["id"].clone().unwrap()).collect();
    let id = |request: &Value| request["id"].as_str().unwrap().replace('-', "");
    assert!(!ids.contains(&id(&evening.requests[7])), "it was cancelled again");
    let edited = dump.rows("requests").iter().find(|row| row["id"] == Some(id(&evening.requests[6]))).unwrap();
    assert_eq!(edited["targets"].as_deref(), Some("1"), "it was edited again");
});

each_store!(requests_that_are_lost_with_the_backup_are_named, |mut lethe: TestLethe| async move {
    let evening = evening(&lethe).await;
    lethe.stop().await;
    let backup = lethe.copy().await;
    lethe.serve().await;
    let mut late = request(&evening.stock, 9);
    late.as_object_mut().unwrap().remove("to_date");
    let lost = lethe.enter_request(&late).await;
    lethe.stop().await;
    lethe.run(JOB).await.well();
    lethe.restore(&backup, RESTORES[2]).await;
    let told = report(&lethe.run(REPLAY).await.well());
    assert_eq!(told["lost_requests"], json!([lost["id"]]), "{told}");
});

/// Puts a folder where the next object of the chain would be. So the journal is read, and nothing is written.
fn block(lethe: &TestLethe) -> PathBuf {
    let last = lethe.decisions().pop().unwrap();
    let number: u64 = last.file_name().unwrap().to_str().unwrap().parse().unwrap();
    let blocked = last.with_file_name(format!("{:020}", number + 1));
    std::fs::create_dir(&blocked).unwrap();
    blocked
}

each_store!(nothing_is_destroyed_without_the_journal, |mut lethe: TestLethe| async move {
    let evening = evening(&lethe).await;
    let blocked = block(&lethe);
    let dpo = lethe.caller("dpo");
    let path = path_of(&evening.requests[7]);
    assert_eq!(dpo.post("/anonymize-requests", &request(&evening.stock, 8)).await.problem(503), "unavailable");
    assert_eq!(dpo.patch(&path, "\"1\"", &json!({ "comment": "x" })).await.problem(503), "unavailable");
    assert_eq!(dpo.delete(&path, "\"1\"").await.problem(503), "unavailable");
    dpo.get(&path).await.expect(200);
    assert!(lethe.metrics().await.contains("lethe_journal_failures_total 3"));
    let contents = lethe.data_folder().join("journal/contents");
    std::fs::write(&contents, "").unwrap();
    assert_eq!(delete_content(&lethe, &evening.content[0]).await.problem(503), "unavailable");
    std::fs::remove_file(&contents).unwrap();
    lethe.stop().await;
    let tables = ["interactions", "mentions", "contents", "vault.erasures", "vault.identifiers", "vault.content_keys"];
    let before = lethe.dump().await;
    let job = lethe.run(JOB).await;
    assert_eq!((job.code(), &report(&job)["error"]), (Some(2), &json!("journal_unavailable")), "{}", job.stdout);
    let dump = lethe.dump().await;
    for table in tables {
        assert!(dump.rows(table) == before.rows(table), "{table} was changed");
    }
    let waits = |row: &&Row| row["last_error"].as_deref() == Some("journal_unavailable");
    assert_eq!(dump.rows("requests").iter().filter(waits).count(), 8);
    std::fs::remove_dir(blocked).unwrap();
    // The whole store is away.
    let journal = lethe.data_folder().join("journal");
    let aside = journal.with_file_name("aside");
    std::fs::rename(&journal, &aside).unwrap();
    std::fs::write(&journal, "").unwrap();
    assert_eq!(lethe.run(JOB).await.code(), Some(75));
    lethe.serve().await;
    let ready = lethe.caller("dpo").get("//readyz").await;
    assert_eq!((ready.problem(503).as_str(), &ready.json()["journal"]), ("unavailable", &json!("unknown")));
    assert_eq!(lethe.caller("dpo").get("/me").await.problem(503), "unavailable");
    lethe.stop().await;
    std::fs::remove_file(&journal).unwrap();
    std::fs::rename(&aside, &journal).unwrap();
    let job = lethe.run(JOB).await.well();
    assert_eq!(report(&job)["requests_done"], json!(8), "{}", job.stdout);
});

/// Damages the journal in one way.
type Damage = fn(&[PathBuf], &Path);

each_store!(a_damaged_journal_is_named_and_nothing_is_destroyed, |mut lethe: TestLethe| async move {
    evening(&lethe).await;
    lethe.stop().await;
    let mut foreign = lethe.copy_of_empty().await;
    foreign.enter_request(&json!({ "phone_number": "91234567", "targets": ["archive"] })).await;
    foreign.stop().await;
    let damages: [(&str, Damage); 7] = [
        ("flipped", |files, _| {
            let mut bytes = std::fs::read(&files[3]).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(&files[3], bytes).unwrap();
        }),
        ("truncated", |files, _| {
            let bytes = std::fs::read(&files[3]).unwrap();
            std::fs::write(&files[3], &bytes[..bytes.len() - 20]).unwrap();
        }),
        ("deleted first", |files, _| std::fs::remove_file(&files[0]).unwrap()),
        ("deleted last", |files, _| std::fs::remove_file(files.last().unwrap()).unwrap()),
        ("swapped", |files, _| {
            let (one, other) = (std::fs::read(&files[1]).unwrap(), std::fs::read(&files[2]).unwrap());
            std::fs::write(&files[1], other).unwrap();
            std::fs::write(&files[2], one).unwrap();
        }),
        ("emptied", |files, _| files.iter().for_each(|file| std::fs::remove_file(file).unwrap())),
        ("of another installation", |files, foreign| {
            let folder = files[0].ancestors().nth(2).unwrap();
            std::fs::remove_dir_all(folder).unwrap();
            std::fs::rename(foreign, folder).unwrap();
        }),
    ];
    for (name, damage) in damages {
        let mut damaged = lethe.copy().await;
        damage(&damaged.decisions(), &foreign.data_folder().join("journal"));
        let before = damaged.dump().await.tables;
        let job = damaged.run(JOB).await;
        assert_eq!(job.code(), Some(78), "{name}: {job:?}");
        assert!(job.stderr.contains("the erasure journal is damaged"), "{name}: {}", job.stderr);
        assert_eq!(damaged.run(REPLAY).await.code(), Some(78), "{name}");
        assert_eq!(damaged.run(&["journal", "status"]).await.code(), Some(78), "{name}");
        assert!(damaged.dump().await.tables == before, "{name}: something was changed");
        damaged.serve().await;
        let ready = damaged.caller("dpo").get("//readyz").await.expect(200).json();
        assert_eq!(ready["journal"], json!("damaged"), "{name}");
        damaged.stop().await;
    }
});

each_store!(a_heartbeat_tells_of_a_restore_though_nothing_was_due, |mut lethe: TestLethe| async move {
    lethe.stop().await;
    let backup = lethe.copy().await;
    lethe.run(JOB).await.well();
    assert_eq!(lethe.decisions().len(), 1);
    lethe.restore(&backup, RESTORES[2]).await;
    assert_eq!(lethe.run(JOB).await.code(), Some(78));
    lethe.run(REPLAY).await.well();
    is_in_step(&mut lethe, "a restore of empty databases").await;
});
