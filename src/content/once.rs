//! Uploads and temporary addresses that are sent again under an idempotency key are stored and issued once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use crate::base::id::ContentId;
use crate::idempotency::{self, BegunCall, IdempotencyError, IdempotencyKey, Reservation};
use crate::store::{Archive, Tx};
use crate::vault::AppContext;

/// The outcome of an upload, as its key keeps it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Uploaded {
    pub id: ContentId,
    /// The number of parts of a message that were dropped.
    pub dropped: usize,
}

/// The key of a call that has no outcome yet. The key is released if it is dropped without one, because a caller whose
/// connection broke sends the call again at once.
pub struct Once {
    app: Arc<AppContext>,
    reservation: Reservation,
    is_open: AtomicBool,
}

/// A call under a key when it begins.
pub enum Keyed<T> {
    New(Arc<Once>),
    /// An earlier call has this outcome.
    Again(T),
}

impl Once {
    pub async fn begin<T: DeserializeOwned>(
        app: &Arc<AppContext>,
        key: IdempotencyKey,
    ) -> Result<Keyed<T>, IdempotencyError> {
        Ok(match idempotency::begin(&app.archive, key, app.clock.now()).await? {
            BegunCall::Replayable(outcome) => Keyed::Again(outcome),
            BegunCall::Reserved(reservation) => {
                let (app, is_open) = (Arc::clone(app), AtomicBool::new(true));
                Keyed::New(Arc::new(Self { app, reservation, is_open }))
            }
        })
    }

    /// Writes the outcome, in the transaction of the work. After its commit comes [`Once::end`].
    pub async fn settle(&self, tx: &mut Tx<Archive>, outcome: &impl Serialize) -> Result<(), IdempotencyError> {
        idempotency::settle(tx, &self.reservation, outcome).await
    }

    /// The outcome is stored, and the key stays.
    pub fn end(&self) {
        self.is_open.store(false, Ordering::Relaxed);
    }

    /// Releases the key of a call that failed, so that the next call can use it at once.
    pub async fn release(&self) {
        if self.is_open.swap(false, Ordering::Relaxed) {
            idempotency::release(&self.app.archive, &self.reservation).await;
        }
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        if *self.is_open.get_mut()
            && let Ok(runtime) = Handle::try_current()
        {
            let (app, reservation) = (Arc::clone(&self.app), self.reservation.clone());
            runtime.spawn(async move { idempotency::release(&app.archive, &reservation).await });
        }
    }
}
