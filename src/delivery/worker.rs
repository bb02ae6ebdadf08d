//! The delivery worker. It claims due deliveries, and records in its row how each attempt ended.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use serde::Serialize;
use serde_json::json;

use super::attempt::Attempt;
use super::context::DeliveryWorker;
use super::model::{AttemptError, DeliveryError, SendError};
use crate::base::id::{DeliveryId, TenantId};
use crate::outbox::{self, ClaimedDelivery, DeliveryState, EventKind, Stopping, stopped};
use crate::tenants::{self, Tenant};
use crate::vault::AppContext;

/// After so many attempts a delivery is held: some two days.
const MOST_ATTEMPTS: i32 = 20;

/// The wait after a first attempt; it doubles with each.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(30);

const LONGEST_WAIT: TimeDelta = TimeDelta::hours(4);

/// The number of tenants at a time. Each has `delivery.parallel` transfers, and each transfer has buffers.
const TENANTS_AT_ONCE: usize = 4;

/// The work of a worker for a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeliveryReport {
    /// Recordings that are at their target now.
    pub delivered: u64,
    /// Attempts that failed and are made again.
    pub failed: u64,
    /// Deliveries that are held, because an operator must correct something.
    pub held: u64,
    /// Deliveries that must not be made any more.
    pub cancelled: u64,
}

impl DeliveryReport {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

enum Ended {
    Delivered,
    Failed(SendError),
    Held(SendError),
    Cancelled,
    Lost,
}

impl DeliveryWorker {
    /// Works until the process is stopped.
    pub async fn run(&self, only: Option<TenantId>, stopping: &Stopping, tell: impl FnMut(&Tenant, &DeliveryReport)) {
        outbox::work_in_rounds(stopping, self.config.interval(), || self.round(only, stopping), tell).await;
    }

    /// Tries everything that is due once. Returns what was done for each tenant that something was done for.
    pub async fn round(
        &self,
        only: Option<TenantId>,
        stopping: &Stopping,
    ) -> Result<Vec<(Tenant, DeliveryReport)>, DeliveryError> {
        outbox::round(&self.stores, only, TENANTS_AT_ONCE, |tenant| async move {
            let report = self.work(&tenant, stopping).await?;
            Ok((tenant, report))
        })
        .await
    }

    /// Has everything that is held tried anew, of one tenant or of all.
    pub async fn release_held(&self, only: Option<TenantId>) -> Result<u64, DeliveryError> {
        let mut tx = self.stores.archive.write().await?;
        let mut released = 0;
        for tenant in tenants::list(&mut tx).await? {
            if only.is_none_or(|only| only == tenant.id) {
                released += outbox::release_all(&mut tx, tenant.id, self.stores.clock.now()).await?;
            }
        }
        tx.commit().await?;
        Ok(released)
    }

    async fn work(&self, tenant: &Tenant, stopping: &Stopping) -> Result<DeliveryReport, DeliveryError> {
        let mut report = DeliveryReport::default();
        while !*stopping.borrow() {
            let claimed = self.claim(tenant.id).await?;
            if claimed.is_empty() {
                break;
            }
            let mut goes_on = true;
            for ended in join_all(claimed.into_iter().map(|claim| self.deliver(tenant, claim, stopping))).await {
                match ended? {
                    Ended::Delivered => report.delivered += 1,
                    Ended::Failed(fault) => {
                        report.failed += 1;
                        // The others would meet the same: they wait for the next round.
                        goes_on &= !fault.is_of_target();
                    }
                    Ended::Held(_) => report.held += 1,
                    Ended::Cancelled => report.cancelled += 1,
                    Ended::Lost => {}
                }
            }
            if !goes_on {
                break;
            }
        }
        Ok(report)
    }

    /// Claims some due deliveries. If another worker was faster, the next ones are tried.
    async fn claim(&self, tenant: TenantId) -> Result<Vec<ClaimedDelivery>, DeliveryError> {
        let AppContext { archive, clock, .. } = &*self.stores;
        let now = clock.now();
        let due = outbox::due(&mut archive.read().await?, tenant, now, 8 * self.config.parallel).await?;
        for some in due.chunks(self.config.parallel.try_into().unwrap_or(1)) {
            let mut tx = archive.write().await?;
            let until = clock.now() + self.config.lease();
            let claimed = outbox::claim(&mut tx, tenant, some, DeliveryId::new(), now, until).await?;
            tx.commit().await?;
            if !claimed.is_empty() {
                return Ok(claimed);
            }
        }
        Ok(Vec::new())
    }

    async fn deliver(
        &self,
        tenant: &Tenant,
        claim: ClaimedDelivery,
        stopping: &Stopping,
    ) -> Result<Ended, DeliveryError> {
        let outcome = match Attempt::prepare(self, tenant, claim).await {
            Err(failed) => Err(failed),
            Ok(attempt) => tokio::select! {
                outcome = attempt.run() => outcome,
                failed = self.keep(tenant.id, &claim) => {
                    attempt.clear().await;
                    Err(failed)
                }
                () = stopped(stopping) => {
                    attempt.clear().await;
                    Err(SendError::Interrupted.into())
                }
            },
        };
        self.note(tenant, &claim, outcome).await
    }

    /// Keeps a claim while a transfer lasts; ends when it is lost.
    async fn keep(&self, tenant: TenantId, claim: &ClaimedDelivery) -> AttemptError {
        let term = self.config.lease().to_std().unwrap_or_default();
        let mut good_until = tokio::time::Instant::now() + term;
        loop {
            tokio::time::sleep(term / 4).await;
            let began = tokio::time::Instant::now();
            match self.hold_on(tenant, claim).await {
                Ok(()) => good_until = began + term,
                Err(AttemptError::Lost) => return AttemptError::Lost,
                // A failed renewal is tried again, as long as the claim is valid.
                Err(_) if began < good_until => {}
                Err(failed) => return failed,
            }
        }
    }

    /// Renews a claim. An error says that it is lost, or that the delivery was cancelled or held meanwhile: then no file
    /// gets its name.
    pub(super) async fn hold_on(&self, tenant: TenantId, claim: &ClaimedDelivery) -> Result<(), AttemptError> {
        self.renew(tenant, claim, None).await
    }

    /// Writes down how an attempt ended.
    async fn note(
        &self,
        tenant: &Tenant,
        claim: &ClaimedDelivery,
        outcome: Result<Vec<String>, AttemptError>,
    ) -> Result<Ended, DeliveryError> {
        let now = self.stores.clock.now();
        let mut tx = self.stores.archive.write().await?;
        let ended = match outcome {
            Ok(file_names) => {
                outbox::deliver(&mut tx, tenant.id, claim, &file_names, now).await?;
                Ended::Delivered
            }
            Err(AttemptError::Lost) => Ended::Lost,
            Err(AttemptError::Forgotten) => {
                outbox::fail(&mut tx, tenant.id, claim, (DeliveryState::Cancelled, "forgotten"), now, now).await?;
                Ended::Cancelled
            }
            Err(AttemptError::Send(fault)) => {
                let is_held = fault.holds() || fault != SendError::Interrupted && claim.attempt >= MOST_ATTEMPTS;
                let state = if is_held { DeliveryState::Held } else { DeliveryState::Pending };
                let next_at = if fault == SendError::Interrupted { now } else { next_at(now, claim.attempt) };
                outbox::fail(&mut tx, tenant.id, claim, (state, fault.as_str()), next_at, now).await?;
                if is_held {
                    let event = json!({ "delivery_id": claim.id, "error": fault.as_str() });
                    outbox::publish(&mut tx, tenant.id, EventKind::DeliveryHeld, [event], now).await?;
                }
                if is_held { Ended::Held(fault) } else { Ended::Failed(fault) }
            }
        };
        tx.commit().await?;
        tell(tenant, claim, &ended);
        Ok(ended)
    }
}

fn tell(tenant: &Tenant, claim: &ClaimedDelivery, ended: &Ended) {
    let ClaimedDelivery { id, attempt, .. } = claim;
    match ended {
        Ended::Delivered => tracing::info!(tenant = %tenant.slug, delivery.id = %id, attempt, "Delivered a recording"),
        Ended::Failed(fault) => {
            tracing::warn!(tenant = %tenant.slug, delivery.id = %id, attempt, error = fault.as_str(), "A delivery failed");
        }
        Ended::Held(fault) => {
            tracing::error!(tenant = %tenant.slug, delivery.id = %id, attempt, error = fault.as_str(), "A delivery failed; it is held until somebody retries it");
        }
        Ended::Cancelled | Ended::Lost => {
            tracing::info!(tenant = %tenant.slug, delivery.id = %id, attempt, "A delivery is cancelled");
        }
    }
}

/// When to try again after so many attempts.
fn next_at(now: DateTime<Utc>, attempt: i32) -> DateTime<Utc> {
    let doublings = u32::try_from(attempt - 1).unwrap_or_default().min(16);
    now + (FIRST_WAIT * 2_i32.saturating_pow(doublings)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_is_away_over_a_night_and_a_day_is_tried_until_it_is_back() {
        let now = "2026-08-03T12:00:00Z".parse().unwrap();
        let wait = |attempt| (next_at(now, attempt) - now).num_seconds();
        assert_eq!([1, 2, 3, 9, 10, 20].map(wait), [30, 60, 120, 7_680, 14_400, 14_400]);
        let all: i64 = (1..MOST_ATTEMPTS).map(wait).sum();
        assert!(all > 40 * 3_600 && all < 50 * 3_600, "{all}");
    }
}
