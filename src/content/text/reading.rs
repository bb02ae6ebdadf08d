//! Texts on their way out, by a view: identified, pseudonymous, or with every identifier `Anonymized`.

use std::collections::HashMap;
use std::ops::Range;

use pii::ANONYMIZED;
use pii::text::document::{Filled, Format};
use serde_json::json;

use super::super::model::ContentError;
use super::super::reading::{Access, read};
use super::super::{ContentStore, sql as contents};
use super::{at_work, rescan, sql};
use crate::archive::View;
use crate::archive::hidden::hide_text;
use crate::archive::mentions::{self, Mention, Owner};
use crate::audit::{self, Entry, Grant};
use crate::base::actor::Actor;
use crate::base::crypto::Sha256;
use crate::base::hex::hex;
use crate::base::id::{ContentId, IdentifierId, TenantId, Token};
use crate::base::memory::MemoryShare;
use crate::base::recipient::TokenForm;
use crate::content_rows::Content;
use crate::store::StoreError;
use crate::tenants;
use crate::vault::{self, AppContext, Keyset};

/// How much of a text is made at once on its way out, in bytes.
const PART: usize = 64 << 10;

/// A text that is replaced this often while it is read is replaced for another reason than a rescan.
const ATTEMPTS: u64 = 20;

type MentionValues = Box<dyn Fn(usize) -> String + Send + Sync>;

/// A text as a view shows it. It is made piece by piece.
pub struct RenderedText {
    filled: Filled<MentionValues>,
    /// How long it is, in bytes.
    pub size: u64,
    /// A keyed hash of the text, in hexadecimal digits. It differs by view, and it changes when a pass forgets.
    pub tag: String,
    /// The memory of the text, until its reader has it.
    pub share: Option<MemoryShare>,
}

impl RenderedText {
    /// A range of its bytes.
    #[must_use]
    pub const fn range(self, range: Range<u64>) -> ShownRange {
        ShownRange { shown: self, from: Some(0), skip: range.start, left: range.end - range.start }
    }
}

/// A range of a rendered text.
pub struct ShownRange {
    shown: RenderedText,
    /// The position of the next part in the stored text.
    from: Option<usize>,
    /// The number of bytes before the range.
    skip: u64,
    left: u64,
}

impl Iterator for ShownRange {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        while self.left > 0 {
            let mut part = String::new();
            self.from = self.shown.filled.part(self.from?, PART, &mut part);
            let mut part = part.into_bytes();
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(part.len());
            self.skip -= skipped as u64;
            part.drain(..skipped);
            part.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= part.len() as u64;
            if !part.is_empty() {
                return Some(part);
            }
        }
        None
    }
}

/// The whole text in a view, after the audit log knows of it.
pub async fn show_text(
    stores: &AppContext,
    content_store: &ContentStore,
    actor: &Actor,
    content: &Content,
    access: Access,
    view: View,
) -> Result<RenderedText, ContentError> {
    let Access { action, reason, by_ticket } = access;
    let detail = json!({
        "content_id": content.id, "kind": content.kind,
        "sensitivity": content.sensitivity, "view": view, "ticket": by_ticket,
    });
    let entry = Entry::new(action, 1, detail).of_interaction(content.interaction).purpose(reason);
    let grant = audit::commit(stores.archive.write_brief().await?, stores.clock, actor, &entry).await?;
    let keyset = stores.keysets.get(&stores.vault, actor.tenant).await?;
    text_with(stores, content_store, &keyset, content.id, TextValues::OfView(view, &actor.form), &grant).await
}

/// The values that a text shows for its identifiers.
pub enum TextValues<'v> {
    OfView(View, &'v TokenForm),
    /// The text that this gives for an identifier.
    Given(&'v mut (dyn FnMut(IdentifierId) -> String + Send)),
}

/// The whole text, under the grant of a committed audit row.
pub async fn text_with(
    stores: &AppContext,
    content_store: &ContentStore,
    keyset: &Keyset,
    id: ContentId,
    mut values: TextValues<'_>,
    grant: &Grant,
) -> Result<RenderedText, ContentError> {
    for _ in 0..ATTEMPTS {
        let content = current(stores, content_store, keyset.tenant, id).await?;
        let shown = show(stores, content_store, keyset, &content, &mut values, grant).await;
        // Somebody else may have read it again meanwhile: then this is what it was before, or nothing.
        let now = contents::by_id(&mut stores.archive.read().await?, keyset.tenant, id).await?;
        if now.ok_or(ContentError::Unknown)?.generation == content.generation {
            return shown;
        }
    }
    Err(StoreError::Contended.into())
}

impl TextValues<'_> {
    /// The text of each placeholder that does not read `Anonymized`.
    async fn of(
        &mut self,
        stores: &AppContext,
        keyset: &Keyset,
        mentions: Vec<Mention>,
        grant: &Grant,
    ) -> Result<HashMap<usize, String>, ContentError> {
        let clear = if matches!(self, Self::OfView(View::Identified, _)) {
            let ids: Vec<_> = mentions.iter().filter_map(|mention| mention.identifier).collect();
            vault::reveal(&mut stores.vault.read().await?, keyset, grant, ids).await?
        } else {
            HashMap::new()
        };
        let value = |Mention { n, kind, identifier }| {
            let id = identifier?;
            let value = match self {
                Self::OfView(View::Anonymized, _) => None,
                Self::OfView(View::Pseudonymous, form) => Some(form.show_token(Token { kind, id }).to_string()),
                // Gone from the vault since the mention was read: forgotten.
                Self::OfView(View::Identified, _) => clear.get(&id).cloned(),
                Self::Given(text_of) => Some(text_of(id)),
            };
            Some((usize::try_from(n).ok()?, value?))
        };
        Ok(mentions.into_iter().filter_map(value).collect())
    }
}

async fn show(
    stores: &AppContext,
    content_store: &ContentStore,
    keyset: &Keyset,
    content: &Content,
    values: &mut TextValues<'_>,
    grant: &Grant,
) -> Result<RenderedText, ContentError> {
    let (tenant, id) = (keyset.tenant, content.id);
    let broken = |column: &str| StoreError::Inconsistent(format!("contents.{column} of {id}"));
    let format = Format::of(&content.media_type).ok_or_else(|| broken("media_type"))?;
    let mut tx = stores.archive.read().await?;
    let mut mentions = mentions::of(&mut tx, tenant, Owner::Content, &[id.0]).await?.remove(&id.0).unwrap_or_default();
    let settings = tenants::find(&mut tx, tenant).await?;
    // A customer's own copy has the values of a customer who is hidden from users.
    if matches!(values, TextValues::OfView(..)) {
        hide_text(&mut tx, (&settings, stores.hiding), content.interaction, &mut mentions).await?;
    }
    drop(tx);
    let values = values.of(stores, keyset, mentions, grant).await?;
    // Beside the text, the keys of JSON are noted: each takes less than it is long.
    let share = stores.memory.text(content.stored_size.saturating_mul(2)).await?;
    let mut reading = read(stores, content_store, tenant, content, 0..content.stored_size, grant).await?;
    let mut stored = Vec::with_capacity(usize::try_from(content.stored_size).unwrap_or_default());
    while let Some(bytes) = reading.next().await? {
        stored.extend_from_slice(&bytes);
    }
    let stored = String::from_utf8(stored).map_err(|_| broken("object"))?;
    let show: MentionValues = Box::new(move |n| values.get(&n).cloned().unwrap_or_else(|| ANONYMIZED.to_owned()));
    let (filled, size, sha256) = at_work(move || {
        let filled = Filled::new(format, stored, show);
        let (mut sha256, mut size, mut from) = (Sha256::new(), 0, Some(0));
        while let Some(at) = from {
            let mut part = String::new();
            from = filled.part(at, PART, &mut part);
            sha256.update(part.as_bytes());
            size += part.len() as u64;
        }
        (filled, size, sha256.finish())
    })
    .await?;
    let tag = hex(&keyset.hash("content", &hex(&sha256)).0[..16]);
    Ok(RenderedText { filled, size, tag, share: Some(share) })
}

/// The text after a rescan for all identifiers that its interaction has learned.
async fn current(
    stores: &AppContext,
    content_store: &ContentStore,
    tenant: TenantId,
    id: ContentId,
) -> Result<Content, ContentError> {
    let mut tx = stores.archive.read().await?;
    let content = contents::by_id(&mut tx, tenant, id).await?.ok_or(ContentError::Unknown)?;
    let pending = sql::pending_of(&mut tx, tenant, id).await?;
    drop(tx);
    if pending.is_empty() {
        return Ok(content);
    }
    rescan(stores, content_store, tenant, id).await?;
    contents::by_id(&mut stores.archive.read().await?, tenant, id).await?.ok_or(ContentError::Unknown)
}
