//! The same stories on Citus. The archive is distributed by tenant over the shards of one node, and the vault is plain tables
//! beside it. They need Citus in the PostgreSQL of `LETHE_POSTGRES_BIN`, and the variable `LETHE_TEST_CITUS`. CONTRIBUTING.md
//! says how.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use lethe::store::{Archive, Db, Migrations, StoreSettings, Vault};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

/// The statements that distribute the archive.
const DISTRIBUTE: &str = include_str!("../../../migrations/archive/citus.sql");

/// The database of which each story gets a copy. Distributing the tables takes longer than most stories.
const TEMPLATE: &str = "citus_template";

pub fn is_wanted() -> bool {
    std::env::var_os("LETHE_TEST_CITUS").is_some_and(|wanted| !wanted.is_empty())
}

/// Settings of the server. It speaks to itself through its socket, also for its own shards: what one transaction has read
/// in the server's own process, a later statement could not change on all shards at once, as ANALYZE does. Fewer shards than
/// the usual 32 keep the stories fast.
pub fn settings(folder: &Path) -> String {
    format!(
        " -c shared_preload_libraries=citus -c citus.local_hostname={} -c citus.node_conninfo=sslmode=prefer \
         -c citus.enable_local_execution=off -c citus.shard_count=4 -c max_prepared_transactions=500 -c max_connections=800",
        folder.display()
    )
}

/// Makes the template, unless another test of the run has. `url` knows the address of a database.
pub async fn template(admin: &mut PgConnection, folder: &Path, url: impl Fn(&str) -> String) -> &'static str {
    let lock = File::create(folder.with_extension("citus.lock")).unwrap();
    lock.lock().unwrap();
    let made = "SELECT count(*) FROM pg_database WHERE datname = 'citus_template' AND NOT datallowconn";
    if sqlx::query_scalar::<_, i64>(made).fetch_one(&mut *admin).await.unwrap() == 0 {
        admin.execute("CREATE DATABASE citus_template").await.unwrap();
        distribute(folder, &url(TEMPLATE)).await;
        close(admin, TEMPLATE).await;
    }
    TEMPLATE
}

async fn distribute(folder: &Path, url: &str) {
    let mut database = PgConnection::connect(url).await.unwrap();
    database.execute("CREATE EXTENSION citus").await.unwrap();
    let node = format!(
        "SELECT citus_set_coordinator_host('{folder}', 5432); \
         SELECT citus_set_node_property('{folder}', 5432, 'shouldhaveshards', true)",
        folder = folder.display()
    );
    database.execute(AssertSqlSafe(node)).await.unwrap();
    migrate::<Archive>(url, None).await;
    migrate::<Vault>(url, Some("vault")).await;
    database.execute(DISTRIBUTE).await.unwrap();
    database.close().await.unwrap();
}

async fn migrate<S: Migrations>(url: &str, schema: Option<&'static str>) {
    let settings =
        StoreSettings { url: url.to_owned().into(), schema, connections: 1, patience: Duration::from_mins(1) };
    let store = Db::<S>::open(&settings).await.unwrap();
    lethe::store::migrate(&store).await.unwrap();
    store.close().await;
}

/// Ends all connections to a database, and allows no new ones. Citus keeps its own connections, and a database with
/// connections cannot be copied.
pub async fn close(admin: &mut PgConnection, database: &str) {
    allow(admin, database, false).await;
    let end = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1";
    sqlx::query(end).bind(database).execute(admin).await.unwrap();
}

pub async fn allow(admin: &mut PgConnection, database: &str, allowed: bool) {
    let change = format!("ALTER DATABASE {database} ALLOW_CONNECTIONS {allowed}");
    admin.execute(AssertSqlSafe(change)).await.unwrap();
}
