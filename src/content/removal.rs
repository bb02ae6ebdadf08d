//! Removal of much content by the night: first the objects, then the keys, then the rows.
//!
//! A single deletion drops the key first: what its caller was told is gone must not be readable a moment longer, and an
//! object that stays is of no use. The night tells its requests and operators what is still there, so here an object that
//! the store does not give up keeps its key and its row: the row says truthfully that it exists, and the next night finds
//! it by its row. A crash between object and row leaves a row that reads as content nobody has any more, until the night
//! goes on: an object that is not there counts as gone.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::{ContentStore, sql};
use crate::archive::mentions::{self, Owner};
use crate::base::content::ContentKind;
use crate::base::id::{ContentId, IdentifierId, RecordId, TenantId};
use crate::objects::ObjectError;
use crate::outbox;
use crate::store::{Archive, Result, Tx};

/// How many turns of deletions are under way at a time.
const AT_ONCE: usize = 8;

/// After so many failures in a row the store is asked whether it is there at all.
const FAILURES: usize = 8;

/// What came of the deletion of objects.
#[derive(Debug, Default)]
pub struct Removed {
    pub gone: Vec<ContentId>,
    /// Content whose object is still there, or was not tried.
    pub left: BTreeSet<ContentId>,
    /// Whether the store is away: the next ones would meet the same.
    pub is_away: bool,
}

/// Deletes the objects of some content. What the store does not give up is left; it keeps no other from going.
pub async fn remove_objects(shelf: &ContentStore, tenant: TenantId, ids: &[ContentId]) -> Removed {
    // A folder that is not there is not mounted, or it would hold the objects of the rows.
    let is_away = !ids.is_empty() && !shelf.objects.is_made();
    let mut removed = Removed { left: ids.iter().copied().collect(), is_away, ..Removed::default() };
    if is_away {
        tracing::warn!("The folder of the objects is missing");
        return removed;
    }
    let mut failures = 0;
    let turns = ids.chunks(shelf.objects.turn()).map(|turn| shelf.objects.delete_some(tenant, turn.to_vec()));
    let mut turns = futures_util::stream::iter(turns).buffer_unordered(AT_ONCE);
    while let Some(turn) = turns.next().await {
        for (id, deleted) in turn {
            if let Err(error) = deleted {
                tracing::warn!(content.id = %id, %error, "Deleting the object of a piece of content failed; its key \
                                                          and row stay");
                failures += 1;
                continue;
            }
            failures = 0;
            removed.left.remove(&id);
            removed.gone.push(id);
        }
        if failures >= FAILURES && !answers(shelf, tenant).await {
            removed.is_away = true;
            break;
        }
    }
    removed
}

/// Whether the store is there: for every store that answers, an object there never was is gone.
async fn answers(shelf: &ContentStore, tenant: TenantId) -> bool {
    shelf.objects.is_made() && shelf.objects.delete(tenant, ContentId::new()).await.is_ok()
}

/// Those of some content whose object is not there.
pub async fn without_object(
    shelf: &ContentStore,
    tenant: TenantId,
    ids: &[ContentId],
) -> std::result::Result<Vec<ContentId>, ObjectError> {
    let looks = ids.iter().map(|id| async move { Ok::<_, ObjectError>((*id, shelf.objects.has(tenant, *id).await?)) });
    let looked: Vec<_> = futures_util::stream::iter(looks).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(looked.into_iter().filter(|(_, is_there)| !is_there).map(|(id, _)| id).collect())
}

/// What rows elsewhere a tenant's content has: where there are none, no statement looks for them.
#[derive(Clone, Copy, Debug)]
pub struct Traces {
    pub mentions: bool,
    /// Content was or is to be delivered.
    pub deliveries: bool,
}

/// What there is in this unit of work. Whoever reads it knows which content is to go, and so sees all that was written with it.
pub async fn traces(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Traces> {
    let mentions = mentions::is_any(tx, tenant, Owner::Content).await?;
    Ok(Traces { mentions, deliveries: outbox::is_any(tx, tenant).await? })
}

/// Deletes the rows of some content and what its texts mention, and calls off deliveries that were not made yet. Answers how
/// many rows there were of each interaction.
pub async fn remove_rows(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    ids: &[ContentId],
    traces: Traces,
    now: DateTime<Utc>,
) -> Result<BTreeMap<RecordId, u64>> {
    if traces.mentions {
        let records: Vec<_> = ids.iter().map(|id| id.0).collect();
        mentions::delete(tx, tenant, Owner::Content, &records).await?;
    }
    if traces.deliveries {
        outbox::cancel(tx, tenant, ids, now).await?;
    }
    let mut deleted = BTreeMap::new();
    for interaction in sql::delete(tx, tenant, ids).await? {
        *deleted.entry(interaction).or_default() += 1;
    }
    Ok(deleted)
}

/// How much content of each kind the interactions have whose customer is one of some identifiers, each up to a cut-off of its
/// own: what nobody finds by them any more once they are forgotten (A27).
pub async fn of_customers(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    selected: &[(IdentifierId, DateTime<Utc>)],
) -> Result<BTreeMap<ContentKind, u64>> {
    if selected.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = sql::of_customers(tx, tenant, selected).await?;
    Ok(rows.into_iter().map(|(kind, count)| (kind, count.unsigned_abs())).collect())
}
