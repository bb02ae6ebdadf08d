//! Statements about deliveries.

use chrono::{DateTime, Utc};

use super::model::{ClaimedDelivery, Delivery, DeliveryState};
use crate::base::id::{ContentId, DeliveryId, RecordId, TenantId};
use crate::base::page::Position;
use crate::store::{Archive, Query, Result, Sql, StoreError, Tx};

/// Makes all pending deliveries held, also those that a worker has claimed.
pub async fn hold_all(tx: &mut Tx<Archive>, tenant: TenantId, error: &str, now: DateTime<Utc>) -> Result<u64> {
    tx.query("UPDATE deliveries SET state = 'held', claim = NULL, claimed_until = NULL")
        .with(", last_error = ", error)
        .with(", updated_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND state = 'pending'")
        .execute()
        .await
}

/// Makes all held deliveries pending again.
pub async fn release_all(tx: &mut Tx<Archive>, tenant: TenantId, now: DateTime<Utc>) -> Result<u64> {
    tx.query("UPDATE deliveries SET state = 'pending', attempts = 0")
        .with(", next_at = ", now)
        .with(", updated_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND state = 'held'")
        .execute()
        .await
}

#[derive(sqlx::FromRow)]
struct DeliveryRow {
    id: DeliveryId,
    content_id: ContentId,
    interaction_id: RecordId,
    state: DeliveryState,
    attempts: i32,
    next_at: DateTime<Utc>,
    last_error: Option<String>,
    file_names: String,
    created_at: DateTime<Utc>,
    delivered_at: Option<DateTime<Utc>>,
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = StoreError;

    fn try_from(row: DeliveryRow) -> Result<Self> {
        let DeliveryRow { id, content_id, interaction_id, state, attempts, next_at, last_error, .. } = row;
        let file_names = serde_json::from_str(&row.file_names);
        Ok(Self {
            id,
            content: content_id,
            interaction: interaction_id,
            state,
            attempts,
            next_at,
            last_error,
            file_names: file_names.map_err(|_| StoreError::Inconsistent(format!("deliveries.file_names of {id}")))?,
            created_at: row.created_at,
            delivered_at: row.delivered_at,
        })
    }
}

fn select(query: Query<'_>) -> Query<'_> {
    query.push(
        "SELECT id, content_id, interaction_id, state, attempts, next_at, last_error, file_names, created_at, \
         delivered_at FROM deliveries",
    )
}

pub async fn by_id(tx: &mut Tx<Archive>, tenant: TenantId, id: DeliveryId) -> Result<Option<Delivery>> {
    let row: Option<DeliveryRow> =
        select(tx.query("")).with(" WHERE tenant_id = ", tenant).with(" AND id = ", id).maybe().await?;
    row.map(Delivery::try_from).transpose()
}

/// A page of deliveries, newest first.
pub async fn page(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    state: Option<DeliveryState>,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Delivery>> {
    let mut query = select(tx.query("")).with(" WHERE tenant_id = ", tenant).with_some(" AND state = ", state);
    if let Some(Position { at, id }) = after {
        query = query.with(" AND (created_at, id) < (", at).with(", ", id).push(")");
    }
    let rows: Vec<DeliveryRow> =
        query.with(" ORDER BY created_at DESC, id DESC LIMIT ", i64::from(limit)).all().await?;
    rows.into_iter().map(Delivery::try_from).collect()
}

/// Some due deliveries that no worker has claimed, in the order in which they became due.
pub async fn due(tx: &mut Tx<Archive>, tenant: TenantId, now: DateTime<Utc>, limit: u32) -> Result<Vec<DeliveryId>> {
    let rows: Vec<(DeliveryId,)> = tx
        .query("SELECT id FROM deliveries")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND state = 'pending'")
        .with(" AND next_at <= ", now)
        .with(" AND (claimed_until IS NULL OR claimed_until < ", now)
        .with(") ORDER BY next_at, id LIMIT ", i64::from(limit))
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

#[derive(sqlx::FromRow)]
struct ClaimedRow {
    id: DeliveryId,
    content_id: ContentId,
    interaction_id: RecordId,
    attempts: i32,
}

/// Claims those of some deliveries that are still free. Of several workers, one gets each delivery.
pub async fn claim(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    ids: &[DeliveryId],
    token: DeliveryId,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<ClaimedDelivery>> {
    let rows: Vec<ClaimedRow> = tx
        .query("UPDATE deliveries SET attempts = attempts + 1")
        .with(", claim = ", token)
        .with(", claimed_until = ", until)
        .with(", updated_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", ids.iter().copied())
        .push(" AND state = 'pending'")
        .with(" AND (claimed_until IS NULL OR claimed_until < ", now)
        .push(") RETURNING id, content_id, interaction_id, attempts")
        .all()
        .await?;
    let claimed = rows.into_iter().map(|row| {
        let ClaimedRow { id, content_id, interaction_id, attempts } = row;
        ClaimedDelivery { id, content: content_id, interaction: interaction_id, attempt: attempts, token }
    });
    Ok(claimed.collect())
}

/// Renews a claim. 0: the claim was lost, or the delivery was cancelled or held meanwhile.
pub async fn renew(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    claim: &ClaimedDelivery,
    until: DateTime<Utc>,
) -> Result<u64> {
    mine(tx.query("UPDATE deliveries SET").with(" claimed_until = ", until), tenant, claim).execute().await
}

/// Renews a claim, and notes the files that may be at the target from now on, even if this worker is killed. 0: as above.
pub async fn announce(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    claim: &ClaimedDelivery,
    file_names: &[String],
    until: DateTime<Utc>,
) -> Result<u64> {
    let names = with_earlier(tx, tenant, claim.id, file_names).await?;
    let query = tx.query("UPDATE deliveries SET").with(" claimed_until = ", until).with(", file_names = ", names);
    mine(query, tenant, claim).execute().await
}

/// Appends the deliveries of the interactions in the relation `customers`: `(id)`.
pub fn of_customers(query: Query<'_>, tenant: TenantId) -> Query<'_> {
    query
        .push("SELECT d.id FROM customers k JOIN deliveries d ON d.interaction_id = k.id")
        .with(" WHERE d.tenant_id = ", tenant)
}

/// Appends the names `f (value)` of the files of the deliveries `m (id)`.
pub fn join_files(query: Query<'_>, tenant: TenantId) -> Query<'_> {
    query.push(" JOIN deliveries d ON d.id = m.id").push(NAMES).with(" WHERE d.tenant_id = ", tenant)
}

/// The names of the files of a delivery `d`, one row each.
pub const NAMES: Sql = Sql::per(
    " CROSS JOIN LATERAL json_array_elements_text(d.file_names::json) AS f (value)",
    " CROSS JOIN json_each(d.file_names) AS f",
);

/// Notes that both files are at the target, even if the delivery was cancelled or held at the last moment, because the
/// tenant must know of the files.
pub async fn deliver(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    claim: &ClaimedDelivery,
    file_names: &[String],
    now: DateTime<Utc>,
) -> Result<u64> {
    let names = with_earlier(tx, tenant, claim.id, file_names).await?;
    tx.query("UPDATE deliveries SET state = 'delivered', claim = NULL, claimed_until = NULL, last_error = NULL")
        .with(", file_names = ", names)
        .with(", delivered_at = ", now)
        .with(", updated_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", claim.id)
        .push(" AND state <> 'delivered'")
        .execute()
        .await
}

/// Notes that an attempt failed, and gives the claim back.
pub async fn fail(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    claim: &ClaimedDelivery,
    (state, error): (DeliveryState, &str),
    next_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64> {
    let query = tx
        .query("UPDATE deliveries SET claim = NULL, claimed_until = NULL")
        .with(", state = ", state)
        .with(", last_error = ", error)
        .with(", next_at = ", next_at)
        .with(", updated_at = ", now);
    mine(query, tenant, claim).execute().await
}

/// The names of files, after those that earlier attempts noted. Under other settings a file has another name, and the
/// tenant must delete the file with the old name as well.
async fn with_earlier(tx: &mut Tx<Archive>, tenant: TenantId, id: DeliveryId, file_names: &[String]) -> Result<String> {
    let earlier: Option<(String,)> = tx
        .query("SELECT file_names FROM deliveries")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", id)
        .maybe()
        .await?;
    let broken = || StoreError::Inconsistent(format!("deliveries.file_names of {id}"));
    let mut names: Vec<String> = match earlier {
        Some((names,)) => serde_json::from_str(&names).map_err(|_| broken())?,
        None => Vec::new(),
    };
    names.retain(|name| !file_names.contains(name));
    names.extend_from_slice(file_names);
    serde_json::to_string(&names).map_err(|_| broken())
}

/// The reason why the last attempt failed, if there was one.
pub async fn last_error(tx: &mut Tx<Archive>, tenant: TenantId, id: DeliveryId) -> Result<Option<String>> {
    let row: Option<(Option<String>,)> = tx
        .query("SELECT last_error FROM deliveries")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", id)
        .maybe()
        .await?;
    Ok(row.and_then(|(error,)| error))
}

fn mine<'c>(query: Query<'c>, tenant: TenantId, claim: &ClaimedDelivery) -> Query<'c> {
    query
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", claim.id)
        .with(" AND claim = ", claim.token)
        .push(" AND state = 'pending'")
}

/// Makes a delivery due at once. A held one begins anew, and a claimed one stays with its worker. 0: it is done.
pub async fn retry(tx: &mut Tx<Archive>, tenant: TenantId, id: DeliveryId, now: DateTime<Utc>) -> Result<u64> {
    tx.query("UPDATE deliveries SET attempts = CASE WHEN state = 'held' THEN 0 ELSE attempts END, state = 'pending'")
        .with(", next_at = ", now)
        .with(", updated_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", id)
        .push(" AND state IN ('pending', 'held')")
        .execute()
        .await
}

/// The number of deliveries in a state, counted up to a limit.
pub async fn count(tx: &mut Tx<Archive>, tenant: TenantId, state: DeliveryState, limit: u32) -> Result<i64> {
    tx.query("SELECT COUNT(*) FROM (SELECT 1 FROM deliveries")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND state = ", state)
        .with(" LIMIT ", i64::from(limit))
        .push(") AS counted")
        .scalar()
        .await
}
