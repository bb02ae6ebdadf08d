//! Claim, erasures, fence: from here on nothing that should be forgotten can come in any more.

use std::collections::HashSet;

use crate::base::id::{IdentifierId, RequestId, TenantId};
use crate::nightly::failpoint;
use crate::nightly::lease::Lease;
use crate::nightly::model::{Pass, PassError, Report, Step};
use crate::nightly::sql::{self, Claimed};
use crate::tenants::fence;
use crate::vault::{self, AppContext, Erasure, NewErasure};

/// How many requests are handled at once.
pub const BATCH: i64 = 500;

/// `last_error` of a request whose identifier the vault cannot read.
pub const UNREADABLE: &str = "identifier_unreadable";

/// Claims the due requests for a new pass.
pub async fn claim(stores: &AppContext, lease: &Lease, tenant: TenantId, pass: Pass) -> Result<Pass, PassError> {
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    sql::insert_pass(&mut tx, tenant, &pass).await?;
    sql::claim(&mut tx, tenant, pass.id, pass.as_of).await?;
    failpoint::hit("claim.before-commit");
    tx.commit().await?;
    failpoint::hit("claim");
    Ok(pass)
}

/// Writes the erasures of the claimed requests into the vault, then moves the fence: whatever lands from here on has
/// seen them.
pub async fn erase(
    stores: &AppContext,
    lease: &Lease,
    tenant: TenantId,
    pass: &Pass,
    report: &mut Report,
) -> Result<(), PassError> {
    let mut after = None;
    loop {
        let mut tx = stores.archive.read().await?;
        let requests = sql::claimed(&mut tx, tenant, pass.id, after, BATCH).await?;
        drop(tx);
        let Some(last) = requests.last() else { break };
        after = Some(last.id);
        let unreadable = unreadable(stores, tenant, &requests).await?;
        if !unreadable.is_empty() {
            let mut tx = stores.archive.write().await?;
            lease.renew(&mut tx).await?;
            let failed: Vec<RequestId> = unreadable.iter().copied().collect();
            report.requests_failed += sql::fail(&mut tx, tenant, &failed, UNREADABLE, stores.clock.now()).await?;
            tx.commit().await?;
        }
        let erasures: Vec<NewErasure> = requests
            .iter()
            .filter(|request| !unreadable.contains(&request.id))
            .flat_map(|request| {
                let erasure = Erasure { cutoff: request.due_at, targets: request.targets };
                request.identifiers().map(move |identifier| NewErasure { request: request.id, identifier, erasure })
            })
            .collect();
        let mut tx = stores.vault.write().await?;
        vault::erase(&mut tx, tenant, &erasures).await?;
        failpoint::hit("erasures.before-commit");
        tx.commit().await?;
        failpoint::hit("erasures");
    }
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    fence::advance(&mut tx, tenant).await?;
    sql::set_step(&mut tx, tenant, pass.id, Step::Fenced).await?;
    failpoint::hit("fence.before-commit");
    tx.commit().await?;
    failpoint::hit("fence");
    Ok(())
}

/// The requests whose identifiers the vault has not, or cannot read: they would never be done.
async fn unreadable(
    stores: &AppContext,
    tenant: TenantId,
    requests: &[Claimed],
) -> Result<HashSet<RequestId>, PassError> {
    let keyset = stores.keysets.get(&stores.vault, tenant).await?;
    let ids: Vec<IdentifierId> = requests.iter().flat_map(Claimed::identifiers).collect();
    let masks = vault::masks(&mut stores.vault.read().await?, &keyset, ids).await?;
    let is_unreadable = |request: &&Claimed| request.identifiers().any(|id| masks.get(&id).is_none_or(Option::is_none));
    Ok(requests.iter().filter(is_unreadable).map(|request| request.id).collect())
}
