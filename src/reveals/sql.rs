//! Statements of reveals.

use chrono::{DateTime, NaiveDate, Utc};
use pii::Kind;

use super::model::{Decision, Reveal, RevealFilter, RevealStatus};
use crate::base::actor::Actor;
use crate::base::id::{IdentifierId, RevealId, TenantId, Token};
use crate::base::page::Position;
use crate::store::{Archive, Query, Result, Tx};

/// How many reveals one statement deletes.
const BATCH: i64 = 500;

const SELECT: &str = "SELECT id, issuer, user_sub, user_name, status, purpose, ticket, tokens, openings, created_at, \
                      expires_at, decided_by, decided_at, comment, version FROM reveals";

#[derive(sqlx::FromRow)]
struct RevealRow {
    id: RevealId,
    issuer: String,
    user_sub: String,
    user_name: String,
    status: RevealStatus,
    purpose: String,
    ticket: Option<String>,
    tokens: i32,
    openings: i32,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    decided_by: Option<String>,
    decided_at: Option<DateTime<Utc>>,
    comment: Option<String>,
    version: i64,
}

impl RevealRow {
    /// The reveal with its status at an instant.
    fn at(self, now: DateTime<Utc>) -> Reveal {
        let Self { id, issuer, user_sub, user_name, status, purpose, ticket, tokens, openings, .. } = self;
        let Self { created_at, expires_at, decided_by, decided_at, comment, version, .. } = self;
        let status = status.at(now, expires_at);
        Reveal {
            id,
            issuer,
            user_sub,
            user_name,
            status,
            purpose,
            ticket,
            tokens,
            openings,
            created_at,
            expires_at,
            decided_by,
            decided_at,
            comment,
            version,
        }
    }
}

pub async fn by_id(tx: &mut Tx<Archive>, tenant: TenantId, id: RevealId, now: DateTime<Utc>) -> Result<Option<Reveal>> {
    let row: Option<RevealRow> =
        tx.query(SELECT).with(" WHERE tenant_id = ", tenant).with(" AND id = ", id).maybe().await?;
    Ok(row.map(|row| row.at(now)))
}

/// A page of reveals, newest first, and one more.
pub async fn page(
    tx: &mut Tx<Archive>,
    actor: &Actor,
    filter: &RevealFilter,
    after: Option<Position>,
    now: DateTime<Utc>,
) -> Result<Vec<Reveal>> {
    let query = tx.query(SELECT).with(" WHERE tenant_id = ", actor.tenant);
    // A recipient sees nothing of the work of others.
    let own = actor.limit.map(|_| actor);
    let query = query.with_some(" AND issuer = ", own.map(|actor| actor.issuer.as_str()));
    let query = query.with_some(" AND user_sub = ", own.map(|actor| actor.sub.as_str()));
    let query = match filter.status {
        None => query,
        Some(RevealStatus::Expired) => query.with(" AND status IN ('waiting', 'granted') AND expires_at <= ", now),
        Some(status @ (RevealStatus::Waiting | RevealStatus::Granted)) => {
            query.with(" AND status = ", status).with(" AND expires_at > ", now)
        }
        Some(status @ (RevealStatus::Denied | RevealStatus::Revoked)) => query.with(" AND status = ", status),
    };
    let query = match after {
        Some(Position { at, id }) => query.with(" AND (created_at, id) < (", at).with(", ", id).push(")"),
        None => query,
    };
    let limit = i64::from(filter.limit) + 1;
    let rows: Vec<RevealRow> = query.with(" ORDER BY created_at DESC, id DESC LIMIT ", limit).all().await?;
    Ok(rows.into_iter().map(|row| row.at(now)).collect())
}

pub async fn insert(tx: &mut Tx<Archive>, tenant: TenantId, reveal: &Reveal) -> Result<u64> {
    let Reveal { id, issuer, user_sub, user_name, status, purpose, ticket, tokens, openings, .. } = reveal;
    let Reveal { created_at, expires_at, version, .. } = reveal;
    tx.query(
        "INSERT INTO reveals (tenant_id, id, issuer, user_sub, user_name, status, purpose, ticket, tokens, openings, \
         created_at, expires_at, version) VALUES (",
    )
    .with("", tenant)
    .with(", ", *id)
    .with(", ", issuer.as_str())
    .with(", ", user_sub.as_str())
    .with(", ", user_name.as_str())
    .with(", ", *status)
    .with(", ", purpose.as_str())
    .with(", ", ticket.as_deref())
    .with(", ", *tokens)
    .with(", ", *openings)
    .with(", ", *created_at)
    .with(", ", *expires_at)
    .with(", ", *version)
    .push(")")
    .execute()
    .await
}

/// A token of a new reveal.
#[derive(Clone, Copy)]
pub struct NewItem {
    /// The token as the user sent it.
    pub token: Token,
    /// Its identifier, if the vault has it.
    pub identifier: Option<IdentifierId>,
}

pub async fn insert_items(tx: &mut Tx<Archive>, tenant: TenantId, id: RevealId, items: &[NewItem]) -> Result<u64> {
    tx.query("INSERT INTO reveal_items (tenant_id, reveal_id, n, kind, token, known, identifier_id) VALUES ")
        .each(items.iter().zip(0_i32..), |query, (NewItem { token, identifier }, n)| {
            query
                .with("(", tenant)
                .with(", ", id)
                .with(", ", n)
                .with(", ", token.kind.as_str())
                .with(", ", token.id)
                .with(", ", identifier.is_some())
                .with(", ", *identifier)
                .push(")")
        })
        .once()
        .execute()
        .await
}

/// A token of a stored reveal.
#[derive(Clone, Copy, sqlx::FromRow)]
pub struct Item {
    #[sqlx(try_from = "String")]
    kind: Kind,
    token: IdentifierId,
    /// Whether the vault had its identifier when the reveal was entered.
    pub known: bool,
    /// The identifier, unless a pass has forgotten its customer.
    pub identifier_id: Option<IdentifierId>,
}

impl Item {
    pub const fn token(&self) -> Token {
        Token { kind: self.kind, id: self.token }
    }
}

pub async fn items(tx: &mut Tx<Archive>, tenant: TenantId, id: RevealId) -> Result<Vec<Item>> {
    tx.query("SELECT kind, token, known, identifier_id FROM reveal_items")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND reveal_id = ", id)
        .push(" ORDER BY n")
        .all()
        .await
}

/// Decides a waiting reveal of another user.
pub async fn decide(
    tx: &mut Tx<Archive>,
    actor: &Actor,
    id: RevealId,
    decision: Decision,
    comment: Option<&str>,
    now: DateTime<Utc>,
) -> Result<u64> {
    let status = match decision {
        Decision::Approve => RevealStatus::Granted,
        Decision::Deny => RevealStatus::Denied,
    };
    tx.query("UPDATE reveals SET version = version + 1")
        .with(", status = ", status)
        .with(", decided_by = ", actor.name.as_str())
        .with(", decided_at = ", now)
        .with(", comment = ", comment)
        .with(" WHERE tenant_id = ", actor.tenant)
        .with(" AND id = ", id)
        .with(" AND status = 'waiting' AND expires_at > ", now)
        .with(" AND NOT (issuer = ", actor.issuer.as_str())
        .with(" AND user_sub = ", actor.sub.as_str())
        .push(")")
        .execute()
        .await
}

/// Revokes a reveal that waits or was granted, in the version that was read.
pub async fn revoke(tx: &mut Tx<Archive>, actor: &Actor, reveal: &Reveal, now: DateTime<Utc>) -> Result<u64> {
    // The user who approved it stays, because the comment is that user's.
    tx.query("UPDATE reveals SET status = 'revoked', version = version + 1")
        .with(", decided_by = coalesce(decided_by, ", actor.name.as_str())
        .with("), decided_at = coalesce(decided_at, ", now)
        .with(") WHERE tenant_id = ", actor.tenant)
        .with(" AND id = ", reveal.id)
        .with(" AND status IN ('waiting', 'granted') AND version = ", reveal.version)
        .execute()
        .await
}

/// Counts an opening of a reveal that its requester may open now.
pub async fn note_opening(tx: &mut Tx<Archive>, actor: &Actor, id: RevealId, now: DateTime<Utc>) -> Result<u64> {
    tx.query("UPDATE reveals SET openings = openings + 1")
        .with(" WHERE tenant_id = ", actor.tenant)
        .with(" AND id = ", id)
        .with(" AND status = 'granted' AND expires_at > ", now)
        .with(" AND issuer = ", actor.issuer.as_str())
        .with(" AND user_sub = ", actor.sub.as_str())
        .execute()
        .await
}

/// Adds values to those that a user has opened on a day, unless they would exceed the cap.
pub async fn count_opened(tx: &mut Tx<Archive>, actor: &Actor, day: NaiveDate, values: i64, cap: i64) -> Result<u64> {
    tx.query("INSERT INTO reveal_days (tenant_id, issuer, user_sub, day, opened) VALUES (")
        .with("", actor.tenant)
        .with(", ", actor.issuer.as_str())
        .with(", ", actor.sub.as_str())
        .with(", ", day)
        .with(", ", values)
        .push(") ON CONFLICT (tenant_id, issuer, user_sub, day) DO UPDATE SET opened = reveal_days.opened + excluded.opened")
        .with(" WHERE reveal_days.opened + excluded.opened <= ", cap)
        .execute()
        .await
}

/// Takes those identifiers out of all reveals for which a condition is true.
pub async fn forget(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    is_lost: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    let query = tx.query("UPDATE reveal_items SET identifier_id = NULL").with(" WHERE tenant_id = ", tenant);
    is_lost(query.push(" AND identifier_id IS NOT NULL AND ")).execute().await
}

/// Some reveals that have expired before an instant and still have tokens.
pub async fn with_old_items(tx: &mut Tx<Archive>, tenant: TenantId, before: DateTime<Utc>) -> Result<Vec<RevealId>> {
    let rows: Vec<(RevealId,)> = tx
        .query("SELECT DISTINCT i.reveal_id FROM reveal_items i JOIN reveals r ON r.id = i.reveal_id")
        .with(" WHERE i.tenant_id = ", tenant)
        .with(" AND r.tenant_id = ", tenant)
        .with(" AND r.expires_at < ", before)
        .with(" LIMIT ", BATCH)
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub async fn delete_items(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[RevealId]) -> Result<u64> {
    tx.query("DELETE FROM reveal_items")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND reveal_id", ids.iter().copied())
        .execute()
        .await
}

/// Deletes some reveals from before an instant.
pub async fn delete_old(tx: &mut Tx<Archive>, tenant: TenantId, before: DateTime<Utc>) -> Result<u64> {
    tx.query("DELETE FROM reveals")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id IN (SELECT id FROM reveals WHERE tenant_id = ", tenant)
        .with(" AND created_at < ", before)
        .with(" ORDER BY created_at LIMIT ", BATCH)
        .push(")")
        .execute()
        .await
}

/// Deletes the counts of the days before one.
pub async fn delete_days(tx: &mut Tx<Archive>, tenant: TenantId, day: NaiveDate) -> Result<u64> {
    tx.query("DELETE FROM reveal_days").with(" WHERE tenant_id = ", tenant).with(" AND day < ", day).execute().await
}
