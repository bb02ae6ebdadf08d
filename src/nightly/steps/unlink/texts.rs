//! Texts of content: they lose their mentions like the texts of records.
//!
//! The texts of an interaction whose customer is unlinked lose that customer and all identifiers that this pass
//! forgets. Other texts lose the mentions that are selected. The text itself is not rewritten.

use super::chunk::{Chunk, insert_said, is_forgotten, with_customers, with_selected};
use crate::archive::mentions::Owner;
use crate::archive::{selector, unlink};
use crate::content_rows as contents;
use crate::nightly::steps::gc_identifiers;
use crate::requests::passes as requests;
use crate::store::{Archive, Query, Result, Tx};

/// Unlinks the mentions in texts that the chunk selects, before its customers are unlinked. Returns how many texts lost
/// one.
pub async fn unlink_texts(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    if note(tx, chunk).await? == 0 {
        return Ok(0);
    }
    count(tx, chunk).await?;
    gc_identifiers::note_all(tx, chunk.tenant, chunk.pass, |query| {
        query
            .push("WITH lost AS (SELECT identifier_id FROM pass_text_mentions")
            .with(" WHERE tenant_id = ", chunk.tenant)
            .push(")")
    })
    .await?;
    let texts: i64 = tx
        .query("SELECT count(DISTINCT content_id) FROM pass_text_mentions")
        .with(" WHERE tenant_id = ", chunk.tenant)
        .scalar()
        .await?;
    unlink::mentions(tx, chunk.tenant, Owner::Content, |query| {
        query
            .push("WITH noted AS (SELECT content_id AS record_id, n, identifier_id, at FROM pass_text_mentions")
            .with(" WHERE tenant_id = ", chunk.tenant)
            .push(")")
    })
    .await?;
    tx.query("DELETE FROM pass_text_mentions").with(" WHERE tenant_id = ", chunk.tenant).execute().await?;
    Ok(texts.unsigned_abs())
}

/// Notes the selected mentions. Then it notes, in the texts of interactions whose customer is unlinked, the mentions of
/// that customer and of all identifiers that this pass forgets. A name in a text is its customer's, also the name of a
/// former customer of the interaction.
async fn note(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    const INSERT: &str = "INSERT INTO pass_text_mentions (tenant_id, content_id, n, identifier_id, at) ";
    let query = with_selected(tx.query(INSERT), chunk).push(", said AS (");
    let query = selector::mentions(query, chunk.tenant, Owner::Content, chunk.span);
    let selected = insert_said(query, chunk).execute().await?;
    let query = with_texts(tx.query(INSERT), chunk).push(", said AS (");
    let query = unlink::mentions_in(query, chunk.tenant, Owner::Content, "texts")
        .push(" AND (m.kind = 'name' OR m.identifier_id IN (k.phone_id, k.email_id, k.name_id) OR ");
    let own = insert_said(is_forgotten(query, chunk).push(")"), chunk).execute().await?;
    Ok(selected + own)
}

/// Appends a WITH of the relation `texts (id, at, phone_id, email_id, name_id, interaction_id)`: the content of the records whose
/// customer the chunk selects, with that customer.
fn with_texts<'c>(query: Query<'c>, chunk: &Chunk) -> Query<'c> {
    contents::of_customers(with_customers(query, chunk).push(", texts AS ("), chunk.tenant).push(")")
}

/// Adds the distinct texts to the counts of every request through which they lose a mention: because the request
/// selects the mentioned identifier, or the customer that the mention belongs to.
async fn count(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    requests::add_content(tx, chunk.tenant, |query| {
        let query = with_texts(query, chunk).push(", names AS (");
        let mut query = unlink::mentions_in(query, chunk.tenant, Owner::Content, "texts")
            .push(" AND m.kind = 'name'), matched AS (SELECT content_id, identifier_id, at FROM pass_text_mentions")
            .with(" WHERE tenant_id = ", chunk.tenant);
        for column in ["k.phone_id", "k.email_id", "k.interaction_id"] {
            query = query
                .push(" UNION ALL SELECT h.content_id, ")
                .push(column)
                .push(", k.at FROM pass_text_mentions h JOIN texts k ON k.id = h.content_id")
                .with(" WHERE h.tenant_id = ", chunk.tenant)
                .push(" AND (h.identifier_id IN (k.phone_id, k.email_id, k.name_id)")
                .push(" OR (h.content_id, h.n) IN (SELECT record_id, n FROM names))");
        }
        query
            .push(
                "), counted AS (SELECT s.request_id, 0 AS deleted, count(DISTINCT h.content_id) AS anonymized \
                 FROM matched h JOIN pass_selections s ON s.identifier_id = h.identifier_id AND h.at < s.cutoff",
            )
            .with(" WHERE s.tenant_id = ", chunk.tenant)
            .with(" AND s.pass_id = ", chunk.pass)
            .with(" AND s.target = ", chunk.target)
            .push(" GROUP BY s.request_id)")
    })
    .await
}
