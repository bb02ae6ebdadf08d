//! Waiting for a state that a story causes.

use std::time::{Duration, Instant};

/// The time after which a state counts as never reached. It is far above each time limit of the service.
const PATIENCE: Duration = Duration::from_mins(2);

/// Repeats a check until it is true. A story that waits in vain fails, and says for which state.
pub async fn until(state: &str, mut is_reached: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_reached().await {
        assert!(began.elapsed() < PATIENCE, "timeout: {state}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
