//! Webhooks: signed messages about events, for systems beside the archive (C4, D7).
//!
//! An event is a row of the outbox (`crate::outbox`), written in its own transaction. A worker makes a message of it for
//! each webhook that gets its kind, and sends the message until the receiver accepts it. The row has ids, states, and
//! counts. The body is written when it is sent, so it never contains a customer who was forgotten meanwhile.

mod body;
mod client;
mod guard;
pub mod http;
mod messages;
mod model;
mod saving;
mod schedule;
mod sending;
mod signature;
mod sql;
mod worker;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::base::id::{RecipientId, TenantId, WebhookId};
use crate::base::page::Position;
use crate::base::signing::PublicKey;
use crate::outbox;
use crate::recipients;
use crate::store::{self, Archive, Tx};
use crate::vault::{AppContext, SigningPurpose};

pub use crate::outbox::{EventKind, EventKinds, Webhook};
pub use client::{ClientError, WebhookClient};
pub use guard::{AddressGuard, WebhookAddressError};
pub use messages::{list_messages, replay, retry, test};
pub use model::{Disclosed, Message, MessageState, NewWebhook, Replayed, SendError, WebhookChange, WebhookError};
pub use saving::{change, check, create, remove, rotate};
pub use signature::{public_key_text, secret_text};
pub use worker::{WebhookReport, WebhookWorker};

/// For how many days events and messages are kept.
pub const DAYS_KEPT: i64 = 7;

/// The most events, and the most messages, that are counted. A number for an alarm need not be exact.
const COUNTED: i64 = 10_000;

/// How many rows one statement of the purge deletes.
const BATCH: i64 = 5_000;

/// A page of a tenant's webhooks, newest first.
pub async fn list(
    app: &AppContext,
    tenant: TenantId,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Webhook>, WebhookError> {
    Ok(outbox::webhooks(&mut app.archive.read().await?, tenant, after, limit).await?)
}

pub async fn find(app: &AppContext, tenant: TenantId, id: WebhookId) -> Result<Webhook, WebhookError> {
    outbox::webhook(&mut app.archive.read().await?, tenant, id).await?.ok_or(WebhookError::Unknown)
}

/// The facts that all webhooks of a tenant share.
pub struct SharedFacts {
    /// The key that verifies their messages.
    pub key: PublicKey,
    /// The names of the tenant's recipients.
    pub recipients: HashMap<RecipientId, String>,
}

pub async fn shared_facts(app: &AppContext, tenant: TenantId) -> Result<SharedFacts, WebhookError> {
    let key = app.signing_key(Some(tenant), SigningPurpose::Webhook).await?.public();
    Ok(SharedFacts { key, recipients: recipients::names(app, tenant).await?.into_iter().collect() })
}

/// The events and messages of a tenant that wait to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Up to 10,000 events and 10,000 messages.
    pub pending: u64,
    /// The time of the oldest one.
    pub oldest: Option<DateTime<Utc>>,
}

/// The backlog of a tenant: messages of webhooks that are enabled, and events of which no worker has made messages yet. So it grows if no worker works.
pub async fn backlog(tx: &mut Tx<Archive>, tenant: TenantId) -> store::Result<Backlog> {
    let enabled: Vec<WebhookId> =
        outbox::enabled_webhooks(tx, tenant).await?.into_iter().map(|webhook| webhook.id).collect();
    if enabled.is_empty() {
        return Ok(Backlog::default());
    }
    let events = outbox::count_open(tx, tenant, COUNTED).await?;
    let messages = sql::count_pending(tx, tenant, &enabled, COUNTED).await?;
    let oldest = [outbox::oldest_open(tx, tenant).await?, sql::oldest_pending(tx, tenant, &enabled).await?];
    Ok(Backlog { pending: (events + messages).unsigned_abs(), oldest: oldest.into_iter().flatten().min() })
}

/// Deletes a batch of messages and events from before an instant. The pass calls it until nothing is left.
pub async fn purge(tx: &mut Tx<Archive>, tenant: TenantId, before: DateTime<Utc>) -> store::Result<u64> {
    let messages = sql::purge(tx, tenant, before, BATCH).await?;
    // A message refers to its event, so the events come last.
    if messages > 0 {
        return Ok(messages);
    }
    outbox::purge_events(tx, tenant, before, BATCH).await
}
