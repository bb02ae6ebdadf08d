//! The steps of a pass, in the order of `pass.rs`: claim, journal, rescan texts, delete content, write erasures (with the
//! fence), plan, unlink, finish, retention, ageing, collect orphaned identifiers (with the second fence), collect orphaned
//! objects, reseal, and purge.
//!
//! After the passes of a run, `run.rs` tries the texts again that ended a process. Then the archive is searched for
//! residue, and the requests that are done get their certificates.

pub mod ageing;
pub mod certify;
pub mod claim;
pub mod delete_content;
pub mod finish;
pub mod gc_identifiers;
pub mod gc_objects;
pub mod journal;
pub mod plan;
pub mod purge;
pub mod rescan_texts;
pub mod reseal;
pub mod retention;
pub mod scan;
pub mod unlink;
pub mod write_erasures;
