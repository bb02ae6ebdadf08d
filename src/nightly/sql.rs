//! The statements of passes.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::model::{Pass, Step};
use crate::base::id::{PassId, TenantId};
use crate::store::{Archive, Result, Sql, Tx};

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

/// The unfinished passes, each with its last step.
pub async fn steps(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<HashMap<PassId, Step>> {
    let rows: Vec<(PassId, Step)> =
        tx.query("SELECT id, step FROM passes").with(" WHERE tenant_id = ", tenant).all().await?;
    Ok(rows.into_iter().collect())
}

/// Gives the orphans that unfinished passes have noted to another pass, and deletes those passes.
pub async fn replace_all(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<()> {
    tx.query("INSERT INTO pass_orphans (tenant_id, pass_id, identifier_id) SELECT DISTINCT ")
        .with("", tenant)
        .push(Sql::CAST_UUID)
        .with(", ", pass)
        .push(Sql::CAST_UUID)
        .with(", identifier_id FROM pass_orphans WHERE tenant_id = ", tenant)
        .push(" ON CONFLICT DO NOTHING")
        .execute()
        .await?;
    tx.query("DELETE FROM pass_orphans")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id <> ", pass)
        .execute()
        .await?;
    for table in
        ["DELETE FROM pass_selections", "DELETE FROM pass_work", "DELETE FROM pass_interactions", "DELETE FROM passes"]
    {
        tx.query(table).with(" WHERE tenant_id = ", tenant).execute().await?;
    }
    Ok(())
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
