//! Tickets: an address that opens one piece of content once, within a minute, since an `<audio>` element sends no headers.
//!
//! The archive has the ticket's hash, the content, and the user of the ticket. The ticket has the id of the content as the
//! user sees it, which for a recipient is another one.

use chrono::{DateTime, TimeDelta, Utc};

use super::model::ContentError;
use super::once::Once;
use super::sql;
use crate::base::actor::Actor;
use crate::base::id::ContentId;
use crate::base::ticket::{self, OpenedTicket};
use crate::content_rows::Content;
use crate::vault::AppContext;

/// How long a ticket is good for.
const LIFE: TimeDelta = TimeDelta::seconds(60);

/// The associated data of a sealed ticket, so that no other sealed value is a ticket.
const PLACE: &[u8] = b"content ticket";

#[derive(Clone, Debug)]
pub struct Ticket {
    pub text: String,
    pub expires_at: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub struct Redeemed {
    pub content: Content,
    /// The id of the content as the user of the ticket sees it.
    pub shown: ContentId,
    /// The user who made the ticket.
    pub actor: Actor,
    /// Why, as it was stated then.
    pub reason: Option<String>,
}

/// Issues a ticket to a user who may read the content. An idempotency key keeps the time at which it ends, and never the
/// ticket.
pub async fn issue_ticket(
    stores: &AppContext,
    actor: &Actor,
    content: &Content,
    reason: Option<&str>,
    once: Option<&Once>,
) -> Result<Ticket, ContentError> {
    let shown = actor.form.show_content(content.id);
    let (text, hash) = ticket::issue(&stores.service_key().await?, PLACE, (actor.tenant, shown.0))?;
    let now = stores.clock.now();
    let expires_at = now + LIFE;
    let mut tx = stores.archive.write().await?;
    sql::delete_expired_tickets(&mut tx, actor.tenant, now).await?;
    sql::insert_ticket(&mut tx, actor, &hash, content.id, reason, expires_at).await?;
    if let Some(once) = once {
        once.settle(&mut tx, &expires_at).await?;
    }
    tx.commit().await?;
    once.into_iter().for_each(Once::end);
    Ok(Ticket { text, expires_at })
}

/// The content that a ticket opens. Returns none if it never was a ticket, has been used or has ended, or if its content is
/// gone.
///
/// A call uses the ticket up. Only calls for a part of playable content may follow one another until the ticket ends, since a
/// player fetches a recording piece by piece, and a HEAD fetches nothing.
pub async fn redeem_ticket(stores: &AppContext, text: &str, is_part: bool) -> Result<Option<Redeemed>, ContentError> {
    let key = stores.service_key().await?;
    let Some(OpenedTicket { tenant, hash, thing }) = ticket::read(&key, PLACE, text) else { return Ok(None) };
    let shown = ContentId(thing);
    let mut tx = stores.archive.read().await?;
    let known = sql::ticket(&mut tx, tenant, &hash).await?;
    let Some(ticket) = known.filter(|ticket| ticket.expires_at > stores.clock.now()) else { return Ok(None) };
    let sql::ContentTicketRow { content_id, actor_sub, actor_name, purpose, expires_at: _ } = ticket;
    let actor = Actor { sub: actor_sub, name: actor_name, ..Actor::service(tenant, "") };
    let Some(content) = sql::by_id(&mut tx, tenant, content_id).await? else { return Ok(None) };
    drop(tx);
    if !(is_part && content.is_playable()) {
        let mut tx = stores.archive.write().await?;
        // Of two calls at the same time, one deletes the row.
        if sql::delete_ticket(&mut tx, tenant, &hash).await? == 0 {
            return Ok(None);
        }
        tx.commit().await?;
    }
    Ok(Some(Redeemed { content, shown, actor, reason: purpose }))
}
