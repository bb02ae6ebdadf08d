//! The statements by which a pass works on requests: it claims them, writes their results, and makes them done.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Map, json};

use super::model::{NamedInteraction, StoredRequest, selecting_keys};
use super::{outcomes, sql};
use crate::base::id::{IdentifierId, PassId, RequestId, TenantId};
use crate::base::target::{Target, Targets};
use crate::journal::Outcome;
use crate::outbox::{self, EventKind};
use crate::store::{Archive, Query, Result, Sql, Tx};

/// How many requests a pass handles at once.
pub const BATCH: i64 = 500;

/// `last_error` of the requests of a pass that was asked to stop.
const INTERRUPTED: &str = "interrupted";

/// A request that is due, or that a pass has claimed.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ClaimedRequest {
    pub id: RequestId,
    pub phone_id: Option<IdentifierId>,
    pub email_id: Option<IdentifierId>,
    pub due_at: DateTime<Utc>,
    pub targets: Targets,
    pub delete_content: bool,
    #[sqlx(skip)]
    pub interactions: Vec<NamedInteraction>,
}

/// A claimed request with all that repeats it without its row.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct WholeRequest {
    #[sqlx(flatten)]
    pub claimed: ClaimedRequest,
    pub to_date: NaiveDate,
    pub entry_day: NaiveDate,
    pub created_at: DateTime<Utc>,
    pub version: i64,
}

impl From<&StoredRequest> for ClaimedRequest {
    fn from(StoredRequest { request, interactions, .. }: &StoredRequest) -> Self {
        Self {
            id: request.id,
            phone_id: request.phone,
            email_id: request.email,
            due_at: request.due_at,
            targets: request.targets,
            delete_content: request.delete_content,
            interactions: interactions.clone(),
        }
    }
}

impl ClaimedRequest {
    /// The number and the address that the user entered.
    pub fn own(&self) -> impl Iterator<Item = IdentifierId> {
        self.phone_id.into_iter().chain(self.email_id)
    }

    /// The same, and those of the customers of its interactions, each once.
    pub fn identifiers(&self) -> impl Iterator<Item = IdentifierId> {
        let customers = self.interactions.iter().flat_map(NamedInteraction::identifiers);
        self.own().chain(customers).collect::<BTreeSet<_>>().into_iter()
    }

    /// The keys by which it selects records of a target.
    pub fn keys(&self, target: Target) -> impl Iterator<Item = IdentifierId> {
        selecting_keys(self.own(), &self.interactions, target).into_iter()
    }
}

/// A request whose identifiers are about to become masks.
#[derive(Debug)]
pub struct Masked {
    pub id: RequestId,
    pub phone: Option<String>,
    pub email: Option<String>,
}

const CLAIMED: &str = "SELECT id, phone_id, email_id, due_at, targets, delete_content FROM requests";

/// Claims the due requests. From now on they are read-only.
pub async fn claim(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId, as_of: DateTime<Utc>) -> Result<u64> {
    tx.query("UPDATE requests SET attempts = attempts + 1")
        .with(", pass_id = ", pass)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND status = 'waiting' AND pass_id IS NULL AND due_at <= ", as_of)
        .execute()
        .await
}

/// The next requests of a pass, by id.
pub async fn claimed(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    after: Option<RequestId>,
    limit: i64,
) -> Result<Vec<ClaimedRequest>> {
    let claimed = tx
        .query(CLAIMED)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .with_some(" AND id > ", after)
        .with(" ORDER BY id LIMIT ", limit)
        .all()
        .await?;
    with_interactions(tx, tenant, claimed).await
}

/// The same with the rest of their rows.
pub async fn claimed_whole(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    after: Option<RequestId>,
    limit: i64,
) -> Result<Vec<WholeRequest>> {
    let mut requests: Vec<WholeRequest> = tx
        .query(
            "SELECT id, phone_id, email_id, due_at, targets, delete_content, to_date, entry_day, created_at, version",
        )
        .with(" FROM requests WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .with_some(" AND id > ", after)
        .with(" ORDER BY id LIMIT ", limit)
        .all()
        .await?;
    let ids: Vec<_> = requests.iter().map(|request| request.claimed.id).collect();
    let mut interactions = sql::interactions(tx, tenant, &ids).await?;
    for WholeRequest { claimed, .. } in &mut requests {
        claimed.interactions = interactions.remove(&claimed.id).unwrap_or_default();
    }
    Ok(requests)
}

/// The next requests that a pass would claim, by id.
pub async fn due(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    as_of: DateTime<Utc>,
    after: Option<RequestId>,
    limit: i64,
) -> Result<Vec<ClaimedRequest>> {
    let due = tx
        .query(CLAIMED)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND status = 'waiting' AND due_at <= ", as_of)
        .with_some(" AND id > ", after)
        .with(" ORDER BY id LIMIT ", limit)
        .all()
        .await?;
    with_interactions(tx, tenant, due).await
}

/// Adds the interactions that requests name.
async fn with_interactions(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    mut requests: Vec<ClaimedRequest>,
) -> Result<Vec<ClaimedRequest>> {
    let ids: Vec<_> = requests.iter().map(|request| request.id).collect();
    let mut interactions = sql::interactions(tx, tenant, &ids).await?;
    for request in &mut requests {
        request.interactions = interactions.remove(&request.id).unwrap_or_default();
    }
    Ok(requests)
}

/// Whether any waiting request names interactions. If none does, a chunk has fewer statements.
pub async fn any_interaction(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<bool> {
    let one: Option<(RequestId,)> = tx
        .query("SELECT request_id FROM request_interactions")
        .with(" WHERE tenant_id = ", tenant)
        .push(" LIMIT 1")
        .maybe()
        .await?;
    Ok(one.is_some())
}

/// Whether any request of the pass deletes content.
pub async fn any_deletes_content(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<bool> {
    let one: Option<(RequestId,)> = tx
        .query("SELECT id FROM requests")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .push(" AND delete_content LIMIT 1")
        .maybe()
        .await?;
    Ok(one.is_some())
}

/// Lets requests go that cannot be carried out. They stay waiting and say why. Webhooks are told once of each reason.
pub async fn fail(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    requests: &[RequestId],
    error: &'static str,
    now: DateTime<Utc>,
) -> Result<u64> {
    if requests.is_empty() {
        return Ok(0);
    }
    publish_failing(tx, tenant, error, now, |query| query.with_any(" AND id", requests.iter().copied())).await?;
    tx.query("UPDATE requests SET pass_id = NULL")
        .with(", last_error = ", error)
        .with(", updated_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", requests.iter().copied())
        .execute()
        .await
}

/// Writes into the requests of an interrupted pass why they still wait. Webhooks are told once of each reason, unless
/// the pass was asked to stop: then nothing has failed, and the next start resumes it.
pub async fn explain(tx: &mut Tx<Archive>, tenant: TenantId, error: &'static str, now: DateTime<Utc>) -> Result<u64> {
    if error != INTERRUPTED {
        publish_failing(tx, tenant, error, now, |query| query.push(" AND status = 'waiting' AND pass_id IS NOT NULL"))
            .await?;
    }
    tx.query("UPDATE requests SET")
        .with(" last_error = ", error)
        .with(", updated_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND status = 'waiting' AND pass_id IS NOT NULL")
        .execute()
        .await
}

/// Tells webhooks of some requests that cannot be carried out: those that did not fail for the same reason before. So a
/// request that fails each time is told once. `wanted` appends a condition on the requests.
async fn publish_failing(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    error: &'static str,
    now: DateTime<Utc>,
    wanted: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    let query = tx
        .query("SELECT id, attempts FROM requests")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND (last_error IS NULL OR last_error <> ", error)
        .push(")");
    let failing: Vec<(RequestId, i32)> = wanted(query).push(" ORDER BY id").all().await?;
    let events = failing
        .into_iter()
        .map(|(id, attempts)| json!({ "request_id": id, "status": "waiting", "attempts": attempts, "error": error }));
    outbox::publish(tx, tenant, EventKind::AnonymizeRequestFailing, events, now).await
}

/// How many waiting requests are due, or belong to a pass.
pub async fn waiting(tx: &mut Tx<Archive>, tenant: TenantId, as_of: DateTime<Utc>) -> Result<u64> {
    let waiting: i64 = tx
        .query("SELECT count(*) FROM requests")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND status = 'waiting' AND (pass_id IS NOT NULL OR due_at <= ", as_of)
        .push(")")
        .scalar()
        .await?;
    Ok(waiting.unsigned_abs())
}

/// How many waiting requests were entered before an instant.
pub async fn waiting_since(tx: &mut Tx<Archive>, tenant: TenantId, limit: DateTime<Utc>) -> Result<u64> {
    let count: i64 = tx
        .query("SELECT count(*) FROM requests")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND status = 'waiting' AND created_at < ", limit)
        .scalar()
        .await?;
    Ok(count.unsigned_abs())
}

/// Appends a WITH of the relation `own (record_id, phone_id, email_id)`: some requests with their identifiers, and with
/// those of the customers of their interactions.
pub fn with_own<'c>(query: Query<'c>, tenant: TenantId, masked: &[Masked]) -> Query<'c> {
    query
        .push("WITH own AS (SELECT id AS record_id, phone_id, email_id FROM requests")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", masked.iter().map(|request| request.id))
        .push(" UNION SELECT request_id, phone_id, email_id FROM request_interactions")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND request_id", masked.iter().map(|request| request.id))
        .push(")")
}

/// Makes requests done. Masks replace their identifiers, and nothing replaces the interactions that they named.
pub async fn set_done(tx: &mut Tx<Archive>, tenant: TenantId, masked: &[Masked], now: DateTime<Utc>) -> Result<u64> {
    let ids: Vec<_> = masked.iter().map(|request| request.id).collect();
    sql::delete_interactions(tx, tenant, &ids).await?;
    tx.query("WITH masked (id, phone, email) AS (VALUES ")
        .each(masked, |query, Masked { id, phone, email }| {
            query.with("(", *id).with(", ", phone.as_deref()).with(", ", email.as_deref()).push(")")
        })
        .push(
            ") UPDATE requests SET status = 'done', phone_mask = masked.phone, email_mask = masked.email, \
             phone_id = NULL, email_id = NULL, pass_id = NULL, last_error = NULL, version = version + 1",
        )
        .with(", done_at = ", now)
        .with(", updated_at = ", now)
        .with(" FROM masked WHERE requests.tenant_id = ", tenant)
        .push(" AND requests.id = masked.id")
        .once()
        .execute()
        .await
}

/// Tells webhooks of requests that became done: how many records and pieces of content each of them changed.
pub async fn publish_done(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    done: &[(RequestId, Targets)],
    now: DateTime<Utc>,
) -> Result<u64> {
    let ids: Vec<_> = done.iter().map(|(id, _)| *id).collect();
    let outcomes = outcomes::of(tx, tenant, &ids).await?;
    let events = outcomes.iter().zip(done).map(|(outcome, (_, targets))| {
        let Outcome { request, anonymized, content_deleted, texts_anonymized: _ } = outcome;
        let counts = Target::ALL.into_iter().zip(anonymized).filter(|(target, _)| targets.contains(*target));
        let counts = counts.map(|(target, records)| (target.as_str().to_owned(), json!({ "anonymized": records })));
        let mut result: Map<_, _> = counts.collect();
        result.insert("content".to_owned(), json!({ "deleted": content_deleted }));
        json!({ "request_id": request, "status": "done", "result": result })
    });
    outbox::publish(tx, tenant, EventKind::AnonymizeRequestDone, events, now).await
}

/// Adds to the numbers of records that requests made anonymous. `counted` appends a WITH of the relation
/// `counted (request_id, target, records)`.
pub async fn add_records(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    counted: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    counted(tx.query("INSERT INTO request_counts (tenant_id, request_id, target, anonymized) "))
        .with(" SELECT ", tenant)
        .push(Sql::CAST_UUID)
        .push(", request_id, target, records FROM counted WHERE TRUE ON CONFLICT (tenant_id, request_id, target)")
        .push(" DO UPDATE SET anonymized = request_counts.anonymized + excluded.anonymized")
        .execute()
        .await
}

/// Adds to the numbers of pieces of content that requests deleted, and of texts that they made anonymous. `counted`
/// appends a WITH of the relation `counted (request_id, deleted, anonymized)`.
pub async fn add_content(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    counted: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    counted(tx.query("INSERT INTO request_contents (tenant_id, request_id, deleted, anonymized) "))
        .with(" SELECT ", tenant)
        .push(Sql::CAST_UUID)
        .push(", request_id, deleted, anonymized FROM counted WHERE TRUE ON CONFLICT (tenant_id, request_id)")
        .push(" DO UPDATE SET deleted = request_contents.deleted + excluded.deleted,")
        .push(" anonymized = request_contents.anonymized + excluded.anonymized")
        .execute()
        .await
}

/// Lists delivered files with requests. `named` appends a WITH of the relation `named (request_id, file_name)`.
pub async fn add_files(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    named: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    named(tx.query("INSERT INTO request_files (tenant_id, request_id, file_name) "))
        .with(" SELECT DISTINCT ", tenant)
        .push(Sql::CAST_UUID)
        .push(", request_id, file_name FROM named WHERE TRUE ON CONFLICT DO NOTHING")
        .execute()
        .await
}
