//! Long work of the processor runs on other threads than those that serve calls, so that no other call waits.

use std::sync::LazyLock;

use tokio::sync::Semaphore;

/// The most bytes of work that runs on the caller's thread. The slowest text of this length takes a few milliseconds.
const AT_ONCE: usize = 1 << 10;

/// The bytes that one piece of work should have, so that a large call does not block other calls for long.
pub const PIECE: usize = 64 << 10;

/// One piece of work for each processor. More would only cost memory.
static PLACES: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get)));

/// Does some work on a number of bytes. A little work runs here. More work waits for a thread that serves no calls.
pub async fn run<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    if bytes <= AT_ONCE {
        return work();
    }
    let place = PLACES.acquire().await.ok();
    // The permit is returned when the work is done, also if its caller was dropped.
    let done = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(place);
        done
    });
    match done.await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime ends, and so does the caller.
        Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn long_work_leaves_the_thread_of_its_caller_and_short_work_stays() {
        let here = std::thread::current().id();
        let place = || std::thread::current().id();
        assert_eq!(run(AT_ONCE, place).await, here);
        assert_ne!(run(AT_ONCE + 1, place).await, here);
    }

    #[tokio::test]
    async fn a_panic_is_the_callers() {
        let failed = tokio::spawn(run(AT_ONCE + 1, || std::panic::panic_any("broken"))).await;
        assert!(failed.is_err_and(|error| error.is_panic()));
        assert_eq!(run(AT_ONCE + 1, || 1).await, 1);
    }
}
