//! The queue of SQLite's writers, across processes.
//!
//! SQLite's own busy timeout polls, so a process that writes all the time starves the others. Two lock files queue them
//! instead. A writer waits at the *turnstile*, then for the *pen*, and then leaves the turnstile. While a writer waits
//! for the pen, it keeps the turnstile, so the last writer cannot overtake it.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Result, StoreError};

/// The time for which a writer waits for the others before it returns an error.
const PATIENCE: Duration = Duration::from_secs(30);

/// The two lock files of one database file.
#[derive(Clone, Debug)]
pub struct WriteLock {
    turnstile: Arc<File>,
    pen: Arc<File>,
}

/// The right to write. It is released when it is dropped.
#[derive(Debug)]
pub struct WriteRight {
    pen: Arc<File>,
}

impl WriteLock {
    /// Opens the lock files beside a database file.
    pub fn beside(database: &Path) -> std::io::Result<Self> {
        let open = |suffix: &str| {
            let mut name = database.as_os_str().to_owned();
            name.push(suffix);
            File::options().read(true).write(true).create(true).truncate(false).open(name).map(Arc::new)
        };
        Ok(Self { turnstile: open("-turnstile")?, pen: open("-pen")? })
    }

    /// Waits for the right to write. Within a process one connection writes, so at most one task waits here.
    pub async fn acquire(&self) -> Result<WriteRight> {
        if let Some(writing) = self.try_acquire()? {
            return Ok(writing);
        }
        let (turnstile, pen) = (Arc::clone(&self.turnstile), Arc::clone(&self.pen));
        let waiting = tokio::task::spawn_blocking(move || {
            turnstile.lock()?;
            let taken = pen.lock();
            turnstile.unlock()?;
            taken.map(|()| WriteRight { pen })
        });
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(Ok(taken)) => Ok(taken?),
            Ok(Err(_)) | Err(_) => Err(StoreError::Unavailable("another process has the write lock")),
        }
    }

    /// The right to write, if no other writer has it or waits for it.
    pub fn try_acquire(&self) -> Result<Option<WriteRight>> {
        if self.turnstile.try_lock().is_err() {
            return Ok(None);
        }
        let is_free = self.pen.try_lock().is_ok();
        self.turnstile.unlock()?;
        Ok(is_free.then(|| WriteRight { pen: Arc::clone(&self.pen) }))
    }
}

impl Drop for WriteRight {
    fn drop(&mut self) {
        // If the unlock fails, the end of the process releases the lock. Nobody could handle the error.
        let _ = self.pen.unlock();
    }
}
