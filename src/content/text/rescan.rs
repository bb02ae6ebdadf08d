//! Rescans of texts whose interaction learned its customer after they were stored.
//!
//! Ingest notes the identifiers for which a text still has to be searched. The pass rescans such texts before it forgets
//! anybody, and a reader's call rescans its text first. Found identifiers become placeholders, and the text gets an
//! object of another generation under another key. Then the object before and its key are deleted.

use std::collections::HashMap;

use pii::Identifier;
use pii::text::document::{Case, DocumentError, Format, tokenize_again};
use pii::text::{Own, Patterns, next_number};

use super::keeping::{NamedMentions, discard, write};
use super::newest::adopt_newest;
use super::sql::{self, Customer};
use super::{LONGEST, at_work, attempts};
use crate::archive::mentions::{self, NewMention, Owner};
use crate::base::crypto::{CryptoError, Key};
use crate::base::id::{ContentId, IdentifierId, ObjectId, TenantId};
use crate::content::model::ContentError;
use crate::content::reading::opened;
use crate::content::{ContentStore, own_of, sql as contents};
use crate::content_rows::Content;
use crate::objects::ObjectError;
use crate::store::{Archive, StoreError, Tx};
use crate::tenants;
use crate::vault::{self, Admission, AppContext, Keyset, admit};

/// Searches a text for the identifiers that were noted for it. It returns whether the text was there. A text that would
/// fail again is not tried any more.
pub async fn rescan(
    stores: &AppContext,
    content_store: &ContentStore,
    tenant: TenantId,
    text: ContentId,
) -> Result<bool, ContentError> {
    let keyset = stores.keysets.get(&stores.vault, tenant).await?;
    let rescan = Rescan { stores, content_store, keyset: &keyset, text };
    let read = admit(stores, tenant, |admission, tx| rescan.attempt(admission, tx)).await;
    let Some(reason) = read.as_ref().err().and_then(ContentError::reason) else { return read };
    if !matches!(read, Err(ContentError::Unreadable(_))) {
        let mut tx = stores.archive.write().await?;
        attempts::fail(&mut tx, tenant, text, reason, stores.clock.now()).await?;
        tx.commit().await?;
    }
    Err(ContentError::Unreadable(reason))
}

struct Rescan<'r> {
    stores: &'r AppContext,
    content_store: &'r ContentStore,
    keyset: &'r Keyset,
    text: ContentId,
}

/// A text after its rescan.
struct Rescanned {
    text: String,
    mentions: Vec<NewMention>,
    is_replaced: bool,
}

/// The identifiers for which a text has to be searched.
struct PendingRescan {
    own: Own,
    /// The id of the name, if there is one.
    name: Option<IdentifierId>,
}

impl Rescan<'_> {
    async fn attempt(&self, admission: Admission<'_>, mut tx: Tx<Archive>) -> Result<bool, ContentError> {
        let (stores, tenant, id) = (self.stores, self.keyset.tenant, self.text);
        let wanted = sql::pending_of(&mut tx, tenant, id).await?;
        if wanted.is_empty() {
            return Ok(true);
        }
        if let Some(reason) = attempts::reason(&mut tx, tenant, id).await? {
            return Err(ContentError::Unreadable(reason));
        }
        let content = contents::by_id(&mut tx, tenant, id).await?;
        let Some(content) = content else { return self.settle(None, &wanted, "done").await };
        let object = content.object();
        let customer = sql::customer(&mut tx, tenant, content.interaction, false).await?;
        let Some(customer) = customer else { return self.settle(Some(object), &wanted, "done").await };
        let known = mentions::of(&mut tx, tenant, Owner::Content, &[id.0]).await?.remove(&id.0);
        drop(tx);
        let known = known.into_iter().flatten().map(|mention| mention.n + 1).max().unwrap_or(0);
        let _bytes = self.stores.memory.text(content.stored_size).await?;
        // Placeholders make a text longer, but they are not searched again.
        let _work = self.stores.memory.analysis(content.stored_size.min(LONGEST)).await?;
        let stored = match self.stored(&content).await {
            // The row is there, but its key is not: the archive was restored and names the object from before a rescan,
            // or the deletion of the text was interrupted.
            Err(ContentError::Unknown) => {
                if adopt_newest(stores, self.content_store, tenant, &[object]).await?.is_empty() {
                    return self.settle(Some(object), &wanted, "done").await;
                }
                return Err(StoreError::Contended.into());
            }
            // The object is lost or was altered. Nobody can read it until it is restored from a backup.
            Err(ContentError::Object(ObjectError::Missing) | ContentError::Crypto(CryptoError::Unopened)) => {
                return self.settle(Some(object), &wanted, "missing").await;
            }
            stored => stored?,
        };
        // After a restore, a text may have placeholders whose mentions are lost. Their numbers are not given again.
        let first = known.max(i32::try_from(next_number(&stored)).unwrap_or(i32::MAX));
        let rescanned = self.read(&admission, (&content, &customer), stored, first, &wanted).await?;
        if !rescanned.is_replaced {
            return self.settle(Some(object), &wanted, "done").await;
        }
        let (new, key) = (ObjectId::new(id), Key::random()?);
        let replaced = match write(stores, self.content_store, self.keyset, (new, &key), &rescanned.text).await {
            Ok(()) => self.replace(&admission, (&content, &customer), (new, &rescanned), &wanted).await,
            Err(error) => Err(error),
        };
        let left = if replaced.is_ok() { object } else { new };
        // After an error, the row decides which of the two objects is left over.
        let is_in_use = replaced.is_err() && self.object(&mut stores.archive.read().await?).await? == Some(new);
        if !is_in_use && let Err(error) = discard(stores, self.content_store, self.keyset, left).await {
            tracing::warn!(content.id = %id, %error, "Deleting the old object of a text failed; gc_objects deletes \
                                                        it later, and it is unreadable");
        }
        replaced.map(|()| true)
    }

    /// The object that the row names now.
    async fn object(&self, tx: &mut Tx<Archive>) -> Result<Option<ObjectId>, ContentError> {
        Ok(contents::by_id(tx, self.keyset.tenant, self.text).await?.map(|content| content.object()))
    }

    async fn stored(&self, content: &Content) -> Result<String, ContentError> {
        let mut reading = opened(self.stores, self.content_store, self.keyset, content, 0..content.stored_size).await?;
        let mut stored = Vec::with_capacity(usize::try_from(content.stored_size).unwrap_or_default());
        while let Some(bytes) = reading.next().await? {
            stored.extend_from_slice(&bytes);
        }
        String::from_utf8(stored).map_err(|error| DocumentError::NotUtf8(error.utf8_error().valid_up_to()).into())
    }

    /// Searches the text for every customer that it is to be searched for.
    async fn read(
        &self,
        admission: &Admission<'_>,
        (content, customer): (&Content, &Customer),
        mut text: String,
        mut first: i32,
        wanted: &[IdentifierId],
    ) -> Result<Rescanned, ContentError> {
        let (stores, tenant) = (self.stores, self.keyset.tenant);
        let format = Format::of(&content.media_type).ok_or_else(|| broken(content, "media_type"))?;
        let region = tenants::find(&mut stores.archive.read().await?, tenant).await?.region;
        let (mut mentions, mut is_replaced) = (Vec::new(), false);
        for PendingRescan { own, name } in self.pending(customer, wanted).await? {
            let case = Case {
                region,
                own: own.clone(),
                forgotten: customer.is_forgotten(),
                stored: true,
                patterns: Patterns::default(),
            };
            let number = usize::try_from(first).unwrap_or_default();
            let document = at_work(move || tokenize_again(format, text, number, &case)).await??;
            let named = NamedMentions { record: content.id, first, found: &document.mentions, own: &own, name };
            let found = named.identify(admission, customer).await?;
            first = found.iter().map(|new| new.mention.n + 1).max().unwrap_or(first);
            mentions.extend(found);
            is_replaced |= document.is_replaced;
            text = document.text;
        }
        Ok(Rescanned { text, mentions, is_replaced })
    }

    /// The interaction's customer as it is now, and then every other identifier by itself.
    async fn pending(&self, customer: &Customer, wanted: &[IdentifierId]) -> Result<Vec<PendingRescan>, ContentError> {
        let held: Vec<IdentifierId> = customer.held().collect();
        let mut sought = Vec::new();
        if wanted.iter().any(|id| held.contains(id)) {
            let own = own_of(self.stores, self.keyset, held.iter().copied()).await?;
            sought.push(PendingRescan { own, name: customer.name_id });
        }
        let others = wanted.iter().copied().filter(|id| !held.contains(id));
        let mut tx = self.stores.vault.read().await?;
        let others: HashMap<IdentifierId, Identifier> = vault::open(&mut tx, self.keyset, others).await?;
        sought.extend(others.into_iter().map(|(id, identifier)| match identifier {
            Identifier::Phone(phone) => PendingRescan { own: Own { phone: Some(phone), ..Own::default() }, name: None },
            Identifier::Email(email) => PendingRescan { own: Own { email: Some(email), ..Own::default() }, name: None },
            Identifier::Name { name, .. } => {
                PendingRescan { own: Own { name: Some(name), ..Own::default() }, name: Some(id) }
            }
        }));
        Ok(sought)
    }

    /// Replaces the object of the text.
    async fn replace(
        &self,
        admission: &Admission<'_>,
        (content, customer): (&Content, &Customer),
        (new, rescanned): (ObjectId, &Rescanned),
        wanted: &[IdentifierId],
    ) -> Result<(), ContentError> {
        let tenant = self.keyset.tenant;
        let mut tx = admission.enter().await?;
        let now = sql::customer(&mut tx, tenant, content.interaction, true).await?;
        if now.as_ref() != Some(customer) {
            return Err(StoreError::Contended.into());
        }
        let size = i64::try_from(rescanned.text.len()).map_err(|_| broken(content, "stored_size"))?;
        if sql::replace(&mut tx, tenant, content.object(), new.generation, size).await? == 0 {
            return Err(StoreError::Contended.into());
        }
        mentions::insert(&mut tx, tenant, Owner::Content, &rescanned.mentions).await?;
        sql::note_state(&mut tx, tenant, content.id, wanted, "done").await?;
        attempts::end(&mut tx, tenant, &[content.id]).await?;
        Ok(tx.commit().await?)
    }

    /// Notes that there is nothing more to do for now. It returns whether the text was there to be read. A text that got
    /// another object meanwhile begins again, because that object was searched for other identifiers.
    async fn settle(
        &self,
        object: Option<ObjectId>,
        wanted: &[IdentifierId],
        state: &'static str,
    ) -> Result<bool, ContentError> {
        let mut tx = self.stores.archive.write().await?;
        if self.object(&mut tx).await? != object {
            return Err(StoreError::Contended.into());
        }
        sql::note_state(&mut tx, self.keyset.tenant, self.text, wanted, state).await?;
        attempts::end(&mut tx, self.keyset.tenant, &[self.text]).await?;
        tx.commit().await?;
        Ok(state == "done")
    }
}

fn broken(content: &Content, column: &str) -> ContentError {
    StoreError::Inconsistent(format!("contents.{column} of {}", content.id)).into()
}
