//! Tokens of hidden customers: a reveal opens none of what the next pass would take out of it.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, Utc};

use crate::archive::customer::Customer;
use crate::archive::hidden::{Hiding, hidden_among, not_hidden};
use crate::archive::kinds::table;
use crate::base::id::{IdentifierId, RecordId};
use crate::base::target::Target;
use crate::store::{Archive, Result, Tx};
use crate::tenants::Tenant;

/// The columns by which records refer to identifiers.
const COLUMNS: [&str; 3] = ["phone_id", "email_id", "name_id"];

/// The identifiers among some that are hidden: those that a request or a hold names, and all identifiers of a record whose
/// customer is hidden. A pass takes the same ones out of reveals, also if other records have them.
pub async fn among(
    tx: &mut Tx<Archive>,
    tenant: &Tenant,
    ids: &BTreeSet<IdentifierId>,
) -> Result<HashSet<IdentifierId>> {
    let hiding = Hiding::of(tx, tenant).await?;
    let mut hidden = HashSet::new();
    if ids.is_empty() || !hiding.requests && !hiding.holds {
        return Ok(hidden);
    }
    // An identifier is hidden if a record of it alone would be.
    let alone: Vec<(RecordId, Customer)> = ids.iter().map(|id| (RecordId(id.0), of(*id))).collect();
    hidden.extend(hidden_among(tx, tenant, &alone).await?.into_iter().map(|id| IdentifierId(id.0)));
    for target in Target::ALL {
        for column in COLUMNS {
            let left = ids.iter().copied().filter(|id| !hidden.contains(id));
            let query = tx.query("SELECT DISTINCT r.").push(column).push(" FROM ").push(table(target));
            let query = query.with(" r WHERE r.tenant_id = ", tenant.id).push(" AND r.").push(column);
            let query = query.with_any("", left.collect::<Vec<_>>()).push(" AND NOT (TRUE");
            let found: Vec<(IdentifierId,)> = not_hidden(query, tenant.id, target, hiding).push(")").all().await?;
            hidden.extend(found.into_iter().map(|(id,)| id));
        }
    }
    Ok(hidden)
}

/// The customer of a record from before every request.
fn of(id: IdentifierId) -> Customer {
    let at = DateTime::<Utc>::MIN_UTC;
    Customer { at, phone_id: Some(id), email_id: None, name_id: None, forgotten: 0, aged: None }
}
