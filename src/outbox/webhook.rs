//! The webhooks of a tenant. They are in this room because an event is written only if a webhook gets it.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::event::{EventKind, EventKinds, publish};
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::clock::Clock;
use crate::base::id::{TenantId, WebhookId};
use crate::base::page::{Listed, Position};
use crate::store::{Archive, Query, Result, Tx};

/// A receiver of events, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Webhook {
    pub id: WebhookId,
    /// The address in its one spelling.
    pub url: String,
    pub events: EventKinds,
    /// The recipient whose tokens the messages contain. Without one they contain no tokens.
    pub recipient_id: Option<Uuid>,
    pub enabled: bool,
    /// Why the service disabled it: `gone`, `failing`, or `recipient_deleted`.
    pub disabled_reason: Option<String>,
    /// The time since which no message was accepted.
    pub failing_since: Option<DateTime<Utc>>,
    /// The time until which the receiver wants no messages.
    pub paused_until: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub version: i64,
}

impl Listed for Webhook {
    fn position(&self) -> Position {
        Position { at: self.created_at, id: self.id.0 }
    }
}

fn select(query: Query<'_>, tenant: TenantId) -> Query<'_> {
    query
        .push(
            "SELECT id, url, events, recipient_id, enabled, disabled_reason, failing_since, paused_until, created_at, ",
        )
        .push("updated_at, version FROM webhooks")
        .with(" WHERE tenant_id = ", tenant)
}

/// A page of webhooks, newest first.
pub async fn webhooks(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Webhook>> {
    let mut query = select(tx.query(""), tenant);
    if let Some(Position { at, id }) = after {
        query = query.with(" AND (created_at, id) < (", at).with(", ", id).push(")");
    }
    query.with(" ORDER BY created_at DESC, id DESC LIMIT ", i64::from(limit)).all().await
}

pub async fn webhook(tx: &mut Tx<Archive>, tenant: TenantId, id: WebhookId) -> Result<Option<Webhook>> {
    select(tx.query(""), tenant).with(" AND id = ", id).maybe().await
}

/// The webhooks to which something may be sent, the oldest first.
pub async fn enabled_webhooks(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Vec<Webhook>> {
    select(tx.query(""), tenant).push(" AND enabled ORDER BY created_at, id").all().await
}

pub async fn count_webhooks(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<i64> {
    tx.query("SELECT count(*) FROM webhooks").with(" WHERE tenant_id = ", tenant).scalar().await
}

pub async fn insert_webhook(tx: &mut Tx<Archive>, tenant: TenantId, webhook: &Webhook) -> Result<u64> {
    let Webhook { id, url, events, recipient_id, enabled, created_at, updated_at, version, .. } = webhook;
    tx.query(
        "INSERT INTO webhooks (tenant_id, id, url, events, recipient_id, enabled, created_at, updated_at, version) ",
    )
    .with("VALUES (", tenant)
    .with(", ", *id)
    .with(", ", url.as_str())
    .with(", ", *events)
    .with(", ", *recipient_id)
    .with(", ", *enabled)
    .with(", ", *created_at)
    .with(", ", *updated_at)
    .with(", ", *version)
    .push(")")
    .execute()
    .await
}

/// Writes a changed webhook over its earlier version. A worker may note a failure or a pause at the same time. The notes
/// stay, unless the webhook begins anew. 0: another call has changed it.
pub async fn update_webhook(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    webhook: &Webhook,
    begins_anew: bool,
) -> Result<u64> {
    let Webhook { id, url, events, recipient_id, enabled, disabled_reason, updated_at, version, .. } = webhook;
    tx.query("UPDATE webhooks SET")
        .with(" url = ", url.as_str())
        .with(", events = ", *events)
        .with(", recipient_id = ", *recipient_id)
        .with(", enabled = ", *enabled)
        .with(", disabled_reason = ", disabled_reason.as_deref())
        .with(", updated_at = ", *updated_at)
        .with(", version = ", *version)
        .push(if begins_anew { ", failing_since = NULL, paused_until = NULL" } else { "" })
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", *id)
        .with(" AND version = ", *version - 1)
        .execute()
        .await
}

/// Deletes one version of a webhook. 0: another call has changed it.
pub async fn delete_webhook(tx: &mut Tx<Archive>, tenant: TenantId, id: WebhookId, version: i64) -> Result<u64> {
    tx.query("DELETE FROM webhooks")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", id)
        .with(" AND version = ", version)
        .execute()
        .await
}

/// Notes that a receiver accepted a message.
pub async fn note_success(tx: &mut Tx<Archive>, tenant: TenantId, id: WebhookId) -> Result<u64> {
    tx.query("UPDATE webhooks SET failing_since = NULL")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", id)
        .push(" AND failing_since IS NOT NULL")
        .execute()
        .await
}

/// Notes that the receiver of a version of a webhook accepted no message. 0: it is noted already, or the webhook was
/// changed meanwhile.
pub async fn note_failure(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    (id, version): (WebhookId, i64),
    now: DateTime<Utc>,
) -> Result<u64> {
    tx.query("UPDATE webhooks SET")
        .with(" failing_since = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", id)
        .with(" AND version = ", version)
        .push(" AND failing_since IS NULL")
        .execute()
        .await
}

/// Sends nothing to the receiver of a version of a webhook until an instant. 0: the webhook was changed meanwhile.
pub async fn pause_webhook(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    (id, version): (WebhookId, i64),
    until: DateTime<Utc>,
) -> Result<u64> {
    tx.query("UPDATE webhooks SET")
        .with(" paused_until = ", until)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", id)
        .with(" AND version = ", version)
        .execute()
        .await
}

/// Ends the pause of a webhook.
pub async fn resume_webhook(tx: &mut Tx<Archive>, tenant: TenantId, id: WebhookId) -> Result<u64> {
    let query = tx.query("UPDATE webhooks SET paused_until = NULL").with(" WHERE tenant_id = ", tenant);
    query.with(" AND id = ", id).execute().await
}

/// Disables a version of a webhook, because its receiver is gone or has been failing since an instant. 0: it is disabled
/// already, or it was changed or a message was accepted meanwhile.
pub async fn disable_webhook(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    (id, version): (WebhookId, i64),
    (reason, failing_before): (&str, Option<DateTime<Utc>>),
    now: DateTime<Utc>,
) -> Result<u64> {
    tx.query("UPDATE webhooks SET enabled = FALSE, version = version + 1")
        .with(", disabled_reason = ", reason)
        .with(", updated_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", id)
        .with(" AND version = ", version)
        .with_some(" AND failing_since < ", failing_before)
        .push(" AND enabled")
        .execute()
        .await
}

/// Disables the webhooks of a recipient that is deleted. Their messages would show the ids of the tenant. It writes their
/// rows of the audit log, and tells the other webhooks.
pub async fn disable_webhooks_of(tx: &mut Tx<Archive>, clock: Clock, actor: &Actor, recipient: Uuid) -> Result<()> {
    let disabled: Vec<(WebhookId,)> = tx
        .query("UPDATE webhooks SET enabled = FALSE, disabled_reason = 'recipient_deleted', version = version + 1")
        .with(", updated_at = ", clock.now())
        .with(" WHERE tenant_id = ", actor.tenant)
        .with(" AND recipient_id = ", recipient)
        .push(" AND enabled RETURNING id")
        .all()
        .await?;
    for (id,) in disabled {
        tell_disabled(tx, clock, actor, (id, "recipient_deleted")).await?;
    }
    Ok(())
}

/// Writes the row of a disabled webhook in the audit log, and tells the other webhooks.
pub async fn tell_disabled(
    tx: &mut Tx<Archive>,
    clock: Clock,
    actor: &Actor,
    (id, reason): (WebhookId, &str),
) -> Result<()> {
    let detail = json!({ "webhook_id": id, "reason": reason });
    audit::record(tx, clock, actor, &Entry::new(Action::WebhookDisabled, 1, detail.clone())).await?;
    publish(tx, actor.tenant, EventKind::WebhookDisabled, [detail], clock.now()).await?;
    Ok(())
}
