//! Search by the columns of a record, by a token, or, through the vault's index, by number and address.

use std::collections::HashMap;

use pii::Kind;
use uuid::Uuid;

use super::existing;
use super::kinds::{Channel, RecordKind};
use super::mentions::{self, Owner};
use super::model::{ArchiveError, Record, Search};
use super::sql;
use crate::base::id::{IdentifierId, RecordId, TenantId};
use crate::base::page::Position;
use crate::store::{Archive, Tx};
use crate::vault::{self, AppContext};

/// A page of records. A number that the vault does not know and a number that was forgotten give the same result: an empty
/// page, without a read of the archive (A23).
pub async fn search<K: RecordKind>(
    app: &AppContext,
    tenant: TenantId,
    search: &Search,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Record<K>>, ArchiveError> {
    let mut any_of = Vec::new();
    if !search.identifiers.is_empty() {
        let keyset = app.keysets.get(&app.vault, tenant).await?;
        let known = vault::find(&mut app.vault.read().await?, &keyset, &search.identifiers).await?;
        if known.is_empty() {
            return Ok(Vec::new());
        }
        any_of.extend(known.iter().map(|(identifier, id)| (identifier.kind(), *id)));
    }
    let mut tx = app.archive.read().await?;
    let mut records = sql::page(&mut tx, tenant, (search, &any_of), after, limit).await?;
    attach_mentions(&mut tx, tenant, &mut records).await?;
    Ok(records)
}

/// The lines of the database's plan for a search, with the ids of its identifiers in `any_of`. No search may scan a table,
/// so a new filter is added to the test that calls this.
pub async fn plan<K: RecordKind>(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    search: &Search,
    any_of: &[(Kind, IdentifierId)],
    after: Option<Position>,
) -> Result<Vec<String>, ArchiveError> {
    Ok(sql::search::<K>(tx.query(""), tenant, (search, any_of), after, 50).plan().await?)
}

pub async fn find<K: RecordKind>(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    id: RecordId,
) -> Result<Option<Record<K>>, ArchiveError> {
    let mut records: Vec<Record<K>> = sql::by_id(tx, tenant, id).await?.into_iter().collect();
    attach_mentions(tx, tenant, &mut records).await?;
    Ok(records.pop())
}

/// One statement reads the mentions of a page. None is needed if no text has a placeholder.
pub(super) async fn attach_mentions<K: RecordKind>(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    records: &mut [Record<K>],
) -> Result<(), ArchiveError> {
    let with_texts: Vec<Uuid> = records.iter().filter(|one| one.columns.has_mentions()).map(|one| one.id.0).collect();
    let mut mentions = mentions::of(tx, tenant, Owner::from(K::TARGET), &with_texts).await?;
    for record in records {
        record.mentions = mentions.remove(&record.id.0).unwrap_or_default();
    }
    Ok(())
}

/// The interactions of some external ids, with their channels. An interaction whose id is stored as its keyed hash is found
/// by the id that was sent.
pub async fn interactions_of<'i>(
    app: &AppContext,
    tenant: TenantId,
    external_ids: impl Iterator<Item = &'i str>,
) -> Result<HashMap<String, (RecordId, Channel)>, ArchiveError> {
    let keyset = app.keysets.get(&app.vault, tenant).await?;
    let wanted: HashMap<String, &str> =
        external_ids.flat_map(|id| [(id.to_owned(), id), (super::parsed::keyed_id(&keyset, id), id)]).collect();
    let found = existing::channels(&mut app.archive.read().await?, tenant, wanted.keys().cloned()).await?;
    let named = |(stored, id, channel): (String, RecordId, Channel)| {
        wanted.get(&stored).map(|external_id| ((*external_id).to_owned(), (id, channel)))
    };
    Ok(found.into_iter().filter_map(named).collect())
}
