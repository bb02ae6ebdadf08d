//! Decisions of calls that the journal has and a database does not know: a killed process has left them, or a restore
//! has undone them. In both cases the decision was made, so it is carried out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;

use super::TenantLook;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::id::{IdentifierId, RequestId};
use crate::content::{self, ContentStore};
use crate::journal::{self, Body, KnownObject, ObjectKind};
use crate::nightly::model::PassResult;
use crate::nightly::steps::finish::ACTOR;
use crate::requests::repeat::{self, RepeatedRequest};
use crate::requests::repeat_holds;
use crate::vault::AppContext;

/// The age of a deletion of content from which on its call counts as ended.
pub const GRACE: TimeDelta = TimeDelta::seconds(60);

/// The decisions that were carried out.
#[derive(Debug, Default)]
pub struct Settled {
    pub cancelled: u64,
    pub edited: u64,
    /// Requests that were entered, and that the archive does not have.
    pub lost: Vec<RequestId>,
    pub content_deleted: u64,
    /// The holds that were placed or released again.
    pub holds: u64,
}

/// Carries the decisions out in their order. Deletions of content that are younger than `grace` are left to their calls.
/// `masks` are those of identifiers that may have left the vault.
pub async fn settle(
    app: &Arc<AppContext>,
    content_store: &Arc<ContentStore>,
    look: &TenantLook,
    grace: Option<TimeDelta>,
    masks: &BTreeMap<IdentifierId, String>,
) -> PassResult<Settled> {
    let mut settled = Settled::default();
    let superseded = superseded(app, look).await?;
    for object in &look.not_in_archive {
        match object.entry.kind {
            kind if kind.is_of_request() => {
                repeat_request(app, look, (object, &superseded), grace.is_none(), &mut settled).await?;
            }
            kind if kind.is_of_hold() => settled.holds += u64::from(repeat_hold(app, look, object, masks).await?),
            // A killed job has told what has expired.
            ObjectKind::Horizon => {
                let mut tx = app.archive.write().await?;
                journal::insert(&mut tx, look.tenant.id, &[object.entry]).await?;
                tx.commit().await?;
            }
            _ => {}
        }
    }
    if look.contents.is_empty() {
        return Ok(settled);
    }
    let keyset = app.keysets.get(&app.vault, look.tenant.id).await?;
    let actor = Actor::service(look.tenant.id, ACTOR);
    for id in &look.contents {
        let (header, ids) = app.journal.contents(keyset.journal(), *id).await?;
        let is_young = grace.is_some_and(|grace| header.at > app.clock.now() - grace);
        // A pass that was killed selects its content again.
        let is_resumed = header.pass.is_some_and(|pass| look.passes.contains_key(&pass)) && grace.is_some();
        if !is_young && !is_resumed {
            settled.content_deleted += content::delete_again(app, content_store, &actor, *id, &ids).await?;
        }
    }
    Ok(settled)
}

/// Places or releases a hold again. Returns whether that changed anything.
async fn repeat_hold(
    app: &AppContext,
    look: &TenantLook,
    object: &KnownObject,
    masks: &BTreeMap<IdentifierId, String>,
) -> PassResult<bool> {
    let actor = Actor::service(look.tenant.id, ACTOR);
    let keyset = app.keysets.get(&app.vault, look.tenant.id).await?;
    let body = app.journal.body(keyset.journal(), object.entry.seq).await?;
    Ok(repeat_holds::repeat(app, &actor, object.entry, &body, masks).await?)
}

/// The decisions about requests that never took effect, by their objects: a call was killed after it had created the
/// object, and a later object names a version of the request from before the decision.
async fn superseded(app: &AppContext, look: &TenantLook) -> PassResult<HashSet<(i64, RequestId)>> {
    let decides = |one: &&KnownObject| matches!(one.entry.kind, ObjectKind::Edited | ObjectKind::Cancelled);
    let names = |one: &&KnownObject| decides(one) || one.entry.kind == ObjectKind::Erasures;
    let mut superseded = HashSet::new();
    if look.not_in_archive.iter().filter(names).count() < 2 {
        return Ok(superseded);
    }
    let keyset = app.keysets.get(&app.vault, look.tenant.id).await?;
    let mut open: HashMap<RequestId, Vec<(i64, ObjectKind, i64)>> = HashMap::new();
    for object in look.not_in_archive.iter().filter(names) {
        let (seq, kind) = (object.entry.seq, object.entry.kind);
        let Body::Selections(selections) = app.journal.body(keyset.journal(), seq).await? else { continue };
        for request in RepeatedRequest::of(&selections) {
            let before = if kind == ObjectKind::Edited { request.version - 1 } else { request.version };
            let earlier = open.entry(request.id).or_default();
            let lost = earlier.iter().filter(|(_, kind, version)| *kind == ObjectKind::Cancelled || before < *version);
            superseded.extend(lost.map(|(seq, ..)| (*seq, request.id)));
            if decides(&object) {
                earlier.push((seq, kind, request.version));
            }
        }
    }
    Ok(superseded)
}

async fn repeat_request(
    app: &AppContext,
    look: &TenantLook,
    (object, superseded): (&KnownObject, &HashSet<(i64, RequestId)>),
    is_replay: bool,
    settled: &mut Settled,
) -> PassResult<()> {
    let tenant = look.tenant.id;
    let keyset = app.keysets.get(&app.vault, tenant).await?;
    let Body::Selections(selections) = app.journal.body(keyset.journal(), object.entry.seq).await? else {
        return Ok(());
    };
    let mut requests = RepeatedRequest::of(&selections);
    requests.retain(|one| !superseded.contains(&(object.entry.seq, one.id)));
    if object.entry.kind == ObjectKind::Cancelled {
        settled.lost.retain(|id| requests.iter().all(|one| one.id != *id));
    }
    let now = app.clock.now();
    let mut tx = app.archive.write().await?;
    let (action, changed) = match object.entry.kind {
        ObjectKind::Cancelled => (Action::RequestDeleted, repeat::cancel_again(&mut tx, tenant, &requests).await?),
        ObjectKind::Edited => (Action::RequestChanged, repeat::edit_again(&mut tx, tenant, &requests, now).await?),
        _ => {
            let ids: Vec<RequestId> = requests.iter().map(|one| one.id).collect();
            let existing = repeat::existing(&mut tx, tenant, &ids).await?;
            settled.lost.extend(ids.into_iter().filter(|id| !existing.contains(id)));
            (Action::RequestCreated, Vec::new())
        }
    };
    match action {
        Action::RequestDeleted => settled.cancelled += changed.len() as u64,
        Action::RequestChanged => settled.edited += changed.len() as u64,
        _ => {}
    }
    if !changed.is_empty() {
        let entry = Entry::new(action, changed.len(), json!({ "requests": changed, "because": "journal" }));
        audit::record(&mut tx, app.clock, &Actor::service(tenant, ACTOR), &entry).await?;
    }
    // A replay lists lost requests, also if it was killed before. So it writes these rows last.
    if object.entry.kind != ObjectKind::Entered || !is_replay {
        journal::insert(&mut tx, tenant, &[object.entry]).await?;
    }
    Ok(tx.commit().await?)
}
