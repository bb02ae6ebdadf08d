//! The statements by which a pass finds content: that of selected interactions, that past its retention, and that
//! without a row.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};

use super::sql;
use crate::archive::held;
use crate::base::content::ContentKind;
use crate::base::id::{ContentId, Generation, ObjectId, RecordId, TenantId};
use crate::base::target::Target;
use crate::store::{Archive, Query, Result, Tx};

/// Appends whether an interaction has content. `interaction` is the column of its id.
pub fn exists<'c>(query: Query<'c>, tenant: TenantId, interaction: &'static str) -> Query<'c> {
    query
        .with("EXISTS (SELECT 1 FROM contents c WHERE c.tenant_id = ", tenant)
        .push(" AND c.interaction_id = ")
        .push(interaction)
        .push(")")
}

/// Appends how many pieces of content an interaction has. `interaction` is the column of its id.
pub fn count<'c>(query: Query<'c>, tenant: TenantId, interaction: &'static str) -> Query<'c> {
    query
        .with("(SELECT count(*) FROM contents c WHERE c.tenant_id = ", tenant)
        .push(" AND c.interaction_id = ")
        .push(interaction)
        .push(")")
}

/// Appends a SELECT of the content of the relation `customers k`, with each customer: `(id, at, phone_id, email_id,
/// name_id, interaction_id)`.
pub fn of_customers(query: Query<'_>, tenant: TenantId) -> Query<'_> {
    query
        .push("SELECT c.id, k.at, k.phone_id, k.email_id, k.name_id, k.id AS interaction_id FROM customers k")
        .push(" JOIN contents c ON c.interaction_id = k.id")
        .with(" WHERE c.tenant_id = ", tenant)
}

/// Appends a SELECT of the texts of the relation `pending n (content_id, identifier_id)` that could not be rescanned:
/// `(identifier_id, interaction_id, at)`.
pub fn of_pending(query: Query<'_>, tenant: TenantId) -> Query<'_> {
    query
        .push("SELECT n.identifier_id, c.interaction_id, c.at FROM pending n JOIN contents c ON c.id = n.content_id")
        .with(" WHERE c.tenant_id = ", tenant)
}

pub async fn of_interactions(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    interactions: &[RecordId],
) -> Result<Vec<ObjectId>> {
    tx.query("SELECT id, generation FROM contents")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND interaction_id", interactions.iter().copied())
        .all()
        .await
}

/// The interactions among some that have content.
pub async fn with_content(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    interactions: &[RecordId],
) -> Result<HashSet<RecordId>> {
    let rows: Vec<(RecordId,)> = tx
        .query("SELECT DISTINCT interaction_id FROM contents")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND interaction_id", interactions.iter().copied())
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The objects among some that a row names.
pub async fn with_row(tx: &mut Tx<Archive>, tenant: TenantId, objects: &[ObjectId]) -> Result<HashSet<ObjectId>> {
    if objects.is_empty() {
        return Ok(HashSet::new());
    }
    let query = tx.query("SELECT id, generation FROM contents");
    let rows: Vec<ObjectId> = sql::of_objects(query, tenant, objects).all().await?;
    Ok(rows.into_iter().collect())
}

/// The objects of the next rows after one, by id.
pub async fn after(tx: &mut Tx<Archive>, tenant: TenantId, after: ContentId, limit: i64) -> Result<Vec<ObjectId>> {
    tx.query("SELECT id, generation FROM contents")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id > ", after)
        .with(" ORDER BY id LIMIT ", limit)
        .all()
        .await
}

/// The next content of a kind from before an instant, oldest first, after one.
pub async fn older(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    kind: ContentKind,
    limit: DateTime<Utc>,
    after: Option<(DateTime<Utc>, ObjectId)>,
    batch: i64,
) -> Result<Vec<(DateTime<Utc>, ObjectId)>> {
    let mut query = tx
        .query("SELECT at, id, generation FROM contents")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND kind = ", kind)
        .with(" AND at < ", limit);
    if let Some((at, object)) = after {
        query = query.with(" AND (at, id) > (", at).with(", ", object.id).push(")");
    }
    let rows: Vec<(DateTime<Utc>, ContentId, Generation)> = query.with(" ORDER BY at, id LIMIT ", batch).all().await?;
    Ok(rows.into_iter().map(|(at, id, generation)| (at, ObjectId { id, generation })).collect())
}

/// The pieces of content among some whose interaction a legal hold keeps.
pub async fn held(tx: &mut Tx<Archive>, tenant: TenantId, objects: &[ObjectId]) -> Result<HashSet<ContentId>> {
    let rows: Vec<(ContentId, RecordId)> = tx
        .query("SELECT id, interaction_id FROM contents")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", objects.iter().map(|object| object.id))
        .all()
        .await?;
    let interactions: Vec<_> = rows.iter().map(|(_, interaction)| *interaction).collect();
    let held = held::among(tx, tenant, Target::Archive, &interactions).await?;
    Ok(rows.into_iter().filter(|(_, interaction)| held.contains(interaction)).map(|(id, _)| id).collect())
}

/// How much content of each kind is from before the instant of its kind, without that of the interactions of
/// `customers (id)`, of which `customers` appends a WITH.
pub async fn count_older(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    limits: Vec<(ContentKind, DateTime<Utc>)>,
    customers: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<BTreeMap<ContentKind, u64>> {
    let rows: Vec<(ContentKind, i64)> = customers(tx.query(""))
        .push(", aged (kind, before) AS (VALUES ")
        .each(limits, |query, (kind, limit)| query.with("(", kind).with(", ", limit).push(")"))
        .push(") SELECT c.kind, count(*) FROM aged a JOIN contents c ON c.kind = a.kind AND c.at < a.before")
        .with(" WHERE c.tenant_id = ", tenant)
        .push(" AND c.interaction_id NOT IN (SELECT id FROM customers) GROUP BY c.kind")
        .once()
        .all()
        .await?;
    Ok(rows.into_iter().map(|(kind, count)| (kind, count.unsigned_abs())).collect())
}
