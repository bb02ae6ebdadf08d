//! Retention: content that is older than its kind is kept for goes, in the same night and the same way as what requests ask
//! for (B9, C7). It is as old as its interaction, as of the pass.

use chrono::{DateTime, TimeDelta, Utc};

use super::content::{BATCH, Cause, Room, remove};
use super::model::{NightError, Pass, Report, Stop};
use crate::base::content::ContentKind;
use crate::base::id::{ContentId, TenantId};
use crate::store::{Archive, Result, Tx};
use crate::tenants::{Retention, Tenant};

/// Deletes the content that is too old, where retention is on.
pub async fn expire(
    room: Room<'_>,
    tenant: &Tenant,
    pass: &Pass,
    report: &mut Report,
    stop: &Stop,
) -> std::result::Result<(), NightError> {
    let recordings = &tenant.settings.recordings;
    if recordings.retention(pass.as_of) != Retention::On {
        return Ok(());
    }
    for (kind, days) in &recordings.retention_days {
        let Some(limit) = pass.as_of.checked_sub_signed(TimeDelta::days((*days).into())) else { continue };
        let mut after = None;
        loop {
            let aged = aged(&mut room.stores.archive.read().await?, tenant.id, *kind, limit, after).await?;
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
                return Err(NightError::Stopped);
            }
        }
    }
    Ok(())
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
