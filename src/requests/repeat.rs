//! The statements that repeat decisions about requests which a restored archive does not know.

use chrono::{DateTime, NaiveDate, Utc};
use pii::Kind;

use super::case::Case;
use super::model::NamedInteraction;
use super::{checklist, preview_sql, sql};
use crate::archive::mentions::{self, Owner};
use crate::base::id::{IdentifierId, PassId, RequestId, TenantId};
use crate::base::target::Targets;
use crate::journal::Selection;
use crate::store::{Archive, Result, Tx};

/// The name of the user of a request that exists in the journal only.
const USER: &str = "restored";

/// A request as the journal describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatedRequest {
    pub id: RequestId,
    pub version: i64,
    pub phone: Option<IdentifierId>,
    pub email: Option<IdentifierId>,
    pub to_date: NaiveDate,
    pub entry_day: NaiveDate,
    pub due_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub targets: Targets,
    pub delete_content: bool,
    /// The interactions that it names, with their customers.
    pub interactions: Vec<NamedInteraction>,
}

impl RepeatedRequest {
    /// The requests of some records. The records of a request follow each other.
    #[must_use]
    pub fn of(selections: &[Selection]) -> Vec<Self> {
        let one = |records: &[Selection]| {
            let first = records.first()?;
            let id = |kind| records.iter().find(|one| one.interaction.is_none() && one.kind == kind)?.identifier;
            let named = records.chunk_by(|one, next| one.interaction == next.interaction);
            Some(Self {
                id: first.request,
                version: first.version,
                phone: id(Kind::Phone),
                email: id(Kind::Email),
                to_date: first.to_date,
                entry_day: first.entry_day,
                due_at: first.cutoff,
                created_at: first.created_at,
                targets: first.targets,
                delete_content: first.delete_content,
                interactions: named.filter_map(interaction).collect(),
            })
        };
        selections.chunk_by(|one, next| one.request == next.request).filter_map(one).collect()
    }
}

/// The interaction of some records that have the same one.
fn interaction(records: &[Selection]) -> Option<NamedInteraction> {
    let id = records.first()?.interaction?;
    let customer = |kind| records.iter().find(|one| one.kind == kind)?.identifier;
    Some(NamedInteraction { id, phone: customer(Kind::Phone), email: customer(Kind::Email) })
}

/// Writes the interactions that some requests name, instead of those that they have.
async fn replace_interactions(tx: &mut Tx<Archive>, tenant: TenantId, requests: &[&RepeatedRequest]) -> Result<()> {
    let ids: Vec<RequestId> = requests.iter().map(|one| one.id).collect();
    sql::delete_interactions(tx, tenant, &ids).await?;
    let named: Vec<_> = requests.iter().flat_map(|one| one.interactions.iter().map(|named| (one.id, *named))).collect();
    sql::insert_interactions(tx, tenant, &named).await
}

/// Gives requests to the pass of a replay. A request that the archive has lost is written again, and a request that is
/// done stays done.
pub async fn claim_again(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    requests: &[RepeatedRequest],
    now: DateTime<Utc>,
) -> Result<u64> {
    if requests.is_empty() {
        return Ok(0);
    }
    let claimed = tx
        .query(
        "INSERT INTO requests (tenant_id, id, phone_id, email_id, to_date, entry_day, due_at, interaction_count, targets, \
         delete_content, received_on, deadline_on, status, user_name, attempts, pass_id, created_at, updated_at, version) VALUES ",
    )
    .each(requests, |query, request| {
        // The journal does not know when the wish arrived.
        let Case { received_on, deadline_on, .. } = Case::entered_on(request.entry_day);
        query
            .with("(", tenant)
            .with(", ", request.id)
            .with(", ", request.phone)
            .with(", ", request.email)
            .with(", ", request.to_date)
            .with(", ", request.entry_day)
            .with(", ", request.due_at)
            .with(", ", i64::try_from(request.interactions.len()).unwrap_or(i64::MAX))
            .with(", ", request.targets)
            .with(", ", request.delete_content)
            .with(", ", received_on)
            .with(", ", deadline_on)
            .with(", 'waiting', ", USER)
            .with(", 1, ", pass)
            .with(", ", request.created_at)
            .with(", ", now)
            .with(", ", request.version)
            .push(")")
    })
    .push(
        " ON CONFLICT (tenant_id, id) DO UPDATE SET phone_id = excluded.phone_id, email_id = excluded.email_id, \
         to_date = excluded.to_date, due_at = excluded.due_at, interaction_count = excluded.interaction_count, targets = excluded.targets, \
         delete_content = excluded.delete_content, pass_id = excluded.pass_id, attempts = requests.attempts + 1 \
         WHERE requests.status = 'waiting'",
    )
    .once()
    .execute()
    .await?;
    let rows: Vec<(RequestId,)> = tx
        .query("SELECT id FROM requests")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .with_any(" AND id", requests.iter().map(|one| one.id))
        .all()
        .await?;
    let own: Vec<_> = requests.iter().filter(|one| rows.contains(&(one.id,))).collect();
    replace_interactions(tx, tenant, &own).await?;
    Ok(claimed)
}

/// Takes all requests of unfinished passes away from them.
pub async fn release_all(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<u64> {
    tx.query("UPDATE requests SET pass_id = NULL")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND status = 'waiting' AND pass_id IS NOT NULL")
        .execute()
        .await
}

/// Cancels requests again that have the version of their cancellation. Returns which they were.
pub async fn cancel_again(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    requests: &[RepeatedRequest],
) -> Result<Vec<RequestId>> {
    let mut cancelled = Vec::new();
    for request in requests {
        let deleted = tx
            .query("DELETE FROM requests")
            .with(" WHERE tenant_id = ", tenant)
            .with(" AND id = ", request.id)
            .with(" AND status = 'waiting' AND attempts = 0 AND version = ", request.version)
            .execute()
            .await?;
        if deleted > 0 {
            mentions::delete(tx, tenant, Owner::Request, &[request.id.0]).await?;
            sql::delete_interactions(tx, tenant, &[request.id]).await?;
            checklist::delete(tx, tenant, &[request.id]).await?;
            preview_sql::delete_previews(tx, tenant, &[request.id]).await?;
            cancelled.push(request.id);
        }
    }
    Ok(cancelled)
}

/// Edits requests again that have the version before their edit. The comment is not in the journal, so it stays.
/// Returns which they were.
pub async fn edit_again(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    requests: &[RepeatedRequest],
    now: DateTime<Utc>,
) -> Result<Vec<RequestId>> {
    let mut edited = Vec::new();
    for request in requests {
        let changed = tx
            .query("UPDATE requests SET")
            .with(" phone_id = ", request.phone)
            .with(", email_id = ", request.email)
            .with(", to_date = ", request.to_date)
            .with(", due_at = ", request.due_at)
            .with(", interaction_count = ", i64::try_from(request.interactions.len()).unwrap_or(i64::MAX))
            .with(", targets = ", request.targets)
            .with(", delete_content = ", request.delete_content)
            .with(", version = ", request.version)
            .with(", updated_at = ", now)
            .with(" WHERE tenant_id = ", tenant)
            .with(" AND id = ", request.id)
            .with(" AND status = 'waiting' AND attempts = 0 AND version = ", request.version - 1)
            .execute()
            .await?;
        if changed > 0 {
            replace_interactions(tx, tenant, &[request]).await?;
            edited.push(request.id);
        }
    }
    Ok(edited)
}

/// The ids among some that the archive has.
pub async fn existing(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[RequestId]) -> Result<Vec<RequestId>> {
    let rows: Vec<(RequestId,)> = tx
        .query("SELECT id FROM requests")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", ids.iter().copied())
        .push(" ORDER BY id")
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Sets how many pieces of content requests had deleted, as the journal says. A replay deletes them by their ids.
pub async fn set_deleted(tx: &mut Tx<Archive>, tenant: TenantId, deleted: &[(RequestId, u64)]) -> Result<u64> {
    if deleted.is_empty() {
        return Ok(0);
    }
    tx.query("INSERT INTO request_contents (tenant_id, request_id, deleted, anonymized) VALUES ")
        .each(deleted, |query, (request, pieces)| {
            let pieces = i64::try_from(*pieces).unwrap_or(i64::MAX);
            query.with("(", tenant).with(", ", *request).with(", ", pieces).push(", 0)")
        })
        .push(" ON CONFLICT (tenant_id, request_id) DO UPDATE SET deleted = excluded.deleted")
        .once()
        .execute()
        .await
}
