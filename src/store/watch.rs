//! The watch of one statement: its time limit, and the state in which it leaves its connection.

use std::future::Future;
use std::panic::{AssertUnwindSafe, Location};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;

use super::{Result, StoreError};

/// The position in the sources where a statement begins. It is the statement's name in the log and contains none of its
/// values.
pub(super) type CallSite = &'static Location<'static>;

/// The state in which the last statement left a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionState {
    Clean,
    /// The statement was refused, or its caller was dropped.
    Doubtful,
    /// The database could not run the statement, or did not respond. The connection is not used again.
    Broken,
}

/// A statement that takes longer is logged.
const SLOW: Duration = Duration::from_secs(1);

/// Watches one statement.
pub(super) struct Watch<'c> {
    state: &'c mut ConnectionState,
    /// The place of the statement, if it has a name in the log.
    place: Option<CallSite>,
    /// The time limit of the statement.
    pub limit: Duration,
}

impl<'c> Watch<'c> {
    pub fn new(state: &'c mut ConnectionState, limit: Duration) -> Self {
        Self { state, place: None, limit }
    }

    /// The watch of the statement at a place.
    pub fn of(self, place: CallSite) -> Self {
        Self { place: Some(place), ..self }
    }

    /// Runs the statement and notes its outcome. A slow one is logged.
    pub async fn over<T, E: Into<StoreError>>(
        self,
        statement: impl Future<Output = std::result::Result<T, E>>,
    ) -> Result<T> {
        *self.state = ConnectionState::Doubtful;
        let began = Instant::now();
        let statement = AssertUnwindSafe(statement).catch_unwind();
        let ended = match tokio::time::timeout(self.limit, statement).await {
            Ok(Ok(ended)) => ended.map_err(Into::into),
            // The driver of PostgreSQL panics at a time that no calendar has, such as `infinity`.
            Ok(Err(_)) => Err(StoreError::Inconsistent("of a time".to_owned())),
            Err(_) => Err(StoreError::Unavailable("timeout: a statement took too long")),
        };
        // The text is left out: that of a batch is as long as the batch.
        if let Some(place) = self.place.filter(|_| began.elapsed() >= SLOW) {
            let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(statement = %place, duration_ms, "A statement was slow");
        }
        match &ended {
            Ok(_) => *self.state = ConnectionState::Clean,
            // After a full disk, a stopping server, or a lost connection, the next caller gets another connection.
            Err(StoreError::Unavailable(_)) => *self.state = ConnectionState::Broken,
            Err(_) => {}
        }
        ended
    }
}
