//! The two databases: the archive, which contains no identifier, and the vault, which contains the identifiers.
//!
//! Each is PostgreSQL or SQLite. [`Db`] and [`Tx`] hide which. A [`Query`] is written once and binds its values to the
//! right driver. The two databases are distinct types, so a statement of one cannot run on the other.
//!
//! A new statement belongs to the slice's `sql.rs`. Write it so that both databases read it, and use [`Sql::per`] only
//! where they cannot.

mod catalogue;
mod connect;
mod dial;
mod error;
mod lexer;
mod lock;
mod migrations;
mod postgres;
mod probe;
mod query;
mod reference;
mod row;
mod rules;
mod sqlite;
mod watch;

use std::marker::PhantomData;
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;

use sqlx::SqlitePool;

pub use catalogue::{CatalogueColumn, CatalogueTable, Depth, RowsWanted, TextRow};
pub use connect::{StoreSettings, TimeLimits};
pub use error::StoreError;
pub use migrations::{Migrations, migrate, pending_migrations};
pub use query::{DecodeRow, Param, Query, Sql};
pub use reference::Reference;
pub use row::{ReadColumns, RowReader, RowResult};

use lock::WriteLock;
use postgres::{Checkout, PostgresPool};
use sqlite::Session;

/// The result of every operation of a database.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The archive: interactions, survey responses, raw events, requests, audit, and runs. It contains no identifier.
#[derive(Clone, Copy, Debug)]
pub struct Archive;

/// The vault: identifiers, the keys that seal them, and erasures. It contains nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Vault;

/// One of the two databases: a pool of connections to PostgreSQL or SQLite.
#[derive(Clone, Debug)]
pub struct Db<S> {
    pool: Pool,
    store: PhantomData<S>,
}

#[derive(Clone, Debug)]
enum Pool {
    Postgres(Arc<PostgresPool>),
    Sqlite { readers: SqlitePool, writer: SqlitePool, lock: WriteLock, file: Arc<Path> },
}

/// A unit of work on one database. [`Tx::commit`] consumes it. A drop undoes it.
pub struct Tx<S> {
    inner: Backend,
    store: PhantomData<S>,
}

enum Backend {
    /// The unit of work is a transaction, or each statement is a transaction of its own.
    Postgres(Checkout),
    Sqlite(Session),
}

/// The numbers of connections of a pool that are in use and idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUse {
    pub in_use: u32,
    pub idle: u32,
}

impl<S> Db<S> {
    /// A unit of work that only reads. On PostgreSQL, each statement sees the changes that were committed before it. On
    /// SQLite, all of them see one instant.
    pub async fn read(&self) -> Result<Tx<S>> {
        let inner = match &self.pool {
            Pool::Postgres(pool) => Backend::Postgres(pool.check_out().await?),
            Pool::Sqlite { readers, .. } => Backend::Sqlite(Session::begin(readers.acquire().await?, None).await?),
        };
        Ok(Tx { inner, store: PhantomData })
    }

    /// A unit of work that only reads, and whose statements all see one instant. On PostgreSQL it is a transaction, so it
    /// should be short. It ends with [`Tx::commit`], which frees the connection at once.
    pub async fn read_snapshot(&self) -> Result<Tx<S>> {
        match &self.pool {
            Pool::Postgres(pool) => {
                Ok(Tx { inner: Backend::Postgres(pool.begin_snapshot().await?), store: PhantomData })
            }
            Pool::Sqlite { .. } => self.read().await,
        }
    }

    /// A unit of work that writes. It is READ COMMITTED on PostgreSQL. On SQLite it has the one writer, which processes
    /// get in turn.
    pub async fn write(&self) -> Result<Tx<S>> {
        let inner = match &self.pool {
            Pool::Postgres(pool) => Backend::Postgres(pool.begin().await?),
            Pool::Sqlite { writer, lock, .. } => {
                let connection = writer.acquire().await?;
                let writing = lock.acquire().await?;
                Backend::Sqlite(Session::begin(connection, Some(writing)).await?)
            }
        };
        Ok(Tx { inner, store: PhantomData })
    }

    /// A unit of work that writes a few rows for a read, such as its row of the audit log. Its statements have the time
    /// limit of a read, so that a lock does not keep the reader for longer than a read would.
    pub async fn write_brief(&self) -> Result<Tx<S>> {
        match &self.pool {
            Pool::Postgres(pool) => Ok(Tx { inner: Backend::Postgres(pool.begin_brief().await?), store: PhantomData }),
            Pool::Sqlite { .. } => self.write().await,
        }
    }

    /// A unit of work of one statement that writes. On PostgreSQL the statement is its own transaction and durable when
    /// it ends, which saves two round trips. On SQLite it is like any other and ends with [`Tx::commit`].
    pub async fn write_once(&self) -> Result<Tx<S>> {
        match &self.pool {
            Pool::Postgres(_) => self.read().await,
            Pool::Sqlite { .. } => self.write().await,
        }
    }

    #[must_use]
    pub fn pool_use(&self) -> PoolUse {
        // The driver counts without a lock. For a moment, more connections may seem idle than there are, or fewer than
        // none.
        let count = |size: u32, idle: usize| u32::try_from(idle).unwrap_or(size).min(size);
        let (size, idle) = match &self.pool {
            Pool::Postgres(connections) => {
                let (size, idle) = connections.count();
                (size, count(size, idle))
            }
            Pool::Sqlite { readers, writer, .. } => {
                let idle = count(readers.size(), readers.num_idle()) + count(writer.size(), writer.num_idle());
                (readers.size() + writer.size(), idle)
            }
        };
        let idle = idle.min(size);
        PoolUse { in_use: size - idle, idle }
    }

    #[must_use]
    pub const fn is_postgres(&self) -> bool {
        matches!(self.pool, Pool::Postgres(..))
    }

    /// Leaves nothing of deleted rows in free pages or the write-ahead log. On PostgreSQL, `table` is vacuumed. On
    /// SQLite, the log is truncated, and `secure_delete` has already overwritten the pages. Returns whether it was
    /// done. On SQLite, a reader may postpone it to the next time.
    pub async fn scrub(&self, table: Sql) -> Result<bool> {
        match &self.pool {
            Pool::Postgres(pool) => {
                let mut checkout = pool.check_out().await?;
                sqlx::raw_sql(table.text(true)).execute(checkout.without_limit().await?).await?;
                Ok(true)
            }
            Pool::Sqlite { writer, .. } => {
                let row: (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(writer).await?;
                Ok(row.0 == 0)
            }
        }
    }

    pub async fn close(&self) {
        match &self.pool {
            Pool::Postgres(pool) => pool.close().await,
            Pool::Sqlite { readers, writer, .. } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

impl<S> Tx<S> {
    /// Begins a statement of this unit of work. The caller's position in the sources is the statement's name in the log
    /// if it fails.
    #[track_caller]
    pub fn query(&mut self, sql: impl Into<Sql>) -> Query<'_> {
        let (sql, place) = (sql.into(), Location::caller());
        match &mut self.inner {
            Backend::Postgres(checkout) => Query::postgres(sql, place, checkout.parts()),
            Backend::Sqlite(session) => Query::sqlite(sql, place, session.parts()),
        }
    }

    /// Whether this database is PostgreSQL, for the few statements that differ.
    #[must_use]
    pub const fn is_postgres(&self) -> bool {
        !matches!(self.inner, Backend::Sqlite(..))
    }

    pub async fn commit(self) -> Result<()> {
        match self.inner {
            Backend::Postgres(checkout) => checkout.commit().await,
            Backend::Sqlite(session) => session.commit().await,
        }
    }
}
