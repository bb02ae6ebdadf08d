//! Content of interactions: recordings and what else belongs to a call.
//!
//! The bytes lie in the object store, sealed under a key of their own; that key, wrapped by the tenant's, lies in the
//! vault, and a row in the archive says what they are. Deleting the key makes the bytes unreadable in every copy and
//! backup of archive and object store. So the order of writes is key, object, row, and that of deletions key, row,
//! object: a crash leaves no row without bytes, and bytes without a row are reached by no call. What a crash leaves in the
//! object store and the vault is for the sweep of the night. The night's own deletions begin with the object: see
//! `removal.rs`.
//!
//! Texts (chat logs, transcripts, comments, analyses) are stored without identifiers (D6): see [`text`].

mod deletion;
mod header;
pub mod http;
mod memory;
mod model;
pub mod passes;
mod reading;
mod removal;
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
use crate::base::id::{ContentId, IdentifierId, RecordId, TenantId};
use crate::base::page::Position;
use crate::objects::Objects;
use crate::store::{Archive, StoreError, Tx};
use crate::vault::{self, AppContext, Keyset};

pub use crate::base::content::ContentKind;
pub use deletion::{delete, delete_batch};
pub use memory::TextMemory;
pub use model::{BatchDeletion, Content, ContentError, MediaType, MediaTypeError, NewContent, Sensitivity};
pub use reading::{Access, Reading, open, read};
pub use removal::{Removed, Traces, of_customers, remove_objects, remove_rows, traces, without_object};
pub use ticket::{Redeemed, Ticket, issue_ticket, redeem_ticket};
pub use upload::{Upload, begin_upload};

/// Where content lies, how much of it one upload may bring, and how much memory there is for texts.
#[derive(Debug)]
pub struct ContentStore {
    /// The sealed bytes.
    pub objects: Objects,
    /// The longest upload, in bytes.
    pub size_limit: u64,
    /// The memory that all texts together may take.
    pub texts: TextMemory,
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

/// Whether an interaction has content of a kind that was uploaded with just these bytes. Of a text that held an identifier
/// the digest is not kept, so its size must do.
pub async fn is_there(
    stores: &AppContext,
    tenant: TenantId,
    interaction: RecordId,
    kind: ContentKind,
    size: u64,
    sha256: [u8; 32],
) -> Result<bool, ContentError> {
    Ok(sql::is_there(&mut stores.archive.read().await?, tenant, interaction, (kind, size, sha256)).await?)
}

/// What the customer of an interaction is known by, in custody: to be looked for in what somebody says of the content.
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

/// Forgets one-time addresses that nobody can use any more. Answers how many.
pub async fn expire_tickets(tx: &mut Tx<Archive>, tenant: TenantId, now: DateTime<Utc>) -> Result<u64, StoreError> {
    sql::delete_expired_tickets(tx, tenant, now).await
}

/// When an interaction happened; an error where there is none.
async fn known(tx: &mut Tx<Archive>, tenant: TenantId, interaction: RecordId) -> Result<DateTime<Utc>, ContentError> {
    let record = crate::archive::find::<Interaction>(tx, tenant, interaction).await?;
    record.map(|record| record.at).ok_or(ContentError::Unknown)
}
