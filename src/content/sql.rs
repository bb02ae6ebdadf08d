//! Statements of content.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::model::{Content, Sensitivity};
use crate::archive::selector::{self, Span};
use crate::base::actor::Actor;
use crate::base::content::ContentKind;
use crate::base::crypto::BlindIndex;
use crate::base::id::{ContentId, Generation, IdentifierId, ObjectId, RecordId, TenantId};
use crate::base::page::Position;
use crate::base::target::Target;
use crate::store::{Archive, Query, Result, StoreError, Tx};

#[derive(sqlx::FromRow)]
struct ContentRow {
    id: ContentId,
    generation: Generation,
    interaction_id: RecordId,
    kind: ContentKind,
    media_type: String,
    size: i64,
    sha256: Option<Vec<u8>>,
    sensitivity: Sensitivity,
    encrypted_for: Option<String>,
    stored_size: i64,
    duration_ms: Option<i64>,
    at: DateTime<Utc>,
    created_at: DateTime<Utc>,
}

impl TryFrom<ContentRow> for Content {
    type Error = StoreError;

    fn try_from(row: ContentRow) -> Result<Self> {
        let ContentRow {
            id,
            generation,
            interaction_id,
            kind,
            media_type,
            size,
            sha256,
            sensitivity,
            encrypted_for,
            ..
        } = row;
        let broken = |column| StoreError::Inconsistent(format!("contents.{column} of {id}"));
        let sha256 = sha256.map(|bytes| bytes.try_into().map_err(|_| broken("sha256"))).transpose()?;
        Ok(Self {
            id,
            generation,
            interaction: interaction_id,
            kind,
            media_type,
            size: u64::try_from(size).map_err(|_| broken("size"))?,
            sha256,
            sensitivity,
            encrypted_for,
            stored_size: u64::try_from(row.stored_size).map_err(|_| broken("stored_size"))?,
            duration_ms: row.duration_ms.map(i64::unsigned_abs),
            at: row.at,
            created_at: row.created_at,
        })
    }
}

/// Adds content. `keyed_sha256` is the keyed hash of the SHA-256 of a text as it arrived.
pub async fn insert(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    content: &Content,
    keyed_sha256: Option<BlindIndex>,
) -> Result<u64> {
    let number = |size: u64| i64::try_from(size).map_err(|_| StoreError::Refused("encoding".to_owned()));
    tx.query(
        "INSERT INTO contents (tenant_id, id, generation, interaction_id, kind, media_type, size, sha256, sensitivity, \
         encrypted_for, stored_size, duration_ms, at, created_at, keyed_sha256) VALUES (",
    )
    .with("", tenant)
    .with(", ", content.id)
    .with(", ", content.generation)
    .with(", ", content.interaction)
    .with(", ", content.kind)
    .with(", ", content.media_type.as_str())
    .with(", ", number(content.size)?)
    .with(", ", content.sha256.map(Vec::from))
    .with(", ", content.sensitivity)
    .with(", ", content.encrypted_for.as_deref())
    .with(", ", number(content.stored_size)?)
    .with(", ", content.duration_ms.map(number).transpose()?)
    .with(", ", content.at)
    .with(", ", content.created_at)
    .with(", ", keyed_sha256.map(|hash| hash.0.to_vec()))
    .push(")")
    .execute()
    .await
}

pub async fn by_id(tx: &mut Tx<Archive>, tenant: TenantId, id: ContentId) -> Result<Option<Content>> {
    let row: Option<ContentRow> =
        select(tx.query("")).with(" WHERE tenant_id = ", tenant).with(" AND id = ", id).maybe().await?;
    row.map(Content::try_from).transpose()
}

/// The next content after one, by id.
pub async fn after(tx: &mut Tx<Archive>, tenant: TenantId, after: ContentId, limit: i64) -> Result<Vec<Content>> {
    let query = select(tx.query("")).with(" WHERE tenant_id = ", tenant).with(" AND id > ", after);
    let rows: Vec<ContentRow> = query.with(" ORDER BY id LIMIT ", limit).all().await?;
    rows.into_iter().map(Content::try_from).collect()
}

/// All content of some interactions.
pub async fn of_all(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[RecordId]) -> Result<Vec<Content>> {
    let query = select(tx.query("")).with(" WHERE tenant_id = ", tenant);
    let rows: Vec<ContentRow> =
        query.with_any(" AND interaction_id", ids.iter().copied()).push(" ORDER BY at, id").all().await?;
    rows.into_iter().map(Content::try_from).collect()
}

/// The interactions with content among some interactions.
pub async fn interactions_of(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[RecordId]) -> Result<HashSet<RecordId>> {
    let query = tx.query("SELECT DISTINCT interaction_id FROM contents").with(" WHERE tenant_id = ", tenant);
    let rows: Vec<(RecordId,)> = query.with_any(" AND interaction_id", ids.iter().copied()).all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// A page of the content of an interaction, oldest first.
pub async fn of_interaction(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    interaction: RecordId,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Content>> {
    let mut query =
        select(tx.query("")).with(" WHERE tenant_id = ", tenant).with(" AND interaction_id = ", interaction);
    if let Some(Position { at, id }) = after {
        query = query.with(" AND (created_at, id) > (", at).with(", ", id).push(")");
    }
    let rows: Vec<ContentRow> = query.with(" ORDER BY created_at, id LIMIT ", i64::from(limit)).all().await?;
    rows.into_iter().map(Content::try_from).collect()
}

/// Whether an interaction has content of a kind with such a digest, or with such a keyed hash of it.
pub async fn is_there(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    interaction: RecordId,
    kind: ContentKind,
    (sha256, keyed_sha256): ([u8; 32], BlindIndex),
) -> Result<bool> {
    let found: i64 = tx
        .query("SELECT count(*) FROM contents")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND interaction_id = ", interaction)
        .with(" AND kind = ", kind)
        .with(" AND (sha256 = ", sha256.to_vec())
        .with(" OR keyed_sha256 = ", keyed_sha256.0.to_vec())
        .push(")")
        .scalar()
        .await?;
    Ok(found > 0)
}

/// Some of the content of some interactions, of some kinds; what is sensitive only if asked for.
pub async fn objects_of(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    interactions: &[RecordId],
    kinds: Option<&[ContentKind]>,
    with_sensitive: bool,
    limit: u32,
) -> Result<Vec<ObjectId>> {
    let mut query = of_interactions(tx.query("SELECT id, generation FROM contents"), tenant, interactions, kinds);
    if !with_sensitive {
        query = query.with(" AND sensitivity <> ", Sensitivity::Sensitive);
    }
    query.with(" LIMIT ", i64::from(limit)).all().await
}

/// Which of some interactions have content, of some kinds.
pub async fn with_content(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    interactions: &[RecordId],
    kinds: Option<&[ContentKind]>,
) -> Result<Vec<RecordId>> {
    let query = tx.query("SELECT DISTINCT interaction_id FROM contents");
    let query = of_interactions(query, tenant, interactions, kinds);
    let rows: Vec<(RecordId,)> = query.push(" ORDER BY interaction_id").all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Which of some interactions have sensitive content, of some kinds.
pub async fn with_sensitive(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    interactions: &[RecordId],
    kinds: Option<&[ContentKind]>,
) -> Result<Vec<RecordId>> {
    let query = tx.query("SELECT DISTINCT interaction_id FROM contents");
    let query = of_interactions(query, tenant, interactions, kinds);
    let rows: Vec<(RecordId,)> =
        query.with(" AND sensitivity = ", Sensitivity::Sensitive).push(" ORDER BY interaction_id").all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

fn of_interactions<'c>(
    query: Query<'c>,
    tenant: TenantId,
    interactions: &[RecordId],
    kinds: Option<&[ContentKind]>,
) -> Query<'c> {
    let query = query.with(" WHERE tenant_id = ", tenant).with_any(" AND interaction_id", interactions.iter().copied());
    match kinds {
        Some(kinds) => query.with_any(" AND kind", kinds.iter().map(|kind| kind.as_str())),
        None => query,
    }
}

/// The objects of some content.
pub async fn objects(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[ContentId]) -> Result<Vec<ObjectId>> {
    tx.query("SELECT id, generation FROM contents")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", ids.iter().copied())
        .all()
        .await
}

/// Deletes the content of some objects, and returns each piece with its interaction. A text that got another object stays.
pub async fn delete(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    objects: &[ObjectId],
) -> Result<Vec<(ContentId, RecordId)>> {
    of_objects(tx.query("DELETE FROM contents"), tenant, objects).push(" RETURNING id, interaction_id").all().await
}

/// Appends the condition that a row has one of some objects.
pub fn of_objects<'c>(query: Query<'c>, tenant: TenantId, objects: &[ObjectId]) -> Query<'c> {
    query
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", objects.iter().map(|object| object.id))
        .with_any(" AND generation", objects.iter().map(|object| object.generation))
}

/// How much content of each kind the interactions have whose customer is selected.
pub async fn of_customers(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    selected: &[(IdentifierId, DateTime<Utc>)],
) -> Result<Vec<(ContentKind, i64)>> {
    let query = tx
        .query("WITH selected (identifier_id, cutoff) AS (VALUES ")
        .each(selected, |query, (id, cutoff)| query.with("(", *id).with(", ", *cutoff).push(")"))
        .push("), customers AS (");
    selector::customers(query, tenant, Target::Archive, Span::default())
        .push(") SELECT c.kind, count(*) FROM customers k JOIN contents c ON c.interaction_id = k.id")
        .with(" WHERE c.tenant_id = ", tenant)
        .push(" GROUP BY c.kind")
        .once()
        .all()
        .await
}

fn select(query: Query<'_>) -> Query<'_> {
    query.push(
        "SELECT id, generation, interaction_id, kind, media_type, size, sha256, sensitivity, encrypted_for, stored_size, duration_ms, \
         at, created_at FROM contents",
    )
}

/// A ticket as its row has it.
#[derive(sqlx::FromRow)]
pub struct TicketRow {
    pub content_id: ContentId,
    pub actor_sub: String,
    pub actor_name: String,
    pub purpose: Option<String>,
    pub expires_at: DateTime<Utc>,
}

pub async fn insert_ticket(
    tx: &mut Tx<Archive>,
    actor: &Actor,
    hash: &[u8],
    content: ContentId,
    purpose: Option<&str>,
    expires_at: DateTime<Utc>,
) -> Result<u64> {
    tx.query(
        "INSERT INTO content_tickets \
         (tenant_id, ticket_hash, content_id, actor_sub, actor_name, purpose, expires_at) VALUES (",
    )
    .with("", actor.tenant)
    .with(", ", hash)
    .with(", ", content)
    .with(", ", actor.sub.as_str())
    .with(", ", actor.name.as_str())
    .with(", ", purpose)
    .with(", ", expires_at)
    .push(")")
    .execute()
    .await
}

pub async fn ticket(tx: &mut Tx<Archive>, tenant: TenantId, hash: &[u8]) -> Result<Option<TicketRow>> {
    tx.query("SELECT content_id, actor_sub, actor_name, purpose, expires_at FROM content_tickets")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND ticket_hash = ", hash)
        .maybe()
        .await
}

pub async fn delete_expired_tickets(tx: &mut Tx<Archive>, tenant: TenantId, now: DateTime<Utc>) -> Result<u64> {
    tx.query("DELETE FROM content_tickets")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND expires_at < ", now)
        .execute()
        .await
}

/// Takes the tenant's one place for a batch, if it is free or its holder's time is up. Returns how many took it: 1 or 0.
pub async fn take_batch(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    batch: ContentId,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<u64> {
    tx.query("INSERT INTO content_batches (tenant_id, batch_id, expires_at) VALUES (")
        .with("", tenant)
        .with(", ", batch)
        .with(", ", expires_at)
        .push(
            ") ON CONFLICT (tenant_id) DO UPDATE SET batch_id = excluded.batch_id, expires_at = excluded.expires_at \
             WHERE content_batches.expires_at < ",
        )
        .with("", now)
        .execute()
        .await
}

/// Renews the place of a batch. 0: another batch has it.
pub async fn renew_batch(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    batch: ContentId,
    expires_at: DateTime<Utc>,
) -> Result<u64> {
    tx.query("UPDATE content_batches SET")
        .with(" expires_at = ", expires_at)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND batch_id = ", batch)
        .execute()
        .await
}

pub async fn leave_batch(tx: &mut Tx<Archive>, tenant: TenantId, batch: ContentId) -> Result<u64> {
    tx.query("DELETE FROM content_batches")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND batch_id = ", batch)
        .execute()
        .await
}
