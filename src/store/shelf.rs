//! Connections to PostgreSQL that are used again at once.
//!
//! The driver's pool asks a connection for a sign of life whenever it is given back: a round trip after each unit of work
//! that only reads. One whose last statement ended well, and that is used again within seconds, needs none. It is laid on
//! a shelf, and whoever comes next takes the last one first, so that few connections do most of the work and the
//! server's processes behind them stay warm. All others go the pool's way: those that were broken off, failed, held a
//! transaction, have lain for some seconds or were not asked for a minute.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Result, StoreError};

/// How long a connection may lie on the shelf.
const REST: Duration = Duration::from_secs(5);
/// How long a connection is used without asking it for a sign of life.
const TRUST: Duration = Duration::from_mins(1);

/// The connections to one database: the driver's pool, and the shelf before it.
#[derive(Debug)]
pub struct Connections {
    pool: PgPool,
    /// The runtime on which connections live: not that of whoever asks first, which may end before the others are served.
    home: Handle,
    shelf: Mutex<Shelf>,
    /// As many as there may be connections. Who holds one finds a connection on the shelf or room in the pool.
    permits: Arc<Semaphore>,
    patience: Duration,
}

/// What lies here for its next user, the last one on top.
#[derive(Debug, Default)]
struct Shelf {
    connections: Vec<Resting>,
    closed: bool,
}

#[derive(Debug)]
struct Resting {
    connection: PoolConnection<Postgres>,
    /// When the pool gave it out, and so had asked it.
    asked: Instant,
    since: Instant,
}

/// A connection that is lent; given back when dropped.
pub struct Lent {
    from: Arc<Connections>,
    connection: Option<PoolConnection<Postgres>>,
    asked: Instant,
    settled: bool,
    /// Given back after the connection: fields drop behind `drop`.
    permit: Option<OwnedSemaphorePermit>,
}

impl Connections {
    pub fn new(pool: PgPool, connections: u32, patience: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(usize::try_from(connections).unwrap_or(Semaphore::MAX_PERMITS)));
        Self { pool, home: Handle::current(), shelf: Mutex::default(), permits, patience }
    }

    /// A connection: one from the shelf at once, else an idle one of the pool, else one that is made on the pool's own
    /// runtime.
    pub async fn lend(self: &Arc<Self>) -> Result<Lent> {
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => tokio::time::timeout(self.patience, Arc::clone(&self.permits).acquire_owned())
                .await
                .map_err(|_| StoreError::Unavailable("no connection came free in time"))?
                .map_err(|_| StoreError::Unavailable("the connections are closing"))?,
        };
        let (connection, asked) = match self.take() {
            Some(resting) => (resting.connection, resting.asked),
            None => (self.ask_pool().await?, Instant::now()),
        };
        let (connection, permit) = (Some(connection), Some(permit));
        Ok(Lent { from: Arc::clone(self), connection, asked, settled: true, permit })
    }

    async fn ask_pool(&self) -> Result<PoolConnection<Postgres>> {
        if let Some(idle) = self.pool.try_acquire() {
            return Ok(idle);
        }
        let pool = self.pool.clone();
        match self.home.spawn(async move { pool.acquire().await }).await {
            Ok(connection) => Ok(connection?),
            Err(_) => Err(StoreError::Unavailable("the connections are closing")),
        }
    }

    /// The connection on top. Where that has lain for too long, all have, and go back to the pool: whoever asks the pool
    /// leaves nothing on the shelf, or there could be too many.
    fn take(&self) -> Option<Resting> {
        let (top, tired) = self.on_shelf(|shelf| match shelf.connections.pop_if(|top| top.since.elapsed() < REST) {
            Some(top) => (Some(top), Vec::new()),
            None => (None, std::mem::take(&mut shelf.connections)),
        });
        drop(tired);
        top
    }

    fn put(&self, connection: PoolConnection<Postgres>, asked: Instant) {
        let now = Instant::now();
        let tired = self.on_shelf(|shelf| {
            if shelf.closed {
                return Vec::new();
            }
            shelf.connections.push(Resting { connection, asked, since: now });
            let tired = shelf.connections.iter().take_while(|one| now - one.since >= REST).count();
            shelf.connections.drain(..tired).collect()
        });
        drop(tired);
    }

    /// How many connections there are, and how many of them wait for somebody.
    pub fn count(&self) -> (u32, usize) {
        let resting = self.on_shelf(|shelf| shelf.connections.len());
        (self.pool.size(), self.pool.num_idle().saturating_add(resting))
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.empty();
        self.pool.close().await;
    }

    fn empty(&self) {
        let resting = self.on_shelf(|shelf| {
            shelf.closed = true;
            std::mem::take(&mut shelf.connections)
        });
        // The pool takes them back in a task, for which whoever drops the last reference may have no runtime.
        let _home = self.home.enter();
        drop(resting);
    }

    fn on_shelf<T>(&self, work: impl FnOnce(&mut Shelf) -> T) -> T {
        work(&mut self.shelf.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.empty();
    }
}

impl Lent {
    /// The connection, and what is to be set once the statement that it is taken for has ended well.
    #[expect(clippy::expect_used, reason = "nothing but `drop` and `keep`, which consume it, take the connection out")]
    pub fn begin(&mut self) -> (&mut PgConnection, &mut bool) {
        self.settled = false;
        (self.connection.as_mut().expect("a lent connection"), &mut self.settled)
    }

    /// The connection itself, to be given back to the pool, and the permit to be held for as long as it is used.
    pub fn keep(mut self) -> Result<(PoolConnection<Postgres>, OwnedSemaphorePermit)> {
        self.connection.take().zip(self.permit.take()).ok_or(StoreError::Unavailable("the connection was given back"))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && self.settled
            && self.asked.elapsed() < TRUST
        {
            self.from.put(connection, self.asked);
        }
    }
}
