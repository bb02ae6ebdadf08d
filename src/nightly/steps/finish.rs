//! Finish: a request whose targets are all cut becomes done, and in the same transaction its own identifiers become
//! masks, in its comment too (A8, A9).

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::claim::{BATCH, UNREADABLE};
use crate::archive::mentions::Owner;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::id::{IdentifierId, RequestId, TenantId};
use crate::nightly::failpoint;
use crate::nightly::lease::Lease;
use crate::nightly::model::{Pass, PassError, Report, Step, Stop};
use crate::nightly::sql::{self, Claimed};
use crate::store::{Archive, Result, Tx};
use crate::vault::{self, AppContext};

/// The name under which the night stands in the audit log.
pub const ACTOR: &str = "nightly";

/// A request with the masks of its identifiers.
struct Masked {
    id: RequestId,
    phone: Option<String>,
    email: Option<String>,
}

/// Finishes the pass's requests, some hundred at once.
pub async fn finish(
    stores: &AppContext,
    lease: &Lease,
    tenant: TenantId,
    pass: &Pass,
    report: &mut Report,
    stop: &Stop,
) -> std::result::Result<(), PassError> {
    let keyset = stores.keysets.get(&stores.vault, tenant).await?;
    loop {
        let requests = sql::claimed(&mut stores.archive.read().await?, tenant, pass.id, None, BATCH).await?;
        if requests.is_empty() {
            break;
        }
        let ids: Vec<IdentifierId> = requests.iter().flat_map(Claimed::identifiers).collect();
        let masks = vault::masks(&mut stores.vault.read().await?, &keyset, ids.iter().copied()).await?;
        let (masked, failed) = mask(&requests, &masks);
        let now = stores.clock.now();

        failpoint::hit("mask.before");
        let mut tx = stores.archive.write().await?;
        lease.renew(&mut tx).await?;
        if !failed.is_empty() {
            report.requests_failed += sql::fail(&mut tx, tenant, &failed, UNREADABLE, now).await?;
        }
        if !masked.is_empty() {
            mask_comments(&mut tx, tenant, &masked).await?;
            report.requests_done += set_done(&mut tx, tenant, &masked, now).await?;
            sql::release(&mut tx, tenant, pass.id, &ids).await?;
            let entries: Vec<Entry> = masked
                .iter()
                .map(|request| Entry::new(Action::RequestDone, 1, json!({ "request_id": request.id })))
                .collect();
            audit::record_all(&mut tx, stores.clock, &Actor::service(tenant, ACTOR), &entries).await?;
        }
        failpoint::hit("mask.before-commit");
        tx.commit().await?;
        failpoint::hit("mask");
        if stop.is_asked() {
            return Err(PassError::Stopped);
        }
    }
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    sql::set_step(&mut tx, tenant, pass.id, Step::Finished).await?;
    tx.commit().await?;
    Ok(())
}

/// The requests whose identifiers all have a mask, and those that cannot be finished.
fn mask(requests: &[Claimed], masks: &HashMap<IdentifierId, Option<String>>) -> (Vec<Masked>, Vec<RequestId>) {
    let (mut masked, mut failed) = (Vec::new(), Vec::new());
    for request in requests {
        let mask = |id: Option<IdentifierId>| id.map(|id| masks.get(&id).cloned().flatten());
        match (mask(request.phone_id), mask(request.email_id)) {
            (Some(None), _) | (_, Some(None)) => failed.push(request.id),
            (phone, email) => masked.push(Masked { id: request.id, phone: phone.flatten(), email: email.flatten() }),
        }
    }
    (masked, failed)
}

/// What the comments say of the requests' own identifiers reads as their mask from now on.
async fn mask_comments(tx: &mut Tx<Archive>, tenant: TenantId, masked: &[Masked]) -> Result<u64> {
    tx.query("UPDATE mentions SET identifier_id = NULL FROM requests r")
        .with(" WHERE mentions.tenant_id = ", tenant)
        .with(" AND mentions.target = ", Owner::Request)
        .with(" AND r.tenant_id = ", tenant)
        .push(" AND r.id = mentions.record_id AND mentions.identifier_id IN (r.phone_id, r.email_id)")
        .with_any(" AND r.id", masked.iter().map(|request| request.id))
        .execute()
        .await
}

async fn set_done(tx: &mut Tx<Archive>, tenant: TenantId, masked: &[Masked], now: DateTime<Utc>) -> Result<u64> {
    tx.query("WITH masked (id, phone, email) AS (VALUES ")
        .each(masked, |query, Masked { id, phone, email }| {
            query.with("(", *id).with(", ", phone.as_deref()).with(", ", email.as_deref()).push(")")
        })
        .push(
            ") UPDATE requests SET status = 'done', phone_mask = masked.phone, email_mask = masked.email, \
             phone_id = NULL, email_id = NULL, pass_id = NULL, last_error = NULL, version = version + 1",
        )
        .with(", done_at = ", now)
        .with(", updated_at = ", now)
        .with(" FROM masked WHERE requests.tenant_id = ", tenant)
        .push(" AND requests.id = masked.id")
        .once()
        .execute()
        .await
}
