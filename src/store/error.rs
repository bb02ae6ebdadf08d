//! The errors of a database, without the driver's words, which may quote values.

use sqlx::sqlite::SqliteError;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is unavailable, busy, or closing. The same call may succeed later.
    #[error("the database is unavailable: {0}")]
    Unavailable(&'static str),
    /// The transaction lost against another one (deadlock, serialization). The same call may succeed at once.
    #[error("the transaction lost against another one")]
    Contended,
    #[error("a row violates the constraint {0}")]
    Constraint(String),
    #[error("a row does not exist")]
    NoRow,
    /// A stored value does not belong to its column.
    #[error("the column {0} contains an invalid value")]
    Inconsistent(String),
    #[error("the database refused a statement with the code {0}")]
    Refused(String),
    #[error("the database was made by Lethe 0.1: create an empty database and load the data again")]
    MadeByOldVersion,
    #[error("the migration failed: {0}")]
    Migration(&'static str),
    #[error("the database URL cannot be used: {0}")]
    Address(&'static str),
    /// The database, or a pooler in front of it, is set up in a way in which data would be lost or refused.
    #[error("the database is not set up for this service: {0}")]
    Unsuitable(&'static str),
}

impl StoreError {
    /// Whether the caller may try the same again later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Contended)
    }
}

impl StoreError {
    /// Whether the program or the stored data are wrong. Neither a caller nor a later attempt can repair that.
    pub(super) const fn is_mistake(&self) -> bool {
        matches!(
            self,
            Self::Refused(_)
                | Self::Inconsistent(_)
                | Self::Migration(_)
                | Self::MadeByOldVersion
                | Self::Unsuitable(_)
        )
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => from_database(error.as_ref()),
            sqlx::Error::RowNotFound => Self::NoRow,
            sqlx::Error::PoolTimedOut => Self::Unavailable("timeout: no connection became free"),
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Unavailable("the connections are being closed")
            }
            sqlx::Error::Io(error) if is_bad_certificate(&error) => {
                Self::Address("the server's certificate is not accepted: see sslrootcert, or use sslmode=disable")
            }
            sqlx::Error::Io(_) => Self::Unavailable("the connection was lost"),
            sqlx::Error::Tls(_) => Self::Unavailable("TLS failed: check whether the server has TLS on, and sslmode"),
            sqlx::Error::ColumnDecode { index, .. } => Self::Inconsistent(index),
            sqlx::Error::ColumnNotFound(name) => Self::Inconsistent(name),
            sqlx::Error::Configuration(_) => Self::Address("its format, its port, or one of its parameters is invalid"),
            sqlx::Error::Protocol(_) => Self::Unavailable("the server broke the protocol"),
            _ => Self::Refused("driver".to_owned()),
        }
    }
}

/// Whether a connection failed because TLS does not accept the server's certificate.
pub(super) fn is_bad_certificate(error: &std::io::Error) -> bool {
    use rustls::Error as Tls;
    let error = error.get_ref().and_then(|error| error.downcast_ref::<Tls>());
    matches!(error, Some(Tls::InvalidCertificate(_)))
}

impl From<std::io::Error> for StoreError {
    fn from(_: std::io::Error) -> Self {
        Self::Unavailable("a file beside the database cannot be used")
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        use sqlx::migrate::MigrateError as Failed;
        match error {
            Failed::Execute(error) | Failed::ExecuteMigration(error, _) => error.into(),
            Failed::VersionMissing(_) => {
                Self::Migration("the database is newer than this program: install the newer version")
            }
            Failed::VersionMismatch(_) => Self::Migration("an applied migration was changed"),
            Failed::Dirty(_) => Self::Migration("an earlier migration failed half way: restore the database"),
            _ => Self::Migration("the migrations cannot be read"),
        }
    }
}

fn from_database(error: &dyn sqlx::error::DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<SqliteError>().is_some() {
        if let Some(why) = code.parse().ok().and_then(sqlite_cannot) {
            return StoreError::Unavailable(why);
        }
    } else if let Some(error) = of_postgres(&code) {
        return error;
    }
    match error.constraint() {
        Some(name) => StoreError::Constraint(name.to_owned()),
        None if error.is_unique_violation() || error.is_check_violation() => {
            StoreError::Constraint("unnamed".to_owned())
        }
        None => StoreError::Refused(code.into_owned()),
    }
}

/// The reason why SQLite cannot run such a statement now, by its result code. The low byte of the code is its kind.
const fn sqlite_cannot(code: u32) -> Option<&'static str> {
    Some(match code & 0xff {
        5 | 6 => "timeout: another process is writing",
        7 => "there is not enough memory",
        8 => "the database is read-only",
        10 => "the disk failed to read or to write",
        13 => "the disk is full",
        14 => "a file of the database cannot be opened",
        _ => return None,
    })
}

/// No schema of PostgreSQL's search path can be used.
pub(super) const NO_SCHEMA: &str =
    "search_path names no schema that exists and that the user may use: create it, or GRANT USAGE, CREATE ON it";

fn of_postgres(code: &str) -> Option<StoreError> {
    Some(match code {
        "40001" | "40P01" => StoreError::Contended,
        "55000" => StoreError::Unavailable("the database accepts no connections, or is not in a state for this"),
        "25006" => StoreError::Unavailable("the database is read-only"),
        "53100" => StoreError::Unavailable("the database's disk is full"),
        "57014" => StoreError::Unavailable("timeout: a statement took too long"),
        "55P03" => StoreError::Unavailable("timeout: a lock was not released"),
        "3D000" => StoreError::Address("the server does not have this database"),
        "28000" | "28P01" => StoreError::Address("the server refused the user or the password"),
        "42501" => StoreError::Unsuitable(
            "the user lacks a right on the database, a schema, or a table: grant it, or connect as the owner of the tables",
        ),
        "3F000" => StoreError::Unsuitable(NO_SCHEMA),
        // The characters of a database with another encoding.
        "22P05" => StoreError::Unsuitable("its encoding must be UTF8: create a database with ENCODING 'UTF8'"),
        // PostgreSQL itself accepts all of them.
        "08P01" => StoreError::Unsuitable(
            "the connection pooler refuses a start-up parameter: see \"Connection poolers\" in docs/operating.md",
        ),
        "42P01" => StoreError::Migration("tables are missing: run lethe migrate"),
        // Classes of the connection, the operator, resources, the system, and the ends of idle sessions.
        _ if ["08", "57P", "53", "58", "25P03", "25P04"].iter().any(|class| code.starts_with(class)) => {
            StoreError::Unavailable("the database is starting, stopping, or out of resources")
        }
        _ => return None,
    })
}
