//! The transaction of a chunk: it counts the records of each request, unlinks them, and records how far the pass has
//! come. It renews the lease.

use chrono::{DateTime, Utc};

use super::chunk::{Chunk, insert_said, is_forgotten, with_customers, with_selected};
use super::{deliveries, texts};
use crate::archive::mentions::Owner;
use crate::archive::{selector, unlink};
use crate::audit;
use crate::base::actor::Actor;
use crate::nightly::context::PassContext;
use crate::nightly::model::PassResult;
use crate::nightly::steps::finish::ACTOR;
use crate::nightly::steps::gc_identifiers;
use crate::nightly::{failpoint, sql};
use crate::requests::passes as requests;
use crate::reveals::passes as reveals;
use crate::store::{Archive, Query, Result, Tx};

/// The numbers of a chunk.
#[derive(Default)]
pub struct Unlinked {
    /// How many records became anonymous.
    pub records: u64,
    /// How many texts of content lost a mention.
    pub texts: u64,
}

/// Unlinks a chunk in one transaction.
pub async fn unlink_chunk(context: &PassContext<'_>, chunk: &Chunk) -> PassResult<Unlinked> {
    failpoint::reach("chunk.before");
    let (mut tx, now) = (context.begin().await?, context.app.clock.now());
    let has_noted = chunk.traces.mentions && note_mentions(&mut tx, chunk).await? > 0;
    let mut unlinked = Unlinked::default();
    if chunk.traces.texts {
        unlinked.texts = texts::unlink_texts(&mut tx, chunk).await?;
    }
    if chunk.traces.deliveries {
        deliveries::settle(&mut tx, chunk, now).await?;
        deliveries::forget_customers(&mut tx, chunk).await?;
    }
    if count(&mut tx, chunk).await? > 0 {
        gc_identifiers::note_all(&mut tx, chunk.tenant, chunk.pass, |query| {
            with_matched(query, chunk)
                .push(", lost AS (SELECT identifier_id FROM matched WHERE identifier_id <> record_id)")
        })
        .await?;
        let untouched = if chunk.traces.mentions { Some(count_untouched(&mut tx, chunk).await?) } else { None };
        if has_noted {
            unlink_mentions(&mut tx, chunk, now).await?;
        }
        if chunk.traces.audited {
            forget_in_audit_log(context, &mut tx, chunk).await?;
        }
        failpoint::reach("chunk.between");
        let Chunk { tenant, target, span, .. } = *chunk;
        let by = (target, chunk.keys());
        let customers = unlink::customers(&mut tx, tenant, by, span, now, |query| with_selected(query, chunk)).await?;
        unlinked.records = untouched.unwrap_or(customers);
    }
    forget_reveals(&mut tx, chunk).await?;
    let (position, position_at) = chunk.end();
    sql::set_position(&mut tx, chunk.tenant, chunk.pass, position, position_at).await?;
    failpoint::reach("chunk.before-commit");
    tx.commit().await?;
    failpoint::reach("chunk");
    Ok(unlinked)
}

/// Deletes the ids of the records from the audit log, which could join records that had one customer.
async fn forget_in_audit_log(context: &PassContext<'_>, tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<()> {
    let actor = Actor::service(chunk.tenant, ACTOR);
    audit::unlink(tx, context.app.clock, &actor, |query| {
        with_customers(query, chunk).push(", gone AS (SELECT id FROM customers)")
    })
    .await
    .map(drop)
}

/// Takes the identifiers that the pass has unlinked so far out of reveals, so that a reveal that was granted before opens
/// nothing of them.
async fn forget_reveals(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    reveals::forget(tx, chunk.tenant, |query| {
        query
            .with("(SELECT 1 FROM pass_orphans o WHERE o.tenant_id = ", chunk.tenant)
            .with(" AND o.pass_id = ", chunk.pass)
            .push(" AND o.identifier_id = reveal_items.identifier_id LIMIT 1) IS NOT NULL")
    })
    .await
}

/// Appends a WITH of the relation `matched (record_id, identifier_id, at)`: every identifier that the chunk unlinks
/// from a record, and the record itself, because a request may name it. A customer is unlinked as a whole (A18). The
/// mentions are those that were noted.
fn with_matched<'c>(query: Query<'c>, chunk: &Chunk) -> Query<'c> {
    let mut query = with_customers(query, chunk).push(
        ", matched AS (SELECT id AS record_id, phone_id AS identifier_id, at FROM customers \
         UNION ALL SELECT id, email_id, at FROM customers UNION ALL SELECT id, name_id, at FROM customers",
    );
    if chunk.traces.named {
        query = query.push(" UNION ALL SELECT id, id, at FROM customers");
    }
    if chunk.traces.mentions {
        query
            .push(" UNION ALL SELECT record_id, identifier_id, at FROM pass_mentions")
            .with(" WHERE tenant_id = ", chunk.tenant)
            .push(")")
    } else {
        query.push(")")
    }
}

/// Notes the selected mentions. Then it notes, in the records whose customer is unlinked, the mentions of that customer
/// and of all identifiers that this pass forgets there.
async fn note_mentions(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    const INSERT: &str = "INSERT INTO pass_mentions (tenant_id, record_id, n, identifier_id, at) ";
    let query = with_selected(tx.query(INSERT), chunk).push(", said AS (");
    let query = selector::mentions(query, chunk.tenant, chunk.target, chunk.span);
    let selected = insert_said(query, chunk).execute().await?;
    let query = with_customers(tx.query(INSERT), chunk).push(", said AS (");
    let query = unlink::mentions_in(query, chunk.tenant, Owner::from(chunk.target), "customers")
        .push(" AND (m.identifier_id IN (k.phone_id, k.email_id, k.name_id) OR ");
    let own = insert_said(is_forgotten(query, chunk).push(")"), chunk).execute().await?;
    Ok(selected + own)
}

/// Adds the distinct records to the counts of every request that selects them, and returns how many requests that is.
async fn count(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    requests::add_records(tx, chunk.tenant, |query| {
        with_matched(query, chunk)
            .push(
                ", counted AS (SELECT s.request_id, s.target, count(DISTINCT h.record_id) AS records \
                 FROM matched h JOIN pass_selections s ON s.identifier_id = h.identifier_id AND h.at < s.cutoff",
            )
            .with(" WHERE s.tenant_id = ", chunk.tenant)
            .with(" AND s.pass_id = ", chunk.pass)
            .with(" AND s.target = ", chunk.target)
            .push(" GROUP BY s.request_id, s.target)")
    })
    .await
}

/// How many of the records have lost no identifier yet. Only a record with a mention can have lost one before, in an
/// earlier chunk or pass. So without mentions all records are new.
async fn count_untouched(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    unlink::count_untouched(tx, chunk.tenant, chunk.target, |query| with_matched(query, chunk)).await
}

/// Unlinks the noted mentions. A record that loses another identifier than its customer's is marked.
async fn unlink_mentions(tx: &mut Tx<Archive>, chunk: &Chunk, now: DateTime<Utc>) -> Result<()> {
    let (tenant, target) = (chunk.tenant, chunk.target);
    unlink::mark_mentioning(tx, tenant, target, now, |query| with_noted(query, chunk)).await?;
    unlink::mentions(tx, tenant, target.into(), |query| with_noted(query, chunk)).await?;
    tx.query("DELETE FROM pass_mentions").with(" WHERE tenant_id = ", tenant).execute().await?;
    Ok(())
}

fn with_noted<'c>(query: Query<'c>, chunk: &Chunk) -> Query<'c> {
    query
        .push("WITH noted AS (SELECT record_id, n, identifier_id, at FROM pass_mentions")
        .with(" WHERE tenant_id = ", chunk.tenant)
        .push(")")
}
