//! The erasure journal under histories that are drawn at random. A history runs in this process against the real code:
//! a killed process is a future that is dropped at an await point. The oracle knows the truth, and it follows the model
//! of the protocol: a forgotten person is never identified (V1), deleted content is never served (V2), a living person
//! is never unlinked (L1), nothing is damaged for ever (STUCK), and no killed process is taken for a restore (FALSE).
//!
//! `LETHE_HISTORIES=2000` runs 2,000 histories, and `LETHE_HISTORIES=1@37` runs the one of seed 37.

mod history;
mod oracle;
mod superseded;
mod world;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use futures_util::{FutureExt as _, StreamExt as _};

use self::history::History;
use self::world::Template;

/// The number of histories, unless the environment names another one.
const HISTORIES: u64 = 200;

/// How many histories run at a time. Most of their time, they wait for the disk.
const AT_ONCE: usize = 8;

/// The operations of a history so far, one a line.
pub type Told = Arc<Mutex<Vec<String>>>;

/// The number of histories, and the seed of the first one.
#[expect(clippy::disallowed_methods, reason = "the number of histories is not a setting: it exists only in tests")]
fn wanted() -> (u64, u64) {
    let wanted = std::env::var("LETHE_HISTORIES").unwrap_or_default();
    let (count, first) = wanted.split_once('@').unwrap_or((&wanted, ""));
    (count.parse().unwrap_or(HISTORIES), first.parse().unwrap_or(1))
}

/// Runs a history. Returns its seed, its operations, and the error, if there is one.
async fn fault_of(template: &Template, seed: u64) -> Option<String> {
    let told = Told::default();
    let history = async {
        let mut history = History::begin(template, seed, Arc::clone(&told)).await;
        history.live().await;
    };
    let panic = Box::pin(AssertUnwindSafe(history).catch_unwind()).await.err()?;
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let told = told.lock().map(|told| told.join("\n  ")).unwrap_or_default();
    Some(format!("The history of seed {seed} has a fault: {}\n  {told}", text.unwrap_or("a panic")))
}

#[tokio::test]
async fn a_history_forgets_what_it_must_and_nothing_else() {
    let template = Template::new().await;
    let (count, first) = wanted();
    let histories = futures_util::stream::iter(first..first + count).map(|seed| fault_of(&template, seed));
    let faults: Vec<Option<String>> = histories.buffer_unordered(AT_ONCE).collect().await;
    let faults: Vec<String> = faults.into_iter().flatten().collect();
    assert!(faults.is_empty(), "{} of {count} histories have faults:\n{}", faults.len(), faults.join("\n"));
}
