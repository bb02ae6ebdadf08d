//! The two databases: the archive, which knows no person, and the vault, which knows nothing else.
//!
//! Each is PostgreSQL or SQLite. [`Db`] and [`Tx`] hide which; a [`Query`] is written once and binds straight into the
//! right driver. The two stores are distinct types, so that a statement of the one cannot run on the other.
//!
//! To add a statement: put its text into the slice's `sql.rs`, write it so that both databases read it, and part it with
//! [`Sql::per`] only where they cannot.

mod connect;
mod error;
mod lock;
mod migrations;
mod query;

use std::marker::PhantomData;

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use tokio::runtime::Handle;

pub use connect::Settings;
pub use error::StoreError;
pub use migrations::{Migrations, migrate, pending_migrations};
pub use query::{Param, Query, Record, Sql};

use lock::{WriteLock, Writing};

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
    /// The connections, and the runtime on which they live: not that of whoever asks first, which may end before the
    /// others are served.
    Postgres(PgPool, Handle),
    Sqlite {
        readers: SqlitePool,
        writer: SqlitePool,
        lock: WriteLock,
    },
}

/// A unit of work on one store. [`Tx::commit`] consumes it; dropping it undoes it.
pub struct Tx<S> {
    inner: Inner,
    store: PhantomData<S>,
}

enum Inner {
    PostgresRead(PoolConnection<Postgres>),
    Postgres(Transaction<'static, Postgres>),
    /// The lock is held until the transaction has ended: fields drop in this order.
    Sqlite(Transaction<'static, Sqlite>, Option<Writing>),
}

/// How many connections of a pool are in use and idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUse {
    /// Connections that somebody holds.
    pub in_use: u32,
    /// Connections that wait for somebody.
    pub idle: u32,
}

impl<S> Db<S> {
    /// A unit of work that only reads. On PostgreSQL each statement sees what was committed before it; on SQLite all
    /// of them see one instant.
    pub async fn read(&self) -> Result<Tx<S>> {
        let inner = match &self.pool {
            Pool::Postgres(pool, home) => Inner::PostgresRead(acquire(pool, home).await?),
            Pool::Sqlite { readers, .. } => Inner::Sqlite(readers.begin().await?, None),
        };
        Ok(Tx { inner, store: PhantomData })
    }

    /// A unit of work that writes: READ COMMITTED on PostgreSQL; on SQLite the one writer, queued fairly among
    /// processes.
    pub async fn write(&self) -> Result<Tx<S>> {
        let inner = match &self.pool {
            Pool::Postgres(pool, home) => Inner::Postgres(Transaction::begin(acquire(pool, home).await?, None).await?),
            Pool::Sqlite { writer, lock, .. } => {
                let connection = writer.acquire().await?;
                let writing = lock.acquire().await?;
                let transaction =
                    Transaction::begin(connection, Some(sqlx::SqlStr::from_static("BEGIN IMMEDIATE"))).await?;
                Inner::Sqlite(transaction, Some(writing))
            }
        };
        Ok(Tx { inner, store: PhantomData })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.read().await?.query("SELECT CAST(1 AS INTEGER)").scalar::<i32>().await.map(drop)
    }

    /// How busy the pool is.
    #[must_use]
    pub fn pool_use(&self) -> PoolUse {
        let count = |size: u32, idle: usize| {
            let idle = u32::try_from(idle).unwrap_or(size).min(size);
            PoolUse { in_use: size - idle, idle }
        };
        match &self.pool {
            Pool::Postgres(pool, _) => count(pool.size(), pool.num_idle()),
            Pool::Sqlite { readers, writer, .. } => {
                count(readers.size() + writer.size(), readers.num_idle() + writer.num_idle())
            }
        }
    }

    /// Whether this store is PostgreSQL.
    #[must_use]
    pub const fn is_postgres(&self) -> bool {
        matches!(self.pool, Pool::Postgres(..))
    }

    /// Leaves nothing of what was deleted in free pages or the write-ahead log: `table` is vacuumed on PostgreSQL, the
    /// log truncated on SQLite (whose pages `secure_delete` has overwritten already). Answers whether it was done: on
    /// SQLite a reader in the way leaves it for the next time.
    pub async fn scrub(&self, table: Sql) -> Result<bool> {
        match &self.pool {
            Pool::Postgres(pool, _) => {
                sqlx::raw_sql(table.text(true)).execute(pool).await?;
                Ok(true)
            }
            Pool::Sqlite { writer, .. } => {
                let row: (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(writer).await?;
                Ok(row.0 == 0)
            }
        }
    }

    /// Ends all connections.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Postgres(pool, _) => pool.close().await,
            Pool::Sqlite { readers, writer, .. } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

/// A connection: an idle one at once, or one that is made on the pool's own runtime.
async fn acquire(pool: &PgPool, home: &Handle) -> Result<PoolConnection<Postgres>> {
    if let Some(idle) = pool.try_acquire() {
        return Ok(idle);
    }
    let pool = pool.clone();
    match home.spawn(async move { pool.acquire().await }).await {
        Ok(connection) => Ok(connection?),
        Err(_) => Err(StoreError::Unavailable("the connections are closing")),
    }
}

impl<S> Tx<S> {
    /// Begins a statement of this unit of work.
    pub fn query(&mut self, sql: impl Into<Sql>) -> Query<'_> {
        let sql = sql.into();
        match &mut self.inner {
            Inner::PostgresRead(connection) => Query::postgres(sql, connection),
            Inner::Postgres(transaction) => Query::postgres(sql, transaction),
            Inner::Sqlite(transaction, _) => Query::sqlite(sql, transaction),
        }
    }

    /// Whether this store is PostgreSQL, for the few statements that part.
    #[must_use]
    pub const fn is_postgres(&self) -> bool {
        !matches!(self.inner, Inner::Sqlite(..))
    }

    /// Makes the work durable.
    pub async fn commit(self) -> Result<()> {
        match self.inner {
            Inner::PostgresRead(_) => Ok(()),
            Inner::Postgres(transaction) => Ok(transaction.commit().await?),
            Inner::Sqlite(transaction, _writing) => Ok(transaction.commit().await?),
        }
    }
}
