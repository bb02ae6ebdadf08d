//! Waiting requests hide their customers, if the tenant wants it: up to the cut-off, in the targets of the request.

use std::future::ready;

use crate::base::id::{IdentifierId, TenantId};
use crate::base::target::{Target, Targets};
use crate::store::{Archive, Query, Result, Tx};
use crate::tenants::{HiddenKeys, HidingRule};

pub const HIDING: HidingRule = HidingRule {
    is_on: |_, tenant| Box::pin(ready(Ok(tenant.settings.hide_waiting))),
    not_hidden,
    hidden_keys: |tx, tenant, target, keys| Box::pin(hidden_keys(tx, tenant, target, keys)),
};

fn not_hidden(mut query: Query<'_>, tenant: TenantId, target: Target) -> Query<'_> {
    for column in ["phone_id = r.phone_id", "email_id = r.email_id"] {
        query = query.with(" AND (SELECT q.id FROM requests q WHERE q.tenant_id = ", tenant).push(" AND q.");
        query = waiting(query.push(column), target).push(" AND q.due_at > r.at LIMIT 1) IS NULL");
    }
    let named = (target == Target::Archive).then_some("interaction_id = r.id");
    for column in ["phone_id = r.phone_id", "email_id = r.email_id"].into_iter().chain(named) {
        query = query
            .push(" AND (SELECT q.id FROM request_interactions n JOIN requests q ON q.id = n.request_id")
            .with(" WHERE n.tenant_id = ", tenant)
            .with(" AND q.tenant_id = ", tenant)
            .push(" AND n.");
        query = waiting(query.push(column), target).push(" AND q.due_at > r.at LIMIT 1) IS NULL");
    }
    query
}

/// Appends the condition that the request `q` waits and has a target.
fn waiting(query: Query<'_>, target: Target) -> Query<'_> {
    query.push(" AND q.status = 'waiting'").with(" AND (q.targets & ", Targets::from_iter([target])).push(") <> 0")
}

async fn hidden_keys(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    target: Target,
    keys: &[IdentifierId],
) -> Result<HiddenKeys> {
    let mut query = tx.query("");
    let mut union = "";
    for column in ["phone_id", "email_id"] {
        query = query.push(union).push("SELECT q.").push(column).push(", q.due_at FROM requests q");
        query = query.with(" WHERE q.tenant_id = ", tenant).push(" AND q.").push(column);
        query = waiting(query.with_any("", keys.iter().copied()), target);
        union = " UNION ALL ";
    }
    for column in ["phone_id", "email_id", "interaction_id"] {
        query = query
            .push(union)
            .push("SELECT n.")
            .push(column)
            .push(", q.due_at FROM request_interactions n JOIN requests q ON q.id = n.request_id")
            .with(" WHERE n.tenant_id = ", tenant)
            .with(" AND q.tenant_id = ", tenant)
            .push(" AND n.")
            .push(column);
        query = waiting(query.with_any("", keys.iter().copied()), target);
    }
    query.once().all().await
}
