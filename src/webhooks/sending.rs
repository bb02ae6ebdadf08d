//! The messages of one webhook on their way: claimed, sent together, and settled together.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

use super::body::{EventInteractions, render};
use super::client::Failure;
use super::model::{ClaimedMessage, MessageState, SendError, WebhookError};
use super::schedule::{LONGEST_FAILURE, next_at};
use super::signature::Signer;
use super::sql::{self, Settled};
use super::worker::{WebhookReport, WebhookWorker};
use crate::base::actor::Actor;
use crate::base::crypto::random;
use crate::base::id::{EventId, MessageId};
use crate::base::recipient::TokenForm;
use crate::base::signing::SigningKey;
use crate::outbox::{self, Stopping, StoredEvent, Webhook, stopped};
use crate::store::{self, Archive, Tx};
use crate::tenants::Tenant;
use crate::vault;

/// The number of messages of a webhook that are sent at a time.
const PARALLEL: usize = 16;

/// For how much longer than an attempt a message belongs to its worker, in which it settles the row.
const SETTLING: TimeDelta = TimeDelta::seconds(60);

/// The name of the worker in the audit log.
const ACTOR: &str = "deliver";

/// The work of a worker for one webhook.
pub(super) struct Sending<'w> {
    pub worker: &'w WebhookWorker,
    pub tenant: &'w Tenant,
    pub webhook: Webhook,
    /// The key of the tenant.
    pub key: &'w SigningKey,
    pub stopping: &'w Stopping,
}

/// A message, and the status by which its receiver accepted it.
type SendOutcome = (ClaimedMessage, Result<u16, Failure>);

impl Sending<'_> {
    /// Sends the due messages, until none is left or the receiver fails.
    pub async fn run(&self) -> Result<WebhookReport, WebhookError> {
        let mut report = WebhookReport::default();
        while !*self.stopping.borrow() && !self.is_changed().await? {
            // The key of a recipient may be rotated at any time. Without its recipient, a webhook would show the tenant's own ids.
            let recipient = self.worker.form(self.tenant.id, &self.webhook).await?;
            if recipient.is_none() && self.webhook.recipient_id.is_some() {
                break;
            }
            let token = MessageId::new();
            let claimed = self.claim(token).await?;
            if claimed.is_empty() {
                break;
            }
            let outcomes = self.send_all(&claimed, recipient.as_ref()).await?;
            let settled: Vec<_> = outcomes.iter().map(|outcome| settled(outcome, self.now())).collect();
            let may_continue = self.settle(token, &settled, &outcomes).await?;
            let mut sent = WebhookReport::default();
            sent.add(&settled);
            self.worker.count(&sent);
            report = report.join(sent);
            if !may_continue {
                break;
            }
        }
        Ok(report)
    }

    /// Whether the webhook was changed, disabled, or deleted since its messages were claimed.
    async fn is_changed(&self) -> Result<bool, WebhookError> {
        let mut tx = self.worker.app.archive.read().await?;
        let now = outbox::webhook(&mut tx, self.tenant.id, self.webhook.id).await?;
        Ok(now.is_none_or(|now| now.version != self.webhook.version || !now.enabled))
    }

    fn now(&self) -> DateTime<Utc> {
        self.worker.app.clock.now()
    }

    async fn claim(&self, token: MessageId) -> Result<Vec<ClaimedMessage>, WebhookError> {
        let (archive, tenant, now) = (&self.worker.app.archive, self.tenant.id, self.now());
        let limit = i64::try_from(8 * PARALLEL).unwrap_or(i64::MAX);
        let due = sql::due(&mut archive.read().await?, tenant, self.webhook.id, now, limit).await?;
        let until = now + TimeDelta::from_std(self.worker.timeout).unwrap_or(TimeDelta::days(1)) + SETTLING;
        // If another worker was faster, the next ones are tried.
        for some in due.chunks(PARALLEL) {
            let mut tx = archive.write().await?;
            let claimed = sql::claim(&mut tx, tenant, some, token, now, until).await?;
            tx.commit().await?;
            if !claimed.is_empty() {
                return Ok(claimed);
            }
        }
        Ok(Vec::new())
    }

    async fn send_all(
        &self,
        claimed: &[ClaimedMessage],
        recipient: Option<&TokenForm>,
    ) -> Result<Vec<SendOutcome>, WebhookError> {
        let app = &self.worker.app;
        let ids: Vec<_> = claimed.iter().map(|message| message.event_id).collect();
        let mut tx = app.archive.read().await?;
        let events = outbox::events(&mut tx, self.tenant.id, &ids).await?;
        let interactions = EventInteractions::of(&mut tx, (self.tenant, app.hiding), &events).await?;
        drop(tx);
        let events: HashMap<_, _> = events.into_iter().map(|event| (event.id, event)).collect();
        let keyset = app.keysets.get(&app.vault, self.tenant.id).await?;
        let secrets =
            vault::webhook_secrets(&mut app.vault.read().await?, &keyset, self.webhook.id, self.now()).await?;
        let signer = Signer { secrets: &secrets, key: self.key };
        let attempts = claimed.iter().map(|message| self.send(*message, &events, (&interactions, recipient), &signer));
        Ok(join_all(attempts).await)
    }

    async fn send(
        &self,
        message: ClaimedMessage,
        events: &HashMap<EventId, StoredEvent>,
        shown: (&EventInteractions, Option<&TokenForm>),
        signer: &Signer<'_>,
    ) -> SendOutcome {
        let body = match events.get(&message.event_id) {
            None => Err(SendError::Expired),
            Some(_) if signer.secrets.is_empty() => Err(SendError::SecretMissing),
            Some(event) => render(self.tenant, message.id, event, shown).ok_or(SendError::TooLong),
        };
        let body = match body {
            Ok(body) => body,
            Err(error) => return (message, Err(error.into())),
        };
        let headers = signer.sign(message.id, self.now(), &body);
        let sent = tokio::select! {
            sent = self.worker.client.send(&self.webhook.url, &headers, body) => sent,
            () = stopped(self.stopping) => Err(SendError::Interrupted.into()),
        };
        (message, sent)
    }

    /// Writes down how attempts ended. Returns whether the next messages may be sent now.
    async fn settle(
        &self,
        token: MessageId,
        settled: &[Settled],
        outcomes: &[SendOutcome],
    ) -> Result<bool, WebhookError> {
        let (tenant, webhook, now) = (self.tenant.id, self.webhook.id, self.now());
        // The answer of an earlier address says nothing about the present one.
        let version = (webhook, self.webhook.version);
        let failures: Vec<Failure> = outcomes.iter().filter_map(|(_, sent)| sent.err()).collect();
        let has = |error: SendError| failures.iter().any(|failure| failure.error == error);
        let mut tx = self.worker.app.archive.write().await?;
        sql::settle(&mut tx, tenant, token, settled).await?;
        if failures.len() < outcomes.len() {
            outbox::note_success(&mut tx, tenant, webhook).await?;
        } else if !has(SendError::Interrupted) {
            outbox::note_failure(&mut tx, tenant, version, now).await?;
        }
        if let Some(pause) = failures.iter().filter_map(|failure| failure.pause).max() {
            let until = now + TimeDelta::seconds(pause.try_into().unwrap_or(i64::from(u32::MAX)));
            outbox::pause_webhook(&mut tx, tenant, version, until).await?;
        }
        if has(SendError::Gone) {
            self.disable(&mut tx, ("gone", None), now).await?;
        } else if !failures.is_empty() {
            self.disable(&mut tx, ("failing", Some(now - LONGEST_FAILURE)), now).await?;
        }
        tx.commit().await?;
        if let Some(failure) = failures.first() {
            tracing::warn!(
                tenant = %self.tenant.slug, webhook.id = %webhook, messages.count = failures.len(),
                error = failure.error.as_str(), status = failure.status, "Sending messages to a webhook failed"
            );
        }
        Ok(!failures.iter().any(|failure| failure.error.is_of_receiver()))
    }

    /// Disables the webhook, and tells the other webhooks.
    async fn disable(
        &self,
        tx: &mut Tx<Archive>,
        (reason, failing_before): (&str, Option<DateTime<Utc>>),
        now: DateTime<Utc>,
    ) -> store::Result<()> {
        let (tenant, webhook) = (self.tenant.id, self.webhook.id);
        let version = (webhook, self.webhook.version);
        if outbox::disable_webhook(tx, tenant, version, (reason, failing_before), now).await? == 0 {
            return Ok(());
        }
        tracing::error!(tenant = %self.tenant.slug, webhook.id = %webhook, reason, "A webhook is disabled");
        let actor = Actor::service(tenant, ACTOR);
        outbox::tell_disabled(tx, self.worker.app.clock, &actor, (webhook, reason)).await
    }
}

/// The state of a message after an attempt.
fn settled((message, sent): &SendOutcome, now: DateTime<Utc>) -> Settled {
    let ClaimedMessage { id, event_id: _, attempts } = *message;
    let one = Settled {
        id,
        state: MessageState::Pending,
        attempts: attempts + 1,
        next_at: now,
        error: None,
        status: None,
        delivered_at: None,
    };
    let failure = match sent {
        Ok(status) => {
            let status = Some(i32::from(*status));
            return Settled { state: MessageState::Delivered, status, delivered_at: Some(now), ..one };
        }
        Err(failure) => failure,
    };
    let one = Settled { error: Some(failure.error.as_str()), status: failure.status.map(i32::from), ..one };
    // Without random numbers the waits are those of the schedule.
    let chance = random().map_or(u16::MAX / 2, u16::from_be_bytes);
    match (failure.error, next_at(now, one.attempts, chance)) {
        (SendError::Interrupted, _) => Settled { attempts, ..one },
        (SendError::TooLong | SendError::Expired, _) | (_, None) => Settled { state: MessageState::Held, ..one },
        (_, Some(next_at)) => Settled { next_at, ..one },
    }
}
