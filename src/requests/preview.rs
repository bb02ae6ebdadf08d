//! The preview: the matches of a request before it is entered, by the selector of the pass (A27).

use pii::text::Own;
use serde_json::json;

use super::comment::Comment;
use super::entry::{NewRequest, ValidatedRequest};
use super::model::{ContentCounts, Preview, RequestError, RequestNotice, selecting_keys};
use super::save::known_interactions;
use super::sql;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::target::Target;
use crate::vault::{self, AppContext};
use crate::{archive, content, delivery, tenants};

/// Counts the matches of a request. The vault creates no identifier. The audit log notes the preview as a search.
pub async fn preview(app: &AppContext, actor: &Actor, new: &NewRequest) -> Result<Preview, RequestError> {
    let mut tx = app.archive.read().await?;
    let mut tenant = tenants::find(&mut tx, actor.tenant).await?.ok_or(RequestError::TenantUnknown)?;
    // The preview may come before the customer's wish is verified.
    tenant.settings.attestation_required = false;
    let interactions = known_interactions(&mut tx, actor.tenant, new.interaction_ids.as_deref()).await?;
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
    // Content belongs to interactions, and interactions belong to the target archive.
    let (content, files) = if targets.contains(Target::Archive) {
        let selected: Vec<_> = keys(Target::Archive).map(|id| (id, due_at)).collect();
        let content = content::of_customers(&mut tx, actor.tenant, &selected).await?;
        (content, delivery::files_of(&mut tx, actor.tenant, &selected).await?)
    } else {
        (ContentCounts::new(), 0)
    };
    drop(tx);
    let records: u64 = matches.iter().map(|(_, hits)| hits.records).sum();
    let mut kinds: Vec<_> = identifiers.iter().map(|one| one.kind().as_str()).collect();
    kinds.extend(interactions.first().map(|_| "interaction"));
    let entry = Entry::new(
        Action::RequestPreviewed,
        usize::try_from(records).unwrap_or(usize::MAX),
        json!({ "by": kinds, "targets": targets.words() }),
    );
    audit::commit(app.archive.write().await?, app.clock, actor, &entry).await?;
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
    ];
    let warnings = warnings.into_iter().filter(|(applies, _)| *applies).map(|(_, warning)| warning).collect();
    Ok(Preview { targets: matches, content, warnings })
}
