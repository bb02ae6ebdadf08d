//! A chunk of the cut: one transaction that renews the lease, notes what it is about to cut, counts it per request, cuts it,
//! and records how far the pass came.

use chrono::{DateTime, Utc};

use super::failpoint;
use super::lease::Lease;
use super::model::NightError;
use super::sql;
use crate::archive::mentions::Owner;
use crate::archive::selector::{self, Span, table};
use crate::base::id::{PassId, TenantId};
use crate::base::target::Target;
use crate::store::{Archive, Query, Result, Sql, Tx};
use crate::vault::Stores;

/// Some work rows, and within them a span of time.
#[derive(Clone, Copy)]
pub struct Chunk {
    pub tenant: TenantId,
    pub pass: PassId,
    pub target: Target,
    /// After this row.
    pub after: i32,
    /// Up to this row.
    pub last: i32,
    pub span: Span,
    /// Whether any text of the target mentions anybody.
    pub mentions: bool,
}

impl Chunk {
    /// Where the walk stands after it: behind its last row, or, after a slice, before its first at some instant.
    pub const fn end(&self) -> (i32, Option<DateTime<Utc>>) {
        match self.span.to {
            Some(to) => (self.after, Some(to)),
            None => (self.last, None),
        }
    }
}

/// Begins a statement with the chunk's work rows as the relation that the selector asks for.
pub fn with_selected<'c>(query: Query<'c>, chunk: &Chunk) -> Query<'c> {
    query
        .push("WITH selected AS (SELECT no, identifier_id, cutoff FROM pass_work")
        .with(" WHERE tenant_id = ", chunk.tenant)
        .with(" AND pass_id = ", chunk.pass)
        .with(" AND no > ", chunk.after)
        .with(" AND no <= ", chunk.last)
        .push(")")
}

/// One transaction. Answers how many records became anonymous.
pub async fn cut_chunk(stores: &Stores, lease: &Lease, chunk: &Chunk) -> std::result::Result<u64, NightError> {
    failpoint::hit("batch.before");
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    let noted = note_customers(&mut tx, chunk).await?;
    let mentioned = if chunk.mentions { note_mentions(&mut tx, chunk).await? } else { 0 };
    let mut records = 0;
    if noted + mentioned > 0 {
        count(&mut tx, chunk).await?;
        release(&mut tx, chunk).await?;
        let became = if chunk.mentions { Some(becoming_anonymous(&mut tx, chunk).await?) } else { None };
        if mentioned > 0 {
            cut_mentions(&mut tx, chunk).await?;
        }
        failpoint::hit("batch.between");
        let cut = cut_customers(&mut tx, chunk).await?;
        records = became.unwrap_or(cut);
        tx.query("DELETE FROM pass_hits").with(" WHERE tenant_id = ", chunk.tenant).execute().await?;
    }
    let (position, position_at) = chunk.end();
    sql::set_position(&mut tx, chunk.tenant, chunk.pass, position, position_at).await?;
    failpoint::hit("batch.before-commit");
    tx.commit().await?;
    failpoint::hit("batch");
    Ok(records)
}

/// Notes every identifier of the records whose customer is selected: the customer goes whole (A18).
async fn note_customers(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    let query = with_selected(tx.query(""), chunk).push(", customers AS (");
    let mut query = selector::customers(query, chunk.tenant, chunk.target, chunk.span)
        .push(") INSERT INTO pass_hits (tenant_id, record_id, slot, identifier_id, at) ");
    let slots = [
        (", id, -1, phone_id, at FROM customers WHERE phone_id IS NOT NULL", " UNION ALL "),
        (", id, -2, email_id, at FROM customers WHERE email_id IS NOT NULL", " UNION ALL "),
        (", id, -3, name_id, at FROM customers WHERE name_id IS NOT NULL", ""),
    ];
    for (slot, next) in slots {
        query = query.with("SELECT ", chunk.tenant).push(CAST_UUID).push(slot).push(next);
    }
    query.execute().await
}

/// A bound value in a SELECT list has no column to take its type from.
const CAST_UUID: Sql = Sql::per("::uuid", "");

/// Notes the selected mentions; then, of the records whose customer goes, the mentions of that customer and of
/// everybody else whom this pass forgets there.
async fn note_mentions(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    let query = with_selected(tx.query(""), chunk).push(", said AS (");
    let selected = selector::mentions(query, chunk.tenant, chunk.target, chunk.span)
        .push(") INSERT INTO pass_hits (tenant_id, record_id, slot, identifier_id, at)")
        .with(" SELECT ", chunk.tenant)
        .push(CAST_UUID)
        .push(", record_id, n, identifier_id, at FROM said")
        .execute()
        .await?;
    let own = tx
        .query(
            "INSERT INTO pass_hits (tenant_id, record_id, slot, identifier_id, at) \
             SELECT DISTINCT m.tenant_id, m.record_id, m.n, m.identifier_id, m.at \
             FROM pass_hits h JOIN mentions m ON m.tenant_id = h.tenant_id AND m.record_id = h.record_id",
        )
        .with(" WHERE h.tenant_id = ", chunk.tenant)
        .with(" AND m.target = ", Owner::from(chunk.target))
        .push(" AND h.slot < 0 AND m.identifier_id IS NOT NULL AND (m.identifier_id = h.identifier_id")
        .push(" OR EXISTS (SELECT 1 FROM pass_work w WHERE w.tenant_id = m.tenant_id")
        .with(" AND w.pass_id = ", chunk.pass)
        .with(" AND w.target = ", chunk.target)
        .push(" AND w.identifier_id = m.identifier_id AND m.at < w.cutoff)) ON CONFLICT DO NOTHING")
        .execute()
        .await?;
    Ok(selected + own)
}

/// Adds the distinct records to the counts of every request that selects them.
async fn count(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    tx.query(
        "INSERT INTO request_counts (tenant_id, request_id, target, anonymized) \
         SELECT s.tenant_id, s.request_id, s.target, count(DISTINCT h.record_id) \
         FROM pass_hits h JOIN pass_selections s \
         ON s.tenant_id = h.tenant_id AND s.identifier_id = h.identifier_id AND h.at < s.cutoff",
    )
    .with(" WHERE h.tenant_id = ", chunk.tenant)
    .with(" AND s.pass_id = ", chunk.pass)
    .with(" AND s.target = ", chunk.target)
    .push(
        " GROUP BY s.tenant_id, s.request_id, s.target \
         ON CONFLICT (tenant_id, request_id, target) \
         DO UPDATE SET anonymized = request_counts.anonymized + excluded.anonymized",
    )
    .execute()
    .await
}

/// Notes what the cut takes out of records: candidates for leaving the vault.
async fn release(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    tx.query("INSERT INTO pass_released (tenant_id, pass_id, identifier_id) SELECT DISTINCT tenant_id, ")
        .with("", chunk.pass)
        .push(CAST_UUID)
        .push(", identifier_id FROM pass_hits")
        .with(" WHERE tenant_id = ", chunk.tenant)
        .push(" ON CONFLICT DO NOTHING")
        .execute()
        .await
}

/// How many of the noted records are whole yet. Only a record that is mentioned in can have been touched before, by an
/// earlier chunk or night; without mentions all that are cut are new.
async fn becoming_anonymous(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    let records: i64 = tx
        .query("SELECT count(DISTINCT h.record_id) FROM pass_hits h JOIN ")
        .push(table(chunk.target))
        .push(" r ON r.tenant_id = h.tenant_id AND r.id = h.record_id")
        .with(" WHERE h.tenant_id = ", chunk.tenant)
        .push(" AND r.forgotten = 0")
        .scalar()
        .await?;
    Ok(records.unsigned_abs())
}

/// Cuts the noted mentions; a record that loses somebody else than its customer remembers that (bit 8).
async fn cut_mentions(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    tx.query("UPDATE ")
        .push(table(chunk.target))
        .push(" SET forgotten = forgotten | 8")
        .with(" WHERE tenant_id = ", chunk.tenant)
        .with(" AND id IN (SELECT h.record_id FROM pass_hits h WHERE h.tenant_id = ", chunk.tenant)
        .push(
            " AND h.slot >= 0 AND NOT EXISTS (SELECT 1 FROM pass_hits own WHERE own.tenant_id = h.tenant_id \
             AND own.record_id = h.record_id AND own.slot < 0 AND own.identifier_id = h.identifier_id))",
        )
        .execute()
        .await?;
    tx.query("UPDATE mentions SET identifier_id = NULL FROM pass_hits h")
        .with(" WHERE h.tenant_id = ", chunk.tenant)
        .with(" AND h.slot >= 0 AND mentions.tenant_id = ", chunk.tenant)
        .with(" AND mentions.target = ", Owner::from(chunk.target))
        .push(" AND mentions.record_id = h.record_id AND mentions.n = h.slot")
        .push(" AND mentions.identifier_id = h.identifier_id AND mentions.at = h.at")
        .execute()
        .await
}

/// Cuts the customers that the chunk selects, and answers how many. By the same indexes as the selection and not by what
/// was noted: the conditions stand on the record itself, so that one that was changed since, and has seen the erasures, is
/// left alone; and the planner knows how many those are.
async fn cut_customers(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    let mut cut = 0;
    for slot in [".phone_id", ".email_id"] {
        let query = with_selected(tx.query(""), chunk)
            .push(" UPDATE ")
            .push(table(chunk.target))
            .push(
                " SET forgotten = forgotten | CASE WHEN phone_id IS NULL THEN 0 ELSE 1 END \
                 | CASE WHEN email_id IS NULL THEN 0 ELSE 2 END | CASE WHEN name_id IS NULL THEN 0 ELSE 4 END, \
                 phone_id = NULL, email_id = NULL, name_id = NULL FROM selected s WHERE ",
            )
            .push(table(chunk.target))
            .with(".tenant_id = ", chunk.tenant)
            .push(" AND ")
            .push(table(chunk.target))
            .push(slot)
            .push(" = s.identifier_id AND at < s.cutoff");
        cut += query.with_some(" AND at >= ", chunk.span.from).with_some(" AND at < ", chunk.span.to).execute().await?;
    }
    Ok(cut)
}
