//! Restored databases: they are detected by the erasure journal, and a replay brings them up to date.
//!
//! [`look`] compares the objects of the journal with the rows of both databases. A killed process leaves objects
//! without rows too, but its pass is still there, or [`settle`] carries the decision out. Everything else that is
//! missing tells of a restore.

mod expiry;
mod horizon;
mod look;
mod lost;
mod replay;
mod replayed;
mod settle;
mod verify;

#[cfg(test)]
mod tests;

pub use expiry::expire;
pub use look::{Look, TenantLook, knows_less, look};
pub use lost::reserve;
pub use replay::{ReplayOptions, ReplayReport, replay};
pub use replayed::Replay;
pub use settle::{GRACE, settle};
pub use verify::{JournalReport, verify};
