//! Webhooks are entered, changed, and deleted, and get new secrets.
//!
//! The archive has the webhook and the vault its secrets. A secret comes before its webhook and leaves after it, so a
//! webhook is never without one. A crash in between leaves a secret that nothing refers to.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use super::guard::AddressGuard;
use super::model::{Disclosed, MOST_WEBHOOKS, NewWebhook, WebhookChange, WebhookError};
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::crypto::Key;
use crate::base::field::FieldError;
use crate::base::id::WebhookId;
use crate::base::patch::PatchField;
use crate::base::version::{VersionError, Versions};
use crate::content::{Keyed, Once};
use crate::idempotency::IdempotencyKey;
use crate::outbox::{self, EventKind, Webhook};
use crate::vault::{self, AppContext};
use crate::{recipients, tenants};

/// The route of the idempotency keys of new webhooks.
const ROUTE: &str = "webhooks";

/// Enters a webhook. Under an idempotency key, a repeated call gets the same webhook without its secret. It is not
/// validated again.
pub async fn create(
    app: &Arc<AppContext>,
    guard: &AddressGuard,
    actor: &Actor,
    new: NewWebhook,
    key: Option<&str>,
) -> Result<Disclosed, WebhookError> {
    let once = match key {
        None => None,
        Some(key) => {
            let body = json!({
                "url": new.url, "events": new.events, "recipient": new.recipient, "enabled": new.enabled,
            });
            let key = IdempotencyKey::new(&app.service_key().await?, actor, ROUTE, key, &body)?;
            match Once::begin::<WebhookId>(app, key).await? {
                Keyed::Again(id) => {
                    let known = outbox::webhook(&mut app.archive.read().await?, actor.tenant, id).await?;
                    return Ok(Disclosed { webhook: known.ok_or(WebhookError::Deleted)?, secret: None });
                }
                Keyed::New(once) => Some(once),
            }
        }
    };
    let saved = async {
        let webhook = validated(app, guard, actor, new).await?;
        insert(app, actor, webhook, once.as_deref()).await
    };
    let saved = saved.await;
    if let (Err(_), Some(once)) = (&saved, &once) {
        once.release().await;
    }
    saved
}

/// The webhook of a call whose address and whose recipient are valid.
async fn validated(
    app: &AppContext,
    guard: &AddressGuard,
    actor: &Actor,
    new: NewWebhook,
) -> Result<Webhook, WebhookError> {
    let NewWebhook { url, events, recipient, enabled } = new;
    let url = guard.read(&url)?;
    let recipient_id = recipient_of(app, actor, recipient.as_deref()).await?;
    guard.check(&url).await?;
    let now = app.clock.now();
    Ok(Webhook {
        id: WebhookId::new(),
        url: url.as_str().to_owned(),
        events: events.into_iter().collect(),
        recipient_id,
        enabled,
        disabled_reason: None,
        failing_since: None,
        paused_until: None,
        created_at: now,
        updated_at: now,
        version: 1,
    })
}

async fn insert(
    app: &AppContext,
    actor: &Actor,
    webhook: Webhook,
    once: Option<&Once>,
) -> Result<Disclosed, WebhookError> {
    let secret = Key::random()?;
    let keyset = app.keysets.get(&app.vault, actor.tenant).await?;
    let mut tx = app.vault.write().await?;
    vault::keep_webhook_secret(&mut tx, &keyset, webhook.id, &secret).await?;
    tx.commit().await?;
    let written = async {
        let mut tx = app.archive.write().await?;
        tenants::lock(&mut tx, actor.tenant).await?;
        if outbox::count_webhooks(&mut tx, actor.tenant).await? >= MOST_WEBHOOKS {
            return Err(WebhookError::TooMany);
        }
        outbox::insert_webhook(&mut tx, actor.tenant, &webhook).await?;
        if let Some(once) = once {
            once.settle(&mut tx, &webhook.id).await?;
        }
        let detail = json!({ "webhook_id": webhook.id, "events": webhook.events.kinds() });
        audit::record(&mut tx, app.clock, actor, &Entry::new(Action::WebhookCreated, 1, detail)).await?;
        tx.commit().await?;
        Ok::<_, WebhookError>(())
    };
    if let Err(error) = written.await {
        drop_secrets(app, actor, webhook.id).await?;
        return Err(error);
    }
    if let Some(once) = once {
        once.end();
    }
    Ok(Disclosed { webhook, secret: Some(secret) })
}

/// Checks that a change may replace the stored version of a webhook.
pub async fn check(app: &AppContext, actor: &Actor, id: WebhookId, expected: &Versions) -> Result<(), WebhookError> {
    Ok(expected.check(super::find(app, actor.tenant, id).await?.version)?)
}

/// Changes a webhook. A webhook that is enabled again begins anew.
pub async fn change(
    app: &AppContext,
    guard: &AddressGuard,
    actor: &Actor,
    (id, expected): (WebhookId, &Versions),
    change: WebhookChange,
) -> Result<Webhook, WebhookError> {
    let before = super::find(app, actor.tenant, id).await?;
    expected.check(before.version)?;
    let WebhookChange { url, events, recipient, enabled } = change;
    let mut after = before.clone();
    match recipient {
        PatchField::Absent => {}
        PatchField::Null => after.recipient_id = None,
        PatchField::Is(name) => after.recipient_id = recipient_of(app, actor, Some(&name)).await?,
    }
    if let Some(url) = url {
        let url = guard.read(&url)?;
        guard.check(&url).await?;
        after.url = url.as_str().to_owned();
    }
    after.events = events.map_or(after.events, |events| events.into_iter().collect());
    after.enabled = enabled.unwrap_or(after.enabled);
    if after.enabled && after.recipient_id == before.recipient_id {
        check_recipient(app, actor, after.recipient_id).await?;
    }
    let begins_anew = after.enabled && (!before.enabled || after.url != before.url);
    if begins_anew {
        (after.disabled_reason, after.failing_since, after.paused_until) = (None, None, None);
    }
    if after == before {
        return Ok(before);
    }
    let fields = [
        ("url", after.url != before.url),
        ("events", after.events != before.events),
        ("recipient", after.recipient_id != before.recipient_id),
        ("enabled", after.enabled != before.enabled),
    ];
    let fields: Vec<_> = fields.into_iter().filter(|(_, is_changed)| *is_changed).map(|(name, _)| name).collect();
    after.version += 1;
    after.updated_at = app.clock.now();
    let mut tx = app.archive.write().await?;
    if outbox::update_webhook(&mut tx, actor.tenant, &after, begins_anew).await? == 0 {
        return Err(VersionError::Stale.into());
    }
    let entry = Entry::new(Action::WebhookChanged, 1, json!({ "webhook_id": id, "fields": fields }));
    audit::record(&mut tx, app.clock, actor, &entry).await?;
    tx.commit().await?;
    Ok(after)
}

/// Deletes a webhook. Its messages are not sent any more, and the pass deletes them when they are old.
pub async fn remove(app: &AppContext, actor: &Actor, id: WebhookId, expected: &Versions) -> Result<(), WebhookError> {
    let mut tx = app.archive.write().await?;
    let webhook = outbox::webhook(&mut tx, actor.tenant, id).await?.ok_or(WebhookError::Unknown)?;
    expected.check(webhook.version)?;
    if outbox::delete_webhook(&mut tx, actor.tenant, id, webhook.version).await? == 0 {
        return Err(VersionError::Stale.into());
    }
    let entry = Entry::new(Action::WebhookDeleted, 1, json!({ "webhook_id": id }));
    audit::record(&mut tx, app.clock, actor, &entry).await?;
    tx.commit().await?;
    drop_secrets(app, actor, id).await
}

async fn drop_secrets(app: &AppContext, actor: &Actor, id: WebhookId) -> Result<(), WebhookError> {
    let mut tx = app.vault.write().await?;
    vault::drop_webhook_secrets(&mut tx, actor.tenant, id).await?;
    Ok(tx.commit().await?)
}

/// Makes a new secret. The earlier one also signs for some hours, so that the receiver has time to take the new one.
pub async fn rotate(
    app: &AppContext,
    actor: &Actor,
    id: WebhookId,
    overlap: TimeDelta,
) -> Result<Disclosed, WebhookError> {
    let secret = Key::random()?;
    let keyset = app.keysets.get(&app.vault, actor.tenant).await?;
    let now = app.clock.now();
    let mut tx = app.archive.write().await?;
    let webhook = outbox::webhook(&mut tx, actor.tenant, id).await?.ok_or(WebhookError::Unknown)?;
    let entry = Entry::new(Action::WebhookSecretRotated, 1, json!({ "webhook_id": id }));
    audit::record(&mut tx, app.clock, actor, &entry).await?;
    let event = json!({ "webhook_id": id });
    outbox::publish(&mut tx, actor.tenant, EventKind::WebhookSecretRotated, [event], now).await?;
    tx.commit().await?;
    // The audit row comes first, so that the audit log contains each secret that a message is signed with.
    let mut tx = app.vault.write().await?;
    vault::rotate_webhook_secret(&mut tx, &keyset, id, &secret, now + overlap).await?;
    tx.commit().await?;
    Ok(Disclosed { webhook, secret: Some(secret) })
}

/// The recipient of a name, if a webhook names one.
async fn recipient_of(app: &AppContext, actor: &Actor, name: Option<&str>) -> Result<Option<Uuid>, WebhookError> {
    let Some(name) = name else { return Ok(None) };
    let known = recipients::names(app, actor.tenant).await?;
    let id = known.into_iter().find(|(_, known)| known == name).map(|(id, _)| id.0);
    Ok(Some(id.ok_or_else(|| unknown_recipient("must be the name of a recipient of the tenant"))?))
}

/// Refuses a webhook whose recipient was deleted.
async fn check_recipient(app: &AppContext, actor: &Actor, id: Option<Uuid>) -> Result<(), WebhookError> {
    let Some(id) = id else { return Ok(()) };
    let known = recipients::names(app, actor.tenant).await?;
    if known.iter().any(|(known, _)| known.0 == id) {
        return Ok(());
    }
    Err(unknown_recipient("was deleted: name another recipient, or null"))
}

fn unknown_recipient(rule: &'static str) -> WebhookError {
    WebhookError::Invalid(vec![FieldError::at("/recipient", "recipient_unknown", rule)])
}
