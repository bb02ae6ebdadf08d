//! The watch of one statement: its time limit, and the state in which it leaves its connection.

use std::future::Future;
use std::time::Duration;

use super::{Result, StoreError};

/// The state in which the last statement left a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionState {
    Clean,
    /// The statement was refused, or its caller was dropped.
    Doubtful,
    /// The database could not run the statement, or did not respond. The connection is not used again.
    Broken,
}

/// Watches one statement.
pub(super) struct Watch<'c> {
    state: &'c mut ConnectionState,
    /// The time limit of the statement.
    pub limit: Duration,
}

impl<'c> Watch<'c> {
    pub fn new(state: &'c mut ConnectionState, limit: Duration) -> Self {
        Self { state, limit }
    }

    /// Runs the statement and notes its outcome.
    pub async fn over<T, E: Into<StoreError>>(
        self,
        statement: impl Future<Output = std::result::Result<T, E>>,
    ) -> Result<T> {
        *self.state = ConnectionState::Doubtful;
        let ended = match tokio::time::timeout(self.limit, statement).await {
            Ok(ended) => ended.map_err(Into::into),
            Err(_) => Err(StoreError::Unavailable("timeout: a statement took too long")),
        };
        match &ended {
            Ok(_) => *self.state = ConnectionState::Clean,
            // After a full disk, a stopping server, or a lost connection, the next caller gets another connection.
            Err(StoreError::Unavailable(_)) => *self.state = ConnectionState::Broken,
            Err(_) => {}
        }
        ended
    }
}
