//! The statements of passes.

use chrono::{DateTime, Utc};

use super::model::{Pass, Step};
use crate::base::id::{PassId, TenantId};
use crate::store::{Archive, Result, Tx};

pub async fn unfinished(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Option<Pass>> {
    tx.query("SELECT id, as_of, step, position, position_at FROM passes")
        .with(" WHERE tenant_id = ", tenant)
        .push(" ORDER BY id LIMIT 1")
        .maybe()
        .await
}

pub async fn insert(tx: &mut Tx<Archive>, tenant: TenantId, pass: &Pass) -> Result<u64> {
    tx.query("INSERT INTO passes (tenant_id, id, as_of, step, position) VALUES (")
        .with("", tenant)
        .with(", ", pass.id)
        .with(", ", pass.as_of)
        .with(", ", pass.step)
        .with(", ", pass.position)
        .push(")")
        .execute()
        .await
}

/// Records that a step is finished.
pub async fn set_step(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId, step: Step) -> Result<u64> {
    tx.query("UPDATE passes SET")
        .with(" step = ", step)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", pass)
        .execute()
        .await
}

/// Records how far the pass has unlinked.
pub async fn set_position(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    position: i32,
    position_at: Option<DateTime<Utc>>,
) -> Result<u64> {
    tx.query("UPDATE passes SET")
        .with(" position = ", position)
        .with(", position_at = ", position_at)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", pass)
        .execute()
        .await
}

/// Deletes the pass and its work tables.
pub async fn delete(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<()> {
    for table in ["DELETE FROM pass_selections", "DELETE FROM pass_work", "DELETE FROM pass_orphans"] {
        tx.query(table).with(" WHERE tenant_id = ", tenant).with(" AND pass_id = ", pass).execute().await?;
    }
    tx.query("DELETE FROM passes").with(" WHERE tenant_id = ", tenant).with(" AND id = ", pass).execute().await?;
    Ok(())
}
