//! Content first: what requests with `delete_content` select by their customer goes before anything else happens (A27, C1).
//!
//! The erasures are not written yet and no customer is cut: a request whose content the object store does not give up can be
//! let go as if the night had never begun it, and the next night finds the same. It takes along every request that would
//! cut the customer of what is left, since content is found by its customer only.
//!
//! Content of a record that merely *mentions* the identifier stays: it belongs to another customer (A18).

mod close;
pub mod select;

use serde_json::{Value, json};

use self::select::Walk;
use crate::archive::mentions::Owner;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::id::{ContentId, PassId, RequestId, TenantId};
use crate::content::{self, ContentStore, Removed};
use crate::nightly::failpoint;
use crate::nightly::lease::Lease;
use crate::nightly::model::{PassError, Report, Step, Stop};
use crate::nightly::sql;
use crate::nightly::steps::claim::BATCH as REQUESTS;
use crate::nightly::steps::finish::ACTOR;
use crate::store::{Archive, Result, Sql, Tx};
use crate::vault::{self, AppContext};

/// How much content one transaction deletes.
pub const BATCH: usize = 1_000;

/// `last_error` of a request whose content the object store does not give up.
pub const UNAVAILABLE: &str = "content_store_unavailable";

/// What it takes to delete content: the stores, and the tenant that the pass holds.
#[derive(Clone, Copy)]
pub struct PassContext<'n> {
    pub stores: &'n AppContext,
    pub shelf: &'n ContentStore,
    pub lease: &'n Lease,
    pub tenant: TenantId,
    pub pass: PassId,
}

#[derive(Clone, Copy)]
pub enum Cause {
    /// Requests of the pass ask for it: they are told how much it was, and the audit log not which, since a list of what
    /// belonged to one person would link it again.
    Requests,
    Age,
}

pub struct Deleted {
    pub pieces: u64,
    /// How much the object store does not give up.
    pub left: u64,
    pub is_away: bool,
}

/// Deletes the content of the pass's requests that ask for it.
pub async fn delete(room: PassContext<'_>, report: &mut Report, stop: &Stop) -> std::result::Result<(), PassError> {
    let PassContext { stores, lease, tenant, pass, .. } = room;
    let mut failed = Vec::new();
    if is_asked(&mut stores.archive.read().await?, tenant, pass).await? {
        let (mut left, mut is_away) = (0, false);
        // Again while there is more than the store keeps: content may come in meanwhile.
        while !is_away && select(room).await? > left {
            (left, is_away) = walk(room, report, stop).await?;
        }
        failed = select::stuck(&mut stores.archive.read().await?, tenant, pass).await?;
    }
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    if !failed.is_empty() {
        close::reopen(&mut tx, tenant, pass).await?;
        report.requests_failed += sql::fail(&mut tx, tenant, &failed, UNAVAILABLE, stores.clock.now()).await?;
    }
    select::forget(&mut tx, tenant, pass).await?;
    sql::set_step(&mut tx, tenant, pass, Step::Emptied).await?;
    failpoint::hit("content.end.before-commit");
    tx.commit().await?;
    failpoint::hit("content.end");
    Ok(())
}

/// Notes anew whose content is to go, some hundred requests at once. Answers how much there is of it.
async fn select(room: PassContext<'_>) -> std::result::Result<u64, PassError> {
    let PassContext { stores, lease, tenant, pass, .. } = room;
    let mut after = None;
    loop {
        let requests = sql::claimed(&mut stores.archive.read().await?, tenant, pass, after, REQUESTS).await?;
        let Some(last) = requests.last() else { break };
        let mut tx = stores.archive.write().await?;
        lease.renew(&mut tx).await?;
        if after.is_none() {
            select::forget(&mut tx, tenant, pass).await?;
        }
        close::close(&mut tx, tenant, pass, (after, last.id)).await?;
        let noted = select::insert(&mut tx, tenant, pass, (after, last.id)).await?;
        if noted > 0 && tx.is_postgres() {
            // Without figures on the new rows the planner takes them for one, and reads all of them for every batch.
            tx.query("ANALYZE pass_interactions").execute().await?;
        }
        tx.commit().await?;
        failpoint::hit("content.select");
        after = Some(last.id);
    }
    Ok(select::pieces(&mut stores.archive.read().await?, tenant, pass).await?)
}

/// Deletes what was noted, as far as the object store gives it up. Answers how much it keeps, and whether it is away. While
/// the rows of one batch go, the objects of the next one do.
async fn walk(room: PassContext<'_>, report: &mut Report, stop: &Stop) -> std::result::Result<(u64, bool), PassError> {
    let (mut walk, mut left) = (Walk::default(), 0);
    let mut under_way = next(room, &mut walk).await?;
    while let Some(removed) = under_way {
        left += removed.left.len() as u64;
        let rows = remove_rows(room, Cause::Requests, &removed.gone);
        if removed.is_away || stop.is_asked() {
            report.content_deleted += rows.await?;
            return if removed.is_away { Ok((left, true)) } else { Err(PassError::Stopped) };
        }
        let (gone, following) = tokio::join!(rows, next(room, &mut walk));
        report.content_deleted += gone?;
        under_way = following?;
    }
    Ok((left, false))
}

/// Deletes the objects of the next batch of what was noted; none where there is no more.
async fn next(room: PassContext<'_>, walk: &mut Walk) -> std::result::Result<Option<Removed>, PassError> {
    let ids = walk.next(&mut room.stores.archive.read().await?, room.tenant, room.pass).await?;
    Ok(if ids.is_empty() { None } else { Some(remove_objects(room, &ids).await) })
}

/// Deletes some content: the objects, then the keys and the rows of those whose object is gone.
pub async fn remove(room: PassContext<'_>, cause: Cause, ids: &[ContentId]) -> std::result::Result<Deleted, PassError> {
    let removed = remove_objects(room, ids).await;
    let pieces = remove_rows(room, cause, &removed.gone).await?;
    Ok(Deleted { pieces, left: removed.left.len() as u64, is_away: removed.is_away })
}

async fn remove_objects(room: PassContext<'_>, ids: &[ContentId]) -> Removed {
    let removed = content::remove_objects(room.shelf, room.tenant, ids).await;
    failpoint::hit("content.objects");
    removed
}

/// Deletes the keys and the rows of content whose object is gone. Answers how many rows there were.
async fn remove_rows(room: PassContext<'_>, cause: Cause, gone: &[ContentId]) -> std::result::Result<u64, PassError> {
    let PassContext { stores, lease, tenant, pass, .. } = room;
    if gone.is_empty() {
        return Ok(0);
    }
    let mut tx = stores.vault.write().await?;
    vault::drop_content_keys(&mut tx, tenant, gone).await?;
    tx.commit().await?;
    failpoint::hit("content.keys");
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    let traces = content::traces(&mut tx, tenant).await?;
    if traces.mentions {
        release(&mut tx, tenant, pass, gone).await?;
    }
    let removed = content::remove_rows(&mut tx, tenant, gone, traces, stores.clock.now()).await?;
    if let Cause::Requests = cause {
        select::count(&mut tx, tenant, pass, &removed).await?;
    }
    let deleted = removed.into_values().sum();
    if deleted > 0 {
        let records = usize::try_from(deleted).unwrap_or(usize::MAX);
        let entry = Entry::new(Action::ContentDeleted, records, detail(cause, gone));
        audit::record(&mut tx, stores.clock, &Actor::service(tenant, ACTOR), &entry).await?;
    }
    failpoint::hit("content.before-commit");
    tx.commit().await?;
    failpoint::hit("content");
    Ok(deleted)
}

fn detail(cause: Cause, ids: &[ContentId]) -> Value {
    match cause {
        Cause::Requests => json!({ "because": "requests" }),
        Cause::Age => json!({ "because": "retention", "content_ids": ids }),
    }
}

async fn is_asked(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<bool> {
    let one: Option<(RequestId,)> = tx
        .query("SELECT id FROM requests")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .push(" AND delete_content LIMIT 1")
        .maybe()
        .await?;
    Ok(one.is_some())
}

/// Notes whom the texts that go mention: candidates for leaving the vault.
async fn release(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId, gone: &[ContentId]) -> Result<u64> {
    tx.query("INSERT INTO pass_orphans (tenant_id, pass_id, identifier_id) SELECT DISTINCT ")
        .with("", tenant)
        .push(Sql::CAST_UUID)
        .with(", ", pass)
        .push(Sql::CAST_UUID)
        .with(", identifier_id FROM mentions WHERE tenant_id = ", tenant)
        .with(" AND target = ", Owner::Content)
        .push(" AND identifier_id IS NOT NULL")
        .with_any(" AND record_id", gone.iter().map(|id| id.0))
        .push(" ON CONFLICT DO NOTHING")
        .execute()
        .await
}
