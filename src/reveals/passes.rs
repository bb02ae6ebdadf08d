//! The part of a pass in reveals: customers that it forgets leave them, and old ones are deleted.

use chrono::{DateTime, Days, TimeDelta, Utc};

use super::sql;
use crate::base::day::local_day;
use crate::base::id::TenantId;
use crate::store::{Archive, Query, Result, Tx};
use crate::tenants::Tenant;

/// How long the tokens of an expired reveal are kept.
const ITEMS_KEPT: TimeDelta = TimeDelta::days(1);

/// How long a reveal is kept without its tokens.
const KEPT: TimeDelta = TimeDelta::days(365);

/// Takes those identifiers out of all reveals for which the condition is true that `is_lost` appends. The condition names
/// them `reveal_items.identifier_id`.
pub async fn forget(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    is_lost: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    sql::forget(tx, tenant, is_lost).await
}

/// Deletes some of the tokens and reveals that are too old at an instant. Returns whether there may be more.
pub async fn purge(tx: &mut Tx<Archive>, tenant: &Tenant, as_of: DateTime<Utc>) -> Result<bool> {
    let ids = sql::with_old_items(tx, tenant.id, as_of - ITEMS_KEPT).await?;
    if !ids.is_empty() {
        sql::delete_items(tx, tenant.id, &ids).await?;
    }
    let deleted = sql::delete_old(tx, tenant.id, as_of - KEPT).await?;
    if let Some(day) = local_day(as_of, tenant.zone).checked_sub_days(Days::new(1)) {
        sql::delete_days(tx, tenant.id, day).await?;
    }
    Ok(!ids.is_empty() || deleted > 0)
}
