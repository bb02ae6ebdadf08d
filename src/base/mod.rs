//! Words everyone uses, without I/O: time, ids, personal data, keys, pages.
//!
//! Nothing here knows a database, HTTP or a tenant's settings; every other room may use it.

pub mod actor;
pub mod chunks;
pub mod clock;
pub mod content;
pub mod crypto;
pub mod day;
pub mod field;
pub mod hex;
pub mod id;
pub mod page;
pub mod patch;
pub mod purpose;
pub mod target;
pub mod version;
pub mod work;
