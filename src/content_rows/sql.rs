//! Statements about the content of some interactions.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::model::{Content, Sensitivity};
use super::relations::of_texts;
use crate::base::content::ContentKind;
use crate::base::crypto::BlindIndex;
use crate::base::id::{ContentId, Generation, ObjectId, RecordId, TenantId};
use crate::base::page::Position;
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

/// Some of the content of some interactions, of some kinds. Sensitive content is included only on request.
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

/// The interactions among some that have content of some kinds, and of a sensitivity if one is given.
pub async fn with_content(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    interactions: &[RecordId],
    kinds: Option<&[ContentKind]>,
    sensitivity: Option<Sensitivity>,
) -> Result<Vec<RecordId>> {
    let query = tx.query("SELECT DISTINCT interaction_id FROM contents");
    let query = of_interactions(query, tenant, interactions, kinds).with_some(" AND sensitivity = ", sensitivity);
    let rows: Vec<(RecordId,)> = query.push(" ORDER BY interaction_id").all().await?;
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

fn select(query: Query<'_>) -> Query<'_> {
    query.push(
        "SELECT id, generation, interaction_id, kind, media_type, size, sha256, sensitivity, encrypted_for, stored_size, duration_ms, \
         at, created_at FROM contents",
    )
}

/// Gives a text another object. Returns the number of texts: 0 if the text was deleted or got another object. The digest
/// of the upload is removed, because an identifier was found in it.
pub async fn replace(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    old: ObjectId,
    new: Generation,
    stored_size: i64,
) -> Result<u64> {
    tx.query("UPDATE contents SET sha256 = NULL")
        .with(", generation = ", new)
        .with(", size = ", stored_size)
        .with(", stored_size = ", stored_size)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", old.id)
        .with(" AND generation = ", old.generation)
        .execute()
        .await
}

/// Gives the content of some interactions the instants of these. `moved` appends a WITH of the relation `moved (id, at)`.
pub async fn move_to(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    interactions: &[Uuid],
    moved: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    moved(tx.query(""))
        .push(" UPDATE contents SET at = i.at FROM moved i")
        .with(" WHERE contents.tenant_id = ", tenant)
        .with_any(" AND contents.interaction_id", interactions.iter().copied())
        .push(" AND i.id = contents.interaction_id AND i.at <> contents.at")
        .execute()
        .await
}

/// The interactions among some that have a text.
pub async fn with_texts(tx: &mut Tx<Archive>, tenant: TenantId, interactions: &[Uuid]) -> Result<Vec<Uuid>> {
    if interactions.is_empty() {
        return Ok(Vec::new());
    }
    let query = tx
        .query("SELECT DISTINCT interaction_id FROM contents")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND interaction_id", interactions.iter().copied());
    let rows: Vec<(Uuid,)> = of_texts(query, " AND kind").all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
