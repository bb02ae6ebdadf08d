//! The night: what was asked to be forgotten by day is cut out of the archive, up to the day that was asked for.
//!
//! A pass over a tenant is a row of steps, each of them small, repeatable, and recorded when it is done, so that a pass
//! that was killed anywhere goes on where it was at the next start: *claim* the due requests, delete the *content* of
//! those that ask for it, write their *erasures* into the vault, move the *fence*, *plan* the work, *cut* chunk by chunk,
//! *finish* the requests, delete content that is past its *retention*, *sweep* a slice of the vault for orphans, *retire*
//! what was released, move the fence again, *delete* what nothing refers to, check a slice of what is stored of
//! *content*, and *purge* old requests. `pass.rs` drives them; each has a file of its own.

mod failpoint;
pub mod http;
mod job_runs;
mod lease;
mod model;
mod pass;
mod progress;
mod sql;
mod steps;

pub use job_runs::list;
pub use model::{Ending, Options, PassError, Report, Run, RunStatus, Stop};
pub use pass::{Forecast, preview, run};
pub use progress::Progress;
