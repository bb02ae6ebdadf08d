//! Expiry of the erasure journal: objects that are older than every backup leave it, the oldest first.
//!
//! An object names the new beginning of the chain before anything is deleted, then the rows go, and then the objects. So a
//! killed process leaves neither damage nor a restore, and the next job continues.
//!
//! A clock that is wrong in one job makes no object old: ages are counted up to the newest object of an earlier day.

use chrono::{DateTime, TimeDelta, Utc};

use super::horizon::oldest_contents;
use super::look;
use crate::base::id::TenantId;
use crate::journal::{self, Body, ObjectKind};
use crate::nightly::failpoint;
use crate::nightly::model::PassResult;
use crate::vault::AppContext;

/// The most objects that one job reads to find those that have expired.
const MOST: usize = 10_000;

/// The age from which on an object is of an earlier day.
const DAY: TimeDelta = TimeDelta::hours(12);

/// Deletes the objects that are older than `kept`. A store that refuses the deletion, as one with Object Lock does, is no
/// failure of the job, because only space is lost.
pub async fn expire(app: &AppContext, as_of: DateTime<Utc>, kept: TimeDelta) {
    if app.journal.is_off() {
        return;
    }
    match expire_older(app, as_of, kept).await {
        Ok(0) => {}
        Ok(objects) => tracing::info!(objects, "Deleted expired objects of the erasure journal"),
        Err(error) => {
            tracing::warn!(%error, "Expired objects of the erasure journal were not deleted; the next job retries");
        }
    }
}

async fn expire_older(app: &AppContext, as_of: DateTime<Utc>, kept: TimeDelta) -> PassResult<u64> {
    let Some(limit) = end_of_days(app, as_of).await?.and_then(|end| end.checked_sub_signed(kept)) else { return Ok(0) };
    expire_before(app, limit).await
}

/// The instant up to which the ages of objects are counted. A user who names an instant of the future means it.
async fn end_of_days(app: &AppContext, as_of: DateTime<Utc>) -> PassResult<Option<DateTime<Utc>>> {
    let now = app.clock.now();
    if as_of > now {
        return Ok(Some(as_of));
    }
    Ok(app.journal.newest_before(now - DAY).await?.map(|newest| newest.min(as_of)))
}

async fn expire_before(app: &AppContext, limit: DateTime<Utc>) -> PassResult<u64> {
    let look = look::look(app).await?;
    if look.damage.is_some() || look.tenants.iter().any(|one| one.behind.is_some()) {
        return Ok(0);
    }
    // A backup of a tenant of which a database knows no object yet would need all that were created since.
    if look.tenants.iter().any(|one| one.heads.contains(&0) && one.tenant.id < TenantId::before(limit)) {
        return Ok(0);
    }
    // The newest object that each database knows stays, and all that one of them does not know or has not finished.
    let heads = look.tenants.iter().flat_map(|one| one.heads).filter(|head| *head > 0);
    let open =
        look.tenants.iter().flat_map(|one| one.not_in_archive.iter().chain(&one.not_in_vault).chain(&one.unfinished));
    let kept = heads.chain(open.map(|object| object.entry.seq)).min();
    let tenants = look.tenants.iter().map(|one| one.tenant.id).collect();
    let end = app.journal.end_of_old(&tenants, limit, MOST).await?.min(kept.unwrap_or(1));
    let mut lowest = look.horizon.map_or(1, |one| one.lowest);
    // The oldest tenant is in all backups that are young enough, so its key opens the object after each restore.
    if let Some(tenant) = look.tenants.iter().map(|one| one.tenant.id).min().filter(|_| end > lowest) {
        lowest = end;
        let keyset = app.keysets.get(&app.vault, tenant).await?;
        let (keys, body, now) = (keyset.journal(), Body::Horizon(end), app.clock.now());
        let entry = app.journal.append(keys, None, ObjectKind::Horizon, &body, now).await?;
        failpoint::reach("expiry.horizon");
        let mut tx = app.archive.write().await?;
        journal::insert(&mut tx, tenant, entry.as_slice()).await?;
        tx.commit().await?;
    }
    if lowest == 1 {
        return Ok(0);
    }
    let mut deleted = 0;
    let before = oldest_contents(app, lowest).await?;
    for one in &look.tenants {
        let tenant = one.tenant.id;
        let mut tx = app.archive.write().await?;
        journal::delete_below(&mut tx, tenant, lowest).await?;
        journal::delete_contents_before(&mut tx, tenant, before).await?;
        tx.commit().await?;
        let mut tx = app.vault.write().await?;
        journal::delete_below(&mut tx, tenant, lowest).await?;
        journal::delete_contents_before(&mut tx, tenant, before).await?;
        tx.commit().await?;
        failpoint::reach("expiry.rows");
        deleted += app.journal.delete_contents_before(tenant, before).await?;
    }
    Ok(deleted + app.journal.delete_below(lowest).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Stage;

    /// Runs the nightly job now, and returns whether the oldest object still exists.
    async fn has_oldest_after_a_night(stage: &Stage) -> bool {
        stage.nightly(&stage.app.clock.now().to_rfc3339()).await;
        stage.app.journal.sealed(1).await.is_ok()
    }

    #[tokio::test]
    async fn a_clock_that_is_wrong_for_one_night_expires_nothing() {
        let mut stage = Stage::new("kari", &[]).await;
        for _ in 0..3 {
            assert!(has_oldest_after_a_night(&stage).await);
            stage = stage.later(TimeDelta::days(1));
        }
        let stage = stage.later(TimeDelta::days(500));
        assert!(has_oldest_after_a_night(&stage).await, "the first night after the jump");
        let stage = stage.later(TimeDelta::days(-500));
        assert!(has_oldest_after_a_night(&stage).await, "the clock was set right");
        let stage = stage.later(TimeDelta::days(501));
        assert!(has_oldest_after_a_night(&stage).await, "it jumped again");
        let stage = stage.later(TimeDelta::days(1));
        assert!(!has_oldest_after_a_night(&stage).await, "a second night in a row");
    }
}
