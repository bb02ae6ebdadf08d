//! The stage of the stories.

mod backup;
mod caller;
mod citus;
mod content;
mod dump;
mod folder;
mod keyring;
mod leaks;
mod lease;
mod link;
pub mod oracle;
mod pooler;
mod postgres;
mod process;
pub mod receiver;
pub mod servers;
mod stage;
mod stock;
mod wait;
mod wire;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;

pub use backup::Part;
pub use caller::{Answer, Caller};
pub use content::Call;
pub use dump::{Dump, Row};
pub use keyring::Keyring;
pub use leaks::Needles;
pub use link::{Link, Network};
pub use pooler::Pooler;
pub use postgres::{Databases, OwnServer};
pub use process::{Ran, signal};
pub use stage::TestLethe;
pub use stock::Stock;
pub use wait::until;
pub use wire::{Reply, Wire};

/// The database that a story runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    Sqlite,
    Postgres,
}

/// Declares a story on both databases: a module of its name with the tests `sqlite` and `postgres`.
///
/// The story gets a `TestLethe` with a running server.
macro_rules! each_store {
    ($(#[$meta:meta])* $name:ident, |$lethe:ident: TestLethe| async move $story:block) => {
        mod $name {
            #[allow(unused_imports, clippy::allow_attributes, reason = "not every story needs its file's words")]
            use super::*;
            use $crate::harness::{Store, TestLethe, tell};

            $(#[$meta])*
            async fn story($lethe: TestLethe) $story

            #[test]
            fn sqlite() {
                tell(Store::Sqlite, story);
            }

            #[test]
            fn postgres() {
                tell(Store::Postgres, story);
            }
        }
    };
    ($(#[$meta:meta])* $name:ident, |mut $lethe:ident: TestLethe| async move $story:block) => {
        each_store!($(#[$meta])* $name, |given: TestLethe| async move {
            let mut $lethe = given;
            $story
        });
    };
}
pub(crate) use each_store;

/// Runs a story on a new stage and removes the stage, whether the story fails or not.
pub fn tell<S, F>(store: Store, story: S)
where
    S: FnOnce(TestLethe) -> F,
    F: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut lethe = TestLethe::new(store).await;
        lethe.serve().await;
        let databases = lethe.databases();
        let journal = lethe.journal();
        let told = catch(story(lethe)).await;
        databases.drop_all().await;
        if let Err(panic) = told {
            eprintln!("{}", journal.tail());
            std::panic::resume_unwind(panic);
        }
    });
}

/// How often a story kills its process. `LETHE_KILLS` asks for more than CI has time for.
pub fn kills(usual: u32) -> u32 {
    let asked = std::env::var_os("LETHE_KILLS").and_then(|asked| asked.to_str()?.parse().ok());
    asked.unwrap_or(usual)
}

/// A word that is unique among all tests.
fn fresh() -> String {
    lethe::base::id::IdentifierId::random().0.simple().to_string()
}

/// Awaits a story and catches its panic, so that its databases and files can be removed.
async fn catch(story: impl Future<Output = ()>) -> std::thread::Result<()> {
    let mut story = pin!(story);
    std::future::poll_fn(|context| match std::panic::catch_unwind(AssertUnwindSafe(|| story.as_mut().poll(context))) {
        Ok(std::task::Poll::Pending) => std::task::Poll::Pending,
        Ok(std::task::Poll::Ready(())) => std::task::Poll::Ready(Ok(())),
        Err(panic) => std::task::Poll::Ready(Err(panic)),
    })
    .await
}
