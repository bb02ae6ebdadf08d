//! Recipients: clients of the tenant's identity provider that see tokens, and ids of records, of their own (D7).
//!
//! A recipient is a set of pairs of issuer and client. The key of its tokens is in the vault, and the version of the key is
//! in the recipient's row. Each change of a recipient changes the epoch in the row of its tenant, which each call of a client
//! reads. So another version takes effect at once, in every process, and a deleted recipient has no form any more.

mod clients;
mod entry;
mod http;
mod model;
mod sql;

use serde_json::json;

use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::id::{RecipientId, TenantId};
use crate::base::page::{Page, Position};
use crate::base::recipient::TokenForm;
use crate::base::version::Versions;
use crate::outbox;
use crate::tenants;
use crate::vault::{self, AppContext};

pub use clients::KnownClients;
pub use entry::create;
pub use http::routes;
pub use model::{Client, ExternalIds, NewRecipient, Recipient, RecipientError, RecipientFilter, RecordIds, TimeGrain};

/// A page of the tenant's recipients, newest first.
pub async fn list(
    app: &AppContext,
    actor: &Actor,
    filter: &RecipientFilter,
) -> Result<Page<Recipient>, RecipientError> {
    let key = app.service_key().await?.derive("cursor");
    let query = [b"recipients", &actor.tenant.0.as_bytes()[..]].concat();
    let after = filter.cursor.as_deref().map(|cursor| Position::from_cursor(cursor, &key, &query)).transpose()?;
    let mut tx = app.archive.read().await?;
    let recipients = sql::page(&mut tx, actor.tenant, after, filter.limit + 1).await?;
    Ok(Page::of(recipients, filter.limit, &key, &query))
}

pub async fn find(app: &AppContext, actor: &Actor, id: RecipientId) -> Result<Recipient, RecipientError> {
    sql::by_id(&mut app.archive.read().await?, actor.tenant, id).await?.ok_or(RecipientError::NotFound)
}

/// The names of all recipients of a tenant.
pub async fn names(app: &AppContext, tenant: TenantId) -> Result<Vec<(RecipientId, String)>, RecipientError> {
    Ok(sql::names(&mut app.archive.read().await?, tenant).await?)
}

/// The form of a recipient, for what is rendered for it without a call of its own. There is none for an unknown recipient.
pub async fn form(app: &AppContext, tenant: TenantId, id: RecipientId) -> Result<Option<TokenForm>, RecipientError> {
    let row = sql::by_id(&mut app.archive.read().await?, tenant, id).await?;
    let Some(recipient) = row else { return Ok(None) };
    let key = vault::recipient_key(app, tenant, id, recipient.key_version).await?;
    Ok(key.map(|key| recipient.form(&key)).transpose()?)
}

/// Gives a recipient another key. Its earlier tokens and ids mean nothing from now on.
///
/// The new key is written before the row that names it. The older ones are deleted last, and a later rotation deletes those
/// that a killed process has left.
pub async fn rotate(app: &AppContext, actor: &Actor, id: RecipientId) -> Result<Recipient, RecipientError> {
    let recipient = find(app, actor, id).await?;
    let version = recipient.key_version + 1;
    vault::keep_recipient_key(app, actor.tenant, id, version).await?;
    let mut tx = app.archive.write().await?;
    if sql::rotate(&mut tx, actor.tenant, &recipient, version, app.clock.now()).await? == 0 {
        drop(tx);
        // The recipient may have been deleted with all keys but this one.
        if sql::by_id(&mut app.archive.read().await?, actor.tenant, id).await?.is_none() {
            vault::drop_recipient_keys(app, actor.tenant, id, i32::MAX).await?;
        }
        return Err(RecipientError::Changed);
    }
    tenants::renew_recipients_epoch(&mut tx, actor.tenant).await?;
    audit::record(&mut tx, app.clock, actor, &entry_of(Action::RecipientRotated, &recipient)).await?;
    tx.commit().await?;
    vault::drop_recipient_keys(app, actor.tenant, id, version).await?;
    find(app, actor, id).await
}

/// Deletes a recipient and its key, and disables its webhooks. The key is deleted first, so that no killed process leaves
/// it behind, and once more at the end, for a rotation may have written another one meanwhile. A call that names no version
/// deletes any version.
pub async fn delete(
    app: &AppContext,
    actor: &Actor,
    id: RecipientId,
    expected: &Versions,
) -> Result<(), RecipientError> {
    let recipient = find(app, actor, id).await?;
    if *expected != Versions::Absent {
        expected.check(recipient.version)?;
    }
    vault::drop_recipient_keys(app, actor.tenant, id, i32::MAX).await?;
    let mut tx = app.archive.write().await?;
    let version = Some(recipient.version).filter(|_| *expected != Versions::Absent);
    if sql::delete(&mut tx, actor.tenant, id, version).await? == 0 {
        return Err(RecipientError::Changed);
    }
    tenants::renew_recipients_epoch(&mut tx, actor.tenant).await?;
    audit::record(&mut tx, app.clock, actor, &entry_of(Action::RecipientDeleted, &recipient)).await?;
    outbox::disable_webhooks_of(&mut tx, app.clock, actor, id.0).await?;
    tx.commit().await?;
    Ok(vault::drop_recipient_keys(app, actor.tenant, id, i32::MAX).await?)
}

fn entry_of(action: Action, recipient: &Recipient) -> Entry {
    Entry::new(action, 0, json!({ "recipient": recipient.id, "name": recipient.name }))
}
