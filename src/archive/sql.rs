//! Statements of records.

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::{DateTime, Utc};
use pii::{ANONYMIZED, Kind};
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use super::expressions::CUSTOMER;
use super::kinds::RecordKind;
use super::model::{CustomerField, Record, forgotten};
use super::parsed::is_keyed;
use crate::base::id::{IdentifierId, RecordId, TenantId};
use crate::store::{Archive, Query, ReadColumns, Result, RowReader, RowResult, StoreError, Tx};

/// A record as it is to be written, with the ids of its identifiers.
pub struct Row<'a, K: RecordKind> {
    pub id: RecordId,
    pub external_id: &'a str,
    pub at: DateTime<Utc>,
    /// A stored record keeps its own.
    pub cell_key: i64,
    pub columns: Cow<'a, K>,
    pub phone: Option<IdentifierId>,
    pub email: Option<IdentifierId>,
    pub name: Option<IdentifierId>,
    pub forgotten: i16,
    /// The kinds of further placeholders of the text, after those of its mentions. They stand for nobody.
    pub added: Vec<Kind>,
}

impl<K: RecordKind> Row<'_, K> {
    pub fn customer(&self) -> impl Iterator<Item = IdentifierId> + use<K> {
        [self.phone, self.email, self.name].into_iter().flatten()
    }
}

/// How a record is stored after it was written.
#[derive(Clone, Copy)]
pub struct Written {
    pub id: RecordId,
    /// The bits of what is forgotten of it now.
    pub forgotten: i16,
}

/// Writes records of external ids that the archive does not know. It is contended if another transaction has stored one
/// of them meanwhile. Only ids are read back, which takes less time than [`upsert`].
pub async fn insert<K: RecordKind>(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    rows: &[Row<'_, K>],
    now: DateTime<Utc>,
) -> Result<Vec<Written>> {
    // A violated constraint would be an error, and the log of PostgreSQL would quote the external id. The ids are read back
    // because Citus counts the rows that it skips.
    let query = with_rows(tx, tenant, rows, now).push(" ON CONFLICT DO NOTHING RETURNING id");
    let inserted: Vec<(RecordId,)> = query.all().await?;
    if inserted.len() < rows.len() {
        return Err(StoreError::Contended);
    }
    Ok(rows.iter().map(|row| Written { id: row.id, forgotten: row.forgotten }).collect())
}

/// Writes records, and replaces those of the same external id. An identifier that was forgotten in a record stays
/// forgotten.
pub async fn upsert<K: RecordKind>(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    rows: &[Row<'_, K>],
    now: DateTime<Utc>,
) -> Result<Vec<Written>> {
    let mut query = with_rows(tx, tenant, rows, now);
    query = query.push(" ON CONFLICT (tenant_id, external_id) DO UPDATE SET at = excluded.at");
    query = query.push(", changed_at = excluded.changed_at, forgotten = ").push(K::TABLE);
    query = query.push(".forgotten | excluded.forgotten");
    for column in ["phone_id", "email_id", "name_id"] {
        query = query.push(", ").push(column).push(" = CASE WHEN ").push(K::TABLE).push(".forgotten & ");
        query = query.push(CUSTOMER).push(" <> 0 THEN NULL ELSE excluded.").push(column).push(" END");
    }
    for column in K::COLUMNS.iter().copied() {
        query = query.push(", ").push(column).push(" = ");
        query = if K::DESCRIPTIVE.contains(&column) {
            // A value that was forgotten stays so.
            query = query.push("CASE WHEN ").push(K::TABLE).push(".forgotten & ").push(CUSTOMER);
            query = query
                .push(" <> 0 AND ")
                .push(K::TABLE)
                .push(".")
                .push(column)
                .push(" = 'Anonymized' THEN 'Anonymized' ELSE excluded.");
            query.push(column).push(" END")
        } else {
            query.push("excluded.").push(column)
        };
    }
    let stored: Vec<(String, RecordId, i16)> = query.push(" RETURNING external_id, id, forgotten").all().await?;
    let stored: HashMap<_, _> =
        stored.into_iter().map(|(external_id, id, forgotten)| (external_id, Written { id, forgotten })).collect();
    rows.iter().map(|row| stored.get(row.external_id).copied().ok_or(StoreError::NoRow)).collect()
}

/// The INSERT of records.
fn with_rows<'c, K: RecordKind>(
    tx: &'c mut Tx<Archive>,
    tenant: TenantId,
    rows: &[Row<'_, K>],
    now: DateTime<Utc>,
) -> Query<'c> {
    let query = tx.query("INSERT INTO ").push(K::TABLE).push(" (tenant_id, changed_at, cell_key, ");
    let query = columns::<K>(query).push(")");
    // PostgreSQL takes the rows as columns: see `Query::with_unnested`.
    if query.is_postgres() {
        with_arrays(query.with(" SELECT ", tenant).with(", ", now), rows)
    } else {
        query
            .push(" VALUES ")
            .each(rows, |query, row| with_row(query.with("(", tenant).with(", ", now), row).push(")"))
            .once()
    }
}

/// The columns of a record that are read.
pub(super) fn columns<K: RecordKind>(query: Query<'_>) -> Query<'_> {
    let query = query.push("id, external_id, at, phone_id, email_id, name_id, forgotten");
    K::COLUMNS.iter().fold(query, |query, column| query.push(", ").push(*column))
}

fn with_row<'c, K: RecordKind>(query: Query<'c>, row: &Row<'_, K>) -> Query<'c> {
    let query = query
        .with(", ", row.cell_key)
        .with(", ", row.id)
        .with(", ", row.external_id)
        .with(", ", row.at)
        .with(", ", row.phone)
        .with(", ", row.email)
        .with(", ", row.name)
        .with(", ", row.forgotten);
    row.columns.bind(query)
}

/// The rows as one array a column.
fn with_arrays<'c, K: RecordKind>(query: Query<'c>, rows: &[Row<'_, K>]) -> Query<'c> {
    let query = query
        .with_unnested(", ", rows.iter().map(|row| row.cell_key))
        .with_unnested(", ", rows.iter().map(|row| row.id.0))
        .with_unnested(", ", rows.iter().map(|row| row.external_id))
        .with_unnested(", ", rows.iter().map(|row| row.at))
        .with_unnested(", ", rows.iter().map(|row| row.phone.map(|id| id.0)))
        .with_unnested(", ", rows.iter().map(|row| row.email.map(|id| id.0)))
        .with_unnested(", ", rows.iter().map(|row| row.name.map(|id| id.0)))
        .with_unnested(", ", rows.iter().map(|row| row.forgotten));
    K::bind_arrays(query, &rows.iter().map(|row| row.columns.as_ref()).collect::<Vec<_>>())
}

/// A record as [`columns`] selects it, with the time by which it is listed at the end.
pub(super) struct RecordRow<K> {
    id: RecordId,
    external_id: String,
    at: DateTime<Utc>,
    phone_id: Option<IdentifierId>,
    email_id: Option<IdentifierId>,
    name_id: Option<IdentifierId>,
    forgotten: i16,
    columns: K,
    /// The time by which the record is listed.
    listed_by: DateTime<Utc>,
}

impl<K: ReadColumns> ReadColumns for RecordRow<K> {
    fn read(row: &mut RowReader<'_>) -> RowResult<Self> {
        Ok(Self {
            id: row.value()?,
            external_id: row.value()?,
            at: row.value()?,
            phone_id: row.value()?,
            email_id: row.value()?,
            name_id: row.value()?,
            forgotten: row.value()?,
            columns: K::read(row)?,
            listed_by: row.value()?,
        })
    }
}

impl<'r, K: ReadColumns> FromRow<'r, PgRow> for RecordRow<K> {
    fn from_row(row: &'r PgRow) -> RowResult<Self> {
        Self::read(&mut row.into())
    }
}

impl<'r, K: ReadColumns> FromRow<'r, SqliteRow> for RecordRow<K> {
    fn from_row(row: &'r SqliteRow) -> RowResult<Self> {
        Self::read(&mut row.into())
    }
}

pub async fn by_id<K: RecordKind>(tx: &mut Tx<Archive>, tenant: TenantId, id: RecordId) -> Result<Option<Record<K>>> {
    let query = select::<K>(tx.query("")).with(" WHERE tenant_id = ", tenant).with(" AND id = ", id);
    Ok(query.maybe::<RecordRow<K>>().await?.map(Record::from))
}

/// The next records after one, in the order of their ids.
pub async fn in_order_of_ids<K: RecordKind>(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    after: Option<RecordId>,
    limit: u32,
) -> Result<Vec<Record<K>>> {
    let query = select::<K>(tx.query("")).with(" WHERE tenant_id = ", tenant).with_some(" AND id > ", after);
    let rows: Vec<RecordRow<K>> = query.with(" ORDER BY id LIMIT ", i64::from(limit)).all().await?;
    Ok(rows.into_iter().map(Record::from).collect())
}

fn select<K: RecordKind>(query: Query<'_>) -> Query<'_> {
    columns::<K>(query.push("SELECT ")).push(", at AS listed_by FROM ").push(K::TABLE)
}

impl<K: RecordKind> RecordRow<K> {
    /// About how many bytes of JSON the record is.
    pub(super) fn weight(&self) -> usize {
        1024 + self.external_id.len() + self.columns.weight()
    }
}

impl<K> From<RecordRow<K>> for Record<K> {
    fn from(row: RecordRow<K>) -> Self {
        let RecordRow { id, external_id, at, phone_id, email_id, name_id, forgotten: bits, listed_by, columns } = row;
        let field = |kind, id: Option<IdentifierId>, bit| match id {
            Some(id) => CustomerField::Held(kind, id),
            None if bits & bit != 0 => CustomerField::Forgotten,
            None => CustomerField::Empty,
        };
        let is_hidden = bits & forgotten::CUSTOMER != 0 && is_keyed(&external_id);
        Self {
            id,
            external_id: if is_hidden { ANONYMIZED.to_owned() } else { external_id },
            at,
            listed_by,
            phone: field(Kind::Phone, phone_id, forgotten::PHONE),
            email: field(Kind::Email, email_id, forgotten::EMAIL),
            name: field(Kind::Name, name_id, forgotten::NAME),
            anonymized: bits & forgotten::ANYBODY != 0,
            mentions: Vec::new(),
            columns,
        }
    }
}
