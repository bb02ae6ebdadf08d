//! Statements about texts, with statements of other rooms about them.

pub use crate::archive::customer::{Customer, customer};
pub use crate::archive::rescan::{note_state, pending_of};
pub use crate::content_rows::sql::replace;
