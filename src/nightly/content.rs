//! Content first: what requests with `delete_content` select by their customer goes before anything else happens (A27, C1).
//!
//! The erasures are not written yet and no customer is cut: a request whose content the object store does not give up can be
//! let go as if the night had never begun it, and the next night finds the same. It takes along every request that would
//! cut the customer of what is left, since content is found by its customer only.
//!
//! Content of a record that merely *mentions* the identifier stays: it belongs to another customer (A18).

use serde_json::{Value, json};

use super::chunk::CAST_UUID;
use super::claim::BATCH as REQUESTS;
use super::closing;
use super::failpoint;
use super::finish::ACTOR;
use super::lease::Lease;
use super::model::{NightError, Report, Step, Stop};
use super::sql;
use crate::archive::mentions::Owner;
use crate::archive::selector::{self, Span};
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::id::{ContentId, PassId, RequestId, TenantId};
use crate::base::target::{Target, Targets};
use crate::content::{self, Removed, Shelf};
use crate::store::{Archive, Result, Tx};
use crate::vault::{self, Stores};

/// How much content one transaction deletes.
pub const BATCH: i64 = 1_000;

/// `last_error` of a request whose content the object store does not give up.
pub const UNAVAILABLE: &str = "content_store_unavailable";

/// What it takes to delete content: the stores, and the tenant that the pass holds.
#[derive(Clone, Copy)]
pub struct Room<'n> {
    pub stores: &'n Stores,
    pub shelf: &'n Shelf,
    pub lease: &'n Lease,
    pub tenant: TenantId,
    pub pass: PassId,
}

/// Why content goes.
#[derive(Clone, Copy)]
pub enum Cause {
    /// Requests of the pass ask for it: they are told how much it was, and the audit log not which, since a list of what
    /// belonged to one person would link it again.
    Requests,
    /// It is too old.
    Age,
}

/// What came of a deletion.
pub struct Deleted {
    /// How much is gone.
    pub pieces: u64,
    /// How much the object store does not give up.
    pub left: u64,
    /// Whether the store is away.
    pub is_away: bool,
}

/// Deletes the content of the pass's requests that ask for it.
pub async fn delete(room: Room<'_>, report: &mut Report, stop: &Stop) -> std::result::Result<(), NightError> {
    let Room { stores, lease, tenant, pass, .. } = room;
    let mut failed = Vec::new();
    if is_asked(&mut stores.archive.read().await?, tenant, pass).await? {
        select(room).await?;
        // Again while there is more of it: interactions with content may come in meanwhile.
        while !walk(room, report, stop).await? && select(room).await? > 0 {}
        failed = stuck(&mut stores.archive.read().await?, tenant, pass).await?;
    }
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    if !failed.is_empty() {
        closing::reopen(&mut tx, tenant, pass).await?;
        report.requests_failed += sql::fail(&mut tx, tenant, &failed, UNAVAILABLE, stores.clock.now()).await?;
    }
    forget_selection(&mut tx, tenant, pass).await?;
    sql::set_step(&mut tx, tenant, pass, Step::Emptied).await?;
    failpoint::hit("content.end.before-commit");
    tx.commit().await?;
    failpoint::hit("content.end");
    Ok(())
}

/// Notes what is to go, some hundred requests at once. Answers how much of it was not noted yet.
async fn select(room: Room<'_>) -> std::result::Result<u64, NightError> {
    let Room { stores, lease, tenant, pass, .. } = room;
    let (mut noted, mut after) = (0, None);
    loop {
        let requests = sql::claimed(&mut stores.archive.read().await?, tenant, pass, after, REQUESTS).await?;
        let Some(last) = requests.last() else { return Ok(noted) };
        let mut tx = stores.archive.write().await?;
        lease.renew(&mut tx).await?;
        closing::close(&mut tx, tenant, pass, (after, last.id)).await?;
        let more = insert_selection(&mut tx, tenant, pass, (after, last.id)).await?;
        if more > 0 && tx.is_postgres() {
            // Without figures on the new rows the planner takes them for one, and reads all of them for every batch.
            tx.query("ANALYZE pass_contents").execute().await?;
        }
        noted += more;
        tx.commit().await?;
        failpoint::hit("content.select");
        after = Some(last.id);
    }
}

/// Deletes what was noted, as far as the object store gives it up. Answers whether the store is away. While the rows of one
/// batch go, the objects of the next one do.
async fn walk(room: Room<'_>, report: &mut Report, stop: &Stop) -> std::result::Result<bool, NightError> {
    let mut under_way = next(room, None).await?;
    while let Some((last, removed)) = under_way {
        let rows = remove_rows(room, Cause::Requests, &removed.gone);
        if removed.is_away || stop.is_asked() {
            report.content_deleted += rows.await?;
            return if removed.is_away { Ok(true) } else { Err(NightError::Stopped) };
        }
        let (gone, following) = tokio::join!(rows, next(room, Some(last)));
        report.content_deleted += gone?;
        under_way = following?;
    }
    Ok(false)
}

/// Deletes the objects of the next batch of what was noted; none where there is no more.
async fn next(
    room: Room<'_>,
    after: Option<ContentId>,
) -> std::result::Result<Option<(ContentId, Removed)>, NightError> {
    let ids = selection(&mut room.stores.archive.read().await?, room.tenant, room.pass, after).await?;
    let Some(last) = ids.last() else { return Ok(None) };
    Ok(Some((*last, remove_objects(room, &ids).await)))
}

/// Deletes some content: the objects, then the keys and the rows of those whose object is gone.
pub async fn remove(room: Room<'_>, cause: Cause, ids: &[ContentId]) -> std::result::Result<Deleted, NightError> {
    let removed = remove_objects(room, ids).await;
    let pieces = remove_rows(room, cause, &removed.gone).await?;
    Ok(Deleted { pieces, left: removed.left.len() as u64, is_away: removed.is_away })
}

async fn remove_objects(room: Room<'_>, ids: &[ContentId]) -> Removed {
    let removed = content::remove_objects(room.shelf, room.tenant, ids).await;
    failpoint::hit("content.objects");
    removed
}

/// Deletes the keys and the rows of content whose object is gone. Answers how many rows there were.
async fn remove_rows(room: Room<'_>, cause: Cause, gone: &[ContentId]) -> std::result::Result<u64, NightError> {
    let Room { stores, lease, tenant, pass, .. } = room;
    if gone.is_empty() {
        return Ok(0);
    }
    let mut tx = stores.vault.write().await?;
    vault::drop_content_keys(&mut tx, tenant, gone).await?;
    tx.commit().await?;
    failpoint::hit("content.keys");
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    if let Cause::Requests = cause {
        count(&mut tx, tenant, pass, gone).await?;
    }
    release(&mut tx, tenant, pass, gone).await?;
    let deleted = content::remove_rows(&mut tx, tenant, gone, stores.clock.now()).await?;
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

/// Only the target archive has content.
fn archive() -> Targets {
    Targets::from_iter([Target::Archive])
}

/// Notes the content of the interactions whose customer the requests after one and up to another select, those of the pass
/// that ask for it.
async fn insert_selection(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    (after, last): (Option<RequestId>, RequestId),
) -> Result<u64> {
    let mut query = tx.query("WITH selected (request_id, identifier_id, cutoff) AS (");
    for (slot, then) in [("phone_id", " UNION ALL "), ("email_id", "), customers AS (")] {
        query = query
            .push("SELECT id, ")
            .push(slot)
            .push(", due_at FROM requests")
            .with(" WHERE tenant_id = ", tenant)
            .with(" AND pass_id = ", pass)
            .with(" AND delete_content AND (targets & ", archive())
            .push(") <> 0 AND ")
            .push(slot)
            .push(" IS NOT NULL")
            .with_some(" AND id > ", after)
            .with(" AND id <= ", last)
            .push(then);
    }
    selector::customers(query, tenant, Target::Archive, Span::default())
        .push(
            "), hit (request_id, id) AS (SELECT s.request_id, k.id FROM customers k \
             JOIN selected s ON s.identifier_id = k.phone_id AND k.at < s.cutoff \
             UNION SELECT s.request_id, k.id FROM customers k \
             JOIN selected s ON s.identifier_id = k.email_id AND k.at < s.cutoff) \
             INSERT INTO pass_contents (tenant_id, pass_id, content_id, request_id)",
        )
        .with(
            " SELECT c.tenant_id, r.pass_id, c.id, h.request_id FROM hit h JOIN contents c ON c.interaction_id = h.id \
               JOIN requests r ON r.id = h.request_id WHERE c.tenant_id = ",
            tenant,
        )
        .with(" AND r.tenant_id = ", tenant)
        .push(" ON CONFLICT DO NOTHING")
        .execute()
        .await
}

/// The next content that is to go, each piece once.
async fn selection(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    after: Option<ContentId>,
) -> Result<Vec<ContentId>> {
    let rows: Vec<(ContentId,)> = tx
        .query("SELECT DISTINCT content_id FROM pass_contents")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .with_some(" AND content_id > ", after)
        .with(" ORDER BY content_id LIMIT ", BATCH)
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Adds what is about to be deleted to the counts of every request that asked for it, and takes it off the list.
async fn count(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId, gone: &[ContentId]) -> Result<u64> {
    tx.query(
        "INSERT INTO request_contents (tenant_id, request_id, deleted, anonymized) \
         SELECT p.tenant_id, p.request_id, count(*), 0 FROM pass_contents p JOIN contents c ON c.id = p.content_id",
    )
    .with(" WHERE p.tenant_id = ", tenant)
    .with(" AND p.pass_id = ", pass)
    .with(" AND c.tenant_id = ", tenant)
    .with_any(" AND p.content_id", gone.iter().copied())
    .push(
        " GROUP BY p.tenant_id, p.request_id ON CONFLICT (tenant_id, request_id) \
         DO UPDATE SET deleted = request_contents.deleted + excluded.deleted",
    )
    .execute()
    .await?;
    tx.query("DELETE FROM pass_contents")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .with_any(" AND content_id", gone.iter().copied())
        .execute()
        .await
}

/// Notes whom the texts that go mention: candidates for leaving the vault.
async fn release(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId, gone: &[ContentId]) -> Result<u64> {
    tx.query("INSERT INTO pass_released (tenant_id, pass_id, identifier_id) SELECT DISTINCT ")
        .with("", tenant)
        .push(CAST_UUID)
        .with(", ", pass)
        .push(CAST_UUID)
        .with(", identifier_id FROM mentions WHERE tenant_id = ", tenant)
        .with(" AND target = ", Owner::Content)
        .push(" AND identifier_id IS NOT NULL")
        .with_any(" AND record_id", gone.iter().map(|id| id.0))
        .push(" ON CONFLICT DO NOTHING")
        .execute()
        .await
}

/// The requests of the pass that would cut the customer of an interaction whose content is still there.
async fn stuck(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<Vec<RequestId>> {
    let mut query = tx
        .query("WITH kept AS (SELECT DISTINCT c.interaction_id AS id FROM pass_contents p JOIN contents c ON c.id = p.content_id")
        .with(" WHERE p.tenant_id = ", tenant)
        .with(" AND p.pass_id = ", pass)
        .with(" AND c.tenant_id = ", tenant)
        .push(") ");
    for (slot, then) in [("phone_id", " UNION "), ("email_id", "")] {
        query = query
            .push("SELECT r.id FROM kept k JOIN interactions i ON i.id = k.id JOIN requests r ON r.")
            .push(slot)
            .push(" = i.")
            .push(slot)
            .with(" AND i.at < r.due_at WHERE i.tenant_id = ", tenant)
            .with(" AND r.tenant_id = ", tenant)
            .with(" AND r.pass_id = ", pass)
            .with(" AND (r.targets & ", archive())
            .push(") <> 0")
            .push(then);
    }
    let rows: Vec<(RequestId,)> = query.all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

async fn forget_selection(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<u64> {
    tx.query("DELETE FROM pass_contents")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .execute()
        .await
}
