//! The numbers of requests: how many records and pieces of content each has made anonymous.

use std::collections::HashSet;

use super::sql;
use crate::base::id::{RequestId, TenantId};
use crate::base::target::Target;
use crate::journal::Outcome;
use crate::store::{Archive, Result, Tx};

/// The numbers of a request before a restore, and those that a replay has counted.
#[derive(Clone, Copy, Debug)]
pub struct Restored {
    pub recorded: Outcome,
    pub now: Outcome,
}

/// The numbers of some requests so far.
pub async fn of(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[RequestId]) -> Result<Vec<Outcome>> {
    let counts = sql::counts(tx, tenant, ids, "anonymized").await?;
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

/// Gives done requests the numbers of an earlier pass again, which a replay cannot count: it carries the requests of several
/// nights out at once. The numbers of a request that still waits are counted when it is done. Only numbers that differ from
/// the present ones are written.
pub async fn restore(tx: &mut Tx<Archive>, tenant: TenantId, changed: &[Restored]) -> Result<()> {
    let ids: Vec<RequestId> = changed.iter().map(|one| one.recorded.request).collect();
    let done: Vec<(RequestId,)> = tx
        .query("SELECT id FROM requests")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", ids)
        .push(" AND status = 'done'")
        .all()
        .await?;
    let done: HashSet<RequestId> = done.into_iter().map(|(id,)| id).collect();
    for one in changed.iter().filter(|one| done.contains(&one.recorded.request)) {
        write(tx, tenant, *one).await?;
    }
    Ok(())
}

async fn write(tx: &mut Tx<Archive>, tenant: TenantId, Restored { recorded, now }: Restored) -> Result<()> {
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let counts = recorded.anonymized.into_iter().zip(now.anonymized);
    for (target, (count, _)) in Target::ALL.into_iter().zip(counts).filter(|(_, (count, known))| count != known) {
        tx.query("INSERT INTO request_counts (tenant_id, request_id, target, anonymized) VALUES (")
            .with("", tenant)
            .with(", ", recorded.request)
            .with(", ", target)
            .with(", ", signed(count))
            .push(") ON CONFLICT (tenant_id, request_id, target) DO UPDATE SET anonymized = excluded.anonymized")
            .execute()
            .await?;
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
    Ok(())
}
