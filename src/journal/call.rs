//! The patience of calls with the store of the journal: a call has a transaction open while it waits, so a store that hangs
//! must not keep it for long.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::model::JournalError;
use crate::objects::ObjectError;

/// For how long no call asks a store that has just kept one waiting.
const PAUSE: Duration = Duration::from_secs(10);

/// The most time of a call, if there is a limit. Jobs have none but that of the store.
#[derive(Debug, Default)]
pub struct CallLimit(Mutex<Waiting>);

#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    limit: Option<Duration>,
    paused_until: Option<Instant>,
}

impl CallLimit {
    /// Limits the time of all calls from now on.
    pub fn set(&self, limit: Duration) {
        self.change(|waiting| waiting.limit = Some(limit));
    }

    /// Waits for the work of a call, unless the store hangs.
    pub(super) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, JournalError>>,
    ) -> Result<T, JournalError> {
        let Waiting { limit, paused_until } = self.0.lock().map_or_else(|_| Waiting::default(), |waiting| *waiting);
        let Some(limit) = limit else { return work.await };
        if paused_until.is_some_and(|until| Instant::now() < until) {
            return Err(JournalError::Paused);
        }
        let Ok(ended) = tokio::time::timeout(limit, work).await else {
            self.change(|waiting| waiting.paused_until = Some(Instant::now() + PAUSE));
            return Err(ObjectError::TimedOut.into());
        };
        ended
    }

    fn change(&self, change: impl FnOnce(&mut Waiting)) {
        if let Ok(mut waiting) = self.0.lock() {
            change(&mut waiting);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_that_hangs_is_left_alone_for_a_while() {
        let limit = CallLimit::default();
        limit.set(Duration::from_millis(1));
        assert!(limit.within(std::future::ready(Ok(()))).await.is_ok());
        assert!(limit.within(std::future::pending::<Result<(), _>>()).await.is_err());
        assert!(limit.within(std::future::ready(Ok(()))).await.is_err(), "it is not asked");
    }
}
