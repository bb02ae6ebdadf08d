//! The statements by which a pass forgets the customers that deliveries were made for.
//!
//! A row is one customer, and it is deleted as a whole, as a record's customer is (A18). An interaction can be sent
//! again with another customer. Deliveries that were made for the other customer stay.

use crate::archive::selector::{IDENTIFIERS, Span};
use crate::archive::unlink::join_interactions;
use crate::base::id::{DeliveryId, IdentifierId, RecordId, TenantId};
use crate::store::{Archive, Query, Result, Tx};

/// Whether any delivery has a customer. If no delivery has one, a chunk needs one statement less.
pub async fn any_customer(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<bool> {
    let one: Option<(DeliveryId,)> = tx
        .query("SELECT delivery_id FROM delivery_customers")
        .with(" WHERE tenant_id = ", tenant)
        .push(" LIMIT 1")
        .maybe()
        .await?;
    Ok(one.is_some())
}

/// Appends the FROM of the rows `c` of customers that the relation `selected s` selects by a column, with their
/// interactions `r`, and the conditions on both.
pub fn from_selected<'c>(column: &'static str, query: Query<'c>, tenant: TenantId, span: Span) -> Query<'c> {
    let query = query.push(" FROM selected s JOIN delivery_customers c ON c.").push(column).push(" = s.identifier_id");
    join_interactions(query, tenant, span).with(" AND c.tenant_id = ", tenant)
}

/// Appends a SELECT of one column for each delivery whose customer the relation `selected s` selects, while the
/// interaction `r` has another customer now.
pub fn each_former_customer<'c>(mut query: Query<'c>, tenant: TenantId, span: Span, column: &'static str) -> Query<'c> {
    for ((selecting, is_former), then) in IDENTIFIERS
        .iter()
        .zip([
            " AND (r.phone_id IS NULL OR r.phone_id <> c.phone_id)",
            " AND (r.email_id IS NULL OR r.email_id <> c.email_id)",
        ])
        .zip([" UNION ALL ", ""])
    {
        query = from_selected(selecting, query.push("SELECT ").push(column), tenant, span).push(is_former).push(then);
    }
    query
}

/// Appends a SELECT of the rows that are forgotten: those of the customers that the relation `selected s` selects, and
/// those of the customers of `customers k` that lose their interaction. `(interaction_id, delivery_id, claim, phone_id,
/// email_id, at)`.
pub fn forgotten(mut query: Query<'_>, tenant: TenantId, span: Span) -> Query<'_> {
    const COLUMNS: &str = "SELECT c.interaction_id, c.delivery_id, c.claim, c.phone_id, c.email_id, ";
    for column in IDENTIFIERS {
        query = from_selected(column, query.push(COLUMNS).push("r.at"), tenant, span).push(" UNION ");
    }
    query
        .push(COLUMNS)
        .push("k.at FROM customers k JOIN delivery_customers c ON c.interaction_id = k.id")
        .with(" WHERE c.tenant_id = ", tenant)
        .push(" AND (c.phone_id = k.phone_id OR c.email_id = k.email_id)")
}

/// Deletes the rows of the relation `made (interaction_id, delivery_id, claim)`, of which `made` appends a WITH.
pub async fn forget(tx: &mut Tx<Archive>, tenant: TenantId, made: impl FnOnce(Query<'_>) -> Query<'_>) -> Result<u64> {
    made(tx.query(""))
        .push(" DELETE FROM delivery_customers")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND (interaction_id, delivery_id, claim) IN (SELECT interaction_id, delivery_id, claim FROM made)")
        .execute()
        .await
}

/// Deletes the customers of deliveries of some interactions, and returns their identifiers.
pub async fn forget_interactions(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    interactions: &[RecordId],
) -> Result<Vec<IdentifierId>> {
    let rows: Vec<(Option<IdentifierId>, Option<IdentifierId>)> = tx
        .query("DELETE FROM delivery_customers")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND interaction_id", interactions.iter().copied())
        .push(" RETURNING phone_id, email_id")
        .all()
        .await?;
    Ok(rows.into_iter().flat_map(|(phone, email)| [phone, email]).flatten().collect())
}
