//! Keys are rotated while the service runs: no token changes, and nothing becomes unreadable.

use chrono::TimeDelta;
use lethe::base::clock::Clock;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::harness::{Answer, Dump, Ran, Store, TestLethe, each_store};

const NEW: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

fn call(external_id: &str, number: &str, name: &str) -> Value {
    json!({
        "external_id": external_id, "channel": "call", "started_at": "2026-02-20T10:00:00Z",
        "customer": { "phone_number": number, "email": format!("{external_id}@example.net"), "name": name }
    })
}

/// The customers of all interactions in a view, in the order of their external ids.
async fn customers(lethe: &TestLethe, view: &str) -> Vec<(String, Value)> {
    let found = lethe.caller("dpo").all("/archive/search", &json!({ "view": view })).await;
    let mut customers: Vec<_> =
        found.into_iter().map(|item| (item["external_id"].to_string(), item["customer"].clone())).collect();
    customers.sort_by(|a, b| a.0.cmp(&b.0));
    customers
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The versions under which values are sealed.
fn versions(dump: &Dump) -> Vec<String> {
    let tables = ["vault.identifiers", "vault.content_keys", "vault.delivery_secrets", "vault.webhook_secrets"];
    let rows = tables.iter().flat_map(|table| dump.rows(table));
    let mut versions: Vec<String> = rows.map(|row| row["key_version"].clone().unwrap()).collect();
    versions.sort();
    versions.dedup();
    versions
}

/// The versions of the tenant's key that seals.
async fn key_versions(lethe: &TestLethe) -> Vec<Value> {
    let keys = lines(&lethe.run(&["keys", "status", "--json"]).await.well());
    keys.iter().filter(|key| key["purpose"] == "seal").map(|key| key["version"].clone()).collect()
}

async fn download(lethe: &TestLethe, item: &Value) -> String {
    let path = format!("/archive/content/{}/download?view=identified", item["id"].as_str().unwrap());
    Answer::of(lethe.caller("dpo").call("GET", &path).header("Access-Reason", "test")).await.expect(200).text
}

each_store!(a_new_key_of_a_tenant_changes_no_token_and_no_value, |lethe: TestLethe| async move {
    lethe.record(&call("first", "91234567", "Kari Nordmann")).await;
    lethe.record(&call("second", "92345678", "Ola Nordmann")).await;
    let chat = json!({ "turns": [{ "speaker": "agent", "text": "Call 40414243 instead." }] });
    let interaction = lethe.call_of("first").await.id;
    let path = format!("/archive/interactions/{interaction}/content?kind=chat_log");
    let chat = lethe.caller("integration").post(&path, &chat).await.expect(201).json();
    let target = json!({ "url": "sftp://lethe@files.example/in", "password": "correct horse", "host_key": "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU" });
    Answer::of(lethe.caller("operator").call("PUT", "/tenant/delivery-target").json(&target)).await.expect(200);
    let webhook = json!({ "url": "http://127.0.0.1:9/", "events": ["job.failed"] });
    lethe.caller("operator").post("/webhooks", &webhook).await.expect(201);
    let (tokens, values) = (customers(&lethe, "pseudonymous").await, customers(&lethe, "identified").await);
    let text = download(&lethe, &chat).await;

    // The server runs on. It reads what another process seals under the new version.
    let rotated = lines(&lethe.run(&["keys", "rotate", "--tenant", "demo", "--json"]).await.well());
    assert_eq!(rotated, [json!({ "tenant": "demo", "version": 2 })]);
    let third = call("third", "93456789", "Siri Nordmann").to_string();
    lethe.import(&["--kind", "interactions"], third).await.well();
    let identified = customers(&lethe, "identified").await;
    assert_eq!((&identified[..2], &identified[2].1["phone_number"]), (&values[..], &json!("+4793456789")));
    assert_eq!(versions(&lethe.dump().await), ["1", "2"]);

    let night = lines(&lethe.night("2026-03-01T03:00:00Z").await.well());
    assert_eq!((&night[0]["resealed"], &night[0]["key_versions_deleted"]), (&json!(10), &json!(0)), "{night:?}");
    assert_eq!(versions(&lethe.dump().await), ["2"]);
    assert_eq!(key_versions(&lethe).await, [json!(1), json!(2)], "a process may still seal under the old version");

    // The instant of a pass does not make the keys older.
    let soon = lines(&lethe.night("2099-03-01T03:00:00Z").await.well());
    assert_eq!(soon[0]["key_versions_deleted"], json!(0), "{soon:?}");
    make_keys_older(&lethe).await;
    let later = lines(&lethe.night("2099-03-02T03:00:00Z").await.well());
    assert_eq!((&later[0]["resealed"], &later[0]["key_versions_deleted"]), (&json!(0), &json!(1)), "{later:?}");
    assert_eq!(key_versions(&lethe).await, [json!(2)]);
    assert_eq!(customers(&lethe, "pseudonymous").await[..2], tokens);
    assert_eq!(customers(&lethe, "identified").await[..2], values);
    assert_eq!(download(&lethe, &chat).await, text);
    assert!(text.contains("40414243"));
    let audited = lethe.caller("dpo").get("/audit-events").await.expect(200).json();
    let actions: Vec<_> = audited["items"].as_array().unwrap().iter().map(|row| row["action"].clone()).collect();
    assert!(actions.contains(&json!("key.rotated")), "{actions:?}");
});

/// Makes all keys two days older.
async fn make_keys_older(lethe: &TestLethe) {
    let at = (Clock::System.now() - TimeDelta::days(2)).format("%Y-%m-%dT%H:%M:%S+00:00");
    match lethe.store() {
        Store::Sqlite => {
            let url = format!("sqlite:{}", lethe.data_folder().join("vault.db").display());
            let sql = sqlx::raw_sql(AssertSqlSafe(format!("UPDATE keysets SET created_at = '{at}'")));
            sql.execute(&mut SqliteConnection::connect(&url).await.unwrap()).await.unwrap();
        }
        Store::Postgres => {
            let sql = sqlx::raw_sql(AssertSqlSafe(format!("UPDATE vault.keysets SET created_at = '{at}'")));
            sql.execute(&mut PgConnection::connect(&lethe.archive_url()).await.unwrap()).await.unwrap();
        }
    }
}

each_store!(no_key_is_rotated_without_a_row_of_the_audit_log, |mut lethe: TestLethe| async move {
    lethe.record(&call("first", "91234567", "Kari Nordmann")).await;
    let old = std::fs::read_to_string(lethe.data_folder().join("dev-master.key")).unwrap();
    lethe.stop().await;
    lethe.set("VAULT__MASTER_KEY", NEW);
    lethe.set("VAULT__PREVIOUS_MASTER_KEY", old.trim());
    let rename = async |statement: &'static str| {
        let archive = lethe.archive().await;
        let mut tx = archive.write().await.unwrap();
        tx.query(statement).execute().await.unwrap();
        tx.commit().await.unwrap();
        archive.close().await;
    };
    let rotations = [&["keys", "rotate-master"][..], &["keys", "rotate-signing"], &["keys", "rotate"]];
    let before = lines(&lethe.run(&["keys", "status", "--json"]).await.well());
    rename("ALTER TABLE audit_events RENAME TO audit_events_away").await;
    for rotation in rotations {
        let refused = lethe.run(rotation).await;
        // Only PostgreSQL tells that a table is missing.
        assert!([Some(1), Some(78)].contains(&refused.code()), "{refused:?}");
    }
    assert_eq!(lines(&lethe.run(&["keys", "status", "--json"]).await.well()), before);
    rename("ALTER TABLE audit_events_away RENAME TO audit_events").await;
    for rotation in rotations {
        lethe.run(rotation).await.well();
    }
    let after = lines(&lethe.run(&["keys", "status", "--json"]).await.well());
    assert_eq!(after.len(), before.len() + 2, "{after:?}");
    assert!(after.iter().all(|key| key["is_current_master"] == true), "{after:?}");
    lethe.serve().await;
    let audited = lethe.caller("dpo").get("/audit-events?action=key.rotated").await.expect(200).json();
    let mut keys: Vec<_> =
        audited["items"].as_array().unwrap().iter().map(|row| row["detail"]["key"].to_string()).collect();
    keys.sort();
    assert_eq!(keys, ["\"certificate\"", "\"master\"", "\"seal\""], "{audited}");
});

each_store!(a_killed_job_seals_the_rest_at_its_next_start, |mut lethe: TestLethe| async move {
    for no in 0..5 {
        lethe.record(&call(&format!("c{no}"), &format!("9123456{no}"), "Kari Nordmann")).await;
    }
    let values = customers(&lethe, "identified").await;
    lethe.run(&["keys", "rotate"]).await.well();
    let job = ["job", "nightly", "--as-of", "2026-03-01T03:00:00Z", "--json"];
    assert!(lethe.run_with(&job, &[("LETHE_FAILPOINT", "reseal")], Vec::new()).await.killed());
    lethe.end_leases().await;
    lethe.run(&job).await.well();
    assert_eq!(versions(&lethe.dump().await), ["2"]);
    lethe.stop().await;
    lethe.serve().await;
    assert_eq!(customers(&lethe, "identified").await, values);
});

each_store!(a_new_master_key_keeps_cursors_and_idempotency_keys, |mut lethe: TestLethe| async move {
    for no in 0..3 {
        lethe.record(&call(&format!("c{no}"), &format!("9123456{no}"), "Kari Nordmann")).await;
    }
    let old = std::fs::read_to_string(lethe.data_folder().join("dev-master.key")).unwrap();
    let page = json!({ "limit": 2, "view": "pseudonymous" });
    let first = lethe.search(&page).await;
    let request = json!({ "phone_number": "91234560", "to_date": "2026-03-01", "targets": ["archive"] });
    let enter = |lethe: &TestLethe| {
        let call = lethe.caller("dpo").call("POST", "/anonymize-requests").header("Idempotency-Key", "k1");
        Answer::of(call.json(&request))
    };
    let entered = enter(&lethe).await.expect(201).json();

    lethe.stop().await;
    lethe.set("VAULT__MASTER_KEY", NEW);
    lethe.set("VAULT__PREVIOUS_MASTER_KEY", old.trim());
    lethe.serve().await;
    let wrapped = lines(&lethe.run(&["keys", "rotate-master", "--json"]).await.well());
    assert_eq!(wrapped[0]["wrapped"], 5, "the three keys of the tenant and the two of the service");
    let again = lines(&lethe.run(&["keys", "rotate-master", "--json"]).await.well());
    assert_eq!(again, [json!({ "wrapped": 0, "master_id": wrapped[0]["master_id"] })]);
    let keys = lines(&lethe.run(&["keys", "status", "--json"]).await.well());
    assert!(keys.iter().all(|key| key["is_current_master"] == true), "{keys:?}");

    // The old key is not needed any more.
    lethe.stop().await;
    lethe.set("VAULT__PREVIOUS_MASTER_KEY", OTHER);
    lethe.serve().await;
    let mut next = page.clone();
    next["cursor"] = first["next_cursor"].clone();
    assert_eq!(lethe.search(&next).await["items"].as_array().unwrap().len(), 1);
    let replayed = enter(&lethe).await.expect(201);
    assert_eq!(replayed.header("Idempotency-Replayed"), Some("true"));
    assert_eq!(replayed.json()["id"], entered["id"]);

    // It is not enough either: the message tells the operator which key is missing and where it is set.
    let refused = lethe.run_with(&["job", "nightly"], &[("LETHE_VAULT__MASTER_KEY", old.trim())], Vec::new()).await;
    assert_eq!(refused.code(), Some(78), "{refused:?}");
    let id = wrapped[0]["master_id"].as_str().unwrap();
    assert!(refused.stderr.contains(id) && refused.stderr.contains("vault.previous_master_key_file"), "{refused:?}");
});
