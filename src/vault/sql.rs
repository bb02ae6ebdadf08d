//! Statements of the vault.

use std::collections::HashMap;

use pii::Kind;
use uuid::Uuid;

use crate::base::crypto::BlindIndex;
use crate::base::id::{Generation, IdentifierId, ObjectId, TenantId};
use crate::store::{Query, Result, Tx, Vault};

/// The rows of one INSERT. Eight values a row are fewer than either database can bind.
pub const INSERT_CHUNK: usize = 1_000;

/// The values of one list of a SELECT. SQLite binds at most 32,766.
const SELECT_CHUNK: usize = 5_000;

pub struct NewIdentifier {
    pub id: IdentifierId,
    pub kind: Kind,
    /// The id that a name is bound to.
    pub bound_to: Option<Uuid>,
    pub index: BlindIndex,
    pub sealed: Vec<u8>,
    pub key_version: i32,
}

#[derive(sqlx::FromRow)]
pub struct IdentifierRow {
    pub id: IdentifierId,
    #[sqlx(try_from = "String")]
    pub kind: Kind,
    pub sealed: Vec<u8>,
    pub key_version: i32,
}

#[derive(Clone, Copy)]
pub struct KnownIdentifier {
    pub id: IdentifierId,
    pub retired: bool,
    /// Whether only its keyed hash is known: a restore has lost its value.
    pub is_reserved: bool,
}

impl KnownIdentifier {
    /// An identifier that was just created.
    pub const fn new(id: IdentifierId) -> Self {
        Self { id, retired: false, is_reserved: false }
    }
}

pub async fn by_index(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    hashes: impl Iterator<Item = BlindIndex>,
) -> Result<HashMap<BlindIndex, KnownIdentifier>> {
    let hashes: Vec<BlindIndex> = hashes.collect();
    let mut found = HashMap::new();
    for chunk in hashes.chunks(SELECT_CHUNK) {
        let query = tx.query("SELECT id, index_hash, retired, length(sealed) = 0 FROM identifiers");
        let query = query.with(" WHERE tenant_id = ", tenant);
        found.extend(known(query.with_keys(" AND index_hash", chunk.iter().map(|hash| hash.0.as_slice()))).await?);
    }
    Ok(found)
}

/// Inserts the identifiers with a new hash and a new id. Returns whether all of them are new.
pub async fn insert(tx: &mut Tx<Vault>, tenant: TenantId, rows: &[NewIdentifier]) -> Result<bool> {
    let query =
        tx.query("INSERT INTO identifiers (tenant_id, retired, id, kind, bound_to, index_hash, sealed, key_version) ");
    // PostgreSQL takes the rows as columns: see `Query::with_unnested`.
    let query = if query.is_postgres() {
        query
            .with("SELECT ", tenant)
            .with(", ", false)
            .with_unnested(", ", rows.iter().map(|row| row.id.0))
            .with_unnested(", ", rows.iter().map(|row| row.kind.as_str()))
            .with_unnested(", ", rows.iter().map(|row| row.bound_to))
            .with_unnested(", ", rows.iter().map(|row| row.index.0.as_slice()))
            .with_unnested(", ", rows.iter().map(|row| row.sealed.as_slice()))
            .with_unnested(", ", rows.iter().map(|row| row.key_version))
    } else {
        query.push("VALUES ").each(rows, |query, row| with_row(query, tenant, row)).once()
    };
    Ok(query.push(" ON CONFLICT DO NOTHING").execute().await? == rows.len() as u64)
}

fn with_row<'c>(query: Query<'c>, tenant: TenantId, row: &NewIdentifier) -> Query<'c> {
    query
        .with("(", tenant)
        .with(", ", false)
        .with(", ", row.id)
        .with(", ", row.kind.as_str())
        .with(", ", row.bound_to)
        .with(", ", row.index.0.to_vec())
        .with(", ", row.sealed.as_slice())
        .with(", ", row.key_version)
        .push(")")
}

async fn known(query: Query<'_>) -> Result<HashMap<BlindIndex, KnownIdentifier>> {
    let rows: Vec<(IdentifierId, Vec<u8>, bool, bool)> = query.all().await?;
    Ok(rows
        .into_iter()
        .filter_map(|(id, hash, retired, is_reserved)| {
            Some((to_index(&hash)?, KnownIdentifier { id, retired, is_reserved }))
        })
        .collect())
}

/// Gives a reserved identifier its value.
pub async fn fill(tx: &mut Tx<Vault>, tenant: TenantId, row: &NewIdentifier) -> Result<u64> {
    tx.query("UPDATE identifiers SET")
        .with(" sealed = ", row.sealed.as_slice())
        .with(", key_version = ", row.key_version)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND index_hash = ", row.index.0.to_vec())
        .push(" AND length(sealed) = 0")
        .execute()
        .await
}

pub async fn by_id(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    ids: impl IntoIterator<Item = IdentifierId>,
) -> Result<Vec<IdentifierRow>> {
    let ids: Vec<IdentifierId> = ids.into_iter().collect();
    let mut found = Vec::new();
    for chunk in ids.chunks(SELECT_CHUNK) {
        let rows: Vec<IdentifierRow> = tx
            .query("SELECT id, kind, sealed, key_version FROM identifiers")
            .with(" WHERE tenant_id = ", tenant)
            .with_keys(" AND id", chunk.iter().copied())
            .all()
            .await?;
        found.extend(rows);
    }
    Ok(found)
}

/// Locks rows in one order on PostgreSQL. Otherwise an ingest and the pass could lock the same rows in two orders and wait
/// for each other. Names are last, because an ingest resolves them after the numbers that they are bound to.
pub(super) async fn lock(tx: &mut Tx<Vault>, tenant: TenantId, ids: &[IdentifierId]) -> Result<()> {
    if tx.is_postgres() {
        tx.query("SELECT count(*) FROM (SELECT id FROM identifiers")
            .with(" WHERE tenant_id = ", tenant)
            .with_any(" AND id", ids.iter().copied())
            .push(" ORDER BY kind = 'name', id FOR UPDATE) locked")
            .execute()
            .await?;
    }
    Ok(())
}

pub async fn set_retired(tx: &mut Tx<Vault>, tenant: TenantId, ids: &[IdentifierId], retired: bool) -> Result<u64> {
    lock(tx, tenant, ids).await?;
    tx.query("UPDATE identifiers SET")
        .with(" retired = ", retired)
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", ids.iter().copied())
        .execute()
        .await
}

pub async fn delete_retired(tx: &mut Tx<Vault>, tenant: TenantId, ids: &[IdentifierId]) -> Result<u64> {
    lock(tx, tenant, ids).await?;
    tx.query("DELETE FROM identifiers")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND retired = ", true)
        .with_any(" AND id", ids.iter().copied())
        .execute()
        .await
}

pub async fn walk(tx: &mut Tx<Vault>, tenant: TenantId, after: IdentifierId, limit: u32) -> Result<Vec<IdentifierId>> {
    let rows: Vec<(IdentifierId,)> = tx
        .query("SELECT id FROM identifiers")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id > ", after)
        .with(" ORDER BY id LIMIT ", i64::from(limit))
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

#[derive(sqlx::FromRow)]
pub struct ContentKeyRow {
    pub wrapped: Vec<u8>,
    pub key_version: i32,
}

pub async fn insert_content_key(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    object: ObjectId,
    version: i32,
    wrapped: &[u8],
) -> Result<u64> {
    tx.query("INSERT INTO content_keys (tenant_id, content_id, generation, wrapped, key_version) VALUES (")
        .with("", tenant)
        .with(", ", object.id)
        .with(", ", object.generation)
        .with(", ", wrapped)
        .with(", ", version)
        .push(")")
        .execute()
        .await
}

pub async fn content_key(tx: &mut Tx<Vault>, tenant: TenantId, object: ObjectId) -> Result<Option<ContentKeyRow>> {
    tx.query("SELECT wrapped, key_version FROM content_keys")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND content_id = ", object.id)
        .with(" AND generation = ", object.generation)
        .maybe()
        .await
}

/// The next objects with a key after one, in the order of generations.
pub async fn walk_content_keys(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    after: Generation,
    limit: u32,
) -> Result<Vec<ObjectId>> {
    tx.query("SELECT content_id AS id, generation FROM content_keys")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND generation > ", after)
        .with(" ORDER BY generation LIMIT ", i64::from(limit))
        .all()
        .await
}

/// Deletes the keys of some objects permanently. To repeat it changes nothing.
pub async fn drop_content_keys(tx: &mut Tx<Vault>, tenant: TenantId, objects: &[ObjectId]) -> Result<u64> {
    tx.query("DELETE FROM content_keys")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND content_id", objects.iter().map(|object| object.id))
        .with_any(" AND generation", objects.iter().map(|object| object.generation))
        .execute()
        .await
}

#[derive(sqlx::FromRow)]
pub struct SecretRow {
    pub kind: String,
    pub sealed: Vec<u8>,
    pub key_version: i32,
}

pub async fn upsert_delivery_secret(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    kind: &str,
    version: i32,
    sealed: &[u8],
) -> Result<u64> {
    tx.query("INSERT INTO delivery_secrets (tenant_id, kind, sealed, key_version) VALUES (")
        .with("", tenant)
        .with(", ", kind)
        .with(", ", sealed)
        .with(", ", version)
        .push(
            ") ON CONFLICT (tenant_id) DO UPDATE SET kind = excluded.kind, sealed = excluded.sealed, \
             key_version = excluded.key_version",
        )
        .execute()
        .await
}

pub async fn delivery_secret(tx: &mut Tx<Vault>, tenant: TenantId) -> Result<Option<SecretRow>> {
    tx.query("SELECT kind, sealed, key_version FROM delivery_secrets").with(" WHERE tenant_id = ", tenant).maybe().await
}

pub async fn delete_delivery_secret(tx: &mut Tx<Vault>, tenant: TenantId) -> Result<u64> {
    tx.query("DELETE FROM delivery_secrets").with(" WHERE tenant_id = ", tenant).execute().await
}

pub(super) fn to_index(hash: &[u8]) -> Option<BlindIndex> {
    hash.try_into().ok().map(BlindIndex)
}
