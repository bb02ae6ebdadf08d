//! Removal of much content by a pass: first the objects, then the keys, then the rows.
//!
//! A single deletion drops the key first, because content must be unreadable as soon as the call that deleted it has
//! returned. A pass reports the content that still exists. So an object that the store does not delete keeps its key
//! and its row, and the next pass finds it by its row. A crash between object and row leaves a row of content that
//! nobody can read, until the pass resumes. A missing object counts as deleted.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::json;

use super::{ContentStore, sql};
use crate::archive::held;
use crate::archive::mentions::{self, Owner};
use crate::archive::selector::{self, Span};
use crate::base::content::ContentKind;
use crate::base::id::{ContentId, IdentifierId, ObjectId, RecordId, TenantId};
use crate::base::target::Target;
use crate::content_rows;
use crate::objects::ObjectError;
use crate::outbox::{self, EventKind};
use crate::store::{Archive, Result, Tx};

/// The number of deletions at a time.
const AT_ONCE: usize = 8;

/// After so many failures in a row, the store is checked.
const FAILURES: usize = 8;

/// The most ids of one event, so that its message is short.
const EVENT: usize = 200;

/// The result of the deletion of objects.
#[derive(Debug, Default)]
pub struct Removed {
    pub gone: Vec<ObjectId>,
    /// Content whose object is still there, or was not tried.
    pub left: BTreeSet<ObjectId>,
    /// Whether the store is unavailable, so that the next deletions would fail too.
    pub is_away: bool,
}

/// Deletes the objects of some content. An object that the store does not delete is left, and the others are deleted.
pub async fn remove_objects(content_store: &ContentStore, tenant: TenantId, ids: &[ObjectId]) -> Removed {
    // A missing folder is not mounted: otherwise it would contain the objects of the rows.
    let is_away = !ids.is_empty() && !content_store.objects.is_made();
    let mut removed = Removed { left: ids.iter().copied().collect(), is_away, ..Removed::default() };
    if is_away {
        tracing::warn!("The folder of the objects is missing");
        return removed;
    }
    let mut failures = 0;
    let turns =
        ids.chunks(content_store.objects.turn()).map(|turn| content_store.objects.delete_some(tenant, turn.to_vec()));
    let mut turns = futures_util::stream::iter(turns).buffer_unordered(AT_ONCE);
    while let Some(turn) = turns.next().await {
        for (id, deleted) in turn {
            if let Err(error) = deleted {
                tracing::warn!(content.id = %id.id, %error, "Deleting the object of a piece of content failed; its key \
                                                          and row stay");
                failures += 1;
                continue;
            }
            failures = 0;
            removed.left.remove(&id);
            removed.gone.push(id);
        }
        if failures >= FAILURES && !is_available(content_store, tenant).await {
            removed.is_away = true;
            break;
        }
    }
    removed
}

/// Whether the store is available. Every available store deletes an object that never existed.
async fn is_available(content_store: &ContentStore, tenant: TenantId) -> bool {
    content_store.objects.is_made()
        && content_store.objects.delete(tenant, ObjectId::new(ContentId::new())).await.is_ok()
}

/// The pieces of some content whose object is missing.
pub async fn without_object(
    content_store: &ContentStore,
    tenant: TenantId,
    ids: &[ObjectId],
) -> std::result::Result<Vec<ObjectId>, ObjectError> {
    let looks =
        ids.iter().map(|id| async move { Ok::<_, ObjectError>((*id, content_store.objects.has(tenant, *id).await?)) });
    let looked: Vec<_> = futures_util::stream::iter(looks).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(looked.into_iter().filter(|(_, is_there)| !is_there).map(|(id, _)| id).collect())
}

/// Whether a tenant's content has rows in other tables. If it has none, no statement searches for them.
#[derive(Clone, Copy, Debug)]
pub struct Traces {
    pub mentions: bool,
    /// Content was or is to be delivered.
    pub deliveries: bool,
}

/// Reads the traces in this unit of work. The caller has already read which content to delete, so that it sees all rows
/// that were written with this content.
pub async fn traces(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Traces> {
    let mentions = mentions::is_any(tx, tenant, Owner::Content).await?;
    Ok(Traces { mentions, deliveries: outbox::is_any(tx, tenant).await? })
}

/// Deletes the rows of some objects and what their texts mention, and calls off deliveries that were not made yet. Returns how
/// many rows there were of each interaction.
pub async fn remove_rows(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    objects: &[ObjectId],
    traces: Traces,
    now: DateTime<Utc>,
) -> Result<BTreeMap<RecordId, u64>> {
    let (ids, interactions): (Vec<ContentId>, Vec<RecordId>) =
        sql::delete(tx, tenant, objects).await?.into_iter().unzip();
    if traces.mentions {
        let records: Vec<_> = ids.iter().map(|id| id.0).collect();
        mentions::delete(tx, tenant, Owner::Content, &records).await?;
    }
    if traces.deliveries {
        outbox::cancel(tx, tenant, &ids, now).await?;
    }
    let mut deleted = BTreeMap::new();
    for interaction in interactions {
        *deleted.entry(interaction).or_default() += 1;
    }
    Ok(deleted)
}

/// Tells webhooks of deleted content. The ids are left out if they would be those of one person.
pub async fn publish_deleted(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    (because, deleted): (&str, u64),
    ids: &[ContentId],
    now: DateTime<Utc>,
) -> Result<u64> {
    let mut events: Vec<_> =
        ids.chunks(EVENT).map(|ids| json!({ "because": because, "deleted": ids.len(), "content_ids": ids })).collect();
    if ids.is_empty() {
        events.push(json!({ "because": because, "deleted": deleted }));
    }
    outbox::publish(tx, tenant, EventKind::ContentDeleted, events, now).await
}

/// How much content of each kind the interactions have whose customer is one of some identifiers, each up to a cut-off of its
/// own: nobody finds this content by them any more after they were forgotten (A27).
pub async fn of_customers(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    selected: &[(IdentifierId, DateTime<Utc>)],
) -> Result<BTreeMap<ContentKind, u64>> {
    if selected.is_empty() {
        return Ok(BTreeMap::new());
    }
    let query = tx
        .query("WITH selected (identifier_id, cutoff) AS (VALUES ")
        .each(selected, |query, (id, cutoff)| query.with("(", *id).with(", ", *cutoff).push(")"))
        .push("), customers AS (");
    let query = selector::customers(query, tenant, Target::Archive, Span::default()).push(")");
    let rows: Vec<(ContentKind, i64)> = content_rows::count_by_kind(query, tenant).once().all().await?;
    Ok(rows.into_iter().map(|(kind, count)| (kind, count.unsigned_abs())).collect())
}

/// The pieces of content among some whose interaction a legal hold keeps.
pub async fn held(tx: &mut Tx<Archive>, tenant: TenantId, objects: &[ObjectId]) -> Result<HashSet<ContentId>> {
    let rows = content_rows::passes::interactions_of(tx, tenant, objects).await?;
    let interactions: Vec<_> = rows.iter().map(|(_, interaction)| *interaction).collect();
    let held = held::among(tx, tenant, Target::Archive, &interactions).await?;
    Ok(rows.into_iter().filter(|(_, interaction)| held.contains(interaction)).map(|(id, _)| id).collect())
}
