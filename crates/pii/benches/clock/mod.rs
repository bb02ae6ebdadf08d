//! The time that a search takes.

use std::fs::read_to_string;
use std::time::{Duration, Instant};

/// How many seconds some work takes: of the processor on Linux, where other programs then matter less, and by the clock
/// elsewhere.
pub fn seconds(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    let before = spent();
    work();
    let after = spent().zip(before).map(|(after, before)| after.saturating_sub(before));
    after.unwrap_or_else(|| begun.elapsed()).as_secs_f64()
}

/// The processor time of this thread.
fn spent() -> Option<Duration> {
    let line = read_to_string("/proc/thread-self/schedstat").ok()?;
    line.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
