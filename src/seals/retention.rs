//! The retention of the audit log. The oldest rows leave up to a seal. The tree up to that seal is kept, so the rows
//! after it are verified against the same checkpoints as before.
//!
//! Rows, their seals, and the tree before them change in one transaction, and a row of the log records the border. So a
//! border that no row records was moved by an attacker.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::model::{KeptLog, Seal};
use super::sql;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::clock::Clock;
use crate::base::id::TenantId;
use crate::store::{Archive, Result, Tx};

/// How many numbers of rows a transaction covers. A seal covers no more rows than that.
const BATCH: i64 = 1_000;

/// How many of the newest deletions are read for the border. Their order is that of the clocks of several machines.
const TOLD: u32 = 100;

/// Takes over the setting `audit.keep_days` at an instant, and returns the number of days in force.
pub async fn keep(tx: &mut Tx<Archive>, tenant: TenantId, days: Option<u32>, at: DateTime<Utc>) -> Result<Option<i64>> {
    let known = sql::kept(tx, tenant).await?;
    if known.is_none() && days.is_none() {
        return Ok(None);
    }
    let mut kept = known.unwrap_or_default();
    let before = (kept.days, kept.next);
    kept.take(days.map(i64::from), at);
    if before != (kept.days, kept.next) {
        sql::set_kept(tx, tenant, &kept).await?;
    }
    Ok(kept.days)
}

/// Deletes the oldest rows up to a seal, if all of them were written before an instant. Returns whether it did, so that
/// the caller commits and tries the next ones.
pub async fn purge(tx: &mut Tx<Archive>, clock: Clock, actor: &Actor, before: DateTime<Utc>) -> Result<bool> {
    let tenant = actor.tenant;
    let Some(mut kept) = sql::kept(tx, tenant).await? else { return Ok(false) };
    let after = kept.start.seq;
    let Some(border) = border(tx, tenant, after, before).await? else { return Ok(false) };
    let start = border.end()?;
    let purged = audit::purge(tx, tenant, (after, border.seq)).await?;
    kept.deleted += purged.rows;
    // Later rows may record the deletion of ids of the deleted rows, so this can be below zero.
    kept.unlinked += purged.unlinked - purged.missing;
    let detail = json!({ "seq": border.seq, "tree": border.origin, "size": start.tree.size(), "before": before });
    // The seal at the border stays: the sealer continues from the newest one.
    sql::delete_before(tx, tenant, border.seq).await?;
    kept.start = start;
    sql::set_kept(tx, tenant, &kept).await?;
    let rows = usize::try_from(purged.rows).unwrap_or_default();
    audit::record(tx, clock, actor, &Entry::new(Action::AuditPurged, rows, detail)).await?;
    Ok(true)
}

/// The seal up to which the next rows are old enough. A published checkpoint stays at or after it.
async fn border(tx: &mut Tx<Archive>, tenant: TenantId, after: i64, before: DateTime<Utc>) -> Result<Option<Seal>> {
    let Some(published) = sql::published(tx, tenant).await? else { return Ok(None) };
    let last = published.seq.min(after.saturating_add(BATCH));
    let furthest = match sql::last_within(tx, tenant, (after, last)).await? {
        Some(seal) => Some(seal),
        // A restore has left a gap, and the numbers after it are higher.
        None => sql::first_within(tx, tenant, (after, published.seq)).await?,
    };
    let Some(furthest) = furthest else { return Ok(None) };
    match audit::first_since(tx, tenant, (after, furthest.seq), before).await? {
        None => Ok(Some(furthest)),
        Some(young) => sql::last_within(tx, tenant, (after, young - 1)).await,
    }
}

/// The deleted beginning of a log.
pub async fn kept(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<KeptLog> {
    Ok(sql::kept(tx, tenant).await?.unwrap_or_default())
}

/// The border of the deleted beginning that the rows of a log tell.
pub async fn told(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<i64> {
    let details = audit::newest_details(tx, tenant, Action::AuditPurged, TOLD).await?;
    let border = |detail: String| serde_json::from_str::<Value>(&detail).ok()?["seq"].as_i64();
    Ok(details.into_iter().filter_map(border).max().unwrap_or_default())
}
