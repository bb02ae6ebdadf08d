//! The memory of the process: one budget, from which everything draws whose size its callers decide.
//!
//! A draw that does not fit waits for others to end, and fails after a time. The budget is divided into pools, so that
//! no long text keeps a search waiting. A call draws from them in the order of the table. A holder of a share waits only
//! for a share of a later pool, so no two calls wait for each other.
//!
//! | pool | used for | a share ends when |
//! |---|---|---|
//! | arriving | bodies, recordings, and records that are not stored yet | all of it has arrived and is processed |
//! | texts | long texts that arrive, are shown, or are rescanned | the text was stored, or its reader has it |
//! | analysis | texts that are taken apart | the work has ended |
//! | work | batches that are stored, bodies that are parsed, and pages that are made | the work has ended |
//! | leaving | pages on their way out | the peer has read them |
//!
//! [`FREE`] bytes of each body and each page need no share. The number of connections bounds them, and slow peers
//! cannot keep short calls waiting.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::page::LARGEST_PAGE_BYTES;

/// How much memory it takes at most to take a text apart, in lengths of that text, besides the text itself.
pub const ANALYSIS: u64 = 4;

/// The bytes of a body or a response that need no share.
pub const FREE: usize = 32 << 10;

/// The bytes of a body after which its share is drawn for all of it.
const BEGUN: usize = 128 << 10;

/// The memory of one page in the making: the rows, the items, and their text.
const PAGE: u64 = 3 * LARGEST_PAGE_BYTES as u64;

/// The parts of the budget that each pool has.
const PARTS: u64 = 20;
const TEXTS: u64 = 4;
const ANALYSED: u64 = 8;
const ARRIVING: u64 = 4;
const WORKED: u64 = 2;
const LEAVING: u64 = 2;

/// How much of the budget one permit of a pool is, in bytes.
const UNIT: u64 = 1 << 10;

/// The time for which a call waits for a share. It waits twice as long for those of texts, whose work is long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The time for which a command waits. Its callers do not wait for an answer.
const LONG_PATIENCE: Duration = Duration::from_hours(2);

/// The pause between two requests for room while a draw waits.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// The same call may succeed a little later.
    #[error("the memory is in use")]
    Crowded,
    /// The call needs more than there is.
    #[error("more memory is needed than memory.budget allows")]
    OverBudget,
}

/// The budget.
#[derive(Debug)]
pub struct MemoryBudget {
    texts: MemoryPool,
    analysis: MemoryPool,
    arriving: MemoryPool,
    work: MemoryPool,
    leaving: MemoryPool,
    patience: Duration,
    make_room: OnceLock<MakeRoom>,
}

/// The function that takes shares from slow readers.
struct MakeRoom(Box<dyn Fn() + Send + Sync>);

#[derive(Debug)]
struct MemoryPool {
    permits: Arc<Semaphore>,
    size: u64,
}

/// The use of a pool.
#[derive(Clone, Copy, Debug)]
pub struct MemoryUse {
    /// The name of the pool.
    pub pool: &'static str,
    pub size: u64,
    /// The bytes that are drawn from it.
    pub drawn: u64,
}

/// A share of a pool. Dropped, it is given back.
#[derive(Debug)]
pub struct MemoryShare(OwnedSemaphorePermit);

impl MemoryShare {
    pub fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }
}

impl MemoryBudget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(budget: u64) -> Self {
        let part = budget / PARTS;
        Self {
            texts: MemoryPool::new(TEXTS * part),
            analysis: MemoryPool::new(ANALYSED * part),
            arriving: MemoryPool::new(ARRIVING * part),
            work: MemoryPool::new(WORKED * part),
            leaving: MemoryPool::new(LEAVING * part),
            patience: PATIENCE,
            make_room: OnceLock::new(),
        }
    }

    /// The same for a command, which has nobody waiting for an answer.
    #[must_use]
    pub const fn patient(mut self) -> Self {
        self.patience = LONG_PATIENCE;
        self
    }

    /// Sets the function that takes shares from slow readers, for calls that find no room. Only the first one counts.
    pub fn make_room_with(&self, make_room: impl Fn() + Send + Sync + 'static) {
        let _ = self.make_room.set(MakeRoom(Box::new(make_room)));
    }

    /// The longest text that fits, in bytes.
    #[must_use]
    pub fn longest_text(&self) -> u64 {
        (self.texts.size / 2).min(self.analysis.size / ANALYSIS)
    }

    /// A share for the bytes of a text. A text that is longer than the whole pool, because of its placeholders, is alone.
    pub async fn text(&self, size: u64) -> Result<MemoryShare, MemoryError> {
        self.draw(&self.texts, size.min(self.texts.size), 2).await
    }

    /// A share for taking a text of a size apart.
    pub async fn analysis(&self, size: u64) -> Result<MemoryShare, MemoryError> {
        self.draw(&self.analysis, size.saturating_mul(ANALYSIS), 2).await
    }

    /// The same for a text that may become longer. The longest texts draw the whole pool, so that each of them is alone.
    pub async fn analysis_of_longer(&self, size: u64, longest: u64) -> Result<MemoryShare, MemoryError> {
        let wanted = longest.saturating_mul(ANALYSIS).min(self.analysis.size);
        self.draw(&self.analysis, size.saturating_mul(ANALYSIS).max(wanted), 2).await
    }

    /// A share for bytes that arrive.
    pub async fn arriving(&self, size: u64) -> Result<MemoryShare, MemoryError> {
        self.draw(&self.arriving, size, 1).await
    }

    /// A share for work. Work that needs more than the whole pool is done alone.
    pub async fn work(&self, size: u64) -> Result<MemoryShare, MemoryError> {
        self.draw(&self.work, size.min(self.work.size), 1).await
    }

    /// A share for making a page.
    pub async fn page(&self) -> Result<MemoryShare, MemoryError> {
        self.work(PAGE).await
    }

    /// A share for a response on its way out. The response is made already, so it does not wait.
    pub fn leaving(&self, size: u64) -> Result<MemoryShare, MemoryError> {
        self.leaving.draw_now(size).ok_or_else(|| {
            self.make_room();
            MemoryError::Crowded
        })
    }

    #[must_use]
    pub fn usage(&self) -> [MemoryUse; 5] {
        let Self { texts, analysis, arriving, work, leaving, .. } = self;
        let pools =
            [("texts", texts), ("analysis", analysis), ("arriving", arriving), ("work", work), ("leaving", leaving)];
        pools.map(|(name, pool)| {
            let free = pool.permits.available_permits() as u64 * UNIT;
            MemoryUse { pool: name, size: pool.size, drawn: (pool.size / UNIT * UNIT).saturating_sub(free) }
        })
    }

    async fn draw(&self, pool: &MemoryPool, size: u64, times: u32) -> Result<MemoryShare, MemoryError> {
        if size > pool.size {
            return Err(MemoryError::OverBudget);
        }
        let drawing = Arc::clone(&pool.permits).acquire_many_owned(pool.permits_of(size));
        let (mut drawing, end) = (std::pin::pin!(drawing), Instant::now() + times * self.patience);
        let mut until = Instant::now();
        loop {
            match timeout_at(until, drawing.as_mut()).await {
                // The pools are never closed.
                Ok(share) => return share.map(MemoryShare).map_err(|_| MemoryError::Crowded),
                Err(_) if until >= end => return Err(MemoryError::Crowded),
                Err(_) => self.make_room(),
            }
            until = end.min(Instant::now() + PAUSE);
        }
    }

    fn make_room(&self) {
        if let Some(MakeRoom(make_room)) = self.make_room.get() {
            make_room();
        }
    }
}

impl MemoryPool {
    fn new(size: u64) -> Self {
        let permits = usize::try_from(size / UNIT).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(permits)), size }
    }

    fn permits_of(&self, size: u64) -> u32 {
        u32::try_from(size.div_ceil(UNIT).min(self.size / UNIT)).unwrap_or(u32::MAX)
    }

    fn draw_now(&self, size: u64) -> Option<MemoryShare> {
        let permits = self.permits_of(size);
        Arc::clone(&self.permits).try_acquire_many_owned(permits).ok().map(MemoryShare)
    }
}

impl std::fmt::Debug for MakeRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MakeRoom")
    }
}

/// The share of something that grows while it arrives. The first [`FREE`] bytes need none.
#[derive(Debug)]
pub struct GrowingShare {
    memory: Arc<MemoryBudget>,
    share: Option<MemoryShare>,
    drawn: usize,
}

impl GrowingShare {
    #[must_use]
    pub const fn new(memory: Arc<MemoryBudget>) -> Self {
        Self { memory, share: None, drawn: FREE }
    }

    /// Draws for a size, of which the whole is expected to have another one. Nothing is kept while this waits, so no two
    /// callers wait for each other. Slow senders do not come far enough for the whole.
    pub async fn grow(&mut self, size: usize, whole: usize) -> Result<(), MemoryError> {
        if size > self.drawn {
            let drawn = if size > BEGUN { whole.min(self.most()).max(size) } else { BEGUN };
            self.shrink();
            self.share = Some(self.memory.arriving((drawn - FREE) as u64).await?);
            self.drawn = drawn;
        }
        Ok(())
    }

    /// Draws for a size without waiting, and for some bytes more, so that there are few draws. Returns whether the size is
    /// drawn.
    pub fn grow_now(&mut self, size: usize) -> bool {
        if size > self.drawn {
            let Some(more) = self.more(size) else { return false };
            let Some(share) = self.memory.arriving.draw_now(more as u64) else { return false };
            self.add(share, more);
        }
        true
    }

    /// Gives everything back.
    pub fn shrink(&mut self) {
        (self.share, self.drawn) = (None, FREE);
    }

    /// The bytes to draw for a size, which at least doubles where the pool allows it. There are none for a size that can
    /// never fit.
    fn more(&self, size: usize) -> Option<usize> {
        let most = self.most();
        (size <= most).then(|| size.max(2 * self.drawn).min(most) - self.drawn)
    }

    /// The most bytes that can ever be drawn.
    fn most(&self) -> usize {
        usize::try_from(self.memory.arriving.size).unwrap_or(usize::MAX).saturating_add(FREE)
    }

    fn add(&mut self, share: MemoryShare, size: usize) {
        match &mut self.share {
            Some(held) => held.merge(share),
            None => self.share = Some(share),
        }
        self.drawn += size;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_waits_for_a_while_and_what_never_fits_does_not() {
        let mut memory = MemoryBudget::new(100 << 10);
        assert_eq!(memory.longest_text(), 10 << 10);
        assert!(matches!(memory.arriving(21 << 10).await, Err(MemoryError::OverBudget)));
        let first = memory.arriving(15 << 10).await.unwrap();
        let small = memory.arriving(5 << 10).await.unwrap();
        memory.patience = Duration::from_millis(1);
        assert!(matches!(memory.arriving(1).await, Err(MemoryError::Crowded)));
        // The other pools are free.
        let others = (memory.text(1 << 20).await.unwrap(), memory.analysis_of_longer(5 << 10, 1 << 20).await.unwrap());
        let others = (others, memory.work(1 << 20).await.unwrap(), memory.leaving(10 << 10).unwrap());
        assert!(memory.usage().iter().all(|one| one.size == one.drawn), "{:?}", memory.usage());
        memory.patience = LONG_PATIENCE;
        let (waited, ()) = tokio::join!(memory.arriving(15 << 10), async { drop(first) });
        drop((waited.unwrap(), small, others));
        assert!(memory.usage().iter().all(|one| one.drawn == 0), "{:?}", memory.usage());
    }

    #[tokio::test]
    async fn a_draw_that_finds_no_room_asks_for_it() {
        let memory = MemoryBudget::new(100 << 10);
        let held = Mutex::new(vec![memory.text(20 << 10).await.unwrap(), memory.leaving(10 << 10).unwrap()]);
        memory.make_room_with(move || drop(held.lock().unwrap().pop()));
        assert!(memory.leaving(10 << 10).is_err(), "a response does not wait");
        memory.leaving(10 << 10).unwrap();
        memory.text(20 << 10).await.unwrap();
    }

    #[tokio::test]
    async fn what_grows_draws_rarely_and_gives_all_back() {
        let memory = Arc::new(MemoryBudget::new(5 << 20));
        let whole = memory.arriving.size;
        let mut share = GrowingShare::new(Arc::clone(&memory));
        share.grow(FREE, 1 << 20).await.unwrap();
        assert!(share.share.is_none(), "a short body needs no share");
        for (size, drawn) in [(FREE + 1, BEGUN), (BEGUN, BEGUN), (BEGUN + 1, 1 << 20), (1 << 20, 1 << 20)] {
            share.grow(size, 1 << 20).await.unwrap();
            assert_eq!(share.drawn, drawn);
        }
        assert_eq!(share.grow(2 << 20, 2 << 20).await, Err(MemoryError::OverBudget));
        assert!(memory.arriving.draw_now(whole).is_some(), "nothing is kept");
        assert!(share.grow_now(FREE + 1) && share.drawn == 2 * FREE);
        assert!(share.grow_now(200 << 10) && !share.grow_now(2 << 20));
        assert!(memory.arriving.draw_now(whole).is_none());
        share.shrink();
        assert!(memory.arriving.draw_now(whole).is_some());
    }
}
