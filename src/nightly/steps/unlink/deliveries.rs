//! Whom deliveries were made for. Their files are listed with the requests that forget him, also where the interaction was
//! sent again with another customer since, and the deliveries forget him, too.
//!
//! A row is one customer, and goes whole, as a record's customer does (A18). What was made for somebody else while the
//! interaction was his stays: nobody asked for that.

use super::chunk::{Chunk, with_customers};
use super::texts::NAMES;
use crate::base::id::{DeliveryId, TenantId};
use crate::store::{Archive, Query, Result, Sql, Tx};

/// Lists the files that were made for whom the chunk selects, and forgets for whom that was. It comes after deliveries were
/// called off: nothing is made for the chunk's customers any more.
pub async fn forget_addressees(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<()> {
    if !is_any_addressed(tx, chunk.tenant).await? {
        return Ok(());
    }
    list(tx, chunk).await?;
    release(tx, chunk).await?;
    with_made(tx.query(""), chunk)
        .push(" DELETE FROM delivery_customers")
        .with(" WHERE tenant_id = ", chunk.tenant)
        .push(" AND (interaction_id, delivery_id, claim) IN (SELECT interaction_id, delivery_id, claim FROM made)")
        .execute()
        .await?;
    Ok(())
}

/// Appends a WITH of the relation `made`: the rows of those whom the chunk selects, and of the customers who go with
/// their interaction.
fn with_made<'c>(query: Query<'c>, chunk: &Chunk) -> Query<'c> {
    const COLUMNS: &str = "SELECT c.interaction_id, c.delivery_id, c.claim, c.phone_id, c.email_id, ";
    let mut query = with_customers(query, chunk).push(", made AS (");
    for slot in ["phone_id", "email_id"] {
        query = made_for(slot, query.push(COLUMNS).push("r.at"), chunk).push(" UNION ");
    }
    query
        .push(COLUMNS)
        .push("k.at FROM customers k JOIN delivery_customers c ON c.interaction_id = k.id")
        .with(" WHERE c.tenant_id = ", chunk.tenant)
        .push(" AND (c.phone_id = k.phone_id OR c.email_id = k.email_id))")
}

/// Appends where the rows `c` of those whom the chunk's work rows `s` select by a slot come from, with their interactions
/// `r`: it is as old as its interaction.
pub fn made_for<'c>(slot: &'static str, query: Query<'c>, chunk: &Chunk) -> Query<'c> {
    query
        .push(" FROM selected s JOIN delivery_customers c ON c.")
        .push(slot)
        .push(" = s.identifier_id JOIN interactions r ON r.id = c.interaction_id AND r.at < s.cutoff")
        .with(" WHERE c.tenant_id = ", chunk.tenant)
        .with(" AND r.tenant_id = ", chunk.tenant)
        .with_some(" AND r.at >= ", chunk.span.from)
        .with_some(" AND r.at < ", chunk.span.to)
}

/// Lists the files with every request of the pass that selects whom they were made for.
async fn list(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    let query = tx.query("INSERT INTO request_files (tenant_id, request_id, file_name) ");
    let mut query = with_made(query, chunk).push(", hit AS (");
    for (slot, then) in [("m.phone_id", " UNION "), ("m.email_id", ")")] {
        query = query
            .push("SELECT s.request_id, m.delivery_id AS id FROM made m JOIN pass_selections s ON s.identifier_id = ")
            .push(slot)
            .with(" AND m.at < s.cutoff WHERE s.tenant_id = ", chunk.tenant)
            .with(" AND s.pass_id = ", chunk.pass)
            .with(" AND s.target = ", chunk.target)
            .push(then);
    }
    query
        .push(" SELECT DISTINCT d.tenant_id, h.request_id, f.value FROM hit h JOIN deliveries d ON d.id = h.id")
        .push(NAMES)
        .with(" WHERE d.tenant_id = ", chunk.tenant)
        .push(" ON CONFLICT DO NOTHING")
        .execute()
        .await
}

/// Notes whom the deliveries forget: candidates for leaving the vault.
async fn release(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<u64> {
    with_made(tx.query("INSERT INTO pass_orphans (tenant_id, pass_id, identifier_id) "), chunk)
        .push(
            ", hit AS (SELECT phone_id AS identifier_id FROM made WHERE phone_id IS NOT NULL \
             UNION SELECT email_id FROM made WHERE email_id IS NOT NULL) SELECT ",
        )
        .with("", chunk.tenant)
        .push(Sql::CAST_UUID)
        .with(", ", chunk.pass)
        .push(Sql::CAST_UUID)
        .push(", identifier_id FROM hit WHERE TRUE ON CONFLICT DO NOTHING")
        .execute()
        .await
}

/// Whether any delivery says whom it was made for: without, a chunk costs one statement more.
pub async fn is_any_addressed(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<bool> {
    let one: Option<(DeliveryId,)> = tx
        .query("SELECT delivery_id FROM delivery_customers")
        .with(" WHERE tenant_id = ", tenant)
        .push(" LIMIT 1")
        .maybe()
        .await?;
    Ok(one.is_some())
}
