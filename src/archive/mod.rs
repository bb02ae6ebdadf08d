//! The archive: interactions, survey responses and raw events, without a single identifier in them.

pub mod mentions;
pub mod selector;

pub use selector::{Hits, preview};
