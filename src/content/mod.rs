//! Content of interactions: recordings, texts, and attachments.
//!
//! The bytes are in the object store, sealed under a key of their own. The key, wrapped by the tenant's key, is in the
//! vault. A row in the archive describes the content, and names its object by the content's id and a generation.
//! Without its key, the bytes are unreadable in every copy and backup of the archive and of the object store. So the
//! order of writes is key, object, row, and the order of deletions is key, row, object. A crash leaves no row without
//! bytes, and no call reads bytes without a row. The pass deletes the objects
//! and keys that a crash leaves. The deletions of the pass itself begin with the object: see `removal.rs`.
//!
//! Texts (chat logs, transcripts, comments, analyses) are stored without identifiers (D6): see [`text`].

mod deletion;
mod header;
pub mod http;
mod model;
mod once;
mod reading;
mod removal;
pub mod scanning;
mod sealing;
mod sql;
pub mod text;
mod ticket;
mod upload;

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use pii::Identifier;
use pii::text::Own;

use crate::archive::{CustomerField, Interaction};
use crate::base::crypto::BlindIndex;
use crate::base::hex::hex;
use crate::base::id::{ContentId, IdentifierId, RecordId, TenantId};
use crate::base::page::Position;
use crate::objects::Objects;
use crate::store::{Archive, StoreError, Tx};
use crate::vault::{self, AppContext, Keyset};

pub use crate::base::content::ContentKind;
pub use crate::content_rows::{Content, Sensitivity};
pub use deletion::{delete, delete_again, delete_batch};
pub use model::{ContentError, Deleted, FailureReason, MediaType, MediaTypeError, NewContent};
pub use once::{Keyed, Once, Uploaded};
pub use reading::{Access, ContentReading, open, read};
pub use removal::{
    Removed, Traces, held, of_customers, publish_deleted, remove_objects, remove_rows, traces, without_object,
};
pub use ticket::{Redeemed, Ticket, issue_ticket, redeem_ticket};
pub use upload::{Upload, begin_upload};

/// The store of content: its objects, and the limit of an upload.
#[derive(Debug)]
pub struct ContentStore {
    /// The sealed bytes.
    pub objects: Objects,
    /// The longest upload, in bytes.
    pub size_limit: u64,
}

/// One piece of content, or none.
pub async fn find(stores: &AppContext, tenant: TenantId, id: ContentId) -> Result<Option<Content>, ContentError> {
    Ok(sql::by_id(&mut stores.archive.read().await?, tenant, id).await?)
}

/// A page of what an interaction has, oldest first.
pub async fn list(
    stores: &AppContext,
    tenant: TenantId,
    interaction: RecordId,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Content>, ContentError> {
    let mut tx = stores.archive.read().await?;
    known(&mut tx, tenant, interaction).await?;
    Ok(sql::of_interaction(&mut tx, tenant, interaction, after, limit).await?)
}

/// Whether an interaction has content of a kind that was uploaded with just these bytes. The digest of a text that
/// contained an identifier is not kept, because a short text can be guessed from it. Its keyed hash is.
pub async fn is_there(
    stores: &AppContext,
    tenant: TenantId,
    interaction: RecordId,
    kind: ContentKind,
    sha256: [u8; 32],
) -> Result<bool, ContentError> {
    let keyed = keyed_sha256(&*stores.keysets.get(&stores.vault, tenant).await?, sha256);
    Ok(sql::is_there(&mut stores.archive.read().await?, tenant, interaction, kind, (sha256, keyed)).await?)
}

/// The keyed hash of the digest of a text as it arrived.
fn keyed_sha256(keyset: &Keyset, sha256: [u8; 32]) -> BlindIndex {
    keyset.hash("content", &hex(&sha256))
}

/// The identifiers of an interaction's customer, as types that cannot be shown. A stated reason is searched for them.
pub async fn customer_of(stores: &AppContext, tenant: TenantId, interaction: RecordId) -> Result<Own, ContentError> {
    let mut tx = stores.archive.read().await?;
    let Some(record) = crate::archive::find::<Interaction>(&mut tx, tenant, interaction).await? else {
        return Ok(Own::default());
    };
    drop(tx);
    let held = [record.phone, record.email, record.name].into_iter().filter_map(|slot| match slot {
        CustomerField::Held(_, id) => Some(id),
        CustomerField::Forgotten | CustomerField::Empty => None,
    });
    let keyset = stores.keysets.get(&stores.vault, tenant).await?;
    own_of(stores, &keyset, held).await
}

/// Some identifiers of one customer, in custody.
async fn own_of(
    stores: &AppContext,
    keyset: &Keyset,
    held: impl IntoIterator<Item = IdentifierId>,
) -> Result<Own, ContentError> {
    let mut own = Own::default();
    for identifier in vault::open(&mut stores.vault.read().await?, keyset, held).await?.into_values() {
        match identifier {
            Identifier::Phone(phone) => own.phone = Some(phone),
            Identifier::Email(email) => own.email = Some(email),
            Identifier::Name { name, .. } => own.name = Some(name),
        }
    }
    Ok(own)
}

/// Deletes expired temporary addresses. Returns how many.
pub async fn expire_tickets(tx: &mut Tx<Archive>, tenant: TenantId, now: DateTime<Utc>) -> Result<u64, StoreError> {
    sql::delete_expired_tickets(tx, tenant, now).await
}

/// When an interaction happened; an error where there is none.
async fn known(tx: &mut Tx<Archive>, tenant: TenantId, interaction: RecordId) -> Result<DateTime<Utc>, ContentError> {
    let record = crate::archive::find::<Interaction>(tx, tenant, interaction).await?;
    record.map(|record| record.at).ok_or(ContentError::Unknown)
}
