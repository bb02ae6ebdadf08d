//! Old objects leave the erasure journal: neither damage nor a restore is seen, and a backup that is older than the journal
//! is refused.

use serde_json::{Value, json};

use crate::harness::{Part, TestLethe, each_store};

const NIGHT: &str = "2026-03-03T02:00:00Z";
/// The time of a later pass, whose objects expire too.
const BETWEEN: &str = "2028-03-03T02:00:00Z";
/// All objects of the tests are older than 400 days then.
const LATER: &str = "2030-03-03T02:00:00Z";
const BOTH: &[Part] = &[Part::Archive, Part::Vault, Part::Objects];

/// A customer's call with a recording, and the request to forget the customer.
async fn request(lethe: &TestLethe, external_id: &str, number: &str) {
    let call = json!({ "external_id": external_id, "channel": "call", "started_at": "2026-02-10T10:00:00Z",
        "customer": { "phone_number": number } });
    lethe.record(&call).await;
    lethe.upload(external_id, "recording", b"hello").await;
    lethe
        .enter_request(&json!({ "phone_number": number, "to_date": "2026-03-01", "targets": ["archive"],
            "delete_content": true }))
        .await;
}

async fn status(lethe: &TestLethe) -> Value {
    let ran = lethe.run(&["journal", "status", "--json"]).await.well();
    serde_json::from_str(ran.stdout.trim()).unwrap()
}

/// The rows of the journal in both databases.
async fn rows(lethe: &TestLethe) -> usize {
    let dump = lethe.dump().await;
    ["journal_entries", "vault.journal_entries"].into_iter().map(|table| dump.rows(table).len()).sum()
}

/// Runs a pass in the far future, and checks the state after it.
async fn expire(lethe: &TestLethe, after: &str) {
    lethe.run(&["job", "nightly", "--as-of", LATER]).await.well();
    let left = status(lethe).await;
    let open = &left["tenants"][0]["not_in_archive"];
    assert_eq!((&left["state"], open), (&json!("in_step"), &json!(0)), "{after}: {left}");
    assert!(left["objects"]["horizon"].as_u64() > Some(0), "{after}: {left}");
    assert_eq!(left["objects"]["entered"], json!(null), "{after}: {left}");
    assert!(!lethe.decisions()[0].ends_with(format!("{:020}", 1)), "{after}: the oldest object is gone");
    lethe.run(&["replay"]).await.well();
}

each_store!(a_running_server_writes_on_after_all_that_it_knew_has_left_the_journal, |lethe: TestLethe| async move {
    request(&lethe, "a", "91234567").await;
    lethe.run(&["job", "nightly", "--as-of", NIGHT]).await.well();
    lethe.run(&["job", "nightly", "--as-of", LATER]).await.well();
    assert!(status(&lethe).await["objects"]["horizon"].as_u64() > Some(0));
    request(&lethe, "b", "91234568").await;
    assert_eq!(status(&lethe).await["state"], json!("in_step"));
});

each_store!(old_objects_leave_the_journal, |mut lethe: TestLethe| async move {
    request(&lethe, "a", "91234567").await;
    lethe.night(NIGHT).await.well();
    lethe.stop().await;
    let old = lethe.copy().await;
    lethe.run(&["job", "nightly", "--as-of", NIGHT]).await.well();
    let (before, objects) = (rows(&lethe).await, lethe.decisions().len());
    assert!(objects >= 4, "{objects}");

    // The job is killed between the object, the rows, and the objects, and the next one continues.
    for failpoint in ["expiry.horizon", "expiry.rows"] {
        let killed = lethe.copy().await;
        let job = ["job", "nightly", "--as-of", LATER];
        assert!(killed.run_with(&job, &[("LETHE_FAILPOINT", failpoint)], Vec::new()).await.killed(), "{failpoint}");
        killed.end_leases().await;
        assert_eq!(status(&killed).await["state"], json!("in_step"), "{failpoint}");
        expire(&killed, failpoint).await;
    }

    expire(&lethe, "a night").await;
    assert!(rows(&lethe).await < before && lethe.decisions().len() < objects, "rows and objects are gone");
    assert_eq!(lethe.dump().await.rows("journal_contents").len(), 0);
    // The chain continues, and a younger backup is replayed.
    lethe.serve().await;
    request(&lethe, "b", "92345678").await;
    lethe.stop().await;
    let young = lethe.copy().await;
    lethe.run(&["job", "nightly", "--as-of", NIGHT]).await.well();
    let restored = lethe.copy().await;
    restored.restore(&young, BOTH).await;
    assert_eq!(restored.run(&["journal", "status"]).await.code(), Some(78));
    restored.run(&["replay"]).await.well();
    assert_eq!(status(&restored).await["state"], json!("in_step"));

    // The objects that an older backup would need are gone.
    lethe.restore(&old, BOTH).await;
    assert_eq!(lethe.run(&["job", "nightly", "--as-of", NIGHT]).await.code(), Some(78));
    let refused = lethe.run(&["replay", "--json"]).await;
    let told: Value = serde_json::from_str(refused.stdout.trim()).unwrap_or_else(|_| panic!("{refused:?}"));
    assert_eq!((refused.code(), &told["error"]), (Some(78), &json!("backup_too_old")), "{refused:?}");
    assert!(told["behind"].as_str().unwrap().contains("have expired"), "{told}");
});

each_store!(a_journal_that_lacks_more_than_has_expired_is_damaged, |mut lethe: TestLethe| async move {
    request(&lethe, "a", "91234567").await;
    lethe.night(NIGHT).await.well();
    lethe.stop().await;
    expire(&lethe, "a night").await;
    lethe.run(&["job", "nightly", "--as-of", NIGHT]).await.well();
    std::fs::remove_file(&lethe.decisions()[0]).unwrap();
    let status = lethe.run(&["journal", "status"]).await;
    assert_eq!(status.code(), Some(78), "{status:?}");
});

/// The report of a replay that is refused.
async fn refused(lethe: &TestLethe) -> Value {
    let refused = lethe.run(&["replay", "--json"]).await;
    assert_eq!(refused.code(), Some(78), "{refused:?}");
    serde_json::from_str(refused.stdout.trim()).unwrap_or_else(|_| panic!("{refused:?}"))
}

each_store!(a_backup_from_before_all_objects_is_too_old_as_well, |mut lethe: TestLethe| async move {
    lethe.stop().await;
    let empty = lethe.copy().await;
    for night in [NIGHT, BETWEEN] {
        lethe.run(&["job", "nightly", "--as-of", night]).await.well();
    }
    expire(&lethe, "a night").await;
    lethe.restore(&empty, BOTH).await;
    assert_eq!(refused(&lethe).await["error"], json!("backup_too_old"));
});

each_store!(a_tenant_that_is_younger_than_a_backup_hides_no_restore, |mut lethe: TestLethe| async move {
    request(&lethe, "a", "91234567").await;
    lethe.stop().await;
    lethe.run(&["job", "nightly", "--as-of", BETWEEN]).await.well();
    let before = lethe.copy().await;
    // By its name it is the first one.
    lethe.run(&["tenant", "create", "acme"]).await.well();
    expire(&lethe, "a night").await;
    lethe.restore(&before, BOTH).await;
    let told: Value = serde_json::from_str(lethe.run(&["journal", "status", "--json"]).await.stdout.trim()).unwrap();
    assert_eq!((&told["state"], &told["damage"]), (&json!("behind"), &Value::Null), "{told}");
    assert_eq!(told["lost_tenants"].as_array().map(Vec::len), Some(1), "{told}");
});
