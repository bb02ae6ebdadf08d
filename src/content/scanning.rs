//! Content for the residue scan and for copies: the rows in their order, and texts as they are stored.

use std::collections::HashSet;

use super::ContentStore;
use super::model::ContentError;
use super::reading::opened;
use super::sql;
use crate::base::crypto::CryptoError;
use crate::base::id::{ContentId, RecordId, TenantId};
use crate::content_rows::Content;
use crate::objects::ObjectError;
use crate::store::{Archive, Result, Tx};
use crate::vault::{AppContext, Keyset};

/// The next content after one, by id.
pub async fn after(tx: &mut Tx<Archive>, tenant: TenantId, after: ContentId, limit: i64) -> Result<Vec<Content>> {
    sql::after(tx, tenant, after, limit).await
}

/// The content of some interactions.
pub async fn of_interactions(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[RecordId]) -> Result<Vec<Content>> {
    if ids.is_empty() { Ok(Vec::new()) } else { sql::of_all(tx, tenant, ids).await }
}

/// The interactions with content among some interactions, in their order.
pub async fn with_content(tx: &mut Tx<Archive>, tenant: TenantId, mut ids: Vec<RecordId>) -> Result<Vec<RecordId>> {
    let found: HashSet<RecordId> = sql::with_content(tx, tenant, &ids, None, None).await?.into_iter().collect();
    ids.retain(|id| found.contains(id));
    Ok(ids)
}

/// A text as it is stored, with placeholders. It is none if its object is missing, unreadable, or being deleted.
pub async fn stored_text(
    stores: &AppContext,
    content_store: &ContentStore,
    keyset: &Keyset,
    content: &Content,
) -> std::result::Result<Option<String>, ContentError> {
    let _share = stores.memory.text(content.stored_size.saturating_mul(2)).await?;
    let reading = opened(stores, content_store, keyset, content, 0..content.stored_size).await;
    let mut reading = match reading {
        Err(
            ContentError::Unknown
            | ContentError::Object(ObjectError::Missing)
            | ContentError::Crypto(CryptoError::Unopened),
        ) => return Ok(None),
        reading => reading?,
    };
    let mut stored = Vec::with_capacity(usize::try_from(content.stored_size).unwrap_or_default());
    while let Some(bytes) = reading.next().await? {
        stored.extend_from_slice(&bytes);
    }
    Ok(Some(String::from_utf8_lossy(&stored).into_owned()))
}
