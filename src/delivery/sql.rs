//! Statements about the customers of deliveries.

use chrono::{DateTime, Utc};

use super::model::Addressee;
use super::passes::from_selected;
use crate::archive::selector::{self, IDENTIFIERS, Span};
use crate::base::id::{IdentifierId, TenantId};
use crate::base::target::Target;
use crate::outbox::{self, ClaimedDelivery};
use crate::store::{Archive, Result, Tx};

/// Notes the customer of the announced files, in the transaction that announces them.
pub async fn note_addressee(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    claim: &ClaimedDelivery,
    to: Addressee,
) -> Result<u64> {
    let Addressee { phone_id, email_id } = to;
    if phone_id.is_none() && email_id.is_none() {
        return Ok(0);
    }
    tx.query(
        "INSERT INTO delivery_customers (tenant_id, interaction_id, delivery_id, claim, phone_id, email_id) VALUES (",
    )
    .with("", tenant)
    .with(", ", claim.interaction)
    .with(", ", claim.id)
    .with(", ", claim.token)
    .with(", ", phone_id)
    .with(", ", email_id)
    .push(") ON CONFLICT DO NOTHING")
    .execute()
    .await
}

/// The number of files that were delivered for some customers, each customer up to their own cut-off. It counts the
/// files of the interactions that belong to these customers, and of the interactions that belonged to them.
pub async fn files_of(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    selected: &[(IdentifierId, DateTime<Utc>)],
) -> Result<i64> {
    let query = tx
        .query("WITH selected (identifier_id, cutoff) AS (VALUES ")
        .each(selected, |query, (id, cutoff)| query.with("(", *id).with(", ", *cutoff).push(")"))
        .push("), customers AS (");
    let query = selector::customers(query, tenant, Target::Archive, Span::default()).push("), made AS (");
    let mut query = outbox::of_customers(query, tenant);
    for column in IDENTIFIERS {
        query = from_selected(column, query.push(" UNION SELECT c.delivery_id"), tenant, Span::default());
    }
    outbox::join_files(query.push(") SELECT count(DISTINCT f.value) FROM made m"), tenant).once().scalar().await
}
