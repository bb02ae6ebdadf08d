//! The two databases: the archive, which knows no person, and the vault, which knows nothing else.
//!
//! Each is PostgreSQL or SQLite. [`Db`] and [`Tx`] hide which; a [`Query`] is written once and binds straight into the
//! right driver. The two stores are distinct types, so that a statement of the one cannot run on the other.
//!
//! To add a statement: put its text into the slice's `sql.rs`, write it so that both databases read it, and part it with
//! [`Sql::per`] only where they cannot.

mod connect;
mod error;
mod lexer;
mod lock;
mod migrations;
mod postgres;
mod probe;
mod query;
mod rules;
mod sqlite;
mod watch;

use std::marker::PhantomData;
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;

use sqlx::SqlitePool;

pub use connect::{Limits, Settings};
pub use error::StoreError;
pub use migrations::{Migrations, migrate, pending_migrations};
pub use query::{Param, Query, Record, Sql};

use lock::WriteLock;
use postgres::{Checkout, PostgresPool};
use sqlite::Session;

/// What every operation of a store answers.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The archive: interactions, survey responses, raw events, requests, audit, runs. It holds no identifier.
#[derive(Clone, Copy, Debug)]
pub struct Archive;

/// The vault: identifiers, the keys they are sealed with, and erasures. It holds nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Vault;

/// One of the two stores: a pool of connections to PostgreSQL or SQLite.
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

/// A unit of work on one store. [`Tx::commit`] consumes it; dropping it undoes it.
pub struct Tx<S> {
    inner: Inner,
    store: PhantomData<S>,
}

enum Inner {
    /// In a transaction, or outside of one: then each statement is a transaction of its own.
    Postgres(Checkout),
    Sqlite(Session),
}

/// How many connections of a pool are in use and idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUse {
    pub in_use: u32,
    pub idle: u32,
}

impl<S> Db<S> {
    /// A unit of work that only reads. On PostgreSQL each statement sees what was committed before it; on SQLite all
    /// of them see one instant.
    pub async fn read(&self) -> Result<Tx<S>> {
        let inner = match &self.pool {
            Pool::Postgres(pool) => Inner::Postgres(pool.check_out().await?),
            Pool::Sqlite { readers, .. } => Inner::Sqlite(Session::begin(readers.acquire().await?, None).await?),
        };
        Ok(Tx { inner, store: PhantomData })
    }

    /// A unit of work that writes: READ COMMITTED on PostgreSQL; on SQLite the one writer, queued fairly among
    /// processes.
    pub async fn write(&self) -> Result<Tx<S>> {
        let inner = match &self.pool {
            Pool::Postgres(pool) => Inner::Postgres(pool.begin().await?),
            Pool::Sqlite { writer, lock, .. } => {
                let connection = writer.acquire().await?;
                let writing = lock.acquire().await?;
                Inner::Sqlite(Session::begin(connection, Some(writing)).await?)
            }
        };
        Ok(Tx { inner, store: PhantomData })
    }

    /// A unit of work of one statement that writes: on PostgreSQL it is its own transaction and durable when it ends, two
    /// round trips less; on SQLite it is as any other and ends with [`Tx::commit`].
    pub async fn write_once(&self) -> Result<Tx<S>> {
        match &self.pool {
            Pool::Postgres(_) => self.read().await,
            Pool::Sqlite { .. } => self.write().await,
        }
    }

    #[must_use]
    pub fn pool_use(&self) -> PoolUse {
        // The driver counts without a lock: for a moment more may seem idle than there are, or fewer than none.
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

    /// Leaves nothing of what was deleted in free pages or the write-ahead log: `table` is vacuumed on PostgreSQL, the
    /// log truncated on SQLite (whose pages `secure_delete` has overwritten already). Answers whether it was done: on
    /// SQLite a reader in the way leaves it for the next time.
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
    /// Begins a statement of this unit of work. Where it is begun is what the log calls it by, should it fail.
    #[track_caller]
    pub fn query(&mut self, sql: impl Into<Sql>) -> Query<'_> {
        let (sql, place) = (sql.into(), Location::caller());
        match &mut self.inner {
            Inner::Postgres(checkout) => Query::postgres(sql, place, checkout.parts()),
            Inner::Sqlite(session) => Query::sqlite(sql, place, session.parts()),
        }
    }

    /// Whether this store is PostgreSQL, for the few statements that part.
    #[must_use]
    pub const fn is_postgres(&self) -> bool {
        !matches!(self.inner, Inner::Sqlite(..))
    }

    pub async fn commit(self) -> Result<()> {
        match self.inner {
            Inner::Postgres(checkout) => checkout.commit().await,
            Inner::Sqlite(session) => session.commit().await,
        }
    }
}
