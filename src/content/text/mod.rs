//! Texts of interactions: chat logs, transcripts, comments, and analyses. They are stored without any identifier (D6).
//!
//! A text is collected in memory, checked, and tokenized before any of it is written. The identifiers of its placeholders are
//! written to the vault and to mentions, by the same admission as records. The tokenized text is an object. Forgetting does
//! not rewrite it, because the pass unlinks its mentions. Only a text whose interaction learns its customer later gets
//! an object of another generation, in `rescan.rs`.

pub mod attempts;
mod keeping;
mod newest;
mod reading;
mod rescan;
mod sql;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use pii::Region;
use pii::text::document::{Case, Document, DocumentError, Format, tokenize};
use pii::text::{Own, Patterns};
use tokio::sync::Mutex;

use super::model::{ContentError, NewContent};
use super::once::{Once, Uploaded};
use super::{ContentStore, own_of};
use crate::archive::forgotten;
use crate::archive::mentions::{self, Owner};
use crate::base::crypto::{Key, sha256};
use crate::base::id::{ContentId, IdentifierId, ObjectId, TenantId};
use crate::base::memory::MemoryShare;
use crate::content_rows::Content;
use crate::store::{Archive, StoreError, Tx};
use crate::tenants;
use crate::vault::{Admission, AppContext, Keyset, admit};

use keeping::{NamedMentions, undo, write};
pub use newest::{adopt_newest, find_replaced};
pub use reading::{RenderedText, ShownRange, TextValues, show_text, text_with};
pub use rescan::rescan;
use sql::Customer;
pub(super) use sql::customer;

/// The longest text, in bytes. A text is parsed in memory.
pub const LONGEST: u64 = 16 << 20;

/// The memory that a text takes before more of it has arrived, in bytes. A slow sender takes no more than that.
const STEP: u64 = 1 << 20;

/// An upload of a text. It leaves nothing if it is dropped.
pub struct TextUpload {
    stores: Arc<AppContext>,
    content_store: Arc<ContentStore>,
    tenant: TenantId,
    region: Region,
    patterns: Patterns,
    new: NewContent,
    format: Format,
    limit: u64,
    bytes: Vec<u8>,
    share: MemoryShare,
    /// The bytes that the share covers.
    drawn: u64,
    /// The idempotency key of the call.
    once: Option<Arc<Once>>,
    announced: Option<u64>,
}

/// Begins the upload of a text of an existing interaction. The announced length may be unknown.
pub async fn begin_text(
    stores: &Arc<AppContext>,
    content_store: &Arc<ContentStore>,
    tenant: TenantId,
    new: NewContent,
    announced: Option<u64>,
) -> Result<TextUpload, ContentError> {
    let mut tx = stores.archive.read().await?;
    sql::customer(&mut tx, tenant, new.interaction, false).await?.ok_or(ContentError::Unknown)?.admit()?;
    let owner = tenants::find(&mut tx, tenant).await?;
    drop(tx);
    let (region, patterns) = (owner.region, owner.settings.patterns());
    let format = Format::of(new.media_type.as_str()).filter(|_| new.kind.is_text()).ok_or(ContentError::Misfit)?;
    let limit = LONGEST.min(content_store.size_limit).min(stores.memory.longest_text());
    if announced.is_some_and(|size| size > limit) {
        return Err(ContentError::TooLarge(limit));
    }
    let drawn = announced.unwrap_or(limit).min(STEP).min(limit);
    let share = stores.memory.arriving(drawn).await?;
    let bytes = Vec::with_capacity(usize::try_from(drawn).unwrap_or_default());
    let (stores, content_store) = (Arc::clone(stores), Arc::clone(content_store));
    Ok(TextUpload {
        stores,
        content_store,
        tenant,
        region,
        patterns,
        new,
        format,
        limit,
        bytes,
        share,
        drawn,
        announced,
        once: None,
    })
}

impl TextUpload {
    /// The same upload, whose outcome is written with the idempotency key of its call.
    #[must_use]
    pub fn under(mut self, once: Option<Arc<Once>>) -> Self {
        self.once = once;
        self
    }

    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), ContentError> {
        let size = (self.bytes.len() + bytes.len()) as u64;
        if size > self.limit {
            return Err(ContentError::TooLarge(self.limit));
        }
        if size > self.drawn {
            // The share is for the whole text, so that no two texts wait for each other's rest.
            let whole = self.announced.unwrap_or(self.limit).max(size);
            self.share = self.stores.memory.text(whole).await?;
            self.drawn = whole;
            self.bytes.reserve_exact(usize::try_from(self.drawn).unwrap_or(usize::MAX) - self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Stores the text without its identifiers, if it has the promised SHA-256. The result has that SHA-256. It is not stored
    /// if any part of the text was replaced, because a short text can be guessed from it. The result also has the number
    /// of parts of a message that were dropped.
    pub async fn finish(self, promised: Option<[u8; 32]>) -> Result<(Content, usize), ContentError> {
        let Self { stores, content_store, tenant, region, patterns, new, format, bytes, share, once, .. } = self;
        let sha256 = sha256(&bytes);
        if promised.is_some_and(|promised| promised != sha256) {
            return Err(ContentError::Digest);
        }
        let keyset = stores.keysets.get(&stores.vault, tenant).await?;
        let (bytes, prepared) = (Arc::new(bytes), Mutex::default());
        let storing = StoringText {
            stores,
            content_store,
            keyset,
            region,
            patterns,
            new,
            format,
            bytes,
            sha256,
            prepared,
            once,
            _share: share,
        };
        // The text is stored even if the caller does not wait any more.
        tokio::spawn(storing.run()).await.map_err(|_| ContentError::Stopped)?
    }
}

/// A text that has arrived completely.
struct StoringText {
    stores: Arc<AppContext>,
    content_store: Arc<ContentStore>,
    keyset: Arc<Keyset>,
    region: Region,
    patterns: Patterns,
    new: NewContent,
    format: Format,
    bytes: Arc<Vec<u8>>,
    sha256: [u8; 32],
    /// The result of the attempts before.
    prepared: Mutex<Option<Prepared>>,
    once: Option<Arc<Once>>,
    _share: MemoryShare,
}

/// The text as it is for one customer, with its object and the key of that.
struct Prepared {
    customer: Customer,
    own: Own,
    document: Document,
    object: ObjectId,
    key: Key,
    /// Whether a part of the object may have been written, and whether all of it was.
    is_begun: bool,
    is_written: bool,
    _share: MemoryShare,
}

impl StoringText {
    async fn run(self) -> Result<(Content, usize), ContentError> {
        let stored = admit(&self.stores, self.keyset.tenant, |admission, tx| self.attempt(admission, tx)).await;
        if stored.is_err() {
            self.undo(self.prepared.lock().await.take()).await;
        }
        stored
    }

    async fn attempt(&self, admission: Admission<'_>, mut tx: Tx<Archive>) -> Result<(Content, usize), ContentError> {
        let tenant = self.keyset.tenant;
        let customer = sql::customer(&mut tx, tenant, self.new.interaction, false).await?;
        drop(tx);
        let customer = customer.ok_or(ContentError::Unknown)?.admit()?;
        let mut kept = self.prepared.lock().await;
        let prepared = if let Some(prepared) = kept.take_if(|prepared| prepared.customer.is_same(&customer)) {
            kept.insert(prepared)
        } else {
            // An object that was written for another customer is of no use to this one.
            self.undo(kept.take()).await;
            kept.insert(self.prepare(customer.clone()).await?)
        };
        let named = NamedMentions {
            record: prepared.object.id,
            first: 0,
            found: &prepared.document.mentions,
            own: &prepared.own,
            name: customer.name_id,
        };
        let mentioned = named.identify(&admission, &customer).await?;
        if !prepared.is_written {
            prepared.is_begun = true;
            let Prepared { object, key, document, .. } = &*prepared;
            write(&self.stores, &self.content_store, &self.keyset, (*object, key), &document.text).await?;
            prepared.is_written = true;
        }
        let content = self.content(&customer, prepared);
        let mut tx = admission.enter().await?;
        if sql::customer(&mut tx, tenant, self.new.interaction, true).await? != Some(customer) {
            return Err(StoreError::Contended.into());
        }
        let keyed = super::keyed_sha256(&self.keyset, self.sha256);
        super::sql::insert(&mut tx, tenant, &content, Some(keyed)).await?;
        mentions::insert(&mut tx, tenant, Owner::Content, &mentioned).await?;
        if let Some(once) = &self.once {
            let dropped = prepared.document.dropped;
            once.settle(&mut tx, &Uploaded { id: content.id, dropped }).await?;
        }
        tx.commit().await?;
        self.once.iter().for_each(|once| once.end());
        Ok((Content { sha256: Some(self.sha256), ..content }, prepared.document.dropped))
    }

    /// Tokenizes the text for a customer.
    async fn prepare(&self, customer: Customer) -> Result<Prepared, ContentError> {
        let own = own_of(&self.stores, &self.keyset, customer.held()).await?;
        let case = Case {
            region: self.region,
            own: own.clone(),
            forgotten: customer.is_forgotten(),
            stored: false,
            patterns: self.patterns.clone(),
        };
        let (format, bytes) = (self.format, Arc::clone(&self.bytes));
        let longest = format.longest(&bytes) as u64;
        let share = self.stores.memory.analysis_of_longer(self.bytes.len() as u64, longest).await?;
        let document = at_work(move || tokenize(format, &bytes, &case)).await??;
        Ok(Prepared {
            customer,
            own,
            document,
            object: ObjectId::new(ContentId::new()),
            key: Key::random()?,
            is_begun: false,
            is_written: false,
            _share: share,
        })
    }

    fn content(&self, customer: &Customer, prepared: &Prepared) -> Content {
        let NewContent { interaction, kind, media_type, sensitivity } = self.new.clone();
        // The length of what came would tell that of a forgotten identifier.
        let is_replaced = prepared.document.is_replaced;
        let size = if is_replaced { prepared.document.text.len() } else { self.bytes.len() } as u64;
        Content {
            id: prepared.object.id,
            generation: prepared.object.generation,
            interaction,
            kind,
            media_type: media_type.as_str().to_owned(),
            size,
            sha256: Some(self.sha256).filter(|_| !is_replaced),
            sensitivity,
            encrypted_for: None,
            stored_size: prepared.document.text.len() as u64,
            duration_ms: None,
            at: customer.at,
            created_at: self.stores.clock.now(),
        }
    }

    async fn undo(&self, prepared: Option<Prepared>) {
        if let Some(Prepared { object, is_begun: true, .. }) = prepared {
            undo(&self.stores, &self.content_store, &self.keyset, object).await;
        }
    }
}

/// Runs long work off the threads that serve calls.
async fn at_work<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ContentError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| if error.is_panic() { ContentError::Panicked } else { ContentError::Stopped })
}

impl Customer {
    /// Fails if a request has deleted the content of the interaction.
    pub(super) const fn admit(self) -> Result<Self, ContentError> {
        match self.aged {
            Some(_) => Err(ContentError::Aged),
            None if self.forgotten & forgotten::CONTENT != 0 => Err(ContentError::Forgotten),
            None => Ok(self),
        }
    }

    const fn is_forgotten(&self) -> bool {
        self.forgotten & forgotten::CUSTOMER != 0
    }

    /// Whether a text is the same for both. Only the time may differ.
    fn is_same(&self, other: &Self) -> bool {
        Self { at: other.at, ..self.clone() } == *other
    }

    fn held(&self) -> impl Iterator<Item = IdentifierId> + use<> {
        [self.phone_id, self.email_id, self.name_id].into_iter().flatten()
    }
}

impl From<DocumentError> for ContentError {
    fn from(broken: DocumentError) -> Self {
        Self::DocumentError(broken)
    }
}
