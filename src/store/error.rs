//! What can go wrong with a store, without the driver's words: those may quote values.

use sqlx::sqlite::SqliteError;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is away, busy or closing: the same call may succeed later.
    #[error("the database is unavailable: {0}")]
    Unavailable(&'static str),
    /// The transaction lost against another one (deadlock, serialization): the same call may succeed at once.
    #[error("the transaction lost against another one")]
    Contended,
    #[error("constraint {0} refused a row")]
    Constraint(String),
    #[error("no row where one was expected")]
    NoRow,
    /// A stored value is not what its column holds.
    #[error("column {0} holds what it cannot hold")]
    Inconsistent(String),
    #[error("the database refused a statement with code {0}")]
    Refused(String),
    #[error("the database was made by Lethe 0.1: create an empty database and load the data anew")]
    MadeByOldVersion,
    #[error("migration failed: {0}")]
    Migration(&'static str),
    #[error("the database URL is not usable: {0}")]
    Address(&'static str),
}

impl StoreError {
    /// Whether the caller may try the same again later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Contended)
    }
}

impl StoreError {
    /// Whether the program is at fault, or what is stored: no caller can mend it, and no later try.
    pub(super) const fn is_mistake(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Inconsistent(_) | Self::Migration(_) | Self::MadeByOldVersion)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => from_database(error.as_ref()),
            sqlx::Error::RowNotFound => Self::NoRow,
            sqlx::Error::PoolTimedOut => Self::Unavailable("no connection came free in time"),
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Unavailable("the connections are closing"),
            sqlx::Error::Io(_) => Self::Unavailable("the connection was lost"),
            sqlx::Error::Tls(_) => Self::Unavailable("no secure connection"),
            sqlx::Error::ColumnDecode { index, .. } => Self::Inconsistent(index),
            sqlx::Error::ColumnNotFound(name) => Self::Inconsistent(name),
            sqlx::Error::Configuration(_) => Self::Address("cannot be read"),
            sqlx::Error::Protocol(_) => Self::Unavailable("the server spoke out of turn"),
            _ => Self::Refused("driver".to_owned()),
        }
    }
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
            Failed::VersionMissing(_) => Self::Migration("the database is newer than this program"),
            Failed::VersionMismatch(_) => Self::Migration("an applied migration was changed"),
            Failed::Dirty(_) => Self::Migration("an earlier migration was left half done"),
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

/// Why SQLite cannot carry out any such statement now, by its result code, of which the low byte is the kind.
const fn sqlite_cannot(code: u32) -> Option<&'static str> {
    Some(match code & 0xff {
        5 | 6 => "another writer is in the way",
        7 => "there is not enough memory",
        8 => "the database is read-only",
        10 => "the disk failed to read or to write",
        13 => "the disk is full",
        14 => "a file of the database cannot be opened",
        _ => return None,
    })
}

fn of_postgres(code: &str) -> Option<StoreError> {
    Some(match code {
        "40001" | "40P01" => StoreError::Contended,
        "25006" => StoreError::Unavailable("the database is read-only"),
        "53100" => StoreError::Unavailable("the database's disk is full"),
        "57014" => StoreError::Unavailable("a statement took too long"),
        "55P03" => StoreError::Unavailable("a lock was not released in time"),
        "3D000" => StoreError::Address("the server has no such database"),
        "28000" | "28P01" => StoreError::Address("the server does not let this user in"),
        "42P01" => StoreError::Migration("tables are missing: run lethe migrate"),
        // Connection, operator, resources, the system below, and the ends of idle sessions.
        _ if ["08", "57P", "53", "58", "25P03", "25P04"].iter().any(|class| code.starts_with(class)) => {
            StoreError::Unavailable("the database is starting, stopping or out of resources")
        }
        _ => return None,
    })
}
