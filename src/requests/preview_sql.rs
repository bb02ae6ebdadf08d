//! Statements about the numbers of records that were counted when requests were entered (N3).

use crate::base::id::{RequestId, TenantId};
use crate::base::target::Target;
use crate::store::{Archive, Result, Tx};

pub async fn insert_previews(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    previews: &[(RequestId, Target, u64)],
) -> Result<()> {
    for chunk in previews.chunks(1_000) {
        tx.query("INSERT INTO request_counts (tenant_id, request_id, target, anonymized, previewed) VALUES ")
            .each(chunk, |query, (id, target, records)| {
                let records = i64::try_from(*records).unwrap_or(i64::MAX);
                query.with("(", tenant).with(", ", *id).with(", ", *target).with(", 0, ", records).push(")")
            })
            .once()
            .execute()
            .await?;
    }
    Ok(())
}

/// Deletes the numbers of records of requests that are cancelled.
pub async fn delete_previews(tx: &mut Tx<Archive>, tenant: TenantId, requests: &[RequestId]) -> Result<u64> {
    if requests.is_empty() {
        return Ok(0);
    }
    tx.query("DELETE FROM request_counts")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND request_id", requests.iter().copied())
        .execute()
        .await
}
