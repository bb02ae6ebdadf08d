//! A database that another version of the program made.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::harness::{Store, TestLethe, each_store};
use crate::restart::in_production;

/// Replaces the notes about applied migrations by those of Lethe 0.1: another first migration, and a second one.
async fn make_old(lethe: &TestLethe, database: &str) {
    let (url, table, bytes) = match lethe.store() {
        Store::Sqlite => {
            let file = lethe.data_folder().join(format!("{database}.db"));
            (format!("sqlite:{}", file.display()), "_sqlx_migrations".to_owned(), "BLOB")
        }
        Store::Postgres => {
            let schema = if database == "vault" { "vault" } else { "public" };
            (lethe.archive_url(), format!("{schema}._sqlx_migrations"), "BYTEA")
        }
    };
    let newer = format!("DELETE FROM {table} WHERE version > 1");
    let second = format!(
        "INSERT INTO {table} (version, description, installed_on, success, checksum, execution_time) \
         SELECT 2, 'content', installed_on, success, checksum, execution_time FROM {table}"
    );
    let other = format!("UPDATE {table} SET checksum = CAST('0.1' AS {bytes})");
    let both = sqlx::raw_sql(AssertSqlSafe(format!("{newer}; {second}; {other}")));
    match lethe.store() {
        Store::Sqlite => drop(both.execute(&mut SqliteConnection::connect(&url).await.unwrap()).await.unwrap()),
        Store::Postgres => drop(both.execute(&mut PgConnection::connect(&url).await.unwrap()).await.unwrap()),
    }
}

async fn is_refused(lethe: &TestLethe) {
    for command in [&["migrate"][..], &["serve"], &["job", "nightly"]] {
        let ran = lethe.run(command).await;
        let said = "the database was made by Lethe 0.1: create an empty database and load the data again";
        assert_eq!((ran.code(), ran.stderr.contains(said)), (Some(78), true), "{command:?}: {}", ran.stderr);
    }
}

each_store!(an_archive_of_0_1_is_refused, |mut lethe: TestLethe| async move {
    lethe.stop().await;
    make_old(&lethe, "archive").await;
    is_refused(&lethe).await;
});

each_store!(a_vault_of_0_1_is_refused, |mut lethe: TestLethe| async move {
    in_production(&mut lethe, "0").await;
    make_old(&lethe, "vault").await;
    is_refused(&lethe).await;
});
