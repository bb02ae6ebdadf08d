//! Statements of certificates. A row of version 0 is a certificate that is still to be made.

use chrono::{DateTime, Utc};

use super::Due;
use crate::base::id::{RequestId, TenantId};
use crate::store::{Archive, Result, Tx};

/// Notes the certificates of requests that become done. A request that a replay makes done again gets a new one.
pub async fn expect(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[RequestId], now: DateTime<Utc>) -> Result<u64> {
    tx.query("INSERT INTO certificates (tenant_id, request_id, done_at, version) VALUES ")
        .each(ids, |query, id| query.with("(", tenant).with(", ", *id).with(", ", now).push(", 0)"))
        .push(" ON CONFLICT (tenant_id, request_id) DO UPDATE SET done_at = excluded.done_at, version = 0, document = NULL")
        .once()
        .execute()
        .await
}

/// The next requests whose certificates are due.
pub async fn due(tx: &mut Tx<Archive>, tenant: TenantId, due: Due, limit: i64) -> Result<Vec<RequestId>> {
    let query = tx.query("SELECT request_id FROM certificates").with(" WHERE tenant_id = ", tenant);
    let query = match due {
        Due::First => query.push(" AND version = 0"),
        Due::Round(begun) => query.with(" AND version = 1 AND done_at < ", begun),
    };
    let rows: Vec<(RequestId,)> = query.with(" ORDER BY done_at, request_id LIMIT ", limit).all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub async fn set_made(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    version: i32,
    made: &[(RequestId, String)],
    now: DateTime<Utc>,
) -> Result<u64> {
    if made.is_empty() {
        return Ok(0);
    }
    tx.query("WITH made (request_id, document) AS (VALUES ")
        .each(made, |query, (id, document)| query.with("(", *id).with(", ", document.as_str()).push(")"))
        .with(") UPDATE certificates SET version = ", version)
        .with(", made_at = ", now)
        .with(", document = made.document FROM made WHERE certificates.tenant_id = ", tenant)
        .push(" AND certificates.request_id = made.request_id")
        .once()
        .execute()
        .await
}

/// The certificate of a request, if it is made.
pub async fn document(tx: &mut Tx<Archive>, tenant: TenantId, id: RequestId) -> Result<Option<String>> {
    let row: Option<(Option<String>,)> = tx
        .query("SELECT document FROM certificates")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND request_id = ", id)
        .maybe()
        .await?;
    Ok(row.and_then(|(document,)| document))
}

/// Deletes the certificates of purged requests.
pub async fn purge(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[RequestId]) -> Result<u64> {
    tx.query("DELETE FROM certificates")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND request_id", ids.iter().copied())
        .execute()
        .await
}
