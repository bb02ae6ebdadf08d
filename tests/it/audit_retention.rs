//! The retention of the audit log: old rows leave up to a seal, and the rows after it stay proved.

use chrono::TimeDelta;
use lethe::base::clock::Clock;
use serde_json::{Value, json};

use crate::harness::{Part, TestLethe, each_store};
use crate::seals::{call, events, search, seq, verified};
use crate::seals_changed::change;

/// A day so many days from now.
fn after(days: i64) -> String {
    (Clock::System.now() + TimeDelta::days(days)).to_rfc3339()
}

/// The number of deleted rows, as the verification of a valid log reports it.
async fn deleted(lethe: &TestLethe) -> i64 {
    let (verdict, is_valid) = verified(lethe, &[]).await;
    assert!(is_valid, "{verdict}");
    verdict["deleted"].as_i64().unwrap()
}

/// Searches once as a user.
async fn search_as(lethe: &TestLethe, user: &str) {
    let body = json!({ "phone_number": "91234567", "purpose": "a case" });
    lethe.caller_of("demo", "dpo", user).post("/archive/search", &body).await.expect(200);
}

/// A log with rows about a forgotten customer and about one who is not.
async fn some_log(lethe: &TestLethe) {
    for (external_id, number) in [("a", "91234567"), ("b", "91234567"), ("c", "92345678")] {
        lethe.record(&call(external_id, number)).await;
    }
    search(lethe, 2).await;
    search_as(lethe, "gone").await;
    lethe.caller("dpo").post("/archive/search", &json!({ "view": "identified" })).await.expect(200);
    lethe.enter_request(&json!({ "phone_number": "91234567", "to_date": "2026-02-20", "targets": ["archive"] })).await;
    lethe.night(&after(0)).await.well();
}

/// Whether the name of a user is there, and whether it is noted as unused.
async fn name_of(lethe: &TestLethe, user: &str) -> (bool, bool) {
    let dump = lethe.dump().await;
    let row = dump.rows("actors").iter().find(|row| row["sub"].as_deref() == Some(user));
    (row.is_some(), row.is_some_and(|row| row["unused_since"].is_some()))
}

each_store!(old_rows_leave_the_audit_log_after_30_days_of_grace, |mut lethe: TestLethe| async move {
    some_log(&lethe).await;
    let before = events(&lethe).await.len();
    let (verdict, _) = verified(&lethe, &[]).await;
    assert!(verdict["record_ids_deleted"].as_i64().unwrap() > 0, "{verdict}");
    // All rows are old, but the setting is new, and then it changes.
    lethe.set("AUDIT__KEEP_DAYS", "200");
    lethe.night(&after(400)).await.well();
    lethe.night(&after(429)).await.well();
    lethe.set("AUDIT__KEEP_DAYS", "180");
    lethe.night(&after(431)).await.well();
    lethe.night(&after(460)).await.well();
    assert_eq!(deleted(&lethe).await, 0);
    assert!(events(&lethe).await.len() >= before);

    lethe.night(&after(462)).await.well();
    let border = deleted(&lethe).await;
    assert!(border >= seq(before), "the rows of {before} are old, and {border} are deleted");
    let purged = lethe.caller("dpo").get("/audit-events?action=audit.purged").await.expect(200).json();
    let newest = &purged["items"][0];
    assert_eq!((&newest["detail"]["seq"], &newest["actor_name"]), (&json!(border), &json!("nightly")), "{purged}");
    assert!(newest["records"].as_i64().unwrap() > 0, "{purged}");
    let kept = events(&lethe).await;
    assert!(kept.iter().all(|event| event["seq"].as_i64().is_none_or(|seq| seq > border)), "{kept:?}");
    let dump = lethe.dump().await;
    let ids: Vec<_> = dump.rows("audit_events").iter().map(|row| &row["id"]).collect();
    assert!(dump.rows("audit_records").iter().all(|row| ids.contains(&&row["event_id"])));
    let older = |row: &&crate::harness::Row| row["seq"].as_deref().unwrap().parse::<i64>().unwrap() < border;
    assert_eq!(dump.rows("audit_seals").iter().filter(older).count(), 0, "the seals leave with their rows");

    // The log grows on.
    search(&lethe, 2).await;
    lethe.night(&after(0)).await.well();
    let (verdict, is_valid) = verified(&lethe, &[]).await;
    assert!(is_valid && verdict["rows"].as_u64().unwrap() > 6, "{verdict}");
    assert_eq!(verdict["deleted"], json!(border), "{verdict}");
    assert!(verdict["before_retention"].as_u64().unwrap() >= 1, "{verdict}");
    let plain = lethe.run(&["audit", "verify"]).await.well().stdout;
    assert!(plain.contains(&format!("demo: {border} older rows were deleted by retention")), "{plain}");

    // More days apply at once, and the job as of a past day does not make the grace shorter.
    lethe.set("AUDIT__KEEP_DAYS", "3650");
    lethe.night(&after(462)).await.well();
    lethe.set("AUDIT__KEEP_DAYS", "180");
    lethe.night("2020-01-01T03:00:00Z").await.well();
    lethe.night(&after(29)).await.well();
    assert_eq!(deleted(&lethe).await, border);
});

each_store!(an_export_begins_with_the_first_kept_row_and_proves_the_rest, |mut lethe: TestLethe| async move {
    let border = purged_log(&mut lethe).await;
    let folder = lethe.data_folder();
    let (file, keys) = (folder.join("export.ndjson"), folder.join("lethe.vkey"));
    std::fs::write(&keys, lethe.run(&["audit", "key"]).await.well().stdout).unwrap();
    let offline = ["--export", file.to_str().unwrap(), "--keys", keys.to_str().unwrap()];
    for query in ["", "?from=2020-01-01T00:00:00Z"] {
        let export = lethe.caller("dpo").get(&format!("/audit-events/export{query}")).await.expect(200).text;
        let lines: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let (end, rows) = lines.split_last().unwrap();
        assert_eq!((&rows[0]["seq"], &end["before"]["seq"]), (&json!(border + 1), &json!(border)), "{query}");
        std::fs::write(&file, &export).unwrap();
        let (verdict, is_valid) = verified(&lethe, &offline).await;
        assert_eq!((is_valid, &verdict["rows"]), (true, &json!(rows.len())), "{verdict}");
    }
    // All that it would contain is deleted.
    let export = lethe.caller("dpo").get("/audit-events/export?to=2020-01-02T00:00:00Z").await.expect(200).text;
    std::fs::write(&file, &export).unwrap();
    let (verdict, is_valid) = verified(&lethe, &offline).await;
    assert!(is_valid, "{verdict}");
});

/// A log whose beginning retention has deleted, and the number of its last deleted row. The other rows are young.
async fn purged_log(lethe: &mut TestLethe) -> i64 {
    some_log(lethe).await;
    lethe.set("AUDIT__KEEP_DAYS", "180");
    lethe.night(&after(400)).await.well();
    lethe.night(&after(431)).await.well();
    let border = deleted(lethe).await;
    assert!(border > 0);
    search(lethe, 2).await;
    lethe.night(&after(0)).await.well();
    border
}

each_store!(a_change_of_the_kept_rows_is_named_and_a_moved_border_too, |mut lethe: TestLethe| async move {
    let border = purged_log(&mut lethe).await;
    let fault = async |lethe: &TestLethe| verified(lethe, &[]).await.0["fault"].clone();
    lethe.stop().await;
    let backup = lethe.copy().await;
    change(&lethe, async |tx| {
        let query = tx.query("UPDATE audit_events SET").with(" purpose = ", "another case");
        assert_eq!(query.with(" WHERE seq = ", border + 1).execute().await.unwrap(), 1);
    })
    .await;
    assert_eq!(fault(&lethe).await, json!({ "seq": border + 1, "kind": "changed" }));
    lethe.restore(&backup, &[Part::Archive]).await;
    // The first kept row tells of the deletion, so this deletes the one after it.
    change(&lethe, async |tx| {
        let query = tx.query("DELETE FROM audit_events").with(" WHERE seq = ", border + 2);
        assert_eq!(query.execute().await.unwrap(), 1);
    })
    .await;
    assert_eq!(fault(&lethe).await, json!({ "seq": border + 2, "kind": "missing" }));
    lethe.restore(&backup, &[Part::Archive]).await;
    // Another tree before the first row.
    change(&lethe, async |tx| {
        let query = tx.query("UPDATE audit_retention SET size = 1").with(", frontier = ", vec![7_u8; 32]);
        assert_eq!(query.execute().await.unwrap(), 1);
    })
    .await;
    assert_ne!(fault(&lethe).await, json!(null));
    lethe.restore(&backup, &[Part::Archive]).await;
    change(&lethe, async |tx| {
        assert_eq!(tx.query("DELETE FROM audit_retention").execute().await.unwrap(), 1);
    })
    .await;
    assert_eq!(fault(&lethe).await, json!({ "seq": 1, "kind": "missing" }));
    lethe.restore(&backup, &[Part::Archive]).await;
    // The border at the newest seal, with its tree. The rows before it are gone, and no row tells that.
    change(&lethe, async |tx| {
        let newest: i64 = tx.query("SELECT max(seq) FROM audit_seals").scalar().await.unwrap();
        let query = tx.query("UPDATE audit_retention SET seq = s.seq, origin = s.origin, size = s.size");
        let query = query.push(", frontier = s.frontier FROM audit_seals s");
        let query = query.push(" WHERE s.tenant_id = audit_retention.tenant_id").with(" AND s.seq = ", newest);
        assert_eq!(query.execute().await.unwrap(), 1);
        tx.query("DELETE FROM audit_events").with(" WHERE seq <= ", newest).execute().await.unwrap();
        tx.query("DELETE FROM audit_records").execute().await.unwrap();
    })
    .await;
    assert_eq!(fault(&lethe).await["kind"], json!("missing"));
    lethe.restore(&backup, &[Part::Archive]).await;
    assert_eq!(fault(&lethe).await, json!(null));
});

each_store!(a_name_leaves_the_audit_log_when_no_row_refers_to_it, |mut lethe: TestLethe| async move {
    let border = purged_log(&mut lethe).await;
    assert_eq!(name_of(&lethe, "gone").await, (true, true), "noted");
    assert_eq!(name_of(&lethe, "user-0").await, (true, false), "this user has searched again");
    change(&lethe, async |tx| {
        let noted = Clock::System.now() - TimeDelta::days(2);
        let query = tx.query("UPDATE actors SET").with(" unused_since = ", noted);
        query.push(" WHERE unused_since IS NOT NULL").execute().await.unwrap();
    })
    .await;
    lethe.night(&after(0)).await.well();
    assert_eq!(name_of(&lethe, "gone").await, (false, false));
    assert_eq!(name_of(&lethe, "user-0").await, (true, false));
    // The user comes back under another id.
    search_as(&lethe, "gone").await;
    assert_eq!(name_of(&lethe, "gone").await, (true, false));
    lethe.night(&after(0)).await.well();
    assert_eq!(deleted(&lethe).await, border);
    let own = lethe.caller("dpo").get("/audit-events?actor=gone").await.expect(200).json();
    assert_eq!(own["items"].as_array().unwrap().len(), 1, "{own}");
});

each_store!(a_restored_archive_loses_its_old_rows_again, |mut lethe: TestLethe| async move {
    some_log(&lethe).await;
    lethe.set("AUDIT__KEEP_DAYS", "180");
    // The journal must not expire in these passes, or the backup would be too old.
    lethe.set("JOURNAL__KEEP_DAYS", "36500");
    lethe.night(&after(400)).await.well();
    lethe.stop().await;
    let backup = lethe.copy().await;
    lethe.night(&after(431)).await.well();
    let border = deleted(&lethe).await;
    assert!(border > 0);
    lethe.restore(&backup, &[Part::Archive]).await;
    lethe.run(&["replay"]).await.well();
    let kept = lethe.dump().await.rows("audit_retention").to_vec();
    assert_eq!(kept[0]["deleted"].as_deref(), Some("0"), "a replay deletes no rows of the log");
    lethe.night(&after(431)).await.well();
    assert!(deleted(&lethe).await > 0);
    lethe.night(&after(0)).await.well();
    assert!(deleted(&lethe).await > 0);
});

each_store!(the_audit_log_is_kept_for_180_days_at_least, |lethe: TestLethe| async move {
    for days in ["179", "0"] {
        let ran = lethe.run_with(&["job", "nightly"], &[("LETHE_AUDIT__KEEP_DAYS", days)], Vec::new()).await;
        assert_eq!(ran.code(), Some(78), "{ran:?}");
        assert!(ran.stderr.contains("audit.keep_days: must be at least 180"), "{ran:?}");
    }
    lethe.run_with(&["job", "nightly"], &[("LETHE_AUDIT__KEEP_DAYS", "180")], Vec::new()).await.well();
});
