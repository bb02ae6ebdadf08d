//! The decisions about requests that the erasure journal contains. They name requests by ids and keyed hashes only.

use std::collections::HashMap;

use super::model::{Request, RequestError, Revision};
use crate::base::id::{IdentifierId, TenantId};
use crate::journal::{Body, JournalEntry, ObjectKind, Selection};
use crate::vault::{self, AppContext, Described};

/// The decisions of one call, by their kinds.
pub struct Decisions(Vec<(ObjectKind, Vec<Selection>)>);

impl Decisions {
    /// Describes what a call decides. This reads the vault, so it comes before the transaction of the archive.
    pub async fn of(
        app: &AppContext,
        tenant: TenantId,
        revisions: &[Revision],
        cancelled: &[Request],
    ) -> Result<Self, RequestError> {
        if app.journal.is_off() {
            return Ok(Self(Vec::new()));
        }
        let entered = revisions.iter().filter(|one| one.is_new()).map(|one| &one.after.request).collect();
        let edited = revisions.iter().filter(|one| one.is_change()).map(|one| &one.after.request).collect();
        let decided: [(ObjectKind, Vec<&Request>); 3] = [
            (ObjectKind::Entered, entered),
            (ObjectKind::Edited, edited),
            (ObjectKind::Cancelled, cancelled.iter().collect()),
        ];
        let ids: Vec<_> = decided.iter().flat_map(|(_, requests)| requests.iter().flat_map(|one| ids(one))).collect();
        if ids.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let keyset = app.keysets.get(&app.vault, tenant).await?;
        let described = vault::describe(&mut app.vault.read().await?, &keyset, ids).await?;
        let selections = |requests: Vec<&Request>| requests.iter().flat_map(|one| select(one, &described)).collect();
        let decided = decided.into_iter().map(|(kind, requests)| (kind, selections(requests)));
        Ok(Self(decided.filter(|(_, selections): &(_, Vec<_>)| !selections.is_empty()).collect()))
    }

    /// Creates the objects of the decisions. Their rows belong into the transaction that makes the decisions, whose
    /// other statements have run already. So a decision that the journal contains fails only if the commit does.
    pub async fn append(self, app: &AppContext, tenant: TenantId) -> Result<Vec<JournalEntry>, RequestError> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let keyset = app.keysets.get(&app.vault, tenant).await?;
        let mut entries = Vec::new();
        for (kind, selections) in self.0 {
            let body = Body::Selections(selections);
            entries.extend(app.journal.append(keyset.journal(), None, kind, &body, app.clock.now()).await?);
        }
        Ok(entries)
    }
}

fn ids(request: &Request) -> impl Iterator<Item = IdentifierId> {
    request.phone.into_iter().chain(request.email)
}

fn select<'a>(
    request: &'a Request,
    described: &'a HashMap<IdentifierId, Described>,
) -> impl Iterator<Item = Selection> + 'a {
    ids(request).filter_map(move |identifier| {
        let Described { kind, index, mask } = described.get(&identifier)?.clone();
        Some(Selection {
            request: request.id,
            version: request.version,
            identifier,
            kind,
            index,
            index_version: 1,
            cutoff: request.due_at,
            to_date: request.to_date,
            entry_day: request.entry_day,
            created_at: request.created_at,
            targets: request.targets,
            delete_content: request.delete_content,
            mask,
        })
    })
}
