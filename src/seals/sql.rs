//! Statements of the seals. A seal is added, and it gets its note once. Retention deletes the oldest ones.

use chrono::{DateTime, Utc};

use super::model::{KeptLog, Seal, SealedLeaves};
use super::tree::{HASH, Hash, Tree};
use super::verify::LogStart;
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
        .with(", ", seal.size)
        .with(", ", seal.root.as_slice())
        .with(", ", seal.frontier.as_slice())
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

/// The number of the last row that has a seal, or 0.
pub async fn newest_number(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<i64> {
    let query = tx.query("SELECT seq FROM audit_seals").with(" WHERE tenant_id = ", tenant);
    let row: Option<(i64,)> = query.push(" ORDER BY seq DESC LIMIT 1").maybe().await?;
    Ok(row.map_or(0, |(seq,)| seq))
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

/// The last seal of a span of numbers: after one, and up to another one.
pub async fn last_within(tx: &mut Tx<Archive>, tenant: TenantId, span: (i64, i64)) -> Result<Option<Seal>> {
    one(within(tx.query(SEAL).with(" WHERE tenant_id = ", tenant), span).push(" ORDER BY seq DESC LIMIT 1")).await
}

/// The first seal of a span of numbers.
pub async fn first_within(tx: &mut Tx<Archive>, tenant: TenantId, span: (i64, i64)) -> Result<Option<Seal>> {
    one(within(tx.query(SEAL).with(" WHERE tenant_id = ", tenant), span).push(" ORDER BY seq LIMIT 1")).await
}

fn within(query: Query<'_>, (after, last): (i64, i64)) -> Query<'_> {
    query.with(" AND seq > ", after).with(" AND seq <= ", last)
}

/// Deletes the seals before one of them.
pub async fn delete_before(tx: &mut Tx<Archive>, tenant: TenantId, seq: i64) -> Result<()> {
    tx.query("DELETE FROM audit_seals")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND seq < ", seq)
        .execute()
        .await
        .map(drop)
}

#[derive(sqlx::FromRow)]
struct KeptRow {
    seq: i64,
    origin: i32,
    size: i64,
    frontier: Vec<u8>,
    deleted: i64,
    unlinked: i64,
    keep_days: Option<i64>,
    next_days: Option<i64>,
    next_at: Option<DateTime<Utc>>,
}

/// The beginning of the log that retention has deleted, if a setting was ever taken over.
pub async fn kept(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Option<KeptLog>> {
    let row: Option<KeptRow> = tx
        .query("SELECT seq, origin, size, frontier, deleted, unlinked, keep_days, next_days, next_at")
        .push(" FROM audit_retention")
        .with(" WHERE tenant_id = ", tenant)
        .maybe()
        .await?;
    row.map(KeptLog::try_from).transpose()
}

pub async fn set_kept(tx: &mut Tx<Archive>, tenant: TenantId, kept: &KeptLog) -> Result<()> {
    let KeptLog { start, deleted, unlinked, days, next } = kept;
    tx.query("INSERT INTO audit_retention (tenant_id, seq, origin, size, frontier, deleted, unlinked, keep_days, ")
        .push("next_days, next_at) VALUES ")
        .with("(", tenant)
        .with(", ", start.seq)
        .with(", ", start.number.cast_signed())
        .with(", ", start.tree.size().cast_signed())
        .with(", ", start.tree.frontier())
        .with(", ", *deleted)
        .with(", ", *unlinked)
        .with(", ", *days)
        .with(", ", next.map(|(days, _)| days))
        .with(", ", next.map(|(_, since)| since))
        .push(") ON CONFLICT (tenant_id) DO UPDATE SET seq = excluded.seq, origin = excluded.origin")
        .push(", size = excluded.size, frontier = excluded.frontier, deleted = excluded.deleted")
        .push(", unlinked = excluded.unlinked, keep_days = excluded.keep_days")
        .push(", next_days = excluded.next_days, next_at = excluded.next_at")
        .execute()
        .await
        .map(drop)
}

async fn one(query: Query<'_>) -> Result<Option<Seal>> {
    let row: Option<SealRow> = query.maybe().await?;
    Ok(row.map(Seal::from))
}

#[derive(sqlx::FromRow)]
struct LeavesRow {
    #[sqlx(flatten)]
    seal: SealRow,
    leaves: Vec<u8>,
}

/// The first seals after a number, with their leaves.
pub async fn leaves(tx: &mut Tx<Archive>, tenant: TenantId, after: i64, limit: u32) -> Result<Vec<SealedLeaves>> {
    let rows: Vec<LeavesRow> = tx
        .query("SELECT seq, origin, size, root, frontier, note, at, leaves FROM audit_seals")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND seq > ", after)
        .with(" ORDER BY seq LIMIT ", i64::from(limit))
        .all()
        .await?;
    let sealed =
        |row: LeavesRow| SealedLeaves { seal: row.seal.into(), leaves: row.leaves.as_chunks::<HASH>().0.to_vec() };
    Ok(rows.into_iter().map(sealed).collect())
}

impl From<SealRow> for Seal {
    fn from(row: SealRow) -> Self {
        let SealRow { seq, origin, size, root, frontier, note, at } = row;
        Self { seq, origin, size, frontier, root, note, at }
    }
}

impl TryFrom<KeptRow> for KeptLog {
    type Error = StoreError;

    fn try_from(row: KeptRow) -> Result<Self> {
        let KeptRow { seq, origin, size, frontier, deleted, unlinked, keep_days, next_days, next_at } = row;
        let tree = Tree::from_frontier(size.cast_unsigned(), &frontier)
            .ok_or_else(|| StoreError::Inconsistent("audit_retention.frontier".to_owned()))?;
        let start = LogStart { seq, number: origin.cast_unsigned(), tree };
        Ok(Self { start, deleted, unlinked, days: keep_days, next: next_days.zip(next_at) })
    }
}
