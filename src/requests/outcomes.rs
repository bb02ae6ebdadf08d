//! The numbers of requests: how many records and pieces of content each has made anonymous.

use super::sql;
use crate::base::id::{RequestId, TenantId};
use crate::base::target::Target;
use crate::journal::Outcome;
use crate::store::{Archive, Result, Tx};

/// The numbers of some requests so far.
pub async fn of(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[RequestId]) -> Result<Vec<Outcome>> {
    let counts = sql::counts(tx, tenant, ids).await?;
    let contents = sql::contents(tx, tenant, ids).await?;
    let outcome = |id: &RequestId| {
        let count = |target| counts.get(id).and_then(|counts| counts.get(&target)).copied().unwrap_or_default();
        let content = contents.get(id).copied().unwrap_or_default();
        Outcome {
            request: *id,
            anonymized: Target::ALL.map(count),
            content_deleted: content.deleted,
            texts_anonymized: content.anonymized,
        }
    };
    Ok(ids.iter().map(outcome).collect())
}

/// Gives requests the numbers of an earlier pass again, which a replay cannot count: it carries the requests of several
/// nights out at once. Only numbers that differ from those of `now` are written.
pub async fn set(tx: &mut Tx<Archive>, tenant: TenantId, recorded: &[Outcome], now: &[Outcome]) -> Result<()> {
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    for (recorded, now) in recorded.iter().zip(now) {
        for (target, (count, known)) in Target::ALL.into_iter().zip(recorded.anonymized.into_iter().zip(now.anonymized))
        {
            if count != known {
                tx.query("INSERT INTO request_counts (tenant_id, request_id, target, anonymized) VALUES (")
                    .with("", tenant)
                    .with(", ", recorded.request)
                    .with(", ", target)
                    .with(", ", signed(count))
                    .push(
                        ") ON CONFLICT (tenant_id, request_id, target) DO UPDATE SET anonymized = excluded.anonymized",
                    )
                    .execute()
                    .await?;
            }
        }
        if (recorded.content_deleted, recorded.texts_anonymized) != (now.content_deleted, now.texts_anonymized) {
            tx.query("INSERT INTO request_contents (tenant_id, request_id, deleted, anonymized) VALUES (")
                .with("", tenant)
                .with(", ", recorded.request)
                .with(", ", signed(recorded.content_deleted))
                .with(", ", signed(recorded.texts_anonymized))
                .push(") ON CONFLICT (tenant_id, request_id)")
                .push(" DO UPDATE SET deleted = excluded.deleted, anonymized = excluded.anonymized")
                .execute()
                .await?;
        }
    }
    Ok(())
}
