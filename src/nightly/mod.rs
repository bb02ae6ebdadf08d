//! The night: what was asked to be forgotten by day is cut out of the archive, up to the day that was asked for.
//!
//! A pass over a tenant is a row of steps, each of them small, repeatable, and recorded when it is done, so that a pass
//! that was killed anywhere goes on where it was at the next start: *claim* the due requests, delete the *content* of
//! those that ask for it, write their *erasures* into the vault, move the *fence*, *plan* the work, *cut* chunk by chunk,
//! *finish* the requests, delete content that is past its *retention*, *sweep* a slice of the vault for orphans, *retire*
//! what was released, move the fence again, *delete* what nothing refers to, check a slice of what is stored of
//! *content*, and *purge* old requests. `pass.rs` drives them; each has a file of its own.

mod chunk;
mod claim;
mod closing;
mod content;
mod cut;
mod deliveries;
mod failpoint;
mod finish;
pub mod http;
mod lease;
mod model;
mod pass;
mod plan;
mod progress;
mod purge;
mod release;
mod rescan;
mod retention;
mod runs;
mod selection;
mod sql;
mod sweep;
mod texts;

pub use model::{Ending, Options, PassError, Report, Run, RunStatus, Stop};
pub use pass::{Forecast, preview, run};
pub use progress::Progress;
pub use runs::list;
