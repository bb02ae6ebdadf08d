//! What somebody sees of requests. Identifiers are shown in clear only to those who may read them, or who have just
//! entered them, and only for an audit row that was committed; a call reveals a page in one go.

use std::collections::{BTreeSet, HashMap};

use pii::Kind;
use pii::mask;
use pii::text::fill_text;
use serde_json::json;

use super::model::{ContentOutcome, Outcome, Record, RenderedRequest, RequestError, Status, Warning};
use crate::archive::mentions::Mention;
use crate::audit::{self, Action, Entry, Grant};
use crate::base::actor::{Actor, Scope};
use crate::base::id::{IdentifierId, RequestId};
use crate::base::target::Target;
use crate::vault::{self, AppContext};

#[derive(Clone, Copy)]
pub enum Disclosure<'a> {
    /// In clear: the call's audit row was committed already.
    Granted(&'a Grant),
    /// In clear: the call is about to be audited as reading.
    Audited,
    /// Masked: the caller may write requests, but not read them.
    Masked,
}

impl<'a> Disclosure<'a> {
    /// How a caller sees requests that others may have entered.
    pub fn of(actor: &Actor, grant: Option<&'a Grant>) -> Self {
        match grant {
            _ if !actor.may(Scope::RequestsRead) => Self::Masked,
            Some(grant) => Self::Granted(grant),
            None => Self::Audited,
        }
    }
}

/// The requests as they are shown, in their order.
pub async fn show(
    stores: &AppContext,
    actor: &Actor,
    disclosure: Disclosure<'_>,
    records: Vec<Record>,
) -> Result<Vec<RenderedRequest>, RequestError> {
    let ids: BTreeSet<_> = records.iter().flat_map(identifiers).collect();
    // Where only masks are left, nothing is revealed and nothing is audited.
    let values = if ids.is_empty() { HashMap::new() } else { values(stores, actor, disclosure, &records, ids).await? };
    Ok(records.into_iter().map(|record| shown(record, &values)).collect())
}

/// The identifiers that a request still has.
fn identifiers(record: &Record) -> impl Iterator<Item = IdentifierId> {
    let Record { request, mentions, counts: _, content: _, delivered_files: _ } = record;
    let said = mentions.iter().filter_map(|mention| mention.identifier);
    request.phone.into_iter().chain(request.email).chain(said)
}

async fn values(
    stores: &AppContext,
    actor: &Actor,
    disclosure: Disclosure<'_>,
    records: &[Record],
    ids: BTreeSet<IdentifierId>,
) -> Result<HashMap<IdentifierId, String>, RequestError> {
    let keyset = stores.keysets.get(&stores.vault, actor.tenant).await?;
    let audited;
    let grant = match disclosure {
        Disclosure::Granted(grant) => grant,
        Disclosure::Audited => {
            let read: Vec<RequestId> = records.iter().map(|record| record.request.id).collect();
            let entry = Entry::new(Action::RequestsRead, read.len(), json!({ "requests": read }));
            audited = audit::commit(stores.archive.write().await?, stores.clock, actor, &entry).await?;
            &audited
        }
        Disclosure::Masked => {
            let masks = vault::masks(&mut stores.vault.read().await?, &keyset, ids).await?;
            return Ok(masks.into_iter().filter_map(|(id, mask)| Some((id, mask?))).collect());
        }
    };
    Ok(vault::reveal(&mut stores.vault.read().await?, &keyset, grant, ids).await?)
}

fn shown(record: Record, values: &HashMap<IdentifierId, String>) -> RenderedRequest {
    let Record { request, mentions, counts, content, delivered_files } = record;
    // An identifier that is gone although its id was just there: the night has come in between.
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
    let is_told = request.delete_content && request.targets.contains(Target::Archive);
    let content = Some(content).filter(|content| is_told || *content != ContentOutcome::default());
    let outcome = || Outcome { targets: request.targets.iter().map(count).collect(), content, delivered_files };
    RenderedRequest {
        comment: request.comment.as_ref().map(fill),
        result: is_done.then(outcome),
        warnings: if mentions.is_empty() { Vec::new() } else { vec![Warning::CommentHasIdentifier] },
        phone_number,
        email,
        request,
    }
}
