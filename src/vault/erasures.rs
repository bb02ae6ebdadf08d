//! Statements of erasures: the keyed hashes of forgotten identifiers, with their cut-offs.

use chrono::{DateTime, Utc};

use super::model::{Erasure, FoundAgain, NewErasure, RepeatedErasure};
use super::sql::to_index;
use crate::base::crypto::BlindIndex;
use crate::base::id::{IdentifierId, RequestId, TenantId};
use crate::base::target::Targets;
use crate::store::{Result, Tx, Vault};

pub async fn erasures(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    hashes: impl Iterator<Item = BlindIndex>,
) -> Result<Vec<(BlindIndex, Erasure)>> {
    let rows: Vec<(Vec<u8>, DateTime<Utc>, Targets)> = tx
        .query("SELECT index_hash, cutoff, targets FROM erasures")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND index_hash", hashes.map(|hash| hash.0.to_vec()))
        .all()
        .await?;
    let erasure = |(hash, cutoff, targets): (Vec<u8>, _, _)| Some((to_index(&hash)?, Erasure { cutoff, targets }));
    Ok(rows.into_iter().filter_map(erasure).collect())
}

/// The statement reads the hash from the identifier's row, so that the pass never opens the identifier.
pub async fn insert_erasures(tx: &mut Tx<Vault>, tenant: TenantId, erasures: &[NewErasure]) -> Result<u64> {
    tx.query("INSERT INTO erasures (tenant_id, index_hash, request_id, cutoff, targets) ")
        .push("WITH selected (request_id, identifier_id, cutoff, targets) AS (VALUES ")
        .each(erasures, |query, one| {
            query
                .with("(", one.request)
                .with(", ", one.identifier)
                .with(", ", one.erasure.cutoff)
                .with(", ", one.erasure.targets)
                .push(")")
        })
        .push(
            ") SELECT i.tenant_id, i.index_hash, s.request_id, s.cutoff, s.targets \
             FROM selected s JOIN identifiers i ON i.id = s.identifier_id",
        )
        .with(" WHERE i.tenant_id = ", tenant)
        .push(" ON CONFLICT DO NOTHING")
        .once()
        .execute()
        .await
}

pub async fn repeat_erasures(tx: &mut Tx<Vault>, tenant: TenantId, erasures: &[RepeatedErasure]) -> Result<u64> {
    tx.query("INSERT INTO erasures (tenant_id, index_hash, request_id, cutoff, targets) VALUES ")
        .each(erasures, |query, one| {
            query
                .with("(", tenant)
                .with(", ", one.index.0.to_vec())
                .with(", ", one.request)
                .with(", ", one.erasure.cutoff)
                .with(", ", one.erasure.targets)
                .push(")")
        })
        .push(" ON CONFLICT DO NOTHING")
        .once()
        .execute()
        .await
}

/// The identifiers of the vault that an erasure covers, by a range of their keyed hashes. The erasure of a customer who
/// is forgotten finds none, unless a restore has brought the identifier back.
pub async fn erased_identifiers(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    from: [u8; 1],
    to: Option<[u8; 1]>,
) -> Result<Vec<FoundAgain>> {
    let rows: Vec<(RequestId, IdentifierId, DateTime<Utc>, Targets)> = tx
        .query("SELECT e.request_id, i.id, e.cutoff, e.targets FROM erasures e ")
        .with("JOIN identifiers i ON i.index_hash = e.index_hash WHERE e.tenant_id = ", tenant)
        .with(" AND i.tenant_id = ", tenant)
        .with(" AND e.index_hash >= ", from.to_vec())
        .with_some(" AND e.index_hash < ", to.map(|to| to.to_vec()))
        .all()
        .await?;
    let found = |(request, identifier, cutoff, targets)| FoundAgain {
        request,
        identifier,
        erasure: Erasure { cutoff, targets },
    };
    Ok(rows.into_iter().map(found).collect())
}

pub async fn delete_erasures(tx: &mut Tx<Vault>, tenant: TenantId, requests: &[RequestId]) -> Result<u64> {
    tx.query("DELETE FROM erasures")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND request_id", requests.iter().copied())
        .execute()
        .await
}

/// The next requests after one that have erasures, and that were entered before an id.
pub async fn old_erasures(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    (after, before): (RequestId, RequestId),
    limit: i64,
) -> Result<Vec<RequestId>> {
    let rows: Vec<(RequestId,)> = tx
        .query("SELECT DISTINCT request_id FROM erasures")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND request_id > ", after)
        .with(" AND request_id < ", before)
        .with(" ORDER BY request_id LIMIT ", limit)
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
