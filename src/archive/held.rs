//! Records under a legal hold: the condition that decides which of them a hold keeps. A hold covers what the selector gives
//! for its keys, of any time: the records of a customer, and those whose texts mention them. A text of content belongs to
//! its interaction.
//!
//! The statements begin with the records that somebody is about to change, so they cost what that change costs, however
//! many records are held.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::kinds::table;
use super::mentions::Owner;
use super::selector::{if_there, keys};
use crate::base::id::{HoldId, RecordId, RequestId, TenantId};
use crate::base::target::Target;
use crate::content_rows;
use crate::holds::{self, Which};
use crate::store::{Archive, Query, Result, Tx};

/// How many records one statement checks.
const BATCH: usize = 1_000;

/// How many held records of a target each request selects. A request that selects none is left out. `selected` appends a
/// WITH of the relation `selected (request_id, identifier_id, cutoff)`.
pub async fn count(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    target: Target,
    which: Which,
    selected: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<Vec<(RequestId, i64)>> {
    counting(selected(tx.query("")), tenant, target, which).once().all().await
}

/// Appends the count to a WITH of the relation `selected`. Each join is one that a database can index or hash. SQLite read
/// all held keys for each record of a left join.
fn counting(selected: Query<'_>, tenant: TenantId, target: Target, which: Which) -> Query<'_> {
    let query = holds::keys(selected.push(", held AS ("), tenant, which).push("), said AS (");
    let query = mentioning(query, tenant, target).push("), matched AS (");
    selected_records(query, tenant, target).push(
        ") SELECT request_id, count(*) FROM (SELECT k.request_id, k.id FROM matched k JOIN held h ON h.id = k.phone_id \
         UNION SELECT k.request_id, k.id FROM matched k JOIN held h ON h.id = k.email_id \
         UNION SELECT k.request_id, k.id FROM matched k JOIN held h ON h.id = k.id \
         UNION SELECT k.request_id, k.id FROM matched k JOIN said d ON d.id = k.id) f GROUP BY request_id",
    )
}

/// Appends the records of a target whose texts mention a held identifier: `(id)`.
fn mentioning(query: Query<'_>, tenant: TenantId, target: Target) -> Query<'_> {
    let query = query
        .push("SELECT m.record_id AS id FROM held h JOIN mentions m ON m.identifier_id = h.id")
        .with(" WHERE m.tenant_id = ", tenant)
        .with(" AND m.target = ", Owner::from(target));
    if target != Target::Archive {
        return query;
    }
    let query = query.push(" UNION SELECT c.interaction_id FROM held h JOIN mentions m ON m.identifier_id = h.id");
    content_rows::join(query, "c.id = m.record_id")
        .with(" WHERE m.tenant_id = ", tenant)
        .with(" AND m.target = ", Owner::Content)
        .with(" AND c.tenant_id = ", tenant)
}

/// Appends all records of a target that a pass would change for a request, some of them several times: `(request_id, id,
/// phone_id, email_id)`.
fn selected_records(mut query: Query<'_>, tenant: TenantId, target: Target) -> Query<'_> {
    const SELECT: &str = "SELECT s.request_id, r.id, r.phone_id, r.email_id FROM selected s JOIN ";
    for column in keys(target) {
        query = query
            .push(SELECT)
            .push(table(target))
            .push(" r ON r.")
            .push(*column)
            .push(" = s.identifier_id AND r.at < s.cutoff")
            .with(" WHERE r.tenant_id = ", tenant);
        query = if_there(query, column).push(" UNION ALL ");
    }
    query = query
        .push(SELECT)
        .push("mentions m ON m.identifier_id = s.identifier_id AND m.at < s.cutoff JOIN ")
        .push(table(target))
        .with(" r ON r.id = m.record_id WHERE m.tenant_id = ", tenant)
        .with(" AND m.target = ", Owner::from(target))
        .with(" AND r.tenant_id = ", tenant);
    if target != Target::Archive {
        return query;
    }
    let query = query
        .push(" UNION ALL ")
        .push(SELECT)
        .push("mentions m ON m.identifier_id = s.identifier_id AND m.at < s.cutoff");
    content_rows::join(query, "c.id = m.record_id")
        .push(" JOIN interactions r ON r.id = c.interaction_id")
        .with(" WHERE m.tenant_id = ", tenant)
        .with(" AND m.target = ", Owner::Content)
        .with(" AND c.tenant_id = ", tenant)
        .with(" AND r.tenant_id = ", tenant)
}

/// The records among some that a hold keeps.
pub async fn among(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    target: Target,
    records: &[RecordId],
) -> Result<HashSet<RecordId>> {
    let mut kept = HashSet::new();
    if records.is_empty() || !holds::is_any(tx, tenant).await? {
        return Ok(kept);
    }
    for chunk in records.chunks(BATCH) {
        let query = holds::keys(tx.query("WITH held AS ("), tenant, Which::All);
        let query = query
            .push("), checked AS (SELECT r.id, r.phone_id, r.email_id FROM ")
            .push(table(target))
            .with(" r WHERE r.tenant_id = ", tenant)
            .with_keys(" AND r.id", chunk.iter().copied())
            .push(
                ") SELECT k.id FROM checked k JOIN held h ON h.id = k.phone_id \
                 UNION SELECT k.id FROM checked k JOIN held h ON h.id = k.email_id \
                 UNION SELECT k.id FROM checked k JOIN held h ON h.id = k.id \
                 UNION SELECT k.id FROM checked k JOIN mentions m ON m.record_id = k.id \
                 JOIN held h ON h.id = m.identifier_id",
            )
            .with(" WHERE m.tenant_id = ", tenant)
            .with(" AND m.target = ", Owner::from(target));
        let query = match target {
            Target::Archive => {
                content_rows::join(query.push(" UNION SELECT k.id FROM checked k"), "c.interaction_id = k.id")
                    .push(" JOIN mentions m ON m.record_id = c.id JOIN held h ON h.id = m.identifier_id")
                    .with(" WHERE c.tenant_id = ", tenant)
                    .with(" AND m.tenant_id = ", tenant)
                    .with(" AND m.target = ", Owner::Content)
            }
            Target::SmsSurvey | Target::RawData => query,
        };
        let rows: Vec<(RecordId,)> = query.all().await?;
        kept.extend(rows.into_iter().map(|(id,)| id));
    }
    Ok(kept)
}

/// Whether a pass has unlinked an interaction that a hold names since an instant, or within the hour before it: the time of
/// the change of a record is a full hour.
pub async fn is_unlinked_since(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    hold: HoldId,
    since: DateTime<Utc>,
) -> Result<bool> {
    let query = holds::keys(tx.query("WITH held AS ("), tenant, Which::One(hold));
    let found: Option<(RecordId,)> = query
        .push(") SELECT r.id FROM held h JOIN interactions r ON r.id = h.id")
        .with(" WHERE r.tenant_id = ", tenant)
        .with(" AND r.changed_at >= ", since)
        .push(" AND r.forgotten <> 0 LIMIT 1")
        .maybe()
        .await?;
    Ok(found.is_some())
}

/// Appends a WITH of the relations `held (id)` and `kept (id)`: the keys of all holds, and all records of a target that they
/// keep. A statement that changes many records leaves out those of `kept`.
pub fn with_kept(query: Query<'_>, tenant: TenantId, target: Target) -> Query<'_> {
    let mut query = holds::keys(query.push("held AS ("), tenant, Which::All).push("), kept AS (");
    for column in keys(target) {
        query = query
            .push("SELECT r.id FROM held h JOIN ")
            .push(table(target))
            .push(" r ON r.")
            .push(*column)
            .with(" = h.id WHERE r.tenant_id = ", tenant)
            .push(" UNION ");
    }
    mentioning(query, tenant, target).push(")")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::base::id::IdentifierId;
    use crate::tests::Stage;

    #[tokio::test]
    async fn no_scan_is_within_another_one() {
        let stage = Stage::new("kari", &[]).await;
        let (tenant, due) = (stage.tenant.id, stage.app.clock.now());
        let mut tx = stage.app.archive.read().await.unwrap();
        for target in Target::ALL {
            let keys = (0..3_000).map(|_| (RequestId::new(), IdentifierId::random()));
            let selected = tx
                .query("EXPLAIN QUERY PLAN WITH selected (request_id, identifier_id, cutoff) AS (VALUES ")
                .each(keys, |query, (id, key)| query.with("(", id).with(", ", key).with(", ", due).push(")"))
                .push(")");
            let counting = counting(selected, tenant, target, Which::All);
            let plan: Vec<(i64, i64, i64, String)> = counting.once().all().await.unwrap();
            assert!(plan.len() > 10, "{plan:?}");
            let mut scans: HashMap<i64, Vec<&str>> = HashMap::new();
            // The values of `selected` have a line each.
            for (_, parent, _, step) in plan.iter().filter(|(.., step)| step != "SCAN CONSTANT ROW") {
                if step.starts_with("SCAN ") {
                    scans.entry(*parent).or_default().push(step);
                }
            }
            assert!(scans.values().all(|steps| steps.len() == 1), "{target:?}: {scans:?}");
        }
    }
}
