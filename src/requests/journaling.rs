//! The decisions about requests that the erasure journal contains. They name requests by ids and keyed hashes only.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::model::{NamedInteraction, Request, RequestError, Revision, StoredRequest};
use super::passes::WholeRequest;
use super::sql;
use crate::base::id::{IdentifierId, RequestId, TenantId};
use crate::base::target::Targets;
use crate::journal::{Body, JournalEntry, ObjectKind, Selection};
use crate::vault::{self, AppContext, Described};

/// How many identifiers of the vault one statement reads. A request may name a thousand interactions.
const KEYS_AT_ONCE: usize = 5_000;

/// A request with all that repeats it.
pub struct JournaledRequest<'a> {
    pub id: RequestId,
    version: i64,
    own: Vec<IdentifierId>,
    interactions: &'a [NamedInteraction],
    due_at: DateTime<Utc>,
    to_date: NaiveDate,
    entry_day: NaiveDate,
    created_at: DateTime<Utc>,
    targets: Targets,
    delete_content: bool,
}

impl<'a> JournaledRequest<'a> {
    fn of_stored(request: &Request, interactions: &'a [NamedInteraction]) -> Self {
        Self {
            id: request.id,
            version: request.version,
            own: request.phone.into_iter().chain(request.email).collect(),
            interactions,
            due_at: request.due_at,
            to_date: request.to_date,
            entry_day: request.entry_day,
            created_at: request.created_at,
            targets: request.targets,
            delete_content: request.delete_content,
        }
    }

    /// A request that a pass has claimed.
    #[must_use]
    pub fn of_claimed(request: &'a WholeRequest) -> Self {
        let WholeRequest { claimed, to_date, entry_day, created_at, version } = request;
        Self {
            id: claimed.id,
            version: *version,
            own: claimed.own().collect(),
            interactions: &claimed.interactions,
            due_at: claimed.due_at,
            to_date: *to_date,
            entry_day: *entry_day,
            created_at: *created_at,
            targets: claimed.targets,
            delete_content: claimed.delete_content,
        }
    }

    /// The identifiers that its records need from the vault.
    pub fn identifiers(&self) -> impl Iterator<Item = IdentifierId> {
        let customers = self.interactions.iter().flat_map(NamedInteraction::identifiers);
        self.own.iter().copied().chain(customers)
    }

    /// Its records. An identifier that is not described has no keyed hash.
    #[must_use]
    pub fn selections(&self, described: &HashMap<IdentifierId, Described>) -> Vec<Selection> {
        let mut selections: Vec<_> = self.own.iter().map(|id| self.select(None, Some(*id), described)).collect();
        for named in self.interactions {
            let before = selections.len();
            selections.extend(named.identifiers().map(|id| self.select(Some(named), Some(id), described)));
            if selections.len() == before {
                selections.push(self.select(Some(named), None, described));
            }
        }
        selections
    }

    fn select(
        &self,
        named: Option<&NamedInteraction>,
        identifier: Option<IdentifierId>,
        described: &HashMap<IdentifierId, Described>,
    ) -> Selection {
        let described = identifier.and_then(|id| described.get(&id).cloned());
        let Described { kind, index, mask } = described.unwrap_or_else(Described::unknown);
        Selection {
            request: self.id,
            version: self.version,
            interaction: named.map(|named| named.id),
            identifier,
            kind,
            index,
            index_version: 1,
            cutoff: self.due_at,
            to_date: self.to_date,
            entry_day: self.entry_day,
            created_at: self.created_at,
            targets: self.targets,
            delete_content: self.delete_content,
            mask,
        }
    }
}

/// Identifiers as the journal describes them. One that the vault does not know or cannot read is left out.
pub async fn describe(
    app: &AppContext,
    tenant: TenantId,
    ids: &[IdentifierId],
) -> Result<HashMap<IdentifierId, Described>, RequestError> {
    let keyset = app.keysets.get(&app.vault, tenant).await?;
    let mut described = HashMap::new();
    for chunk in ids.chunks(KEYS_AT_ONCE) {
        described.extend(vault::describe(&mut app.vault.read().await?, &keyset, chunk.iter().copied()).await?);
    }
    Ok(described)
}

/// The most requests of an object.
const MOST_REQUESTS: usize = 500;

/// The most records of an object, unless one request alone has more. A request may name a thousand interactions.
pub const MOST_RECORDS: usize = 5_000;

/// The decisions of one call, by their kinds.
pub struct Decisions(Vec<(ObjectKind, Vec<Selection>)>);

impl Decisions {
    /// Describes the decisions of a call. This reads the vault, so it comes before the transaction of the archive.
    pub async fn of(
        app: &AppContext,
        tenant: TenantId,
        revisions: &[Revision],
        cancelled: &[Request],
    ) -> Result<Self, RequestError> {
        if app.journal.is_off() {
            return Ok(Self(Vec::new()));
        }
        let cancelled_ids: Vec<_> = cancelled.iter().map(|one| one.id).collect();
        let named = sql::interactions(&mut app.archive.read().await?, tenant, &cancelled_ids).await?;
        let of_stored = |stored: &'_ Revision| -> _ {
            let StoredRequest { request, interactions, .. } = &stored.after;
            (request.clone(), interactions.clone())
        };
        let entered: Vec<_> = revisions.iter().filter(|one| one.is_new()).map(of_stored).collect();
        let edited: Vec<_> = revisions.iter().filter(|one| one.is_change()).map(of_stored).collect();
        let cancelled: Vec<_> =
            cancelled.iter().map(|one| (one.clone(), named.get(&one.id).cloned().unwrap_or_default())).collect();
        let decided =
            [(ObjectKind::Entered, entered), (ObjectKind::Edited, edited), (ObjectKind::Cancelled, cancelled)];
        let mut requests = Vec::new();
        for (kind, stored) in &decided {
            requests.extend(stored.iter().map(|(request, named)| (*kind, JournaledRequest::of_stored(request, named))));
        }
        if requests.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let ids: Vec<_> = requests.iter().flat_map(|(_, request)| request.identifiers()).collect();
        let described = describe(app, tenant, &ids).await?;
        let mut objects: Vec<(ObjectKind, Vec<Selection>)> = Vec::new();
        let mut room = 0;
        for (kind, request) in &requests {
            let selections = request.selections(&described);
            match objects.last_mut() {
                Some((last, records))
                    if last == kind && room > 0 && records.len() + selections.len() <= MOST_RECORDS =>
                {
                    records.extend(selections);
                    room -= 1;
                }
                _ => {
                    objects.push((*kind, selections));
                    room = MOST_REQUESTS - 1;
                }
            }
        }
        Ok(Self(objects))
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
