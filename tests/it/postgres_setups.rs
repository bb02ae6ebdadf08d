//! PostgreSQL as operators set it up: few rights, poolers, certificates, and encodings.

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::harness::{OwnServer, Pooler, Ran, Store, TestLethe, tell};

async fn run(lethe: &TestLethe, command: &str, url: &str) -> Ran {
    lethe.run_with(&[command], &[("LETHE_DATABASE__URL", url)], Vec::new()).await
}

/// A command ends because an operator has to change something, and says what.
async fn is_refused(lethe: &TestLethe, command: &str, url: &str, words: &str) {
    let ran = run(lethe, command, url).await;
    assert_eq!((ran.code(), ran.stderr.contains(words)), (Some(78), true), "{command}: {}", ran.stderr);
}

#[test]
fn a_user_that_may_create_no_schema_migrates_into_its_own() {
    tell(Store::Postgres, |mut lethe| async move {
        let empty = lethe.databases().create_empty().await;
        let mut admin = PgConnection::connect(&empty.url()).await.unwrap();
        let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut admin).await.unwrap();
        let mut tell = async |statement: &str| {
            let statement = statement.replace("USER", &format!("app_{name}")).replace("DATABASE_NAME", &name);
            admin.execute(AssertSqlSafe(statement)).await.unwrap();
        };
        tell("CREATE ROLE USER LOGIN").await;
        tell("CREATE SCHEMA app AUTHORIZATION USER").await;
        tell("ALTER ROLE USER IN DATABASE DATABASE_NAME SET search_path = app").await;
        let url = empty.url().replace("lethe@", &format!("app_{name}@"));
        is_refused(&lethe, "migrate", &url, "CREATE SCHEMA vault AUTHORIZATION").await;
        tell("CREATE SCHEMA vault AUTHORIZATION USER").await;
        for _ in 0..2 {
            run(&lethe, "migrate", &url).await.well();
        }
        let tables = "SELECT count(*) FROM pg_tables WHERE tablename = 'identifiers' AND schemaname = 'vault'";
        assert_eq!(sqlx::query_scalar::<_, i64>(tables).fetch_one(&mut admin).await.unwrap(), 1);
        lethe.stop().await;
        lethe.set("DATABASE__URL", &url);
        lethe.serve().await;
        lethe.record(&json!({ "external_id": "a", "channel": "call", "started_at": "2026-02-01T10:00:00Z" })).await;
        lethe.stop().await;
        let drop = format!("DROP OWNED BY app_{name}; DROP ROLE app_{name}");
        admin.execute(AssertSqlSafe(drop)).await.unwrap();
    });
}

#[test]
fn a_database_that_cannot_store_all_texts_is_refused() {
    tell(Store::Postgres, |lethe| async move {
        let mut admin = PgConnection::connect(&lethe.archive_url()).await.unwrap();
        let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut admin).await.unwrap();
        let create = format!("CREATE DATABASE {name}_latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
        admin.execute(AssertSqlSafe(create)).await.unwrap();
        let url = lethe.archive_url().replace(&name, &format!("{name}_latin"));
        for command in ["migrate", "serve"] {
            is_refused(&lethe, command, &url, "its encoding must be UTF8").await;
        }
        admin.execute(AssertSqlSafe(format!("DROP DATABASE {name}_latin WITH (FORCE)"))).await.unwrap();
    });
}

#[test]
fn a_pooler_that_loses_the_schema_of_the_vault_is_refused() {
    tell(Store::Postgres, |lethe| async move {
        let through = Pooler::Transparent.start(&lethe.archive_url()).await;
        run(&lethe, "migrate", &through).await.well();
        let dropping = Pooler::Dropping.start(&lethe.archive_url()).await;
        let refusing = Pooler::Refusing.start(&lethe.archive_url()).await;
        let empty = lethe.databases().create_empty().await;
        let onto_empty = Pooler::Dropping.start(&empty.url()).await;
        for command in ["migrate", "serve"] {
            is_refused(&lethe, command, &dropping, "a connection pooler drops search_path").await;
            is_refused(&lethe, command, &onto_empty, "a connection pooler drops search_path").await;
            is_refused(&lethe, command, &refusing, "the connection pooler refuses a start-up parameter").await;
        }
        let mut direct = PgConnection::connect(&empty.url()).await.unwrap();
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname IN ('public', 'vault')";
        assert_eq!(sqlx::query_scalar::<_, i64>(tables).fetch_one(&mut direct).await.unwrap(), 0);
    });
}

#[test]
fn a_certificate_that_cannot_be_used_is_reported() {
    tell(Store::Sqlite, |lethe| async move {
        let server = OwnServer::start();
        let mut admin = server.admin().await;
        // The recipe of PostgreSQL's manual makes certificates of version 1 with OpenSSL 3.0.
        let make = "openssl req -new -nodes -subj /CN=localhost -keyout server.key -out server.csr && \
                    openssl x509 -req -in server.csr -signkey server.key -out server.crt && chmod 600 server.key";
        admin.execute(AssertSqlSafe(format!("COPY (SELECT 1) TO PROGRAM '{make}'"))).await.unwrap();
        admin.execute("ALTER SYSTEM SET ssl = on").await.unwrap();
        let url = server.restart_on_tcp();
        for mode in ["require", "verify-ca", "verify-full"] {
            let url = format!("{url}?sslmode={mode}");
            is_refused(&lethe, "migrate", &url, "the server's certificate is not accepted").await;
        }
        for mode in ["", "?sslmode=prefer", "?sslmode=disable"] {
            run(&lethe, "migrate", &format!("{url}{mode}")).await.well();
        }
    });
}

#[test]
fn a_host_may_be_an_ipv6_address() {
    // Not every machine that runs the tests has IPv6.
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    tell(Store::Sqlite, |lethe| async move {
        let server = OwnServer::start();
        let closed = std::net::TcpListener::bind("[::1]:0").unwrap().local_addr().unwrap();
        let url = server.restart_on_tcp().replace("127.0.0.1", "[::1]");
        run(&lethe, "migrate", &url).await.well();
        run(&lethe, "migrate", &url.replace('@', &format!("@{closed},"))).await.well();
    });
}

#[test]
fn a_user_that_may_not_create_tables_is_told_so() {
    tell(Store::Postgres, |lethe| async move {
        let empty = lethe.databases().create_empty().await;
        let mut admin = PgConnection::connect(&empty.url()).await.unwrap();
        let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut admin).await.unwrap();
        let role = format!("reader_{name}");
        let url = empty.url().replace("lethe@", &format!("{role}@"));
        let mut tell = async |statement: String| admin.execute(AssertSqlSafe(statement)).await.unwrap();
        tell(format!("CREATE ROLE {role} LOGIN")).await;
        tell("REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned()).await;
        tell("CREATE SCHEMA vault".to_owned()).await;
        is_refused(&lethe, "migrate", &url, "the user may not create tables in the schema vault").await;
        tell(format!("ALTER SCHEMA vault OWNER TO {role}")).await;
        is_refused(&lethe, "migrate", &url, "the user may not create tables in the first schema of search_path").await;
        tell(format!("ALTER ROLE {role} IN DATABASE {name} SET search_path = missing")).await;
        for command in ["migrate", "serve"] {
            is_refused(&lethe, command, &url, "search_path names no schema").await;
        }
        tell(format!("ALTER ROLE {role} IN DATABASE {name} RESET search_path")).await;
        tell("REVOKE ALL ON SCHEMA public FROM PUBLIC".to_owned()).await;
        is_refused(&lethe, "migrate", &url, "search_path names no schema").await;
        // Another user migrated.
        tell("DROP SCHEMA vault CASCADE".to_owned()).await;
        run(&lethe, "migrate", &empty.url()).await.well();
        tell("GRANT ALL ON SCHEMA public, vault TO PUBLIC".to_owned()).await;
        for command in ["migrate", "serve"] {
            is_refused(&lethe, command, &url, "the user lacks a right").await;
        }
        tell(format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    });
}

#[test]
fn of_several_hosts_the_first_that_can_be_written_is_used() {
    tell(Store::Sqlite, |lethe| async move {
        let (standby, first) = (OwnServer::start(), OwnServer::start());
        // It refuses writes, as a standby does.
        let mut admin = standby.admin().await;
        admin.execute("ALTER SYSTEM SET default_transaction_read_only = on").await.unwrap();
        let host = |url: String| url.rsplit_once('@').unwrap().1.split('/').next().unwrap().to_owned();
        let (standby, first) = (host(standby.restart_on_tcp()), host(first.restart_on_tcp()));
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = format!("postgres://lethe@{closed},{standby},{first}/postgres?target_session_attrs=read-write");
        for command in ["migrate", "job nightly --json"] {
            let command: Vec<_> = command.split(' ').collect();
            lethe.run_with(&command, &[("LETHE_DATABASE__URL", &url)], Vec::new()).await.well();
        }
        let mut direct = PgConnection::connect(&format!("postgres://lethe@{first}/postgres")).await.unwrap();
        let tables = "SELECT count(*) FROM pg_tables WHERE tablename = 'interactions'";
        assert_eq!(sqlx::query_scalar::<_, i64>(tables).fetch_one(&mut direct).await.unwrap(), 1);
        let none = format!("postgres://lethe@{closed},{standby}/postgres");
        let ran = lethe.run_with(&["migrate"], &[("LETHE_DATABASE__URL", &none)], Vec::new()).await;
        assert_eq!((ran.code(), ran.stderr.contains("none of the hosts can be written")), (Some(75), true), "{ran:?}");
    });
}
