//! Delete content: the content that requests with `delete_content` select by their customer is deleted before anything
//! else is forgotten (A27, C1).
//!
//! At this point no erasure is written and no customer is unlinked. So a request whose content the object store does
//! not delete can leave the pass unchanged, and the next pass finds the same. Every request that would unlink the
//! customer of that content leaves the pass too, since content is found by its customer only.
//!
//! Content of a record that merely *mentions* the identifier stays: it belongs to another customer (A18).

mod close;
mod select;

use serde_json::{Value, json};

use self::select::ContentWalk;
use super::finish::ACTOR;
use super::{gc_identifiers, journal};
use crate::archive::mentions::Owner;
use crate::archive::unlink;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::id::{JournalId, ObjectId};
use crate::content::{self, Removed};
use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::model::{Pass, PassError, PassResult, Step};
use crate::nightly::report::Report;
use crate::nightly::sql;
use crate::requests::keys::Deleting;
use crate::requests::passes::{self as requests, BATCH as REQUESTS};
use crate::vault;

/// How many pieces of content one transaction deletes.
pub const BATCH: usize = 1_000;

/// `last_error` of a request whose content the object store does not delete or return.
pub const UNAVAILABLE: &str = "content_store_unavailable";

/// Why content is deleted.
#[derive(Clone, Copy)]
pub enum Cause {
    /// Requests of the pass delete it. They get the number of pieces. The audit log does not get the ids, since a list
    /// of the content of one person would link it again.
    Requests,
    /// It is past its retention.
    Age,
    /// Its interaction ages. The audit log does not get the ids, since they tell when the content was stored.
    Ageing,
}

pub struct DeletionOutcome {
    pub pieces: u64,
    /// How many pieces the object store did not delete.
    pub left: u64,
    /// Whether the object store is unavailable.
    pub is_away: bool,
}

/// Deletes the content of those requests of the pass that ask for it.
pub async fn delete(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    let tenant = context.tenant.id;
    if context.replay.is_some() {
        return close_again(context, pass).await;
    }
    let mut failed = Vec::new();
    if requests::any_deletes_content(&mut context.read().await?, tenant, pass.id).await? {
        if note_content(context, pass).await? > 0 {
            delete_noted(context, pass, report).await?;
        }
        failed = select::blocked(&mut context.read().await?, tenant, pass.id).await?;
        journal::know_contents(context, pass).await?;
    }
    let mut tx = context.begin().await?;
    if !failed.is_empty() {
        let now = context.app.clock.now();
        close::reopen(&mut tx, tenant, pass.id, now).await?;
        report.requests_failed += requests::fail(&mut tx, tenant, &failed, UNAVAILABLE, now).await?;
    }
    select::forget(&mut tx, tenant, pass.id).await?;
    sql::set_step(&mut tx, tenant, pass.id, Step::ContentDeleted).await?;
    failpoint::reach("content.end.before-commit");
    tx.commit().await?;
    failpoint::reach("content.end");
    Ok(())
}

/// Deletes the content of records that came between the selection and the erasures: of customers whose content is
/// deleted, late records arrive identified until the erasures are written, also while a killed pass waits.
///
/// These requests cannot leave the pass any more. So content whose object the store does not delete loses its key and its
/// row, and a later job deletes the object.
pub async fn delete_late(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    let tenant = context.tenant.id;
    if context.replay.is_some() || !requests::any_deletes_content(&mut context.read().await?, tenant, pass.id).await? {
        return Ok(());
    }
    if note_content(context, pass).await? > 0 {
        let mut walk = ContentWalk::default();
        while let Some(mut batch) = delete_next_objects(context, pass, &mut walk).await? {
            let left = std::mem::take(&mut batch.removed.left);
            batch.removed.gone.extend(left);
            report.content_deleted += delete_rows(context, pass, Cause::Requests, &batch).await?;
            context.check_stop()?;
        }
    }
    journal::know_contents(context, pass).await?;
    let mut tx = context.begin().await?;
    select::forget(&mut tx, tenant, pass.id).await?;
    Ok(tx.commit().await?)
}

/// Closes the interactions of a replayed request again. The replay has deleted the content by the ids that the journal
/// has, and it selects nothing anew.
async fn close_again(context: &PassContext<'_>, pass: &Pass) -> PassResult<()> {
    let requests = Deleting::OfPass { pass: pass.id, after: None, last: None };
    let mut tx = context.begin().await?;
    close::close(&mut tx, context.tenant.id, requests, context.app.clock.now()).await?;
    sql::set_step(&mut tx, context.tenant.id, pass.id, Step::ContentDeleted).await?;
    Ok(tx.commit().await?)
}

/// Closes the interactions that the requests select, and notes anew those with content, in batches of requests. Returns
/// how many notes there are.
///
/// It looks at closed ones too: an interaction may have been closed with its content by a run that was killed, and have
/// had another customer meanwhile.
async fn note_content(context: &PassContext<'_>, pass: &Pass) -> PassResult<u64> {
    let tenant = context.tenant.id;
    let (mut after, mut all) = (None, 0);
    loop {
        let claimed = requests::claimed(&mut context.read().await?, tenant, pass.id, after, REQUESTS).await?;
        let Some(last) = claimed.last() else { break };
        let mut tx = context.begin().await?;
        if after.is_none() {
            select::forget(&mut tx, tenant, pass.id).await?;
        }
        let batch = Deleting::OfPass { pass: pass.id, after, last: Some(last.id) };
        close::close(&mut tx, tenant, batch, context.app.clock.now()).await?;
        let noted = select::note(&mut tx, tenant, pass.id, batch).await?;
        if noted > 0 && tx.is_postgres() {
            // Without statistics the planner assumes one new row, and reads all of them for every batch.
            tx.query("ANALYZE pass_interactions").execute().await?;
        }
        tx.commit().await?;
        failpoint::reach("content.select");
        all += noted;
        after = Some(last.id);
    }
    Ok(all)
}

/// Deletes the noted content, as far as the object store does. It ends early if the store is unavailable. The objects of
/// the next batch are deleted together with the rows of the last one.
async fn delete_noted(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    let mut walk = ContentWalk::default();
    let mut batch = delete_next_objects(context, pass, &mut walk).await?;
    while let Some(batch_removed) = batch {
        let is_away = batch_removed.removed.is_away;
        let rows = delete_rows(context, pass, Cause::Requests, &batch_removed);
        if is_away || context.stop.is_requested() {
            report.content_deleted += rows.await?;
            return if is_away { Ok(()) } else { Err(PassError::Stopped) };
        }
        let (deleted, next) = tokio::join!(rows, delete_next_objects(context, pass, &mut walk));
        report.content_deleted += deleted?;
        batch = next?;
    }
    Ok(())
}

/// Deletes the objects of the next batch of the walk. Returns none at the end.
async fn delete_next_objects(
    context: &PassContext<'_>,
    pass: &Pass,
    walk: &mut ContentWalk,
) -> PassResult<Option<JournaledRemoval>> {
    let ids = walk.next(&mut context.read().await?, context.tenant.id, pass.id).await?;
    Ok(if ids.is_empty() { None } else { Some(delete_objects(context, pass, Cause::Requests, &ids).await?) })
}

/// Deletes some content: the objects, then the keys and the rows of those whose object is gone.
pub async fn delete_some(
    context: &PassContext<'_>,
    pass: &Pass,
    cause: Cause,
    ids: &[ObjectId],
) -> PassResult<DeletionOutcome> {
    let journaled = delete_objects(context, pass, cause, ids).await?;
    let pieces = delete_rows(context, pass, cause, &journaled).await?;
    let removed = journaled.removed;
    Ok(DeletionOutcome { pieces, left: removed.left.len() as u64, is_away: removed.is_away })
}

/// The result of the deletion of objects, and the object of the journal that lists them.
struct JournaledRemoval {
    removed: Removed,
    journaled: Option<JournalId>,
}

/// Deletes objects. Content that requests delete is journaled before. Retention needs no journal: after a restore, the
/// age of the content deletes it again.
async fn delete_objects(
    context: &PassContext<'_>,
    pass: &Pass,
    cause: Cause,
    ids: &[ObjectId],
) -> PassResult<JournaledRemoval> {
    let app = context.app;
    let journaled = match cause {
        Cause::Requests => {
            let keyset = app.keysets.get(&app.vault, context.tenant.id).await?;
            let ids = ids.iter().map(|object| object.id).collect();
            app.journal.append_contents(keyset.journal(), Some(pass.id), ids, app.clock.now()).await?
        }
        Cause::Age | Cause::Ageing => None,
    };
    failpoint::reach("content.journal");
    let removed = content::remove_objects(context.content_store, context.tenant.id, ids).await;
    failpoint::reach("content.objects");
    Ok(JournaledRemoval { removed, journaled })
}

/// Deletes the keys and the rows of content whose object is gone. Returns how many rows there were.
async fn delete_rows(
    context: &PassContext<'_>,
    pass: &Pass,
    cause: Cause,
    deleted: &JournaledRemoval,
) -> PassResult<u64> {
    let (app, tenant) = (context.app, context.tenant.id);
    let (gone, journaled) = (deleted.removed.gone.as_slice(), deleted.journaled.as_slice());
    if gone.is_empty() && journaled.is_empty() {
        return Ok(0);
    }
    let mut tx = context.begin_vault().await?;
    vault::drop_content_keys(&mut tx, tenant, gone).await?;
    crate::journal::insert_contents(&mut tx, tenant, journaled).await?;
    tx.commit().await?;
    failpoint::reach("content.keys");
    let mut tx = context.begin().await?;
    let traces = content::traces(&mut tx, tenant).await?;
    if traces.mentions {
        let records = gone.iter().map(|object| object.id.0);
        gc_identifiers::note_all(&mut tx, tenant, pass.id, |query| {
            unlink::identifiers_in(query.push("WITH lost AS ("), tenant, Owner::Content, records).push(")")
        })
        .await?;
    }
    let removed = content::remove_rows(&mut tx, tenant, gone, traces, app.clock.now()).await?;
    crate::journal::insert_contents(&mut tx, tenant, journaled).await?;
    if let Cause::Requests = cause {
        select::count(&mut tx, tenant, pass.id, &removed).await?;
    }
    let deleted = removed.into_values().sum();
    if deleted > 0 {
        let records = usize::try_from(deleted).unwrap_or(usize::MAX);
        let entry = Entry::new(Action::ContentDeleted, records, detail(cause, gone));
        audit::record(&mut tx, app.clock, &Actor::service(tenant, ACTOR), &entry).await?;
        let (because, ids) = match cause {
            Cause::Requests => ("request", Vec::new()),
            Cause::Ageing => ("ageing", Vec::new()),
            Cause::Age => ("retention", gone.iter().map(|object| object.id).collect()),
        };
        content::publish_deleted(&mut tx, tenant, (because, deleted), &ids, app.clock.now()).await?;
    }
    failpoint::reach("content.before-commit");
    tx.commit().await?;
    failpoint::reach("content");
    Ok(deleted)
}

fn detail(cause: Cause, gone: &[ObjectId]) -> Value {
    match cause {
        Cause::Requests => json!({ "because": "requests" }),
        Cause::Ageing => json!({ "because": "ageing" }),
        Cause::Age => {
            let ids: Vec<_> = gone.iter().map(|object| object.id).collect();
            json!({ "because": "retention", "content_ids": ids })
        }
    }
}
