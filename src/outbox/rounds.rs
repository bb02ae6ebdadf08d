//! The rounds of the workers of the outboxes: each tries all that is due of every tenant, until the process ends.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::watch;

use crate::base::id::TenantId;
use crate::store::StoreError;
use crate::tenants::{self, Tenant, TenantError};
use crate::vault::AppContext;

/// Says true once the process should end.
pub type Stopping = watch::Receiver<bool>;

/// Works in rounds until the process is stopped. `tell` gets the reports of each round.
pub async fn work_in_rounds<Report, Error, Round>(
    stopping: &Stopping,
    interval: Duration,
    round: impl Fn() -> Round,
    mut tell: impl FnMut(&Tenant, &Report),
) where
    Error: std::fmt::Display,
    Round: Future<Output = Result<Vec<(Tenant, Report)>, Error>>,
{
    while !*stopping.borrow() {
        match round().await {
            Ok(reports) => reports.iter().for_each(|(tenant, report)| tell(tenant, report)),
            Err(error) => tracing::warn!(%error, "The outbox could not be read, retrying"),
        }
        tokio::select! {
            () = stopped(stopping) => {}
            () = tokio::time::sleep(interval) => {}
        }
    }
}

/// Works once for each tenant, or for one. It works for some tenants at once, so that a slow server of one delays no
/// other. Returns the reports of the tenants that there was work for. An error of one tenant is returned after the work of
/// all.
pub async fn round<Report, Error, Work>(
    app: &AppContext,
    only: Option<TenantId>,
    at_once: usize,
    work: impl Fn(Tenant) -> Work,
) -> Result<Vec<(Tenant, Report)>, Error>
where
    Report: Default + PartialEq,
    Error: From<StoreError> + From<TenantError>,
    Work: Future<Output = Result<(Tenant, Report), Error>>,
{
    let mut tenants = tenants::list_readable(&mut app.archive.read().await?).await?;
    tenants.retain(|tenant| only.is_none_or(|only| only == tenant.id));
    // A restored archive brings forgotten customers back.
    tenants.retain(|tenant| app.journal.standing.refusal(tenant.id).is_none());
    let mut working = futures_util::stream::iter(tenants.into_iter().map(work)).buffer_unordered(at_once);
    let (mut reports, mut broken) = (Vec::new(), None);
    while let Some(worked) = working.next().await {
        match worked {
            Ok((_, report)) if report == Report::default() => {}
            Ok(worked) => reports.push(worked),
            Err(error) => broken = Some(error),
        }
    }
    broken.map_or(Ok(reports), Err)
}

/// Ends when the process is stopped.
pub async fn stopped(stopping: &Stopping) {
    let mut stopping = stopping.clone();
    if stopping.wait_for(|is_stopped| *is_stopped).await.is_err() {
        // The sender is gone, so no stop can come any more.
        std::future::pending::<()>().await;
    }
}
