//! PostgreSQL is stopped, is silent, or keeps a call waiting. The service reports it soon, and recovers by itself.

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::harness::{Answer, Caller, OwnServer, Store, TestLethe, tell, until};

/// Starts again on a server of the story's own.
async fn on(lethe: &mut TestLethe, url: &str) {
    lethe.stop().await;
    lethe.set("DATABASE__URL", url);
    lethe.serve().await;
}

/// A search by number: it reads the archive and the vault, and writes an audit row.
async fn search(caller: &Caller) -> Answer {
    caller.post("/archive/search", &json!({ "phone_number": "91234567" })).await
}

/// Several calls at a time, so that several connections are in use. Returns the outcome of each.
async fn searches(caller: &Caller) -> Vec<u16> {
    join_all((0..8).map(|_| async { search(caller).await.status })).await
}

fn request() -> Value {
    json!({ "phone_number": "91234567", "to_date": "2026-02-15", "targets": ["archive"] })
}

async fn record(lethe: &TestLethe) {
    let call = json!({ "external_id": "one", "channel": "call", "started_at": "2026-02-01T10:00:00Z",
                       "customer": { "phone_number": "91234567" } });
    lethe.record(&call).await;
}

const BACKENDS: &str = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lethe'";

async fn backends(admin: &mut PgConnection, condition: &str) -> i64 {
    let query = format!("{BACKENDS} AND {condition}");
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(admin).await.unwrap()
}

#[test]
fn a_restart_between_two_calls_fails_none() {
    tell(Store::Sqlite, |mut lethe| async move {
        let server = OwnServer::start();
        on(&mut lethe, &server.url()).await;
        record(&lethe).await;
        let caller = lethe.caller("dpo");
        for _ in 0..3 {
            assert_eq!(searches(&caller).await, [200; 8]);
            server.restart();
            assert_eq!(searches(&caller).await, [200; 8], "every idle connection was replaced");
            server.restart();
            let entered = caller.post("/anonymize-requests", &request()).await;
            assert_eq!(entered.status, 201, "also those that write: {}", entered.text);
        }
    });
}

#[test]
fn idle_connections_that_the_other_side_closes_are_replaced() {
    tell(Store::Postgres, |mut lethe| async move {
        let mut admin = PgConnection::connect(&lethe.archive_url()).await.unwrap();
        let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut admin).await.unwrap();
        let own = format!("datname = '{name}'");
        lethe.stop().await;
        let set = format!("ALTER DATABASE {name} SET idle_session_timeout = '700ms'");
        admin.execute(AssertSqlSafe(set)).await.unwrap();
        lethe.serve().await;
        record(&lethe).await;
        let caller = lethe.caller("dpo");
        for _ in 0..3 {
            assert_eq!(searches(&caller).await, [200; 8]);
            until("the number of connections", async || backends(&mut admin, &own).await == 0).await;
        }
        // The same by hand, which leaves no time to notice it.
        let reset = format!("ALTER DATABASE {name} RESET idle_session_timeout");
        admin.execute(AssertSqlSafe(reset)).await.unwrap();
        let end = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'lethe' AND {own}"
        );
        for _ in 0..3 {
            assert_eq!(searches(&caller).await, [200; 8]);
            admin.execute(AssertSqlSafe(end.clone())).await.unwrap();
            until("the number of connections", async || backends(&mut admin, &own).await == 0).await;
            let entered = caller.post("/anonymize-requests", &request()).await;
            assert_eq!(entered.status, 201, "{}", entered.text);
        }
    });
}

#[test]
fn a_database_that_is_closed_or_missing_is_503_until_it_is_back() {
    tell(Store::Postgres, |mut lethe| async move {
        let server = OwnServer::start();
        let mut postgres = server.admin().await;
        postgres.execute("CREATE DATABASE restored").await.unwrap();
        let url = server.url();
        let (before, database) = url.split_once("/postgres").unwrap();
        on(&mut lethe, &format!("{before}/restored{database}")).await;
        record(&lethe).await;
        let caller = lethe.caller("dpo");
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = 'restored'";
        for (close, open) in [
            ("SELECT 1", "SELECT 1"),
            ("ALTER DATABASE restored RENAME TO aside", "ALTER DATABASE aside RENAME TO restored"),
        ] {
            assert_eq!(searches(&caller).await, [200; 8]);
            postgres.execute("ALTER DATABASE restored ALLOW_CONNECTIONS false").await.unwrap();
            postgres.execute(end).await.unwrap();
            until("the number of connections", async || backends(&mut postgres, "datname = 'restored'").await == 0)
                .await;
            postgres.execute(close).await.unwrap();
            let refused = search(&caller).await;
            assert_eq!(refused.problem(503), "unavailable", "{close}");
            assert!(refused.header("retry-after").is_some());
            postgres.execute(open).await.unwrap();
            postgres.execute("ALTER DATABASE restored ALLOW_CONNECTIONS true").await.unwrap();
            until("the service is ready", async || caller.get("//readyz").await.status == 200).await;
        }
        lethe.stop().await;
    });
}

#[test]
fn a_frozen_server_is_503_and_the_service_goes_on_with_it() {
    tell(Store::Sqlite, |mut lethe| async move {
        let server = OwnServer::start();
        on(&mut lethe, &server.url()).await;
        record(&lethe).await;
        let caller = lethe.caller("dpo");
        for _ in 0..2 {
            assert_eq!(searches(&caller).await, [200; 8]);
            server.freeze();
            // Without a limit of the service's own, this would last as long as the server is frozen.
            let refused = search(&caller).await;
            assert_eq!(refused.problem(503), "unavailable");
            assert!(refused.header("retry-after").is_some());
            assert_eq!(searches(&caller).await, [503; 8]);
            assert_eq!(caller.post("/anonymize-requests", &request()).await.status, 503);
            until("the service is not ready", async || caller.get("//readyz").await.status == 503).await;
            assert_eq!(caller.get("//healthz").await.status, 200);
            server.thaw();
            until("the service is ready", async || caller.get("//readyz").await.status == 200).await;
            assert_eq!(searches(&caller).await, [200; 8]);
        }
        let mut admin = server.admin().await;
        // The service has two pools of ten connections. Abandoned connections do not stay open.
        until("the number of connections", async || backends(&mut admin, "true").await <= 20).await;
    });
}

#[test]
fn a_call_does_not_wait_for_a_locked_table_for_ever() {
    tell(Store::Postgres, |mut lethe| async move {
        lethe.stop().await;
        lethe.set("DATABASE__STATEMENT_TIMEOUT", "1");
        lethe.set("DATABASE__WRITE_TIMEOUT", "2");
        lethe.serve().await;
        record(&lethe).await;
        let caller = lethe.caller("dpo");
        let mut other = PgConnection::connect(&lethe.archive_url()).await.unwrap();
        let mut admin = PgConnection::connect(&lethe.archive_url()).await.unwrap();
        for _ in 0..2 {
            assert_eq!(searches(&caller).await, [200; 8]);
            other.execute("BEGIN; LOCK TABLE interactions IN ACCESS EXCLUSIVE MODE").await.unwrap();
            let refused = search(&caller).await;
            assert_eq!(refused.problem(503), "unavailable");
            assert!(refused.header("retry-after").is_some());
            assert_eq!(searches(&caller).await, [503; 8]);
            let call = json!([{ "external_id": "two", "channel": "call", "started_at": "2026-02-01T10:00:00Z" }]);
            assert_eq!(lethe.caller("integration").post("/archive/interactions", &call).await.status, 503);
            // Calls that do not need the table succeed, and the server runs no abandoned statement.
            assert_eq!(caller.get("/anonymize-requests").await.status, 200);
            let waiting = "datname = current_database() AND wait_event_type = 'Lock'";
            until("the number of connections", async || backends(&mut admin, waiting).await == 0).await;
            other.execute("ROLLBACK").await.unwrap();
            assert_eq!(searches(&caller).await, [200; 8]);
        }
    });
}

#[test]
fn a_read_waits_for_its_audit_row_no_longer_than_for_its_rows() {
    tell(Store::Postgres, |mut lethe| async move {
        lethe.stop().await;
        lethe.set("DATABASE__STATEMENT_TIMEOUT", "1");
        lethe.set("DATABASE__WRITE_TIMEOUT", "600");
        lethe.serve().await;
        record(&lethe).await;
        let (officer, agent) = (lethe.caller("dpo"), lethe.caller("agent"));
        assert_eq!((search(&officer).await.status, agent.get("/audit-events").await.status), (200, 403));
        let mut other = PgConnection::connect(&lethe.archive_url()).await.unwrap();
        other.execute("BEGIN; LOCK TABLE audit_events IN SHARE MODE").await.unwrap();
        let refused = search(&officer).await;
        assert_eq!(refused.problem(503), "unavailable");
        assert_eq!(agent.get("/audit-events").await.status, 403);
        other.execute("ROLLBACK").await.unwrap();
        assert_eq!(search(&officer).await.status, 200);
    });
}

#[test]
fn a_job_waits_longer_than_a_call() {
    tell(Store::Postgres, |mut lethe| async move {
        lethe.set("DATABASE__STATEMENT_TIMEOUT", "1");
        lethe.set("DATABASE__WRITE_TIMEOUT", "1");
        record(&lethe).await;
        lethe.enter_request(&request()).await;
        let mut other = PgConnection::connect(&lethe.archive_url()).await.unwrap();
        let mut admin = PgConnection::connect(&lethe.archive_url()).await.unwrap();
        other.execute("BEGIN; LOCK TABLE interactions IN ACCESS EXCLUSIVE MODE").await.unwrap();
        let night = lethe.start(&["job", "nightly", "--as-of", "2026-02-16T02:00:00Z"]);
        // Longer than the limits of the service.
        let waits = "datname = current_database() AND wait_event_type = 'Lock' AND now() - query_start > '1.5 s'";
        until("the number of connections", async || backends(&mut admin, waits).await > 0).await;
        other.execute("ROLLBACK").await.unwrap();
        let told = night.end().await.well();
        assert!(told.stdout.contains("1 request done"), "{}", told.stdout);
    });
}

/// A deadlock undoes the pass in the middle of a chunk, and the pass resumes by itself.
#[test]
fn a_pass_that_loses_a_transaction_goes_on() {
    tell(Store::Postgres, |lethe| async move {
        record(&lethe).await;
        let entered = lethe.enter_request(&request()).await;
        let mut other = PgConnection::connect(&lethe.archive_url()).await.unwrap();
        let mut admin = PgConnection::connect(&lethe.archive_url()).await.unwrap();
        let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut admin).await.unwrap();
        // Of the two transactions that wait for each other, the job's checks for a deadlock first.
        let patience = format!("ALTER DATABASE {name} SET deadlock_timeout = '3s'");
        admin.execute(AssertSqlSafe(patience)).await.unwrap();
        other.execute("SET deadlock_timeout = '60s'").await.unwrap();
        other.execute("BEGIN; LOCK TABLE request_counts IN ACCESS EXCLUSIVE MODE").await.unwrap();
        let night = lethe.start(&["job", "nightly", "--json", "--as-of", "2026-02-16T02:00:00Z"]);
        let waits = "datname = current_database() AND wait_event_type = 'Lock'";
        until("the number of connections", async || backends(&mut admin, waits).await > 0).await;
        other.execute("LOCK TABLE leases IN ACCESS EXCLUSIVE MODE").await.unwrap();
        other.execute("ROLLBACK").await.unwrap();
        let told = night.end().await.well();
        assert!(lethe.journal().text().contains("lost against another one, retrying"), "the deadlock was met");
        let report: Value = serde_json::from_str(&told.stdout).unwrap();
        assert_eq!((&report["requests_done"], &report["anonymized"]["archive"]), (&json!(1), &json!(1)), "{report}");
        let done = lethe.request(&entered["id"]).await.expect(200).json();
        assert_eq!(done["result"], json!({ "archive": { "anonymized": 1 } }));
    });
}

#[test]
fn a_database_that_cannot_be_written_is_not_ready() {
    tell(Store::Postgres, |lethe| async move {
        record(&lethe).await;
        let caller = lethe.caller("dpo");
        let mut admin = PgConnection::connect(&lethe.archive_url()).await.unwrap();
        let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut admin).await.unwrap();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lethe' \
                   AND datname = current_database()";
        // Managed servers do this when their disk is nearly full.
        let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
        admin.execute(AssertSqlSafe(set)).await.unwrap();
        admin.execute(end).await.unwrap();
        until("the service is not ready", async || caller.get("//readyz").await.status == 503).await;
        let refused = caller.post("/anonymize-requests", &request()).await;
        assert_eq!(refused.problem(503), "unavailable");
        assert!(lethe.journal().text().contains("the database is read-only"), "the log says why");

        let reset = format!("SET default_transaction_read_only = off; ALTER DATABASE {name} RESET ALL");
        admin.execute(AssertSqlSafe(reset)).await.unwrap();
        // No restart is needed, because a connection that could not write is not used again.
        until("the service is ready", async || caller.get("//readyz").await.status == 200).await;
        until("a request is entered", async || caller.post("/anonymize-requests", &request()).await.status == 201)
            .await;
    });
}
