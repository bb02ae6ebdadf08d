//! Connects to PostgreSQL. A URL with several hosts names the members of a cluster, one of which can be written.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{Connection as _, PgConnection};

use super::error::is_bad_certificate;
use super::{Result, StoreError};

/// The timeout of one attempt to connect.
const CONNECT: Duration = Duration::from_secs(3);
/// The longest pause between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(500);

/// A failed attempt to connect.
struct ConnectError {
    error: StoreError,
    /// Whether the next attempt may succeed soon, because the server is starting.
    may_pass: bool,
}

/// Connects to the first server that can be written, and tries again until the deadline while a server is starting.
pub async fn connect_by(servers: &[PgConnectOptions], deadline: Instant) -> Result<PgConnection> {
    let mut pause = Duration::from_millis(20);
    loop {
        let mut last = ConnectError { error: StoreError::Address("it names no host"), may_pass: false };
        let mut may_pass = false;
        for (server, left) in servers.iter().zip((1..=servers.len()).rev()) {
            let left = u32::try_from(left).unwrap_or(u32::MAX);
            let limit = CONNECT.min(deadline.saturating_duration_since(Instant::now()) / left);
            let attempted = tokio::time::timeout(limit, attempt(server, servers.len() > 1)).await;
            match attempted.unwrap_or_else(|_| Err(timeout())) {
                Ok(connection) => return Ok(connection),
                Err(error) => last = error,
            }
            may_pass |= last.may_pass;
        }
        if !may_pass || Instant::now() + pause >= deadline {
            return Err(last.error);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE);
    }
}

fn timeout() -> ConnectError {
    let error = StoreError::Unavailable("timeout: the server did not respond to an attempt to connect");
    ConnectError { error, may_pass: false }
}

async fn attempt(server: &PgConnectOptions, is_one_of_many: bool) -> std::result::Result<PgConnection, ConnectError> {
    let mut server = Cow::Borrowed(server);
    loop {
        let error = match PgConnection::connect_with(&server).await {
            Ok(connection) if is_one_of_many => return writable(connection).await,
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        let has_bad_certificate = matches!(&error, sqlx::Error::Io(error) if is_bad_certificate(error));
        if has_bad_certificate && matches!(server.get_ssl_mode(), PgSslMode::Prefer) {
            // As libpq does with `prefer`. The driver cannot use some certificates at all, such as those of version 1.
            tracing::warn!("The certificate of PostgreSQL cannot be used, so the connection is made without TLS");
            server = Cow::Owned(server.into_owned().ssl_mode(PgSslMode::Disable));
            continue;
        }
        let may_pass = is_starting(&error);
        let error = match error {
            sqlx::Error::Io(error) if !has_bad_certificate => StoreError::Unavailable(unreachable(&error)),
            error => error.into(),
        };
        return Err(ConnectError { error, may_pass });
    }
}

/// The connection, if its server can be written. A standby is promoted when the first server is lost, so it is worth to
/// try again.
async fn writable(mut connection: PgConnection) -> std::result::Result<PgConnection, ConnectError> {
    let read_only = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool";
    match sqlx::query_scalar(read_only).fetch_one(&mut connection).await {
        Ok(false) => Ok(connection),
        Ok(true) => {
            let error = StoreError::Unavailable("none of the hosts can be written");
            Err(ConnectError { error, may_pass: true })
        }
        Err(error) => Err(ConnectError { may_pass: is_starting(&error), error: error.into() }),
    }
}

/// The reason why a server cannot be reached, and what to check.
fn unreachable(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{
        ConnectionRefused, HostUnreachable, NetworkUnreachable, NotFound, PermissionDenied, TimedOut,
    };
    match error.kind() {
        ConnectionRefused => "the host refuses the connection: check the port, and whether the server runs",
        HostUnreachable | NetworkUnreachable | TimedOut => "the host cannot be reached: check the network",
        NotFound => "the server's socket does not exist: check the folder, and whether the server runs",
        PermissionDenied => "the server's socket may not be used by this user",
        // The standard library has no kind for a failed look-up.
        _ if error.to_string().starts_with("failed to lookup") => "the host is not found: check its name and the DNS",
        _ => "the connection to the server failed",
    }
}

/// Whether a server that is starting fails an attempt to connect in this way.
fn is_starting(error: &sqlx::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, NotFound, UnexpectedEof};
    match error {
        sqlx::Error::Io(error) => matches!(
            error.kind(),
            // A socket in a folder does not exist while the server is stopped.
            ConnectionAborted | ConnectionRefused | ConnectionReset | NotFound | UnexpectedEof
        ),
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P") || code == "53300"),
        _ => false,
    }
}
