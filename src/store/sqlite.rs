//! A unit of work on SQLite.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection};

use super::Result;
use super::lock::WriteRight;
use super::watch::{ConnectionState, Watch};

/// SQLite runs in this process and stops by itself when it has waited for another writer, so no statement hangs.
const LIMIT: Duration = Duration::MAX;

/// A connection in a transaction. A drop undoes the transaction.
///
/// If a write fails because the disk is full, SQLite may have undone the transaction by itself. Such a connection is
/// closed, which undoes the rest, and the next caller opens another one.
pub struct Session {
    connection: Option<PoolConnection<Sqlite>>,
    state: ConnectionState,
    is_open: bool,
    /// The right to write. It is released when the transaction has ended.
    writing: Option<WriteRight>,
}

impl Session {
    /// Begins a transaction that reads, or, with the right to write, one that writes.
    pub async fn begin(connection: PoolConnection<Sqlite>, writing: Option<WriteRight>) -> Result<Self> {
        let statement = if writing.is_some() { "BEGIN IMMEDIATE" } else { "BEGIN" };
        let mut session = Self { connection: Some(connection), state: ConnectionState::Clean, is_open: true, writing };
        let (connection, watch) = session.parts();
        watch.over(sqlx::raw_sql(statement).execute(connection)).await?;
        Ok(session)
    }

    /// The connection, and the watch of the statement that uses it.
    #[expect(clippy::expect_used, reason = "nothing but `drop` takes the connection out")]
    pub fn parts(&mut self) -> (&mut SqliteConnection, Watch<'_>) {
        let connection = self.connection.as_mut().expect("a connection in use");
        (connection, Watch::new(&mut self.state, LIMIT))
    }

    /// Ends the transaction and makes its work durable.
    pub async fn commit(mut self) -> Result<()> {
        let (connection, watch) = self.parts();
        watch.over(sqlx::raw_sql("COMMIT").execute(connection)).await?;
        self.is_open = false;
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let writing = self.writing.take();
        if self.state != ConnectionState::Broken && !self.is_open {
            return;
        }
        let is_broken = self.state == ConnectionState::Broken;
        tokio::spawn(async move {
            if is_broken || sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await.is_err() {
                // The connection is closed in either case, and its end also ends the transaction.
                let _ = connection.close().await;
            }
            drop(writing);
        });
    }
}
