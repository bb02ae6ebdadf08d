//! The types of webhooks and their messages, and the reasons why an attempt fails.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use utoipa::ToSchema;

use super::guard::WebhookAddressError;
use crate::base::crypto::{CryptoError, Key};
use crate::base::field::FieldError;
use crate::base::id::{EventId, MessageId};
use crate::base::page::{Listed, Position};
use crate::base::patch::PatchField;
use crate::base::version::VersionError;
use crate::base::words::words;
use crate::idempotency::IdempotencyError;
use crate::outbox::{EventKind, Webhook};
use crate::recipients::RecipientError;
use crate::store::StoreError;
use crate::tenants::TenantError;
use crate::vault::VaultError;

/// The most webhooks of a tenant.
pub const MOST_WEBHOOKS: i64 = 20;

words! {
    stored
    /// The state of a message.
    #[derive(ToSchema)]
    #[schema(as = WebhookMessageState)]
    pub enum MessageState {
        /// It is to be sent, now or at its next attempt.
        Pending = "pending",
        /// The receiver accepted it.
        Delivered = "delivered",
        /// All attempts failed.
        Held = "held",
    }
}

/// The message of an event to one webhook.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Message {
    pub id: MessageId,
    /// The word of the event's kind.
    pub kind: String,
    pub state: MessageState,
    pub attempts: i32,
    pub next_at: DateTime<Utc>,
    pub last_error: Option<String>,
    pub last_status: Option<i32>,
    pub created_at: DateTime<Utc>,
    pub delivered_at: Option<DateTime<Utc>>,
}

impl Listed for Message {
    fn position(&self) -> Position {
        Position { at: self.created_at, id: self.id.0 }
    }
}

/// A message that a worker has claimed.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct ClaimedMessage {
    pub id: MessageId,
    pub event_id: EventId,
    /// The attempts before this one.
    pub attempts: i32,
}

/// A webhook as a user enters it.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    pub url: String,
    pub events: BTreeSet<EventKind>,
    pub recipient: Option<String>,
    pub enabled: bool,
}

/// A change of a webhook. Absent fields stay.
#[derive(Clone, Debug, Default)]
pub struct WebhookChange {
    pub url: Option<String>,
    pub events: Option<BTreeSet<EventKind>>,
    pub recipient: PatchField<String>,
    pub enabled: Option<bool>,
}

/// A webhook with a secret that is shown once.
#[derive(Debug)]
pub struct Disclosed {
    pub webhook: Webhook,
    /// It is none if an earlier call with the same idempotency key has shown it.
    pub secret: Option<Key>,
}

/// The result of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    pub messages: u64,
    /// The `from` of the next call, if there are more events than one call sends again.
    pub next_from: Option<DateTime<Utc>>,
}

words! {
    /// The reason why an attempt failed, as a stable word. The words of a receiver are never kept.
    pub enum SendError {
        /// The address leads to a network to which nothing may be sent.
        AddressBlocked = "address_blocked",
        /// The receiver cannot be found or reached, or its certificate is not trusted.
        Unreachable = "unreachable",
        Timeout = "timeout",
        ConnectionLost = "connection_lost",
        /// The receiver sends the message elsewhere, where nothing is sent.
        Redirected = "redirected",
        /// The receiver does not want any message more: 410.
        Gone = "gone",
        /// The receiver asks for fewer messages: 429, 502, or 504.
        Throttled = "throttled",
        /// Any other status but 2xx.
        Refused = "refused",
        /// The vault has no secret of the webhook.
        SecretMissing = "secret_missing",
        /// The body would be too long.
        TooLong = "too_long",
        /// The event was deleted, because it is too old.
        Expired = "expired",
        /// The worker is stopping.
        Interrupted = "interrupted",
    }
}

impl std::error::Error for SendError {}

impl SendError {
    /// Whether the next message to the same receiver would probably meet the same.
    #[must_use]
    pub const fn is_of_receiver(self) -> bool {
        !matches!(self, Self::Refused | Self::Redirected | Self::TooLong | Self::Expired)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    #[error("the webhook or the message does not exist")]
    Unknown,
    #[error(transparent)]
    Version(#[from] VersionError),
    /// Nothing is sent to it.
    #[error("the webhook is disabled")]
    Disabled,
    #[error("the tenant has {MOST_WEBHOOKS} webhooks")]
    TooMany,
    #[error("some fields are invalid")]
    Invalid(Vec<FieldError>),
    /// The webhook that an earlier call with this key has entered was deleted.
    #[error("the webhook was deleted")]
    Deleted,
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error(transparent)]
    Recipient(#[from] RecipientError),
}

impl From<WebhookAddressError> for WebhookError {
    fn from(error: WebhookAddressError) -> Self {
        Self::Invalid(vec![FieldError::at("/url", error.code(), error.to_string())])
    }
}
