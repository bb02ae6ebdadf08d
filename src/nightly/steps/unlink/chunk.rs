//! A chunk of the cut: one transaction that renews the lease, counts what it is about to cut per request, cuts it, and
//! records how far the pass came.

use chrono::{DateTime, Utc};

use super::{deliveries, texts};
use crate::archive::mentions::Owner;
use crate::archive::selector::{self, Span, table};
use crate::base::id::{PassId, TenantId};
use crate::base::target::Target;
use crate::nightly::failpoint;
use crate::nightly::lease::Lease;
use crate::nightly::model::PassError;
use crate::nightly::sql;
use crate::store::{Archive, Query, Result, Sql, Tx};
use crate::vault::AppContext;

/// Some work rows, and within them a span of time.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each spares a chunk statements of its own")]
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
    /// Whether any text of content mentions anybody, where the target has content.
    pub texts: bool,
    /// Whether anything was or is to be delivered, likewise.
    pub deliveries: bool,
    /// Whether any delivery said whom it was made for when the walk began.
    pub addressed: bool,
}

#[derive(Default)]
pub struct Cut {
    pub records: u64,
    /// How many texts of content lost a mention.
    pub texts: u64,
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

/// Appends a WITH of the chunk's work rows as the relation that the selector asks for.
pub fn with_selected<'c>(query: Query<'c>, chunk: &Chunk) -> Query<'c> {
    query
        .push("WITH selected AS (SELECT no, identifier_id, cutoff FROM pass_work")
        .with(" WHERE tenant_id = ", chunk.tenant)
        .with(" AND pass_id = ", chunk.pass)
        .with(" AND no > ", chunk.after)
        .with(" AND no <= ", chunk.last)
        .push(")")
}

pub async fn cut_chunk(stores: &AppContext, lease: &Lease, chunk: &Chunk) -> std::result::Result<Cut, PassError> {
    failpoint::hit("batch.before");
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    let mentioned = if chunk.mentions { note_mentions(&mut tx, chunk).await? } else { 0 };
    let mut cut = Cut::default();
    if chunk.texts {
        cut.texts = texts::cut_texts(&mut tx, chunk).await?;
    }
    if chunk.deliveries {
        texts::settle_deliveries(&mut tx, chunk, stores.clock.now()).await?;
        deliveries::forget_addressees(&mut tx, chunk).await?;
    }
    if count(&mut tx, chunk).await? > 0 {
        release(&mut tx, chunk).await?;
        let became = if chunk.mentions { Some(becoming_anonymous(&mut tx, chunk).await?) } else { None };
        if mentioned > 0 {
            cut_mentions(&mut tx, chunk).await?;
            tx.query("DELETE FROM pass_mentions").with(" WHERE tenant_id = ", chunk.tenant).execute().await?;
        }
        failpoint::hit("batch.between");
        let customers = cut_customers(&mut tx, chunk).await?;
        cut.records = became.unwrap_or(customers);
    }
    let (position, position_at) = chunk.end();
    sql::set_position(&mut tx, chunk.tenant, chunk.pass, position, position_at).await?;
    failpoint::hit("batch.before-commit");
    tx.commit().await?;
    failpoint::hit("batch");
    Ok(cut)
}

/// Appends a WITH of the relation `customers`: the records whose customer the chunk selects.
pub fn with_customers<'c>(query: Query<'c>, chunk: &Chunk) -> Query<'c> {
    let query = with_selected(query, chunk).push(", customers AS (");
    selector::customers(query, chunk.tenant, chunk.target, chunk.span).push(")")
}

/// Appends a WITH of the relation `hit (record_id, identifier_id, at)`: every identifier that the chunk takes out of a
/// record. A customer goes whole (A18); mentions are those that were noted.
fn with_hits<'c>(query: Query<'c>, chunk: &Chunk) -> Query<'c> {
    let query = with_customers(query, chunk).push(
        ", hit AS (SELECT id AS record_id, phone_id AS identifier_id, at FROM customers \
         UNION ALL SELECT id, email_id, at FROM customers UNION ALL SELECT id, name_id, at FROM customers",
    );
    if chunk.mentions {
        query
            .push(" UNION ALL SELECT record_id, identifier_id, at FROM pass_mentions")
            .with(" WHERE tenant_id = ", chunk.tenant)
            .push(")")
    } else {
        query.push(")")
    }
}

/// Notes the selected mentions; then, of the records whose customer goes, the mentions of that customer and of
/// everybody else whom this pass forgets there.
async fn note_mentions(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    const INSERT: &str = "INSERT INTO pass_mentions (tenant_id, record_id, n, identifier_id, at) ";
    let query = with_selected(tx.query(INSERT), chunk).push(", said AS (");
    let selected = selector::mentions(query, chunk.tenant, chunk.target, chunk.span)
        .with(") SELECT ", chunk.tenant)
        .push(Sql::CAST_UUID)
        .push(", record_id, n, identifier_id, at FROM said")
        .execute()
        .await?;
    let query = with_customers(tx.query(INSERT), chunk).push(", own AS (");
    let own = query
        .push("SELECT m.record_id, m.n, m.identifier_id, m.at FROM customers c JOIN mentions m ON m.record_id = c.id")
        .with(" WHERE m.tenant_id = ", chunk.tenant)
        .with(" AND m.target = ", Owner::from(chunk.target))
        .push(" AND m.identifier_id IS NOT NULL AND (m.identifier_id IN (c.phone_id, c.email_id, c.name_id)")
        .with(" OR EXISTS (SELECT 1 FROM pass_work w WHERE w.tenant_id = ", chunk.tenant)
        .with(" AND w.pass_id = ", chunk.pass)
        .with(" AND w.target = ", chunk.target)
        .push(" AND w.identifier_id = m.identifier_id AND m.at < w.cutoff))")
        .with(") SELECT ", chunk.tenant)
        .push(Sql::CAST_UUID)
        .push(", record_id, n, identifier_id, at FROM own WHERE TRUE ON CONFLICT DO NOTHING")
        .execute()
        .await?;
    Ok(selected + own)
}

/// Adds the distinct records to the counts of every request that selects them, and answers how many requests that is.
async fn count(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    with_hits(tx.query("INSERT INTO request_counts (tenant_id, request_id, target, anonymized) "), chunk)
        .push(
            " SELECT s.tenant_id, s.request_id, s.target, count(DISTINCT h.record_id) \
             FROM hit h JOIN pass_selections s ON s.identifier_id = h.identifier_id AND h.at < s.cutoff",
        )
        .with(" WHERE s.tenant_id = ", chunk.tenant)
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
    with_hits(tx.query("INSERT INTO pass_orphans (tenant_id, pass_id, identifier_id) "), chunk)
        .with(" SELECT DISTINCT ", chunk.tenant)
        .push(Sql::CAST_UUID)
        .with(", ", chunk.pass)
        .push(Sql::CAST_UUID)
        .push(", identifier_id FROM hit WHERE identifier_id IS NOT NULL ON CONFLICT DO NOTHING")
        .execute()
        .await
}

/// How many of the records are whole yet. Only a record that is mentioned in can have been touched before, by an earlier
/// chunk or night; without mentions all that are cut are new.
async fn becoming_anonymous(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    let records: i64 = with_hits(tx.query(""), chunk)
        .push(" SELECT count(DISTINCT h.record_id) FROM hit h JOIN ")
        .push(table(chunk.target))
        .with(" r ON r.id = h.record_id WHERE r.tenant_id = ", chunk.tenant)
        // 15: any bit but that of content.
        .push(" AND r.forgotten & 15 = 0")
        .scalar()
        .await?;
    Ok(records.unsigned_abs())
}

/// Cuts the noted mentions; a record that loses somebody else than its customer remembers that (bit 8).
async fn cut_mentions(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    tx.query("UPDATE ")
        .push(table(chunk.target))
        .push(" SET forgotten = forgotten | 8 FROM pass_mentions h")
        .with(" WHERE h.tenant_id = ", chunk.tenant)
        .push(" AND ")
        .push(table(chunk.target))
        .with(".tenant_id = ", chunk.tenant)
        .push(
            " AND id = h.record_id AND (phone_id IS NULL OR phone_id <> h.identifier_id) AND (email_id IS NULL OR \
             email_id <> h.identifier_id) AND (name_id IS NULL OR name_id <> h.identifier_id)",
        )
        .execute()
        .await?;
    tx.query("UPDATE mentions SET identifier_id = NULL FROM pass_mentions h")
        .with(" WHERE h.tenant_id = ", chunk.tenant)
        .with(" AND mentions.tenant_id = ", chunk.tenant)
        .with(" AND mentions.target = ", Owner::from(chunk.target))
        .push(" AND mentions.record_id = h.record_id AND mentions.n = h.n")
        .push(" AND mentions.identifier_id = h.identifier_id AND mentions.at = h.at")
        .execute()
        .await
}

/// Cuts the customers that the chunk selects, and answers how many. The conditions stand on the record itself: one that
/// was changed since it was counted has seen the erasures and is left alone.
async fn cut_customers(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    let mut cut = 0;
    for slot in [".phone_id", ".email_id"] {
        let query = with_selected(tx.query(""), chunk).push(" UPDATE ").push(table(chunk.target)).push(
            " SET forgotten = forgotten | CASE WHEN phone_id IS NULL THEN 0 ELSE 1 END \
             | CASE WHEN email_id IS NULL THEN 0 ELSE 2 END | CASE WHEN name_id IS NULL THEN 0 ELSE 4 END, \
             phone_id = NULL, email_id = NULL, name_id = NULL",
        );
        let query = selector::forget_descriptive(query, chunk.target)
            .push(" FROM selected s WHERE ")
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
