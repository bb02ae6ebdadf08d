//! Opens a database.

use std::borrow::Cow;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::lock::WriteLock;
use super::postgres::PostgresPool;
use super::{Db, Pool, Result, StoreError};

#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// `postgres://…` or `sqlite:…`.
    pub url: SecretString,
    /// The PostgreSQL schema of the tables. SQLite has none.
    pub schema: Option<&'static str>,
    /// The most connections to PostgreSQL, or readers of SQLite.
    pub connections: u32,
    /// The time for which a caller waits for a free connection before it gets an error.
    pub patience: Duration,
}

/// The time after which PostgreSQL ends a statement. A statement that waits for a lock also runs.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimits {
    /// The limit of a unit of work that reads, or that writes with one statement.
    pub read: Duration,
    /// The limit of a transaction that writes.
    pub write: Duration,
}

impl TimeLimits {
    #[must_use]
    pub const fn all(limit: Duration) -> Self {
        Self { read: limit, write: limit }
    }
}

impl<S> Db<S> {
    /// Opens the database with large limits. SQLite's file is created if it is missing. Nothing is migrated.
    pub async fn open(settings: &StoreSettings) -> Result<Self> {
        Self::open_with(settings, TimeLimits::all(Duration::from_mins(10))).await
    }

    /// Opens the database with given limits.
    pub async fn open_with(settings: &StoreSettings, limits: TimeLimits) -> Result<Self> {
        let url = settings.url.expose_secret();
        let pool = if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            open_postgres(url, settings, limits)?
        } else if url.starts_with("sqlite:") {
            open_sqlite(url, settings).await?
        } else {
            return Err(StoreError::Address("must begin with postgres: or sqlite:"));
        };
        Ok(Self { pool, store: std::marker::PhantomData })
    }
}

fn open_postgres(url: &str, settings: &StoreSettings, limits: TimeLimits) -> Result<Pool> {
    let mut servers = Vec::new();
    for url in each_host(&with_host(url)) {
        let mut options = PgConnectOptions::from_str(&url)?.application_name("lethe");
        if let Some(schema) = settings.schema {
            options = options.options([("search_path", schema)]);
        }
        // The driver would log the whole text of a slow statement.
        servers.push(options.disable_statement_logging());
    }
    Ok(Pool::Postgres(Arc::new(PostgresPool::new(servers, settings.connections, settings.patience, limits))))
}

/// A URL with a host. libpq, and the manuals of Cloud SQL, leave it out where the parameter `host` names a socket, which a
/// URL with a user may not.
fn with_host(url: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = url.split_once("://") else { return Cow::Borrowed(url) };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((user, host)) if host.is_empty() || host.starts_with(':') => {
            Cow::Owned(format!("{scheme}://{user}@localhost{host}{path}"))
        }
        _ => Cow::Borrowed(url),
    }
}

/// A URL for each host of a URL with several, as libpq reads it: `postgres://user@one:5432,two:5432/db`. The parameter
/// `target_session_attrs` is left out, because each unit of work may write.
///
/// An IPv6 address becomes the parameter `host`. The driver would look up the address of a URL with its brackets, as a
/// name. It would also look for the brackets in the file of passwords, where libpq has none.
fn each_host(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, hosts) = authority.rsplit_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let is_kept = |part: &&str| !part.is_empty() && !part.starts_with("target_session_attrs=");
    let query: Vec<_> = query.split('&').filter(is_kept).collect();
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    let url_of = |host: &str| {
        let (host, address) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, port)) => (format!("localhost{port}"), Some(format!("host={address}"))),
            None => (host.to_owned(), None),
        };
        // A parameter of the URL itself comes later, so it wins over the address.
        let query: Vec<_> = address.iter().map(String::as_str).chain(query.iter().copied()).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{scheme}://{user}{host}{path}{mark}{}", query.join("&"))
    };
    hosts.split(',').map(url_of).collect()
}

async fn open_sqlite(url: &str, settings: &StoreSettings) -> Result<Pool> {
    let options = SqliteConnectOptions::from_str(url)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(settings.patience)
        // The cache in KiB. It is small, so that an idle service stays small. The system's page cache does the rest.
        .pragma("cache_size", "-2048")
        .pragma("secure_delete", "ON")
        .disable_statement_logging();
    let file = PathBuf::from(options.get_filename());
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // Only the owner may read the file. The files that SQLite puts beside it get the same mode.
    std::fs::File::options().append(true).create(true).mode(0o600).open(&file)?;
    let lock = WriteLock::beside(&file)?;
    let pool = || SqlitePoolOptions::new().acquire_timeout(settings.patience).test_before_acquire(false);
    let writer =
        pool().max_connections(1).acquire_timeout(Duration::from_secs(30)).connect_with(options.clone()).await?;
    let readers = pool().max_connections(settings.connections).connect_lazy_with(options);
    Ok(Pool::Sqlite { readers, writer, lock, file: file.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_name_several_hosts() {
        let url = "postgres://app:a,b%40@one,two:5433,[::1]:5434/db?target_session_attrs=read-write&sslmode=require";
        let found: Vec<_> = each_host(url).iter().map(|url| PgConnectOptions::from_str(url).unwrap()).collect();
        let hosts: Vec<_> = found.iter().map(|options| (options.get_host(), options.get_port())).collect();
        assert_eq!(hosts, [("one", 5432), ("two", 5433), ("::1", 5434)]);
        assert!(found.iter().all(|options| options.get_username() == "app" && options.get_database() == Some("db")));
        let zone = each_host("postgres://[fe80::1%25eth0]?sslmode=require");
        let zone = PgConnectOptions::from_str(&zone[0]).unwrap();
        assert_eq!((zone.get_host(), zone.get_port(), zone.get_socket()), ("fe80::1%eth0", 5432, None));
        for url in ["postgres://user@host/db", "postgres:///db?host=/run", "postgres://user@%2Frun/db?a=b,c", "x"] {
            assert_eq!(each_host(url), [url]);
        }
    }

    #[test]
    fn a_url_may_name_its_socket_as_libpq_does() {
        for (url, socket, port) in [
            ("postgresql://user@/db?host=%2Fcloudsql%2Fproject:eu:one", Some("/cloudsql/project:eu:one"), 5432),
            ("postgres://user:word@:6432/db?host=/run", Some("/run"), 6432),
            ("postgres://user@?host=/run", Some("/run"), 5432),
            ("postgres://user@%2Frun/db", Some("/run"), 5432),
            ("postgres:///db?host=/run", Some("/run"), 5432),
            ("postgres://user:a%40b@db.example:5433/db", None, 5433),
        ] {
            let options = PgConnectOptions::from_str(&with_host(url)).unwrap();
            assert_eq!(options.get_socket().map(|socket| socket.to_str().unwrap()), socket, "{url}");
            assert_eq!(options.get_port(), port, "{url}");
        }
    }
}
