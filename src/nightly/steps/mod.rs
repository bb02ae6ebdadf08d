//! The steps of a pass, in its order.

pub mod claim;
pub mod delete_content;
pub mod finish;
pub mod gc_identifiers;
pub mod gc_objects;
pub mod plan;
pub mod purge;
pub mod rescan_texts;
pub mod retention;
pub mod unlink;
