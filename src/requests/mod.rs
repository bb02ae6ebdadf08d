//! Anonymize requests: the operations of the Anonymize page.
//!
//! A waiting request has ids of the vault, and a request that is done has masks. [`save`](self) writes one request or a
//! whole batch through the epoch fence. [`view`](self) renders requests, and audits what it reveals. Nothing here carries
//! a request out: that is the task of the pass.

mod batch;
mod case;
mod checklist;
mod comment;
mod deadline;
pub mod due;
mod entry;
mod export;
pub mod held;
mod hiding;
pub mod holds;
mod http;
mod import;
pub mod journaling;
pub mod keys;
mod listing;
mod load;
mod model;
mod notice;
pub mod outcomes;
pub mod passes;
mod preview;
mod preview_sql;
pub mod purging;
mod reference;
pub mod repeat;
pub mod repeat_holds;
mod rules;
mod save;
mod sql;
mod trail;
mod view;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::base::actor::Actor;
use crate::base::id::{RequestId, TenantId};
use crate::base::version::Versions;
use crate::idempotency::{Call, Replayable, Reservation};
use crate::store::{Archive, Reference, StoreError, Tx};
use crate::vault::AppContext;

pub use batch::{RequestBatch, RowChange, RowDelete};
pub use case::Case;
pub use checklist::{ChecklistItem, ChecklistPatch, ChecklistState, change_item, check_item};
pub use entry::{NewRequest, RequestPatch};
pub use export::export_page;
pub use hiding::HIDING;
pub use http::routes;
pub use import::{ImportRows, Imported, LONGEST_IMPORT, dry_run, import};
pub use listing::{RequestFilter, RequestSort, list};
pub use load::by_ids as stored;
pub use model::{
    ContentCounts, ContentOutcome, LARGEST_BATCH, NamedInteraction, RenderedRequest, Request, RequestError,
    RequestOutcome, Saved, Status, StoredRequest, TargetCounts,
};
pub use notice::RequestNotice;
pub use preview::{Preview, preview};

use save::{SaveCommand, Written};
use view::Disclosure;

/// The columns that contain ids of identifiers.
pub const REFERENCES: [Reference; 4] = [
    Reference::new("requests", "phone_id"),
    Reference::new("requests", "email_id"),
    Reference::new("request_interactions", "phone_id"),
    Reference::new("request_interactions", "email_id"),
];

/// A request, unless the caller already has its version.
pub enum Read {
    Rendered(Box<RenderedRequest>),
    /// The caller has this version. Nothing is revealed, and nothing is audited.
    Known(i64),
}

pub async fn find(app: &AppContext, actor: &Actor, id: RequestId, known: &Versions) -> Result<Read, RequestError> {
    let mut tx = app.archive.read().await?;
    let stored = load::by_ids(&mut tx, actor.tenant, &[id]).await?.pop().ok_or(RequestError::NotFound)?;
    drop(tx);
    if known.contain(stored.request.version) {
        return Ok(Read::Known(stored.request.version));
    }
    let rendered = view::render(app, actor, Disclosure::of(actor, None), vec![stored]).await?;
    only(rendered).map(|one| Read::Rendered(Box::new(one)))
}

/// Enters a request. A call with the same key returns the same request.
pub async fn create(
    app: &AppContext,
    actor: &Actor,
    new: &NewRequest,
    key: Option<&str>,
) -> Result<Replayable<RenderedRequest>, RequestError> {
    let saved = save_once(app, actor, SaveCommand::Create(new), "create", key, new).await?;
    let Saved { mut created, .. } = saved.value;
    let value = created.pop().ok_or(RequestError::Cancelled)?;
    Ok(Replayable { value, replayed: saved.replayed })
}

/// Changes a waiting request that no pass has begun (A12).
pub async fn change(
    app: &AppContext,
    actor: &Actor,
    id: RequestId,
    expected: &Versions,
    patch: &RequestPatch,
) -> Result<RenderedRequest, RequestError> {
    let written = save::save(app, actor, SaveCommand::Change(id, expected, patch), None).await?;
    only(render_written(app, actor, written).await?.updated)
}

/// Checks whether a request may be changed, before the change itself is validated: 404, 428, 412, and 409 come before 422.
pub async fn check(app: &AppContext, actor: &Actor, id: RequestId, expected: &Versions) -> Result<(), RequestError> {
    let mut tx = app.archive.read().await?;
    save::changeable(&mut tx, actor.tenant, id, expected).await.map(drop)
}

/// Cancels a waiting request that no pass has begun. A later pass deletes its identifiers if nothing else refers to them.
pub async fn cancel(app: &AppContext, actor: &Actor, id: RequestId, expected: &Versions) -> Result<(), RequestError> {
    save::save(app, actor, SaveCommand::Cancel(id, expected), None).await.map(drop)
}

/// Saves all rows of a batch or none (A11). A call with the same key returns the same result.
pub async fn save_batch(
    app: &AppContext,
    actor: &Actor,
    batch: &RequestBatch,
    key: Option<&str>,
) -> Result<Replayable<Saved<RenderedRequest>>, RequestError> {
    batch.check_size()?;
    save_once(app, actor, SaveCommand::Batch(batch), "batch", key, batch).await
}

/// The time at which the oldest waiting request was entered.
pub async fn oldest_waiting(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Option<DateTime<Utc>>, StoreError> {
    sql::oldest_waiting(tx, tenant).await
}

/// The result of a command: what it has written, or the requests of an earlier call with the same key.
type SaveCall = Call<Written, Saved<RequestId>>;

/// Saves a command, unless a call with the same key has saved it already, and renders its requests.
async fn save_once(
    app: &AppContext,
    actor: &Actor,
    command: SaveCommand<'_>,
    route: &str,
    key: Option<&str>,
    body: &impl Serialize,
) -> Result<Replayable<Saved<RenderedRequest>>, RequestError> {
    Ok(match write_once(app, actor, command, route, key, body).await? {
        Call::Made(written) => Replayable { value: render_written(app, actor, written).await?, replayed: false },
        Call::Replayed(outcome) => Replayable { value: render_again(app, actor, outcome).await?, replayed: true },
    })
}

async fn write_once(
    app: &AppContext,
    actor: &Actor,
    command: SaveCommand<'_>,
    route: &str,
    key: Option<&str>,
    body: &impl Serialize,
) -> Result<SaveCall, RequestError> {
    let work = async |reservation: Option<&Reservation>| save::save(app, actor, command, reservation).await;
    app.call_once(actor, route, (key, body), work).await
}

/// Renders the requests that a call has just written. The caller sees the requests that they have just entered.
async fn render_written(
    app: &AppContext,
    actor: &Actor,
    Written { requests, grant }: Written,
) -> Result<Saved<RenderedRequest>, RequestError> {
    let Saved { created, updated, deleted } = requests;
    let disclosure = grant.as_ref().map_or(Disclosure::Audited, Disclosure::Granted);
    let mut created = view::render(app, actor, disclosure, created).await?;
    let mut updated = view::render(app, actor, Disclosure::of(actor, grant.as_ref()), updated).await?;
    warn_of_duplicates(app, actor, created.iter_mut().chain(&mut updated)).await?;
    Ok(Saved { created, updated, deleted })
}

/// Adds a warning to the waiting requests whose number or address another waiting request has too.
async fn warn_of_duplicates<'r>(
    app: &AppContext,
    actor: &Actor,
    rendered: impl Iterator<Item = &'r mut RenderedRequest>,
) -> Result<(), RequestError> {
    let rendered: Vec<_> = rendered.collect();
    let ids: Vec<_> = rendered.iter().flat_map(|one| one.request.identifiers()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let twice = sql::waiting_twice(&mut app.archive.read().await?, actor.tenant, &ids, 2).await?;
    for one in rendered.into_iter().filter(|one| one.request.identifiers().any(|id| twice.contains(&id))) {
        one.warnings.push(RequestNotice::DuplicateWaiting);
    }
    Ok(())
}

/// Renders the requests of an earlier call, as they are stored now. A request that was cancelled since is left out.
async fn render_again(
    app: &AppContext,
    actor: &Actor,
    outcome: Saved<RequestId>,
) -> Result<Saved<RenderedRequest>, RequestError> {
    let Saved { created, updated, deleted } = outcome;
    let ids: Vec<_> = created.iter().chain(&updated).copied().collect();
    let mut tx = app.archive.read().await?;
    let stored = load::by_ids(&mut tx, actor.tenant, &ids).await?;
    drop(tx);
    let mut rendered = view::render(app, actor, Disclosure::of(actor, None), stored).await?;
    warn_of_duplicates(app, actor, rendered.iter_mut()).await?;
    let mut by_id: HashMap<_, _> = rendered.into_iter().map(|one| (one.request.id, one)).collect();
    let mut take = |ids: Vec<RequestId>| ids.iter().filter_map(|id| by_id.remove(id)).collect();
    Ok(Saved { created: take(created), updated: take(updated), deleted })
}

fn only(mut rendered: Vec<RenderedRequest>) -> Result<RenderedRequest, RequestError> {
    rendered.pop().ok_or(RequestError::NotFound)
}
