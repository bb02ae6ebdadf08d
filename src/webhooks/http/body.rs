//! Webhooks and their messages in JSON.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::base::id::{MessageId, RecipientId, WebhookId};
use crate::base::patch::PatchField;
use crate::http::FieldError;
use crate::http::query::Limit;
use crate::webhooks::{
    Disclosed, EventKind, Message, MessageState, NewWebhook, Replayed, SharedFacts, Webhook, WebhookChange,
    public_key_text, secret_text,
};

/// The longest time for which an earlier secret also signs, in hours.
const LONGEST_OVERLAP: u32 = 168;

/// A webhook to enter.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhook, example = json!({
    "url": "https://crm.example/hooks/lethe", "events": ["anonymize_request.done", "interaction.stored"]
}))]
pub struct WebhookBody {
    /// The address of the receiver. It begins with `https://`, and its host is on the public Internet or in a network
    /// that the service's settings name.
    #[schema(max_length = 500)]
    url: String,
    /// The kinds of events that it gets.
    #[schema(min_items = 1)]
    events: Vec<EventKind>,
    /// The name of the recipient whose tokens the messages contain. Without one, they contain no tokens.
    #[serde(default)]
    #[schema(max_length = 100)]
    recipient: Option<String>,
    /// Whether messages are sent to it. The default is true.
    #[serde(default = "yes")]
    #[schema(required = false)]
    enabled: bool,
}

const fn yes() -> bool {
    true
}

impl WebhookBody {
    pub fn read(self) -> Result<NewWebhook, Vec<FieldError>> {
        let Self { url, events, recipient, enabled } = self;
        let mut invalid = Vec::new();
        match some_kinds(events, &mut invalid) {
            Some(events) => Ok(NewWebhook { url, events, recipient, enabled }),
            None => Err(invalid),
        }
    }
}

fn some_kinds(events: Vec<EventKind>, invalid: &mut Vec<FieldError>) -> Option<BTreeSet<EventKind>> {
    if events.is_empty() {
        invalid.push(FieldError::at("/events", "required", "must name at least one event"));
        return None;
    }
    Some(events.into_iter().collect())
}

/// A change of a webhook as a merge patch. An absent field stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookChange, example = json!({"enabled": true}))]
pub struct WebhookPatch {
    /// The address of the receiver.
    #[serde(default)]
    #[schema(value_type = String, required = false, max_length = 500)]
    url: PatchField<String>,
    /// The kinds of events that it gets. They replace the whole list.
    #[serde(default)]
    #[schema(value_type = Vec<EventKind>, required = false, min_items = 1)]
    events: PatchField<Vec<EventKind>>,
    /// The name of the recipient. Null clears it.
    #[serde(default)]
    #[schema(value_type = Option<String>, required = false, max_length = 100)]
    recipient: PatchField<String>,
    /// Whether messages are sent to it. A webhook that is enabled again gets the messages that still wait.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    enabled: PatchField<bool>,
}

impl WebhookPatch {
    pub fn read(self) -> Result<WebhookChange, Vec<FieldError>> {
        let Self { url, events, recipient, enabled } = self;
        let mut invalid = Vec::new();
        let events: Option<Vec<EventKind>> = events.given("/events", &mut invalid);
        let change = WebhookChange {
            url: url.given("/url", &mut invalid),
            events: events.and_then(|events| some_kinds(events, &mut invalid)),
            recipient,
            enabled: enabled.given("/enabled", &mut invalid),
        };
        if invalid.is_empty() { Ok(change) } else { Err(invalid) }
    }
}

/// A webhook without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook, example = json!({
    "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f71", "url": "https://crm.example/hooks/lethe",
    "events": ["anonymize_request.done", "interaction.stored"], "recipient": null, "enabled": true,
    "disabled_reason": null, "failing_since": null, "public_key": "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=",
    "created_at": "2026-08-03T12:00:00Z", "updated_at": "2026-08-03T12:00:00Z", "version": 1
}))]
pub struct WebhookItem {
    /// The id of the webhook.
    pub id: WebhookId,
    /// The address of the receiver.
    pub url: String,
    /// The kinds of events that it gets.
    pub events: BTreeSet<EventKind>,
    /// The name of the recipient whose tokens the messages contain.
    #[schema(required)]
    pub recipient: Option<String>,
    /// Whether messages are sent to it.
    pub enabled: bool,
    /// Why the service disabled it: `gone`, if the receiver answered 410, `failing`, if it accepted nothing for five days,
    /// or `recipient_deleted`.
    #[schema(required, example = "failing")]
    pub disabled_reason: Option<String>,
    /// Since when the receiver has accepted no message. It is null while it accepts messages.
    #[schema(required)]
    pub failing_since: Option<DateTime<Utc>>,
    /// The public key that verifies the signature `v1a` of its messages: `whpk_` and an Ed25519 key in base64.
    #[schema(example = "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=")]
    pub public_key: String,
    /// The time at which it was entered.
    pub created_at: DateTime<Utc>,
    /// The time of its last change.
    pub updated_at: DateTime<Utc>,
    /// The number of its version, which is the `ETag`.
    pub version: i64,
}

impl WebhookItem {
    pub fn new(webhook: Webhook, shared: &SharedFacts) -> Self {
        let Webhook { id, url, events, recipient_id, enabled, disabled_reason, failing_since, .. } = webhook;
        Self {
            id,
            url,
            events: events.kinds(),
            recipient: recipient_id.and_then(|id| shared.recipients.get(&RecipientId(id)).cloned()),
            enabled,
            disabled_reason,
            failing_since,
            public_key: public_key_text(shared.key),
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
            version: webhook.version,
        }
    }
}

/// A webhook with its secret, which is shown only once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookWithSecret, example = json!({
    "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f71", "url": "https://crm.example/hooks/lethe",
    "events": ["anonymize_request.done", "interaction.stored"], "recipient": null, "enabled": true,
    "disabled_reason": null, "failing_since": null, "public_key": "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=",
    "created_at": "2026-08-03T12:00:00Z", "updated_at": "2026-08-03T12:00:00Z", "version": 1,
    "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
}))]
pub struct DisclosedWebhook {
    #[serde(flatten)]
    pub webhook: WebhookItem,
    /// The secret that verifies the signature `v1` of its messages: `whsec_` and 32 bytes in base64. It is null if an
    /// earlier call with the same `Idempotency-Key` has shown it. It cannot be read again.
    #[schema(required, example = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")]
    pub secret: Option<String>,
}

impl DisclosedWebhook {
    pub fn new(disclosed: Disclosed, shared: &SharedFacts) -> Self {
        let Disclosed { webhook, secret } = disclosed;
        Self { webhook: WebhookItem::new(webhook, shared), secret: secret.as_ref().map(secret_text) }
    }
}

/// A rotation of the secret of a webhook.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"overlap_hours": 24}))]
pub struct WebhookRotation {
    /// The hours for which the earlier secret also signs: 0 to 168. The default is 24.
    #[serde(default = "a_day")]
    #[schema(required = false, maximum = 168)]
    overlap_hours: u32,
}

const fn a_day() -> u32 {
    24
}

impl WebhookRotation {
    /// The hours of the overlap.
    pub fn read(self) -> Result<u32, FieldError> {
        match self.overlap_hours {
            hours @ 0..=LONGEST_OVERLAP => Ok(hours),
            _ => Err(FieldError::at("/overlap_hours", "out_of_range", "must be 0 to 168")),
        }
    }
}

/// The events that are sent to a webhook again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookReplay, example = json!({"from": "2026-08-03T00:00:00Z"}))]
pub struct ReplayBody {
    /// The earliest time of an event, included.
    pub from: DateTime<Utc>,
}

/// The result of a replay.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookReplayed, example = json!({"messages": 12, "next_from": null}))]
pub struct ReplayedItem {
    /// The number of messages that are sent again.
    pub messages: u64,
    /// The `from` of the next call, if there are more events than one call sends again: 5,000 of each kind.
    #[schema(required)]
    pub next_from: Option<DateTime<Utc>>,
}

impl From<Replayed> for ReplayedItem {
    fn from(replayed: Replayed) -> Self {
        let Replayed { messages, next_from } = replayed;
        Self { messages, next_from }
    }
}

/// The message of an event to one webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookMessage, example = json!({
    "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f81", "event": "interaction.stored", "state": "pending", "attempts": 1,
    "next_at": "2026-08-03T12:00:05Z", "last_error": "refused", "last_status": 500,
    "created_at": "2026-08-03T12:00:00Z", "delivered_at": null
}))]
pub struct MessageItem {
    /// The id of the message, which is also the header `webhook-id`. It is the same in each attempt.
    pub id: MessageId,
    /// The kind of the event, or `webhook.test`.
    #[schema(example = "interaction.stored")]
    pub event: String,
    /// The state of the message.
    pub state: MessageState,
    /// The number of attempts.
    pub attempts: i32,
    /// The time of the next attempt. It is null unless the message is pending.
    #[schema(required)]
    pub next_at: Option<DateTime<Utc>>,
    /// The reason of the last failure, as a stable code.
    #[schema(required, example = "refused")]
    pub last_error: Option<String>,
    /// The status of the last response, if there was one.
    #[schema(required)]
    pub last_status: Option<i32>,
    /// The time at which the message was made.
    pub created_at: DateTime<Utc>,
    /// The time at which the receiver accepted it.
    #[schema(required)]
    pub delivered_at: Option<DateTime<Utc>>,
}

impl From<Message> for MessageItem {
    fn from(message: Message) -> Self {
        let Message { id, kind, state, attempts, next_at, last_error, last_status, created_at, delivered_at } = message;
        let next_at = (state == MessageState::Pending).then_some(next_at);
        Self { id, event: kind, state, attempts, next_at, last_error, last_status, created_at, delivered_at }
    }
}

/// The query of a page of webhooks.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WebhookListing {
    /// The `next_cursor` of the previous page.
    #[param(format = "cursor")]
    pub cursor: Option<String>,
    /// The largest number of items in the page.
    #[param(inline)]
    pub limit: Limit,
}

/// The query of a page of messages.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessageListing {
    /// The state that the listed messages have.
    pub state: Option<MessageState>,
    /// The `next_cursor` of the previous page.
    #[param(format = "cursor")]
    pub cursor: Option<String>,
    /// The largest number of items in the page.
    #[param(inline)]
    pub limit: Limit,
}
