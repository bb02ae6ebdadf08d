//! A pass that stops before its end says which requests wait, and why.

use std::time::Duration;

use lethe::store::{Archive, Db, StoreSettings};
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};

use crate::harness::{TestLethe, each_store};

const AS_OF: &str = "2026-02-16T02:00:00Z";

/// Three calls of three customers, and a request for each of two of them that is due.
async fn two_requests(lethe: &TestLethe) -> Vec<Value> {
    let mut entered = Vec::new();
    for (no, phone) in ["91234567", "41234567", "40404040"].into_iter().enumerate() {
        lethe
            .record(&json!({ "external_id": no.to_string(), "channel": "call", "started_at": "2026-02-10T10:00:00Z",
                "customer": { "phone_number": phone } }))
            .await;
        if no < 2 {
            let request = json!({ "phone_number": phone, "to_date": "2026-02-15", "targets": ["archive"] });
            entered.push(lethe.enter_request(&request).await);
        }
    }
    entered
}

/// Does what no migration does to a table of the archive.
async fn alter(lethe: &TestLethe, statement: &'static str) {
    let patience = Duration::from_secs(20);
    let settings = StoreSettings { url: lethe.archive_url().into(), schema: None, connections: 1, patience };
    let archive = Db::<Archive>::open(&settings).await.unwrap();
    let mut tx = archive.write().await.unwrap();
    tx.query(statement).execute().await.unwrap();
    tx.commit().await.unwrap();
    archive.close().await;
}

async fn last_run(lethe: &TestLethe) -> Value {
    lethe.caller("operator").get("/job-runs?limit=1").await.expect(200).json()["items"][0].clone()
}

each_store!(a_pass_that_fails_counts_what_waits_and_says_why, |lethe: TestLethe| async move {
    let entered = two_requests(&lethe).await;
    for (broken, mended, step, file) in [
        (
            "ALTER TABLE pass_work RENAME COLUMN component TO was_component",
            "ALTER TABLE pass_work RENAME COLUMN was_component TO component",
            "plan",
            "src/nightly/steps/plan.rs:",
        ),
        (
            "ALTER TABLE request_counts RENAME COLUMN anonymized TO was_anonymized",
            "ALTER TABLE request_counts RENAME COLUMN was_anonymized TO anonymized",
            "cut",
            "src/requests/passes.rs:",
        ),
    ] {
        alter(&lethe, broken).await;
        let told = lethe.night(AS_OF).await;
        assert_eq!(told.code(), Some(1), "{}", told.stdout);
        let report: Value = serde_json::from_str(&told.stdout).unwrap();
        assert_eq!(
            (&report["requests_done"], &report["requests_failed"], &report["error"], &report["stopped_at"]),
            (&json!(0), &json!(2), &json!("pass_failed"), &json!(step)),
            "{report}"
        );
        let shown = lethe.run(&["job", "nightly", "--as-of", AS_OF]).await;
        assert!(shown.stdout.contains("0 requests done, 2 left waiting"), "{}", shown.stdout);
        assert!(shown.stdout.contains(&format!("failed at the step {step}: pass_failed")), "{}", shown.stdout);
        alter(&lethe, mended).await;
        let run = last_run(&lethe).await;
        assert_eq!((&run["status"], &run["report"]["error"]), (&json!("failed"), &json!("pass_failed")), "{run}");
        for request in &entered {
            let request = lethe.request(&request["id"]).await.expect(200).json();
            assert_eq!((&request["status"], &request["last_error"]), (&json!("waiting"), &json!("pass_failed")));
        }
        let log = lethe.journal().text();
        let line = log.lines().find(|line| line.contains("A statement failed") && line.contains(file));
        assert!(line.is_some(), "the log does not name the statement");
        let line = log.lines().rfind(|line| line.contains("The pass failed")).unwrap();
        assert!(line.contains(&format!("\"step\":\"{step}\"")), "{line}");
    }
    let report: Value = serde_json::from_str(&lethe.night(AS_OF).await.well().stdout).unwrap();
    assert_eq!(
        (&report["requests_done"], &report["requests_failed"], &report["error"], &report["stopped_at"]),
        (&json!(2), &json!(0), &Value::Null, &Value::Null),
        "{report}"
    );
    for request in &entered {
        let request = lethe.request(&request["id"]).await.expect(200).json();
        assert_eq!((&request["status"], &request["last_error"]), (&json!("done"), &Value::Null));
    }
    assert_eq!(last_run(&lethe).await["status"], "succeeded");
});

each_store!(a_pass_that_fails_before_it_claims_counts_what_is_due, |lethe: TestLethe| async move {
    let entered = two_requests(&lethe).await;
    alter(&lethe, "ALTER TABLE passes RENAME COLUMN position TO was_position").await;
    let told = lethe.night(AS_OF).await;
    let report: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!((&report["requests_failed"], &report["stopped_at"]), (&json!(2), &json!("claim")), "{report}");
    // Nothing has begun them: they can still be changed.
    let request = lethe.request(&entered[0]["id"]).await.expect(200).json();
    assert_eq!((&request["attempts"], &request["last_error"]), (&json!(0), &Value::Null));
});

each_store!(a_tenant_with_an_unreadable_value_delays_no_other, |lethe: TestLethe| async move {
    let entered = two_requests(&lethe).await;
    lethe.run(&["tenant", "create", "acme"]).await.well();
    let request = json!({ "phone_number": "91234567", "to_date": "2026-02-15", "targets": ["archive"] });
    let other = lethe.caller_of("acme", "dpo", "eve").post("/anonymize-requests", &request).await.expect(201).json();
    // A time that no calendar has. SQLite stores it as a text that is no time.
    let (of_request, of_tenant) = (
        "UPDATE requests SET created_at = 'infinity' WHERE tenant_id = (SELECT tenant_id FROM tenants WHERE slug = 'acme')",
        "UPDATE tenants SET time_zone = 'Mars/North' WHERE slug = 'acme'",
    );
    let change = async |statement: &'static str| match lethe.store() {
        Store::Postgres => {
            let mut archive = PgConnection::connect(&lethe.archive_url()).await.unwrap();
            archive.execute(statement).await.unwrap();
            archive.close().await.unwrap();
        }
        Store::Sqlite => {
            let mut archive = SqliteConnection::connect(&lethe.archive_url()).await.unwrap();
            archive.execute(statement).await.unwrap();
            archive.close().await.unwrap();
        }
    };
    change(of_request).await;
    let told = lethe.night(AS_OF).await;
    assert_eq!(told.code(), Some(1), "{}", told.stderr);
    for request in &entered {
        assert_eq!(lethe.request(&request["id"]).await.expect(200).json()["status"], "done");
    }
    let reports: Vec<Value> = told.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let report = reports.iter().find(|report| report["tenant"] == "acme").unwrap();
    assert_eq!((&report["error"], &report["requests_done"]), (&json!("pass_failed"), &json!(0)), "{other}");

    change(of_tenant).await;
    let later = json!({ "phone_number": "40404040", "to_date": "2026-02-15", "targets": ["archive"] });
    let later = lethe.enter_request(&later).await;
    let told = lethe.night(AS_OF).await;
    assert_eq!(told.code(), Some(1), "{}", told.stderr);
    assert_eq!(lethe.request(&later["id"]).await.expect(200).json()["status"], "done");
    assert!(told.stdout.contains("pass_failed") && lethe.journal().text().contains("tenants.time_zone"));
});
