//! Deliveries: those that were not made yet are cancelled, and the files of the others are listed with the requests. A
//! delivered file is out of reach, so its tenant has to delete it (B7).

use chrono::{DateTime, Utc};

use super::chunk::{Chunk, with_customers};
use crate::delivery::passes as deliveries;
use crate::nightly::steps::gc_identifiers;
use crate::outbox;
use crate::requests::passes as requests;
use crate::store::{Archive, Query, Result, Tx};

/// Cancels the deliveries of the interactions whose customer is unlinked, as far as they were not made yet. Lists the
/// files of the others with the requests that select these customers. A delivery that has begun has names of files, and
/// the files may exist. No delivery gets a name after it was cancelled, so the list is complete.
pub async fn settle(tx: &mut Tx<Archive>, chunk: &Chunk, now: DateTime<Utc>) -> Result<()> {
    outbox::cancel_of(tx, chunk.tenant, now, |query| with_customers(query, chunk)).await?;
    requests::add_files(tx, chunk.tenant, |query| {
        let query = with_customers(query, chunk).push(", matched AS (");
        let query = selecting(
            query,
            "SELECT s.request_id, k.id FROM customers k",
            &["k.phone_id", "k.email_id", "k.id"],
            chunk,
        )
        .push("), named AS (");
        outbox::files(query, chunk.tenant, "d.interaction_id = h.id").push(")")
    })
    .await?;
    Ok(())
}

/// Lists the files that were made for customers that the chunk selects, and forgets these customers. The deliveries are
/// cancelled before, so nothing more is made for them.
pub async fn forget_customers(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<()> {
    if !deliveries::any_customer(tx, chunk.tenant).await? {
        return Ok(());
    }
    requests::add_files(tx, chunk.tenant, |query| {
        let query = with_made(query, chunk).push(", matched AS (");
        let query = selecting(
            query,
            "SELECT s.request_id, k.delivery_id AS id FROM made k",
            &["k.phone_id", "k.email_id"],
            chunk,
        )
        .push("), named AS (");
        outbox::files(query, chunk.tenant, "d.id = h.id").push(")")
    })
    .await?;
    gc_identifiers::note_all(tx, chunk.tenant, chunk.pass, |query| {
        with_made(query, chunk)
            .push(", lost AS (SELECT phone_id AS identifier_id FROM made UNION SELECT email_id FROM made)")
    })
    .await?;
    deliveries::forget(tx, chunk.tenant, |query| with_made(query, chunk)).await?;
    Ok(())
}

/// Appends a WITH of the relation `made`: the rows of customers of deliveries that the chunk forgets.
fn with_made<'c>(query: Query<'c>, chunk: &Chunk) -> Query<'c> {
    let query = with_customers(query, chunk).push(", made AS (");
    deliveries::forgotten(query, chunk.tenant, chunk.span).push(")")
}

/// Appends SELECTs of the requests of the pass that select the customers `k`, by each of some columns.
fn selecting<'c>(
    mut query: Query<'c>,
    select: &'static str,
    columns: &'static [&'static str],
    chunk: &Chunk,
) -> Query<'c> {
    let mut union = "";
    for column in columns {
        query = query
            .push(union)
            .push(select)
            .push(" JOIN pass_selections s ON s.identifier_id = ")
            .push(*column)
            .with(" AND k.at < s.cutoff WHERE s.tenant_id = ", chunk.tenant)
            .with(" AND s.pass_id = ", chunk.pass)
            .with(" AND s.target = ", chunk.target);
        union = " UNION ";
    }
    query
}
