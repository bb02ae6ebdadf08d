//! The worker of webhooks. It makes messages of events, claims due ones, sends them, and settles their rows.
//!
//! A message is sent at least once. A worker that is killed after a receiver has accepted a message has not settled its
//! row, so another worker sends it again under the same id.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt as _;
use serde::Serialize;

use super::client::WebhookClient;
use super::model::{MessageState, WebhookError};
use super::sending::Sending;
use super::sql::{self, Settled};
use crate::base::id::{RecipientId, TenantId};
use crate::base::recipient::TokenForm;
use crate::outbox::{self, OpenEvent, Stopping, Webhook};
use crate::recipients;
use crate::telemetry::Metrics;
use crate::tenants::Tenant;
use crate::vault::{AppContext, SigningPurpose};

/// How many events get their messages in one transaction.
const EVENTS: i64 = 500;

/// By how much the clocks of two servers may differ. The one that made a webhook may be ahead of the one that writes an
/// event, and a webhook would rather get an event of the minute before it was made than miss one of its first minute.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(1);

/// The number of tenants, and of webhooks of each, that are served at a time, so that a slow receiver delays no other.
const AT_ONCE: usize = 8;

/// The work of a worker for a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WebhookReport {
    /// Messages that their receivers accepted.
    pub messages_delivered: u64,
    /// Attempts that failed and are made again.
    pub messages_failed: u64,
    /// Messages whose attempts have all failed.
    pub messages_held: u64,
}

impl WebhookReport {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn add(&mut self, settled: &[Settled]) {
        for one in settled {
            match one.state {
                MessageState::Delivered => self.messages_delivered += 1,
                MessageState::Pending => self.messages_failed += 1,
                MessageState::Held => self.messages_held += 1,
            }
        }
    }

    pub(super) fn join(mut self, other: Self) -> Self {
        self.messages_delivered += other.messages_delivered;
        self.messages_failed += other.messages_failed;
        self.messages_held += other.messages_held;
        self
    }
}

/// Sends the messages of all tenants. Several may work at once, in one process or many.
#[derive(Clone, Debug)]
pub struct WebhookWorker {
    pub(super) app: Arc<AppContext>,
    pub(super) client: WebhookClient,
    interval: Duration,
    pub(super) timeout: Duration,
    metrics: Option<Metrics>,
}

impl WebhookWorker {
    /// A worker that reads the outbox at an interval, and waits for a receiver for some time.
    #[must_use]
    pub const fn new(app: Arc<AppContext>, client: WebhookClient, interval: Duration, timeout: Duration) -> Self {
        Self { app, client, interval, timeout, metrics: None }
    }

    /// The same worker, which counts its messages in the metrics of its process.
    #[must_use]
    pub fn counting(self, metrics: Metrics) -> Self {
        Self { metrics: Some(metrics), ..self }
    }

    pub(super) fn count(&self, report: &WebhookReport) {
        let Some(metrics) = &self.metrics else { return };
        let WebhookReport { messages_delivered, messages_failed, messages_held } = *report;
        for (state, messages) in
            [("delivered", messages_delivered), ("failed", messages_failed), ("held", messages_held)]
        {
            metrics.webhook_messages(state, messages);
        }
    }

    /// Works until the process is stopped.
    pub async fn run(&self, only: Option<TenantId>, stopping: &Stopping, tell: impl FnMut(&Tenant, &WebhookReport)) {
        outbox::work_in_rounds(stopping, self.interval, || self.round(only, stopping), tell).await;
    }

    /// Tries everything that is due once. Returns the work for each tenant that there was work for.
    pub async fn round(
        &self,
        only: Option<TenantId>,
        stopping: &Stopping,
    ) -> Result<Vec<(Tenant, WebhookReport)>, WebhookError> {
        outbox::round(&self.app, only, AT_ONCE, |tenant| async move {
            let report = self.work(&tenant, stopping).await?;
            Ok((tenant, report))
        })
        .await
    }

    async fn work(&self, tenant: &Tenant, stopping: &Stopping) -> Result<WebhookReport, WebhookError> {
        if self.enabled(tenant.id).await?.is_empty() {
            return Ok(WebhookReport::default());
        }
        while !*stopping.borrow() && self.fan_out(tenant.id).await? {}
        let (mut webhooks, now) = (self.enabled(tenant.id).await?, self.app.clock.now());
        webhooks.retain(|webhook| webhook.paused_until.is_none_or(|until| until <= now));
        let key = self.app.signing_key(Some(tenant.id), SigningPurpose::Webhook).await?.key;
        let key = &key;
        let work = webhooks
            .into_iter()
            .map(|webhook| async move { Sending { worker: self, tenant, webhook, key, stopping }.run().await });
        let mut working = futures_util::stream::iter(work).buffer_unordered(AT_ONCE);
        let (mut report, mut broken) = (WebhookReport::default(), None);
        // An error of one webhook does not stop the others, whose attempts would be made and not settled.
        while let Some(served) = working.next().await {
            match served {
                Ok(served) => report = report.join(served),
                Err(error) => broken = broken.or(Some(error)),
            }
        }
        broken.map_or(Ok(report), Err)
    }

    async fn enabled(&self, tenant: TenantId) -> Result<Vec<Webhook>, WebhookError> {
        Ok(outbox::enabled_webhooks(&mut self.app.archive.read().await?, tenant).await?)
    }

    /// The form of the webhook's recipient. A recipient that was deleted has none.
    pub(super) async fn form(&self, tenant: TenantId, webhook: &Webhook) -> Result<Option<TokenForm>, WebhookError> {
        let Some(id) = webhook.recipient_id else { return Ok(None) };
        Ok(recipients::form(&self.app, tenant, RecipientId(id)).await?)
    }

    /// Makes the messages of the next events. Returns whether there may be more events.
    ///
    /// The webhooks are read after the events, in another transaction. So they include each webhook that existed when
    /// one of these events was written.
    async fn fan_out(&self, tenant: TenantId) -> Result<bool, WebhookError> {
        let AppContext { archive, clock, .. } = &*self.app;
        let events = outbox::open_events(&mut archive.read().await?, tenant, EVENTS).await?;
        if events.is_empty() {
            return Ok(false);
        }
        let webhooks = self.enabled(tenant).await?;
        if webhooks.is_empty() {
            return Ok(false);
        }
        let gets = |webhook: &&Webhook, event: &OpenEvent| {
            webhook.created_at - CLOCK_SKEW <= event.at
                && webhook.events.kinds().iter().any(|own| own.as_str() == event.kind)
        };
        let messages: Vec<_> = events
            .iter()
            .flat_map(|event| {
                webhooks.iter().filter(|webhook| gets(webhook, event)).map(|webhook| (webhook.id, event.id))
            })
            .collect();
        let closed: Vec<_> = events.iter().map(|event| event.id).collect();
        let mut tx = archive.write().await?;
        sql::insert(&mut tx, tenant, &messages, clock.now()).await?;
        outbox::close_events(&mut tx, tenant, &closed).await?;
        tx.commit().await?;
        Ok(i64::try_from(closed.len()).is_ok_and(|closed| closed == EVENTS))
    }
}
