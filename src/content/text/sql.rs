//! Statements about texts.

use crate::base::id::{Generation, ObjectId, TenantId};
use crate::store::{Archive, Result, Tx};

pub use crate::archive::customer::{Customer, customer};
pub use crate::archive::rescan::{note_state, pending_of};

/// Gives a text another object. Returns the number of texts: 0 if the text was deleted or got another object. The digest
/// of the upload is removed, because an identifier was found in it.
pub async fn replace(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    old: ObjectId,
    new: Generation,
    stored_size: i64,
) -> Result<u64> {
    tx.query("UPDATE contents SET sha256 = NULL")
        .with(", generation = ", new)
        .with(", size = ", stored_size)
        .with(", stored_size = ", stored_size)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", old.id)
        .with(" AND generation = ", old.generation)
        .execute()
        .await
}
