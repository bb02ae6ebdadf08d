//! Decisions about holds that the erasure journal has and the archive does not know: a killed process has left them, or a
//! restore has undone them.

use std::collections::{BTreeMap, HashMap};

use pii::Kind;
use serde_json::json;

use super::holds::masks;
use super::model::RequestError;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::crypto::BlindIndex;
use crate::base::id::{HoldId, IdentifierId};
use crate::holds::{self, HeldInteraction, Hold};
use crate::journal::{self, Body, HoldKey, JournalEntry};
use crate::vault::{self, AppContext};

/// The user and the reference of a hold that exists in the journal only.
const RESTORED: &str = "restored";

/// Carries a decision out again, and records that the archive knows its object. Returns whether it changed anything.
/// `known` has the masks of identifiers that may have left the vault.
pub async fn repeat(
    app: &AppContext,
    actor: &Actor,
    entry: JournalEntry,
    body: &Body,
    known: &BTreeMap<IdentifierId, String>,
) -> Result<bool, RequestError> {
    let (action, changed) = match body {
        Body::Hold(all) => (Action::HoldPlaced, place(app, actor, all).await?),
        Body::Release(ids) => (Action::HoldReleased, release(app, actor, ids, known).await?),
        _ => return Ok(false),
    };
    let mut tx = app.archive.write().await?;
    if !changed.is_empty() {
        let detail = json!({ "holds": changed, "because": "journal" });
        audit::record(&mut tx, app.clock, actor, &Entry::new(action, changed.len(), detail)).await?;
    }
    journal::insert(&mut tx, actor.tenant, &[entry]).await?;
    tx.commit().await?;
    Ok(!changed.is_empty())
}

/// Places a hold again. Its reference is not in the journal. An identifier that a restored vault knows by another id is
/// found by its keyed hash.
async fn place(app: &AppContext, actor: &Actor, all: &[HoldKey]) -> Result<Vec<HoldId>, RequestError> {
    let indexes = all.iter().map(|key| key.index);
    let known = vault::find_again(&mut app.vault.read().await?, actor.tenant, indexes).await?;
    let Some((hold, interactions)) = hold_of(all, &known) else { return Ok(Vec::new()) };
    let mut tx = app.archive.write().await?;
    let is_new = holds::insert(&mut tx, actor.tenant, &hold, &interactions).await?;
    tx.commit().await?;
    Ok(Some(hold.id).filter(|_| is_new).into_iter().collect())
}

fn hold_of(all: &[HoldKey], known: &HashMap<BlindIndex, IdentifierId>) -> Option<(Hold, Vec<HeldInteraction>)> {
    let first = all.first()?;
    let id = |key: &HoldKey| key.identifier.map(|id| known.get(&key.index).copied().unwrap_or(id));
    let of = |keys: &[HoldKey], kind| keys.iter().find(|key| key.kind == kind).and_then(id);
    let (own, named): (Vec<HoldKey>, Vec<HoldKey>) = all.iter().cloned().partition(|key| key.interaction.is_none());
    let named = named.chunk_by(|one, next| one.interaction == next.interaction).filter_map(|keys| {
        let id = keys.first()?.interaction?;
        Some(HeldInteraction { id, phone: of(keys, Kind::Phone), email: of(keys, Kind::Email) })
    });
    let interactions: Vec<_> = named.collect();
    let hold = Hold {
        id: first.hold,
        phone: of(&own, Kind::Phone),
        email: of(&own, Kind::Email),
        phone_mask: None,
        email_mask: None,
        interaction_count: i32::try_from(interactions.len()).unwrap_or(i32::MAX),
        ground: first.ground,
        reference: RESTORED.to_owned(),
        review_on: first.review_on,
        hide: first.hide,
        placed_by: RESTORED.to_owned(),
        placed_at: first.placed_at,
        released_by: None,
        released_at: None,
        version: 1,
    };
    Some((hold, interactions))
}

/// Releases holds again. Returns which of them lasted.
async fn release(
    app: &AppContext,
    actor: &Actor,
    ids: &[HoldId],
    known: &BTreeMap<IdentifierId, String>,
) -> Result<Vec<HoldId>, RequestError> {
    let mut released = Vec::new();
    let stored = holds::by_ids(&mut app.archive.read().await?, actor.tenant, ids).await?;
    for hold in stored.into_iter().filter(|hold| hold.released_at.is_none()) {
        let masks = masks(app, actor, &hold, known).await?;
        let mut tx = app.archive.write().await?;
        if holds::release(&mut tx, actor.tenant, hold.id, masks, RESTORED, app.clock.now()).await? > 0 {
            released.push(hold.id);
        }
        tx.commit().await?;
    }
    Ok(released)
}
