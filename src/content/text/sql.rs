//! Statements about texts.

use crate::archive::mentions::{self, Owner};
use crate::archive::rescan;
use crate::base::id::{ContentId, TenantId};
use crate::store::{Archive, Result, Tx};

pub use crate::archive::customer::{Customer, customer};
pub use crate::archive::rescan::{note_state, pending_of};

/// Gives a text another object, with its mentions and searches. Returns the number of texts: 0 if the text was deleted. The
/// digest of the upload is removed, because an identifier was found in it.
pub async fn replace(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    (old, new): (ContentId, ContentId),
    stored_size: i64,
) -> Result<u64> {
    let replaced = tx
        .query("UPDATE contents SET sha256 = NULL, public_id = coalesce(public_id, id)")
        .with(", id = ", new)
        .with(", size = ", stored_size)
        .with(", stored_size = ", stored_size)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", old)
        .execute()
        .await?;
    if replaced == 0 {
        return Ok(0);
    }
    mentions::move_to(tx, tenant, Owner::Content, old.0, new.0).await?;
    rescan::move_to(tx, tenant, old, new).await?;
    Ok(replaced)
}
