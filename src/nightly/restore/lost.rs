//! The identifiers that a restored vault has lost, and the archive refers to.
//!
//! Their values are lost. A waiting request and a hold must still find the customer when the number or address is sent again,
//! so the vault gets their keyed hashes back from the journal, under the ids of the archive.

use std::collections::HashSet;

use crate::base::id::{IdentifierId, TenantId};
use crate::journal::{self, Body, ObjectKind};
use crate::nightly::model::PassResult;
use crate::nightly::steps::gc_identifiers::references;
use crate::store::{Archive, Tx};
use crate::vault::{self, AppContext, Described};
use crate::{holds, requests};

/// How many identifiers one statement reads.
const BATCH: i64 = 1_000;

/// Reserves the lost identifiers of waiting requests and of holds. Returns how many identifiers of the archive are lost.
pub async fn reserve(app: &AppContext, tenant: TenantId) -> PassResult<u64> {
    let (mut count, mut wanted) = (0, HashSet::new());
    let keyset = app.keysets.get(&app.vault, tenant).await?;
    for place in references() {
        let is_awaited = requests::REFERENCES.contains(&place) || holds::REFERENCES.contains(&place);
        let mut after = None;
        loop {
            let ids = next_ids(&mut app.archive.read().await?, tenant, place, after).await?;
            let Some(last) = ids.last() else { break };
            after = Some(*last);
            let known = vault::masks(&mut app.vault.read().await?, &keyset, ids.iter().copied()).await?;
            let lost = ids.into_iter().filter(|id| !known.contains_key(id));
            let lost: Vec<_> = lost.collect();
            count += lost.len() as u64;
            if is_awaited {
                wanted.extend(lost);
            }
        }
    }
    if !wanted.is_empty() && !app.journal.is_off() {
        reserve_all(app, tenant, wanted).await?;
    }
    Ok(count)
}

/// Looks for the keyed hashes in the journal, the newest objects first.
async fn reserve_all(app: &AppContext, tenant: TenantId, mut wanted: HashSet<IdentifierId>) -> PassResult<()> {
    let keyset = app.keysets.get(&app.vault, tenant).await?;
    let entries = journal::entries(&mut app.archive.read().await?, tenant).await?;
    for entry in entries.iter().rev().filter(|entry| names_customers(entry.kind)) {
        if wanted.is_empty() {
            break;
        }
        let keys: Vec<_> = match app.journal.body(keyset.journal(), entry.seq).await? {
            Body::Selections(all) => all.iter().map(|one| (one.identifier, one.kind, one.index)).collect(),
            Body::Hold(all) => all.iter().map(|one| (one.identifier, one.kind, one.index)).collect(),
            _ => Vec::new(),
        };
        // An identifier that the vault did not have at that time has no keyed hash there.
        let known = keys.into_iter().filter(|(_, _, index)| *index != Described::unknown().index);
        let found = known.filter_map(|(id, kind, index)| Some((id.filter(|id| wanted.remove(id))?, kind, index)));
        let found: Vec<_> = found.collect();
        let mut tx = app.vault.write().await?;
        vault::reserve(&mut tx, &keyset, found).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Whether an object has the keyed hashes of customers who wait or are held.
const fn names_customers(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::Entered | ObjectKind::Edited | ObjectKind::Erasures | ObjectKind::Hold)
}

/// The next identifiers of a column of the archive.
async fn next_ids(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    (table, column): (&'static str, &'static str),
    after: Option<IdentifierId>,
) -> PassResult<Vec<IdentifierId>> {
    let mut query = tx.query("SELECT DISTINCT ").push(column).push(" FROM ").push(table);
    query = query.with(" WHERE tenant_id = ", tenant).push(" AND ").push(column).push(" IS NOT NULL");
    if let Some(after) = after {
        query = query.push(" AND ").push(column).with(" > ", after);
    }
    let rows: Vec<(IdentifierId,)> = query.push(" ORDER BY ").push(column).with(" LIMIT ", BATCH).all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
