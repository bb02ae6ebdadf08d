//! Whether a database can be written.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use super::sqlite::Session;
use super::{Db, Pool, Result, StoreError};

/// The free space that SQLite needs beside its file. It is more than a transaction of a call usually writes.
const RESERVE: usize = 256 << 10;
/// The time for which the probe waits for another writer of SQLite. If the other writer takes longer, it can evidently
/// write.
const PATIENCE: Duration = Duration::from_millis(200);

impl<S> Db<S> {
    /// Whether the database can be written now. A query shows whether PostgreSQL is read-only or a standby. SQLite
    /// writes to a file beside the database, which a full disk refuses. It also writes to the database itself, unless
    /// another writer is active.
    pub async fn probe(&self) -> Result<()> {
        match &self.pool {
            Pool::Postgres(pool) => {
                let mut checkout = pool.check_out().await?;
                let (connection, watch) = checkout.parts();
                let read_only = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool";
                // An error closes the connection. A new one may reach another server, or have other settings.
                let asked = async {
                    if sqlx::query_scalar(read_only).fetch_one(connection).await? {
                        return Err(StoreError::Unavailable("the database is read-only"));
                    }
                    Ok(())
                };
                watch.over(asked).await
            }
            Pool::Sqlite { writer, lock, file, .. } => {
                let beside = std::sync::Arc::clone(file);
                let written = tokio::task::spawn_blocking(move || write_beside(&beside)).await;
                written
                    .unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into()))
                    .map_err(|_| StoreError::Unavailable("no file can be written beside the database"))?;
                let Ok(connection) = tokio::time::timeout(PATIENCE, writer.acquire()).await else { return Ok(()) };
                let Some(writing) = lock.try_acquire()? else { return Ok(()) };
                let mut session = Session::begin(connection?, Some(writing)).await?;
                let (connection, watch) = session.parts();
                // The value has no meaning here, and its change writes a page of the database.
                watch.over(sqlx::raw_sql("PRAGMA user_version = 0").execute(connection)).await?;
                session.commit().await
            }
        }
    }
}

/// Writes the required free space to a file beside the database, flushes it to the disk, and removes the file again.
fn write_beside(database: &Path) -> std::io::Result<()> {
    let mut name = database.as_os_str().to_owned();
    name.push("-probe");
    let path = Path::new(&name);
    let written = File::create(path).and_then(|mut file| {
        file.write_all(&vec![0; RESERVE])?;
        file.sync_data()
    });
    let removed = std::fs::remove_file(path);
    // Another process may have removed the file, because the service and a job probe the same disk.
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => written.and(Err(error)),
        _ => written,
    }
}
