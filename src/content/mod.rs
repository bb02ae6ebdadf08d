//! Content of interactions: recordings and what else belongs to a call.
//!
//! The bytes lie in the object store, sealed under a key of their own; that key, wrapped by the tenant's, lies in the
//! vault, and a row in the archive says what they are. Deleting the key makes the bytes unreadable in every copy and
//! backup of archive and object store. So the order of writes is key, object, row, and that of deletions key, row,
//! object: a crash leaves no row without bytes, and bytes without a row are reached by no call. What a crash leaves in the
//! object store and the vault is for a sweep, which is yet to come.
//!
//! Texts (chat logs, transcripts, comments, analyses) are stored without identifiers (D6): see [`text`].

mod deletion;
pub mod http;
mod model;
mod objects;
mod reading;
mod sql;
pub mod text;
mod ticket;
mod upload;

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use crate::archive::Slot;
use crate::base::id::{ContentId, IdentifierId, RecordId, TenantId};
use crate::base::page::Position;
use crate::base::pii::Identifier;
use crate::base::target::Target;
use crate::base::text::Own;
use crate::store::{Archive, Tx};
use crate::vault::{self, Keyset, Stores};

pub use crate::base::content::ContentKind;
pub use deletion::{delete, delete_batch};
pub use model::{Content, ContentError, Deleted, MediaType, NewContent, NotAMediaType, Sensitivity};
#[cfg(feature = "s3")]
pub use objects::Bucket;
pub use objects::{ObjectError, Objects};
pub use reading::{Access, Reading, open};
pub use ticket::{Redeemed, Ticket, issue_ticket, redeem_ticket};
pub use upload::{Upload, begin_upload};

/// Where content lies, and how much of it one upload may bring.
#[derive(Debug)]
pub struct Shelf {
    /// The sealed bytes.
    pub objects: Objects,
    /// The longest upload, in bytes.
    pub size_limit: u64,
}

/// One piece of content, or none.
pub async fn find(stores: &Stores, tenant: TenantId, id: ContentId) -> Result<Option<Content>, ContentError> {
    Ok(sql::by_id(&mut stores.archive.read().await?, tenant, id).await?)
}

/// A page of what an interaction has, oldest first.
pub async fn list(
    stores: &Stores,
    tenant: TenantId,
    interaction: RecordId,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Content>, ContentError> {
    let mut tx = stores.archive.read().await?;
    known(&mut tx, tenant, interaction).await?;
    Ok(sql::of_interaction(&mut tx, tenant, interaction, after, limit).await?)
}

/// What the customer of an interaction is known by, in custody: to be looked for in what somebody says of the content.
pub async fn customer_of(stores: &Stores, tenant: TenantId, interaction: RecordId) -> Result<Own, ContentError> {
    let mut tx = stores.archive.read().await?;
    let Some(record) = crate::archive::find(&mut tx, tenant, Target::Archive, interaction).await? else {
        return Ok(Own::default());
    };
    drop(tx);
    let held = [record.phone, record.email, record.name].into_iter().filter_map(|slot| match slot {
        Slot::Held(_, id) => Some(id),
        Slot::Forgotten | Slot::Empty => None,
    });
    let keyset = stores.keysets.get(&stores.vault, tenant).await?;
    own_of(stores, &keyset, held).await
}

/// Some identifiers of one customer, in custody.
async fn own_of(
    stores: &Stores,
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

/// When an interaction happened; an error where there is none.
async fn known(tx: &mut Tx<Archive>, tenant: TenantId, interaction: RecordId) -> Result<DateTime<Utc>, ContentError> {
    let record = crate::archive::find(tx, tenant, Target::Archive, interaction).await?;
    record.map(|record| record.at).ok_or(ContentError::Unknown)
}
