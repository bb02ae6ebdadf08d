//! The watch over one statement: how long it may take, and in which state it leaves its connection.

use std::future::Future;
use std::time::Duration;

use super::{Result, StoreError};

/// In which state the last statement left a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Clean,
    /// It was refused, or its caller went away.
    Doubtful,
    /// The database could not carry it out, or did not answer: the connection is not used again.
    Broken,
}

/// Looks after one statement.
pub(super) struct Watch<'c> {
    state: &'c mut State,
    /// How long the statement may take.
    pub limit: Duration,
}

impl<'c> Watch<'c> {
    pub fn new(state: &'c mut State, limit: Duration) -> Self {
        Self { state, limit }
    }

    /// Runs the statement and notes how it ended.
    pub async fn over<T, E: Into<StoreError>>(
        self,
        statement: impl Future<Output = std::result::Result<T, E>>,
    ) -> Result<T> {
        *self.state = State::Doubtful;
        let ended = match tokio::time::timeout(self.limit, statement).await {
            Ok(ended) => ended.map_err(Into::into),
            Err(_) => Err(StoreError::Unavailable("timeout: a statement took too long")),
        };
        match &ended {
            Ok(_) => *self.state = State::Clean,
            // A full disk, a server that stops, a connection that was lost: the next caller gets another connection.
            Err(StoreError::Unavailable(_)) => *self.state = State::Broken,
            Err(_) => {}
        }
        ended
    }
}
