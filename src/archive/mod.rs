//! The archive: interactions, survey responses and raw events, without a single identifier in them.

mod arrival;
mod columns;
mod existing;
pub mod http;
pub mod incoming;
mod ingest;
pub mod mentions;
mod model;
mod parsed;
pub mod rescan;
mod search;
pub mod selector;
mod sql;
pub mod unlink;

pub use columns::Columns;
pub use ingest::{BATCH, Stored, store};
pub use model::{ArchiveError, CustomerField, Record, View, forgotten};
pub use search::{Search, find, interactions_of, plan, search};
pub use selector::{Hits, preview};
