//! The network to PostgreSQL is silent, is cut, or is slow. The service reports it soon, recovers by itself, and leaves
//! no connection behind.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::harness::{Answer, Caller, Link, Network, Store, TestLethe, tell, until};

/// The most time until a call is 503, and until calls are served again.
const SOON: Duration = Duration::from_secs(5);

/// A probe of Kubernetes waits for this time, as the chart sets it.
const PROBE: Duration = Duration::from_secs(3);

/// Starts the service again behind a network of the story's own.
async fn behind_link(lethe: &mut TestLethe) -> Link {
    lethe.stop().await;
    let link = Link::to(&lethe.archive_url()).await;
    lethe.set("DATABASE__URL", link.url());
    lethe.serve().await;
    lethe
        .record(&json!({ "external_id": "one", "channel": "call", "started_at": "2026-02-01T10:00:00Z",
            "customer": { "phone_number": "91234567" } }))
        .await;
    link
}

fn request() -> Value {
    json!({ "phone_number": "91234567", "to_date": "2026-02-15", "targets": ["archive"] })
}

/// Cuts all connections. The pools trust a connection for some milliseconds after its last use.
async fn cut_idle(link: &Link) {
    tokio::time::sleep(Duration::from_millis(30)).await;
    link.cut();
    until("no connection is open", async || link.open() == 0).await;
}

async fn search(caller: &Caller) -> Answer {
    caller.post("/archive/search", &json!({ "phone_number": "91234567" })).await
}

async fn searches(caller: &Caller) -> Vec<u16> {
    join_all((0..8).map(|_| async { search(caller).await.status })).await
}

/// The connections to the databases that the service says it has: in use, and idle.
async fn counted(lethe: &TestLethe) -> (usize, usize) {
    let metrics = lethe.metrics().await;
    let count = |state: &str| {
        let is_one = |line: &&str| line.starts_with("lethe_database_connections{") && line.contains(state);
        let values = metrics.lines().filter(is_one).map(|line| line.rsplit(' ').next().unwrap());
        values.map(|value| value.parse::<usize>().unwrap()).sum()
    };
    (count("in_use"), count("idle"))
}

/// The connections that PostgreSQL has, without those of the story.
async fn backends(admin: &mut PgConnection) -> usize {
    let query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lethe' \
                 AND datname = current_database()";
    let count: i64 = sqlx::query_scalar(query).fetch_one(admin).await.unwrap();
    usize::try_from(count).unwrap()
}

/// Waits until each open connection is an idle one of the pools. The metrics use a connection while they are read.
async fn nothing_is_left_behind(lethe: &TestLethe, link: &Link, admin: &mut PgConnection) {
    until("each open connection is an idle one", async || {
        let (in_use, idle) = counted(lethe).await;
        in_use == 0 && idle == link.open() && idle == backends(admin).await
    })
    .await;
}

/// The network is fine again. All calls are served soon, and the first of them tells how soon.
async fn recovers(lethe: &TestLethe, link: &Link, admin: &mut PgConnection) {
    let caller = lethe.caller("dpo");
    let begun = Instant::now();
    link.becomes(Network::Fine);
    until("a search succeeds", async || search(&caller).await.status == 200).await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert_eq!(searches(&caller).await, [200; 8]);
    until("the service is ready", async || caller.get("//readyz").await.status == 200).await;
    assert_eq!(caller.post("/anonymize-requests", &request()).await.status, 201);
    nothing_is_left_behind(lethe, link, admin).await;
}

#[test]
fn a_silent_network_is_503_soon_and_leaves_no_connection_behind() {
    tell(Store::Postgres, |mut lethe| async move {
        let link = behind_link(&mut lethe).await;
        let (caller, integration) = (lethe.caller("dpo"), lethe.caller("integration"));
        let mut admin = PgConnection::connect(&lethe.archive_url()).await.unwrap();
        for _ in 0..2 {
            assert_eq!(searches(&caller).await, [200; 8]);
            link.becomes(Network::Silent);
            let begun = Instant::now();
            let refused = async {
                let refused = search(&caller).await;
                assert_eq!(refused.problem(503), "unavailable");
                assert!(refused.header("retry-after").is_some());
            };
            let call = json!([{ "external_id": "two", "channel": "call", "started_at": "2026-02-01T10:00:00Z" }]);
            let ingest = async { integration.post("/archive/interactions", &call).await.status };
            let enter = async { caller.post("/anonymize-requests", &request()).await.status };
            let ((), many, ingested, entered) = tokio::join!(refused, searches(&caller), ingest, enter);
            assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
            assert_eq!((many, ingested, entered), (vec![503; 8], 503, 503));

            // A kept outcome may still be good. Each probe has its answer in time.
            until("the service is not ready", async || {
                let begun = Instant::now();
                let ready = caller.get("//readyz").await.status;
                assert!(begun.elapsed() < PROBE, "{:?}", begun.elapsed());
                ready == 503
            })
            .await;
            assert_eq!(caller.get("//healthz").await.status, 200);
            recovers(&lethe, &link, &mut admin).await;
        }
    });
}

/// Also a call whose statement is running, and new connections that nobody answers.
#[test]
fn a_statement_that_the_network_swallows_is_503_soon() {
    tell(Store::Postgres, |mut lethe| async move {
        let link = behind_link(&mut lethe).await;
        let caller = lethe.caller("dpo");
        let mut admin = PgConnection::connect(&lethe.archive_url()).await.unwrap();
        let mut other = PgConnection::connect(&lethe.archive_url()).await.unwrap();
        assert_eq!(searches(&caller).await, [200; 8]);
        other.execute("BEGIN; LOCK TABLE interactions IN ACCESS EXCLUSIVE MODE").await.unwrap();
        let begun = Instant::now();
        let silenced = async {
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                           AND wait_event_type = 'Lock'";
            until("the number of connections", async || {
                sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut admin).await.unwrap() == 8
            })
            .await;
            link.becomes(Network::Silent);
            other.execute("ROLLBACK").await.unwrap();
        };
        let (refused, ()) = tokio::join!(searches(&caller), silenced);
        assert_eq!(refused, [503; 8]);
        // A statement has 4 s, and its caller waits half a second longer for the server's own end of it.
        assert!(begun.elapsed() < SOON + Duration::from_secs(1), "{:?}", begun.elapsed());
        recovers(&lethe, &link, &mut admin).await;
    });
}

#[test]
fn a_cut_network_fails_no_later_call() {
    tell(Store::Postgres, |mut lethe| async move {
        let link = behind_link(&mut lethe).await;
        let caller = lethe.caller("dpo");
        let mut admin = PgConnection::connect(&lethe.archive_url()).await.unwrap();
        for _ in 0..5 {
            assert_eq!(searches(&caller).await, [200; 8]);
            cut_idle(&link).await;
            assert_eq!(searches(&caller).await, [200; 8], "every connection was replaced within its call");
            cut_idle(&link).await;
            let entered = caller.post("/anonymize-requests", &request()).await;
            assert_eq!(entered.status, 201, "also those that write: {}", entered.text);
        }
        // As long as nobody accepts a connection, calls are 503.
        link.becomes(Network::Refusing);
        link.cut();
        let begun = Instant::now();
        assert_eq!(searches(&caller).await, [503; 8]);
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        recovers(&lethe, &link, &mut admin).await;
    });
}

#[test]
fn a_slow_network_fails_no_call() {
    tell(Store::Postgres, |mut lethe| async move {
        let link = behind_link(&mut lethe).await;
        let mut admin = PgConnection::connect(&lethe.archive_url()).await.unwrap();
        let caller = lethe.caller("dpo");
        link.becomes(Network::Slow(Duration::from_millis(60)));
        assert_eq!(searches(&caller).await, [200; 8]);
        assert_eq!(caller.post("/anonymize-requests", &request()).await.status, 201);
        recovers(&lethe, &link, &mut admin).await;
    });
}

#[test]
fn a_pass_whose_connections_are_cut_resumes_at_the_next_start() {
    tell(Store::Postgres, |mut lethe| async move {
        let link = behind_link(&mut lethe).await;
        let entered = lethe.enter_request(&request()).await;
        let mut admin = PgConnection::connect(&lethe.archive_url()).await.unwrap();
        let mut other = PgConnection::connect(&lethe.archive_url()).await.unwrap();
        other.execute("BEGIN; LOCK TABLE interactions IN ACCESS EXCLUSIVE MODE").await.unwrap();
        let night = lethe.start(&["job", "nightly", "--as-of", "2026-02-16T02:00:00Z"]);
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                       AND wait_event_type = 'Lock'";
        until("the number of connections", async || {
            sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut admin).await.unwrap() > 0
        })
        .await;
        link.cut();
        other.execute("ROLLBACK").await.unwrap();
        let told = night.end().await;
        assert_eq!(told.code(), Some(75), "the job can be tried again: {}", told.stdout);
        lethe.end_leases().await;
        lethe.night("2026-02-16T02:00:00Z").await.well();
        let done = lethe.request(&entered["id"]).await.expect(200).json();
        assert_eq!((&done["status"], &done["result"]), (&json!("done"), &json!({ "archive": { "anonymized": 1 } })));
    });
}
