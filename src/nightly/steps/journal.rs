//! The erasure journal: a pass writes what it is about to do before it does anything that cannot be undone.
//!
//! The objects of a pass name its requests. A resumed pass journals the requests that no object of it names yet. The
//! archive and the vault get the rows of the objects in the transactions that carry the decisions out.

use std::collections::HashSet;

use crate::base::id::{IdentifierId, RequestId};
use crate::journal::{self, Body, JournalEntry, ObjectKind, Outcome, Selection};
use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::model::{Pass, PassResult, Step};
use crate::nightly::report::Report;
use crate::nightly::sql;
use crate::nightly::steps::write_erasures::UNREADABLE;
use crate::requests::journaling::{self, JournaledRequest, MOST_RECORDS};
use crate::requests::outcomes;
use crate::requests::passes::{self as requests, BATCH, WholeRequest};

/// Journals the claimed requests. If there are none, a heartbeat shows that this pass was made.
pub async fn erasures(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    let (app, tenant) = (context.app, context.tenant.id);
    if context.replay.is_none() && !app.journal.is_off() {
        journal_claimed(context, pass, report).await?;
        if app.journal.of_pass(pass.id).await?.is_empty() {
            append(context, pass, ObjectKind::Heartbeat, Body::Nothing).await?;
        }
    }
    let known = entries(context, pass, |_| true).await?;
    let mut tx = context.begin().await?;
    journal::insert(&mut tx, tenant, &known).await?;
    sql::set_step(&mut tx, tenant, pass.id, Step::Journaled).await?;
    failpoint::reach("journal.before-commit");
    tx.commit().await?;
    failpoint::reach("journal");
    Ok(())
}

/// Journals the claimed requests that no object of the pass names yet. A request whose identifier the vault cannot read
/// leaves the pass.
async fn journal_claimed(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    let tenant = context.tenant.id;
    let covered = covered(context, pass, ObjectKind::Erasures).await?;
    let mut after = None;
    loop {
        let claimed = requests::claimed_whole(&mut context.read().await?, tenant, pass.id, after, BATCH).await?;
        let Some(last) = claimed.last() else { return Ok(()) };
        after = Some(last.claimed.id);
        let (selections, unreadable) = describe(context, &claimed).await?;
        if !unreadable.is_empty() {
            let (mut tx, now) = (context.begin().await?, context.app.clock.now());
            report.requests_failed += requests::fail(&mut tx, tenant, &unreadable, UNREADABLE, now).await?;
            tx.commit().await?;
        }
        let is_new = |records: &Vec<Selection>| records.first().is_some_and(|one| !covered.contains(&one.request));
        let mut object = Vec::new();
        for records in selections.into_iter().filter(is_new) {
            if object.len() + records.len() > MOST_RECORDS && !object.is_empty() {
                append_erasures(context, pass, std::mem::take(&mut object)).await?;
            }
            object.extend(records);
        }
        append_erasures(context, pass, object).await?;
    }
}

/// Journals that the requests of the pass are about to be done, with their numbers. Without these objects, a backup of
/// a database that was taken in the middle of this pass would look like a killed pass.
pub async fn finishing(context: &PassContext<'_>, pass: &Pass) -> PassResult<()> {
    if context.replay.is_some() || context.app.journal.is_off() {
        return Ok(());
    }
    let tenant = context.tenant.id;
    let covered = covered(context, pass, ObjectKind::Finishing).await?;
    let mut after = None;
    loop {
        let mut tx = context.read().await?;
        let claimed = requests::claimed(&mut tx, tenant, pass.id, after, BATCH).await?;
        let Some(last) = claimed.last() else { break };
        after = Some(last.id);
        let ids: Vec<RequestId> = claimed.iter().map(|one| one.id).filter(|id| !covered.contains(id)).collect();
        let outcomes: Vec<Outcome> = outcomes::of(&mut tx, tenant, &ids).await?;
        drop(tx);
        if !outcomes.is_empty() {
            append(context, pass, ObjectKind::Finishing, Body::Outcomes(outcomes)).await?;
            failpoint::reach("journal.finishing");
        }
    }
    Ok(())
}

/// Records in the vault that it knows the objects of the pass so far.
pub async fn know_in_vault(context: &PassContext<'_>, pass: &Pass) -> PassResult<()> {
    let known = entries(context, pass, |_| true).await?;
    if known.is_empty() {
        return Ok(());
    }
    let mut tx = context.begin_vault().await?;
    journal::insert(&mut tx, context.tenant.id, &known).await?;
    Ok(tx.commit().await?)
}

/// Records in both databases that they know the objects of this pass that list content. A killed process may have left
/// one without its rows. The resumed pass has selected the content again, so the object must not be carried out later.
pub async fn know_contents(context: &PassContext<'_>, pass: &Pass) -> PassResult<()> {
    let (app, tenant) = (context.app, context.tenant.id);
    let known = journal::contents(&mut context.read().await?, tenant).await?;
    let mut ids = app.journal.content_objects(tenant).await?;
    ids.retain(|id| !known.contains(id));
    if ids.is_empty() {
        return Ok(());
    }
    let keyset = app.keysets.get(&app.vault, tenant).await?;
    let mut own = Vec::new();
    for id in ids {
        let (header, _) = app.journal.contents(keyset.journal(), id).await?;
        own.extend((header.pass == Some(pass.id)).then_some(id));
    }
    let mut tx = context.begin_vault().await?;
    journal::insert_contents(&mut tx, tenant, &own).await?;
    tx.commit().await?;
    let mut tx = context.begin().await?;
    journal::insert_contents(&mut tx, tenant, &own).await?;
    Ok(tx.commit().await?)
}

/// The objects of the pass of some kinds that a database may not know yet.
pub async fn entries(
    context: &PassContext<'_>,
    pass: &Pass,
    is_wanted: impl Fn(ObjectKind) -> bool,
) -> PassResult<Vec<JournalEntry>> {
    let objects = context.app.journal.of_pass(pass.id).await?;
    // The rows of a replay are written last of all.
    let wanted = objects.into_iter().filter(|one| one.entry.kind != ObjectKind::Replay && is_wanted(one.entry.kind));
    Ok(wanted.map(|one| one.entry).collect())
}

/// The requests that objects of the pass name already.
async fn covered(context: &PassContext<'_>, pass: &Pass, kind: ObjectKind) -> PassResult<HashSet<RequestId>> {
    let app = context.app;
    let keyset = app.keysets.get(&app.vault, context.tenant.id).await?;
    let mut covered = HashSet::new();
    for object in app.journal.of_pass(pass.id).await?.into_iter().filter(|one| one.entry.kind == kind) {
        covered.extend(app.journal.body(keyset.journal(), object.entry.seq).await?.requests());
    }
    Ok(covered)
}

async fn append_erasures(context: &PassContext<'_>, pass: &Pass, records: Vec<Selection>) -> PassResult<()> {
    if !records.is_empty() {
        append(context, pass, ObjectKind::Erasures, Body::Selections(records)).await?;
        failpoint::reach("journal.erasures");
    }
    Ok(())
}

async fn append(context: &PassContext<'_>, pass: &Pass, kind: ObjectKind, body: Body) -> PassResult<()> {
    let app = context.app;
    let keyset = app.keysets.get(&app.vault, context.tenant.id).await?;
    app.journal.append(keyset.journal(), Some(pass.id), kind, &body, app.clock.now()).await?;
    Ok(())
}

/// The records of some requests, and the requests with an identifier that the vault does not have or cannot read.
async fn describe(
    context: &PassContext<'_>,
    claimed: &[WholeRequest],
) -> PassResult<(Vec<Vec<Selection>>, Vec<RequestId>)> {
    let requests: Vec<_> = claimed.iter().map(JournaledRequest::of_claimed).collect();
    let ids: Vec<IdentifierId> = requests.iter().flat_map(JournaledRequest::identifiers).collect();
    let described = journaling::describe(context.app, context.tenant.id, &ids).await?;
    let (mut selections, mut unreadable) = (Vec::new(), Vec::new());
    for request in requests {
        if request.identifiers().all(|id| described.contains_key(&id)) {
            selections.push(request.selections(&described));
        } else {
            unreadable.push(request.id);
        }
    }
    Ok((selections, unreadable))
}
