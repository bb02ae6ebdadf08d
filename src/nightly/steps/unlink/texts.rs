//! What a chunk of the target archive means for content: texts lose their mentions, deliveries are called off, and what was
//! delivered is listed with the requests.
//!
//! A text is cut like the texts of records: those of the interactions whose customer goes lose that customer and everybody
//! whom this pass forgets; any text loses the mentions that are selected. The text itself is not rewritten, and a
//! delivered file is out of reach: its tenant has to delete it (B7).

use chrono::{DateTime, Utc};

use super::chunk::{Chunk, with_customers, with_selected};
use crate::archive::mentions::Owner;
use crate::archive::selector;
use crate::store::{Archive, Query, Result, Sql, Tx};

/// Cuts the mentions in texts that the chunk selects, before its customers go. Answers how many texts lost one.
pub async fn cut_texts(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    if note(tx, chunk).await? == 0 {
        return Ok(0);
    }
    count(tx, chunk).await?;
    release(tx, chunk).await?;
    let texts: i64 = tx
        .query("SELECT count(DISTINCT content_id) FROM pass_text_mentions")
        .with(" WHERE tenant_id = ", chunk.tenant)
        .scalar()
        .await?;
    tx.query("UPDATE mentions SET identifier_id = NULL FROM pass_text_mentions h")
        .with(" WHERE h.tenant_id = ", chunk.tenant)
        .with(" AND mentions.tenant_id = ", chunk.tenant)
        .with(" AND mentions.target = ", Owner::Content)
        .push(" AND mentions.record_id = h.content_id AND mentions.n = h.n")
        .push(" AND mentions.identifier_id = h.identifier_id AND mentions.at = h.at")
        .execute()
        .await?;
    tx.query("DELETE FROM pass_text_mentions").with(" WHERE tenant_id = ", chunk.tenant).execute().await?;
    Ok(texts.unsigned_abs())
}

/// Notes the selected mentions; then, in the texts of interactions whose customer goes, the mentions of that customer and
/// of everybody else whom this pass forgets. A name in a text is its customer's, also one that the interaction had when
/// the text came and has not any more.
async fn note(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    const INSERT: &str = "INSERT INTO pass_text_mentions (tenant_id, content_id, n, identifier_id, at) ";
    let query = with_selected(tx.query(INSERT), chunk).push(", said AS (");
    let selected = selector::mentions(query, chunk.tenant, Owner::Content, chunk.span)
        .with(") SELECT ", chunk.tenant)
        .push(Sql::CAST_UUID)
        .push(", record_id, n, identifier_id, at FROM said")
        .execute()
        .await?;
    let own = with_customers(tx.query(INSERT), chunk)
        .push(
            ", own AS (SELECT m.record_id, m.n, m.identifier_id, m.at FROM customers k \
             JOIN contents c ON c.interaction_id = k.id JOIN mentions m ON m.record_id = c.id",
        )
        .with(" WHERE c.tenant_id = ", chunk.tenant)
        .with(" AND m.tenant_id = ", chunk.tenant)
        .with(" AND m.target = ", Owner::Content)
        .push(
            " AND m.identifier_id IS NOT NULL AND (m.kind = 'name' OR m.identifier_id IN (k.phone_id, k.email_id, \
               k.name_id)",
        )
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

/// Adds the distinct texts to the counts of every request through which they lose a mention: because it selects the one
/// who is mentioned, or the customer whose own mention it is.
async fn count(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    let query = tx.query("INSERT INTO request_contents (tenant_id, request_id, deleted, anonymized) ");
    let mut query = with_customers(query, chunk)
        .push(", hit AS (SELECT content_id, identifier_id, at FROM pass_text_mentions")
        .with(" WHERE tenant_id = ", chunk.tenant);
    for slot in ["k.phone_id", "k.email_id"] {
        query = query
            .push(" UNION ALL SELECT h.content_id, ")
            .push(slot)
            .push(
                ", k.at FROM pass_text_mentions h JOIN contents c ON c.id = h.content_id \
                 JOIN customers k ON k.id = c.interaction_id",
            )
            .with(" WHERE h.tenant_id = ", chunk.tenant)
            .with(" AND c.tenant_id = ", chunk.tenant)
            .push(" AND (h.identifier_id IN (k.phone_id, k.email_id, k.name_id) OR EXISTS (SELECT 1 FROM mentions m")
            .with(" WHERE m.tenant_id = ", chunk.tenant)
            .with(" AND m.target = ", Owner::Content)
            .push(" AND m.record_id = h.content_id AND m.n = h.n AND m.kind = 'name'))");
    }
    query
        .push(
            ") SELECT s.tenant_id, s.request_id, 0, count(DISTINCT h.content_id) \
             FROM hit h JOIN pass_selections s ON s.identifier_id = h.identifier_id AND h.at < s.cutoff",
        )
        .with(" WHERE s.tenant_id = ", chunk.tenant)
        .with(" AND s.pass_id = ", chunk.pass)
        .with(" AND s.target = ", chunk.target)
        .push(
            " GROUP BY s.tenant_id, s.request_id ON CONFLICT (tenant_id, request_id) \
             DO UPDATE SET anonymized = request_contents.anonymized + excluded.anonymized",
        )
        .execute()
        .await
}

/// Notes who leaves the texts: candidates for leaving the vault.
async fn release(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    tx.query("INSERT INTO pass_orphans (tenant_id, pass_id, identifier_id) SELECT DISTINCT ")
        .with("", chunk.tenant)
        .push(Sql::CAST_UUID)
        .with(", ", chunk.pass)
        .push(Sql::CAST_UUID)
        .with(", identifier_id FROM pass_text_mentions WHERE tenant_id = ", chunk.tenant)
        .push(" ON CONFLICT DO NOTHING")
        .execute()
        .await
}

/// The names of the files of a delivery `d`, a row each.
pub const NAMES: Sql = Sql::per(
    " CROSS JOIN LATERAL json_array_elements_text(d.file_names::json) AS f (value)",
    " CROSS JOIN json_each(d.file_names) AS f",
);

/// Calls off what was not delivered yet of the interactions whose customer goes, and lists what was with the requests that
/// select them. A delivery that was begun names its files already: they may be there. None gets a name after it was
/// called off, so what is listed then is all.
pub async fn settle_deliveries(tx: &mut Tx<Archive>, chunk: &Chunk, now: DateTime<Utc>) -> Result<()> {
    with_customers(tx.query(""), chunk)
        .push(" UPDATE deliveries SET state = 'cancelled', last_error = 'forgotten'")
        .with(", updated_at = ", now)
        .with(" FROM customers k WHERE deliveries.tenant_id = ", chunk.tenant)
        .push(" AND deliveries.interaction_id = k.id AND deliveries.state IN ('pending', 'held')")
        .execute()
        .await?;
    let query = tx.query("INSERT INTO request_files (tenant_id, request_id, file_name) ");
    let mut query = with_customers(query, chunk).push(", hit AS (");
    for (slot, then) in [("k.phone_id", " UNION "), ("k.email_id", ")")] {
        query = requests_by(slot, query, chunk).push(then);
    }
    query
        .push(
            " SELECT DISTINCT d.tenant_id, h.request_id, f.value FROM hit h JOIN deliveries d ON d.interaction_id = h.id",
        )
        .push(NAMES)
        .with(" WHERE d.tenant_id = ", chunk.tenant)
        .push(" ON CONFLICT DO NOTHING")
        .execute()
        .await?;
    Ok(())
}

/// Appends the requests that select the chunk's customers by a slot: `(request_id, interaction_id)`.
fn requests_by<'c>(slot: &'static str, query: Query<'c>, chunk: &Chunk) -> Query<'c> {
    query
        .push("SELECT s.request_id, k.id FROM customers k JOIN pass_selections s ON s.identifier_id = ")
        .push(slot)
        .with(" AND k.at < s.cutoff WHERE s.tenant_id = ", chunk.tenant)
        .with(" AND s.pass_id = ", chunk.pass)
        .with(" AND s.target = ", chunk.target)
}
