//! The cut: chunk by chunk, identifiers leave the records. Each chunk is one transaction that renews the lease, notes
//! what it is about to cut, counts it per request, cuts it, and records how far the pass came.
//!
//! A chunk is some whole components of the plan, of about [`CHUNK`] records; a component that hits more is cut in slices
//! of time. The records a chunk touches are cut by *all* work rows of the pass, not only the chunk's: so a record never
//! comes up twice for one request, and the counts are exact. Its cost grows with what matches, not with the archive.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use chrono::{DateTime, Utc};

use super::failpoint;
use super::lease::Lease;
use super::model::{NightError, Pass, Report, Step, Stop};
use super::progress::Progress;
use super::sql;
use crate::archive::mentions::Owner;
use crate::archive::selector::{self, Span, table};
use crate::base::id::{PassId, TenantId};
use crate::base::target::Target;
use crate::store::{Archive, Query, Result, Tx};
use crate::vault::Stores;

/// About how many records one transaction cuts.
const CHUNK: i64 = 5_000;

/// How many work rows are looked at together to make chunks of them.
const WINDOW: i64 = 500;

/// A work row as the walk sees it.
#[derive(Clone, Copy, sqlx::FromRow)]
struct Row {
    no: i32,
    target: Target,
    component: i32,
}

/// Some work rows, and within them a span of time.
#[derive(Clone, Copy)]
struct Chunk {
    tenant: TenantId,
    pass: PassId,
    target: Target,
    /// After this row.
    after: i32,
    /// Up to this row.
    last: i32,
    span: Span,
    /// Whether any text of the target mentions anybody.
    mentions: bool,
}

/// Walks the work rows from where the pass is to their end.
pub async fn cut(
    stores: &Stores,
    lease: &Lease,
    tenant: TenantId,
    pass: &Pass,
    report: &mut Report,
    (progress, stop): (&Progress, &Stop),
) -> std::result::Result<(), NightError> {
    let (mut position, mut from) = (pass.position, pass.position_at);
    let mut has_mentions = HashMap::new();
    loop {
        let mut tx = stores.archive.read().await?;
        let Some(mut chunk) = next_chunk(&mut tx, tenant, pass.id, (position, from)).await? else { break };
        if let Entry::Vacant(unknown) = has_mentions.entry(chunk.target) {
            unknown.insert(any_mention(&mut tx, tenant, chunk.target).await?);
        }
        chunk.mentions = has_mentions.get(&chunk.target).copied().unwrap_or(true);
        drop(tx);
        let records = cut_chunk(stores, lease, &chunk).await?;
        (position, from) = chunk.end();
        *report.anonymized.entry(chunk.target.to_string()).or_default() += records;
        progress.advance(records);
        if stop.is_asked() {
            return Err(NightError::Stopped);
        }
    }
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    sql::set_step(&mut tx, tenant, pass.id, Step::Cut).await?;
    tx.commit().await?;
    failpoint::hit("cut");
    Ok(())
}

impl Chunk {
    /// Where the walk stands after it: behind its last row, or, after a slice, before its first at some instant.
    const fn end(&self) -> (i32, Option<DateTime<Utc>>) {
        match self.span.to {
            Some(to) => (self.after, Some(to)),
            None => (self.last, None),
        }
    }
}

/// The next whole components that together select about [`CHUNK`] records. One that alone selects many more is taken in
/// slices of time; the walk then stands before it, at the instant `from`.
async fn next_chunk(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    (after, from): (i32, Option<DateTime<Utc>>),
) -> Result<Option<Chunk>> {
    let rows: Vec<Row> = tx
        .query("SELECT no, target, component FROM pass_work")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .with(" AND no > ", after)
        .with(" ORDER BY no LIMIT ", WINDOW)
        .all()
        .await?;
    let Some(first) = rows.first().copied() else { return Ok(None) };
    let mut chunk =
        Chunk { tenant, pass, target: first.target, after, last: first.no, span: Span::default(), mentions: true };
    chunk.last = last_of_component(tx, &chunk, first.component).await?.unwrap_or(first.no);
    chunk.span.from = from;
    // The last component of a full window may go on behind it, so it waits for the next window.
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == WINDOW);
    let cut_off = rows.last().filter(|_| is_full).map(|row| row.component);
    let window: Vec<Row> = rows
        .into_iter()
        .filter(|row| {
            row.target == first.target && (row.component == first.component || Some(row.component) != cut_off)
        })
        .collect();
    let end_of_window = window.last().map_or(chunk.last, |row| row.no.max(chunk.last));
    let expected = expected(tx, &Chunk { last: end_of_window, ..chunk }).await?;
    let of_first: i64 = (first.no..=chunk.last).filter_map(|no| expected.get(&no)).sum();
    if from.is_some() || of_first > 2 * CHUNK {
        chunk.span.to = slice_end(tx, &chunk).await?;
        return Ok(Some(chunk));
    }
    let mut sum = of_first;
    for component in window.chunk_by(|one, next| one.component == next.component).skip(1) {
        sum += component.iter().filter_map(|row| expected.get(&row.no)).sum::<i64>();
        if sum > CHUNK {
            break;
        }
        chunk.last = component.last().map_or(chunk.last, |row| row.no);
    }
    Ok(Some(chunk))
}

/// The last row of the chunk's first component, which may reach beyond the window.
async fn last_of_component(tx: &mut Tx<Archive>, chunk: &Chunk, component: i32) -> Result<Option<i32>> {
    tx.query("SELECT max(no) FROM pass_work")
        .with(" WHERE tenant_id = ", chunk.tenant)
        .with(" AND pass_id = ", chunk.pass)
        .with(" AND no > ", chunk.after)
        .with(" AND component = ", component)
        .scalar()
        .await
}

/// How many records each work row of a chunk selects: an index scan each, no record is read.
async fn expected(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<HashMap<i32, i64>> {
    let query = with_selected(tx.query(""), chunk).push(" SELECT no, count(*) FROM (");
    let rows: Vec<(i32, i64)> = each_hit(query, chunk, "s.no").push(") AS hit GROUP BY no").all().await?;
    Ok(rows.into_iter().collect())
}

/// Where a slice of the chunk ends: at the instant before which [`CHUNK`] records lie, or open.
async fn slice_end(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<Option<DateTime<Utc>>> {
    let query = with_selected(tx.query(""), chunk).push(" SELECT at FROM (");
    let query = each_hit(query, chunk, "r.at").push(") AS hit WHERE TRUE");
    let end: Option<(DateTime<Utc>,)> =
        query.with_some(" AND at > ", chunk.span.from).with(" ORDER BY at LIMIT 1 OFFSET ", CHUNK).maybe().await?;
    Ok(end.map(|(at,)| at))
}

/// Appends one row for every way in which a chunk's work rows select a record.
fn each_hit<'c>(mut query: Query<'c>, chunk: &Chunk, column: &'static str) -> Query<'c> {
    for slot in ["phone_id", "email_id"] {
        query = query
            .push("SELECT ")
            .push(column)
            .push(" FROM selected s JOIN ")
            .push(table(chunk.target))
            .push(" r ON r.")
            .push(slot)
            .push(" = s.identifier_id AND r.at < s.cutoff")
            .with(" WHERE r.tenant_id = ", chunk.tenant)
            .push(" UNION ALL ");
    }
    query
        .push("SELECT ")
        .push(column)
        .push(" FROM selected s JOIN mentions r ON r.identifier_id = s.identifier_id AND r.at < s.cutoff")
        .with(" WHERE r.tenant_id = ", chunk.tenant)
        .with(" AND r.target = ", Owner::from(chunk.target))
}

/// Begins a statement with the chunk's work rows as the relation that the selector asks for.
fn with_selected<'c>(query: Query<'c>, chunk: &Chunk) -> Query<'c> {
    query
        .push("WITH selected AS (SELECT no, identifier_id, cutoff FROM pass_work")
        .with(" WHERE tenant_id = ", chunk.tenant)
        .with(" AND pass_id = ", chunk.pass)
        .with(" AND no > ", chunk.after)
        .with(" AND no <= ", chunk.last)
        .push(")")
}

async fn any_mention(tx: &mut Tx<Archive>, tenant: TenantId, target: Target) -> Result<bool> {
    let one: Option<(i32,)> = tx
        .query("SELECT n FROM mentions")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND target = ", Owner::from(target))
        .push(" LIMIT 1")
        .maybe()
        .await?;
    Ok(one.is_some())
}

/// One transaction. Answers how many records became anonymous.
async fn cut_chunk(stores: &Stores, lease: &Lease, chunk: &Chunk) -> std::result::Result<u64, NightError> {
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
const CAST_UUID: crate::store::Sql = crate::store::Sql::per("::uuid", "");

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

/// Cuts the customers of the noted records, and answers how many. The conditions stand on the record itself: one that was
/// changed since it was noted has seen the erasures and is left alone.
async fn cut_customers(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    let table = table(chunk.target);
    tx.query("UPDATE ")
        .push(table)
        .push(
            " SET forgotten = forgotten | CASE WHEN phone_id IS NULL THEN 0 ELSE 1 END \
             | CASE WHEN email_id IS NULL THEN 0 ELSE 2 END | CASE WHEN name_id IS NULL THEN 0 ELSE 4 END, \
             phone_id = NULL, email_id = NULL, name_id = NULL FROM pass_hits h",
        )
        .with(" WHERE h.tenant_id = ", chunk.tenant)
        .push(" AND h.slot < 0 AND ")
        .push(table)
        .with(".tenant_id = ", chunk.tenant)
        .push(" AND ")
        .push(table)
        .push(".id = h.record_id AND ")
        .push(table)
        .push(".at = h.at AND h.identifier_id IN (phone_id, email_id, name_id)")
        .execute()
        .await
}
