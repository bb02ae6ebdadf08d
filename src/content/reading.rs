//! Reads a range of content, chunk by chunk, after the read is in the audit log.

use std::ops::Range;

use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use serde_json::json;

use super::ContentStore;
use super::model::ContentError;
use crate::audit::{self, Action, Entry, Grant};
use crate::base::actor::Actor;
use crate::base::chunks::{CHUNK, ChunkLayout, Opener, SEALED_CHUNK};
use crate::base::id::TenantId;
use crate::content_rows::Content;
use crate::objects::ObjectError;
use crate::vault::{self, AppContext, Keyset};

/// The action and the purpose of a read, for the audit log.
#[derive(Clone, Debug)]
pub struct Access {
    pub action: Action,
    /// The reason that the caller stated, without identifiers.
    pub reason: Option<String>,
    pub by_ticket: bool,
}

/// Opens a range of content after the audit row is committed. The first bytes are opened before this function returns,
/// so that altered or deleted bytes are an error and not a broken response.
pub async fn open(
    stores: &AppContext,
    content_store: &ContentStore,
    actor: &Actor,
    content: &Content,
    access: Access,
    range: Range<u64>,
) -> Result<ContentReading, ContentError> {
    let Access { action, reason, by_ticket } = access;
    let detail = json!({
        "content_id": content.id, "kind": content.kind,
        "sensitivity": content.sensitivity, "from": range.start, "to": range.end, "ticket": by_ticket,
    });
    let entry = Entry::new(action, 1, detail).of_interaction(content.interaction).purpose(reason);
    let grant = audit::commit(stores.archive.write_brief().await?, stores.clock, actor, &entry).await?;
    read(stores, content_store, actor.tenant, content, range, &grant).await
}

/// The bytes of a range of content, under the grant of a committed audit row.
pub async fn read(
    stores: &AppContext,
    content_store: &ContentStore,
    tenant: TenantId,
    content: &Content,
    range: Range<u64>,
    _: &Grant,
) -> Result<ContentReading, ContentError> {
    let keyset = stores.keysets.get(&stores.vault, tenant).await?;
    opened(stores, content_store, &keyset, content, range).await
}

/// The bytes of a range of content, for this service itself. No caller sees them.
pub(super) async fn opened(
    stores: &AppContext,
    content_store: &ContentStore,
    keyset: &Keyset,
    content: &Content,
    range: Range<u64>,
) -> Result<ContentReading, ContentError> {
    let tenant = keyset.tenant;
    let key = vault::content_key(&mut stores.vault.read().await?, keyset, content.object()).await?;
    // The deletion of this content was interrupted: the row exists, and the key is already deleted.
    let key = key.ok_or(ContentError::Unknown)?;
    let layout = ChunkLayout { size: content.stored_size };
    let mut reading = ContentReading {
        opener: Opener::new(&key, &content.object().place(tenant), content.stored_size)?,
        stream: content_store.objects.read(tenant, content.object(), layout.sealed_range(&range)).await?,
        waiting: Vec::with_capacity(2 * SEALED_CHUNK),
        number: layout.chunk_of(range.start),
        skip: usize::try_from(range.start % CHUNK as u64).unwrap_or_default(),
        left: range.end - range.start,
        first: None,
    };
    reading.first = reading.chunk().await?;
    Ok(reading)
}

/// A range of content that is being read.
pub struct ContentReading {
    opener: Opener,
    stream: BoxStream<'static, Result<Vec<u8>, ObjectError>>,
    waiting: Vec<u8>,
    number: u64,
    /// The bytes of the next chunk that are before the range.
    skip: usize,
    left: u64,
    first: Option<Vec<u8>>,
}

impl ContentReading {
    /// The next bytes. Returns `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ContentError> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.chunk().await,
        }
    }

    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, ContentError> {
        if self.left == 0 {
            return Ok(None);
        }
        while self.waiting.len() < SEALED_CHUNK
            && let Some(bytes) = self.stream.try_next().await?
        {
            self.waiting.extend_from_slice(&bytes);
        }
        let later = self.waiting.split_off(self.waiting.len().min(SEALED_CHUNK));
        let mut chunk = std::mem::replace(&mut self.waiting, later);
        self.opener.open(self.number, &mut chunk)?;
        self.number += 1;
        chunk.drain(..std::mem::take(&mut self.skip).min(chunk.len()));
        chunk.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= chunk.len() as u64;
        Ok(Some(chunk))
    }
}
