//! The checklist of a request: the systems outside of this one in which its customer is forgotten too (C4). An item is
//! stored when the request is entered, and people say here what they did. The request does not wait for them.

use std::collections::HashMap;

use chrono::{DateTime, Days, NaiveDate, Utc};
use pii::Identifier;
use pii::text::Own;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::journaling::Decisions;
use super::model::{Request, RequestError, Revision, Status, StoredRequest};
use super::{load, sql, trail};
use crate::archive::customer::newest_names;
use crate::base::actor::Actor;
use crate::base::field::FieldError;
use crate::base::id::{IdentifierId, RequestId, TenantId};
use crate::base::patch::PatchField;
use crate::base::version::Versions;
use crate::base::words::{described, words};
use crate::journal;
use crate::store::{Archive, Result as StoreResult, StoreError, Tx};
use crate::tenants::{self, ExternalSystem, Tenant};
use crate::vault::{self, AppContext, admit};

/// The most characters of the evidence of an item.
const LONGEST_EVIDENCE: usize = 1_000;

words! {
    /// How far the people of an outside system are.
    pub enum ChecklistState {
        Open = "open",
        /// The customer is forgotten there.
        Done = "done",
        /// The system has no data of the customer, or may keep them.
        NotApplicable = "not_applicable",
    }
    /// The word names no state.
    error ChecklistStateError = "must be one of: open, done, not_applicable";
}

described!(ChecklistState as "ChecklistState", "The state of an item of a checklist.");

/// An item of a checklist: a system outside of this one in which the customer is forgotten too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "system": "Salesforce", "owner": "CRM team", "due_on": "2026-08-23", "state": "done", "done_by": "paal",
    "done_at": "2026-08-10T09:00:00Z", "evidence": "deleted, ticket CRM-118"
}))]
pub struct ChecklistItem {
    /// The system, as the tenant's settings named it when the request was entered.
    pub system: String,
    /// The person or the team that forgets the customer there.
    pub owner: String,
    /// The last day for it.
    pub due_on: NaiveDate,
    /// Whether it is open, done, or not applicable.
    pub state: ChecklistState,
    /// The name of the user who closed it.
    #[schema(required)]
    pub done_by: Option<String>,
    /// The time at which it was closed.
    #[schema(required)]
    pub done_at: Option<DateTime<Utc>>,
    /// The evidence that it was done. It contains no identifier.
    #[schema(required)]
    pub evidence: Option<String>,
}

/// A change of an item, as a merge patch.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChecklistItemChange, example = json!({"state": "done", "evidence": "deleted, ticket CRM-118"}))]
pub struct ChecklistPatch {
    /// Whether it is open, done, or not applicable. The service notes who closed it, and when.
    #[serde(default)]
    #[schema(value_type = ChecklistState, required = false)]
    pub state: PatchField<String>,
    /// The evidence that it was done, of up to 1,000 characters. A number or an address in it is masked. Null clears it.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 1_000)]
    pub evidence: PatchField<String>,
}

impl ChecklistItem {
    /// About its length in JSON, in bytes.
    pub fn weight(&self) -> usize {
        200 + self.system.len() + self.owner.len() + self.evidence.as_ref().map_or(0, String::len)
    }
}

/// The checklist of a request that is entered now.
pub fn of_new(systems: &[ExternalSystem], received_on: NaiveDate) -> Vec<ChecklistItem> {
    let item = |system: &ExternalSystem| ChecklistItem {
        system: system.name.clone(),
        owner: system.owner.clone(),
        due_on: received_on.checked_add_days(Days::new(system.days.into())).unwrap_or(received_on),
        state: ChecklistState::Open,
        done_by: None,
        done_at: None,
        evidence: None,
    };
    systems.iter().map(item).collect()
}

/// Changes an item of a request, also when the request is done. Returns the item with the version of its request.
pub async fn change_item(
    app: &AppContext,
    actor: &Actor,
    (id, system): (RequestId, &str),
    expected: &Versions,
    patch: &ChecklistPatch,
) -> Result<(ChecklistItem, i64), RequestError> {
    // An attempt that loses against a pass or another call reads again.
    admit(app, actor.tenant, async |_, mut tx| {
        let (before, place) = item_of(&mut tx, actor.tenant, (id, system)).await?;
        expected.check(before.request.version)?;
        let tenant = tenants::find(&mut tx, actor.tenant).await?;
        drop(tx);
        let mut after = before.clone();
        let now = app.clock.now();
        apply(&mut after.checklist[place], patch, (&actor.name, now)).map_err(RequestError::Invalid)?;
        if patch.evidence.value().is_some() {
            mask_evidence(app, &tenant, &mut after, place).await?;
        }
        if before == after {
            return Ok((after.checklist.swap_remove(place), after.request.version));
        }
        after.request.version += 1;
        after.request.updated_at = now;
        write(app, actor, Revision { before: Some(before), after: after.clone() }, place).await?;
        Ok((after.checklist.swap_remove(place), after.request.version))
    })
    .await
}

/// Whether an item may be changed, before the change itself is validated: 404, 428, and 412 come before 422.
pub async fn check_item(
    app: &AppContext,
    actor: &Actor,
    item: (RequestId, &str),
    expected: &Versions,
) -> Result<(), RequestError> {
    let (stored, _) = item_of(&mut app.archive.read().await?, actor.tenant, item).await?;
    Ok(expected.check(stored.request.version)?)
}

/// A request with the place of one of its items.
async fn item_of(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    (id, system): (RequestId, &str),
) -> Result<(StoredRequest, usize), RequestError> {
    let stored = load::by_ids(tx, tenant, &[id]).await?.pop().ok_or(RequestError::NotFound)?;
    let place = stored.checklist.iter().position(|item| item.system == system).ok_or(RequestError::NotFound)?;
    Ok((stored, place))
}

fn apply(
    item: &mut ChecklistItem,
    patch: &ChecklistPatch,
    (user, now): (&str, DateTime<Utc>),
) -> Result<(), Vec<FieldError>> {
    let ChecklistPatch { state, evidence } = patch;
    let mut errors = Vec::new();
    let state = state.clone().given("/state", &mut errors).and_then(|word| {
        let state = word.parse::<ChecklistState>();
        state.map_err(|error| errors.push(FieldError::at("/state", "format", error.to_string()))).ok()
    });
    if let Some(state) = state.filter(|state| *state != item.state) {
        let is_closed = state != ChecklistState::Open;
        item.state = state;
        item.done_by = is_closed.then(|| user.to_owned());
        item.done_at = is_closed.then_some(now);
    }
    match evidence {
        PatchField::Absent => {}
        PatchField::Null => item.evidence = None,
        PatchField::Is(text) if text.chars().nth(LONGEST_EVIDENCE).is_some() => {
            errors.push(FieldError::at("/evidence", "too_long", "must be at most 1000 characters"));
        }
        PatchField::Is(text) => item.evidence = Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Masks the identifiers in the evidence of an item. It keeps no mention, because a request that is done must not bring
/// an identifier back into the vault.
async fn mask_evidence(
    app: &AppContext,
    tenant: &Tenant,
    stored: &mut StoredRequest,
    place: usize,
) -> Result<(), RequestError> {
    let own = own_of(app, tenant.id, &stored.request).await?;
    let evidence = &mut stored.checklist[place].evidence;
    if let Some(text) = evidence.take() {
        *evidence = Some(tenant.masked(own, &text));
    }
    Ok(())
}

/// The number, the address, and the name of the customer of a waiting request. A request that is done has none.
async fn own_of(app: &AppContext, tenant: TenantId, request: &Request) -> Result<Own, RequestError> {
    let ids: Vec<IdentifierId> = request.phone.into_iter().chain(request.email).collect();
    if ids.is_empty() {
        return Ok(Own::default());
    }
    let named = newest_names(&mut app.archive.read().await?, tenant, &ids).await?;
    let wanted = ids.into_iter().chain(named.into_iter().map(|(_, name)| name));
    let keyset = app.keysets.get(&app.vault, tenant).await?;
    let opened = vault::open(&mut app.vault.read().await?, &keyset, wanted).await?;
    let mut own = Own::default();
    for identifier in opened.into_values() {
        match identifier {
            Identifier::Phone(phone) => own.phone = Some(phone),
            Identifier::Email(email) => own.email = Some(email),
            Identifier::Name { name, .. } => own.name = Some(name),
        }
    }
    Ok(own)
}

/// Writes a changed item with the new version of its request. While the request waits, its versions are journaled without
/// a gap, since a replay repeats an edit of exactly one version.
async fn write(app: &AppContext, actor: &Actor, revision: Revision, place: usize) -> Result<(), RequestError> {
    let revisions = [revision];
    let request = &revisions[0].after.request;
    let journaled = if request.status == Status::Waiting { &revisions[..] } else { &[] };
    let decisions = Decisions::of(app, actor.tenant, journaled, &[]).await?;
    let mut tx = app.archive.write().await?;
    if sql::set_version(&mut tx, actor.tenant, request).await? == 0 {
        return Err(StoreError::Contended.into());
    }
    update(&mut tx, actor.tenant, request.id, (place, &revisions[0].after.checklist[place])).await?;
    let known = decisions.append(app, actor.tenant).await?;
    journal::insert(&mut tx, actor.tenant, &known).await?;
    trail::commit(tx, app.clock, actor, trail::entries(&revisions, &[])).await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct ItemRow {
    request_id: RequestId,
    system: String,
    owner: String,
    due_on: NaiveDate,
    state: String,
    done_by: Option<String>,
    done_at: Option<DateTime<Utc>>,
    evidence: Option<String>,
}

/// The checklists of some requests.
pub async fn of(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    requests: &[RequestId],
) -> StoreResult<HashMap<RequestId, Vec<ChecklistItem>>> {
    let mut checklists = HashMap::<_, Vec<_>>::new();
    if requests.is_empty() {
        return Ok(checklists);
    }
    let rows: Vec<ItemRow> = tx
        .query("SELECT request_id, system, owner, due_on, state, done_by, done_at, evidence FROM request_checklist")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND request_id", requests.iter().copied())
        .push(" ORDER BY request_id, position")
        .all()
        .await?;
    for ItemRow { request_id, system, owner, due_on, state, done_by, done_at, evidence } in rows {
        let broken = |_| StoreError::Inconsistent(format!("request_checklist.state of {request_id}"));
        let state = state.parse().map_err(|error: ChecklistStateError| broken(error))?;
        let item = ChecklistItem { system, owner, due_on, state, done_by, done_at, evidence };
        checklists.entry(request_id).or_default().push(item);
    }
    Ok(checklists)
}

/// Writes the checklists of new requests.
pub async fn insert<'r>(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    requests: impl Iterator<Item = &'r StoredRequest>,
) -> StoreResult<()> {
    let items = requests.flat_map(|one| (0..).zip(&one.checklist).map(|(place, item)| (one.request.id, place, item)));
    let items: Vec<(RequestId, i16, &ChecklistItem)> = items.collect();
    for chunk in items.chunks(1_000) {
        tx.query(
            "INSERT INTO request_checklist (tenant_id, request_id, position, system, owner, due_on, state) VALUES ",
        )
        .each(chunk, |query, (request, place, item)| {
            query
                .with("(", tenant)
                .with(", ", *request)
                .with(", ", *place)
                .with(", ", item.system.as_str())
                .with(", ", item.owner.as_str())
                .with(", ", item.due_on)
                .with(", ", item.state.as_str())
                .push(")")
        })
        .once()
        .execute()
        .await?;
    }
    Ok(())
}

async fn update(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    request: RequestId,
    (place, item): (usize, &ChecklistItem),
) -> StoreResult<u64> {
    tx.query("UPDATE request_checklist SET")
        .with(" state = ", item.state.as_str())
        .with(", done_by = ", item.done_by.as_deref())
        .with(", done_at = ", item.done_at)
        .with(", evidence = ", item.evidence.as_deref())
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND request_id = ", request)
        .with(" AND position = ", i16::try_from(place).unwrap_or(i16::MAX))
        .execute()
        .await
}

/// Deletes the checklists of some requests.
pub async fn delete(tx: &mut Tx<Archive>, tenant: TenantId, requests: &[RequestId]) -> StoreResult<u64> {
    if requests.is_empty() {
        return Ok(0);
    }
    tx.query("DELETE FROM request_checklist")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND request_id", requests.iter().copied())
        .execute()
        .await
}
