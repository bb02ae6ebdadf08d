//! Writing a text: first its identifiers and its key in the vault, then the object without identifiers.

use std::collections::HashSet;

use pii::text::{Found, Own};
use pii::{Identifier, Kind};

use super::sql::Customer;
use crate::archive::mentions::{self, Mention, NewMention, Owner};
use crate::base::chunks::ChunkSealer;
use crate::base::crypto::Key;
use crate::base::id::{ContentId, IdentifierId, ObjectId};
use crate::base::target::Target;
use crate::content::model::ContentError;
use crate::content::{ContentStore, sql};
use crate::vault::{self, Admission, AppContext, Erasures, Identified, Keyset, Resolved, VaultError};

/// The identifiers that were found in a text.
pub struct NamedMentions<'t> {
    pub record: ContentId,
    /// The number of the first placeholder.
    pub first: i32,
    /// The identifiers of the placeholders from that one on.
    pub found: &'t [Found],
    pub own: &'t Own,
    /// The id of the name, if one was found.
    pub name: Option<IdentifierId>,
}

impl NamedMentions<'_> {
    /// The mentions of the text. A late text of a forgotten customer keeps no identifier, because nobody knows any more
    /// which of its identifiers are the customer's.
    pub async fn identify(
        &self,
        admission: &Admission<'_>,
        customer: &Customer,
    ) -> Result<Vec<NewMention>, VaultError> {
        let own: Vec<Identifier> = identifiers_of(self.own).collect();
        let named = || self.found.iter().filter_map(identifier);
        let all = own.iter().cloned().chain(named()).collect();
        let plan = |erasures: &Erasures| {
            let is_erased = |one: &Identifier| erasures.cover(one, Target::Archive, customer.at);
            let is_forgotten = customer.is_forgotten() || own.iter().any(is_erased);
            let is_kept =
                |one: &Identifier| !(customer.is_forgotten() || is_erased(one) || is_forgotten && own.contains(one));
            (is_forgotten, named().filter(is_kept).collect())
        };
        // The customer's name has an id already, or it has none.
        let Identified { ids, plan: is_forgotten, .. } = admission.identify(&all, plan, |_, _| HashSet::new()).await?;
        let name = self.name.filter(|_| !is_forgotten);
        let mentioned = self.found.iter().zip(self.first..).map(|(found, n)| NewMention {
            record: self.record.0,
            at: customer.at,
            mention: mention(found, n, &ids, name),
        });
        Ok(mentioned.collect())
    }
}

/// Writes the key, then the object.
pub async fn write(
    stores: &AppContext,
    content_store: &ContentStore,
    keyset: &Keyset,
    (object, key): (ObjectId, &Key),
    text: &str,
) -> Result<(), ContentError> {
    let mut tx = stores.vault.write().await?;
    vault::keep_content_key(&mut tx, keyset, object, key).await?;
    tx.commit().await?;
    let mut sealer = ChunkSealer::new(key, &object.place(keyset.tenant))?;
    let mut writing = content_store.objects.create(keyset.tenant, object).await?;
    let mut part = Vec::new();
    for piece in text.as_bytes().chunks(content_store.objects.part()) {
        sealer.push(piece, &mut part)?;
        if part.len() >= content_store.objects.part() {
            writing.put(std::mem::take(&mut part)).await?;
        }
    }
    sealer.finish(&mut part)?;
    writing.put(part).await?;
    Ok(writing.complete().await?)
}

/// Deletes all that was written of a text. The rows are deleted first, because a row needs its key and its object.
pub async fn undo(stores: &AppContext, content_store: &ContentStore, keyset: &Keyset, object: ObjectId) {
    let tenant = keyset.tenant;
    let undone = async {
        let mut tx = stores.archive.write().await?;
        sql::delete(&mut tx, tenant, &[object]).await?;
        mentions::delete(&mut tx, tenant, Owner::Content, &[object.id.0]).await?;
        tx.commit().await?;
        discard(stores, content_store, keyset, object).await
    };
    if let Err(error) = undone.await {
        tracing::warn!(content.id = %object.id, %error, "Cleaning up after a failed upload failed; gc_objects deletes the \
                                                  rest later");
    }
}

/// Deletes an object that no row names, and its key.
pub async fn discard(
    stores: &AppContext,
    content_store: &ContentStore,
    keyset: &Keyset,
    object: ObjectId,
) -> Result<(), ContentError> {
    let mut tx = stores.vault.write().await?;
    vault::drop_content_keys(&mut tx, keyset.tenant, &[object]).await?;
    tx.commit().await?;
    Ok(content_store.objects.delete(keyset.tenant, object).await?)
}

fn identifiers_of(own: &Own) -> impl Iterator<Item = Identifier> {
    let phone = own.phone.clone().map(Identifier::Phone);
    phone.into_iter().chain(own.email.clone().map(Identifier::Email))
}

/// A number or address that a text mentions. The customer's name is found by the number or address.
fn identifier(found: &Found) -> Option<Identifier> {
    match found {
        Found::Phone(phone) => Some(Identifier::Phone(phone.clone())),
        Found::Email(email) => Some(Identifier::Email(email.clone())),
        Found::OwnName => None,
    }
}

fn mention(found: &Found, n: i32, ids: &Resolved, name: Option<IdentifierId>) -> Mention {
    let id = match identifier(found) {
        Some(one) => ids.get(&one).copied(),
        None => name.filter(|_| found.kind() == Kind::Name),
    };
    Mention { n, kind: found.kind(), identifier: id }
}
