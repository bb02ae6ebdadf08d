//! Content on its way in: hashed and sealed as it streams, so that cleartext touches no disk and memory stays constant.
//!
//! The key stays in memory until all bytes have arrived and their digest is right. An upload that breaks off before leaves
//! nothing behind: no key, no row, no object.
//!
//! Recordings of a tenant with a key of its own are encrypted for it before they are sealed (B2): this service cannot open
//! them any more. An attachment is not: it belongs to the case, not to the recorded call.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::header::ObjectHeader;
use super::model::{ContentError, NewContent};
use super::once::{Once, Uploaded};
use super::sealing::{PIECE, Sealed, Sealing, SealingWork, WAITING};
use super::{ContentStore, sql, text};
use crate::base::chunks::ChunkSealer;
use crate::base::content::ContentKind;
use crate::base::crypto::Key;
use crate::base::id::{ContentId, ObjectId, TenantId};
use crate::base::memory::MemoryShare;
use crate::content_rows::Content;
use crate::objects::{ObjectError, Writing};
use crate::outbox;
use crate::recording_keys::{self, Encryptor};
use crate::tenants;
use crate::vault::{self, AppContext, Keyset};

/// An upload in progress. Dropped, it leaves nothing.
pub struct Upload {
    stores: Arc<AppContext>,
    content_store: Arc<ContentStore>,
    keyset: Arc<Keyset>,
    tenant: TenantId,
    object: ObjectId,
    at: DateTime<Utc>,
    new: NewContent,
    key: Key,
    /// The fingerprint of the tenant's own key that it is encrypted for.
    encrypted_for: Option<String>,
    size: u64,
    header: ObjectHeader,
    sealing: Sealing,
    writing: Writing,
    /// The idempotency key of the call.
    once: Option<Arc<Once>>,
    _share: MemoryShare,
}

/// Begins an upload of so many bytes, if its sender knows how many, to an interaction there is. Its customer may have been
/// forgotten, the content belongs to the interaction; but not where a request had the content deleted.
pub async fn begin_upload(
    stores: &Arc<AppContext>,
    content_store: &Arc<ContentStore>,
    tenant: TenantId,
    new: NewContent,
    announced: Option<u64>,
) -> Result<Upload, ContentError> {
    let interaction = text::customer(&mut stores.archive.read().await?, tenant, new.interaction, false).await?;
    let at = interaction.ok_or(ContentError::Unknown)?.admit()?.at;
    // A text is no stream of bytes: see `text`.
    if new.kind.is_text() || !new.media_type.fits(new.kind) {
        return Err(ContentError::Misfit);
    }
    if announced.is_some_and(|size| size > content_store.size_limit) {
        return Err(ContentError::TooLarge(content_store.size_limit));
    }
    let (encrypted_for, encryptor) = encryption(stores, tenant, new.kind).await?.unzip();
    let keyset = stores.keysets.get(&stores.vault, tenant).await?;
    let part = content_store.objects.part();
    let share = stores.memory.arriving(memory_of(part, announced)).await?;
    let (object, key) = (ObjectId::new(ContentId::new()), Key::random()?);
    let sealer = ChunkSealer::new(&key, &object.place(tenant))?;
    let sealing = Sealing::begin(SealingWork { encryptor, sealer, part })?;
    let writing = content_store.objects.create(tenant, object).await?;
    let (stores, content_store, header) = (Arc::clone(stores), Arc::clone(content_store), ObjectHeader::default());
    Ok(Upload {
        stores,
        content_store,
        keyset,
        tenant,
        object,
        at,
        new,
        key,
        encrypted_for,
        size: 0,
        header,
        sealing,
        writing,
        once: None,
        _share: share,
    })
}

/// The memory of an upload: the part that is sealed, the one that is written, and the pieces that wait for either.
fn memory_of(part: usize, announced: Option<u64>) -> u64 {
    let most = 2 * part as u64 + WAITING;
    announced.map_or(most, |size| most.min(2 * size + PIECE as u64))
}

/// The encryptor of content of a kind for the tenant, if there is one (B6). With an expired key, nothing is stored: the
/// content must not be stored in clear, and its sender still has it (B8).
async fn encryption(
    stores: &AppContext,
    tenant: TenantId,
    kind: ContentKind,
) -> Result<Option<(String, Encryptor)>, ContentError> {
    if !kind.is_recording() {
        return Ok(None);
    }
    let settings = tenants::find(&mut stores.archive.read().await?, tenant).await?.settings.recordings;
    if !settings.encrypt || settings.only_encrypt_delivery {
        return Ok(None);
    }
    let Some(key) = recording_keys::find(stores, tenant).await? else { return Ok(None) };
    if key.is_expired(stores.clock.now()) {
        return Err(ContentError::KeyExpired);
    }
    let encryptor = key.encryptor()?;
    Ok(Some((key.fingerprint, encryptor)))
}

impl Upload {
    /// The same upload, whose outcome is written with the idempotency key of its call.
    #[must_use]
    pub fn under(mut self, once: Option<Arc<Once>>) -> Self {
        self.once = once;
        self
    }

    /// Takes the next bytes.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), ContentError> {
        self.size += bytes.len() as u64;
        if self.size > self.content_store.size_limit {
            return Err(ContentError::TooLarge(self.content_store.size_limit));
        }
        self.header.push(bytes);
        if self.header.contradicts(&self.new.media_type) {
            return Err(ContentError::Misfit);
        }
        self.sealing.push(bytes, &mut self.writing).await
    }

    /// Stores what has arrived, if its SHA-256 is the one that was promised.
    pub async fn finish(self, promised: Option<[u8; 32]>) -> Result<Content, ContentError> {
        let Self {
            stores,
            content_store,
            keyset,
            tenant,
            object,
            at,
            new,
            key,
            encrypted_for,
            size,
            header,
            sealing,
            mut writing,
            once,
            _share,
        } = self;
        let Sealed { sha256, size: stored_size } = sealing.finish(&mut writing).await?;
        if promised.is_some_and(|promised| promised != sha256) {
            writing.abort().await?;
            return Err(ContentError::Digest);
        }
        let NewContent { interaction, kind, media_type, sensitivity } = new;
        let content = Content {
            id: object.id,
            generation: object.generation,
            interaction,
            kind,
            media_type: media_type.as_str().to_owned(),
            size,
            sha256: Some(sha256),
            sensitivity,
            encrypted_for,
            stored_size,
            duration_ms: header.duration_ms(size),
            at,
            created_at: stores.clock.now(),
        };
        let storing = Storing { stores, content_store, keyset, tenant, key, content, once };
        // From here on, the upload is completed even if the caller has disconnected.
        tokio::spawn(storing.run(writing)).await.map_err(|_| ContentError::Stopped)?
    }

    /// Leaves nothing of what has arrived.
    pub async fn abandon(self) -> Result<(), ObjectError> {
        self.writing.abort().await
    }
}

/// An upload all of whose bytes are there.
struct Storing {
    stores: Arc<AppContext>,
    content_store: Arc<ContentStore>,
    keyset: Arc<Keyset>,
    tenant: TenantId,
    key: Key,
    content: Content,
    once: Option<Arc<Once>>,
}

impl Storing {
    async fn run(mut self, writing: Writing) -> Result<Content, ContentError> {
        let stored = self.store(writing).await;
        if stored.is_err() {
            self.undo().await;
        }
        stored.map(|()| self.content)
    }

    async fn store(&mut self, writing: Writing) -> Result<(), ContentError> {
        let mut tx = self.stores.vault.write().await?;
        vault::keep_content_key(&mut tx, &self.keyset, self.content.object(), &self.key).await?;
        tx.commit().await?;
        writing.complete().await?;
        let mut tx = self.stores.archive.write().await?;
        // No other transaction changes the interaction until the row is written: a new date of an interaction also changes
        // its content, and an interaction that a pass has closed accepts none.
        let interaction = text::customer(&mut tx, self.tenant, self.content.interaction, true).await?;
        self.content.at = interaction.ok_or(ContentError::Unknown)?.admit()?.at;
        sql::insert(&mut tx, self.tenant, &self.content, None).await?;
        if self.content.kind.is_recording() {
            let Content { id, interaction, created_at, .. } = self.content;
            outbox::enqueue(&mut tx, self.tenant, id, interaction, created_at).await?;
        }
        if let Some(once) = &self.once {
            once.settle(&mut tx, &Uploaded { id: self.content.id, dropped: 0 }).await?;
        }
        tx.commit().await?;
        self.once.iter().for_each(|once| once.end());
        Ok(())
    }

    /// Deletes what was written. The row comes first, because a row must always have its key and its object.
    async fn undo(&self) {
        let object = self.content.object();
        let undone = async {
            let mut tx = self.stores.archive.write().await?;
            sql::delete(&mut tx, self.tenant, &[object]).await?;
            outbox::cancel(&mut tx, self.tenant, &[self.content.id], self.stores.clock.now()).await?;
            tx.commit().await?;
            let mut tx = self.stores.vault.write().await?;
            vault::drop_content_keys(&mut tx, self.tenant, &[object]).await?;
            tx.commit().await?;
            self.content_store.objects.delete(self.tenant, object).await?;
            Ok::<_, ContentError>(())
        };
        if let Err(error) = undone.await {
            tracing::warn!(content.id = %self.content.id, %error, "Cleaning up after a failed upload failed; \
                                                                   gc_objects deletes the rest later");
        }
    }
}
