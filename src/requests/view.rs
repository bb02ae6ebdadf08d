//! Renders requests. Identifiers are in clear only for callers who may read them or who have just entered them, and only
//! under a committed audit row. One call reveals the identifiers of a whole page at once.

use std::collections::{BTreeSet, HashMap};

use pii::Kind;
use pii::mask;
use pii::text::{MASK, fill_text};
use serde_json::json;

use super::case::Case;
use super::checklist::ChecklistItem;
use super::held;
use super::model::{ContentOutcome, RenderedRequest, RequestError, RequestOutcome, Status, StoredRequest};
use super::notice::RequestNotice;
use super::passes::ClaimedRequest;
use crate::archive::mentions::Mention;
use crate::audit::{self, Action, Entry, Grant};
use crate::base::actor::{Actor, Scope};
use crate::base::id::{IdentifierId, RecordId, RequestId};
use crate::base::target::Target;
use crate::vault::{self, AppContext};

#[derive(Clone, Copy)]
pub enum Disclosure<'a> {
    /// In clear: the audit row of the call is committed already.
    Granted(&'a Grant),
    /// In clear: the renderer writes an audit row for reading.
    Audited,
    /// Masked: the caller may write requests, but may not read them.
    Masked,
}

impl<'a> Disclosure<'a> {
    /// The disclosure of requests that others may have entered.
    pub fn of(actor: &Actor, grant: Option<&'a Grant>) -> Self {
        match grant {
            _ if !actor.may(Scope::RequestsRead) => Self::Masked,
            Some(grant) => Self::Granted(grant),
            None => Self::Audited,
        }
    }
}

/// Renders requests in their order.
pub async fn render(
    app: &AppContext,
    actor: &Actor,
    disclosure: Disclosure<'_>,
    requests: Vec<StoredRequest>,
) -> Result<Vec<RenderedRequest>, RequestError> {
    let ids: BTreeSet<_> = requests.iter().flat_map(identifiers).collect();
    // Requests with masks only reveal nothing, so nothing is audited.
    let values = if ids.is_empty() { HashMap::new() } else { values(app, actor, disclosure, &requests, ids).await? };
    let held = if actor.may(Scope::HoldsWrite) {
        let waiting = requests.iter().filter(|stored| stored.request.status == Status::Waiting);
        let waiting: Vec<_> = waiting.map(ClaimedRequest::from).collect();
        Some(held::count(&mut app.archive.read().await?, actor.tenant, &waiting).await?)
    } else {
        None
    };
    let render = |stored| {
        let rendered = rendered(actor, stored, &values, held.as_ref());
        if matches!(disclosure, Disclosure::Masked) { without_notes(rendered) } else { rendered }
    };
    Ok(requests.into_iter().map(render).collect())
}

/// A request without all that its users have written about the case and the customer, and without their names.
fn without_notes(rendered: RenderedRequest) -> RenderedRequest {
    let RenderedRequest { mut request, comment, checklist, .. } = rendered;
    request.reference = None;
    request.case = Case { extension_reason: None, attestation: None, ..request.case };
    request.user_name = mask("");
    let item = |item| ChecklistItem { done_by: None, evidence: None, ..item };
    let (comment, checklist) = (comment.map(|_| mask("")), checklist.into_iter().map(item).collect());
    RenderedRequest { request, comment, checklist, ..rendered }
}

/// The ids of interactions as a caller sees them.
pub fn shown_to(actor: &Actor, ids: impl IntoIterator<Item = RecordId>) -> Vec<RecordId> {
    ids.into_iter().map(|id| actor.form.show_record(id)).collect()
}

/// The ids of the identifiers that a request still has.
fn identifiers(stored: &StoredRequest) -> impl Iterator<Item = IdentifierId> {
    let StoredRequest {
        request,
        interactions: _,
        checklist: _,
        mentions,
        counts: _,
        content: _,
        delivered_files: _,
        preview: _,
    } = stored;
    let said = mentions.iter().filter_map(|mention| mention.identifier);
    request.phone.into_iter().chain(request.email).chain(said)
}

async fn values(
    app: &AppContext,
    actor: &Actor,
    disclosure: Disclosure<'_>,
    requests: &[StoredRequest],
    ids: BTreeSet<IdentifierId>,
) -> Result<HashMap<IdentifierId, String>, RequestError> {
    let keyset = app.keysets.get(&app.vault, actor.tenant).await?;
    let audited;
    let grant = match disclosure {
        Disclosure::Granted(grant) => grant,
        Disclosure::Audited => {
            let read: Vec<RequestId> = requests.iter().map(|stored| stored.request.id).collect();
            let entry = Entry::new(Action::RequestsRead, read.len(), json!({ "requests": read }));
            audited = audit::commit(app.archive.write_brief().await?, app.clock, actor, &entry).await?;
            &audited
        }
        Disclosure::Masked => {
            let masks = vault::masks(&mut app.vault.read().await?, &keyset, ids).await?;
            return Ok(masks.into_iter().filter_map(|(id, mask)| Some((id, mask?))).collect());
        }
    };
    Ok(vault::reveal(&mut app.vault.read().await?, &keyset, grant, ids).await?)
}

fn rendered(
    actor: &Actor,
    stored: StoredRequest,
    values: &HashMap<IdentifierId, String>,
    held: Option<&HashMap<RequestId, u64>>,
) -> RenderedRequest {
    let StoredRequest { request, interactions, checklist, mentions, counts, content, delivered_files, preview } =
        stored;
    // If an identifier is gone although its id was just read, a pass was faster.
    let value = |id: IdentifierId| values.get(&id).cloned().unwrap_or_else(|| mask(""));
    let phone_number = request.phone.map(value).or_else(|| request.phone_mask.clone());
    let email = request.email.map(value).or_else(|| request.email_mask.clone());
    let said = |mention: &Mention| match (mention.identifier, mention.kind) {
        (Some(id), _) => value(id),
        (None, Kind::Phone) => request.phone_mask.clone().unwrap_or_else(|| mask("")),
        (None, Kind::Email) => request.email_mask.clone().unwrap_or_else(|| mask("")),
        (None, Kind::Name) => mask(""),
    };
    let fill = |text: &String| {
        fill_text(text, |n| {
            let mention = mentions.iter().find(|mention| usize::try_from(mention.n) == Ok(n));
            mention.map_or_else(|| mask(""), said)
        })
    };
    let count = |target| (target, counts.get(&target).copied().unwrap_or_default());
    let is_done = request.status == Status::Done;
    let is_about_content = request.delete_content && request.targets.contains(Target::Archive);
    let content = Some(content).filter(|content| is_about_content || *content != ContentOutcome::default());
    let outcome = || RequestOutcome {
        targets: request.targets.iter().map(count).collect(),
        content,
        delivered_files,
        preview: preview.clone(),
    };
    let is_masked = request.reference.as_ref().is_some_and(|text| text.contains(MASK));
    let warnings =
        [(!mentions.is_empty(), RequestNotice::CommentHasIdentifier), (is_masked, RequestNotice::ReferenceMasked)];
    RenderedRequest {
        comment: request.comment.as_ref().map(fill),
        interactions: shown_to(actor, interactions.iter().map(|named| named.id)),
        checklist,
        result: is_done.then(outcome),
        preview: preview.clone(),
        held: held.and_then(|held| held.get(&request.id).copied()),
        warnings: warnings.into_iter().filter(|(applies, _)| *applies).map(|(_, warning)| warning).collect(),
        phone_number,
        email,
        request,
    }
}
