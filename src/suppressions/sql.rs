//! Statements about the number of checked items.

use chrono::NaiveDate;

use super::model::MOST_ITEMS_PER_DAY;
use crate::base::actor::Actor;
use crate::base::id::TenantId;
use crate::store::{Archive, Result, Tx};

/// The value of `actor_sub`. A subject is unique within its issuer only. A subject has no line break, so no two pairs have
/// the same value.
fn issuer_and_sub(actor: &Actor) -> String {
    format!("{}\n{}", actor.issuer, actor.sub)
}

/// Counts the items of a call, unless there would be too many on the day. Then it changes nothing and returns 0. A process
/// whose clock is a day behind counts for the later day.
pub async fn count(tx: &mut Tx<Archive>, actor: &Actor, day: NaiveDate, items: usize) -> Result<u64> {
    tx.query("INSERT INTO suppression_checks (tenant_id, actor_sub, day, items) VALUES (")
        .with("", actor.tenant)
        .with(", ", issuer_and_sub(actor).as_str())
        .with(", ", day)
        .with(", ", i64::try_from(items).unwrap_or(i64::MAX))
        .push(
            ") ON CONFLICT (tenant_id, actor_sub) DO UPDATE SET \
             items = CASE WHEN suppression_checks.day < excluded.day THEN excluded.items \
             ELSE suppression_checks.items + excluded.items END, \
             day = CASE WHEN suppression_checks.day < excluded.day THEN excluded.day ELSE suppression_checks.day END \
             WHERE suppression_checks.day < excluded.day",
        )
        .with(" OR suppression_checks.items + excluded.items <= ", MOST_ITEMS_PER_DAY)
        .execute()
        .await
}

pub async fn purge(tx: &mut Tx<Archive>, tenant: TenantId, before: NaiveDate) -> Result<u64> {
    tx.query("DELETE FROM suppression_checks")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND day < ", before)
        .execute()
        .await
}
