//! The messages of a webhook: listed, tried again, and sent again.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::model::{Message, MessageState, Replayed, WebhookError};
use super::{find, sql};
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::id::{EventId, MessageId, TenantId, WebhookId};
use crate::base::page::Position;
use crate::outbox::{self, StoredEvent, TEST, Webhook};
use crate::store::{Archive, Tx};
use crate::vault::AppContext;

/// The most events of a kind that one call sends again.
const MOST_REPLAYED: usize = 5_000;

/// A page of the messages of a webhook, newest first.
pub async fn list_messages(
    app: &AppContext,
    tenant: TenantId,
    webhook: WebhookId,
    state: Option<MessageState>,
    (after, limit): (Option<Position>, u32),
) -> Result<Vec<Message>, WebhookError> {
    find(app, tenant, webhook).await?;
    Ok(sql::page(&mut app.archive.read().await?, tenant, webhook, state, after, limit).await?)
}

/// Makes a message due at once, in any state. Its id stays.
pub async fn retry(
    app: &AppContext,
    actor: &Actor,
    webhook: WebhookId,
    id: MessageId,
) -> Result<Message, WebhookError> {
    let mut tx = app.archive.write().await?;
    enabled(&mut tx, actor.tenant, webhook).await?;
    if sql::retry(&mut tx, actor.tenant, webhook, id, app.clock.now()).await? == 0 {
        return Err(WebhookError::Unknown);
    }
    outbox::resume_webhook(&mut tx, actor.tenant, webhook).await?;
    let entry = Entry::new(Action::WebhookRetried, 1, json!({ "webhook_id": webhook, "message_id": id }));
    audit::record(&mut tx, app.clock, actor, &entry).await?;
    let message = sql::by_id(&mut tx, actor.tenant, webhook, id).await?.ok_or(WebhookError::Unknown)?;
    tx.commit().await?;
    Ok(message)
}

/// Sends an event to one webhook that says nothing but its own kind.
pub async fn test(app: &AppContext, actor: &Actor, id: WebhookId) -> Result<Message, WebhookError> {
    let now = app.clock.now();
    let mut tx = app.archive.write().await?;
    enabled(&mut tx, actor.tenant, id).await?;
    let event = StoredEvent { id: EventId::new(), kind: TEST.to_owned(), at: now, data: json!({ "webhook_id": id }) };
    outbox::insert_event(&mut tx, actor.tenant, &event).await?;
    sql::insert(&mut tx, actor.tenant, &[(id, event.id)], now).await?;
    let entry = Entry::new(Action::WebhookTested, 1, json!({ "webhook_id": id }));
    audit::record(&mut tx, app.clock, actor, &entry).await?;
    let sent = sql::by_event(&mut tx, actor.tenant, id, event.id).await?;
    tx.commit().await?;
    sent.ok_or(WebhookError::Unknown)
}

/// Sends the events since an instant again that the webhook gets. A message that was made before keeps its id.
pub async fn replay(
    app: &AppContext,
    actor: &Actor,
    id: WebhookId,
    from: DateTime<Utc>,
) -> Result<Replayed, WebhookError> {
    let now = app.clock.now();
    let mut tx = app.archive.write().await?;
    let webhook = enabled(&mut tx, actor.tenant, id).await?;
    let mut replayed = Replayed { messages: 0, next_from: None };
    let limit = i64::try_from(MOST_REPLAYED).unwrap_or(i64::MAX).saturating_add(1);
    for kind in webhook.events.kinds() {
        let mut events = outbox::events_since(&mut tx, actor.tenant, kind, from, limit).await?;
        let next = events.get(MOST_REPLAYED).and_then(|event| made_at(*event));
        replayed.next_from = [replayed.next_from, next].into_iter().flatten().min();
        events.truncate(MOST_REPLAYED);
        let messages: Vec<_> = events.into_iter().map(|event| (id, event)).collect();
        replayed.messages += sql::replay(&mut tx, actor.tenant, &messages, now).await?;
    }
    let records = usize::try_from(replayed.messages).unwrap_or(usize::MAX);
    let entry = Entry::new(Action::WebhookReplayed, records, json!({ "webhook_id": id, "from": from }));
    audit::record(&mut tx, app.clock, actor, &entry).await?;
    tx.commit().await?;
    Ok(replayed)
}

/// The time at which an event's id was made, by which events are selected. All events of one transaction can have one
/// `at`, so a replay that went on from it might never advance.
fn made_at(EventId(id): EventId) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(i64::try_from(id.as_u128() >> 80).ok()?)
}

/// A webhook to which something may be sent.
async fn enabled(tx: &mut Tx<Archive>, tenant: TenantId, id: WebhookId) -> Result<Webhook, WebhookError> {
    let webhook = outbox::webhook(tx, tenant, id).await?.ok_or(WebhookError::Unknown)?;
    if webhook.enabled { Ok(webhook) } else { Err(WebhookError::Disabled) }
}
