//! The creation of a recipient.

use std::collections::HashSet;

use super::model::{Client, NewRecipient, Recipient, RecipientError};
use super::{entry_of, sql};
use crate::audit::{self, Action};
use crate::base::actor::Actor;
use crate::base::field::FieldError;
use crate::base::id::RecipientId;
use crate::base::purpose::stated;
use crate::idempotency::{self, Call, Replayable, Reservation};
use crate::tenants;
use crate::vault::{self, AppContext};

/// The most clients of a recipient.
const MOST_CLIENTS: usize = 50;

/// The longest issuer and the longest client id, in characters.
const LONGEST: usize = 200;

/// Creates a recipient with a key of its own. A call with the same idempotency key returns the same recipient.
pub async fn create(
    app: &AppContext,
    actor: &Actor,
    new: &NewRecipient,
    key: Option<&str>,
) -> Result<Replayable<Recipient>, RecipientError> {
    let work = async |reservation: Option<&Reservation>| enter(app, actor, new, reservation).await;
    Ok(match app.call_once(actor, "recipients", (key, new), work).await? {
        Call::Made(value) => Replayable { value, replayed: false },
        Call::Replayed(id) => {
            let known = super::find(app, actor, id).await.map_err(|error| match error {
                RecipientError::NotFound => RecipientError::Deleted,
                error => error,
            });
            Replayable { value: known?, replayed: true }
        }
    })
}

async fn enter(
    app: &AppContext,
    actor: &Actor,
    new: &NewRecipient,
    reservation: Option<&Reservation>,
) -> Result<Recipient, RecipientError> {
    let name = check(new).map_err(RecipientError::Invalid)?;
    let now = app.clock.now();
    let recipient = Recipient {
        id: RecipientId::new(),
        name: name.to_owned(),
        clients: new.clients.clone(),
        record_ids: new.record_ids.unwrap_or_default(),
        time: new.time.unwrap_or_default(),
        external_ids: new.external_ids.unwrap_or_default(),
        key_version: 1,
        created_at: now,
        rotated_at: now,
        version: 1,
    };
    // The key comes first, because a recipient without a key could not be used.
    vault::keep_recipient_key(app, actor.tenant, recipient.id, recipient.key_version).await?;
    let written = write(app, actor, &recipient, reservation).await;
    if written.is_err() {
        vault::drop_recipient_keys(app, actor.tenant, recipient.id, i32::MAX).await?;
    }
    written.map(|()| recipient)
}

async fn write(
    app: &AppContext,
    actor: &Actor,
    recipient: &Recipient,
    reservation: Option<&Reservation>,
) -> Result<(), RecipientError> {
    let mut tx = app.archive.write().await?;
    if sql::insert(&mut tx, actor.tenant, recipient).await? == 0 {
        return Err(RecipientError::NameTaken);
    }
    let clients = sql::insert_clients(&mut tx, actor.tenant, recipient.id, &recipient.clients).await?;
    if usize::try_from(clients) != Ok(recipient.clients.len()) {
        return Err(RecipientError::ClientTaken);
    }
    tenants::renew_recipients_epoch(&mut tx, actor.tenant).await?;
    audit::record(&mut tx, app.clock, actor, &entry_of(Action::RecipientCreated, recipient)).await?;
    if let Some(reservation) = reservation {
        idempotency::settle(&mut tx, reservation, &recipient.id).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Checks the fields, and returns the name without the blanks around it. The errors are all rules that they break.
fn check(new: &NewRecipient) -> Result<&str, Vec<FieldError>> {
    let mut invalid = Vec::new();
    let name = stated(&new.name);
    if name.is_none() {
        invalid.push(FieldError::at("/name", "out_of_range", "must be 1 to 200 characters"));
    }
    match new.clients.len() {
        0 => invalid.push(FieldError::at("/clients", "required", "must name at least one client")),
        1..=MOST_CLIENTS => {}
        _ => invalid.push(FieldError::at("/clients", "too_many", "must name at most 50 clients")),
    }
    let mut seen = HashSet::new();
    for (no, client) in new.clients.iter().take(MOST_CLIENTS).enumerate() {
        let Client { issuer, client_id } = client;
        for (text, field) in [(issuer, "issuer"), (client_id, "client_id")] {
            if text.is_empty() || text.chars().nth(LONGEST).is_some() || text.chars().any(char::is_control) {
                let pointer = format!("/clients/{no}/{field}");
                invalid.push(FieldError::at(pointer, "out_of_range", "must be 1 to 200 visible characters"));
            }
        }
        if !seen.insert(client) {
            invalid.push(FieldError::at(format!("/clients/{no}"), "duplicate", "is named twice"));
        }
    }
    match name {
        Some(name) if invalid.is_empty() => Ok(name),
        _ => Err(invalid),
    }
}
