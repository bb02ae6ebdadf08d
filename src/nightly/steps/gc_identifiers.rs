//! Collection of orphaned identifiers: an identifier that nothing refers to leaves the vault.
//!
//! A write that resolves an identifier removes its mark `retired`, and it passes the fence. So an identifier that is
//! still retired and unreferenced after the epoch has changed is not about to be used.

use crate::archive;
use crate::base::id::{IdentifierId, PassId, TenantId};
use crate::delivery;
use crate::exports;
use crate::holds;
use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::model::{Pass, PassResult, Step};
use crate::nightly::report::Report;
use crate::nightly::sql;
use crate::requests;
use crate::reveals;
use crate::store::{Archive, Query, Reference, Result, Sql, Tx};
use crate::tenants::fence;
use crate::vault;

/// How many identifiers of the vault one pass checks. 20 passes check a vault of a million.
const CHECKED: usize = 50_000;

/// How many identifiers one statement checks.
const BATCH: u32 = 1_000;

/// Checks the next identifiers of the vault, and notes the orphans. An identifier is an orphan from the beginning if
/// its record was never written.
pub async fn find_orphans(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    let tenant = context.tenant.id;
    let mut position = position(&mut context.read().await?, tenant).await?;
    let mut checked = 0;
    loop {
        let ids = vault::walk(&mut context.read_vault().await?, tenant, position, BATCH).await?;
        let orphans = unreferenced(&mut context.read().await?, tenant, &ids, keeping()).await?;
        checked += ids.len();
        let at_end = ids.len() < BATCH as usize;
        position = ids.last().copied().filter(|_| !at_end).unwrap_or(IdentifierId(uuid::Uuid::nil()));
        let is_last = at_end || checked >= CHECKED;
        let mut tx = context.begin().await?;
        report.orphans_found += note(&mut tx, tenant, pass.id, &orphans).await?;
        set_position(&mut tx, tenant, position).await?;
        if is_last {
            if tx.is_postgres() {
                // Without statistics the planner assumes that each thousand of the orphans are all of them, and reads the
                // whole table for it.
                tx.query("ANALYZE pass_orphans").execute().await?;
            }
            sql::set_step(&mut tx, tenant, pass.id, Step::OrphansFound).await?;
        }
        tx.commit().await?;
        failpoint::reach("gc_identifiers");
        if is_last {
            return Ok(());
        }
    }
}

/// Marks the noted identifiers as retired, and changes the epoch. The copies of customers without a record end, also if they
/// were ordered by another identifier than the request names.
pub async fn retire(context: &PassContext<'_>, pass: &Pass) -> PassResult<()> {
    let tenant = context.tenant.id;
    let mut after = None;
    loop {
        let ids = noted(&mut context.read().await?, tenant, pass.id, after).await?;
        let Some(last) = ids.last() else { break };
        after = Some(*last);
        let gone = unreferenced(&mut context.read().await?, tenant, &ids, archive::REFERENCES).await?;
        if !gone.is_empty() {
            let mut tx = context.begin().await?;
            exports::delete_of(&mut tx, tenant, &gone).await?;
            tx.commit().await?;
        }
        let mut tx = context.begin_vault().await?;
        vault::retire(&mut tx, tenant, &ids).await?;
        failpoint::reach("retire.before-commit");
        tx.commit().await?;
        failpoint::reach("retire");
    }
    let mut tx = context.begin().await?;
    fence::advance(&mut tx, tenant).await?;
    sql::set_step(&mut tx, tenant, pass.id, Step::Retired).await?;
    failpoint::reach("fence-again.before-commit");
    tx.commit().await?;
    failpoint::reach("fence-again");
    Ok(())
}

/// Deletes those of the noted identifiers that nothing refers to, and removes the mark from the others.
pub async fn delete(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    let tenant = context.tenant.id;
    loop {
        let mut tx = context.read().await?;
        let ids = noted(&mut tx, tenant, pass.id, None).await?;
        if ids.is_empty() {
            break;
        }
        let orphans = unreferenced(&mut tx, tenant, &ids, keeping()).await?;
        drop(tx);
        let kept: Vec<IdentifierId> = ids.iter().copied().filter(|id| !orphans.contains(id)).collect();
        failpoint::reach("vault-delete.before");
        let mut tx = context.begin_vault().await?;
        if !orphans.is_empty() {
            report.identifiers_deleted += vault::delete_retired(&mut tx, tenant, &orphans).await?;
        }
        if !kept.is_empty() {
            vault::keep(&mut tx, tenant, &kept).await?;
        }
        failpoint::reach("vault-delete.before-commit");
        tx.commit().await?;
        failpoint::reach("vault-delete");
        let mut tx = context.begin().await?;
        // After the deletion, so that also those go that were entered while this pass ran.
        if !orphans.is_empty() {
            reveals::passes::forget(&mut tx, tenant, |query| {
                query.with_any("reveal_items.identifier_id", orphans.iter().copied())
            })
            .await?;
            exports::delete_of(&mut tx, tenant, &orphans).await?;
        }
        forget(&mut tx, tenant, pass.id, &ids).await?;
        tx.commit().await?;
    }
    let mut tx = context.begin().await?;
    sql::set_step(&mut tx, tenant, pass.id, Step::IdentifiersDeleted).await?;
    tx.commit().await?;
    Ok(())
}

/// The identifiers among some, sorted, to which no column of a list refers. Nothing at all refers to an orphan.
pub async fn unreferenced(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    ids: &[IdentifierId],
    references: impl IntoIterator<Item = Reference>,
) -> Result<Vec<IdentifierId>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = tx
        .query("WITH checked (id) AS (VALUES ")
        .each(ids, |query, id| query.with("(", *id).push(")"))
        .push(") SELECT id FROM checked c WHERE TRUE");
    let query = references.into_iter().fold(query, |query, one| one.refers_to_none(query, tenant, "c.id"));
    let rows: Vec<(IdentifierId,)> = query.push(" ORDER BY id").once().all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Every column of the archive that contains the id of an identifier, but those of a pass.
pub fn references() -> impl Iterator<Item = Reference> {
    keeping().chain(reveals::REFERENCES).chain(exports::REFERENCES)
}

/// The columns whose identifiers stay in the vault. A reveal or an export is only a question about a customer, and keeps
/// nobody who is forgotten while it is entered.
pub fn keeping() -> impl Iterator<Item = Reference> {
    let above = requests::REFERENCES.into_iter().chain(delivery::REFERENCES).chain(holds::REFERENCES);
    archive::REFERENCES.into_iter().chain(above)
}

async fn position(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<IdentifierId> {
    let position: Option<(IdentifierId,)> =
        tx.query("SELECT position FROM gc_identifiers").with(" WHERE tenant_id = ", tenant).maybe().await?;
    Ok(position.map_or(IdentifierId(uuid::Uuid::nil()), |(position,)| position))
}

async fn set_position(tx: &mut Tx<Archive>, tenant: TenantId, position: IdentifierId) -> Result<u64> {
    tx.query("INSERT INTO gc_identifiers (tenant_id, position) VALUES (")
        .with("", tenant)
        .with(", ", position)
        .push(") ON CONFLICT (tenant_id) DO UPDATE SET position = excluded.position")
        .execute()
        .await
}

/// Notes identifiers that may have lost their last reference, and returns how many were not noted yet.
pub async fn note(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId, ids: &[IdentifierId]) -> Result<u64> {
    let mut noted = 0;
    for chunk in ids.chunks(1_000) {
        noted += tx
            .query("INSERT INTO pass_orphans (tenant_id, pass_id, identifier_id) VALUES ")
            .each(chunk, |query, id| query.with("(", tenant).with(", ", pass).with(", ", *id).push(")"))
            .push(" ON CONFLICT DO NOTHING")
            .once()
            .execute()
            .await?;
    }
    Ok(noted)
}

/// Notes the identifiers of the relation `lost (identifier_id)`, of which `lost` appends a WITH.
pub async fn note_all(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    lost: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    lost(tx.query("INSERT INTO pass_orphans (tenant_id, pass_id, identifier_id) "))
        .with(" SELECT DISTINCT ", tenant)
        .push(Sql::CAST_UUID)
        .with(", ", pass)
        .push(Sql::CAST_UUID)
        .push(", identifier_id FROM lost WHERE identifier_id IS NOT NULL ON CONFLICT DO NOTHING")
        .execute()
        .await
}

async fn noted(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    after: Option<IdentifierId>,
) -> Result<Vec<IdentifierId>> {
    let rows: Vec<(IdentifierId,)> = tx
        .query("SELECT identifier_id FROM pass_orphans")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .with_some(" AND identifier_id > ", after)
        .with(" ORDER BY identifier_id LIMIT ", i64::from(BATCH))
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

async fn forget(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId, ids: &[IdentifierId]) -> Result<u64> {
    tx.query("DELETE FROM pass_orphans")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .with_any(" AND identifier_id", ids.iter().copied())
        .execute()
        .await
}
