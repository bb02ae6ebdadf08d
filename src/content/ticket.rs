//! Tickets: an address that opens one piece of content once, within a minute, since an `<audio>` element sends no headers.
//!
//! The address contains only a sealed ticket: the tenant, a random number, and the id of the content as the user sees it. The archive has the number's hash, the
//! content, and the user of the ticket. The first call takes the ticket out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::model::{Content, ContentError};
use super::once::Once;
use super::sql;
use crate::base::actor::Actor;
use crate::base::crypto::{CryptoError, random, sha256};
use crate::base::id::{ContentId, TenantId};
use crate::vault::AppContext;

/// How long a ticket is good for.
const LIFE: TimeDelta = TimeDelta::seconds(60);

/// The associated data of a sealed ticket, so that no other sealed value is a ticket.
const PLACE: &[u8] = b"content ticket";

/// How long the parts of a ticket are together, in bytes: the tenant's id, the number, and the id of the content as the user
/// sees it, which for a recipient is another one.
const LENGTH: usize = 16 + 16 + 16;

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
    let number: [u8; 16] = random()?;
    let shown = actor.form.show_content(content.id);
    let clear = [actor.tenant.0.as_bytes(), &number[..], shown.0.as_bytes()].concat();
    let text = URL_SAFE_NO_PAD.encode(stores.service_key().await?.seal(&clear, PLACE, LENGTH)?);
    let now = stores.clock.now();
    let expires_at = now + LIFE;
    let mut tx = stores.archive.write().await?;
    sql::delete_expired_tickets(&mut tx, actor.tenant, now).await?;
    sql::insert_ticket(&mut tx, actor, &sha256(&number), content.id, reason, expires_at).await?;
    if let Some(once) = once {
        once.settle(&mut tx, &expires_at).await?;
    }
    tx.commit().await?;
    once.into_iter().for_each(Once::end);
    Ok(Ticket { text, expires_at })
}

/// The content that a ticket opens. Returns none if it never was a ticket, has ended, or its content is gone. A player asks
/// for several ranges, so a ticket may be used until it ends.
pub async fn redeem_ticket(stores: &AppContext, text: &str) -> Result<Option<Redeemed>, ContentError> {
    let sealed = URL_SAFE_NO_PAD.decode(text).map_err(|_| CryptoError::Unopened);
    let key = stores.service_key().await?;
    let Ok(clear) = sealed.and_then(|sealed| key.open(&sealed, PLACE)) else { return Ok(None) };
    let Some((tenant, rest)) = clear.split_first_chunk::<16>() else { return Ok(None) };
    let Some((number, shown)) = rest.split_first_chunk::<16>() else { return Ok(None) };
    let Ok(shown) = Uuid::from_slice(shown).map(ContentId) else { return Ok(None) };
    let tenant = TenantId(Uuid::from_bytes(*tenant));
    let mut tx = stores.archive.read().await?;
    let known = sql::ticket(&mut tx, tenant, &sha256(number)).await?;
    let Some(ticket) = known.filter(|ticket| ticket.expires_at > stores.clock.now()) else { return Ok(None) };
    let sql::TicketRow { content_id, actor_sub, actor_name, purpose, expires_at: _ } = ticket;
    let actor = Actor { sub: actor_sub, name: actor_name, ..Actor::service(tenant, "") };
    let content = sql::by_id(&mut tx, tenant, content_id).await?;
    Ok(content.map(|content| Redeemed { content, shown, actor, reason: purpose }))
}
