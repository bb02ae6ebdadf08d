//! Texts of a restored archive: its rows name objects that were replaced by rescans after the backup. The object that
//! took the place of such an object is in the store, and its key is in the vault.
//!
//! The mentions of the newer object are lost with the archive. Its placeholders for them read `Anonymized`.

use std::cmp::Reverse;
use std::collections::HashSet;

use uuid::Uuid;

use super::sql;
use crate::base::chunks::ChunkLayout;
use crate::base::id::{ContentId, ObjectId, TenantId};
use crate::content::ContentStore;
use crate::content::model::ContentError;
use crate::content_rows::passes;
use crate::objects::ObjectError;
use crate::vault::{self, AppContext};

/// How many rows are compared with the vault at a time.
const PAGE: i64 = 1_000;

/// Gives each text whose key is gone its newest object. Returns the number of such texts. To repeat it changes nothing.
pub async fn find_replaced(
    stores: &AppContext,
    content_store: &ContentStore,
    tenant: TenantId,
) -> Result<u64, ContentError> {
    let (mut found, mut after) = (0, ContentId(Uuid::nil()));
    loop {
        let rows = passes::after(&mut stores.archive.read().await?, tenant, after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(found) };
        after = last.id;
        found += adopt_newest(stores, content_store, tenant, &rows).await?.len() as u64;
    }
}

/// Gives some rows their newest objects if their own keys are gone. Returns the objects that the rows named before.
pub async fn adopt_newest(
    stores: &AppContext,
    content_store: &ContentStore,
    tenant: TenantId,
    rows: &[ObjectId],
) -> Result<HashSet<ObjectId>, ContentError> {
    let ids: Vec<ContentId> = rows.iter().map(|row| row.id).collect();
    let mut keys = vault::keys_of_contents(&mut stores.vault.read().await?, tenant, &ids).await?;
    let with_key: HashSet<ObjectId> = keys.iter().copied().collect();
    keys.sort_unstable_by_key(|key| (key.id, Reverse(key.generation)));
    let mut adopted = HashSet::new();
    for row in rows.iter().filter(|row| !with_key.contains(row)) {
        let newer = keys.iter().filter(|key| key.id == row.id && key.generation > row.generation);
        for object in newer {
            let sealed = match content_store.objects.size(tenant, *object).await {
                // A rescan that was killed left a key without an object.
                Err(ObjectError::Missing) => continue,
                sealed => sealed?,
            };
            let size = ChunkLayout::of_sealed(sealed).and_then(|layout| i64::try_from(layout.size).ok());
            let Some(size) = size else { continue };
            let mut tx = stores.archive.write().await?;
            if sql::replace(&mut tx, tenant, *row, object.generation, size).await? > 0 {
                adopted.insert(*row);
            }
            tx.commit().await?;
            break;
        }
    }
    Ok(adopted)
}
