//! Reveals: a user sees the values of some tokens, for a purpose, for a limited time, and on record (N10).
//!
//! A reveal contains ids and no value. Values are read from the vault each time it is opened, under the grant of a committed
//! audit row. A pass takes the identifiers of the customers that it forgets out of all reveals, so an older reveal opens
//! nothing of them.

mod entry;
mod http;
mod model;
mod open;
pub mod passes;
mod sql;

use pii::Identifier;
use serde_json::json;

use crate::audit::{self, Action, Entry};
use crate::base::actor::{Actor, Scope};
use crate::base::id::RevealId;
use crate::base::page::{Page, Position};
use crate::base::version::Versions;
use crate::store::{self, Reference};
use crate::tenants;
use crate::vault::{self, AppContext};

pub use entry::request;
pub use http::routes;
pub use model::{Decision, NewReveal, OpenedItem, Reveal, RevealError, RevealFilter, RevealOutcome, RevealStatus};
pub use open::open;

/// The columns that contain ids of identifiers.
pub const REFERENCES: [Reference; 1] = [Reference::new("reveal_items", "identifier_id")];

/// A page of the tenant's reveals, newest first.
pub async fn list(app: &AppContext, actor: &Actor, filter: &RevealFilter) -> Result<Page<Reveal>, RevealError> {
    let key = app.service_key().await?.derive("cursor");
    let status = filter.status.map_or("", RevealStatus::as_str).as_bytes();
    let query = [b"reveals", &actor.tenant.0.as_bytes()[..], status].concat();
    let after = filter.cursor.as_deref().map(|cursor| Position::from_cursor(cursor, &key, &query)).transpose()?;
    let mut tx = app.archive.read().await?;
    let reveals = sql::page(&mut tx, actor, filter, after, app.clock.now()).await?;
    Ok(Page::of(reveals, filter.limit, &key, &query))
}

pub async fn find(app: &AppContext, actor: &Actor, id: RevealId) -> Result<Reveal, RevealError> {
    let found = sql::by_id(&mut app.archive.read().await?, actor.tenant, id, app.clock.now()).await?;
    found.filter(|reveal| actor.limit.is_none() || reveal.is_of(actor)).ok_or(RevealError::NotFound)
}

/// Approves or denies a reveal of another user. One statement compares the user and the state, so no race approves an own
/// reveal, or decides twice.
pub async fn decide(
    app: &AppContext,
    actor: &Actor,
    id: RevealId,
    decision: Decision,
    comment: Option<&str>,
) -> Result<Reveal, RevealError> {
    let now = app.clock.now();
    let about = match comment {
        Some(_) => subjects(app, actor, id).await?,
        None => Vec::new(),
    };
    let mut tx = app.archive.write().await?;
    let tenant = tenants::find(&mut tx, actor.tenant).await?;
    let comment = match comment.map(|text| entry::stated_text(text, "/comment")).transpose() {
        Ok(comment) => comment,
        Err(error) => {
            let reveal = sql::by_id(&mut tx, actor.tenant, id, now).await?.ok_or(RevealError::NotFound)?;
            drop(tx);
            return Err(refuse(app, actor, &reveal, RevealError::Invalid(vec![error])).await);
        }
    };
    let comment = comment.map(|text| tenant.masked_of(&about, text));
    if sql::decide(&mut tx, actor, id, decision, comment.as_deref(), now).await? == 0 {
        let reveal = sql::by_id(&mut tx, actor.tenant, id, now).await?.ok_or(RevealError::NotFound)?;
        drop(tx);
        let error = match reveal.status {
            _ if reveal.is_of(actor) => RevealError::OwnRequest,
            RevealStatus::Expired => RevealError::Expired,
            _ => RevealError::Decided,
        };
        return Err(refuse(app, actor, &reveal, error).await);
    }
    let reveal = sql::by_id(&mut tx, actor.tenant, id, now).await?.ok_or(RevealError::NotFound)?;
    let action = match decision {
        Decision::Approve => Action::RevealApproved,
        Decision::Deny => Action::RevealDenied,
    };
    audit::record(&mut tx, app.clock, actor, &entry_of(action, &reveal)).await?;
    tx.commit().await?;
    Ok(reveal)
}

/// The identifiers that a reveal is about. A user who decides about it may write them.
async fn subjects(app: &AppContext, actor: &Actor, id: RevealId) -> Result<Vec<Identifier>, RevealError> {
    let items = sql::items(&mut app.archive.read().await?, actor.tenant, id).await?;
    let keyset = app.keysets.get(&app.vault, actor.tenant).await?;
    let ids = items.into_iter().filter_map(|item| item.identifier_id);
    let known = vault::open(&mut app.vault.read().await?, &keyset, ids).await?;
    entry::subjects(app, actor.tenant, &known).await
}

/// Revokes a reveal. Its requester may do this, and every user who may approve reveals. A call that names no version revokes
/// any version.
pub async fn revoke(app: &AppContext, actor: &Actor, id: RevealId, expected: &Versions) -> Result<(), RevealError> {
    let now = app.clock.now();
    let mut tx = app.archive.write().await?;
    let reveal = sql::by_id(&mut tx, actor.tenant, id, now).await?.ok_or(RevealError::NotFound)?;
    let refused = match expected {
        _ if !reveal.is_of(actor) && !actor.may(Scope::RevealsApprove) => Some(RevealError::NotRequester),
        Versions::Absent => None,
        named => named.check(reveal.version).err().map(RevealError::Version),
    };
    let is_revoked = refused.is_none() && sql::revoke(&mut tx, actor, &reveal, now).await? > 0;
    let refused = refused.or(if is_revoked { None } else { Some(RevealError::Decided) });
    if let Some(error) = refused {
        drop(tx);
        return Err(refuse(app, actor, &reveal, error).await);
    }
    audit::record(&mut tx, app.clock, actor, &entry_of(Action::RevealRevoked, &reveal)).await?;
    tx.commit().await?;
    Ok(())
}

/// The audit row of an action on a reveal.
fn entry_of(action: Action, reveal: &Reveal) -> Entry {
    let detail = json!({ "reveal": reveal.id, "tokens": reveal.tokens, "ticket": reveal.ticket });
    Entry::new(action, 0, detail).purpose(Some(reveal.purpose.clone()))
}

/// The error of an attempt, after the audit log knows of it.
async fn refuse(app: &AppContext, actor: &Actor, reveal: &Reveal, error: RevealError) -> RevealError {
    refuse_as(app, actor, entry_of(Action::RevealRefused, reveal), error).await
}

/// The same for an attempt without a reveal. `tokens` is the number of tokens that the call names.
async fn refuse_new(app: &AppContext, actor: &Actor, tokens: usize, error: RevealError) -> RevealError {
    let entry = Entry::new(Action::RevealRefused, 0, json!({ "tokens": tokens }));
    refuse_as(app, actor, entry, error).await
}

async fn refuse_as(app: &AppContext, actor: &Actor, entry: Entry, error: RevealError) -> RevealError {
    write_refusal(app, actor, entry, error.reason()).await.err().map_or(error, RevealError::Store)
}

/// Writes the row of an attempt whose body cannot be read.
pub async fn note_refusal(app: &AppContext, actor: &Actor, reason: &str) -> Result<(), RevealError> {
    let entry = Entry::new(Action::RevealRefused, 0, json!({ "tokens": 0 }));
    Ok(write_refusal(app, actor, entry, reason).await?)
}

async fn write_refusal(app: &AppContext, actor: &Actor, mut entry: Entry, reason: &str) -> store::Result<()> {
    entry.allowed = false;
    entry.detail["reason"] = json!(reason);
    let mut tx = app.archive.write().await?;
    audit::record(&mut tx, app.clock, actor, &entry).await?;
    tx.commit().await
}
