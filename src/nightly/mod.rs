//! The nightly job: it forgets what is due, up to the requested day.
//!
//! A *run* is the work of one start for one tenant (`run.rs`). It resumes an interrupted *pass* and makes a new one
//! (`pass.rs`). A pass is a sequence of steps, each in a file of `steps/`. A step is repeatable and is recorded when it
//! is finished, so a pass that was killed at any point resumes at the next start.

mod context;
mod dry_run;
mod failpoint;
pub mod http;
mod job_runs;
mod lease;
mod model;
mod pass;
mod progress;
mod report;
pub mod restore;
mod run;
mod sql;
mod steps;

pub use dry_run::{Forecast, dry_run};
pub use job_runs::{Run, list};
pub use model::{Ending, Options, PassError, PassResult, RunStatus, Stop};
pub use progress::Progress;
pub use report::{Report, ScanOutcome};
pub use run::run;
pub use steps::gc_identifiers::references;
