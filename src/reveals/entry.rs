//! The entry of a reveal.

use std::collections::HashMap;

use chrono::TimeDelta;
use pii::Identifier;
use serde_json::json;

use super::model::{NewReveal, Reveal, RevealError, RevealStatus};
use super::sql::{self, NewItem};
use super::{entry_of, refuse_new};
use crate::archive::customer;
use crate::audit::{self, Action};
use crate::base::actor::Actor;
use crate::base::field::FieldError;
use crate::base::id::{IdentifierId, RevealId, TenantId, Token};
use crate::base::purpose::stated;
use crate::idempotency::{self, Call, Replayable, Reservation};
use crate::outbox::{self, EventKind};
use crate::tenants::{self, Tenant};
use crate::vault::{self, AppContext};

/// Enters a reveal. It is granted at once, or waits for another user if the tenant's settings say so. A call with the same
/// key returns the same reveal.
pub async fn request(
    app: &AppContext,
    actor: &Actor,
    new: &NewReveal,
    key: Option<&str>,
) -> Result<Replayable<Reveal>, RevealError> {
    let work = async |reservation: Option<&Reservation>| enter(app, actor, new, reservation).await;
    Ok(match app.call_once(actor, "reveals", (key, new), work).await? {
        Call::Made(value) => Replayable { value, replayed: false },
        Call::Replayed(id) => Replayable { value: super::find(app, actor, id).await?, replayed: true },
    })
}

async fn enter(
    app: &AppContext,
    actor: &Actor,
    new: &NewReveal,
    reservation: Option<&Reservation>,
) -> Result<Reveal, RevealError> {
    let tenant = tenants::find(&mut app.archive.read().await?, actor.tenant).await?;
    let ValidatedReveal { tokens, purpose, ticket } = match validated(new, &tenant) {
        Ok(validated) => validated,
        Err(invalid) => return Err(refuse_new(app, actor, new.tokens.len(), RevealError::Invalid(invalid)).await),
    };
    let keyset = app.keysets.get(&app.vault, actor.tenant).await?;
    let read = |token: &Token| actor.form.read_token(*token);
    let ids = tokens.iter().map(|token| read(token).id);
    let known = vault::open(&mut app.vault.read().await?, &keyset, ids).await?;
    let about = subjects(app, actor.tenant, &known).await?;
    let masked = |text: &str| tenant.masked_of(&about, text);
    let (now, rules) = (app.clock.now(), tenant.settings.reveal);
    let reveal = Reveal {
        id: RevealId::new(),
        issuer: actor.issuer.clone(),
        user_sub: actor.sub.clone(),
        user_name: actor.name.clone(),
        status: if rules.approval { RevealStatus::Waiting } else { RevealStatus::Granted },
        purpose: masked(purpose),
        ticket: ticket.map(masked),
        tokens: i32::try_from(tokens.len()).unwrap_or(i32::MAX),
        openings: 0,
        created_at: now,
        expires_at: now + TimeDelta::minutes(rules.minutes.into()),
        decided_by: None,
        decided_at: None,
        comment: None,
        version: 1,
    };
    // An identifier that leaves the vault meanwhile is forgotten when the reveal is opened, like any other.
    let identifier = |token: &Token| Some(read(token)).filter(|token| is_known(*token, &known)).map(|token| token.id);
    let items: Vec<NewItem> =
        tokens.iter().map(|token| NewItem { token: *token, identifier: identifier(token) }).collect();
    let mut tx = app.archive.write().await?;
    sql::insert(&mut tx, actor.tenant, &reveal).await?;
    sql::insert_items(&mut tx, actor.tenant, reveal.id, &items).await?;
    audit::record(&mut tx, app.clock, actor, &entry_of(Action::RevealRequested, &reveal)).await?;
    let event = json!({ "reveal_id": reveal.id, "status": reveal.status, "tokens": reveal.tokens });
    outbox::publish(&mut tx, actor.tenant, EventKind::RevealRequested, [event], now).await?;
    if let Some(reservation) = reservation {
        idempotency::settle(&mut tx, reservation, &reveal.id).await?;
    }
    tx.commit().await?;
    Ok(reveal)
}

/// The fields of a reveal that follow the rules.
struct ValidatedReveal<'n> {
    tokens: Vec<Token>,
    purpose: &'n str,
    ticket: Option<&'n str>,
}

/// Reads the fields. The errors are all rules that they break.
fn validated<'n>(new: &'n NewReveal, tenant: &Tenant) -> Result<ValidatedReveal<'n>, Vec<FieldError>> {
    let most = tenant.settings.reveal.per_call;
    let mut invalid = Vec::new();
    if new.tokens.is_empty() {
        invalid.push(FieldError::at("/tokens", "required", "must name at least one token"));
    }
    let mut tokens = Vec::new();
    if u32::try_from(new.tokens.len()).is_ok_and(|number| number <= most) {
        for (no, text) in new.tokens.iter().enumerate() {
            if let Ok(token) = text.parse() {
                tokens.push(token);
            } else {
                let rule = "must be a token of this service";
                invalid.push(FieldError::at(format!("/tokens/{no}"), "format", rule));
            }
        }
    } else {
        invalid.push(FieldError::at("/tokens", "too_many", format!("must name at most {most} tokens")));
    }
    let mut text = |text, pointer| stated_text(text, pointer).map_err(|error| invalid.push(error)).ok();
    let purpose = text(&new.purpose, "/purpose");
    let ticket = new.ticket.as_deref().map(|ticket| text(ticket, "/ticket"));
    match (purpose, ticket.flatten()) {
        (Some(purpose), ticket) if invalid.is_empty() => Ok(ValidatedReveal { tokens, purpose, ticket }),
        _ => Err(invalid),
    }
}

/// A text that a user states: 1 to 200 visible characters.
pub(super) fn stated_text<'t>(text: &'t str, pointer: &str) -> Result<&'t str, FieldError> {
    stated(text).ok_or_else(|| FieldError::at(pointer, "out_of_range", "must be 1 to 200 characters"))
}

/// The identifiers that a reveal is about: those of its tokens, and the names of the customers with its numbers and
/// addresses. No text about the reveal may contain them.
pub(super) async fn subjects(
    app: &AppContext,
    tenant: TenantId,
    known: &HashMap<IdentifierId, Identifier>,
) -> Result<Vec<Identifier>, RevealError> {
    let ids: Vec<_> = known.keys().copied().collect();
    let of_customers = customer::names(app, tenant, &ids).await?;
    let named = of_customers.into_iter().map(|(key, (_, name))| Identifier::Name { name, bound_to: key.0 });
    Ok(known.values().cloned().chain(named).collect())
}

/// Whether the vault knows a token. The prefix must be the kind of the identifier.
fn is_known(token: Token, known: &HashMap<IdentifierId, Identifier>) -> bool {
    known.get(&token.id).is_some_and(|identifier| identifier.kind() == token.kind)
}
