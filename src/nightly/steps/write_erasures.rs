//! Write erasures: the vault learns what is forgotten, and the epoch changes. Every later write has read the erasures.

use std::collections::{HashMap, HashSet};

use crate::base::id::{IdentifierId, RequestId};
use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::model::{Pass, PassResult, Step};
use crate::nightly::report::Report;
use crate::nightly::sql;
use crate::nightly::steps::journal;
use crate::requests::passes::{self as requests, BATCH, ClaimedRequest};
use crate::tenants::fence;
use crate::vault::{self, Erasure, NewErasure};

/// `last_error` of a request whose identifier the vault cannot read.
pub const UNREADABLE: &str = "identifier_unreadable";

/// How many identifiers of the vault one statement reads. A request may name a thousand interactions.
const KEYS_AT_ONCE: usize = 5_000;

pub async fn write(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    let tenant = context.tenant.id;
    // A replay has repeated the erasures before its pass.
    let mut after = None;
    while context.replay.is_none() {
        let claimed = requests::claimed(&mut context.read().await?, tenant, pass.id, after, BATCH).await?;
        let Some(last) = claimed.last() else { break };
        after = Some(last.id);
        let unreadable = unreadable(context, &claimed).await?;
        if !unreadable.is_empty() {
            let mut tx = context.begin().await?;
            let failed: Vec<RequestId> = unreadable.iter().copied().collect();
            let now = context.app.clock.now();
            report.requests_failed += requests::fail(&mut tx, tenant, &failed, UNREADABLE, now).await?;
            tx.commit().await?;
        }
        let erasures: Vec<NewErasure> = claimed
            .iter()
            .filter(|request| !unreadable.contains(&request.id))
            .flat_map(|request| {
                let erasure = Erasure { cutoff: request.due_at, targets: request.targets };
                request.identifiers().map(move |identifier| NewErasure { request: request.id, identifier, erasure })
            })
            .collect();
        let mut tx = context.begin_vault().await?;
        vault::erase(&mut tx, tenant, &erasures).await?;
        failpoint::reach("erasures.before-commit");
        tx.commit().await?;
        failpoint::reach("erasures");
    }
    if context.replay.is_none() {
        journal::know_in_vault(context, pass).await?;
    }
    let mut tx = context.begin().await?;
    fence::advance(&mut tx, tenant).await?;
    sql::set_step(&mut tx, tenant, pass.id, Step::Fenced).await?;
    failpoint::reach("fence.before-commit");
    tx.commit().await?;
    failpoint::reach("fence");
    Ok(())
}

/// The requests with an identifier that the vault does not have or cannot read. They could never become done.
async fn unreadable(context: &PassContext<'_>, claimed: &[ClaimedRequest]) -> PassResult<HashSet<RequestId>> {
    let keyset = context.app.keysets.get(&context.app.vault, context.tenant.id).await?;
    let ids: Vec<IdentifierId> = claimed.iter().flat_map(ClaimedRequest::identifiers).collect();
    let mut masks = HashMap::new();
    for chunk in ids.chunks(KEYS_AT_ONCE) {
        masks.extend(vault::masks(&mut context.read_vault().await?, &keyset, chunk.iter().copied()).await?);
    }
    let is_unreadable =
        |request: &&ClaimedRequest| request.identifiers().any(|id| masks.get(&id).is_none_or(Option::is_none));
    Ok(claimed.iter().filter(is_unreadable).map(|request| request.id).collect())
}
