//! Anonymize requests: what the Anonymize page reads and saves, and what a request would hit.
//!
//! A request knows its person by ids of the vault while it waits and by masks when it is done. Everything is saved by
//! [`save`](self), one request or a whole page alike, through the epoch fence; everything is shown by one audited look
//! into the vault. The night carries requests out; nothing here does.

mod batch;
mod comment;
mod entry;
mod http;
mod journal;
mod load;
mod model;
pub mod passes;
mod save;
mod sql;
mod view;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use pii::Identifier;
use pii::text::{Finder, Own};
use serde::Serialize;
use serde_json::json;

use crate::archive;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::id::{RequestId, TenantId};
use crate::base::page::{Page, Position};
use crate::base::target::Target;
use crate::content;
use crate::delivery;
use crate::idempotency::{self, Begun, Key, Reservation};
use crate::store::{Archive, StoreError, Tx};
use crate::tenants;
use crate::vault::{self, AppContext};

pub use batch::{Batch, RowChange, RowDelete};
pub use entry::{Change, NewRequest};
pub use http::routes;
pub use model::{
    ContentCounts, ContentOutcome, Filter, LARGEST_BATCH, Outcome, Preview, RenderedRequest, Request, RequestError,
    Saved, Status, Warning,
};
pub use save::Condition;

use comment::Comment;
use entry::{PatchField, ValidatedRequest};
use model::{KeptOutcome, Record};
use save::{Command, Written};
use view::Disclosure;

/// The columns that contain ids of identifiers.
pub const REFERENCES: [(&str, &str); 2] = [("requests", "phone_id"), ("requests", "email_id")];

/// What a call answers that may be sent again under its idempotency key.
#[derive(Clone, PartialEq, Eq)]
pub struct Replayable<T> {
    pub value: T,
    /// Whether an earlier call has done the work.
    pub replayed: bool,
}

/// A page of the tenant's requests, newest first (A29: all users of a tenant see all of them).
pub async fn list(stores: &AppContext, actor: &Actor, filter: &Filter) -> Result<Page<RenderedRequest>, RequestError> {
    let key = stores.service_key.derive("cursor");
    let query =
        [b"requests", &actor.tenant.0.as_bytes()[..], filter.status.map_or("", Status::as_str).as_bytes()].concat();
    let after = filter.cursor.as_deref().map(|cursor| Position::from_cursor(cursor, &key, &query)).transpose()?;
    let mut tx = stores.archive.read().await?;
    let requests = sql::page(&mut tx, actor.tenant, filter.status, after, filter.limit + 1).await?;
    let Page { items, next_cursor } = Page::of(requests, filter.limit, (&key, &query));
    let records = load::records(&mut tx, actor.tenant, items).await?;
    drop(tx);
    let items = view::show(stores, actor, Disclosure::of(actor, None), records).await?;
    Ok(Page { items, next_cursor })
}

/// A request, for a caller who may have it already.
pub enum Read {
    RenderedRequest(Box<RenderedRequest>),
    /// Its version, which the caller has: nothing is revealed and nothing is audited.
    Known(i64),
}

/// One request. `has` says whether the caller has a version already.
pub async fn find(
    stores: &AppContext,
    actor: &Actor,
    id: RequestId,
    has: impl Fn(i64) -> bool,
) -> Result<Read, RequestError> {
    let record = {
        let mut tx = stores.archive.read().await?;
        load::by_ids(&mut tx, actor.tenant, &[id]).await?.pop().ok_or(RequestError::NotFound)?
    };
    if has(record.request.version) {
        return Ok(Read::Known(record.request.version));
    }
    view::show(stores, actor, Disclosure::of(actor, None), vec![record])
        .await
        .and_then(only)
        .map(|one| Read::RenderedRequest(Box::new(one)))
}

/// Enters a request. With a key, the same call again gives the same request.
pub async fn create(
    stores: &AppContext,
    actor: &Actor,
    new: &NewRequest,
    key: Option<&str>,
) -> Result<Replayable<RenderedRequest>, RequestError> {
    match once(stores, actor, "create", key, new, Command::Create(new)).await? {
        Once::Written(Written { created, grant, .. }) => {
            // Whoever has just entered a request sees how it was read.
            let disclosure = grant.as_ref().map_or(Disclosure::Audited, Disclosure::Granted);
            let value = view::show(stores, actor, disclosure, created).await.and_then(only)?;
            Ok(Replayable { value, replayed: false })
        }
        Once::Before(answer) => {
            let records = read(stores, actor, &answer.created).await?;
            let records = records.into_values().collect();
            let shown = view::show(stores, actor, Disclosure::of(actor, None), records).await?;
            Ok(Replayable { value: shown.into_iter().next().ok_or(RequestError::Cancelled)?, replayed: true })
        }
    }
}

/// Changes a waiting request that no pass has begun (A12).
pub async fn change(
    stores: &AppContext,
    actor: &Actor,
    id: RequestId,
    condition: Condition<'_>,
    change: &Change,
) -> Result<RenderedRequest, RequestError> {
    let Written { updated, grant, .. } =
        save::save(stores, actor, Command::Change(id, condition, change), None).await?;
    view::show(stores, actor, Disclosure::of(actor, grant.as_ref()), updated).await.and_then(only)
}

/// Whether a request may be changed, before the change itself is looked at: 404, 428, 412 and 409 come before 422.
pub async fn check(
    stores: &AppContext,
    actor: &Actor,
    id: RequestId,
    condition: Condition<'_>,
) -> Result<(), RequestError> {
    let mut tx = stores.archive.read().await?;
    save::changeable(&mut tx, actor.tenant, id, condition).await.map(drop)
}

/// Cancels a waiting request that no pass has begun. Its identifiers leave the vault when the night finds that nothing
/// refers to them.
pub async fn cancel(
    stores: &AppContext,
    actor: &Actor,
    id: RequestId,
    condition: Condition<'_>,
) -> Result<(), RequestError> {
    save::save(stores, actor, Command::Cancel(id, condition), None).await.map(drop)
}

/// Saves all rows of a page, or none (A11). With a key, the same call again gives the same answer.
pub async fn save_batch(
    stores: &AppContext,
    actor: &Actor,
    batch: &Batch,
    key: Option<&str>,
) -> Result<Replayable<Saved>, RequestError> {
    batch.check_size()?;
    match once(stores, actor, "batch", key, batch, Command::Batch(batch)).await? {
        Once::Written(Written { created, updated, deleted, grant }) => {
            let disclosure = grant.as_ref().map_or(Disclosure::Audited, Disclosure::Granted);
            let created = view::show(stores, actor, disclosure, created).await?;
            let updated = view::show(stores, actor, Disclosure::of(actor, grant.as_ref()), updated).await?;
            Ok(Replayable { value: Saved { created, updated, deleted }, replayed: false })
        }
        Once::Before(KeptOutcome { created, updated, deleted }) => {
            let all: Vec<_> = created.iter().chain(&updated).copied().collect();
            let records = read(stores, actor, &all).await?;
            let shown = view::show(stores, actor, Disclosure::of(actor, None), records.into_values().collect()).await?;
            let mut by_id: HashMap<_, _> = shown.into_iter().map(|one| (one.request.id, one)).collect();
            // What was cancelled since is not there any more.
            let mut those = |ids: Vec<RequestId>| ids.iter().filter_map(|id| by_id.remove(id)).collect();
            let value = Saved { created: those(created), updated: those(updated), deleted };
            Ok(Replayable { value, replayed: true })
        }
    }
}

/// What a request would hit, by the very selector of the pass (A27). The vault learns nothing from it; the audit log
/// does, for it is a search.
pub async fn preview(stores: &AppContext, actor: &Actor, new: &NewRequest) -> Result<Preview, RequestError> {
    let mut tx = stores.archive.read().await?;
    let tenant = tenants::find(&mut tx, actor.tenant).await?.ok_or(RequestError::TenantUnknown)?;
    drop(tx);
    let draft = ValidatedRequest::of_new(new, &tenant, stores.clock.now(), "").map_err(RequestError::Invalid)?;
    let ValidatedRequest { phone, email, comment, due_at, targets, delete_content, .. } = draft;
    let own = Own { phone: written(phone), email: written(email), name: None };
    let identifiers: Vec<_> =
        own.phone.clone().map(Identifier::Phone).into_iter().chain(own.email.clone().map(Identifier::Email)).collect();
    let keyset = stores.keysets.get(&stores.vault, actor.tenant).await?;
    let known = vault::find(&mut stores.vault.read().await?, &keyset, &identifiers).await?;
    let ids: Vec<_> = known.into_values().collect();
    let mut hits = Vec::new();
    let mut tx = stores.archive.read().await?;
    for target in targets.iter() {
        hits.push((target, archive::preview(&mut tx, actor.tenant, target, &ids, due_at).await?));
    }
    // What follows its customer is the content of the archive's interactions.
    let (content, files) = if targets.contains(Target::Archive) {
        let selected: Vec<_> = ids.iter().map(|id| (*id, due_at)).collect();
        let content = content::of_customers(&mut tx, actor.tenant, &selected).await?;
        (content, delivery::files_of(&mut tx, actor.tenant, &selected).await?)
    } else {
        (ContentCounts::new(), 0)
    };
    drop(tx);
    let records: u64 = hits.iter().map(|(_, hits)| hits.records).sum();
    let entry = Entry::new(
        Action::RequestPreviewed,
        usize::try_from(records).unwrap_or(usize::MAX),
        json!({ "by": kinds(&identifiers), "targets": targets.words() }),
    );
    audit::commit(stores.archive.write().await?, stores.clock, actor, &entry).await?;
    let finder = Finder::new(tenant.region, own);
    let names_somebody = written(comment).is_some_and(|text| Comment::read(&finder, &text).has_identifier());
    let of_content = if delete_content { Warning::ContentWillBeDeleted } else { Warning::ContentBecomesUnfindable };
    let warnings = [
        (names_somebody, Warning::CommentHasIdentifier),
        (records == 0, Warning::NothingFound),
        (!content.is_empty(), of_content(content.clone())),
        (files > 0, Warning::FilesWereDelivered(files)),
    ];
    let warnings = warnings.into_iter().filter(|(applies, _)| *applies).map(|(_, warning)| warning).collect();
    Ok(Preview { targets: hits, content, warnings })
}

/// When the request that waits for the longest was entered, if one waits.
pub async fn oldest_waiting(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Option<DateTime<Utc>>, StoreError> {
    sql::oldest_waiting(tx, tenant).await
}

/// What came of a call that is done once only.
enum Once {
    Written(Written),
    /// The answer of an earlier call.
    Before(KeptOutcome),
}

async fn once(
    stores: &AppContext,
    actor: &Actor,
    route: &str,
    key: Option<&str>,
    body: &impl Serialize,
    ask: Command<'_>,
) -> Result<Once, RequestError> {
    let Some(key) = key else {
        return save::save(stores, actor, ask, None).await.map(Once::Written);
    };
    let key = Key::new(&stores.service_key, actor, route, key, body)?;
    let reservation = match idempotency::begin(&stores.archive, key, stores.clock.now()).await? {
        Begun::Replayable(answer) => return Ok(Once::Before(answer)),
        Begun::Reserved(reservation) => reservation,
    };
    let saved = save::save(stores, actor, ask, Some(&reservation)).await;
    if saved.is_err() {
        give_back(stores, &reservation).await;
    }
    saved.map(Once::Written)
}

/// A key that cannot be given back is free again after a minute, so nobody needs to hear of it but the log.
async fn give_back(stores: &AppContext, reservation: &Reservation) {
    if let Err(error) = idempotency::release(&stores.archive, reservation).await {
        tracing::warn!(%error, "Releasing an idempotency key failed; the key is free again in a minute");
    }
}

async fn read(
    stores: &AppContext,
    actor: &Actor,
    ids: &[RequestId],
) -> Result<HashMap<RequestId, Record>, RequestError> {
    let mut tx = stores.archive.read().await?;
    let records = load::by_ids(&mut tx, actor.tenant, ids).await?;
    Ok(records.into_iter().map(|record| (record.request.id, record)).collect())
}

fn only(shown: Vec<RenderedRequest>) -> Result<RenderedRequest, RequestError> {
    shown.into_iter().next().ok_or(RequestError::NotFound)
}

fn written<K, T>(slot: PatchField<K, T>) -> Option<T> {
    match slot {
        PatchField::Set(value) => value,
        PatchField::Kept(_) => None,
    }
}

fn kinds(identifiers: &[Identifier]) -> Vec<&'static str> {
    identifiers.iter().map(|one| one.kind().as_str()).collect()
}
