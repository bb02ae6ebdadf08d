//! Content on its way out: a range of it, opened chunk by chunk, after the audit log knows of it.

use std::ops::Range;

use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use serde_json::json;

use super::ContentStore;
use super::model::{Content, ContentError, place};
use crate::audit::{self, Action, Entry, Grant};
use crate::base::actor::Actor;
use crate::base::chunks::{CHUNK, ChunkLayout, Opener, SEALED_CHUNK};
use crate::base::id::TenantId;
use crate::objects::ObjectError;
use crate::vault::{self, AppContext, Keyset};

/// How and why somebody reads content, for the audit log.
#[derive(Clone, Debug)]
pub struct Access {
    pub action: Action,
    /// Why, as the caller stated it, without identifiers.
    pub reason: Option<String>,
    pub by_ticket: bool,
}

/// Opens a range of content. The bytes come after the audit row was committed; the first of them are opened before this
/// answers, so that what was altered or is gone is an error and no broken answer.
pub async fn open(
    stores: &AppContext,
    shelf: &ContentStore,
    actor: &Actor,
    content: &Content,
    access: Access,
    range: Range<u64>,
) -> Result<Reading, ContentError> {
    let Access { action, reason, by_ticket } = access;
    let detail = json!({
        "content_id": content.id, "interaction_id": content.interaction, "kind": content.kind,
        "sensitivity": content.sensitivity, "from": range.start, "to": range.end, "ticket": by_ticket,
    });
    let entry = Entry::new(action, 1, detail).purpose(reason);
    let grant = audit::commit(stores.archive.write().await?, stores.clock, actor, &entry).await?;
    read(stores, shelf, actor.tenant, content, range, &grant).await
}

/// The bytes of a range of content, for whoever has a committed audit row of it.
pub async fn read(
    stores: &AppContext,
    shelf: &ContentStore,
    tenant: TenantId,
    content: &Content,
    range: Range<u64>,
    _: &Grant,
) -> Result<Reading, ContentError> {
    let keyset = stores.keysets.get(&stores.vault, tenant).await?;
    opened(stores, shelf, &keyset, content, range).await
}

/// The bytes of a range of content, for this service itself: nobody is shown them.
pub(super) async fn opened(
    stores: &AppContext,
    shelf: &ContentStore,
    keyset: &Keyset,
    content: &Content,
    range: Range<u64>,
) -> Result<Reading, ContentError> {
    let tenant = keyset.tenant;
    let key = vault::content_key(&mut stores.vault.read().await?, keyset, content.object).await?;
    // The row of content whose deletion was broken off: its bytes are gone already.
    let key = key.ok_or(ContentError::Unknown)?;
    let layout = ChunkLayout { size: content.stored_size };
    let mut reading = Reading {
        opener: Opener::new(&key, &place(tenant, content.object), content.stored_size)?,
        stream: shelf.objects.read(tenant, content.object, layout.sealed_range(&range)).await?,
        waiting: Vec::with_capacity(2 * SEALED_CHUNK),
        number: layout.chunk_of(range.start),
        skip: usize::try_from(range.start % CHUNK as u64).unwrap_or_default(),
        left: range.end - range.start,
        first: None,
    };
    reading.first = reading.chunk().await?;
    Ok(reading)
}

/// A range of content on its way out.
pub struct Reading {
    opener: Opener,
    stream: BoxStream<'static, Result<Vec<u8>, ObjectError>>,
    waiting: Vec<u8>,
    number: u64,
    /// How much of the next chunk lies before the range.
    skip: usize,
    left: u64,
    first: Option<Vec<u8>>,
}

impl Reading {
    /// The next bytes; `None` after the last.
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
