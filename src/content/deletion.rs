//! Deletion: first the key, then the row with its audit row, then the object (C2, C3).
//!
//! With the key gone the bytes are unreadable in every copy, so an object that the store does not delete is left to
//! the pass. Every step can be repeated.

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::model::{ContentError, Deleted, deletes_sensitive};
use super::removal::{publish_deleted, remove_rows, traces};
use super::{ContentStore, Sensitivity, sql};
use crate::archive::held;
use crate::audit::{self, Action, Entry};
use crate::base::actor::{Actor, Scope};
use crate::base::content::ContentKind;
use crate::base::id::{ContentId, JournalId, ObjectId, RecordId};
use crate::base::target::Target;
use crate::journal;
use crate::store::StoreError;
use crate::vault::{self, AppContext, Contended as _};

/// The number of interactions of a batch that succeed or fail together.
const INTERACTIONS: usize = 50;

/// How many pieces of content one transaction deletes.
const PAGE: u32 = 500;

/// How many objects are deleted at a time.
const AT_ONCE: usize = 8;

/// How often the deletion of one piece begins again because the piece changed meanwhile.
const ATTEMPTS: u32 = 20;

/// How long a batch keeps its place before it must renew it.
const TURN: TimeDelta = TimeDelta::seconds(60);

pub async fn delete(
    stores: &Arc<AppContext>,
    content_store: &Arc<ContentStore>,
    actor: &Actor,
    id: ContentId,
) -> Result<(), ContentError> {
    let deletion =
        Deletion { stores: Arc::clone(stores), content_store: Arc::clone(content_store), actor: actor.clone() };
    // The deletion is completed even if the caller has disconnected.
    let deleted = tokio::spawn(async move { deletion.remove_one(id).await }).await;
    deleted.map_err(|_| ContentError::Stopped)?
}

/// Deletes the content of some interactions, of some kinds or of all. An interaction that is unknown or has none is no
/// failure. One batch at a time for a tenant.
pub async fn delete_batch(
    stores: &Arc<AppContext>,
    content_store: &Arc<ContentStore>,
    actor: &Actor,
    interactions: Vec<RecordId>,
    kinds: Option<Vec<ContentKind>>,
) -> Result<Deleted, ContentError> {
    let batch = ContentId::new();
    let now = stores.clock.now();
    let mut tx = stores.archive.write().await?;
    if sql::take_batch(&mut tx, actor.tenant, batch, now, now + TURN).await? == 0 {
        return Err(ContentError::Busy);
    }
    tx.commit().await?;
    let deletion =
        Deletion { stores: Arc::clone(stores), content_store: Arc::clone(content_store), actor: actor.clone() };
    let run = async move {
        let deleted = deletion.run(batch, &interactions, kinds.as_deref()).await;
        if let Err(error) = deletion.leave(batch).await {
            tracing::warn!(%error, "Releasing the lock of a batch failed; it ends after a minute");
        }
        deleted
    };
    tokio::spawn(run).await.map_err(|_| ContentError::Stopped)?
}

/// Deletes content that an object of the journal lists, because a killed process or a restore has left it.
pub async fn delete_again(
    stores: &Arc<AppContext>,
    content_store: &Arc<ContentStore>,
    actor: &Actor,
    journaled: JournalId,
    ids: &[ContentId],
) -> Result<u64, ContentError> {
    let objects = sql::objects(&mut stores.archive.read().await?, actor.tenant, ids).await?;
    let mut tx = stores.vault.write().await?;
    vault::drop_keys_of_contents(&mut tx, actor.tenant, ids).await?;
    tx.commit().await?;
    let deletion =
        Deletion { stores: Arc::clone(stores), content_store: Arc::clone(content_store), actor: actor.clone() };
    let deleted = deleted(json!({ "because": "journal", "content_ids": ids }));
    deletion.remove_journaled(objects, deleted, Some(journaled)).await
}

struct Deletion {
    stores: Arc<AppContext>,
    content_store: Arc<ContentStore>,
    actor: Actor,
}

/// The audit row of deleted content. The number of pieces is known at the end.
const fn deleted(detail: Value) -> Entry {
    Entry::new(Action::ContentDeleted, 0, detail)
}

impl Deletion {
    /// Deletes one piece. A text that is rescanned meanwhile has another object, and a transaction may lose against the rescan:
    /// in both cases the piece is looked up once more.
    async fn remove_one(&self, id: ContentId) -> Result<(), ContentError> {
        for _ in 0..ATTEMPTS {
            let content = sql::by_id(&mut self.stores.archive.read().await?, self.actor.tenant, id).await?;
            let content = content.ok_or(ContentError::Unknown)?;
            content.deletable_by(&self.actor)?;
            if !self.held(&[content.interaction], None).await?.is_empty() {
                return Err(ContentError::Held);
            }
            let deleted = deleted(json!({ "content_ids": [id], "kind": content.kind }));
            match self.remove(vec![content.object()], deleted.of_interaction(content.interaction)).await {
                Ok(0) => {}
                Err(error) if error.is_contended() => {}
                removed => return removed.map(|_| ()),
            }
        }
        Err(StoreError::Contended.into())
    }

    /// It is an error if the first interactions cannot be deleted now, so that the caller repeats the whole call.
    async fn run(
        &self,
        batch: ContentId,
        interactions: &[RecordId],
        kinds: Option<&[ContentKind]>,
    ) -> Result<Deleted, ContentError> {
        let mut outcome = Deleted::default();
        let mut chunks = interactions.chunks(INTERACTIONS);
        while let Some(chunk) = chunks.next() {
            let error = match self.remove_chunk(batch, chunk, kinds, &mut outcome).await {
                Ok(()) => continue,
                Err(error) if error.is_transient() && outcome.is_empty() => return Err(error),
                Err(error) => error,
            };
            tracing::warn!(%error, interactions.count = chunk.len(), "Deleting content of a batch failed");
            let code = if error.is_transient() { "unavailable" } else { "internal" };
            outcome.failures.extend(chunk.iter().map(|id| (*id, code)));
            if error.is_transient() {
                // The next ones would meet the same.
                outcome.failures.extend(chunks.by_ref().flatten().map(|id| (*id, code)));
            }
        }
        Ok(outcome)
    }

    /// Deletes what some interactions have, but for those under a legal hold and for sensitive content that the actor may not
    /// read.
    async fn remove_chunk(
        &self,
        batch: ContentId,
        chunk: &[RecordId],
        kinds: Option<&[ContentKind]>,
        outcome: &mut Deleted,
    ) -> Result<(), ContentError> {
        let held = self.held(chunk, kinds).await?;
        let free: Vec<_> = chunk.iter().copied().filter(|id| !held.contains(id)).collect();
        let (deleted, error) = self.remove_all(batch, &free, kinds).await;
        outcome.deleted += deleted;
        if let Some(error) = error {
            return Err(error);
        }
        let withheld = self.refuse_sensitive(&free, kinds).await?;
        outcome.failures.extend(held.into_iter().map(|id| (id, ContentError::Held.code())));
        outcome.failures.extend(withheld.into_iter().map(|id| (id, ContentError::Sensitive.code())));
        Ok(())
    }

    /// The interactions under a legal hold, of those that have content.
    async fn held(
        &self,
        interactions: &[RecordId],
        kinds: Option<&[ContentKind]>,
    ) -> Result<Vec<RecordId>, ContentError> {
        let (mut tx, tenant) = (self.stores.archive.read().await?, self.actor.tenant);
        let held = held::among(&mut tx, tenant, Target::Archive, interactions).await?;
        if held.is_empty() {
            return Ok(Vec::new());
        }
        Ok(sql::with_content(&mut tx, tenant, &held.into_iter().collect::<Vec<_>>(), kinds, None).await?)
    }

    /// The interactions whose sensitive content stays, since the actor may not read it; the audit log has the refusal.
    async fn refuse_sensitive(
        &self,
        interactions: &[RecordId],
        kinds: Option<&[ContentKind]>,
    ) -> Result<Vec<RecordId>, ContentError> {
        let Self { stores, content_store: _, actor } = self;
        if deletes_sensitive(actor) {
            return Ok(Vec::new());
        }
        let (mut tx, sensitivity) = (stores.archive.read().await?, Some(Sensitivity::Sensitive));
        let withheld = sql::with_content(&mut tx, actor.tenant, interactions, kinds, sensitivity).await?;
        drop(tx);
        if !withheld.is_empty() {
            let needs = [Scope::ContentReadSensitive.as_str()];
            let detail = json!({ "reason": ContentError::Sensitive.code(), "needs": needs, "batch": true });
            let entry = Entry { allowed: false, ..Entry::new(Action::AccessRefused, withheld.len(), detail) };
            let mut tx = stores.archive.write().await?;
            audit::record(&mut tx, stores.clock, actor, &entry).await?;
            tx.commit().await?;
        }
        Ok(withheld)
    }

    /// Deletes what some interactions have: how much of it, and what stopped it.
    async fn remove_all(
        &self,
        batch: ContentId,
        interactions: &[RecordId],
        kinds: Option<&[ContentKind]>,
    ) -> (u64, Option<ContentError>) {
        let mut deleted = 0;
        loop {
            match self.remove_page(batch, interactions, kinds).await {
                Ok(None) => return (deleted, None),
                Ok(Some(page)) => deleted += page,
                Err(error) => return (deleted, Some(error)),
            }
        }
    }

    /// Deletes some of what is left; `None` where nothing is.
    async fn remove_page(
        &self,
        batch: ContentId,
        interactions: &[RecordId],
        kinds: Option<&[ContentKind]>,
    ) -> Result<Option<u64>, ContentError> {
        let (stores, tenant) = (&self.stores, self.actor.tenant);
        let objects = sql::objects_of(
            &mut stores.archive.read().await?,
            tenant,
            interactions,
            kinds,
            deletes_sensitive(&self.actor),
            PAGE,
        )
        .await?;
        if objects.is_empty() {
            return Ok(None);
        }
        let mut tx = stores.archive.write().await?;
        if sql::renew_batch(&mut tx, tenant, batch, stores.clock.now() + TURN).await? == 0 {
            return Err(ContentError::Busy);
        }
        tx.commit().await?;
        let ids: Vec<_> = objects.iter().map(|object| object.id).collect();
        self.remove(objects, deleted(json!({ "content_ids": ids, "batch": true }))).await.map(Some)
    }

    /// Deletes some content. The journal comes first, since a restore could bring the content back.
    async fn remove(&self, objects: Vec<ObjectId>, entry: Entry) -> Result<u64, ContentError> {
        let Self { stores, content_store: _, actor } = self;
        let keyset = stores.keysets.get(&stores.vault, actor.tenant).await?;
        let ids = objects.iter().map(|object| object.id).collect();
        let journaled = stores.journal.append_contents(keyset.journal(), None, ids, stores.clock.now()).await?;
        self.remove_journaled(objects, entry, journaled).await
    }

    async fn remove_journaled(
        &self,
        objects: Vec<ObjectId>,
        entry: Entry,
        journaled: Option<JournalId>,
    ) -> Result<u64, ContentError> {
        let Self { stores, content_store, actor } = self;
        let journaled = journaled.as_slice();
        let mut tx = stores.vault.write().await?;
        vault::drop_content_keys(&mut tx, actor.tenant, &objects).await?;
        journal::insert_contents(&mut tx, actor.tenant, journaled).await?;
        tx.commit().await?;
        let mut tx = stores.archive.write().await?;
        let traces = traces(&mut tx, actor.tenant).await?;
        let gone = remove_rows(&mut tx, actor.tenant, &objects, traces, stores.clock.now()).await?;
        journal::insert_contents(&mut tx, actor.tenant, journaled).await?;
        let deleted = gone.into_values().sum();
        if deleted > 0 {
            let records = usize::try_from(deleted).unwrap_or(usize::MAX);
            let entry = Entry { records, ..entry };
            audit::record(&mut tx, stores.clock, actor, &entry).await?;
            let ids: Vec<_> = objects.iter().map(|object| object.id).collect();
            publish_deleted(&mut tx, actor.tenant, ("user", deleted), &ids, stores.clock.now()).await?;
        }
        tx.commit().await?;
        let gone = objects.into_iter().map(|object| {
            let (content_store, tenant) = (Arc::clone(content_store), actor.tenant);
            async move { (object.id, content_store.objects.delete(tenant, object).await) }
        });
        let mut gone = futures_util::stream::iter(gone).buffer_unordered(AT_ONCE);
        while let Some((id, deleted)) = gone.next().await {
            if let Err(error) = deleted {
                tracing::warn!(content.id = %id, %error, "Deleting the object of deleted content failed; gc_objects \
                                                          deletes it later, and it is unreadable");
            }
        }
        Ok(deleted)
    }

    async fn leave(&self, batch: ContentId) -> Result<(), ContentError> {
        let mut tx = self.stores.archive.write().await?;
        sql::leave_batch(&mut tx, self.actor.tenant, batch).await?;
        Ok(tx.commit().await?)
    }
}
