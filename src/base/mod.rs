//! Small types without I/O that every room uses: time, ids, keys, and pages.
//!
//! This room knows no database, no HTTP, and no settings of tenants.

pub mod actor;
pub mod attestation;
pub mod chunks;
pub mod clock;
pub mod content;
pub mod crypto;
pub mod csv;
pub mod day;
pub mod field;
pub mod ground;
pub mod hex;
pub mod id;
pub mod json;
pub mod jws;
pub mod memory;
pub mod network;
pub mod page;
pub mod patch;
pub mod purpose;
pub mod recipient;
pub mod signing;
pub mod spreadsheet;
pub mod target;
pub mod ticket;
pub mod version;
pub mod words;
pub mod work;
