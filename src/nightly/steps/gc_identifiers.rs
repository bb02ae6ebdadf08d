//! What nothing refers to any more leaves the vault. Who resolves an identifier takes its mark back and has passed the
//! fence since, so what is still marked and unreferenced after the fence has moved belongs to nobody.

use crate::base::id::{IdentifierId, TenantId};
use crate::nightly::failpoint;
use crate::nightly::lease::Lease;
use crate::nightly::model::{Pass, PassError, Report, Step};
use crate::nightly::sql;
use crate::store::{Archive, Result, Tx};
use crate::tenants::fence;
use crate::vault::{self, AppContext};

/// How many identifiers one night checks beside those it released itself: a vault of a million is walked in 20 nights.
const SWEEP: usize = 50_000;

/// How many identifiers are asked about at once.
const BATCH: u32 = 1_000;

/// Checks the next slice of the vault for orphans: identifiers whose record never landed.
pub async fn sweep(
    stores: &AppContext,
    lease: &Lease,
    tenant: TenantId,
    pass: &Pass,
    report: &mut Report,
) -> std::result::Result<(), PassError> {
    let mut position = sweep_position(&mut stores.archive.read().await?, tenant).await?;
    let mut checked = 0;
    loop {
        let ids = vault::walk(&mut stores.vault.read().await?, tenant, position, BATCH).await?;
        let orphans = unreferenced(&mut stores.archive.read().await?, tenant, &ids).await?;
        checked += ids.len();
        let at_end = ids.len() < BATCH as usize;
        position = ids.last().copied().filter(|_| !at_end).unwrap_or(IdentifierId(uuid::Uuid::nil()));
        let is_last = at_end || checked >= SWEEP;
        let mut tx = stores.archive.write().await?;
        lease.renew(&mut tx).await?;
        report.orphans_found += sql::release(&mut tx, tenant, pass.id, &orphans).await?;
        set_sweep_position(&mut tx, tenant, position).await?;
        if is_last {
            sql::set_step(&mut tx, tenant, pass.id, Step::Swept).await?;
        }
        tx.commit().await?;
        failpoint::hit("sweep");
        if is_last {
            return Ok(());
        }
    }
}

/// Marks the candidates, then moves the fence.
pub async fn retire(
    stores: &AppContext,
    lease: &Lease,
    tenant: TenantId,
    pass: &Pass,
) -> std::result::Result<(), PassError> {
    let mut after = None;
    loop {
        let ids = sql::released(&mut stores.archive.read().await?, tenant, pass.id, after).await?;
        let Some(last) = ids.last() else { break };
        after = Some(*last);
        let mut tx = stores.vault.write().await?;
        vault::retire(&mut tx, tenant, &ids).await?;
        failpoint::hit("retire.before-commit");
        tx.commit().await?;
        failpoint::hit("retire");
    }
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    fence::advance(&mut tx, tenant).await?;
    sql::set_step(&mut tx, tenant, pass.id, Step::Retired).await?;
    failpoint::hit("fence-again.before-commit");
    tx.commit().await?;
    failpoint::hit("fence-again");
    Ok(())
}

/// Deletes those candidates that nothing refers to, and takes the mark back from the others.
pub async fn delete(
    stores: &AppContext,
    lease: &Lease,
    tenant: TenantId,
    pass: &Pass,
    report: &mut Report,
) -> std::result::Result<(), PassError> {
    loop {
        let mut tx = stores.archive.read().await?;
        let ids = sql::released(&mut tx, tenant, pass.id, None).await?;
        if ids.is_empty() {
            break;
        }
        let free = unreferenced(&mut tx, tenant, &ids).await?;
        drop(tx);
        let kept: Vec<IdentifierId> = ids.iter().copied().filter(|id| !free.contains(id)).collect();
        failpoint::hit("vault-delete.before");
        let mut tx = stores.vault.write().await?;
        if !free.is_empty() {
            report.identifiers_deleted += vault::delete_retired(&mut tx, tenant, &free).await?;
        }
        if !kept.is_empty() {
            vault::keep(&mut tx, tenant, &kept).await?;
        }
        failpoint::hit("vault-delete.before-commit");
        tx.commit().await?;
        failpoint::hit("vault-delete");
        let mut tx = stores.archive.write().await?;
        lease.renew(&mut tx).await?;
        sql::forget_released(&mut tx, tenant, pass.id, &ids).await?;
        tx.commit().await?;
    }
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    sql::set_step(&mut tx, tenant, pass.id, Step::Deleted).await?;
    tx.commit().await?;
    Ok(())
}

/// Those of some identifiers that nothing in the archive refers to: no record, no text, no waiting request. Sorted.
///
/// A limited subselect each is an index probe; a plain EXISTS might be answered by hashing a whole table.
async fn unreferenced(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[IdentifierId]) -> Result<Vec<IdentifierId>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = tx
        .query("WITH candidate (id) AS (VALUES ")
        .each(ids, |query, id| query.with("(", *id).push(")"))
        .push(") SELECT id FROM candidate c WHERE TRUE");
    for (table, column) in REFERENCES {
        query = query
            .push(" AND (SELECT 1 FROM ")
            .push(table)
            .with(" r WHERE r.tenant_id = ", tenant)
            .push(" AND r.")
            .push(column)
            .push(" = c.id LIMIT 1) IS NULL");
    }
    let rows: Vec<(IdentifierId,)> = query.push(" ORDER BY id").once().all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Every column of the archive that holds an identifier's id.
const REFERENCES: [(&str, &str); 15] = [
    ("interactions", "phone_id"),
    ("interactions", "email_id"),
    ("interactions", "name_id"),
    ("survey_responses", "phone_id"),
    ("survey_responses", "email_id"),
    ("survey_responses", "name_id"),
    ("raw_events", "phone_id"),
    ("raw_events", "email_id"),
    ("raw_events", "name_id"),
    ("mentions", "identifier_id"),
    ("rescans", "identifier_id"),
    ("requests", "phone_id"),
    ("requests", "email_id"),
    ("delivery_customers", "phone_id"),
    ("delivery_customers", "email_id"),
];

async fn sweep_position(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<IdentifierId> {
    let position: Option<(IdentifierId,)> =
        tx.query("SELECT position FROM gc_identifiers").with(" WHERE tenant_id = ", tenant).maybe().await?;
    Ok(position.map_or(IdentifierId(uuid::Uuid::nil()), |(position,)| position))
}

async fn set_sweep_position(tx: &mut Tx<Archive>, tenant: TenantId, position: IdentifierId) -> Result<u64> {
    tx.query("INSERT INTO gc_identifiers (tenant_id, position) VALUES (")
        .with("", tenant)
        .with(", ", position)
        .push(") ON CONFLICT (tenant_id) DO UPDATE SET position = excluded.position")
        .execute()
        .await
}
