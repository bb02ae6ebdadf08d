//! The epoch fence: what comes in and what the night takes out, in two databases without a lock across them.
//!
//! Who writes records or requests reads the epoch, asks the vault, and then enters the gate with that epoch: if it is
//! still the same, the vault has not changed its mind since. The night advances the epoch after it wrote its erasures
//! and again after it marked what it released. PostgreSQL holds the gate by an advisory transaction lock, since row
//! locks are unfair and starve the pass; on SQLite the one writer is the gate.

use crate::base::id::TenantId;
use crate::store::{Archive, Result, Tx};

/// The tenant's epoch, to be read before the vault is asked.
pub async fn epoch(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<i64> {
    tx.query("SELECT epoch FROM epochs").with(" WHERE tenant_id = ", tenant).scalar().await
}

/// Enters the gate until the end of the transaction. False: the epoch has moved; roll back and ask the vault again.
pub async fn enter(tx: &mut Tx<Archive>, tenant: TenantId, seen: i64) -> Result<bool> {
    if tx.is_postgres() {
        tx.query("SELECT pg_advisory_xact_lock_shared(").with("", gate(tenant)).push(")").execute().await?;
    }
    Ok(epoch(tx, tenant).await? == seen)
}

/// Moves the epoch on: whatever enters the gate after this transaction has asked the vault anew.
pub async fn advance(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<u64> {
    if tx.is_postgres() {
        tx.query("SELECT pg_advisory_xact_lock(").with("", gate(tenant)).push(")").execute().await?;
    }
    tx.query("UPDATE epochs SET epoch = epoch + 1").with(" WHERE tenant_id = ", tenant).execute().await
}

/// The advisory lock of a tenant: the random half of its id.
fn gate(tenant: TenantId) -> i64 {
    let (_, random) = tenant.0.as_u64_pair();
    random.cast_signed()
}
