//! Saving requests: one request or a whole batch, through the epoch fence.
//!
//! An attempt reads what is stored, plans, lets the vault create the identifiers, and writes with the versions that it
//! read. If another transaction was faster, nothing is written and the next attempt reads again.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use pii::Identifier;
use serde_json::json;

use super::batch::RequestBatch;
use super::case::Case;
use super::comment::{Comment, KnownCustomers};
use super::entry::{NewRequest, RequestPatch, SavePlan, ValidatedRequest};
use super::import::ImportRows;
use super::journaling::Decisions;
use super::model::{ContentOutcome, NamedInteraction, Request, RequestError, Revision, Saved, Status, StoredRequest};
use super::rules::{KnownInteractions, MOST_INTERACTIONS, interaction_id};
use super::{case, checklist, due, load, preview, reference, sql, trail};
use crate::archive::customer::{self, customers};
use crate::archive::mentions::{self, NewMention, Owner};
use crate::audit::Grant;
use crate::base::actor::Actor;
use crate::base::field::FieldError;
use crate::base::id::{RecordId, RequestId, TenantId};
use crate::base::version::Versions;
use crate::base::work;
use crate::idempotency::{self, Reservation};
use crate::journal;
use crate::outbox::{self, EventKind};
use crate::store::{Archive, StoreError, Tx};
use crate::tenants::{self, ExternalSystem, Tenant};
use crate::vault::{self, AppContext, Resolved, admit};

#[derive(Clone, Copy)]
pub enum SaveCommand<'a> {
    Create(&'a NewRequest),
    Change(RequestId, &'a Versions, &'a RequestPatch),
    Cancel(RequestId, &'a Versions),
    Batch(&'a RequestBatch),
    Import(&'a ImportRows),
}

/// The requests of a command, as they are stored now.
pub struct Written {
    pub requests: Saved<StoredRequest>,
    /// The permission to reveal them, if the command wrote anything.
    pub grant: Option<Grant>,
}

/// Saves all rows of a command or none.
pub async fn save(
    app: &AppContext,
    actor: &Actor,
    command: SaveCommand<'_>,
    reservation: Option<&Reservation>,
) -> Result<Written, RequestError> {
    admit(app, actor.tenant, async |admission, mut tx| {
        let now = app.clock.now();
        let tenant = tenants::find(&mut tx, actor.tenant).await?;
        let SavePlan { rows, cancelled } = command.plan(&mut tx, actor, &tenant, now).await?;
        drop(tx);
        let rows = read_comments(app, &tenant, rows).await?;
        let found =
            |read: &ReadRow| read.row.new_identifiers().chain(read.comment.identifiers().cloned()).collect::<Vec<_>>();
        let wanted: HashSet<_> = rows.iter().flat_map(found).collect();
        // A call that names nobody new leaves the vault alone.
        let ids =
            if wanted.is_empty() { Resolved::new() } else { admission.resolve(&wanted, |_| HashSet::new()).await? };
        let revise = |row| revise(row, &ids, (&actor.name, &tenant.settings.external_systems), now);
        let mut revisions: Vec<_> = rows.into_iter().map(revise).collect();
        command.check_attested(&tenant, &revisions)?;
        preview::count(app, actor.tenant, &mut revisions).await?;
        let decisions = Decisions::of(app, actor.tenant, &revisions, &cancelled).await?;
        let plan = WritePlan { revisions, cancelled, decisions, reservation };
        write(app, actor, admission.enter().await?, plan, now).await
    })
    .await
}

impl SaveCommand<'_> {
    async fn plan(
        self,
        tx: &mut Tx<Archive>,
        actor: &Actor,
        tenant: &Tenant,
        now: DateTime<Utc>,
    ) -> Result<SavePlan, RequestError> {
        let mut plan = SavePlan::default();
        match self {
            Self::Create(new) => {
                let known = known_interactions(tx, actor, new.interaction_ids.as_deref()).await?;
                let row = ValidatedRequest::of_new(new, (tenant, &known), now, "");
                plan.rows.push(row.map_err(RequestError::Invalid)?);
            }
            Self::Change(id, expected, patch) => {
                let before = changeable(tx, tenant.id, id, expected).await?;
                let named = patch.interaction_ids.value().map(Vec::as_slice);
                let known = known_interactions(tx, actor, named).await?;
                let row = ValidatedRequest::of_patch(patch, before, (tenant, &known), now, "");
                plan.rows.push(row.map_err(RequestError::Invalid)?);
            }
            Self::Cancel(id, expected) => plan.cancelled.push(changeable(tx, tenant.id, id, expected).await?.request),
            Self::Batch(batch) => {
                let stored = load::by_ids(tx, tenant.id, &batch.named()).await?;
                let known = known_interactions(tx, actor, batch.interaction_ids()).await?;
                plan = batch.plan((tenant, &known), now, stored)?;
            }
            Self::Import(rows) => {
                let known = known_interactions(tx, actor, rows.interaction_ids()).await?;
                plan = rows.plan(tenant, known, now).await?;
            }
        }
        Ok(plan)
    }

    /// Checks that no change has lost an attestation that the tenant requires.
    fn check_attested(self, tenant: &Tenant, revisions: &[Revision]) -> Result<(), RequestError> {
        let is_lost = |one: &&Revision| one.loses_attestation() && tenant.settings.attestation_required;
        let error = |one: &Revision| {
            let at = match self {
                Self::Batch(batch) => batch.pointer_of(one.after.request.id),
                _ => String::new(),
            };
            let rule = "send how the wish of the other customer was verified: method, by, and on";
            FieldError::at("/attestation", "required", rule).within(&at)
        };
        let errors: Vec<_> = revisions.iter().filter(is_lost).map(error).collect();
        if errors.is_empty() { Ok(()) } else { Err(RequestError::Invalid(errors)) }
    }
}

/// The interactions of the tenant among those that rows name, with their customers. A list that is too long is left out,
/// since it is refused.
///
/// A pass that unlinks one of these customers afterwards keeps the identifiers, because it looks for references again
/// after it has changed the epoch, and this attempt only writes under the epoch that it has read.
pub async fn known_interactions(
    tx: &mut Tx<Archive>,
    actor: &Actor,
    lists: impl IntoIterator<Item = &[String]>,
) -> Result<KnownInteractions, RequestError> {
    let lists = lists.into_iter().filter(|list| list.len() <= MOST_INTERACTIONS);
    let ids: BTreeSet<RecordId> = lists.flatten().filter_map(|raw| interaction_id(&actor.form, raw)).collect();
    let found = customers(tx, actor.tenant, &ids.into_iter().collect::<Vec<_>>()).await?;
    let found = found.into_iter().map(|one| NamedInteraction { id: one.id, phone: one.phone_id, email: one.email_id });
    Ok(KnownInteractions::new(actor.form.clone(), found))
}

/// A request that may be changed: it exists, has the expected version, and no pass has begun it. They are checked in this
/// order.
pub async fn changeable(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    id: RequestId,
    expected: &Versions,
) -> Result<StoredRequest, RequestError> {
    let stored = load::by_ids(tx, tenant, &[id]).await?.pop().ok_or(RequestError::NotFound)?;
    expected.check(stored.request.version)?;
    stored.request.check_open()?;
    Ok(stored)
}

/// A row with its texts after the search for identifiers.
pub struct ReadRow {
    pub row: ValidatedRequest,
    pub comment: Comment,
    pub reference: Option<String>,
    pub case: Case,
}

/// Searches the comments and the references of all rows for identifiers.
pub async fn read_comments(
    app: &AppContext,
    tenant: &Tenant,
    rows: Vec<ValidatedRequest>,
) -> Result<Vec<ReadRow>, RequestError> {
    let known = known_customers(app, tenant.id, &rows).await?;
    let tenant = tenant.clone();
    let bytes = rows.iter().map(comment_bytes).sum();
    let read = move |row: ValidatedRequest| {
        let comment = Comment::of(&row, &tenant, &known);
        let reference = reference::of(&row, &tenant, &known);
        let case = case::of(&row, &tenant, &known);
        ReadRow { row, comment, reference, case }
    };
    Ok(work::run(bytes, move || rows.into_iter().map(read).collect()).await)
}

/// The customers of requests with a new comment or reference, as the vault knows them. The finder needs them.
async fn known_customers(
    app: &AppContext,
    tenant: TenantId,
    rows: &[ValidatedRequest],
) -> Result<KnownCustomers, RequestError> {
    let is_rewritten = |row: &&ValidatedRequest| {
        row.comment.value().is_some() || row.reference.value().is_some() || case::is_rewritten(row)
    };
    let rewritten: Vec<_> = rows.iter().filter(is_rewritten).collect();
    if rewritten.is_empty() {
        return Ok(KnownCustomers::default());
    }
    let keyset = app.keysets.get(&app.vault, tenant).await?;
    let entered: HashSet<Identifier> = rewritten.iter().flat_map(|row| row.new_identifiers()).collect();
    let stays: HashSet<_> = rewritten.iter().flat_map(|row| [row.kept_phone(), row.kept_email()]).flatten().collect();
    let mut tx = app.vault.read().await?;
    let found = vault::find(&mut tx, &keyset, &entered).await?;
    let kept = vault::open(&mut tx, &keyset, stays).await?;
    drop(tx);
    let mut known = KnownCustomers { kept, found, names: HashMap::new() };
    let ids: BTreeSet<_> = rewritten.iter().flat_map(|row| known.ids(row)).collect();
    known.names = customer::names(app, tenant, &ids.into_iter().collect::<Vec<_>>()).await?;
    Ok(known)
}

/// The length of the texts that are searched for a row: the stored comment and the new one.
fn comment_bytes(row: &ValidatedRequest) -> usize {
    let stored = row.before.as_ref().and_then(|stored| stored.request.comment.as_ref());
    stored.map_or(0, String::len) + row.comment.value().map_or(0, String::len)
}

/// Applies a row to its request. If nothing changes, the version stays.
fn revise(
    ReadRow { row, comment, reference, case }: ReadRow,
    ids: &Resolved,
    (user, systems): (&str, &[ExternalSystem]),
    now: DateTime<Utc>,
) -> Revision {
    let new = |identifier: Option<Identifier>| ids.get(&identifier?).copied();
    let (kept_phone, kept_email) = (row.kept_phone(), row.kept_email());
    let ValidatedRequest { before, phone, email, interactions, to_date, entry_day, due_at, .. } = row;
    let ValidatedRequest {
        comment: _, reference: _, targets, delete_content, case: _, keeps_attestation, preview, ..
    } = row;
    let stored = before.as_ref().map(|stored| &stored.request);
    let request = Request {
        id: stored.map_or_else(RequestId::new, |stored| stored.id),
        phone: kept_phone.or_else(|| new(phone.into_value().map(Identifier::Phone))),
        email: kept_email.or_else(|| new(email.into_value().map(Identifier::Email))),
        phone_mask: None,
        email_mask: None,
        to_date,
        entry_day,
        due_at,
        comment: comment.text.clone(),
        reference,
        interaction_count: i32::try_from(interactions.len()).unwrap_or(i32::MAX),
        targets,
        delete_content,
        case,
        status: Status::Waiting,
        user_name: stored.map_or(user, |stored| stored.user_name.as_str()).to_owned(),
        attempts: 0,
        last_error: stored.and_then(|stored| stored.last_error.clone()),
        created_at: stored.map_or(now, |stored| stored.created_at),
        updated_at: stored.map_or(now, |stored| stored.updated_at),
        done_at: None,
        version: stored.map_or(1, |stored| stored.version),
    };
    let checklist = match &before {
        Some(before) => {
            let by = request.case.received_on - before.request.case.received_on;
            due::moved(before.checklist.clone(), by)
        }
        None => checklist::of_new(systems, request.case.received_on),
    };
    let mut after = StoredRequest {
        request,
        interactions,
        checklist,
        mentions: comment.mentions(ids),
        counts: BTreeMap::new(),
        content: ContentOutcome::default(),
        delivered_files: Vec::new(),
        preview: before.as_ref().map_or_else(|| preview.then(BTreeMap::new), |before| before.preview.clone()),
    };
    // The attestation is of the customer who was named before, and not of another one.
    if keeps_attestation && before.as_ref().is_some_and(|before| after.names_others_than(before)) {
        after.request.case.attestation = None;
    }
    if before.as_ref().is_some_and(|before| *before != after) {
        after.request.version += 1;
        after.request.updated_at = now;
    }
    Revision { before, after }
}

/// The rows that an attempt writes.
struct WritePlan<'a> {
    revisions: Vec<Revision>,
    cancelled: Vec<Request>,
    decisions: Decisions,
    reservation: Option<&'a Reservation>,
}

/// Writes the requests, their mentions, the outcome of the idempotency key, and the audit rows in one transaction.
async fn write(
    app: &AppContext,
    actor: &Actor,
    mut tx: Tx<Archive>,
    plan: WritePlan<'_>,
    now: DateTime<Utc>,
) -> Result<Written, RequestError> {
    let WritePlan { revisions, cancelled, decisions, reservation } = plan;
    let (tenant, cancelled) = (actor.tenant, cancelled.as_slice());
    let created: Vec<_> = revisions.iter().filter(|one| one.is_new()).map(|one| &one.after.request).collect();
    let entered: Vec<_> = created.iter().map(|one| json!({ "request_id": one.id, "status": "waiting" })).collect();
    let changed: Vec<_> = revisions.iter().filter(|one| one.is_change()).map(|one| &one.after.request).collect();
    sql::insert(&mut tx, tenant, &created).await?;
    let updated = sql::update(&mut tx, tenant, &changed, now).await?;
    let deleted = sql::delete(&mut tx, tenant, cancelled).await?;
    if updated != changed.len() as u64 || deleted != cancelled.len() as u64 {
        // Another call has changed one of them since it was read.
        return Err(StoreError::Contended.into());
    }
    write_interactions(&mut tx, tenant, &revisions, cancelled).await?;
    checklist::insert(&mut tx, tenant, revisions.iter().filter(|one| one.is_new()).map(|one| &one.after)).await?;
    due::reschedule(&mut tx, tenant, &revisions).await?;
    checklist::delete(&mut tx, tenant, &cancelled.iter().map(|one| one.id).collect::<Vec<_>>()).await?;
    preview::write(&mut tx, tenant, &revisions, cancelled).await?;
    let remade: Vec<_> = revisions.iter().filter(|one| one.changes_mentions()).collect();
    let gone = remade.iter().map(|one| one.after.request.id.0).chain(cancelled.iter().map(|one| one.id.0));
    mentions::delete(&mut tx, tenant, Owner::Request, &gone.collect::<Vec<_>>()).await?;
    let said = revisions.iter().filter(|one| one.is_new()).chain(remade.iter().copied());
    let said: Vec<_> = said.flat_map(|one| new_mentions(&one.after)).collect();
    mentions::insert(&mut tx, tenant, Owner::Request, &said).await?;
    outbox::publish(&mut tx, tenant, EventKind::AnonymizeRequestCreated, entered, now).await?;
    let entries = trail::entries(&revisions, cancelled);
    let (created, updated): (Vec<_>, Vec<_>) = revisions.into_iter().partition(Revision::is_new);
    let stored = |revisions: Vec<Revision>| revisions.into_iter().map(|one| one.after).collect();
    let deleted = cancelled.iter().map(|request| request.id).collect();
    let requests = Saved { created: stored(created), updated: stored(updated), deleted };
    if let Some(reservation) = reservation {
        idempotency::settle(&mut tx, reservation, &requests.ids()).await?;
    }
    let known = decisions.append(app, tenant).await?;
    journal::insert(&mut tx, tenant, &known).await?;
    let grant = trail::commit(tx, app.clock, actor, entries).await?;
    Ok(Written { requests, grant })
}

/// Writes the interactions that new and changed requests name, and deletes those that they named before.
async fn write_interactions(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    revisions: &[Revision],
    cancelled: &[Request],
) -> Result<(), StoreError> {
    let renamed = revisions.iter().filter(|one| one.changes_interactions()).map(|one| one.after.request.id);
    let gone: Vec<_> = renamed.chain(cancelled.iter().map(|one| one.id)).collect();
    sql::delete_interactions(tx, tenant, &gone).await?;
    let naming = revisions.iter().filter(|one| one.is_new() || one.changes_interactions()).map(|one| &one.after);
    let named = naming.flat_map(|one| one.interactions.iter().map(|named| (one.request.id, *named)));
    sql::insert_interactions(tx, tenant, &named.collect::<Vec<_>>()).await
}

fn new_mentions(stored: &StoredRequest) -> impl Iterator<Item = NewMention> {
    let Request { id, created_at, .. } = stored.request;
    stored.mentions.iter().map(move |mention| NewMention { record: id.0, at: created_at, mention: *mention })
}
