//! The keys of requests in statements: the identifiers and the interactions by which they select records.

use chrono::{DateTime, Utc};

use super::passes::Masked;
use crate::archive::mentions::Owner;
use crate::archive::unlink;
use crate::base::id::{PassId, RequestId, TenantId};
use crate::base::target::{Target, Targets};
use crate::store::{Query, Result};

/// Requests that delete content.
#[derive(Clone, Copy, Debug)]
pub enum Deleting {
    /// The requests that the next pass would claim.
    Due { as_of: DateTime<Utc> },
    /// The requests of a pass with an id after one and up to another.
    OfPass { pass: PassId, after: Option<RequestId>, last: Option<RequestId> },
}

/// The columns of the keys of requests `q`, and of the interactions `n` that they name.
const KEYS: [(&str, bool); 5] = [
    ("q.phone_id", false),
    ("q.email_id", false),
    ("n.phone_id", true),
    ("n.email_id", true),
    ("n.interaction_id", true),
];

/// Appends a WITH of the relation `selected (request_id, identifier_id, cutoff)`: the keys of requests that delete
/// content.
pub fn with_deleting(query: Query<'_>, tenant: TenantId, requests: Deleting) -> Query<'_> {
    let mut query = query.push("WITH selected AS (");
    let mut union = "SELECT q.id AS request_id, ";
    for (column, is_named) in KEYS {
        query = query.push(union).push(column).push(" AS identifier_id, q.due_at AS cutoff FROM requests q");
        query = of_requests(query, tenant, is_named)
            .with(" AND q.delete_content AND (q.targets & ", archive())
            .push(") <> 0 AND ")
            .push(column)
            .push(" IS NOT NULL");
        query = match requests {
            Deleting::Due { as_of } => query.with(" AND q.status = 'waiting' AND q.due_at <= ", as_of),
            Deleting::OfPass { pass, after, last } => {
                query.with(" AND q.pass_id = ", pass).with_some(" AND q.id > ", after).with_some(" AND q.id <= ", last)
            }
        };
        union = " UNION SELECT q.id, ";
    }
    query.push(")")
}

/// Requests that a pass has begun.
#[derive(Clone, Copy, Debug)]
pub enum Begun {
    OfPass(PassId),
    /// The requests of any pass that has not ended.
    All,
}

/// Appends a WITH of the relation `selected (request_id, identifier_id, cutoff)`: the keys of requests in a target.
pub fn with_begun(mut query: Query<'_>, tenant: TenantId, target: Target, begun: Begun) -> Query<'_> {
    let mut union = "WITH selected AS (SELECT q.id AS request_id, ";
    for (column, is_named) in KEYS {
        query = query.push(union).push(column).push(" AS identifier_id, q.due_at AS cutoff FROM requests q");
        query = of_requests(query, tenant, is_named)
            .with(" AND (q.targets & ", Targets::from_iter([target]))
            .push(") <> 0 AND ")
            .push(column)
            .push(" IS NOT NULL");
        query = match begun {
            Begun::OfPass(pass) => query.with(" AND q.pass_id = ", pass),
            Begun::All => query.push(" AND q.status = 'waiting' AND q.pass_id IS NOT NULL"),
        };
        union = " UNION SELECT q.id, ";
    }
    query.push(")")
}

/// Appends the join of requests `q` with the interactions that they name, if wanted, and the condition on the tenant.
fn of_requests(query: Query<'_>, tenant: TenantId, is_named: bool) -> Query<'_> {
    if !is_named {
        return query.with(" WHERE q.tenant_id = ", tenant);
    }
    query
        .push(" JOIN request_interactions n ON n.request_id = q.id")
        .with(" WHERE q.tenant_id = ", tenant)
        .with(" AND n.tenant_id = ", tenant)
}

/// Ends a statement that begins with the relation `named (id, at)`: the requests of the pass that would forget one of
/// these keys in the archive.
pub async fn that_would_forget(mut query: Query<'_>, tenant: TenantId, pass: PassId) -> Result<Vec<RequestId>> {
    let mut union = " SELECT q.id";
    for (column, is_named) in KEYS {
        query = of_requests(query.push(union).push(" FROM requests q"), tenant, is_named)
            .with(" AND q.pass_id = ", pass)
            .with(" AND (q.targets & ", archive())
            .push(") <> 0 AND EXISTS (SELECT 1 FROM named k WHERE k.id = ")
            .push(column)
            .push(" AND k.at < q.due_at)");
        union = " UNION SELECT q.id";
    }
    let rows: Vec<(RequestId,)> = query.all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Appends a WITH of the relation `noted (record_id, n)`: the mentions of the customers of some requests in the comments
/// of other requests, up to the cut-off. A request that names the same customer keeps the mention until it is done itself.
pub fn with_said_of<'c>(query: Query<'c>, tenant: TenantId, masked: &[Masked]) -> Query<'c> {
    let mut query = query.push("WITH selected AS (");
    let mut union = "SELECT ";
    for (column, is_named) in KEYS {
        query = query.push(union).push(column).push(" AS identifier_id, q.due_at AS cutoff FROM requests q");
        query = of_requests(query, tenant, is_named).with_any(" AND q.id", masked.iter().map(|request| request.id));
        union = " UNION SELECT ";
    }
    unlink::each_mention(query.push("), noted AS ("), tenant, Owner::Request, "r.record_id, r.n")
        .with(" AND NOT EXISTS (SELECT 1 FROM requests q WHERE q.tenant_id = ", tenant)
        .push(" AND q.id = r.record_id AND r.identifier_id IN (q.phone_id, q.email_id)))")
}

/// Content belongs to the target archive only.
fn archive() -> Targets {
    Targets::from_iter([Target::Archive])
}
