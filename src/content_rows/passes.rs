//! The statements by which a pass finds content: that of selected interactions, that past its retention, and that
//! without a row.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};

use super::sql;
use crate::base::content::ContentKind;
use crate::base::id::{ContentId, Generation, ObjectId, RecordId, TenantId};
use crate::store::{Archive, Query, Result, Tx};

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

/// The pieces of content of some objects, each with its interaction.
pub async fn interactions_of(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    objects: &[ObjectId],
) -> Result<Vec<(ContentId, RecordId)>> {
    tx.query("SELECT id, interaction_id FROM contents")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", objects.iter().map(|object| object.id))
        .all()
        .await
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
