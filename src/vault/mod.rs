//! The vault: the only place with identifiers. They are sealed, and found by a keyed hash (D3).
//!
//! All other rooms refer to a person by an [`IdentifierId`]. A value leaves the vault in clear only through [`reveal`],
//! which needs a [`Grant`]. Masks leave it for done requests.

mod admission;
mod content;
mod erasures;
mod http;
mod journal_keys;
mod key_sql;
mod keyset;
mod master;
mod model;
mod recipient_keys;
mod rotation;
mod scanning;
mod secret;
mod signing;
mod sql;
mod stores;
mod webhook_secret;

use std::collections::{BTreeMap, HashMap, HashSet};

use pii::Identifier;
use pii::mask;

use crate::audit::Grant;
use crate::base::crypto::BlindIndex;
use crate::base::id::{IdentifierId, RequestId, TenantId};
use crate::store::{Sql, Tx, Vault};

pub use admission::{Admission, Contended, Erasures, Identified, Resolved, admit, erasures as erasures_of};
pub use content::{content_key, drop_keys_of_contents, keep_content_key, keys_of_contents};
pub use erasures::{erased_identifiers, old_erasures};
pub use journal_keys::has_keys;
pub use keyset::{Keyset, Keysets, fingerprint};
pub use master::{MasterKey, MasterKeys};
pub use model::{Described, Erasure, FoundAgain, LostIdentifier, NewErasure, RepeatedErasure, VaultError};
pub use recipient_keys::{drop_recipient_keys, keep_recipient_key, recipient_key};
pub use rotation::{
    KeyStatus, Rewrapped, delete_unused_keys, has_older_key, keys, next_version, reseal_content_keys,
    reseal_delivery_secret, reseal_identifiers, rewrap, rotate,
};
pub use scanning::{ErasedHash, HashesOf, erased, hashes, identified};
pub use secret::{DeliverySecret, delivery_secret, drop_delivery_secret, keep_delivery_secret};
pub use signing::{SigningPurpose, SigningVersion};
pub use sql::{drop_content_keys, walk_content_keys};
pub use stores::AppContext;
pub use webhook_secret::{
    drop_expired_webhook_secrets, drop_webhook_secrets, keep_webhook_secret, reseal_webhook_secrets,
    rotate_webhook_secret, webhook_secrets,
};

/// Removes deleted identifiers and keys from free pages.
pub const SCRUB: Sql = Sql::per("VACUUM identifiers, content_keys", "");

/// Rewrites the few pages of wrapped keys, so that no page contains a deleted key.
pub const SCRUB_KEYS: Sql = Sql::per("VACUUM FULL keysets", "");

/// The ids of the identifiers that the vault knows. It creates none.
pub async fn find(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    identifiers: impl IntoIterator<Item = &Identifier>,
) -> Result<Resolved, VaultError> {
    let wanted = keyset.indexed(identifiers);
    let known = sql::by_index(tx, keyset.tenant, wanted.keys().copied()).await?;
    Ok(with_ids(wanted, |index| Some(known.get(index)?.id)))
}

/// Identifiers with the ids of their hashes, as far as these have one.
fn with_ids(
    wanted: BTreeMap<BlindIndex, Vec<&Identifier>>,
    id: impl Fn(&BlindIndex) -> Option<IdentifierId>,
) -> Resolved {
    let known = wanted.into_iter().filter_map(|(index, spellings)| Some((spellings, id(&index)?)));
    known.flat_map(|(spellings, id)| spellings.into_iter().map(move |one| (one.clone(), id))).collect()
}

/// The ids of the identifiers that the vault knows by their keyed hashes.
pub async fn find_again(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    hashes: impl Iterator<Item = BlindIndex>,
) -> Result<HashMap<BlindIndex, IdentifierId>, VaultError> {
    let known = sql::by_index(tx, tenant, hashes).await?;
    Ok(known.into_iter().map(|(index, one)| (index, one.id)).collect())
}

/// Writes that some identifiers are forgotten up to a cut-off. To repeat it changes nothing.
pub async fn erase(tx: &mut Tx<Vault>, tenant: TenantId, erasures: &[NewErasure]) -> Result<(), VaultError> {
    for chunk in erasures.chunks(sql::INSERT_CHUNK) {
        erasures::insert_erasures(tx, tenant, chunk).await?;
    }
    Ok(())
}

/// Deletes the erasures of purged requests.
pub async fn drop_erasures(tx: &mut Tx<Vault>, tenant: TenantId, requests: &[RequestId]) -> Result<u64, VaultError> {
    Ok(erasures::delete_erasures(tx, tenant, requests).await?)
}

/// Identifiers in clear, for the call with a committed audit row. An id that the vault does not know is left out.
pub async fn reveal(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    grant: &Grant,
    ids: impl IntoIterator<Item = IdentifierId>,
) -> Result<HashMap<IdentifierId, String>, VaultError> {
    let mut clear = HashMap::new();
    for row in rows(tx, keyset, ids).await? {
        clear.insert(row.id, grant.reveal(&keyset.open(&row)?));
    }
    Ok(clear)
}

/// Identifiers as types that cannot be shown, to search a text for them. An id that the vault does not know is left out.
pub async fn open(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    ids: impl IntoIterator<Item = IdentifierId>,
) -> Result<HashMap<IdentifierId, Identifier>, VaultError> {
    let rows = rows(tx, keyset, ids).await?;
    rows.iter().map(|row| Ok((row.id, keyset.open(row)?))).collect()
}

/// The masks of identifiers (A8). The mask of an unreadable value is `None`. An id that the vault does not know is left out.
pub async fn masks(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    ids: impl IntoIterator<Item = IdentifierId>,
) -> Result<HashMap<IdentifierId, Option<String>>, VaultError> {
    let rows = rows(tx, keyset, ids).await?;
    let masked = |row: &sql::IdentifierRow| keyset.open(row).ok().map(|identifier| mask(keyset::text_of(&identifier)));
    Ok(rows.iter().map(|row| (row.id, masked(row))).collect())
}

/// Some of these ids: the ones that the vault has, with a value or without one.
pub async fn ids_among(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    ids: impl IntoIterator<Item = IdentifierId>,
) -> Result<HashSet<IdentifierId>, VaultError> {
    Ok(sql::by_id(tx, tenant, ids).await?.into_iter().map(|row| row.id).collect())
}

/// Creates identifiers that a restored vault has lost, under the ids by which the archive knows them. Their values are
/// lost until they are sent again. A second call changes nothing.
pub async fn reserve(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    lost: impl IntoIterator<Item = LostIdentifier>,
) -> Result<(), VaultError> {
    let (key_version, _) = keyset.newest()?;
    let row = |LostIdentifier { id, kind, index }| sql::NewIdentifier {
        id,
        kind,
        bound_to: None,
        index,
        sealed: Vec::new(),
        key_version,
    };
    let rows: Vec<_> = lost.into_iter().map(row).collect();
    for chunk in rows.chunks(sql::INSERT_CHUNK) {
        sql::insert(tx, keyset.tenant, chunk).await?;
    }
    Ok(())
}

/// Gives an identifier another id, under which its value is sealed anew. An identifier that cannot be read is deleted, and
/// its hash is free for the other id.
pub async fn replace_id(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    old: IdentifierId,
    new: IdentifierId,
) -> Result<(), VaultError> {
    let Some(row) = rows(tx, keyset, [old]).await?.pop() else { return Ok(()) };
    sql::set_retired(tx, keyset.tenant, &[old], true).await?;
    sql::delete_retired(tx, keyset.tenant, &[old]).await?;
    if let Ok(identifier) = keyset.open(&row) {
        let row = keyset.sealed_row(new, keyset.index(&identifier), &identifier)?;
        sql::insert(tx, keyset.tenant, &[row]).await?;
    }
    Ok(())
}

/// The rows of identifiers, all of which the keyset can open. One that is only reserved is left out.
async fn rows(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    ids: impl IntoIterator<Item = IdentifierId>,
) -> Result<Vec<sql::IdentifierRow>, VaultError> {
    let mut rows = sql::by_id(tx, keyset.tenant, ids).await?;
    rows.retain(|row| !row.sealed.is_empty());
    keyset.learn(tx, rows.iter().map(|row| row.key_version)).await?;
    Ok(rows)
}

/// Identifiers as the erasure journal describes them. One that the vault does not know or cannot read is left out.
pub async fn describe(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    ids: impl IntoIterator<Item = IdentifierId>,
) -> Result<HashMap<IdentifierId, Described>, VaultError> {
    let rows = rows(tx, keyset, ids).await?;
    let described = |row: &sql::IdentifierRow| {
        let identifier = keyset.open(row).ok()?;
        let (index, mask) = (keyset.index(&identifier), mask(keyset::text_of(&identifier)));
        Some((row.id, Described { kind: row.kind, index, mask }))
    };
    Ok(rows.iter().filter_map(described).collect())
}

/// Writes erasures again that a restored vault lacks. To repeat it changes nothing.
pub async fn erase_again(tx: &mut Tx<Vault>, tenant: TenantId, erasures: &[RepeatedErasure]) -> Result<(), VaultError> {
    for chunk in erasures.chunks(sql::INSERT_CHUNK) {
        erasures::repeat_erasures(tx, tenant, chunk).await?;
    }
    Ok(())
}

/// Marks orphan identifiers as retired. A write that resolves one clears the mark.
pub async fn retire(tx: &mut Tx<Vault>, tenant: TenantId, ids: &[IdentifierId]) -> Result<u64, VaultError> {
    Ok(sql::set_retired(tx, tenant, ids, true).await?)
}

/// Clears the mark of identifiers that a row still refers to.
pub async fn keep(tx: &mut Tx<Vault>, tenant: TenantId, ids: &[IdentifierId]) -> Result<u64, VaultError> {
    Ok(sql::set_retired(tx, tenant, ids, false).await?)
}

/// Deletes the identifiers that are still retired.
pub async fn delete_retired(tx: &mut Tx<Vault>, tenant: TenantId, ids: &[IdentifierId]) -> Result<u64, VaultError> {
    Ok(sql::delete_retired(tx, tenant, ids).await?)
}

/// The next ids of the vault after one, in their order. The pass checks them for orphans.
pub async fn walk(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    after: IdentifierId,
    limit: u32,
) -> Result<Vec<IdentifierId>, VaultError> {
    Ok(sql::walk(tx, tenant, after, limit).await?)
}
