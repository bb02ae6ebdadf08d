//! The opening of a reveal.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Days, Utc};

use super::model::{OpenedItem, Reveal, RevealError, RevealOutcome, RevealStatus};
use super::sql::{self, Item};
use super::{entry_of, refuse};
use crate::archive::hidden;
use crate::audit::{self, Action};
use crate::base::actor::Actor;
use crate::base::day::{local_day, start_of_day};
use crate::base::id::{IdentifierId, RevealId};
use crate::store::{Archive, Tx};
use crate::tenants::{self, Tenant};
use crate::vault::{self, AppContext};

/// The values of a reveal, in the order of its tokens. Each opening counts its values for the cap of the day, and has an
/// audit row.
pub async fn open(app: &AppContext, actor: &Actor, id: RevealId) -> Result<Vec<OpenedItem>, RevealError> {
    let now = app.clock.now();
    let mut tx = app.archive.write().await?;
    let tenant = tenants::find(&mut tx, actor.tenant).await?;
    let is_opened = sql::note_opening(&mut tx, actor, id, now).await? > 0;
    let reveal = sql::by_id(&mut tx, actor.tenant, id, now).await?.ok_or(RevealError::NotFound)?;
    if !is_opened {
        drop(tx);
        return Err(refuse(app, actor, &reveal, closed(&reveal, actor)).await);
    }
    let mut items = sql::items(&mut tx, actor.tenant, id).await?;
    // A token that a recipient's key has made means nothing any more when the key was rotated or deleted.
    let is_readable = |item: &Item| item.identifier_id.is_none_or(|id| actor.form.read_token(item.token()).id == id);
    for item in items.iter_mut().filter(|item| !is_readable(item)) {
        (item.identifier_id, item.known) = (None, false);
    }
    let mut ids: BTreeSet<IdentifierId> = items.iter().filter_map(|item| item.identifier_id).collect();
    // The items stay as they are, so that a cancelled request or a released hold shows its customer again.
    let hidden = hidden::identifiers_among(&mut tx, (&tenant, app.hiding), &ids).await?;
    ids.retain(|id| !hidden.contains(id));
    if !is_within_cap(&mut tx, actor, &tenant, ids.len(), now).await? {
        drop(tx);
        return Err(refuse(app, actor, &reveal, RevealError::Capped { seconds: rest_of_day(&tenant, now) }).await);
    }
    let mut entry = entry_of(Action::RevealOpened, &reveal);
    entry.records = ids.len();
    let grant = audit::commit(tx, app.clock, actor, &entry).await?;
    let mut values = HashMap::new();
    if !ids.is_empty() {
        let keyset = app.keysets.get(&app.vault, actor.tenant).await?;
        values = vault::reveal(&mut app.vault.read().await?, &keyset, &grant, ids).await?;
    }
    Ok(items.into_iter().map(|item| opened(item, &values)).collect())
}

/// Why a reveal cannot be opened.
fn closed(reveal: &Reveal, actor: &Actor) -> RevealError {
    match reveal.status {
        _ if !reveal.is_of(actor) => RevealError::NotRequester,
        RevealStatus::Waiting => RevealError::Waiting,
        RevealStatus::Expired => RevealError::Expired,
        RevealStatus::Granted | RevealStatus::Denied | RevealStatus::Revoked => RevealError::Decided,
    }
}

/// Counts values of a user's local day. One conditional statement counts them, so that no race exceeds the cap.
async fn is_within_cap(
    tx: &mut Tx<Archive>,
    actor: &Actor,
    tenant: &Tenant,
    values: usize,
    now: DateTime<Utc>,
) -> Result<bool, RevealError> {
    let cap = i64::from(tenant.settings.reveal.per_day);
    let values = i64::try_from(values).unwrap_or(i64::MAX);
    if values == 0 {
        return Ok(true);
    }
    let day = local_day(now, tenant.zone);
    Ok(values <= cap && sql::count_opened(tx, actor, day, values, cap).await? > 0)
}

/// The seconds until the next local day, and at least one.
fn rest_of_day(tenant: &Tenant, now: DateTime<Utc>) -> i64 {
    let next = local_day(now, tenant.zone).checked_add_days(Days::new(1));
    let next = next.and_then(|day| start_of_day(day, tenant.zone));
    next.map_or(0, |next| (next - now).num_seconds()).saturating_add(1)
}

/// A token with its value. An identifier that the vault no longer has was forgotten, and one that is hidden was not read.
fn opened(item: Item, values: &HashMap<IdentifierId, String>) -> OpenedItem {
    let value = item.identifier_id.and_then(|id| values.get(&id)).cloned();
    let without_value = if item.known { RevealOutcome::Forgotten } else { RevealOutcome::Unknown };
    OpenedItem { token: item.token(), outcome: value.map_or(without_value, RevealOutcome::Value) }
}
