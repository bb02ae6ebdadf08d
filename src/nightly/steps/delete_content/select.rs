//! What the requests of a pass select with their content: the interactions that have any, by request. Each knows how many
//! pieces it had when it was noted, so that a walk takes whole interactions and about as much as one transaction deletes.

use std::collections::{BTreeMap, VecDeque};

use super::BATCH;
use crate::archive::selector::{self, Span};
use crate::base::id::{ContentId, PassId, RecordId, RequestId, TenantId};
use crate::base::target::{Target, Targets};
use crate::store::{Archive, Query, Result, Tx};

/// How many interactions are read ahead.
const WINDOW: i64 = 1_000;

/// Only the target archive has content.
fn archive() -> Targets {
    Targets::from_iter([Target::Archive])
}

/// Notes the interactions with content whose customer the requests after one and up to another select, those of the pass
/// that ask for it.
pub async fn insert(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    (after, last): (Option<RequestId>, RequestId),
) -> Result<u64> {
    let query = tx.query("INSERT INTO pass_interactions (tenant_id, pass_id, interaction_id, request_id, pieces) ");
    let query = with_asking(query, tenant, pass, (after, Some(last))).push(", customers AS (");
    selector::customers(query, tenant, Target::Archive, Span::default())
        .push(
            "), hit AS (SELECT s.request_id, k.id FROM customers k \
             JOIN selected s ON s.identifier_id = k.phone_id AND k.at < s.cutoff \
             UNION SELECT s.request_id, k.id FROM customers k \
             JOIN selected s ON s.identifier_id = k.email_id AND k.at < s.cutoff), \
             noted AS MATERIALIZED (SELECT h.request_id, h.id, \
             (SELECT count(*) FROM contents c WHERE c.interaction_id = h.id",
        )
        .with(" AND c.tenant_id = ", tenant)
        .push(
            ") AS pieces FROM hit h) SELECT r.tenant_id, r.pass_id, n.id, n.request_id, n.pieces FROM noted n JOIN requests r ON r.id = n.request_id",
        )
        .with(" WHERE r.tenant_id = ", tenant)
        .push(" AND n.pieces > 0 ON CONFLICT DO NOTHING")
        .execute()
        .await
}

/// Appends a WITH of whom the requests after one and up to another select, those of the pass that delete content:
/// `selected (request_id, identifier_id, cutoff)`.
pub fn with_asking(
    query: Query<'_>,
    tenant: TenantId,
    pass: PassId,
    (after, last): (Option<RequestId>, Option<RequestId>),
) -> Query<'_> {
    let mut query = query.push("WITH selected AS (");
    for (slot, then) in [("phone_id", " UNION ALL "), ("email_id", ")")] {
        query = query
            .push("SELECT id AS request_id, ")
            .push(slot)
            .push(" AS identifier_id, due_at AS cutoff FROM requests")
            .with(" WHERE tenant_id = ", tenant)
            .with(" AND pass_id = ", pass)
            .with(" AND delete_content AND (targets & ", archive())
            .push(") <> 0 AND ")
            .push(slot)
            .push(" IS NOT NULL")
            .with_some(" AND id > ", after)
            .with_some(" AND id <= ", last)
            .push(then);
    }
    query
}

/// How much content the noted interactions had.
pub async fn pieces(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<u64> {
    let pieces: i64 = tx
        .query(
            "SELECT CAST(coalesce(sum(one.pieces), 0) AS BIGINT) FROM (SELECT max(pieces) AS pieces FROM pass_interactions",
        )
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .push(" GROUP BY interaction_id) AS one")
        .scalar()
        .await?;
    Ok(pieces.unsigned_abs())
}

/// A walk over the content of what was noted, each piece once.
#[derive(Default)]
pub struct Walk {
    /// The interactions that were read, and how much each had.
    window: VecDeque<(RecordId, i64)>,
    after: Option<RecordId>,
    /// Content that was read: at most that of one interaction more than a batch.
    ahead: Vec<ContentId>,
}

impl Walk {
    /// The next batch of content; nothing at the end.
    pub async fn next(&mut self, tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<Vec<ContentId>> {
        while self.ahead.len() < BATCH {
            if self.window.is_empty() {
                self.window = interactions(tx, tenant, pass, self.after).await?.into();
                let Some((last, _)) = self.window.back() else { break };
                self.after = Some(*last);
            }
            let (mut whose, mut expected) = (Vec::new(), self.ahead.len());
            while expected < BATCH {
                let Some((interaction, pieces)) = self.window.pop_front() else { break };
                whose.push(interaction);
                expected = expected.saturating_add(usize::try_from(pieces).unwrap_or(usize::MAX));
            }
            self.ahead.append(&mut contents(tx, tenant, &whose).await?);
        }
        let rest = self.ahead.split_off(self.ahead.len().min(BATCH));
        Ok(std::mem::replace(&mut self.ahead, rest))
    }
}

/// The next of the noted interactions, and how much each had.
async fn interactions(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    after: Option<RecordId>,
) -> Result<Vec<(RecordId, i64)>> {
    tx.query("SELECT interaction_id, max(pieces) FROM pass_interactions")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .with_some(" AND interaction_id > ", after)
        .with(" GROUP BY interaction_id ORDER BY interaction_id LIMIT ", WINDOW)
        .all()
        .await
}

async fn contents(tx: &mut Tx<Archive>, tenant: TenantId, interactions: &[RecordId]) -> Result<Vec<ContentId>> {
    let rows: Vec<(ContentId,)> = tx
        .query("SELECT id FROM contents")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND interaction_id", interactions.iter().copied())
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Adds what was deleted, by interaction, to the counts of every request that asked for it.
pub async fn count(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    deleted: &BTreeMap<RecordId, u64>,
) -> Result<u64> {
    if deleted.is_empty() {
        return Ok(0);
    }
    let rows = deleted.iter().map(|(id, pieces)| (id.0, i64::try_from(*pieces).unwrap_or(i64::MAX)));
    let query = tx.query("INSERT INTO request_contents (tenant_id, request_id, deleted, anonymized) WITH gone ");
    let query = if query.is_postgres() {
        query
            .with_array("AS (SELECT * FROM unnest(", rows.clone().map(|(id, _)| id))
            .with_array(", ", rows.map(|(_, pieces)| pieces))
            .push(") AS one (interaction_id, pieces)")
    } else {
        query
            .push("(interaction_id, pieces) AS (VALUES ")
            .each(rows, |query, (id, pieces)| query.with("(", id).with(", ", pieces).push(")"))
            .once()
    };
    query
        .push(
            ") SELECT p.tenant_id, p.request_id, CAST(sum(g.pieces) AS BIGINT), 0 \
             FROM gone g JOIN pass_interactions p ON p.interaction_id = g.interaction_id",
        )
        .with(" WHERE p.tenant_id = ", tenant)
        .with(" AND p.pass_id = ", pass)
        .push(
            " GROUP BY p.tenant_id, p.request_id ON CONFLICT (tenant_id, request_id) \
             DO UPDATE SET deleted = request_contents.deleted + excluded.deleted",
        )
        .execute()
        .await
}

/// The requests of the pass that would cut the customer of an interaction whose content is still there.
pub async fn stuck(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<Vec<RequestId>> {
    let mut query = tx
        .query(
            "WITH kept AS (SELECT DISTINCT c.interaction_id AS id FROM pass_interactions p \
             JOIN contents c ON c.interaction_id = p.interaction_id",
        )
        .with(" WHERE p.tenant_id = ", tenant)
        .with(" AND p.pass_id = ", pass)
        .with(" AND c.tenant_id = ", tenant)
        .push("), named AS (");
    for (slot, then) in [("phone_id", " UNION "), ("email_id", ")")] {
        query = query
            .push("SELECT i.")
            .push(slot)
            .push(" AS id, i.at FROM kept k JOIN interactions i ON i.id = k.id")
            .with(" WHERE i.tenant_id = ", tenant)
            .push(then);
    }
    forgetting(query, tenant, pass).await
}

/// Ends a statement that begins with `named (id, at)`: the requests of the pass that would forget one of those in the
/// archive.
pub async fn forgetting(mut query: Query<'_>, tenant: TenantId, pass: PassId) -> Result<Vec<RequestId>> {
    for (slot, then) in [("phone_id", " UNION"), ("email_id", "")] {
        query = query
            .push(" SELECT r.id FROM named k JOIN requests r ON k.id = r.")
            .push(slot)
            .push(" AND k.at < r.due_at")
            .with(" WHERE r.tenant_id = ", tenant)
            .with(" AND r.pass_id = ", pass)
            .with(" AND (r.targets & ", archive())
            .push(") <> 0")
            .push(then);
    }
    let rows: Vec<(RequestId,)> = query.all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub async fn forget(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<u64> {
    tx.query("DELETE FROM pass_interactions")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .execute()
        .await
}
