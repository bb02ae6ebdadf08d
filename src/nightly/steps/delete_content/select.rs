//! Selection: the interactions with content that the requests of a pass select, by request. Each has the number of its
//! pieces at that time. So a walk takes whole interactions, and about as many pieces as one transaction deletes.

use std::collections::{BTreeMap, VecDeque};

use super::BATCH;
use crate::archive::selector::{self, Span};
use crate::archive::unlink;
use crate::base::id::{ObjectId, PassId, RecordId, RequestId, TenantId};
use crate::base::target::Target;
use crate::content_rows;
use crate::requests::keys::{Deleting, that_would_forget, with_deleting};
use crate::requests::passes as requests;
use crate::store::{Archive, Query, Result, Sql, Tx};

/// How many interactions are read ahead.
const WINDOW: i64 = 1_000;

/// Notes the interactions with content whose customer some requests of the pass select.
pub async fn note(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId, deleting: Deleting) -> Result<u64> {
    let query = tx.query("INSERT INTO pass_interactions (tenant_id, pass_id, interaction_id, request_id, pieces) ");
    let query = with_deleting(query, tenant, deleting).push(", customers AS (");
    let query = selector::customers(query, tenant, Target::Archive, Span::default()).push(
        "), matched AS (SELECT s.request_id, k.id FROM customers k \
         JOIN selected s ON s.identifier_id = k.phone_id AND k.at < s.cutoff \
         UNION SELECT s.request_id, k.id FROM customers k \
         JOIN selected s ON s.identifier_id = k.email_id AND k.at < s.cutoff \
         UNION SELECT s.request_id, k.id FROM customers k \
         JOIN selected s ON s.identifier_id = k.id AND k.at < s.cutoff), \
         noted AS MATERIALIZED (SELECT h.request_id, h.id, ",
    );
    content_rows::count(query, tenant, "h.id")
        .with(" AS pieces FROM matched h) SELECT ", tenant)
        .push(Sql::CAST_UUID)
        .with(", ", pass)
        .push(Sql::CAST_UUID)
        .push(", id, request_id, pieces FROM noted WHERE pieces > 0 ON CONFLICT DO NOTHING")
        .execute()
        .await
}

/// A walk over the content of the noted interactions. Each piece comes once.
#[derive(Default)]
pub struct ContentWalk {
    /// The interactions that were read, each with the number of its pieces.
    window: VecDeque<(RecordId, i64)>,
    /// The last interaction that was read.
    after: Option<RecordId>,
    /// Content that was read: at most a batch and the content of one interaction.
    ahead: Vec<ObjectId>,
}

impl ContentWalk {
    /// The next batch of content. It is empty at the end.
    pub async fn next(&mut self, tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<Vec<ObjectId>> {
        while self.ahead.len() < BATCH {
            if self.window.is_empty() {
                self.window = interactions(tx, tenant, pass, self.after).await?.into();
                let Some((last, _)) = self.window.back() else { break };
                self.after = Some(*last);
            }
            let (mut next, mut expected) = (Vec::new(), self.ahead.len());
            while expected < BATCH {
                let Some((interaction, pieces)) = self.window.pop_front() else { break };
                next.push(interaction);
                expected = expected.saturating_add(usize::try_from(pieces).unwrap_or(usize::MAX));
            }
            self.ahead.append(&mut content_rows::passes::of_interactions(tx, tenant, &next).await?);
        }
        let rest = self.ahead.split_off(self.ahead.len().min(BATCH));
        Ok(std::mem::replace(&mut self.ahead, rest))
    }
}

/// The next noted interactions, each with the number of its pieces.
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

/// Adds the deleted pieces, by interaction, to the counts of every request that selected them.
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
    requests::add_content(tx, tenant, |query| {
        let query = query.push("WITH gone ");
        let query = if query.is_postgres() {
            query
                .with_unnested("AS (SELECT ", rows.clone().map(|(id, _)| id))
                .with_unnested(" AS interaction_id, ", rows.map(|(_, pieces)| pieces))
                .push(" AS pieces")
        } else {
            query
                .push("(interaction_id, pieces) AS (VALUES ")
                .each(rows, |query, (id, pieces)| query.with("(", id).with(", ", pieces).push(")"))
                .once()
        };
        query
            .push("), counted AS (SELECT p.request_id, CAST(sum(g.pieces) AS BIGINT) AS deleted, 0 AS anonymized")
            .push(" FROM gone g JOIN pass_interactions p ON p.interaction_id = g.interaction_id")
            .with(" WHERE p.tenant_id = ", tenant)
            .with(" AND p.pass_id = ", pass)
            .push(" GROUP BY p.request_id)")
    })
    .await
}

/// Appends a SELECT of the noted interactions whose content is still there: `(interaction_id)`.
pub fn kept(query: Query<'_>, tenant: TenantId, pass: PassId) -> Query<'_> {
    let query = query
        .push("SELECT DISTINCT p.interaction_id FROM pass_interactions p")
        .with(" WHERE p.tenant_id = ", tenant)
        .with(" AND p.pass_id = ", pass)
        .push(" AND ");
    content_rows::exists(query, tenant, "p.interaction_id")
}

/// The requests of the pass that would unlink the customer of an interaction whose content is still there.
pub async fn blocked(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<Vec<RequestId>> {
    let query = kept(tx.query("WITH kept AS ("), tenant, pass).push("), named AS (");
    that_would_forget(unlink::keys_of(query, tenant, "kept").push(")"), tenant, pass).await
}

/// Deletes the notes.
pub async fn forget(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<u64> {
    tx.query("DELETE FROM pass_interactions")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .execute()
        .await
}
