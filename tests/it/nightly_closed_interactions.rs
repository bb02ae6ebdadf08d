//! An interaction whose content a request deleted accepts no more of it. The numbers of a dry run about retention.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lethe::base::clock::Clock;
use serde_json::{Value, json};

use crate::harness::{Answer, Caller, TestLethe, each_store};

/// Everything up to 15 February is due.
const AS_OF: &str = "2026-02-16T02:00:00Z";
const KARI: &str = "91234567";
const OLA: &str = "41234567";

fn interaction(external_id: &str, phone: &str) -> Value {
    json!({ "external_id": external_id, "channel": "call", "started_at": "2026-02-10T10:00:00Z",
        "customer": { "phone_number": phone } })
}

fn request(phone: &str, delete_content: bool) -> Value {
    json!({ "phone_number": phone, "to_date": "2026-02-15", "targets": ["archive"], "delete_content": delete_content })
}

/// Sends content of a kind to an interaction.
async fn send(lethe: &TestLethe, external_id: &str, kind: &str) -> Answer {
    let media_type = if ["recording", "attachment"].contains(&kind) { "audio/wav" } else { "text/plain" };
    let path = format!("/archive/interactions/{}/content?kind={kind}", lethe.call_of(external_id).await.id);
    lethe.caller("integration").post_raw(&path, media_type, "see you".as_bytes()).await
}

async fn told(lethe: &TestLethe, as_of: &str) -> Value {
    let dry = lethe.run(&["job", "nightly", "--as-of", as_of, "--dry-run", "--json"]).await.well();
    serde_json::from_str(dry.stdout.trim()).unwrap()
}

/// Nothing of content is anywhere: no row, no key, no object.
async fn nothing_left(lethe: &TestLethe) {
    let dump = lethe.dump().await;
    let left = (dump.rows("contents").len(), dump.rows("vault.content_keys").len(), lethe.objects().len());
    assert_eq!(left, (0, 0, 0), "rows, keys, objects");
}

each_store!(content_of_a_record_that_came_while_a_killed_pass_waited_is_deleted_too, |lethe: TestLethe| async move {
    lethe.record(&interaction("kari", KARI)).await;
    send(&lethe, "kari", "recording").await.expect(201);
    let request = lethe.enter_request(&request(KARI, true)).await;
    let job = ["job", "nightly", "--as-of", AS_OF];
    assert!(lethe.run_with(&job, &[("LETHE_FAILPOINT", "content.end")], vec![]).await.killed());
    lethe.record(&interaction("kari late", KARI)).await;
    send(&lethe, "kari late", "recording").await.expect(201);
    send(&lethe, "kari late", "transcript").await.expect(201);
    lethe.record(&interaction("ola", OLA)).await;
    send(&lethe, "ola", "transcript").await.expect(201);
    // The next runs are killed when the late ones are closed and noted, and when one of them is deleted.
    for place in ["content.select", "content.keys"] {
        lethe.end_leases().await;
        assert!(lethe.run_with(&job, &[("LETHE_FAILPOINT", place)], vec![]).await.killed(), "{place}");
    }
    lethe.end_leases().await;
    lethe.run(&job).await.well();
    let done = lethe.request(&request["id"]).await.expect(200).json();
    assert_eq!((&done["status"], &done["result"]["content"]["deleted"]), (&json!("done"), &json!(3)), "{done}");
    let dump = lethe.dump().await;
    assert_eq!((dump.rows("contents").len(), lethe.objects().len()), (1, 1), "only the other customer's is left");
    assert_eq!(send(&lethe, "kari late", "recording").await.problem(409), "content_forgotten");
});

each_store!(
    content_of_a_record_that_changes_its_customer_between_killed_runs_is_deleted,
    |lethe: TestLethe| async move {
        lethe.record(&interaction("call", KARI)).await;
        send(&lethe, "call", "recording").await.expect(201);
        let request = lethe.enter_request(&request(KARI, true)).await;
        let job = ["job", "nightly", "--as-of", AS_OF];
        // One run closes the call. It belongs to somebody else in the second run, and to her again in the third.
        for (place, customer) in [("content.select", OLA), ("content.end", KARI)] {
            assert!(lethe.run_with(&job, &[("LETHE_FAILPOINT", place)], vec![]).await.killed(), "{place}");
            lethe.end_leases().await;
            lethe.record(&interaction("call", customer)).await;
        }
        lethe.run(&job).await.well();
        assert_eq!(lethe.request(&request["id"]).await.expect(200).json()["status"], json!("done"));
        nothing_left(&lethe).await;
    }
);

each_store!(content_that_comes_after_its_deletion_is_refused, |lethe: TestLethe| async move {
    for (external_id, phone) in [("kari", KARI), ("kari silent", KARI), ("ola", OLA)] {
        lethe.record(&interaction(external_id, phone)).await;
    }
    let mut per = interaction("per", "40404040");
    per["attributes"] = json!({ "notes": "asked for +47 912 34 567" });
    lethe.record(&per).await;
    let mut after = interaction("kari later", KARI);
    after["started_at"] = json!("2026-02-20T10:00:00Z");
    lethe.record(&after).await;
    send(&lethe, "kari", "recording").await.expect(201);
    lethe.enter_request(&request(KARI, true)).await;
    lethe.enter_request(&request(OLA, false)).await;

    // This is between the deletion of the content and the unlink of the customer.
    let killed =
        lethe.run_with(&["job", "nightly", "--as-of", AS_OF], &[("LETHE_FAILPOINT", "content.end")], vec![]).await;
    assert!(killed.killed());
    lethe.end_leases().await;
    assert_eq!(send(&lethe, "kari", "recording").await.problem(409), "content_forgotten");
    let seen = lethe.search(&json!({ "phone_number": KARI, "to": "2026-02-15T00:00:00Z" })).await;
    let seen: Vec<_> = seen["items"].as_array().unwrap().iter().map(|item| item["anonymized"].clone()).collect();
    assert_eq!(seen, [json!(false), json!(false)], "no customer was forgotten yet");
    let night = lethe.night(AS_OF).await.well();
    let report: Value = serde_json::from_str(night.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(report["anonymized"]["archive"], json!(4), "closing is no forgetting: each counts once");

    // Sent again, it stays closed.
    lethe.record(&interaction("kari", KARI)).await;
    for external_id in ["kari", "kari silent"] {
        for kind in ["recording", "attachment", "chat_log", "transcript", "comment", "analysis"] {
            let refused = send(&lethe, external_id, kind).await;
            assert_eq!(refused.problem(409), "content_forgotten", "{external_id} {kind}");
            assert!(refused.json()["detail"].as_str().unwrap().starts_with("Nothing was stored"));
        }
    }
    nothing_left(&lethe).await;
    for external_id in ["ola", "per", "kari later"] {
        send(&lethe, external_id, "recording").await.expect(201);
        send(&lethe, external_id, "comment").await.expect(201);
    }

    let folder = lethe.data_folder().join("late");
    std::fs::create_dir(&folder).unwrap();
    for name in ["kari.wav", "kari.txt", "nobody.wav", "ola.mp3"] {
        std::fs::write(folder.join(name), b"late").unwrap();
    }
    let imported = lethe.run(&["import", "--json", &folder.display().to_string()]).await;
    assert_eq!(imported.code(), Some(2));
    let imported: Value = serde_json::from_str(imported.stdout.trim()).unwrap();
    assert_eq!(imported["created"], json!(1));
    let wanted = json!([{ "file": 1, "code": "content_forgotten" }, { "file": 2, "code": "content_forgotten" },
        { "file": 3, "code": "not_found" }]);
    assert_eq!(imported["rejected"], wanted);
});

each_store!(what_is_still_there_takes_more_until_it_goes, |lethe: TestLethe| async move {
    for (external_id, phone) in [("kari", KARI), ("kari 2", KARI), ("ola", OLA)] {
        lethe.record(&interaction(external_id, phone)).await;
    }
    let item = send(&lethe, "kari", "recording").await.expect(201).json();
    send(&lethe, "kari 2", "recording").await.expect(201);
    send(&lethe, "ola", "recording").await.expect(201);
    let kari = lethe.enter_request(&request(KARI, true)).await;
    lethe.enter_request(&request(OLA, true)).await;
    // A folder is no object: it cannot be deleted.
    let object = lethe.object_of(&item);
    std::fs::rename(&object, object.with_extension("aside")).unwrap();
    std::fs::create_dir_all(object.join("in the way")).unwrap();
    assert_eq!(lethe.night(AS_OF).await.code(), Some(2));
    assert_eq!(lethe.request(&kari["id"]).await.json()["last_error"], "content_store_unavailable");
    for gone in ["ola", "kari 2"] {
        assert_eq!(send(&lethe, gone, "recording").await.problem(409), "content_forgotten");
    }
    send(&lethe, "kari", "recording").await.expect(201);

    std::fs::remove_dir_all(&object).unwrap();
    std::fs::rename(object.with_extension("aside"), &object).unwrap();
    lethe.night(AS_OF).await.well();
    assert_eq!(lethe.request(&kari["id"]).await.json()["result"]["content"]["deleted"], json!(3));
    assert_eq!(send(&lethe, "kari", "recording").await.problem(409), "content_forgotten");
    nothing_left(&lethe).await;
});

/// Sends recordings and comments to an interaction until the flag is set. Returns how many were accepted.
async fn keep_sending(caller: Caller, path: String, stop: Arc<AtomicBool>) -> u64 {
    let mut taken = 0;
    while !stop.load(Ordering::Relaxed) {
        for (kind, media_type) in [("recording", "audio/wav"), ("comment", "text/plain")] {
            let sent = caller.post_raw(&format!("{path}?kind={kind}"), media_type, "see you".as_bytes()).await;
            if sent.status == 201 {
                taken += 1;
            } else {
                assert_eq!(sent.problem(409), "content_forgotten");
            }
        }
    }
    taken
}

each_store!(content_that_comes_in_during_the_pass_is_deleted_or_refused, |lethe: TestLethe| async move {
    let stop = Arc::new(AtomicBool::new(false));
    let mut senders = Vec::new();
    for no in 0..3 {
        let external_id = format!("kari {no}");
        lethe.record(&interaction(&external_id, KARI)).await;
        for _ in 0..3 {
            send(&lethe, &external_id, "recording").await.expect(201);
        }
        let path = format!("/archive/interactions/{}/content", lethe.call_of(&external_id).await.id);
        senders.push(tokio::spawn(keep_sending(lethe.caller("integration"), path, Arc::clone(&stop))));
    }
    let asked = lethe.enter_request(&request(KARI, true)).await;
    lethe.night(AS_OF).await.well();
    stop.store(true, Ordering::Relaxed);
    let mut taken = 9;
    for sender in senders {
        taken += sender.await.unwrap();
    }
    assert!(taken > 9, "no content came in during the pass");
    assert_eq!(lethe.request(&asked["id"]).await.json()["result"]["content"]["deleted"], json!(taken));
    nothing_left(&lethe).await;
});

each_store!(a_dry_run_says_what_retention_deletes, |lethe: TestLethe| async move {
    for (external_id, phone) in [("kari", KARI), ("ola", OLA)] {
        lethe.record(&interaction(external_id, phone)).await;
        for kind in ["recording", "recording", "comment", "attachment"] {
            send(&lethe, external_id, kind).await.expect(201);
        }
    }
    lethe.record(&json!({ "external_id": "new", "channel": "call", "started_at": "2036-02-10T10:00:00Z" })).await;
    send(&lethe, "new", "recording").await.expect(201);
    let later = |days: i64| (Clock::System.now() + chrono::TimeDelta::days(days)).to_rfc3339();
    let state = |state: &str| json!({ "state": state, "deleted": {} });
    assert_eq!(told(&lethe, &later(31)).await["retention"], state("off"));
    let admin = lethe.caller("operator");
    let days = json!({ "recordings": { "retention_days": { "recording": 90, "comment": 90, "voicemail": 1 } } });
    admin.patch("/tenant", "*", &days).await.expect(200);
    assert_eq!(told(&lethe, &later(29)).await["retention"], state("pending"));
    let wanted = json!({ "state": "on", "deleted": { "comment": 2, "recording": 4 } });
    assert_eq!(told(&lethe, &later(31)).await["retention"], wanted);
    // Content that a request deletes first is not past its retention any more.
    lethe.enter_request(&request(KARI, true)).await;
    let foreseen = told(&lethe, &later(31)).await;
    let wanted = json!({ "state": "on", "deleted": { "comment": 1, "recording": 2 } });
    assert_eq!(foreseen["retention"], wanted);
    assert_eq!(foreseen["content"]["deleted"], json!({ "attachment": 1, "comment": 1, "recording": 2 }));
    let dry = lethe.run(&["job", "nightly", "--as-of", &later(31), "--dry-run"]).await.well();
    assert!(dry.stdout.contains("demo: retention will delete: recording 2, comment 1\n"), "{}", dry.stdout);
    admin.patch("/tenant", "*", &json!({ "recordings": { "retention_paused": true } })).await.expect(200);
    assert_eq!(told(&lethe, &later(99)).await["retention"], state("paused"));
    admin.patch("/tenant", "*", &json!({ "recordings": { "retention_paused": false } })).await.expect(200);
    let night = lethe.night(&later(31)).await.well();
    let report: Value = serde_json::from_str(night.stdout.trim()).unwrap();
    assert_eq!((&report["content_deleted"], &report["content_expired"]), (&json!(4), &json!(3)));
});
