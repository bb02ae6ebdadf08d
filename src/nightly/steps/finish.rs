//! Finish: a request becomes done. In the same transaction masks replace its own identifiers, also in its comment (A8,
//! A9). The comments of other requests lose them.

use std::collections::HashMap;

use serde_json::json;

use super::write_erasures::UNREADABLE;
use super::{gc_identifiers, journal};
use crate::archive::mentions::Owner;
use crate::archive::unlink;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::id::{IdentifierId, RequestId};
use crate::base::target::Targets;
use crate::certificates;
use crate::exports;
use crate::journal::ObjectKind;
use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::model::{Pass, PassResult, Step};
use crate::nightly::report::Report;
use crate::nightly::sql;
use crate::requests::keys::with_said_of;
use crate::requests::passes::{self as requests, BATCH, ClaimedRequest, Masked};
use crate::vault;

/// The name of the nightly job in the audit log.
pub const ACTOR: &str = "nightly";

pub async fn finish(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    let (app, tenant) = (context.app, context.tenant.id);
    let keyset = app.keysets.get(&app.vault, tenant).await?;
    loop {
        let claimed = requests::claimed(&mut context.read().await?, tenant, pass.id, None, BATCH).await?;
        if claimed.is_empty() {
            break;
        }
        let ids: Vec<IdentifierId> = claimed.iter().flat_map(ClaimedRequest::identifiers).collect();
        let own: Vec<IdentifierId> = claimed.iter().flat_map(ClaimedRequest::own).collect();
        let mut masks = vault::masks(&mut context.read_vault().await?, &keyset, own.iter().copied()).await?;
        if let Some(replay) = context.replay {
            // Only the journal still has the masks of identifiers that have left the vault.
            replay.add_masks(&own, &mut masks);
        }
        let (masked, failed) = mask(&claimed, &masks);
        let now = app.clock.now();

        failpoint::reach("finish.before");
        let mut tx = context.begin().await?;
        report.requests_failed += requests::fail(&mut tx, tenant, &failed, UNREADABLE, now).await?;
        if !masked.is_empty() {
            unlink::own_mentions(&mut tx, tenant, Owner::Request, |query| requests::with_own(query, tenant, &masked))
                .await?;
            unlink::delete_mentions(&mut tx, tenant, Owner::Request, |query| with_said_of(query, tenant, &masked))
                .await?;
            report.requests_done += requests::set_done(&mut tx, tenant, &masked, now).await?;
            let done = done(&claimed, &masked);
            let ids_done: Vec<RequestId> = done.iter().map(|(id, _)| *id).collect();
            certificates::expect(&mut tx, tenant, &ids_done, now).await?;
            requests::publish_done(&mut tx, tenant, &done, now).await?;
            gc_identifiers::note(&mut tx, tenant, pass.id, &ids).await?;
            exports::delete_of(&mut tx, tenant, &ids).await?;
            let entries: Vec<Entry> = masked
                .iter()
                .map(|request| Entry::new(Action::RequestDone, 1, json!({ "request_id": request.id })))
                .collect();
            audit::record_all(&mut tx, app.clock, &Actor::service(tenant, ACTOR), &entries).await?;
        }
        failpoint::reach("finish.before-commit");
        tx.commit().await?;
        failpoint::reach("finish");
        context.check_stop()?;
    }
    let known = journal::entries(context, pass, |kind| kind == ObjectKind::Finishing).await?;
    let mut tx = context.begin().await?;
    crate::journal::insert(&mut tx, tenant, &known).await?;
    sql::set_step(&mut tx, tenant, pass.id, Step::Finished).await?;
    tx.commit().await?;
    Ok(())
}

/// The requests of a batch that become done, with their targets.
fn done(claimed: &[ClaimedRequest], masked: &[Masked]) -> Vec<(RequestId, Targets)> {
    let targets: HashMap<_, _> = claimed.iter().map(|request| (request.id, request.targets)).collect();
    masked.iter().filter_map(|request| Some((request.id, *targets.get(&request.id)?))).collect()
}

/// Splits requests into those whose identifiers all have a mask, and those that cannot be finished.
fn mask(claimed: &[ClaimedRequest], masks: &HashMap<IdentifierId, Option<String>>) -> (Vec<Masked>, Vec<RequestId>) {
    let (mut masked, mut failed) = (Vec::new(), Vec::new());
    for request in claimed {
        let mask = |id: Option<IdentifierId>| id.map(|id| masks.get(&id).cloned().flatten());
        match (mask(request.phone_id), mask(request.email_id)) {
            (Some(None), _) | (_, Some(None)) => failed.push(request.id),
            (phone, email) => masked.push(Masked { id: request.id, phone: phone.flatten(), email: email.flatten() }),
        }
    }
    (masked, failed)
}
