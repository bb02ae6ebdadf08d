//! Memory for texts: one budget of the process. Every text draws from it by its size, for as long as its bytes are in memory, and once more
//! while it is taken apart. A draw that does not fit waits for others to end.
//!
//! There are two pools, so that no text which waits for its work can keep another from its own: bytes that lie in memory, and
//! work. A text draws bytes first and work second, and work ends by itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::model::ContentError;

/// How much memory it takes at most to take a text apart, in lengths of that text, besides the text itself.
pub const WORK: u64 = 4;

/// Of so many parts of the budget, bytes in memory have two, and work has three.
const PARTS: u64 = 5;

/// How much of the budget one permit of a pool is, in bytes.
const UNIT: u64 = 1 << 10;

/// How long a call waits for its share.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the job waits: its calls do not wait for each other's answers.
const LONG_PATIENCE: Duration = Duration::from_hours(2);

#[derive(Debug)]
pub struct TextMemory {
    bytes: Pool,
    work: Pool,
    patience: Duration,
}

#[derive(Debug)]
struct Pool {
    permits: Arc<Semaphore>,
    size: u64,
}

/// A share of a pool. Dropped, it is given back.
#[derive(Debug)]
pub struct Share(OwnedSemaphorePermit);

impl Share {
    pub fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }
}

impl TextMemory {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(budget: u64) -> Self {
        let part = budget / PARTS;
        Self { bytes: Pool::new(2 * part), work: Pool::new(3 * part), patience: PATIENCE }
    }

    /// The same for the job, which has nobody waiting for an answer.
    #[must_use]
    pub const fn patient(mut self) -> Self {
        self.patience = LONG_PATIENCE;
        self
    }

    /// The longest text that fits, in bytes.
    #[must_use]
    pub fn longest(&self) -> u64 {
        self.bytes.size.min(self.work.size / WORK)
    }

    /// A share for bytes in memory.
    pub async fn bytes(&self, size: u64) -> Result<Share, ContentError> {
        self.bytes.draw(size, self.patience).await
    }

    /// A share for taking a text of a size apart.
    pub async fn work(&self, size: u64) -> Result<Share, ContentError> {
        self.work.draw(size.saturating_mul(WORK), self.patience).await
    }

    /// The same for a text that may become longer. The longest texts draw the whole pool, so that they are alone.
    pub async fn work_for_longer(&self, size: u64, longest: u64) -> Result<Share, ContentError> {
        let wanted = longest.saturating_mul(WORK).min(self.work.size);
        self.work.draw(size.saturating_mul(WORK).max(wanted), self.patience).await
    }
}

impl Pool {
    fn new(size: u64) -> Self {
        let permits = usize::try_from(size / UNIT).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(permits)), size }
    }

    async fn draw(&self, size: u64, patience: Duration) -> Result<Share, ContentError> {
        if size > self.size {
            return Err(ContentError::OverBudget);
        }
        let permits = u32::try_from(size.div_ceil(UNIT).min(self.size / UNIT)).map_err(|_| ContentError::OverBudget)?;
        let share = Arc::clone(&self.permits).acquire_many_owned(permits);
        match tokio::time::timeout(patience, share).await {
            Ok(share) => Ok(Share(share.map_err(|_| ContentError::Stopped)?)),
            Err(_) => Err(ContentError::Crowded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_waits_for_a_while_and_what_never_fits_does_not() {
        let mut memory = TextMemory::new(50 << 10);
        assert_eq!(memory.longest(), (30 << 10) / WORK);
        assert!(matches!(memory.bytes(21 << 10).await, Err(ContentError::OverBudget)));
        let first = memory.bytes(15 << 10).await.unwrap();
        let small = memory.bytes(5 << 10).await.unwrap();
        memory.patience = Duration::from_millis(1);
        assert!(matches!(memory.bytes(1).await, Err(ContentError::Crowded)));
        let work = memory.work(5 << 10).await.unwrap();
        memory.patience = LONG_PATIENCE;
        let (waited, ()) = tokio::join!(memory.bytes(15 << 10), async { drop(first) });
        drop((waited.unwrap(), small, work));
        assert!(matches!(memory.work(8 << 10).await, Err(ContentError::OverBudget)));
        let alone = memory.work_for_longer(5 << 10, 10 << 10).await.unwrap();
        memory.patience = Duration::from_millis(1);
        assert!(matches!(memory.work(1).await, Err(ContentError::Crowded)), "the text that may become longer is alone");
        drop(alone);
    }
}
