//! A dry run: the numbers of a pass that is not made. It takes no lease and writes nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::model::{Options, PassResult};
use super::steps::{purge, retention};
use crate::archive::{self, Hits};
use crate::base::content::ContentKind;
use crate::base::id::IdentifierId;
use crate::base::target::Target;
use crate::content::of_customers as content_of;
use crate::requests::held::{self, bounded};
use crate::requests::passes::{self as requests, BATCH, ClaimedRequest};
use crate::store::{Archive, Tx};
use crate::tenants::{self, Retention, Tenant};
use crate::vault::AppContext;

/// The work of a pass for one tenant, before it is done.
#[derive(Debug)]
pub struct Forecast {
    pub tenant: Tenant,
    /// How many requests are due.
    pub requests: u64,
    /// How many of them select a held record, so that the pass would leave them waiting.
    pub requests_held: u64,
    /// The records that the others select in each target.
    pub targets: Vec<(Target, Hits)>,
    /// The content that they delete, by kind.
    pub deleted: BTreeMap<ContentKind, u64>,
    /// The content that stays without its customer, by kind.
    pub unfindable: BTreeMap<ContentKind, u64>,
    pub retention: Retention,
    /// The content that retention deletes, by kind.
    pub expired: BTreeMap<ContentKind, u64>,
    /// The done requests that are deleted for their age.
    pub requests_purged: u64,
}

pub async fn dry_run(app: &AppContext, options: &Options) -> PassResult<Vec<Forecast>> {
    let mut tx = app.archive.read().await?;
    let mut tenants = tenants::list_readable(&mut tx).await?;
    tenants.retain(|tenant| options.tenant.is_none_or(|only| only == tenant.id));
    let mut forecasts = Vec::new();
    for tenant in tenants {
        let targets = Target::ALL.into_iter().map(|target| (target, Hits::default())).collect();
        let retention = tenant.settings.recordings.retention(options.as_of);
        let expired = retention::forecast(&mut tx, &tenant, options.as_of).await?;
        let requests_purged = purge::forecast(&mut tx, &tenant, options.as_of).await?;
        let (deleted, unfindable) = (BTreeMap::new(), BTreeMap::new());
        let mut forecast = Forecast {
            tenant,
            requests: 0,
            requests_held: 0,
            targets,
            deleted,
            unfindable,
            retention,
            expired,
            requests_purged,
        };
        let mut after = None;
        loop {
            let mut due = requests::due(&mut tx, forecast.tenant.id, options.as_of, after, BATCH).await?;
            let Some(last) = due.last() else { break };
            after = Some(last.id);
            forecast.requests += due.len() as u64;
            let spared = held::count(&mut tx, forecast.tenant.id, &due).await?;
            forecast.requests_held += spared.len() as u64;
            due.retain(|request| !spared.contains_key(&request.id));
            for some in bounded(&due) {
                forecast.add(&mut tx, some).await?;
            }
        }
        forecasts.push(forecast);
    }
    Ok(forecasts)
}

impl Forecast {
    async fn add(&mut self, tx: &mut Tx<Archive>, due: &[ClaimedRequest]) -> PassResult<()> {
        let tenant = self.tenant.id;
        for (target, sum) in &mut self.targets {
            let selected = selected(due, *target, |request| request.targets.contains(*target));
            sum.add(archive::selector::count(tx, tenant, *target, &selected).await?);
        }
        for (sum, is_deleted) in [(&mut self.deleted, true), (&mut self.unfindable, false)] {
            let selected = selected(due, Target::Archive, |request| {
                request.targets.contains(Target::Archive) && request.delete_content == is_deleted
            });
            for (kind, count) in content_of(tx, tenant, &selected).await? {
                *sum.entry(kind).or_default() += count;
            }
        }
        Ok(())
    }
}

/// The keys of some requests, each with the request's cut-off.
fn selected(
    due: &[ClaimedRequest],
    target: Target,
    is_included: impl Fn(&ClaimedRequest) -> bool,
) -> Vec<(IdentifierId, DateTime<Utc>)> {
    let requests = due.iter().filter(|request| is_included(request));
    requests.flat_map(|request| request.keys(target).map(|key| (key, request.due_at))).collect()
}
