//! The epoch fence between incoming writes and the nightly pass, in two databases without a lock across them.
//!
//! A write reads the tenant's epoch, asks the vault, and enters the gate. It is admitted if the epoch is still the same,
//! because then the vault has neither new erasures nor newly retired identifiers. The pass changes the epoch after it has
//! written its erasures, and again after it has retired orphans. On PostgreSQL the gate is an advisory transaction lock:
//! row locks are unfair and starve the pass. On SQLite the gate is the single writer.
//!
//! Only `vault/admission.rs` and the nightly pass use this module.

use crate::base::id::{TenantId, random_i64};
use crate::store::{Archive, Result, Tx};

/// The epoch of a tenant that exists. It must be read before the first query of the vault.
pub async fn epoch(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Option<i64>> {
    let row: Option<(i64,)> = tx.query("SELECT epoch FROM epochs").with(" WHERE tenant_id = ", tenant).maybe().await?;
    Ok(row.map(|(epoch,)| epoch))
}

/// Enters the gate until the end of the transaction. It returns whether the epoch is still the one that was read.
pub async fn enter(tx: &mut Tx<Archive>, tenant: TenantId, seen: i64) -> Result<bool> {
    if tx.is_postgres() {
        tx.query("SELECT pg_advisory_xact_lock_shared(").with("", gate(tenant)).push(")").execute().await?;
    }
    Ok(epoch(tx, tenant).await? == Some(seen))
}

/// Enters the gate alone, like [`close`], and returns whether the epoch is still the one that was read.
pub async fn enter_alone(tx: &mut Tx<Archive>, tenant: TenantId, seen: i64) -> Result<bool> {
    close(tx, tenant).await?;
    Ok(epoch(tx, tenant).await? == Some(seen))
}

/// Enters the gate alone until the end of the transaction. A write that is behind the gate has ended, and no other one
/// enters it. The epoch stays, so a write that has read the vault before is still admitted afterwards.
pub async fn close(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<()> {
    if tx.is_postgres() {
        tx.query("SELECT pg_advisory_xact_lock(").with("", gate(tenant)).push(")").execute().await?;
    }
    Ok(())
}

/// Changes the epoch. Every write that enters the gate after this transaction has read the vault again. The value is
/// random, so that a restored backup does not contain an epoch that a write may still have read.
pub async fn advance(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<u64> {
    close(tx, tenant).await?;
    tx.query("UPDATE epochs SET").with(" epoch = ", random_i64()).with(" WHERE tenant_id = ", tenant).execute().await
}

/// The advisory lock of a tenant is named by the random half of its id.
fn gate(tenant: TenantId) -> i64 {
    let (_, random) = tenant.0.as_u64_pair();
    random.cast_signed()
}
