//! Attempts to read a text again. Each is noted before it begins, so that the next start knows a text that ends the
//! process. A text that cannot be read is not tried in every pass.

use chrono::{DateTime, Utc};

use crate::base::id::{ContentId, TenantId};
use crate::content::model::FailureReason;
use crate::content_rows;
use crate::store::{Archive, Query, Result, StoreError, Tx};

/// Notes that texts are about to be read, each for the first time or once more.
pub async fn begin(tx: &mut Tx<Archive>, tenant: TenantId, texts: &[ContentId], now: DateTime<Utc>) -> Result<u64> {
    if texts.is_empty() {
        return Ok(0);
    }
    tx.query("INSERT INTO rescan_attempts (tenant_id, content_id, attempts, begun_at) VALUES ")
        .each(texts, |query, text| query.with("(", tenant).with(", ", *text).with(", 1, ", now).push(")"))
        .push(" ON CONFLICT (tenant_id, content_id)")
        .push(" DO UPDATE SET attempts = rescan_attempts.attempts + 1, begun_at = excluded.begun_at")
        .execute()
        .await
}

/// Forgets the attempts at texts that were read, or whose attempt ended in order. A text that is not tried any more stays so.
pub async fn end(tx: &mut Tx<Archive>, tenant: TenantId, texts: &[ContentId]) -> Result<u64> {
    tx.query("DELETE FROM rescan_attempts")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND content_id", texts.iter().copied())
        .push(" AND reason IS NULL")
        .execute()
        .await
}

/// Notes that a text is not tried any more.
pub async fn fail(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    text: ContentId,
    reason: FailureReason,
    now: DateTime<Utc>,
) -> Result<u64> {
    tx.query("INSERT INTO rescan_attempts (tenant_id, content_id, attempts, begun_at, reason) VALUES (")
        .with("", tenant)
        .with(", ", text)
        .with(", 1, ", now)
        .with(", ", reason.as_str())
        .push(") ON CONFLICT (tenant_id, content_id) DO UPDATE SET reason = excluded.reason")
        .execute()
        .await
}

/// Lets texts that are not tried any more be tried again: last and alone, as those that ended a process are.
pub async fn retry(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<u64> {
    tx.query("UPDATE rescan_attempts SET reason = NULL, attempts = 1")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND reason IS NOT NULL")
        .execute()
        .await
}

/// Why a text is not tried any more; none where it may be.
pub async fn reason(tx: &mut Tx<Archive>, tenant: TenantId, text: ContentId) -> Result<Option<FailureReason>> {
    let found: Option<(String,)> = tx
        .query("SELECT reason FROM rescan_attempts")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND content_id = ", text)
        .push(" AND reason IS NOT NULL")
        .maybe()
        .await?;
    let reason = |(word,): (String,)| {
        let reason = FailureReason::ALL.into_iter().find(|reason| reason.as_str() == word);
        reason.ok_or_else(|| StoreError::Inconsistent(format!("rescan_attempts.reason of {text}")))
    };
    found.map(reason).transpose()
}

/// Appends a SELECT of the texts with an attempt: those that ended a process, and those that are not tried again.
/// `(content_id)`.
pub fn tried(query: Query<'_>, tenant: TenantId) -> Query<'_> {
    query.push("SELECT content_id FROM rescan_attempts").with(" WHERE tenant_id = ", tenant)
}

/// Appends a SELECT of the texts with an attempt that were deleted since: `(content_id)`.
pub fn deleted(query: Query<'_>, tenant: TenantId) -> Query<'_> {
    let query =
        query.push("SELECT a.content_id FROM rescan_attempts a").with(" WHERE a.tenant_id = ", tenant).push(" AND ");
    content_rows::is_deleted(query, tenant, "a.content_id")
}

/// The texts that ended a process, those with the fewest attempts first, and the number of attempts.
pub async fn suspects(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Vec<(ContentId, i32)>> {
    tx.query("SELECT content_id, attempts FROM rescan_attempts")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND reason IS NULL ORDER BY attempts, content_id")
        .all()
        .await
}

/// How many texts are not tried again, and the ids of some of them.
pub async fn failed(tx: &mut Tx<Archive>, tenant: TenantId, limit: i64) -> Result<(u64, Vec<ContentId>)> {
    let count: i64 = tx
        .query("SELECT count(*) FROM rescan_attempts")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND reason IS NOT NULL")
        .scalar()
        .await?;
    if count == 0 {
        return Ok((0, Vec::new()));
    }
    let rows: Vec<(ContentId,)> = tx
        .query("SELECT content_id FROM rescan_attempts")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND reason IS NOT NULL")
        .with(" ORDER BY content_id LIMIT ", limit)
        .all()
        .await?;
    Ok((count.unsigned_abs(), rows.into_iter().map(|(id,)| id).collect()))
}

/// Deletes the attempts at texts that are not to be searched any more. `pending` appends a WITH of the relation
/// `pending (content_id)`.
pub async fn delete_settled(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pending: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    pending(tx.query(""))
        .push(" DELETE FROM rescan_attempts")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND content_id NOT IN (SELECT content_id FROM pending)")
        .execute()
        .await
}
