//! Saving requests: one way for a single one and for a batch, through the epoch fence.
//!
//! An attempt reads the requests, plans, lets the vault learn the identifiers, and writes with the versions that it has
//! read. When the epoch or a request has changed meanwhile, nothing is written, and the next attempt begins anew.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use pii::text::{Finder, Own};
use pii::{Identifier, Region};

use super::batch::Batch;
use super::comment::Comment;
use super::entry::{Change, NewRequest, PatchField, ValidatedRequest};
use super::model::{ContentOutcome, KeptOutcome, Record, Request, RequestError, Status};
use super::{journal, load, sql};
use crate::archive::mentions::{self, NewMention, Owner};
use crate::audit::Grant;
use crate::base::actor::Actor;
use crate::base::id::{IdentifierId, RequestId, TenantId};
use crate::base::work;
use crate::idempotency::{self, Reservation};
use crate::store::{Archive, StoreError, Tx};
use crate::tenants::{self, Tenant};
use crate::vault::{self, Admission, AppContext, Resolved, admit};

/// What a change must find: an error where the version that is there is not the one that is meant.
pub type Condition<'a> = &'a (dyn Fn(i64) -> Result<(), RequestError> + Sync);

/// What a call asks to be saved.
#[derive(Clone, Copy)]
pub enum Command<'a> {
    Create(&'a NewRequest),
    Change(RequestId, Condition<'a>, &'a Change),
    Cancel(RequestId, Condition<'a>),
    Batch(&'a Batch),
}

/// What is to be saved: read and checked.
#[derive(Default)]
pub struct Plan {
    pub create: Vec<ValidatedRequest>,
    /// Requests to be changed: what they are, and what they are to be.
    pub update: Vec<(Record, ValidatedRequest)>,
    pub delete: Vec<Request>,
}

pub struct Written {
    pub created: Vec<Record>,
    /// The requests that were to be changed, as they are now.
    pub updated: Vec<Record>,
    pub deleted: Vec<RequestId>,
    /// Permission to show them, if anything was written.
    pub grant: Option<Grant>,
}

/// Saves what a call asks for: all of it or nothing.
pub async fn save(
    stores: &AppContext,
    actor: &Actor,
    ask: Command<'_>,
    reservation: Option<&Reservation>,
) -> Result<Written, RequestError> {
    let attempt = async |admission, mut tx| {
        let tenant = tenants::find(&mut tx, actor.tenant).await?.ok_or(RequestError::TenantUnknown)?;
        let plan = ask.plan(&mut tx, &tenant, stores.clock.now()).await?;
        drop(tx);
        SaveAttempt { stores, actor, tenant, admission }.run(plan, reservation).await
    };
    admit(stores, actor.tenant, attempt).await
}

impl Command<'_> {
    async fn plan(self, tx: &mut Tx<Archive>, tenant: &Tenant, now: DateTime<Utc>) -> Result<Plan, RequestError> {
        Ok(match self {
            Self::Create(new) => {
                let draft = ValidatedRequest::of_new(new, tenant, now, "").map_err(RequestError::Invalid)?;
                Plan { create: vec![draft], ..Plan::default() }
            }
            Self::Change(id, condition, change) => {
                let record = changeable(tx, tenant.id, id, condition).await?;
                let draft =
                    ValidatedRequest::of_change(change, &record.request, tenant, "").map_err(RequestError::Invalid)?;
                Plan { update: vec![(record, draft)], ..Plan::default() }
            }
            Self::Cancel(id, condition) => {
                Plan { delete: vec![changeable(tx, tenant.id, id, condition).await?.request], ..Plan::default() }
            }
            Self::Batch(batch) => {
                batch.check_size()?;
                let known = load::by_ids(tx, tenant.id, &batch.named()).await?;
                batch.plan(tenant, now, known)?
            }
        })
    }
}

/// A request that may be changed: it is there, of the version that is meant, and not begun; in this order.
pub async fn changeable(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    id: RequestId,
    condition: Condition<'_>,
) -> Result<Record, RequestError> {
    let record = load::by_ids(tx, tenant, &[id]).await?.pop().ok_or(RequestError::NotFound)?;
    condition(record.request.version)?;
    record.request.check_open()?;
    Ok(record)
}

struct SaveAttempt<'a> {
    stores: &'a AppContext,
    actor: &'a Actor,
    tenant: Tenant,
    admission: Admission<'a>,
}

/// A draft whose comment was read; the request it changes, if it is not new.
struct ReadRequest {
    before: Option<Record>,
    draft: ValidatedRequest,
    comment: Comment,
}

fn read_comment(
    region: Region,
    before: Option<Record>,
    draft: ValidatedRequest,
    kept: &HashMap<IdentifierId, Identifier>,
) -> ReadRequest {
    let own = |id: Option<IdentifierId>| id.and_then(|id| kept.get(&id)).cloned();
    let phone = match (&draft.phone, own(kept_id(&draft.phone))) {
        (PatchField::Set(phone), _) => phone.clone(),
        (_, Some(Identifier::Phone(phone))) => Some(phone),
        _ => None,
    };
    let email = match (&draft.email, own(kept_id(&draft.email))) {
        (PatchField::Set(email), _) => email.clone(),
        (_, Some(Identifier::Email(email))) => Some(email),
        _ => None,
    };
    let finder = || Finder::new(region, Own { phone, email, name: None });
    let is_anothers =
        matches!(draft.phone, PatchField::Set(Some(_))) || matches!(draft.email, PatchField::Set(Some(_)));
    let comment = match (&draft.comment, &before) {
        (PatchField::Set(Some(text)), _) => Comment::read(&finder(), text),
        (PatchField::Set(None), _) | (PatchField::Kept(()), None) => Comment::default(),
        (PatchField::Kept(()), Some(Record { request, mentions, .. })) => match &request.comment {
            Some(text) if is_anothers => Comment::read_again(&finder(), text, mentions.clone()),
            text => Comment::kept(text.clone(), mentions.clone()),
        },
    };
    ReadRequest { before, draft, comment }
}

/// How long a comment is that was written anew.
fn comment_bytes(draft: &ValidatedRequest) -> usize {
    match &draft.comment {
        PatchField::Set(Some(text)) => text.len(),
        PatchField::Set(None) | PatchField::Kept(()) => 0,
    }
}

impl SaveAttempt<'_> {
    async fn run(&self, plan: Plan, reservation: Option<&Reservation>) -> Result<Written, RequestError> {
        let Plan { create, update, delete } = plan;
        let own = self.kept_identifiers(&update).await?;
        let region = self.tenant.region;
        let kept = |record: &Record| record.request.comment.as_ref().map_or(0, String::len);
        let kept: usize = update.iter().map(|(record, _)| kept(record)).sum();
        let drafts = create.iter().chain(update.iter().map(|(_, draft)| draft));
        let bytes = kept + drafts.map(comment_bytes).sum::<usize>();
        let read = move || -> (Vec<_>, Vec<_>) {
            let create = create.into_iter().map(|draft| read_comment(region, None, draft, &own)).collect();
            let update = update.into_iter().map(|(record, draft)| read_comment(region, Some(record), draft, &own));
            (create, update.collect())
        };
        let (create, update) = work::run(bytes, read).await;
        let ids = self.resolve(create.iter().chain(&update)).await?;
        let now = self.stores.clock.now();
        let created = create.into_iter().map(|ready| self.entered(ready, &ids, now)).collect();
        let updated = update.into_iter().filter_map(|ready| changed(ready, &ids, now)).collect();
        self.write(created, updated, delete, now, reservation).await
    }

    /// The identifiers that stay, of requests whose comment is written anew: they are looked for in it.
    async fn kept_identifiers(
        &self,
        update: &[(Record, ValidatedRequest)],
    ) -> Result<HashMap<IdentifierId, Identifier>, RequestError> {
        let kept = |(_, draft): &(Record, ValidatedRequest)| match draft.comment {
            PatchField::Set(Some(_)) => [kept_id(&draft.phone), kept_id(&draft.email)],
            _ => [None, None],
        };
        let ids: Vec<_> = update.iter().flat_map(kept).flatten().collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let keyset = self.stores.keysets.get(&self.stores.vault, self.actor.tenant).await?;
        Ok(vault::open(&mut self.stores.vault.read().await?, &keyset, ids).await?)
    }

    async fn resolve(&self, rows: impl Iterator<Item = &ReadRequest>) -> Result<Resolved, RequestError> {
        let mut wanted = HashSet::new();
        for ReadRequest { draft, comment, .. } in rows {
            wanted.extend(new_phone(draft));
            wanted.extend(new_email(draft));
            wanted.extend(comment.identifiers().cloned());
        }
        if wanted.is_empty() {
            return Ok(Resolved::new());
        }
        Ok(self.admission.resolve(&wanted, |_| HashSet::new()).await?)
    }

    fn entered(&self, ready: ReadRequest, ids: &Resolved, now: DateTime<Utc>) -> Record {
        let ReadRequest { before: _, draft, comment } = ready;
        let request = Request {
            id: RequestId::new(),
            phone: new_phone(&draft).and_then(|one| ids.get(&one).copied()),
            email: new_email(&draft).and_then(|one| ids.get(&one).copied()),
            phone_mask: None,
            email_mask: None,
            to_date: draft.to_date,
            entry_day: draft.entry_day,
            due_at: draft.due_at,
            comment: comment.text.clone(),
            targets: draft.targets,
            delete_content: draft.delete_content,
            status: Status::Waiting,
            user_name: self.actor.name.clone(),
            attempts: 0,
            last_error: None,
            created_at: now,
            updated_at: now,
            done_at: None,
            version: 1,
        };
        Record {
            request,
            mentions: comment.mentions(ids),
            counts: BTreeMap::new(),
            content: ContentOutcome::default(),
            delivered_files: Vec::new(),
        }
    }

    async fn write(
        &self,
        created: Vec<Record>,
        updated: Vec<(Record, Record)>,
        deleted: Vec<Request>,
        now: DateTime<Utc>,
        reservation: Option<&Reservation>,
    ) -> Result<Written, RequestError> {
        let tenant = self.actor.tenant;
        let mut tx = self.admission.enter().await?;
        let news: Vec<_> = created.iter().map(|record| &record.request).collect();
        let changes: Vec<_> = updated.iter().filter(|(before, after)| before != after).collect();
        let rows: Vec<_> = changes.iter().map(|(_, after)| &after.request).collect();
        sql::insert(&mut tx, tenant, &news).await?;
        let wrote = sql::update(&mut tx, tenant, &rows, now).await?;
        let removed = sql::delete(&mut tx, tenant, &deleted).await?;
        if wrote != rows.len() as u64 || removed != deleted.len() as u64 {
            return Err(StoreError::Contended.into());
        }
        let anew =
            || changes.iter().filter(|(before, after)| before.mentions != after.mentions).map(|(_, after)| after);
        let gone: Vec<_> = anew().map(|after| after.request.id.0).chain(deleted.iter().map(|one| one.id.0)).collect();
        mentions::delete(&mut tx, tenant, Owner::Request, &gone).await?;
        let said: Vec<_> = created.iter().chain(anew()).flat_map(new_mentions).collect();
        mentions::insert(&mut tx, tenant, Owner::Request, &said).await?;
        let entries = journal::entries(&created, &changes, &deleted);
        let updated: Vec<_> = updated.into_iter().map(|(_, after)| after).collect();
        let deleted: Vec<_> = deleted.iter().map(|request| request.id).collect();
        if let Some(reservation) = reservation {
            let answer = KeptOutcome { created: ids(&created), updated: ids(&updated), deleted: deleted.clone() };
            idempotency::settle(&mut tx, reservation, &answer).await?;
        }
        let grant = journal::commit(tx, self.stores.clock, self.actor, entries).await?;
        Ok(Written { created, updated, deleted, grant })
    }
}

fn ids(records: &[Record]) -> Vec<RequestId> {
    records.iter().map(|record| record.request.id).collect()
}

const fn kept_id<T>(slot: &PatchField<Option<IdentifierId>, T>) -> Option<IdentifierId> {
    match slot {
        PatchField::Kept(id) => *id,
        PatchField::Set(_) => None,
    }
}

fn new_phone(draft: &ValidatedRequest) -> Option<Identifier> {
    match &draft.phone {
        PatchField::Set(Some(phone)) => Some(Identifier::Phone(phone.clone())),
        _ => None,
    }
}

fn new_email(draft: &ValidatedRequest) -> Option<Identifier> {
    match &draft.email {
        PatchField::Set(Some(email)) => Some(Identifier::Email(email.clone())),
        _ => None,
    }
}

/// A request before and after a change. A change of nothing keeps the version.
fn changed(ready: ReadRequest, ids: &Resolved, now: DateTime<Utc>) -> Option<(Record, Record)> {
    let ReadRequest { before, draft, comment } = ready;
    let before = before?;
    let known = |one: Option<Identifier>| one.and_then(|one| ids.get(&one).copied());
    let mut after = before.clone();
    let request = &mut after.request;
    request.phone = kept_id(&draft.phone).or_else(|| known(new_phone(&draft)));
    request.email = kept_id(&draft.email).or_else(|| known(new_email(&draft)));
    request.to_date = draft.to_date;
    request.due_at = draft.due_at;
    request.comment.clone_from(&comment.text);
    request.targets = draft.targets;
    request.delete_content = draft.delete_content;
    after.mentions = comment.mentions(ids);
    if after != before {
        after.request.version += 1;
        after.request.updated_at = now;
    }
    Some((before, after))
}

fn new_mentions(record: &Record) -> impl Iterator<Item = NewMention> {
    let Request { id, created_at, .. } = record.request;
    record.mentions.iter().map(move |mention| NewMention { record: id.0, at: created_at, mention: *mention })
}
