//! Statements of anonymize requests.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};

use super::case::{CaseRow, with_case};
use super::listing::{RequestFilter, RequestSort};
use super::model::{ContentOutcome, NamedInteraction, Request, Status, StatusError};
use crate::base::id::{IdentifierId, RecordId, RequestId, TenantId};
use crate::base::page::Position;
use crate::base::target::{Target, Targets};
use crate::store::{Archive, Result, StoreError, Tx};

const SELECT: &str = "SELECT id, phone_id, email_id, phone_mask, email_mask, to_date, entry_day, due_at, comment, reference, interaction_count, \
                      targets, delete_content, received_on, deadline_on, extended_to, extension_reason, attestation_method, attestation_by, \
                      attestation_on, attestation_representative, status, user_name, attempts, last_error, created_at, updated_at, \
                      done_at, version FROM requests";

#[derive(sqlx::FromRow)]
struct RequestRow {
    id: RequestId,
    phone_id: Option<IdentifierId>,
    email_id: Option<IdentifierId>,
    phone_mask: Option<String>,
    email_mask: Option<String>,
    to_date: NaiveDate,
    entry_day: NaiveDate,
    due_at: DateTime<Utc>,
    comment: Option<String>,
    reference: Option<String>,
    interaction_count: i32,
    targets: Targets,
    delete_content: bool,
    #[sqlx(flatten)]
    case: CaseRow,
    status: String,
    user_name: String,
    attempts: i32,
    last_error: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    done_at: Option<DateTime<Utc>>,
    version: i64,
}

impl TryFrom<RequestRow> for Request {
    type Error = StoreError;

    fn try_from(row: RequestRow) -> Result<Self> {
        let broken = |_: StatusError| StoreError::Inconsistent(format!("requests.status of {}", row.id));
        Ok(Self {
            id: row.id,
            phone: row.phone_id,
            email: row.email_id,
            phone_mask: row.phone_mask,
            email_mask: row.email_mask,
            to_date: row.to_date,
            entry_day: row.entry_day,
            due_at: row.due_at,
            comment: row.comment,
            reference: row.reference,
            interaction_count: row.interaction_count,
            targets: row.targets,
            delete_content: row.delete_content,
            case: row.case.case(row.id, row.entry_day)?,
            status: row.status.parse().map_err(broken)?,
            user_name: row.user_name,
            attempts: row.attempts,
            last_error: row.last_error,
            created_at: row.created_at,
            updated_at: row.updated_at,
            done_at: row.done_at,
            version: row.version,
        })
    }
}

pub async fn by_ids(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[RequestId]) -> Result<Vec<Request>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<RequestRow> =
        tx.query(SELECT).with(" WHERE tenant_id = ", tenant).with_any(" AND id", ids.iter().copied()).all().await?;
    rows.into_iter().map(Request::try_from).collect()
}

pub async fn page(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    (filter, today): (&RequestFilter, NaiveDate),
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Request>> {
    let mut query = tx
        .query(SELECT)
        .with(" WHERE tenant_id = ", tenant)
        .with_some(" AND status = ", filter.status_of_rows().map(Status::as_str))
        .with_some(" AND created_at >= ", filter.from)
        .with_some(" AND created_at < ", filter.to)
        .with_some(" AND user_name = ", filter.user.as_deref())
        .with_some(" AND reference = ", filter.reference.as_deref())
        .with_some(" AND updated_at >= ", filter.updated_since);
    query = match filter.overdue {
        Some(true) => query.with(" AND status = 'waiting' AND deadline_on < ", today),
        Some(false) => query.with(" AND (status = 'done' OR deadline_on >= ", today).push(")"),
        None => query,
    };
    query = match (filter.sort, after) {
        (RequestSort::CreatedAt, Some(Position { at, id })) => {
            query.with(" AND (created_at, id) < (", at).with(", ", id).push(")")
        }
        (RequestSort::DeadlineOn, Some(Position { at, id })) => {
            query.with(" AND (deadline_on, id) > (", at.date_naive()).with(", ", id).push(")")
        }
        (_, None) => query,
    };
    query = match filter.sort {
        RequestSort::CreatedAt => query.push(" ORDER BY created_at DESC, id DESC"),
        RequestSort::DeadlineOn => query.push(" ORDER BY deadline_on, id"),
    };
    let rows: Vec<RequestRow> = query.with(" LIMIT ", i64::from(limit)).all().await?;
    rows.into_iter().map(Request::try_from).collect()
}

/// The identifiers among some that at least `fewest` waiting requests have.
pub async fn waiting_twice(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    identifiers: &[IdentifierId],
    fewest: i64,
) -> Result<HashSet<IdentifierId>> {
    let mut twice = HashSet::new();
    for chunk in identifiers.chunks(1_000) {
        for column in ["phone_id", "email_id"] {
            let rows: Vec<(IdentifierId,)> = tx
                .query("SELECT ")
                .push(column)
                .with(" FROM requests WHERE tenant_id = ", tenant)
                .push(" AND status = 'waiting' AND ")
                .with_any(column, chunk.iter().copied())
                .push(" GROUP BY ")
                .push(column)
                .with(" HAVING count(*) >= ", fewest)
                .all()
                .await?;
            twice.extend(rows.into_iter().map(|(id,)| id));
        }
    }
    Ok(twice)
}

pub type Counts = HashMap<RequestId, BTreeMap<Target, u64>>;

/// The numbers of a column of `request_counts`. A request without a number is left out.
pub async fn counts(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[RequestId], column: &'static str) -> Result<Counts> {
    let mut counts = Counts::new();
    if ids.is_empty() {
        return Ok(counts);
    }
    let query = tx.query("SELECT request_id, target, ").push(column).push(" FROM request_counts");
    let query = query.with(" WHERE tenant_id = ", tenant).with_any(" AND request_id", ids.iter().copied());
    let rows: Vec<(RequestId, Target, i64)> = query.push(" AND ").push(column).push(" IS NOT NULL").all().await?;
    for (id, target, records) in rows {
        counts.entry(id).or_default().insert(target, records.unsigned_abs());
    }
    Ok(counts)
}

/// The effects of some requests on content.
pub async fn contents(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    ids: &[RequestId],
) -> Result<HashMap<RequestId, ContentOutcome>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(RequestId, i64, i64)> = tx
        .query("SELECT request_id, deleted, anonymized FROM request_contents")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND request_id", ids.iter().copied())
        .all()
        .await?;
    let outcome = |deleted: i64, anonymized: i64| ContentOutcome {
        deleted: deleted.unsigned_abs(),
        anonymized: anonymized.unsigned_abs(),
    };
    Ok(rows.into_iter().map(|(id, deleted, anonymized)| (id, outcome(deleted, anonymized))).collect())
}

/// The names of delivered files of the records that some requests made anonymous, sorted.
pub async fn files(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    ids: &[RequestId],
) -> Result<HashMap<RequestId, Vec<String>>> {
    let mut files = HashMap::<_, Vec<_>>::new();
    if ids.is_empty() {
        return Ok(files);
    }
    let rows: Vec<(RequestId, String)> = tx
        .query("SELECT request_id, file_name FROM request_files")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND request_id", ids.iter().copied())
        .push(" ORDER BY request_id, file_name")
        .all()
        .await?;
    for (id, name) in rows {
        files.entry(id).or_default().push(name);
    }
    Ok(files)
}

/// The interactions that some requests name, by id.
pub async fn interactions(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    ids: &[RequestId],
) -> Result<HashMap<RequestId, Vec<NamedInteraction>>> {
    let mut named = HashMap::<_, Vec<_>>::new();
    if ids.is_empty() {
        return Ok(named);
    }
    let rows: Vec<(RequestId, RecordId, Option<IdentifierId>, Option<IdentifierId>)> = tx
        .query("SELECT request_id, interaction_id, phone_id, email_id FROM request_interactions")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND request_id", ids.iter().copied())
        .push(" ORDER BY request_id, interaction_id")
        .all()
        .await?;
    for (request, id, phone, email) in rows {
        named.entry(request).or_default().push(NamedInteraction { id, phone, email });
    }
    Ok(named)
}

pub async fn insert_interactions(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    named: &[(RequestId, NamedInteraction)],
) -> Result<()> {
    for chunk in named.chunks(1_000) {
        tx.query(
            "INSERT INTO request_interactions (tenant_id, request_id, interaction_id, phone_id, email_id) VALUES ",
        )
        .each(chunk, |query, (request, NamedInteraction { id, phone, email })| {
            query.with("(", tenant).with(", ", *request).with(", ", *id).with(", ", *phone).with(", ", *email).push(")")
        })
        .once()
        .execute()
        .await?;
    }
    Ok(())
}

/// Deletes the rows of the interactions that some requests name.
pub async fn delete_interactions(tx: &mut Tx<Archive>, tenant: TenantId, requests: &[RequestId]) -> Result<u64> {
    if requests.is_empty() {
        return Ok(0);
    }
    tx.query("DELETE FROM request_interactions")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND request_id", requests.iter().copied())
        .execute()
        .await
}

/// How many requests one statement inserts. A statement of SQLite has up to 32,766 values.
const INSERT_CHUNK: usize = 500;

pub async fn insert(tx: &mut Tx<Archive>, tenant: TenantId, requests: &[&Request]) -> Result<()> {
    for chunk in requests.chunks(INSERT_CHUNK) {
        insert_chunk(tx, tenant, chunk).await?;
    }
    Ok(())
}

async fn insert_chunk(tx: &mut Tx<Archive>, tenant: TenantId, requests: &[&Request]) -> Result<u64> {
    tx.query(
        "INSERT INTO requests (tenant_id, id, phone_id, email_id, phone_mask, email_mask, to_date, entry_day, due_at, \
         comment, reference, interaction_count, targets, delete_content, received_on, deadline_on, extended_to, extension_reason, \
         attestation_method, attestation_by, attestation_on, attestation_representative, status, user_name, attempts, last_error, \
         created_at, updated_at, done_at, version) VALUES ",
    )
    .each(requests, |query, request| {
        let query = query
            .with("(", tenant)
            .with(", ", request.id)
            .with(", ", request.phone)
            .with(", ", request.email)
            .with(", ", request.phone_mask.as_deref())
            .with(", ", request.email_mask.as_deref())
            .with(", ", request.to_date)
            .with(", ", request.entry_day)
            .with(", ", request.due_at)
            .with(", ", request.comment.as_deref())
            .with(", ", request.reference.as_deref())
            .with(", ", request.interaction_count)
            .with(", ", request.targets)
            .with(", ", request.delete_content);
        with_case(query, &request.case)
            .with(", ", request.status.as_str())
            .with(", ", request.user_name.as_str())
            .with(", ", request.attempts)
            .with(", ", request.last_error.as_deref())
            .with(", ", request.created_at)
            .with(", ", request.updated_at)
            .with(", ", request.done_at)
            .with(", ", request.version)
            .push(")")
    })
    .once()
    .execute()
    .await
}

/// Changes waiting requests that no pass has begun and no other call has changed. `version` is the new one. Returns how many
/// requests it changed.
pub async fn update(tx: &mut Tx<Archive>, tenant: TenantId, requests: &[&Request], now: DateTime<Utc>) -> Result<u64> {
    if requests.is_empty() {
        return Ok(0);
    }
    tx.query("WITH c (id, version, phone_id, email_id, to_date, due_at, comment, reference, interaction_count, targets, delete_content, \
              received_on, deadline_on, extended_to, extension_reason, attestation_method, attestation_by, attestation_on, \
              attestation_representative) AS (VALUES ")
        .each(requests, |query, request| {
            let query = query
                .with("(", request.id)
                .with(", ", request.version)
                .with(", ", request.phone)
                .with(", ", request.email)
                .with(", ", request.to_date)
                .with(", ", request.due_at)
                .with(", ", request.comment.as_deref())
                .with(", ", request.reference.as_deref())
                .with(", ", request.interaction_count)
                .with(", ", request.targets)
                .with(", ", request.delete_content);
            with_case(query, &request.case).push(")")
        })
        .push(
            ") UPDATE requests SET phone_id = c.phone_id, email_id = c.email_id, to_date = c.to_date, due_at = c.due_at, \
             comment = c.comment, reference = c.reference, interaction_count = c.interaction_count, targets = c.targets, \
             delete_content = c.delete_content, received_on = c.received_on, deadline_on = c.deadline_on, \
             extended_to = c.extended_to, extension_reason = c.extension_reason, attestation_method = c.attestation_method, \
             attestation_by = c.attestation_by, attestation_on = c.attestation_on, \
             attestation_representative = c.attestation_representative, version = c.version",
        )
        .with(", updated_at = ", now)
        .with(" FROM c WHERE requests.tenant_id = ", tenant)
        .push(" AND requests.id = c.id AND requests.version = c.version - 1")
        .push(" AND requests.status = 'waiting' AND requests.attempts = 0")
        .once()
        .execute()
        .await
}

/// Gives a request its next version, unless another call or a pass has changed it. Returns how many requests it changed.
pub async fn set_version(tx: &mut Tx<Archive>, tenant: TenantId, request: &Request) -> Result<u64> {
    tx.query("UPDATE requests SET")
        .with(" version = ", request.version)
        .with(", updated_at = ", request.updated_at)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", request.id)
        .with(" AND version = ", request.version - 1)
        .execute()
        .await
}

/// Deletes waiting requests that no pass has begun and no other call has changed. Returns how many requests it deleted.
pub async fn delete(tx: &mut Tx<Archive>, tenant: TenantId, requests: &[Request]) -> Result<u64> {
    if requests.is_empty() {
        return Ok(0);
    }
    tx.query("DELETE FROM requests")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND status = 'waiting' AND attempts = 0 AND (id, version) IN (VALUES ")
        .each(requests, |query, request| query.with("(", request.id).with(", ", request.version).push(")"))
        .push(")")
        .once()
        .execute()
        .await
}

pub async fn oldest_waiting(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Option<DateTime<Utc>>> {
    tx.query("SELECT min(created_at) FROM requests")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND status = 'waiting'")
        .scalar()
        .await
}
