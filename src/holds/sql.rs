//! Statements of holds.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::model::{HeldInteraction, Hold, HoldMasks};
use crate::base::ground::GroundError;
use crate::base::id::{HoldId, IdentifierId, RecordId, TenantId};
use crate::base::page::Position;
use crate::store::{Archive, Result, StoreError, Tx};

const SELECT: &str = "SELECT id, phone_id, email_id, phone_mask, email_mask, interaction_count, ground, reference, \
                      review_on, hide, placed_by, placed_at, released_by, released_at, version FROM holds";

#[derive(sqlx::FromRow)]
struct HoldRow {
    id: HoldId,
    phone_id: Option<IdentifierId>,
    email_id: Option<IdentifierId>,
    phone_mask: Option<String>,
    email_mask: Option<String>,
    interaction_count: i32,
    ground: String,
    reference: String,
    review_on: NaiveDate,
    hide: bool,
    placed_by: String,
    placed_at: DateTime<Utc>,
    released_by: Option<String>,
    released_at: Option<DateTime<Utc>>,
    version: i64,
}

impl TryFrom<HoldRow> for Hold {
    type Error = StoreError;

    fn try_from(row: HoldRow) -> Result<Self> {
        let broken = |_: GroundError| StoreError::Inconsistent(format!("holds.ground of {}", row.id));
        Ok(Self {
            id: row.id,
            phone: row.phone_id,
            email: row.email_id,
            phone_mask: row.phone_mask,
            email_mask: row.email_mask,
            interaction_count: row.interaction_count,
            ground: row.ground.parse().map_err(broken)?,
            reference: row.reference,
            review_on: row.review_on,
            hide: row.hide,
            placed_by: row.placed_by,
            placed_at: row.placed_at,
            released_by: row.released_by,
            released_at: row.released_at,
            version: row.version,
        })
    }
}

pub async fn by_ids(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[HoldId]) -> Result<Vec<Hold>> {
    let rows: Vec<HoldRow> =
        tx.query(SELECT).with(" WHERE tenant_id = ", tenant).with_any(" AND id", ids.iter().copied()).all().await?;
    rows.into_iter().map(Hold::try_from).collect()
}

/// A page of holds, newest first.
pub async fn page(tx: &mut Tx<Archive>, tenant: TenantId, after: Option<Position>, limit: u32) -> Result<Vec<Hold>> {
    let mut query = tx.query(SELECT).with(" WHERE tenant_id = ", tenant);
    if let Some(Position { at, id }) = after {
        query = query.with(" AND (placed_at, id) < (", at).with(", ", id).push(")");
    }
    let rows: Vec<HoldRow> = query.with(" ORDER BY placed_at DESC, id DESC LIMIT ", i64::from(limit)).all().await?;
    rows.into_iter().map(Hold::try_from).collect()
}

/// The interactions that some holds name, by id.
pub async fn interactions(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    holds: &[HoldId],
) -> Result<HashMap<HoldId, Vec<RecordId>>> {
    let mut named = HashMap::<_, Vec<_>>::new();
    if holds.is_empty() {
        return Ok(named);
    }
    let rows: Vec<(HoldId, RecordId)> = tx
        .query("SELECT hold_id, interaction_id FROM hold_interactions")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND hold_id", holds.iter().copied())
        .push(" ORDER BY hold_id, interaction_id")
        .all()
        .await?;
    for (hold, id) in rows {
        named.entry(hold).or_default().push(id);
    }
    Ok(named)
}

/// Adds a hold with the interactions that it names. One that is there already stays as it is. Returns whether it is new.
pub async fn insert(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    hold: &Hold,
    interactions: &[HeldInteraction],
) -> Result<bool> {
    let placed = tx
        .query(
            "INSERT INTO holds (tenant_id, id, phone_id, email_id, phone_mask, email_mask, interaction_count, ground, \
             reference, review_on, hide, placed_by, placed_at, released_by, released_at, version) VALUES (",
        )
        .with("", tenant)
        .with(", ", hold.id)
        .with(", ", hold.phone)
        .with(", ", hold.email)
        .with(", ", hold.phone_mask.as_deref())
        .with(", ", hold.email_mask.as_deref())
        .with(", ", hold.interaction_count)
        .with(", ", hold.ground.as_str())
        .with(", ", hold.reference.as_str())
        .with(", ", hold.review_on)
        .with(", ", hold.hide)
        .with(", ", hold.placed_by.as_str())
        .with(", ", hold.placed_at)
        .with(", ", hold.released_by.as_deref())
        .with(", ", hold.released_at)
        .with(", ", hold.version)
        .push(") ON CONFLICT (tenant_id, id) DO NOTHING")
        .execute()
        .await?;
    if placed == 0 {
        return Ok(false);
    }
    for chunk in interactions.chunks(1_000) {
        tx.query("INSERT INTO hold_interactions (tenant_id, hold_id, interaction_id, phone_id, email_id) VALUES ")
            .each(chunk, |query, HeldInteraction { id, phone, email }| {
                let query = query.with("(", tenant).with(", ", hold.id).with(", ", *id);
                query.with(", ", *phone).with(", ", *email).push(")")
            })
            .once()
            .execute()
            .await?;
    }
    Ok(true)
}

/// Releases a hold that lasts: masks replace its identifiers, and nothing replaces the interactions that it named. Returns
/// how many holds it released: 1 or 0.
pub async fn release(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    hold: HoldId,
    masks: HoldMasks,
    by: &str,
    now: DateTime<Utc>,
) -> Result<u64> {
    tx.query("DELETE FROM hold_interactions")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND hold_id = ", hold)
        .execute()
        .await?;
    tx.query("UPDATE holds SET phone_id = NULL, email_id = NULL, version = version + 1")
        .with(", phone_mask = ", masks.phone)
        .with(", email_mask = ", masks.email)
        .with(", released_by = ", by)
        .with(", released_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", hold)
        .push(" AND released_at IS NULL")
        .execute()
        .await
}

/// Whether any hold lasts. If none does, no statement asks for the records of holds.
pub async fn is_any(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<bool> {
    let one: Option<(HoldId,)> = tx
        .query("SELECT id FROM holds")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND released_at IS NULL LIMIT 1")
        .maybe()
        .await?;
    Ok(one.is_some())
}

/// Deletes the holds that were released before an instant.
pub async fn purge(tx: &mut Tx<Archive>, tenant: TenantId, before: DateTime<Utc>) -> Result<u64> {
    tx.query("DELETE FROM holds")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND released_at < ", before)
        .execute()
        .await
}
