//! Statements of a pass: where it stands, and what it knows of its requests.

use chrono::{DateTime, Utc};

use super::model::{Pass, Step};
use crate::base::id::{IdentifierId, PassId, RequestId, TenantId};
use crate::base::target::Targets;
use crate::store::{Archive, Result, Tx};

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Claimed {
    pub id: RequestId,
    pub phone_id: Option<IdentifierId>,
    pub email_id: Option<IdentifierId>,
    pub due_at: DateTime<Utc>,
    pub targets: Targets,
    pub delete_content: bool,
}

impl Claimed {
    pub fn identifiers(&self) -> impl Iterator<Item = IdentifierId> {
        self.phone_id.into_iter().chain(self.email_id)
    }
}

const CLAIMED: &str = "SELECT id, phone_id, email_id, due_at, targets, delete_content FROM requests";

pub async fn unfinished_pass(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Option<Pass>> {
    tx.query("SELECT id, as_of, step, position, position_at FROM passes")
        .with(" WHERE tenant_id = ", tenant)
        .push(" ORDER BY id LIMIT 1")
        .maybe()
        .await
}

pub async fn insert_pass(tx: &mut Tx<Archive>, tenant: TenantId, pass: &Pass) -> Result<u64> {
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

pub async fn set_step(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId, step: Step) -> Result<u64> {
    tx.query("UPDATE passes SET")
        .with(" step = ", step)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", pass)
        .execute()
        .await
}

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

/// Removes the pass and all it noted.
pub async fn delete_pass(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<()> {
    for table in ["DELETE FROM pass_selections", "DELETE FROM pass_work", "DELETE FROM pass_orphans"] {
        tx.query(table).with(" WHERE tenant_id = ", tenant).with(" AND pass_id = ", pass).execute().await?;
    }
    tx.query("DELETE FROM passes").with(" WHERE tenant_id = ", tenant).with(" AND id = ", pass).execute().await?;
    Ok(())
}

/// Claims what is due: from now on it is read-only.
pub async fn claim(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId, as_of: DateTime<Utc>) -> Result<u64> {
    tx.query("UPDATE requests SET attempts = attempts + 1")
        .with(", pass_id = ", pass)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND status = 'waiting' AND pass_id IS NULL AND due_at <= ", as_of)
        .execute()
        .await
}

/// The pass's requests after one, by id.
pub async fn claimed(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    after: Option<RequestId>,
    limit: i64,
) -> Result<Vec<Claimed>> {
    tx.query(CLAIMED)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .with_some(" AND id > ", after)
        .with(" ORDER BY id LIMIT ", limit)
        .all()
        .await
}

/// What would be claimed, after one, by id.
pub async fn due(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    as_of: DateTime<Utc>,
    after: Option<RequestId>,
    limit: i64,
) -> Result<Vec<Claimed>> {
    tx.query(CLAIMED)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND status = 'waiting' AND due_at <= ", as_of)
        .with_some(" AND id > ", after)
        .with(" ORDER BY id LIMIT ", limit)
        .all()
        .await
}

/// Lets requests go that cannot be carried out: they stay waiting and say why.
pub async fn fail(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    requests: &[RequestId],
    error: &'static str,
    now: DateTime<Utc>,
) -> Result<u64> {
    tx.query("UPDATE requests SET pass_id = NULL")
        .with(", last_error = ", error)
        .with(", updated_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", requests.iter().copied())
        .execute()
        .await
}

/// Says in the requests that a pass holds why they still wait.
pub async fn explain(tx: &mut Tx<Archive>, tenant: TenantId, error: &'static str, now: DateTime<Utc>) -> Result<u64> {
    tx.query("UPDATE requests SET")
        .with(" last_error = ", error)
        .with(", updated_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND status = 'waiting' AND pass_id IS NOT NULL")
        .execute()
        .await
}

/// How many requests wait that a pass holds, or that are due.
pub async fn waiting(tx: &mut Tx<Archive>, tenant: TenantId, as_of: DateTime<Utc>) -> Result<u64> {
    let waiting: i64 = tx
        .query("SELECT count(*) FROM requests")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND status = 'waiting' AND (pass_id IS NOT NULL OR due_at <= ", as_of)
        .push(")")
        .scalar()
        .await?;
    Ok(waiting.unsigned_abs())
}

/// Notes identifiers as candidates for leaving the vault, and answers how many were none yet.
pub async fn release(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId, ids: &[IdentifierId]) -> Result<u64> {
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

/// The candidates after one, by id.
pub async fn released(
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
        .push(" ORDER BY identifier_id LIMIT 1000")
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub async fn forget_released(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    ids: &[IdentifierId],
) -> Result<u64> {
    tx.query("DELETE FROM pass_orphans")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .with_any(" AND identifier_id", ids.iter().copied())
        .execute()
        .await
}
