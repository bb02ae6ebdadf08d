//! Statements of deliveries and their targets.

use chrono::{DateTime, Utc};

use super::model::{Addressee, ClaimedDelivery, Delivery, DeliveryState, Destination};
use crate::archive::selector::{self, Span};
use crate::base::id::{ContentId, DeliveryId, IdentifierId, RecordId, TenantId};
use crate::base::page::Position;
use crate::base::target::Target;
use crate::store::{Archive, Query, Result, Sql, StoreError, Tx};

#[derive(sqlx::FromRow)]
struct DestinationRow {
    url: String,
    host_key: Option<String>,
    endpoint: Option<String>,
    region: Option<String>,
    access_key_id: Option<String>,
    updated_at: DateTime<Utc>,
}

pub async fn destination(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Option<Destination>> {
    let row: Option<DestinationRow> = tx
        .query("SELECT url, host_key, endpoint, region, access_key_id, updated_at FROM delivery_targets")
        .with(" WHERE tenant_id = ", tenant)
        .maybe()
        .await?;
    Ok(row.map(|row| {
        let DestinationRow { url, host_key, endpoint, region, access_key_id, updated_at } = row;
        Destination { url, host_key, endpoint, region, access_key_id, updated_at }
    }))
}

pub async fn upsert_destination(tx: &mut Tx<Archive>, tenant: TenantId, destination: &Destination) -> Result<u64> {
    let Destination { url, host_key, endpoint, region, access_key_id, updated_at } = destination;
    tx.query(
        "INSERT INTO delivery_targets (tenant_id, url, host_key, endpoint, region, access_key_id, updated_at) VALUES (",
    )
    .with("", tenant)
    .with(", ", url.as_str())
    .with(", ", host_key.as_deref())
    .with(", ", endpoint.as_deref())
    .with(", ", region.as_deref())
    .with(", ", access_key_id.as_deref())
    .with(", ", *updated_at)
    .push(
        ") ON CONFLICT (tenant_id) DO UPDATE SET url = excluded.url, host_key = excluded.host_key, \
         endpoint = excluded.endpoint, region = excluded.region, access_key_id = excluded.access_key_id, \
         updated_at = excluded.updated_at",
    )
    .execute()
    .await
}

pub async fn delete_destination(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<u64> {
    tx.query("DELETE FROM delivery_targets").with(" WHERE tenant_id = ", tenant).execute().await
}

/// Holds everything that is still to be delivered, whoever works on it.
pub async fn hold_all(tx: &mut Tx<Archive>, tenant: TenantId, error: &str, now: DateTime<Utc>) -> Result<u64> {
    tx.query("UPDATE deliveries SET state = 'held', claim = NULL, claimed_until = NULL")
        .with(", last_error = ", error)
        .with(", updated_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND state = 'pending'")
        .execute()
        .await
}

/// Takes up everything that is held.
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

/// Some of what is due and nobody works on, the longest waiting first.
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

/// Takes those of some deliveries on that are still free: of several workers who try, one gets each.
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

/// Holds a claim on. 0: it was lost, or the delivery was cancelled or held meanwhile.
pub async fn renew(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    claim: &ClaimedDelivery,
    until: DateTime<Utc>,
) -> Result<u64> {
    mine(tx.query("UPDATE deliveries SET").with(" claimed_until = ", until), tenant, claim).execute().await
}

/// Holds a claim on and notes which files may be at the target from now on, whatever becomes of this worker. 0: as above.
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

/// Notes whom the announced files are made for, in the transaction that announces them. False: the interaction has another
/// customer by now. It stays as it is until the end of the transaction, so that the night, which calls off deliveries
/// before it looks for these rows, sees every one of them.
pub async fn address(tx: &mut Tx<Archive>, tenant: TenantId, claim: &ClaimedDelivery, to: Addressee) -> Result<bool> {
    let now: Option<Addressee> = tx
        .query("SELECT phone_id, email_id FROM interactions")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", claim.interaction)
        .push(Sql::per(" FOR SHARE", ""))
        .maybe()
        .await?;
    if now != Some(to) {
        return Ok(false);
    }
    let Addressee { phone_id, email_id } = to;
    if phone_id.is_none() && email_id.is_none() {
        return Ok(true);
    }
    tx.query(
        "INSERT INTO delivery_customers (tenant_id, interaction_id, delivery_id, claim, phone_id, email_id) VALUES (",
    )
    .with("", tenant)
    .with(", ", claim.interaction)
    .with(", ", claim.id)
    .with(", ", claim.token)
    .with(", ", phone_id)
    .with(", ", email_id)
    .push(") ON CONFLICT DO NOTHING")
    .execute()
    .await?;
    Ok(true)
}

/// How many files were delivered for some customers, each up to a cut-off of his own: of the interactions that are theirs,
/// and of those that were.
pub async fn files_of(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    selected: &[(IdentifierId, DateTime<Utc>)],
) -> Result<i64> {
    let query = tx
        .query("WITH selected (identifier_id, cutoff) AS (VALUES ")
        .each(selected, |query, (id, cutoff)| query.with("(", *id).with(", ", *cutoff).push(")"))
        .push("), customers AS (");
    let mut query = selector::customers(query, tenant, Target::Archive, Span::default())
        .push("), made AS (SELECT d.id FROM customers k JOIN deliveries d ON d.interaction_id = k.id")
        .with(" WHERE d.tenant_id = ", tenant);
    for slot in ["phone_id", "email_id"] {
        query = query
            .push(" UNION SELECT c.delivery_id FROM selected s JOIN delivery_customers c ON c.")
            .push(slot)
            .push(" = s.identifier_id JOIN interactions r ON r.id = c.interaction_id AND r.at < s.cutoff")
            .with(" WHERE c.tenant_id = ", tenant)
            .with(" AND r.tenant_id = ", tenant);
    }
    query
        .push(") SELECT count(DISTINCT f.value) FROM made m JOIN deliveries d ON d.id = m.id")
        .push(Sql::per(
            " CROSS JOIN LATERAL json_array_elements_text(d.file_names::json) AS f (value)",
            " CROSS JOIN json_each(d.file_names) AS f",
        ))
        .with(" WHERE d.tenant_id = ", tenant)
        .once()
        .scalar()
        .await
}

/// Notes that both files are at the target. It is noted even where the delivery was cancelled or held in the last
/// moment: the files are there, and somebody must know.
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

/// Notes that an attempt came to nothing, and gives the claim back.
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

/// Names of files after those that earlier attempts have noted: under other settings a file has another name, and what was
/// left under the old one is the tenant's to delete as well.
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

/// Why a delivery was not made at the last attempt, if there was one.
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

/// Has a delivery tried at once. One that is held begins anew; one that a worker has stays with it. 0: it is done.
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

/// How many deliveries are in a state, counted up to a limit.
pub async fn count(tx: &mut Tx<Archive>, tenant: TenantId, state: DeliveryState, limit: u32) -> Result<i64> {
    tx.query("SELECT COUNT(*) FROM (SELECT 1 FROM deliveries")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND state = ", state)
        .with(" LIMIT ", i64::from(limit))
        .push(") AS counted")
        .scalar()
        .await
}
