//! Retention: content that is older than its kind is kept for goes, in the same night and the same way as what requests ask
//! for (B9, C7). It is as old as its interaction, as of the pass.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::delete_content::{BATCH, Cause, PassContext, remove};
use crate::base::content::ContentKind;
use crate::base::id::{ContentId, TenantId};
use crate::base::target::{Target, Targets};
use crate::nightly::model::{Pass, PassError, Report, Stop};
use crate::store::{Archive, Result, Tx};
use crate::tenants::{Retention, Tenant};

/// Deletes the content that is too old, where retention is on.
pub async fn expire(
    room: PassContext<'_>,
    tenant: &Tenant,
    pass: &Pass,
    report: &mut Report,
    stop: &Stop,
) -> std::result::Result<(), PassError> {
    for (kind, limit) in limits(tenant, pass.as_of) {
        let mut after = None;
        loop {
            let aged = aged(&mut room.stores.archive.read().await?, tenant.id, kind, limit, after).await?;
            let Some(last) = aged.last() else { break };
            after = Some(*last);
            let ids: Vec<_> = aged.iter().map(|(_, id)| *id).collect();
            let deleted = remove(room, Cause::Age, &ids).await?;
            report.content_expired += deleted.pieces;
            report.content_left += deleted.left;
            if deleted.is_away {
                return Ok(());
            }
            if stop.is_asked() {
                return Err(PassError::Stopped);
            }
        }
    }
    Ok(())
}

/// How much content of each kind a pass would delete as of an instant: what is too old, without what its requests delete
/// before.
pub async fn forecast(
    tx: &mut Tx<Archive>,
    tenant: &Tenant,
    as_of: DateTime<Utc>,
) -> Result<BTreeMap<ContentKind, u64>> {
    let limits = limits(tenant, as_of);
    if limits.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut query = tx
        .query("WITH aged (kind, before) AS (VALUES ")
        .each(limits, |query, (kind, limit)| query.with("(", kind).with(", ", limit).push(")"))
        .push(") SELECT c.kind, count(*) FROM aged a JOIN contents c ON c.kind = a.kind AND c.at < a.before")
        .with(" WHERE c.tenant_id = ", tenant.id);
    for slot in ["phone_id", "email_id"] {
        query = query
            .push(" AND NOT EXISTS (SELECT 1 FROM interactions i JOIN requests r ON r.")
            .push(slot)
            .push(" = i.")
            .push(slot)
            .with(" AND i.at < r.due_at WHERE i.tenant_id = ", tenant.id)
            .push(" AND i.id = c.interaction_id")
            .with(" AND r.tenant_id = ", tenant.id)
            .with(" AND r.status = 'waiting' AND r.due_at <= ", as_of)
            .with(" AND r.delete_content AND (r.targets & ", Targets::from_iter([Target::Archive]))
            .push(") <> 0)");
    }
    let rows: Vec<(ContentKind, i64)> = query.push(" GROUP BY c.kind").once().all().await?;
    Ok(rows.into_iter().map(|(kind, count)| (kind, count.unsigned_abs())).collect())
}

/// The instants before which content of a kind is too old; none where retention is not on.
fn limits(tenant: &Tenant, as_of: DateTime<Utc>) -> Vec<(ContentKind, DateTime<Utc>)> {
    let recordings = &tenant.settings.recordings;
    if recordings.retention(as_of) != Retention::On {
        return Vec::new();
    }
    let limit = |days: u32| as_of.checked_sub_signed(TimeDelta::days(days.into()));
    recordings.retention_days.iter().filter_map(|(kind, days)| Some((*kind, limit(*days)?))).collect()
}

/// The next content of a kind from before an instant, oldest first, after one.
async fn aged(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    kind: ContentKind,
    limit: DateTime<Utc>,
    after: Option<(DateTime<Utc>, ContentId)>,
) -> Result<Vec<(DateTime<Utc>, ContentId)>> {
    let mut query = tx
        .query("SELECT at, id FROM contents")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND kind = ", kind)
        .with(" AND at < ", limit);
    if let Some((at, id)) = after {
        query = query.with(" AND (at, id) > (", at).with(", ", id).push(")");
    }
    query.with(" ORDER BY at, id LIMIT ", i64::try_from(BATCH).unwrap_or(i64::MAX)).all().await
}
