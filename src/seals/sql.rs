//! Statements of the seals. A seal is added, and it gets its note once.

use chrono::{DateTime, Utc};

use super::model::{Seal, SealedLeaves};
use super::tree::{HASH, Hash, Tree};
use crate::base::id::TenantId;
use crate::store::{Archive, Query, Result, StoreError, Tx};

#[derive(sqlx::FromRow)]
struct SealRow {
    seq: i64,
    origin: i32,
    size: i64,
    root: Vec<u8>,
    frontier: Vec<u8>,
    note: Option<String>,
    at: DateTime<Utc>,
}

const SEAL: &str = "SELECT seq, origin, size, root, frontier, note, at FROM audit_seals";

pub async fn insert(tx: &mut Tx<Archive>, tenant: TenantId, seal: &Seal, leaves: &[Hash]) -> Result<()> {
    tx.query("INSERT INTO audit_seals (tenant_id, seq, origin, size, root, frontier, leaves, at) VALUES ")
        .with("(", tenant)
        .with(", ", seal.seq)
        .with(", ", seal.origin)
        .with(", ", seal.tree.size().cast_signed())
        .with(", ", seal.root.to_vec())
        .with(", ", seal.tree.frontier())
        .with(", ", leaves.concat())
        .with(", ", seal.at)
        .push(")")
        .execute()
        .await
        .map(drop)
}

pub async fn set_note(tx: &mut Tx<Archive>, tenant: TenantId, seq: i64, note: &str) -> Result<()> {
    tx.query("UPDATE audit_seals SET")
        .with(" note = ", note)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND seq = ", seq)
        .push(" AND note IS NULL")
        .execute()
        .await
        .map(drop)
}

/// The newest seal.
pub async fn newest(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Option<Seal>> {
    one(tx.query(SEAL).with(" WHERE tenant_id = ", tenant).push(" ORDER BY seq DESC LIMIT 1")).await
}

/// The newest seal whose checkpoint is published.
pub async fn published(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Option<Seal>> {
    one(tx.query(SEAL).with(" WHERE tenant_id = ", tenant).push(" AND note IS NOT NULL ORDER BY seq DESC LIMIT 1"))
        .await
}

/// The newest seal that was made before an instant.
pub async fn before(tx: &mut Tx<Archive>, tenant: TenantId, at: DateTime<Utc>) -> Result<Option<Seal>> {
    one(tx.query(SEAL).with(" WHERE tenant_id = ", tenant).with(" AND at < ", at).push(" ORDER BY seq DESC LIMIT 1"))
        .await
}

/// The first seal that was made at an instant or later, and whose checkpoint is published.
pub async fn published_after(tx: &mut Tx<Archive>, tenant: TenantId, at: DateTime<Utc>) -> Result<Option<Seal>> {
    one(tx
        .query(SEAL)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND at >= ", at)
        .push(" AND note IS NOT NULL ORDER BY seq LIMIT 1"))
    .await
}

async fn one(query: Query<'_>) -> Result<Option<Seal>> {
    let row: Option<SealRow> = query.maybe().await?;
    row.map(Seal::try_from).transpose()
}

#[derive(sqlx::FromRow)]
struct LeavesRow {
    seq: i64,
    note: Option<String>,
    leaves: Vec<u8>,
}

/// The leaves of the first seals after a number.
pub async fn leaves(tx: &mut Tx<Archive>, tenant: TenantId, after: i64, limit: u32) -> Result<Vec<SealedLeaves>> {
    let rows: Vec<LeavesRow> = tx
        .query("SELECT seq, note, leaves FROM audit_seals")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND seq > ", after)
        .with(" ORDER BY seq LIMIT ", i64::from(limit))
        .all()
        .await?;
    let sealed = |row: LeavesRow| {
        let LeavesRow { seq, note, leaves } = row;
        SealedLeaves { seq, note, leaves: leaves.as_chunks::<HASH>().0.to_vec() }
    };
    Ok(rows.into_iter().map(sealed).collect())
}

fn hash(bytes: Vec<u8>) -> Result<Hash> {
    bytes.try_into().map_err(|_| StoreError::Inconsistent("audit_seals.root".to_owned()))
}

impl TryFrom<SealRow> for Seal {
    type Error = StoreError;

    fn try_from(row: SealRow) -> Result<Self> {
        let SealRow { seq, origin, size, root, frontier, note, at } = row;
        let tree = Tree::from_frontier(size.cast_unsigned(), &frontier)
            .ok_or_else(|| StoreError::Inconsistent("audit_seals.frontier".to_owned()))?;
        Ok(Self { seq, origin, tree, root: hash(root)?, note, at })
    }
}
