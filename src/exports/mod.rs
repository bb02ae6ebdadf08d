//! A customer's copy of their data (D13, Art. 15 GDPR): the records that a pass would select by a number or an address,
//! with the texts and recordings of the customer's interactions. Other people in it are numbered.
//!
//! A copy is an order, which another user approves. The ZIP file is made while it is downloaded, page by page, so that
//! nothing of it stays anywhere, and no copy outlives what it was made from. A download that runs when the customer is
//! forgotten breaks off.

mod compose;
pub mod http;
mod model;
mod page;
mod spool;
mod sql;
mod zip;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use pii::text::{Own, mask_names};
use pii::{Identifier, PersonName, Pii};
use serde_json::json;
use tokio::sync::mpsc;

use crate::archive::CustomerRecords;
use crate::archive::customer;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::day::local_day;
use crate::base::id::{ExportId, IdentifierId, TenantId};
use crate::base::page::Position;
use crate::base::target::Target;
use crate::base::ticket::{self, OpenedTicket};
use crate::content::{ContentStore, Once};
use crate::idempotency::{self, Call, IdempotencyKey};
use crate::store::{self, Archive, Reference, Tx};
use crate::tenants;
use crate::vault::{self, AppContext};

use compose::Composer;
pub use model::{Export, ExportError, ExportNotice, ExportStatus, Language, NewExport, Ordered};
use model::{IssuedTicket, LIFE, TICKET_LIFE, ValidatedExport};

/// The columns that contain ids of identifiers.
pub const REFERENCES: [Reference; 2] =
    [Reference::new("access_exports", "phone_id"), Reference::new("access_exports", "email_id")];

/// The associated data of a sealed ticket, so that no other sealed value is a ticket.
const PLACE: &[u8] = b"access export ticket";

/// How many pieces of a download may wait for its reader. A piece is a page of records, or a part of a long file.
const PIECES: usize = 1;

/// Orders a copy. The vault creates no identifier.
pub async fn create(
    app: &AppContext,
    actor: &Actor,
    new: &NewExport,
    once: Option<&Once>,
) -> Result<Export, ExportError> {
    let tenant = tenants::find(&mut app.archive.read().await?, actor.tenant).await?;
    let now = app.clock.now();
    let valid = new.validate((tenant.region, local_day(now, tenant.zone)), now).map_err(ExportError::Invalid)?;
    let ValidatedExport { phone, email, from, to, attestations, purpose, ticket } = valid;
    let keyset = app.keysets.get(&app.vault, actor.tenant).await?;
    let known = vault::find(&mut app.vault.read().await?, &keyset, phone.iter().chain(&email)).await?;
    let id_of = |identifier: &Option<Identifier>| identifier.as_ref().and_then(|one| known.get(one)).copied();
    let (phone_id, email_id) = (id_of(&phone), id_of(&email));
    let own = Own { phone: phone.and_then(phone_of), email: email.and_then(email_of), name: None };
    let keys: Vec<_> = [phone_id, email_id].into_iter().flatten().collect();
    let names = customer::names(app, actor.tenant, &keys).await?;
    let masked = |text: String| mask_names(&tenant.masked(own.clone(), &text), names.values().map(|(_, name)| name));
    let attestations: Vec<_> = attestations.into_iter().map(|one| one.map_texts(masked)).collect();
    let mut export = Export {
        id: ExportId::new(),
        phone_id,
        email_id,
        from,
        to,
        purpose: masked(purpose),
        ticket: ticket.map(masked),
        attestations: json!(attestations).to_string(),
        notices: Vec::new(),
        include_recordings: new.include_recordings,
        language: new.language,
        status: if tenant.settings.export_approval { ExportStatus::Waiting } else { ExportStatus::Ready },
        issuer: actor.issuer.clone(),
        requested_by: actor.sub.clone(),
        requested_by_name: actor.name.clone(),
        decided_by_name: None,
        decided_at: None,
        created_at: now,
        expires_at: now + LIFE,
    };
    export.notices = notices(app, &export, actor.tenant).await?;
    let detail = json!({ "export_id": export.id, "ticket": export.ticket });
    let entry = Entry::new(Action::ExportRequested, 0, detail).purpose(Some(export.purpose.clone()));
    let mut tx = app.archive.write().await?;
    sql::insert(&mut tx, actor.tenant, &export).await?;
    audit::record(&mut tx, app.clock, actor, &entry).await?;
    if let Some(once) = once {
        once.settle(&mut tx, &Ordered { id: export.id }).await?;
    }
    tx.commit().await?;
    once.into_iter().for_each(Once::end);
    drop_if_forgotten(app, &export, actor.tenant).await?;
    Ok(export)
}

/// Deletes an export whose customer a pass has forgotten since the vault was read. A later pass finds the export's row.
async fn drop_if_forgotten(app: &AppContext, export: &Export, tenant: TenantId) -> Result<(), ExportError> {
    let ids: Vec<_> = [export.phone_id, export.email_id].into_iter().flatten().collect();
    let keyset = app.keysets.get(&app.vault, tenant).await?;
    let known = vault::open(&mut app.vault.read().await?, &keyset, ids.iter().copied()).await?;
    if known.len() < ids.len() {
        let mut tx = app.archive.write().await?;
        delete_of(&mut tx, tenant, &ids).await?;
        tx.commit().await?;
    }
    Ok(())
}

fn phone_of(identifier: Identifier) -> Option<Pii<pii::Phone>> {
    if let Identifier::Phone(phone) = identifier { Some(phone) } else { None }
}

fn email_of(identifier: Identifier) -> Option<Pii<pii::Email>> {
    if let Identifier::Email(email) = identifier { Some(email) } else { None }
}

fn name_of(identifier: Identifier) -> Option<Pii<PersonName>> {
    if let Identifier::Name { name, .. } = identifier { Some(name.folded()) } else { None }
}

async fn notices(app: &AppContext, export: &Export, tenant: TenantId) -> Result<Vec<ExportNotice>, ExportError> {
    let records = records_of(export);
    if records.identifiers.is_empty() {
        return Ok(vec![ExportNotice::NothingFound]);
    }
    let mut tx = app.archive.read().await?;
    let (_, names) = records.own(&mut tx, tenant).await?;
    let found = count(&mut tx, tenant, &records).await?;
    drop(tx);
    // A name has an id for each number and address with which it came, and for each spelling.
    let keyset = app.keysets.get(&app.vault, tenant).await?;
    let names = vault::open(&mut app.vault.read().await?, &keyset, names).await?;
    let names: HashSet<_> = names.into_values().filter_map(name_of).collect();
    let notices = [(names.len() > 1, ExportNotice::SeveralNames), (found == 0, ExportNotice::NothingFound)];
    Ok(notices.into_iter().filter(|(applies, _)| *applies).map(|(_, notice)| notice).collect())
}

async fn count(tx: &mut Tx<Archive>, tenant: TenantId, records: &CustomerRecords) -> Result<u64, ExportError> {
    let mut count = 0;
    if !records.identifiers.is_empty() {
        for target in Target::ALL {
            count += records.count(tx, tenant, target).await?;
        }
    }
    Ok(count)
}

async fn counted(app: &AppContext, tenant: TenantId, records: &CustomerRecords) -> Result<u64, ExportError> {
    count(&mut app.archive.read().await?, tenant, records).await
}

/// All identifiers of the customer.
async fn own(
    app: &AppContext,
    tenant: TenantId,
    records: &CustomerRecords,
) -> Result<BTreeSet<IdentifierId>, ExportError> {
    if records.identifiers.is_empty() {
        return Ok(BTreeSet::new());
    }
    Ok(records.own(&mut app.archive.read().await?, tenant).await?.0)
}

fn records_of(export: &Export) -> CustomerRecords {
    CustomerRecords { identifiers: export.identifiers().collect(), from: export.from, to: export.to }
}

pub async fn find(app: &AppContext, tenant: TenantId, id: ExportId) -> Result<Export, ExportError> {
    let found = sql::by_id(&mut app.archive.read().await?, tenant, id, app.clock.now()).await?;
    found.ok_or(ExportError::NotFound)
}

/// A page of a tenant's exports, newest first.
pub async fn list(
    app: &AppContext,
    tenant: TenantId,
    status: Option<ExportStatus>,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Export>, ExportError> {
    Ok(sql::page(&mut app.archive.read().await?, tenant, status, app.clock.now(), after, limit).await?)
}

/// Approves or denies an export that another user has ordered. The attempt of that user is audited as refused.
pub async fn decide(app: &AppContext, actor: &Actor, id: ExportId, is_approved: bool) -> Result<Export, ExportError> {
    let export = find(app, actor.tenant, id).await?;
    let (status, action) = if is_approved {
        (ExportStatus::Ready, Action::ExportApproved)
    } else {
        (ExportStatus::Denied, Action::ExportDenied)
    };
    let mut entry = Entry::new(action, 0, json!({ "export_id": id }));
    entry.allowed = !export.is_of(actor);
    let mut tx = app.archive.write().await?;
    let decided = sql::decide(&mut tx, actor, id, status, app.clock.now()).await?;
    if decided == 0 && entry.allowed {
        return Err(ExportError::Decided);
    }
    audit::record(&mut tx, app.clock, actor, &entry).await?;
    tx.commit().await?;
    if decided == 0 {
        return Err(ExportError::OwnRequest);
    }
    find(app, actor.tenant, id).await
}

/// Issues an address that downloads an export once.
pub async fn issue_ticket(
    app: &AppContext,
    actor: &Actor,
    id: ExportId,
    key: Option<IdempotencyKey>,
) -> Result<Call<IssuedTicket, DateTime<Utc>>, ExportError> {
    let now = app.clock.now();
    idempotency::call(&app.archive, key, now, async |reservation| {
        if find(app, actor.tenant, id).await?.status != ExportStatus::Ready {
            return Err(ExportError::NotReady);
        }
        let (text, hash) = ticket::issue(&app.service_key().await?, PLACE, (actor.tenant, id.0))?;
        let expires_at = now + TICKET_LIFE;
        let mut tx = app.archive.write().await?;
        sql::insert_ticket(&mut tx, actor, &hash, id, expires_at).await?;
        if let Some(reservation) = reservation {
            idempotency::settle(&mut tx, reservation, &expires_at).await?;
        }
        tx.commit().await?;
        Ok((text, expires_at))
    })
    .await
}

/// Takes a ticket, and begins the download that it is for.
pub async fn redeem(
    app: &Arc<AppContext>,
    content_store: &Arc<ContentStore>,
    text: &str,
) -> Result<Download, ExportError> {
    let key = app.service_key().await?;
    let OpenedTicket { tenant, hash, .. } = ticket::read(&key, PLACE, text).ok_or(ExportError::NotFound)?;
    let mut tx = app.archive.write().await?;
    let taken = sql::take_ticket(&mut tx, tenant, &hash, app.clock.now()).await?.ok_or(ExportError::NotFound)?;
    tx.commit().await?;
    let sql::TicketRow { export_id, actor_sub, actor_name } = taken;
    let actor = Actor { sub: actor_sub, name: actor_name, ..Actor::service(tenant, "") };
    download(app, content_store, &actor, export_id).await.map_err(|error| match error {
        ExportError::NotReady => ExportError::NotFound,
        error => error,
    })
}

/// A download that has begun.
pub struct Download {
    pub id: ExportId,
    pub pieces: mpsc::Receiver<Result<Vec<u8>, ExportError>>,
}

/// Begins the download of an export for a user or a command. The audit row is committed first. If the receiver is
/// dropped, the work ends.
pub async fn download(
    app: &Arc<AppContext>,
    content_store: &Arc<ContentStore>,
    actor: &Actor,
    id: ExportId,
) -> Result<Download, ExportError> {
    let export = find(app, actor.tenant, id).await?;
    if export.status != ExportStatus::Ready {
        return Err(ExportError::NotReady);
    }
    let (tenant, records) = (tenants::find(&mut app.archive.read().await?, actor.tenant).await?, records_of(&export));
    let (expected, own) = tokio::try_join!(counted(app, tenant.id, &records), own(app, tenant.id, &records))?;
    let found = usize::try_from(expected).unwrap_or(usize::MAX);
    let entry = Entry::new(Action::ExportDownloaded, found, json!({ "export_id": id }));
    let entry = entry.purpose(Some(export.purpose.clone()));
    let grant = audit::commit(app.archive.write_brief().await?, app.clock, actor, &entry).await?;
    let share = app.memory.page().await?;
    let (to, pieces) = mpsc::channel(PIECES);
    let composer =
        Composer::new(app, content_store, tenant, (export, records, expected), (own, grant), to.clone()).await?;
    drop(share);
    tokio::spawn(async move {
        if let Err(error) = Box::pin(composer.run()).await {
            match error {
                _ if to.is_closed() => {}
                ExportError::Ended | ExportError::Changed => {
                    tracing::warn!(export.id = %id, %error, "The download of an export was interrupted");
                }
                _ => tracing::error!(export.id = %id, %error, "The download of an export failed"),
            }
            // The reader sees a broken response, and no file that looks whole.
            let _ = to.send(Err(error)).await;
        }
    });
    Ok(Download { id, pieces })
}

/// Deletes the exports of customers that a pass forgets. Returns how many.
pub async fn delete_of(tx: &mut Tx<Archive>, tenant: TenantId, identifiers: &[IdentifierId]) -> store::Result<u64> {
    sql::delete_of(tx, tenant, identifiers).await
}

/// How many exports of a customer can be downloaded, or wait for their approval.
pub async fn open_of(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    identifiers: &[IdentifierId],
    now: DateTime<Utc>,
) -> store::Result<u64> {
    sql::count_of(tx, tenant, identifiers, now).await
}

/// Deletes exports and tickets that have expired.
pub async fn expire(tx: &mut Tx<Archive>, tenant: TenantId, now: DateTime<Utc>) -> store::Result<u64> {
    sql::delete_expired(tx, tenant, now).await
}
