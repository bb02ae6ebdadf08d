//! Texts on their way out, by a view: identified, pseudonymous, or with every identifier `Anonymized`.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::json;

use super::super::model::{Content, ContentError};
use super::super::reading::{Access, read};
use super::super::{Shelf, sql as contents};
use super::{ROUNDS, at_work, reread, sql};
use crate::archive::View;
use crate::archive::mentions::{self, Mention, Owner};
use crate::audit::{self, Entry, Grant};
use crate::base::actor::Actor;
use crate::base::id::{ContentId, TenantId, Token};
use crate::base::text::document::{Format, fill};
use crate::store::StoreError;
use crate::vault::{self, Keyset, Stores};

/// What stands where an identifier was forgotten, or where the view shows none.
const ANONYMIZED: &str = "Anonymized";

/// A text as a view shows it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The text.
    pub text: String,
    /// A keyed hash of it, in hexadecimal digits: another one by another view, or after the night.
    pub tag: String,
}

/// The whole text in a view, after the audit log knows of it.
pub async fn show_text(
    stores: &Stores,
    shelf: &Shelf,
    actor: &Actor,
    content: &Content,
    access: Access,
    view: View,
) -> Result<Shown, ContentError> {
    let Access { action, reason, by_ticket } = access;
    let detail = json!({
        "content_id": content.id, "interaction_id": content.interaction, "kind": content.kind,
        "sensitivity": content.sensitivity, "view": view, "ticket": by_ticket,
    });
    let entry = Entry::new(action, 1, detail).purpose(reason);
    let grant = audit::commit(stores.archive.write().await?, stores.clock, actor, &entry).await?;
    let keyset = stores.keysets.get(&stores.vault, actor.tenant).await?;
    for _ in 0..ROUNDS {
        let content = current(stores, shelf, actor.tenant, content.id).await?;
        let shown = show(stores, shelf, &keyset, &content, view, &grant).await;
        // Somebody else may have read it again meanwhile: then this is what it was before, or nothing.
        let now = contents::by_id(&mut stores.archive.read().await?, actor.tenant, content.id).await?;
        if now.ok_or(ContentError::Unknown)?.object == content.object {
            return shown;
        }
    }
    Err(StoreError::Contended.into())
}

async fn show(
    stores: &Stores,
    shelf: &Shelf,
    keyset: &Keyset,
    content: &Content,
    view: View,
    grant: &Grant,
) -> Result<Shown, ContentError> {
    let (tenant, id) = (keyset.tenant, content.object);
    let broken = |column: &str| StoreError::Inconsistent(format!("contents.{column} of {id}"));
    let format = Format::of(&content.media_type).ok_or_else(|| broken("media_type"))?;
    let mut tx = stores.archive.read().await?;
    let mentions = mentions::of(&mut tx, tenant, Owner::Content, &[id.0]).await?.remove(&id.0).unwrap_or_default();
    drop(tx);
    let clear = if view == View::Identified {
        let ids: Vec<_> = mentions.iter().filter_map(|mention| mention.identifier).collect();
        vault::reveal(&mut stores.vault.read().await?, keyset, grant, ids).await?
    } else {
        HashMap::new()
    };
    let values: HashMap<usize, String> = mentions
        .into_iter()
        .filter_map(|Mention { n, kind, identifier }| {
            let id = identifier?;
            let value = match view {
                View::Anonymized => None,
                View::Pseudonymous => Some(Token { kind, id }.to_string()),
                // Gone from the vault since the mention was read: forgotten.
                View::Identified => clear.get(&id).cloned(),
            };
            Some((usize::try_from(n).ok()?, value?))
        })
        .collect();
    let mut reading = read(stores, shelf, tenant, content, 0..content.stored_size, grant).await?;
    let mut stored = Vec::with_capacity(usize::try_from(content.stored_size).unwrap_or_default());
    while let Some(bytes) = reading.next().await? {
        stored.extend_from_slice(&bytes);
    }
    let stored = String::from_utf8(stored).map_err(|_| broken("object"))?;
    let show = move |n| values.get(&n).cloned().unwrap_or_else(|| ANONYMIZED.to_owned());
    let text = at_work(move || fill(format, &stored, &show)).await??;
    let tag = keyset.hash("content", &text).0.iter().take(16).fold(String::new(), |mut tag, byte| {
        let _ = write!(tag, "{byte:02x}");
        tag
    });
    Ok(Shown { text, tag })
}

/// The text as it is once it was searched for everybody whom its interaction has learned since it came.
async fn current(stores: &Stores, shelf: &Shelf, tenant: TenantId, id: ContentId) -> Result<Content, ContentError> {
    let mut tx = stores.archive.read().await?;
    let content = contents::by_id(&mut tx, tenant, id).await?.ok_or(ContentError::Unknown)?;
    let unsought = sql::unsought(&mut tx, tenant, content.object).await?;
    drop(tx);
    if unsought.is_empty() {
        return Ok(content);
    }
    reread(stores, shelf, tenant, content.object).await?;
    contents::by_id(&mut stores.archive.read().await?, tenant, id).await?.ok_or(ContentError::Unknown)
}
