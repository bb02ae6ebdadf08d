//! Requests with their mentions and results: a bounded number of statements for any number of requests.

use super::model::{Request, Status, StoredRequest};
use super::{checklist, sql};
use crate::archive::mentions::{self, Owner};
use crate::base::id::{RequestId, TenantId};
use crate::store::{Archive, Result, Tx};

/// The requests with some ids, in no order. A request that does not exist is left out.
pub async fn by_ids(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[RequestId]) -> Result<Vec<StoredRequest>> {
    let requests = sql::by_ids(tx, tenant, ids).await?;
    complete(tx, tenant, requests).await
}

/// Adds the interactions that are named, the checklists, the mentions of comments, and the results of requests that are done.
pub async fn complete(tx: &mut Tx<Archive>, tenant: TenantId, requests: Vec<Request>) -> Result<Vec<StoredRequest>> {
    let commented: Vec<_> = requests.iter().filter(|one| one.comment.is_some()).map(|one| one.id.0).collect();
    let done: Vec<_> = requests.iter().filter(|one| one.status == Status::Done).map(|one| one.id).collect();
    let naming: Vec<_> = requests.iter().filter(|one| one.interaction_count > 0).map(|one| one.id).collect();
    let mut interactions = sql::interactions(tx, tenant, &naming).await?;
    let ids: Vec<_> = requests.iter().map(|one| one.id).collect();
    let mut checklists = checklist::of(tx, tenant, &ids).await?;
    let mut mentions = mentions::of(tx, tenant, Owner::Request, &commented).await?;
    let mut counts = sql::counts(tx, tenant, &done, "anonymized").await?;
    let mut contents = sql::contents(tx, tenant, &done).await?;
    let mut files = sql::files(tx, tenant, &done).await?;
    let mut previews = sql::counts(tx, tenant, &ids, "previewed").await?;
    let stored = |request: Request| StoredRequest {
        interactions: interactions.remove(&request.id).unwrap_or_default(),
        checklist: checklists.remove(&request.id).unwrap_or_default(),
        mentions: mentions.remove(&request.id.0).unwrap_or_default(),
        counts: counts.remove(&request.id).unwrap_or_default(),
        content: contents.remove(&request.id).unwrap_or_default(),
        delivered_files: files.remove(&request.id).unwrap_or_default(),
        preview: previews.remove(&request.id),
        request,
    };
    Ok(requests.into_iter().map(stored).collect())
}
