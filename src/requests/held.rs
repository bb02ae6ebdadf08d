//! Requests that select held records: a pass leaves them waiting, and a hold comes too late if a pass has begun one.

use std::collections::{BTreeSet, HashMap};

use super::keys::{Begun, with_begun};
use super::passes::ClaimedRequest;
use crate::archive::held;
use crate::base::id::{HoldId, PassId, RequestId, TenantId};
use crate::base::target::Target;
use crate::holds::{self, Which};
use crate::store::{Archive, Result, Tx};

/// Gives those requests of a pass back that select a held record, before the pass does anything. Nothing tells that they
/// were claimed. Returns how many they are.
///
/// The claim and the placing of a hold exclude each other: the one that comes later sees the other.
pub async fn spare(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<u64> {
    if !holds::is_any(tx, tenant).await? {
        return Ok(0);
    }
    if tx.is_postgres() {
        // To compile the statements would take longer than to run them.
        tx.query("SET LOCAL jit = off").execute().await?;
    }
    let mut spared = BTreeSet::new();
    for target in Target::ALL {
        let counted =
            held::count(tx, tenant, target, Which::All, |query| with_begun(query, tenant, target, Begun::OfPass(pass)))
                .await?;
        spared.extend(counted.into_iter().map(|(id, _)| id));
    }
    for chunk in spared.iter().copied().collect::<Vec<_>>().chunks(1_000) {
        tx.query("UPDATE requests SET pass_id = NULL, attempts = attempts - 1")
            .with(" WHERE tenant_id = ", tenant)
            .with_any(" AND id", chunk.iter().copied())
            .execute()
            .await?;
    }
    Ok(spared.len() as u64)
}

/// Whether a pass has begun a request that selects a record of a hold.
pub async fn is_too_late(tx: &mut Tx<Archive>, tenant: TenantId, hold: HoldId) -> Result<bool> {
    let Some(begun) = oldest_begun(tx, tenant).await? else { return Ok(false) };
    for target in Target::ALL {
        let begun =
            held::count(tx, tenant, target, Which::One(hold), |query| with_begun(query, tenant, target, Begun::All));
        if !begun.await?.is_empty() {
            return Ok(true);
        }
    }
    // An interaction that was unlinked has no key any more by which a request selects it.
    Ok(has_key_of(tx, tenant, hold).await? || held::is_unlinked_since(tx, tenant, hold, begun.at()).await?)
}

/// The oldest pass that has begun a request that is not done.
async fn oldest_begun(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Option<PassId>> {
    let one: Option<(PassId,)> = tx
        .query("SELECT pass_id FROM requests")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND pass_id IS NOT NULL ORDER BY pass_id LIMIT 1")
        .maybe()
        .await?;
    Ok(one.map(|(pass,)| pass))
}

/// Whether a request that a pass has begun has a key of a hold. Its records may be unlinked already.
async fn has_key_of(tx: &mut Tx<Archive>, tenant: TenantId, hold: HoldId) -> Result<bool> {
    for target in Target::ALL {
        let query = with_begun(tx.query(""), tenant, target, Begun::All).push(", held AS (");
        let found: Option<(RequestId,)> = holds::keys(query, tenant, Which::One(hold))
            .push(") SELECT s.request_id FROM selected s JOIN held h ON h.id = s.identifier_id LIMIT 1")
            .maybe()
            .await?;
        if found.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many held records each of some requests selects. A request that selects none is left out.
pub async fn count(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    requests: &[ClaimedRequest],
) -> Result<HashMap<RequestId, u64>> {
    let mut counted = HashMap::new();
    if !holds::is_any(tx, tenant).await? {
        return Ok(counted);
    }
    for some in bounded(requests) {
        for target in Target::ALL {
            let wanted = some.iter().filter(|request| request.targets.contains(target));
            let keys: Vec<_> = wanted.flat_map(|one| one.keys(target).map(|key| (one.id, key, one.due_at))).collect();
            if keys.is_empty() {
                continue;
            }
            let held = held::count(tx, tenant, target, Which::All, |query| {
                query
                    .push("WITH selected (request_id, identifier_id, cutoff) AS (VALUES ")
                    .each(&keys, |query, (id, key, cutoff)| {
                        query.with("(", *id).with(", ", *key).with(", ", *cutoff).push(")")
                    })
                    .push(")")
            });
            for (id, records) in held.await? {
                *counted.entry(id).or_default() += records.unsigned_abs();
            }
        }
    }
    Ok(counted)
}

/// The most keys that one statement counts by.
const MOST_KEYS: usize = 5_000;

/// Requests in parts with a bounded number of keys. A request may name a thousand interactions.
pub fn bounded(requests: &[ClaimedRequest]) -> impl Iterator<Item = &[ClaimedRequest]> {
    let mut keys = 0;
    requests.chunk_by(move |one, next| {
        keys += 2 + 3 * one.interactions.len();
        let fits = keys + 2 + 3 * next.interactions.len() <= MOST_KEYS;
        keys = if fits { keys } else { 0 };
        fits
    })
}
