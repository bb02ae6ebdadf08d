//! The secrets that sign the messages of webhooks. They are sealed, and each is shown once, when it is made.

use chrono::{DateTime, Utc};

use super::keyset::Keyset;
use super::model::VaultError;
use crate::base::crypto::Key;
use crate::base::id::{TenantId, WebhookId, WebhookSecretId};
use crate::store::{Tx, Vault};

#[derive(sqlx::FromRow)]
struct WebhookSecretRow {
    webhook_id: WebhookId,
    /// It orders the secrets of a webhook by their age.
    id: WebhookSecretId,
    sealed: Vec<u8>,
    key_version: i32,
}

/// Stores a new secret of a webhook. Earlier ones stay.
pub async fn keep_webhook_secret(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    webhook: WebhookId,
    secret: &Key,
) -> Result<(), VaultError> {
    let (version, sealed) = keyset.seal_webhook_secret(webhook, secret)?;
    tx.query("INSERT INTO webhook_secrets (tenant_id, webhook_id, id, sealed, key_version) VALUES (")
        .with("", keyset.tenant)
        .with(", ", webhook)
        .with(", ", WebhookSecretId::new())
        .with(", ", sealed.as_slice())
        .with(", ", version)
        .push(")")
        .execute()
        .await?;
    Ok(())
}

/// Replaces the secret of a webhook. The earlier one also signs until an instant.
pub async fn rotate_webhook_secret(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    webhook: WebhookId,
    secret: &Key,
    until: DateTime<Utc>,
) -> Result<(), VaultError> {
    // A secret that a rotation before has limited does not live longer.
    tx.query("UPDATE webhook_secrets SET")
        .with(" valid_until = ", until)
        .with(" WHERE tenant_id = ", keyset.tenant)
        .with(" AND webhook_id = ", webhook)
        .with(" AND (valid_until IS NULL OR valid_until > ", until)
        .push(")")
        .execute()
        .await?;
    keep_webhook_secret(tx, keyset, webhook, secret).await
}

/// The secrets that sign at an instant, the newest first. An unreadable one is left out with a warning, so that it does
/// not stop the webhooks of the tenant.
pub async fn webhook_secrets(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    webhook: WebhookId,
    now: DateTime<Utc>,
) -> Result<Vec<Key>, VaultError> {
    let rows: Vec<WebhookSecretRow> = tx
        .query("SELECT webhook_id, id, sealed, key_version FROM webhook_secrets")
        .with(" WHERE tenant_id = ", keyset.tenant)
        .with(" AND webhook_id = ", webhook)
        .with(" AND (valid_until IS NULL OR valid_until > ", now)
        .push(") ORDER BY id DESC")
        .all()
        .await?;
    keyset.learn(tx, rows.iter().map(|row| row.key_version)).await?;
    let open = |row: &WebhookSecretRow| {
        let opened = keyset.open_webhook_secret(row.webhook_id, row.key_version, &row.sealed);
        if let Err(error) = &opened {
            tracing::warn!(webhook.id = %row.webhook_id, %error, "A secret of a webhook cannot be read and is skipped");
        }
        opened.ok()
    };
    Ok(rows.iter().filter_map(open).collect())
}

/// Deletes the secrets of a deleted webhook. To repeat it changes nothing.
pub async fn drop_webhook_secrets(tx: &mut Tx<Vault>, tenant: TenantId, webhook: WebhookId) -> Result<u64, VaultError> {
    let query = tx.query("DELETE FROM webhook_secrets").with(" WHERE tenant_id = ", tenant);
    Ok(query.with(" AND webhook_id = ", webhook).execute().await?)
}

/// Deletes the secrets that sign no more.
pub async fn drop_expired_webhook_secrets(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    now: DateTime<Utc>,
) -> Result<u64, VaultError> {
    let query = tx.query("DELETE FROM webhook_secrets").with(" WHERE tenant_id = ", tenant);
    Ok(query.with(" AND valid_until <= ", now).execute().await?)
}

/// Seals the secrets of the tenant's webhooks under the newest key. A tenant has a few of them. An unreadable one stays
/// as it is.
pub async fn reseal_webhook_secrets(tx: &mut Tx<Vault>, keyset: &Keyset) -> Result<u64, VaultError> {
    let (newest, _) = keyset.newest()?;
    let rows: Vec<WebhookSecretRow> = tx
        .query("SELECT webhook_id, id, sealed, key_version FROM webhook_secrets")
        .with(" WHERE tenant_id = ", keyset.tenant)
        .with(" AND key_version < ", newest)
        .all()
        .await?;
    let reseal = |row: &WebhookSecretRow| {
        let secret = keyset.open_webhook_secret(row.webhook_id, row.key_version, &row.sealed)?;
        let (_, sealed) = keyset.seal_webhook_secret(row.webhook_id, &secret)?;
        Ok::<_, VaultError>((row.webhook_id, row.id, sealed))
    };
    let fresh: Vec<_> = rows.iter().filter_map(|row| reseal(row).ok()).collect();
    if fresh.is_empty() {
        return Ok(0);
    }
    let resealed = tx
        .query("WITH fresh (webhook_id, id, sealed) AS (VALUES ")
        .each(&fresh, |query, (webhook, id, sealed)| {
            query.with("(", *webhook).with(", ", *id).with(", ", sealed.as_slice()).push(")")
        })
        .with(") UPDATE webhook_secrets SET sealed = fresh.sealed, key_version = ", newest)
        .with(" FROM fresh WHERE webhook_secrets.tenant_id = ", keyset.tenant)
        .push(" AND webhook_secrets.webhook_id = fresh.webhook_id AND webhook_secrets.id = fresh.id")
        .once()
        .execute()
        .await?;
    Ok(resealed)
}
