//! Reseal: after a rotation of the tenant's key, older values are sealed under the newest version. When nothing is sealed
//! under an older version, that version is deleted, so values that are left in free pages are unreadable.

use chrono::Days;
use uuid::Uuid;

use crate::base::id::{Generation, IdentifierId};
use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::model::PassResult;
use crate::nightly::report::Report;
use crate::outbox;
use crate::vault;

/// How many values one transaction seals again.
const BATCH: u32 = 1_000;

/// For how long an older version is kept after a newer one was made. A running process may seal under it for some
/// minutes of its own clock, so the instant of a pass does not count.
const OLDER_KEPT: Days = Days::new(1);

pub async fn reseal(context: &PassContext<'_>, report: &mut Report) -> PassResult<()> {
    let (app, tenant) = (context.app, context.tenant.id);
    if !vault::has_older_key(&mut context.read_vault().await?, tenant).await? {
        return Ok(());
    }
    let keyset = app.keysets.reload(&app.vault, tenant).await?;
    let mut after = Some(IdentifierId(Uuid::nil()));
    while let Some(position) = after {
        context.check_stop()?;
        let mut tx = context.begin_vault().await?;
        let (last, resealed) = vault::reseal_identifiers(&mut tx, &keyset, position, BATCH).await?;
        tx.commit().await?;
        failpoint::reach("reseal");
        (after, report.resealed) = (last, report.resealed + resealed);
        keep_lease(context).await?;
    }
    let mut after = Some(Generation(Uuid::nil()));
    while let Some(position) = after {
        context.check_stop()?;
        let mut tx = context.begin_vault().await?;
        let (last, resealed) = vault::reseal_content_keys(&mut tx, &keyset, position, BATCH).await?;
        tx.commit().await?;
        (after, report.resealed) = (last, report.resealed + resealed);
        keep_lease(context).await?;
    }
    let destination = outbox::destination(&mut context.read().await?, tenant).await?;
    let mut tx = context.begin_vault().await?;
    if let Some(destination) = destination {
        report.resealed += vault::reseal_delivery_secret(&mut tx, &keyset, &destination.url).await?;
    }
    report.resealed += vault::reseal_webhook_secrets(&mut tx, &keyset).await?;
    if let Some(before) = app.clock.now().checked_sub_days(OLDER_KEPT) {
        report.key_versions_deleted += vault::delete_unused_keys(&mut tx, tenant, before).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Renews the lease, which is in the archive, between two transactions of the vault.
async fn keep_lease(context: &PassContext<'_>) -> PassResult<()> {
    Ok(context.begin().await?.commit().await?)
}
