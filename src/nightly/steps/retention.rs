//! Retention: content that is past the retention of its kind is deleted, in the same way as for requests (B9, C7).
//! Content is as old as its interaction, as of the pass.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::delete_content::{BATCH, Cause, delete_some};
use crate::archive::held;
use crate::archive::selector::{self, Span};
use crate::base::content::ContentKind;
use crate::base::target::Target;
use crate::content;
use crate::content_rows::passes as contents;
use crate::nightly::context::PassContext;
use crate::nightly::model::{Pass, PassResult};
use crate::nightly::report::Report;
use crate::requests::keys::{Deleting, with_deleting};
use crate::store::{Archive, Result, Tx};
use crate::tenants::{Retention, Tenant};

/// Deletes the content that is too old, if retention is on.
pub async fn expire(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    let tenant = context.tenant;
    if !context.deletes_old(tenant.settings.recordings.retention(pass.as_of)) {
        return Ok(());
    }
    for (kind, limit) in limits(tenant, pass.as_of) {
        let mut after = None;
        loop {
            let batch = i64::try_from(BATCH).unwrap_or(i64::MAX);
            let mut tx = context.read().await?;
            let old = contents::older(&mut tx, tenant.id, kind, limit, after, batch).await?;
            let Some(last) = old.last() else { break };
            after = Some(*last);
            let mut objects: Vec<_> = old.iter().map(|(_, object)| *object).collect();
            let held = content::held(&mut tx, tenant.id, &objects).await?;
            drop(tx);
            objects.retain(|object| !held.contains(&object.id));
            let deleted = delete_some(context, pass, Cause::Age, &objects).await?;
            report.content_expired += deleted.pieces;
            report.content_left += deleted.left;
            if deleted.is_away {
                return Ok(());
            }
            context.check_stop()?;
        }
    }
    Ok(())
}

/// How much content of each kind a pass would delete as of an instant. It leaves out what a legal hold keeps, and the
/// content that requests delete before.
pub async fn forecast(
    tx: &mut Tx<Archive>,
    tenant: &Tenant,
    as_of: DateTime<Utc>,
) -> Result<BTreeMap<ContentKind, u64>> {
    let limits = limits(tenant, as_of);
    if limits.is_empty() {
        return Ok(BTreeMap::new());
    }
    contents::count_older(tx, tenant.id, limits, |query| {
        let query = with_deleting(query, tenant.id, Deleting::Due { as_of }).push(", deleting AS (");
        let query = selector::customers(query, tenant.id, Target::Archive, Span::default()).push("), ");
        held::with_kept(query, tenant.id, Target::Archive)
            .push(", customers AS (SELECT id FROM deleting UNION SELECT id FROM kept)")
    })
    .await
}

/// The kinds of content, each with the instant before which it is too old. Without retention there are none.
fn limits(tenant: &Tenant, as_of: DateTime<Utc>) -> Vec<(ContentKind, DateTime<Utc>)> {
    let recordings = &tenant.settings.recordings;
    if recordings.retention(as_of) != Retention::On {
        return Vec::new();
    }
    let limit = |days: u32| as_of.checked_sub_signed(TimeDelta::days(days.into()));
    recordings.retention_days.iter().filter_map(|(kind, days)| Some((*kind, limit(*days)?))).collect()
}
