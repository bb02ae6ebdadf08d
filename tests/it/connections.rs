//! Connections to the databases: few, shared, and clean when the next caller gets them.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use lethe::base::id::{IdentifierId, TenantId};
use lethe::store::{Archive, Db, StoreSettings, Vault};
use lethe::tenants;

use crate::harness::each_store;

/// A story's archive with at most this many connections, or readers.
async fn archive_of(lethe: &crate::harness::TestLethe, connections: u32) -> Db<Archive> {
    let settings =
        StoreSettings { url: lethe.archive_url().into(), schema: None, connections, patience: Duration::from_secs(20) };
    Db::open(&settings).await.unwrap()
}

async fn version(archive: &Db<Archive>) -> i64 {
    archive
        .read()
        .await
        .unwrap()
        .query("SELECT version FROM tenants")
        .with(" WHERE slug = ", "demo")
        .scalar()
        .await
        .unwrap()
}

const UPDATE: &str = "UPDATE tenants SET version = version + 1";

each_store!(many_calls_share_a_few_connections, |lethe: TestLethe| async move {
    let archive = archive_of(&lethe, 2).await;
    let before = version(&archive).await;
    let calls = (0..60).map(|no| {
        let archive = archive.clone();
        tokio::spawn(async move {
            if no % 5 > 0 {
                assert!(version(&archive).await >= before);
                return;
            }
            let alone = no % 2 == 0;
            let mut tx = if alone { archive.write_once().await.unwrap() } else { archive.write().await.unwrap() };
            assert_eq!(tx.query(UPDATE).with(" WHERE slug = ", "demo").execute().await.unwrap(), 1);
            tx.commit().await.unwrap();
        })
    });
    for call in join_all(calls).await {
        call.unwrap();
    }
    assert_eq!(version(&archive).await, before + 12, "what was written is there, once");
    let used = archive.pool_use();
    let most = if archive.is_postgres() { 2 } else { 3 };
    assert!(used.in_use + used.idle <= most, "{used:?}");
    archive.close().await;
});

/// The work on a runtime of its own, as a worker thread of the service has one. The runtime has ended when it returns.
async fn elsewhere<T: Send + 'static>(work: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::spawn_blocking(move || runtime().block_on(work())).await.unwrap()
}

each_store!(a_worker_that_ends_takes_its_connections_along, |lethe: TestLethe| async move {
    for most in [1, 2] {
        let archive = archive_of(&lethe, most).await;
        let before = version(&archive).await;
        let worker = archive.clone();
        let of_worker = elsewhere(async move || {
            for _ in 0..3 {
                assert_eq!(version(&worker).await, before);
            }
            worker.pool_use()
        })
        .await;
        let left = archive.pool_use();
        if archive.is_postgres() {
            assert_eq!((of_worker.idle, left.idle), (most, 1), "each thread has its own, while there is room");
            assert_eq!((of_worker.in_use, left.in_use), (0, 0));
        }
        for _ in 0..3 {
            assert_eq!(version(&archive).await, before, "no call waits for a thread that has ended");
        }
        archive.close().await;
    }
});

each_store!(a_call_that_is_broken_off_leaves_nothing_to_the_next, |lethe: TestLethe| async move {
    let archive = archive_of(&lethe, 1).await;
    let before = version(&archive).await;
    for _ in 0..3 {
        // In the middle of a statement: it was sent, and its caller was dropped.
        let mut tx = archive.read().await.unwrap();
        let counting = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) \
                        SELECT count(*) FROM n";
        assert!(tx.query(counting).scalar::<i64>().now_or_never().is_none());
        drop(tx);
        assert_eq!(version(&archive).await, before);

        // After a statement that the database refused.
        let mut tx = archive.read().await.unwrap();
        assert!(tx.query("SELECT nothing FROM nowhere").execute().await.is_err());
        drop(tx);
        assert_eq!(version(&archive).await, before);

        // In the middle of a transaction.
        let mut tx = archive.write().await.unwrap();
        assert_eq!(tx.query(UPDATE).with(" WHERE slug = ", "demo").execute().await.unwrap(), 1);
        drop(tx);
        assert_eq!(version(&archive).await, before);
    }
    let mut tx = archive.write_once().await.unwrap();
    assert_eq!(tx.query(UPDATE).with(" WHERE slug = ", "demo").execute().await.unwrap(), 1);
    tx.commit().await.unwrap();
    let another = archive_of(&lethe, 1).await;
    assert_eq!(version(&another).await, before + 1, "no transaction was left open around it");
    another.close().await;
    archive.close().await;
});

each_store!(a_few_identifiers_are_looked_up_by_a_plan_that_is_kept, |lethe: TestLethe| async move {
    let sample = lethe.run(&["sample", "--interactions", "2000", "--days", "30", "--seed", "5"]).await.well();
    lethe.ingest("interactions", sample.stdout).await;
    let archive = archive_of(&lethe, 1).await;
    let tenant: TenantId = tenants::find_by_slug(&mut archive.read().await.unwrap(), "demo").await.unwrap().unwrap().id;
    let url = lethe.archive_url().replace("archive.db", "vault.db");
    let settings =
        StoreSettings { url: url.into(), schema: Some("vault"), connections: 1, patience: Duration::from_secs(20) };
    let vault = Db::<Vault>::open(&settings).await.unwrap();
    let mut tx = vault.write().await.unwrap();
    tx.query("ANALYZE identifiers").execute().await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = vault.read().await.unwrap();
    let known: Vec<(IdentifierId,)> = tx.query("SELECT id FROM identifiers ORDER BY id LIMIT 30").all().await.unwrap();
    for some in [0, 1, 2, 5, 10, 30, 1, 1, 1, 1, 1, 1] {
        let wanted: Vec<_> = known[..some].iter().map(|(id,)| *id).collect();
        let query = tx.query("SELECT id FROM identifiers").with(" WHERE tenant_id = ", tenant);
        let found: Vec<(IdentifierId,)> = query.with_keys(" AND id", wanted).all().await.unwrap();
        assert_eq!(found.len(), some, "each is found once");
    }
    if vault.is_postgres() {
        let kept =
            "SELECT generic_plans FROM pg_prepared_statements WHERE statement LIKE 'SELECT id FROM identifiers W%'";
        let kept: i64 = tx.query(kept).scalar().await.unwrap();
        assert!(kept > 0, "every lookup was planned anew");
    }
    drop(tx);
    vault.close().await;
    archive.close().await;
});
