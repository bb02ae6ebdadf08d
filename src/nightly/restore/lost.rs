//! The identifiers that a restored vault has lost, and the archive refers to.
//!
//! Their values are lost. A waiting request and a hold must still find the customer when the number or address is sent again,
//! so the vault gets their keyed hashes back from the journal, under the ids of the archive.

use std::collections::HashSet;

use crate::base::id::{IdentifierId, TenantId};
use crate::journal::{self, Body, JournalEntry, ObjectKind};
use crate::nightly::model::PassResult;
use crate::nightly::steps::gc_identifiers::{self, keeping};
use crate::store::Reference;
use crate::vault::{self, AppContext, Described, Keyset, LostIdentifier};
use crate::{holds, requests};

/// How many identifiers one statement reads.
const BATCH: i64 = 1_000;

/// Reserves the lost identifiers of waiting requests and of holds. To repeat it changes nothing.
pub async fn reserve(app: &AppContext, tenant: TenantId) -> PassResult<()> {
    let mut wanted = HashSet::new();
    for place in requests::REFERENCES.into_iter().chain(holds::REFERENCES) {
        each_lost(app, tenant, place, |lost| wanted.extend(lost)).await?;
    }
    if wanted.is_empty() || app.journal.is_off() {
        return Ok(());
    }
    // An id that is reserved already waits for its value.
    let reserved = vault::ids_among(&mut app.vault.read().await?, tenant, wanted.iter().copied()).await?;
    wanted.retain(|id| !reserved.contains(id));
    if wanted.is_empty() {
        return Ok(());
    }
    reserve_all(app, tenant, wanted).await
}

/// How many identifiers of the archive the vault has lost.
pub async fn count(app: &AppContext, tenant: TenantId) -> PassResult<u64> {
    let mut count = 0;
    for place in keeping() {
        each_lost(app, tenant, place, |lost| count += lost.len() as u64).await?;
    }
    Ok(count)
}

/// Gives the identifiers of a column whose values the vault does not have to `take`, batch by batch.
async fn each_lost(
    app: &AppContext,
    tenant: TenantId,
    place: Reference,
    mut take: impl FnMut(Vec<IdentifierId>),
) -> PassResult<()> {
    let keyset = app.keysets.get(&app.vault, tenant).await?;
    let mut after = None;
    loop {
        let ids = place.next(&mut app.archive.read().await?, tenant, after, BATCH).await?;
        let Some(last) = ids.last() else { return Ok(()) };
        after = Some(*last);
        let known = vault::masks(&mut app.vault.read().await?, &keyset, ids.iter().copied()).await?;
        take(ids.into_iter().filter(|id| !known.contains_key(id)).collect());
    }
}

/// Looks for the keyed hashes in the journal, the newest objects first. A restored archive has rows of objects that have
/// expired since.
async fn reserve_all(app: &AppContext, tenant: TenantId, mut wanted: HashSet<IdentifierId>) -> PassResult<()> {
    let keyset = app.keysets.get(&app.vault, tenant).await?;
    let entries = journal::entries(&mut app.archive.read().await?, tenant).await?;
    let there: HashSet<i64> = app.journal.numbers(0).await?.into_iter().collect();
    let is_wanted = |entry: &&JournalEntry| names_customers(entry.kind) && there.contains(&entry.seq);
    for entry in entries.iter().rev().filter(is_wanted) {
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
        let found = known.filter_map(|(id, kind, index)| {
            Some(LostIdentifier { id: id.filter(|id| wanted.remove(id))?, kind, index })
        });
        let found: Vec<_> = found.collect();
        replace_revived(app, tenant, &keyset, &found).await?;
        let mut tx = app.vault.write().await?;
        vault::reserve(&mut tx, &keyset, found).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The restored vault may know a customer under an older id than the archive, which then replaces it. A pass had
/// forgotten the older one, so nothing refers to it.
async fn replace_revived(
    app: &AppContext,
    tenant: TenantId,
    keyset: &Keyset,
    lost: &[LostIdentifier],
) -> PassResult<()> {
    let known = vault::find_again(&mut app.vault.read().await?, tenant, lost.iter().map(|one| one.index)).await?;
    let mut revived: Vec<IdentifierId> = known.values().copied().collect();
    revived.sort_unstable();
    let unused = gc_identifiers::unreferenced(&mut app.archive.read().await?, tenant, &revived, keeping()).await?;
    let mut tx = app.vault.write().await?;
    for LostIdentifier { id, index, .. } in lost {
        if let Some(old) = known.get(index).filter(|old| unused.contains(old)) {
            vault::replace_id(&mut tx, keyset, *old, *id).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Whether an object has the keyed hashes of customers who wait or are held.
const fn names_customers(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::Entered | ObjectKind::Edited | ObjectKind::Erasures | ObjectKind::Hold)
}
