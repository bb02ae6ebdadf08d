//! The rows of content: the description of each recording, text, or attachment of an interaction.
//!
//! The archive joins them with its records, and `content/` uploads, reads, and deletes what they describe. So their table
//! has a room below both.

mod model;
pub mod passes;
mod relations;
pub mod sql;

pub use model::{Content, Sensitivity};
pub use relations::{
    count, count_by_kind, exists, is_deleted, is_there, join, of_customers, of_interactions, of_pending, of_texts,
};
