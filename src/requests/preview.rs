//! The preview: the matches of a request before it is entered, by the selector of the pass (A27).

use chrono::{DateTime, Utc};
use pii::text::Own;
use serde_json::json;

use super::comment::Comment;
use super::entry::{NewRequest, ValidatedRequest};
use super::held;
use super::model::{ContentCounts, NamedInteraction, Request, RequestError, Revision, StoredRequest, selecting_keys};
use super::notice::RequestNotice;
use super::passes::ClaimedRequest;
use super::save::known_interactions;
use super::{preview_sql, sql};
use crate::archive::{CustomerRecords, Hits};
use crate::audit::{self, Action, Entry};
use crate::base::actor::{Actor, Scope};
use crate::base::id::{IdentifierId, RequestId, TenantId};
use crate::base::target::{Target, Targets};
use crate::store::{Archive, StoreError, Tx};
use crate::vault::{self, AppContext};
use crate::{archive, content, delivery, exports, tenants};

/// The matches of a request before it is entered (A27).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The records that would be made anonymous, by target.
    pub targets: Vec<(Target, Hits)>,
    /// The content of the interactions whose customer would be forgotten, by kind.
    pub content: ContentCounts,
    /// The number of held records among them, for callers who may place holds.
    pub held: Option<u64>,
    pub warnings: Vec<RequestNotice>,
}

/// Counts the matches of those new requests whose user wanted it, as a preview does at this moment (N3).
pub async fn count(app: &AppContext, tenant: TenantId, revisions: &mut [Revision]) -> Result<(), RequestError> {
    for Revision { before, after } in revisions {
        let StoredRequest { request, interactions, preview: Some(preview), .. } = after else { continue };
        if before.is_some() {
            continue;
        }
        let mut tx = app.archive.read().await?;
        for target in request.targets.iter() {
            let own = request.phone.into_iter().chain(request.email);
            let keys: Vec<_> = selecting_keys(own, interactions, target).into_iter().collect();
            let matches = archive::preview(&mut tx, tenant, target, &keys, request.due_at).await?;
            preview.insert(target, matches.records);
        }
    }
    Ok(())
}

/// Writes the counts of new requests, and deletes those of cancelled ones.
pub async fn write(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    revisions: &[Revision],
    cancelled: &[Request],
) -> Result<(), StoreError> {
    let new = revisions.iter().filter(|one| one.is_new()).map(|one| &one.after);
    let counted = new.flat_map(|one| {
        let counts = one.preview.iter().flatten();
        counts.map(|(target, records)| (one.request.id, *target, *records))
    });
    preview_sql::insert_previews(tx, tenant, &counted.collect::<Vec<_>>()).await?;
    preview_sql::delete_previews(tx, tenant, &cancelled.iter().map(|one| one.id).collect::<Vec<_>>()).await?;
    Ok(())
}

/// The number of records that a request selects and a legal hold keeps, for an actor who places holds.
async fn held_by(tx: &mut Tx<Archive>, actor: &Actor, selecting: ClaimedRequest) -> Result<Option<u64>, RequestError> {
    if !actor.may(Scope::HoldsWrite) {
        return Ok(None);
    }
    Ok(Some(held::count(tx, actor.tenant, &[selecting]).await?.into_values().sum()))
}

/// The number of exports that a pass deletes with some customers: those by one of their identifiers, and those by another
/// identifier of the same records, which may lose its last record.
async fn open_exports(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    identifiers: Vec<IdentifierId>,
    due_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64, RequestError> {
    if identifiers.is_empty() {
        return Ok(0);
    }
    let records = CustomerRecords { identifiers, from: None, to: due_at };
    let (own, _) = records.own(tx, tenant).await?;
    Ok(exports::open_of(tx, tenant, &own.into_iter().collect::<Vec<_>>(), now).await?)
}

/// Counts the matches of a request. The vault creates no identifier. The audit log notes the preview as a search.
pub async fn preview(app: &AppContext, actor: &Actor, new: &NewRequest) -> Result<Preview, RequestError> {
    let mut tx = app.archive.read().await?;
    let mut tenant = tenants::find(&mut tx, actor.tenant).await?;
    // The preview may come before the customer's wish is verified.
    tenant.settings.attestation_required = false;
    let interactions = known_interactions(&mut tx, actor, new.interaction_ids.as_deref()).await?;
    drop(tx);
    let request = ValidatedRequest::of_new(new, (&tenant, &interactions), app.clock.now(), "");
    let request = request.map_err(RequestError::Invalid)?;
    let identifiers: Vec<_> = request.new_identifiers().collect();
    let ValidatedRequest { phone, email, interactions, comment, due_at, targets, delete_content, .. } = request;
    let keyset = app.keysets.get(&app.vault, actor.tenant).await?;
    let known = vault::find(&mut app.vault.read().await?, &keyset, &identifiers).await?;
    let keys = |target| selecting_keys(known.values().copied(), &interactions, target).into_iter();
    let mut tx = app.archive.read().await?;
    let named: Vec<_> = known.values().copied().collect();
    let waiting = sql::waiting_twice(&mut tx, actor.tenant, &named, 1).await?;
    let mut matches = Vec::new();
    for target in targets.iter() {
        matches.push((
            target,
            archive::preview(&mut tx, actor.tenant, target, &keys(target).collect::<Vec<_>>(), due_at).await?,
        ));
    }
    let mut ids = known.values().copied();
    let (id, phone_id, email_id) = (RequestId::new(), ids.next(), ids.next());
    let selected = interactions.clone();
    let selecting = ClaimedRequest { id, phone_id, email_id, due_at, targets, delete_content, interactions: selected };
    let held = held_by(&mut tx, actor, selecting).await?;
    // Content belongs to interactions, and interactions belong to the target archive.
    let (content, files) = if targets.contains(Target::Archive) {
        let selected: Vec<_> = keys(Target::Archive).map(|id| (id, due_at)).collect();
        let content = content::of_customers(&mut tx, actor.tenant, &selected).await?;
        (content, delivery::files_of(&mut tx, actor.tenant, &selected).await?)
    } else {
        (ContentCounts::new(), 0)
    };
    let customers = named.iter().copied().chain(interactions.iter().flat_map(NamedInteraction::identifiers)).collect();
    let exports = open_exports(&mut tx, actor.tenant, customers, due_at, app.clock.now()).await?;
    drop(tx);
    let records: u64 = matches.iter().map(|(_, hits)| hits.records).sum();
    let mut kinds: Vec<_> = identifiers.iter().map(|one| one.kind().as_str()).collect();
    kinds.extend(interactions.first().map(|_| "interaction"));
    let entry = entry(&kinds, targets, records);
    audit::commit(app.archive.write_brief().await?, app.clock, actor, &entry).await?;
    let own = Own { phone: phone.into_value(), email: email.into_value(), name: None };
    let comment = comment.value().map(|text| Comment::read(&tenant.finder(own), text, None));
    let of_content =
        if delete_content { RequestNotice::ContentWillBeDeleted } else { RequestNotice::ContentBecomesUnfindable };
    let warnings = [
        (comment.is_some_and(|comment| comment.has_identifier()), RequestNotice::CommentHasIdentifier),
        (!waiting.is_empty(), RequestNotice::DuplicateWaiting),
        (records == 0, RequestNotice::NothingFound),
        (!content.is_empty(), of_content(content.clone())),
        (files > 0, RequestNotice::FilesWereDelivered(files)),
        (exports > 0, RequestNotice::ExportOpen),
    ];
    let warnings = warnings.into_iter().filter(|(applies, _)| *applies).map(|(_, warning)| warning).collect();
    Ok(Preview { targets: matches, content, held, warnings })
}

/// The row of the audit log: it names the kinds of the criteria, never their values.
fn entry(kinds: &[&str], targets: Targets, records: u64) -> Entry {
    let detail = json!({ "by": kinds, "targets": targets.words() });
    Entry::new(Action::RequestPreviewed, usize::try_from(records).unwrap_or(usize::MAX), detail)
}
