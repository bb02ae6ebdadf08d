//! The pool of connections to PostgreSQL.
//!
//! The driver's own pool makes a round trip each time a connection is returned to it, and does not notice that an idle
//! connection has died. This pool takes the connection that was used last. So a few connections do most of the work,
//! and their server processes stay warm. A connection that was used within [`TRUST`] is used again at once. One that
//! was idle for longer is tested first, and is replaced within the same call if the test fails.
//!
//! The runtime that has opened a connection wakes the task that waits for its answer. So a caller gets a connection of its
//! own runtime, and no other thread has to be woken for it. If there is none, and no more connections may be opened, the
//! caller gets one of another runtime.
//!
//! A connection that failed or timed out is closed. A connection that a caller left in the middle of a statement or of
//! a transaction is cleaned up in the background. It counts as used in this time, so there are never more connections
//! than the settings allow.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::runtime::{Handle, Id};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::dial::connect_by;
use super::watch::{ConnectionState, Watch};
use super::{Result, StoreError, TimeLimits};

/// The time after its last use in which a connection is used again without a test. It is longer than the pauses between
/// the statements of a busy service. It is shorter than any time after which a server or a proxy closes idle
/// connections.
const TRUST: Duration = Duration::from_millis(10);
/// The timeout of the test of a connection and of the beginning of a transaction. Neither waits for a lock.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
/// The time for which a connection may be idle, and its largest age, before it is closed.
const IDLE: Duration = Duration::from_mins(10);
const AGE: Duration = Duration::from_mins(30);
/// The time by which the service waits longer for the end of a statement than PostgreSQL lets it run. A frozen server
/// cannot end its statements.
const GRACE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub struct PostgresPool {
    /// The servers. Connections are made to the first one that can be written.
    servers: Arc<[PgConnectOptions]>,
    /// The runtime that cleans connections up. It ends last.
    home: Handle,
    idle: Mutex<Idle>,
    /// There is one permit for each allowed connection. Each connection that is not idle has one.
    permits: Arc<Semaphore>,
    size: u32,
    patience: Duration,
    limits: TimeLimits,
}

/// The idle connections. The one that was used last is on top.
#[derive(Debug, Default)]
struct Idle {
    connections: Vec<PooledConnection>,
    /// The runtimes that have opened connections and have not ended.
    runtimes: Vec<Id>,
    closed: bool,
}

#[derive(Debug)]
struct PooledConnection {
    driver: PgConnection,
    /// The runtime that has opened the connection.
    runtime: Id,
    opened: Instant,
    used: Instant,
}

/// A task of a runtime holds this until the runtime ends. Then the runtime's connections are closed, because they would
/// never wake anybody again.
struct RuntimeEnd {
    pool: Weak<PostgresPool>,
    runtime: Id,
}

impl Drop for RuntimeEnd {
    fn drop(&mut self) {
        let Some(pool) = self.pool.upgrade() else { return };
        let closed = pool.on_idle(|idle| {
            idle.runtimes.retain(|one| *one != self.runtime);
            idle.connections.extract_if(.., |one| one.runtime == self.runtime).collect::<Vec<_>>()
        });
        drop(closed);
    }
}

/// A connection in use. It returns to the pool when it is dropped.
pub struct Checkout {
    pool: Arc<PostgresPool>,
    connection: Option<PooledConnection>,
    state: ConnectionState,
    in_transaction: bool,
    /// The time limit of a statement.
    limit: Duration,
    /// Whether the connection was opened for this caller.
    is_new: bool,
    /// The permit is released after the connection, because fields are dropped after `drop`.
    permit: Option<OwnedSemaphorePermit>,
}

impl PostgresPool {
    /// A pool that connects at the first use.
    pub fn new(servers: Vec<PgConnectOptions>, size: u32, patience: Duration, limits: TimeLimits) -> Self {
        let limited = |server: PgConnectOptions| server.options([("statement_timeout", limits.read.as_millis())]);
        let servers = servers.into_iter().map(limited).collect();
        let permits = Arc::new(Semaphore::new(usize::try_from(size).unwrap_or(Semaphore::MAX_PERMITS)));
        Self { servers, home: Handle::current(), idle: Mutex::default(), permits, size, patience, limits }
    }

    /// A living connection: an idle one or a new one.
    pub async fn check_out(self: &Arc<Self>) -> Result<Checkout> {
        let deadline = Instant::now() + self.patience;
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => tokio::time::timeout_at(deadline.into(), Arc::clone(&self.permits).acquire_owned())
                .await
                .map_err(|_| StoreError::Unavailable("timeout: no connection became free"))?
                .map_err(|_| StoreError::Unavailable("the connections are being closed"))?,
        };
        match self.living().await {
            Some(connection) => Ok(self.lend(connection, permit, false)),
            None => self.connect(permit, deadline).await,
        }
    }

    /// A connection in a transaction. An idle connection that has died fails at BEGIN, before any work was done on it.
    /// Then another connection begins the transaction.
    pub async fn begin(self: &Arc<Self>) -> Result<Checkout> {
        let limit = self.limits.write;
        self.begin_with(&format!("BEGIN; SET LOCAL statement_timeout = {}", limit.as_millis()), limit).await
    }

    /// The same with the time limit of a read for each statement.
    pub async fn begin_brief(self: &Arc<Self>) -> Result<Checkout> {
        self.begin_with("BEGIN", self.limits.read).await
    }

    /// The same in a transaction that only reads, and whose statements all see one instant.
    pub async fn begin_snapshot(self: &Arc<Self>) -> Result<Checkout> {
        self.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", self.limits.read).await
    }

    async fn begin_with(self: &Arc<Self>, text: &str, limit: Duration) -> Result<Checkout> {
        let deadline = Instant::now() + self.patience;
        let mut checkout = self.check_out().await?;
        match checkout.begin(text).await {
            Err(StoreError::Unavailable(_)) if !checkout.is_new => {
                let permit = checkout.discard().ok_or(StoreError::Unavailable("the connection was lost"))?;
                checkout = self.connect(permit, deadline).await?;
                checkout.begin(text).await?;
            }
            begun => begun?,
        }
        checkout.limit = limit;
        Ok(checkout)
    }

    fn lend(self: &Arc<Self>, connection: PooledConnection, permit: OwnedSemaphorePermit, is_new: bool) -> Checkout {
        Checkout {
            pool: Arc::clone(self),
            connection: Some(connection),
            state: ConnectionState::Clean,
            in_transaction: false,
            limit: self.limits.read,
            is_new,
            permit: Some(permit),
        }
    }

    /// The living idle connection that was used last. Dead ones are closed on the way.
    async fn living(&self) -> Option<PooledConnection> {
        while let Some(mut connection) = self.take_idle() {
            if connection.used.elapsed() < TRUST {
                return Some(connection);
            }
            match tokio::time::timeout(SIGN_OF_LIFE, connection.driver.ping()).await {
                Ok(Ok(())) => return Some(connection),
                Ok(Err(_)) => {}
                Err(_) => {
                    // The server or the way to it is silent, so the other connections would also time out.
                    drop(self.on_idle(|idle| std::mem::take(&mut idle.connections)));
                }
            }
        }
        None
    }

    /// The idle connection of this runtime that was used last, or one of another runtime if no more may be opened.
    fn take_idle(&self) -> Option<PooledConnection> {
        let runtime = Handle::current().id();
        self.on_idle(|idle| {
            if let Some(own) = idle.connections.iter().rposition(|one| one.runtime == runtime) {
                return Some(idle.connections.remove(own));
            }
            // The caller is counted as in use already. The count is read under the lock, so that a connection that another
            // caller has just taken is in one of the two numbers.
            let is_full = self.in_use() as usize + idle.connections.len() > self.size as usize;
            if is_full { idle.connections.pop() } else { None }
        })
    }

    /// A new connection, made on the caller's runtime.
    async fn connect(self: &Arc<Self>, permit: OwnedSemaphorePermit, deadline: Instant) -> Result<Checkout> {
        let (servers, runtime) = (Arc::clone(&self.servers), Handle::current());
        self.notice_end(&runtime);
        // The task owns the permit, so a caller that is dropped does not make room for one connection too many.
        let connecting = runtime.spawn(async move { (connect_by(&servers, deadline).await, permit) });
        let (driver, permit) =
            connecting.await.map_err(|_| StoreError::Unavailable("the connections are being closed"))?;
        let now = Instant::now();
        let connection = PooledConnection { driver: driver?, runtime: runtime.id(), opened: now, used: now };
        Ok(self.lend(connection, permit, true))
    }

    /// Closes the connections of a runtime when it ends.
    fn notice_end(self: &Arc<Self>, runtime: &Handle) {
        let id = runtime.id();
        let is_known = self.on_idle(|idle| {
            let is_known = idle.runtimes.contains(&id);
            if !is_known {
                idle.runtimes.push(id);
            }
            is_known
        });
        if !is_known {
            let end = RuntimeEnd { pool: Arc::downgrade(self), runtime: id };
            runtime.spawn(async move {
                std::future::pending::<()>().await;
                drop(end);
            });
        }
    }

    fn put(&self, mut connection: PooledConnection) {
        let now = Instant::now();
        connection.used = now;
        let old = self.on_idle(|idle| {
            let has_ended = !idle.runtimes.contains(&connection.runtime);
            if idle.closed || has_ended || now - connection.opened >= AGE {
                return vec![connection];
            }
            idle.connections.push(connection);
            let old = idle.connections.iter().take_while(|one| now - one.used >= IDLE).count();
            idle.connections.drain(..old).collect()
        });
        drop(old);
    }

    /// The numbers of all connections and of the idle ones.
    pub fn count(&self) -> (u32, usize) {
        let idle = self.on_idle(|idle| idle.connections.len());
        (self.in_use().saturating_add(u32::try_from(idle).unwrap_or(u32::MAX)), idle)
    }

    fn in_use(&self) -> u32 {
        self.size.saturating_sub(u32::try_from(self.permits.available_permits()).unwrap_or(self.size))
    }

    /// Closes all connections when those in use have been returned.
    pub async fn close(&self) {
        let returned = tokio::time::timeout(self.patience, self.permits.acquire_many(self.size)).await;
        self.permits.close();
        let idle = self.on_idle(|idle| {
            idle.closed = true;
            std::mem::take(&mut idle.connections)
        });
        for connection in idle {
            // The server notices the end of a connection without a farewell.
            let _ = tokio::time::timeout(SIGN_OF_LIFE, connection.driver.close()).await;
        }
        drop(returned);
    }

    fn on_idle<T>(&self, work: impl FnOnce(&mut Idle) -> T) -> T {
        work(&mut self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Checkout {
    /// The connection, and the watch of the statement that uses it.
    #[expect(
        clippy::expect_used,
        reason = "nothing but `drop` and `discard`, which end the use, take the connection out"
    )]
    pub fn parts(&mut self) -> (&mut PgConnection, Watch<'_>) {
        let connection = self.connection.as_mut().expect("a connection in use");
        (&mut connection.driver, Watch::new(&mut self.state, self.limit.saturating_add(GRACE)))
    }

    /// The connection for one statement without a time limit. Its settings are changed for it, so it is closed
    /// afterwards.
    pub async fn without_limit(&mut self) -> Result<&mut PgConnection> {
        let (connection, watch) = self.parts();
        watch.over(sqlx::raw_sql("SET statement_timeout = 0").execute(connection)).await?;
        self.state = ConnectionState::Broken;
        Ok(self.parts().0)
    }

    async fn begin(&mut self, text: &str) -> Result<()> {
        self.in_transaction = true;
        let (connection, mut watch) = self.parts();
        watch.limit = SIGN_OF_LIFE;
        watch.over(sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(connection)).await.map(drop)
    }

    /// Ends the transaction and makes its work durable. A connection that fails here is closed, because it is not known
    /// whether the work was committed.
    pub async fn commit(mut self) -> Result<()> {
        if self.in_transaction {
            let (connection, watch) = self.parts();
            watch.over(sqlx::raw_sql("COMMIT").execute(connection)).await?;
            self.in_transaction = false;
        }
        Ok(())
    }

    /// Closes the connection and makes room for another one.
    fn discard(mut self) -> Option<OwnedSemaphorePermit> {
        self.connection = None;
        self.permit.take()
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        match self.state {
            ConnectionState::Clean if !self.in_transaction => self.pool.put(connection),
            ConnectionState::Broken => {}
            ConnectionState::Clean | ConnectionState::Doubtful => {
                let (pool, permit, in_transaction) = (Arc::clone(&self.pool), self.permit.take(), self.in_transaction);
                let limit = self.limit.saturating_add(GRACE);
                // The abandoned statement ends first. The server has its own limit for it.
                self.pool.home.spawn(async move {
                    let cleaned = tokio::time::timeout(limit, async {
                        if in_transaction {
                            sqlx::raw_sql("ROLLBACK").execute(&mut connection.driver).await.map(drop)
                        } else {
                            connection.driver.ping().await
                        }
                    });
                    if matches!(cleaned.await, Ok(Ok(()))) {
                        pool.put(connection);
                    }
                    drop(permit);
                });
            }
        }
    }
}
