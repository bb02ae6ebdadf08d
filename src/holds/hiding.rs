//! Legal holds with `hide` hide their customers as long as they last, whatever the time and the kind of a record.

use chrono::{DateTime, Utc};

use crate::base::id::{HoldId, IdentifierId, TenantId};
use crate::base::target::Target;
use crate::store::{Archive, Query, Result, Tx};
use crate::tenants::{HiddenKeys, HidingRule};

pub const HIDING: HidingRule = HidingRule {
    is_on: |tx, tenant| Box::pin(is_on(tx, tenant.id)),
    not_hidden,
    hidden_keys: |tx, tenant, _, keys| Box::pin(hidden_keys(tx, tenant, keys)),
};

async fn is_on(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<bool> {
    let one: Option<(HoldId,)> = tx
        .query("SELECT id FROM holds")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND released_at IS NULL AND hide LIMIT 1")
        .maybe()
        .await?;
    Ok(one.is_some())
}

fn not_hidden(mut query: Query<'_>, tenant: TenantId, target: Target) -> Query<'_> {
    for (column, own) in [("k.phone_id", "r.phone_id"), ("k.email_id", "r.email_id")] {
        query = query
            .with(" AND (SELECT k.id FROM holds k WHERE k.tenant_id = ", tenant)
            .push(" AND k.hide AND ")
            .push(column)
            .push(" = ")
            .push(own)
            .push(" LIMIT 1) IS NULL");
    }
    let named = (target == Target::Archive).then_some(("k.interaction_id", "r.id"));
    for (column, own) in [("k.phone_id", "r.phone_id"), ("k.email_id", "r.email_id")].into_iter().chain(named) {
        query = query
            .with(
                " AND (SELECT k.hold_id FROM hold_interactions k JOIN holds h ON h.id = k.hold_id WHERE k.tenant_id = ",
                tenant,
            )
            .with(" AND h.tenant_id = ", tenant)
            .push(" AND h.hide AND ")
            .push(column)
            .push(" = ")
            .push(own)
            .push(" LIMIT 1) IS NULL");
    }
    query
}

async fn hidden_keys(tx: &mut Tx<Archive>, tenant: TenantId, keys: &[IdentifierId]) -> Result<HiddenKeys> {
    let mut query = tx.query("");
    let mut union = "";
    for column in ["phone_id", "email_id"] {
        query = query.push(union).push("SELECT k.").push(column).with(" FROM holds k WHERE k.tenant_id = ", tenant);
        query = query.push(" AND k.hide AND k.").push(column).with_any("", keys.iter().copied());
        union = " UNION ";
    }
    for column in ["phone_id", "email_id", "interaction_id"] {
        query = query
            .push(union)
            .push("SELECT k.")
            .push(column)
            .push(" FROM hold_interactions k JOIN holds h ON h.id = k.hold_id")
            .with(" WHERE k.tenant_id = ", tenant)
            .with(" AND h.tenant_id = ", tenant)
            .push(" AND h.hide AND k.")
            .push(column)
            .with_any("", keys.iter().copied());
    }
    let rows: Vec<(IdentifierId,)> = query.once().all().await?;
    Ok(rows.into_iter().map(|(id,)| (id, DateTime::<Utc>::MAX_UTC)).collect())
}
