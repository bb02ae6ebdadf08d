//! Search by the columns of a record, by a token, or, through the vault's index, by number and address.

use std::collections::{HashMap, HashSet};

use pii::Kind;
use serde_json::json;
use uuid::Uuid;

use super::customer;
use super::existing::{self, StoredChannel};
use super::hidden::{self, Hiding};
use super::kinds::{Channel, RecordKind};
use super::listing::{self, PageQuery, RecordPage};
use super::mentions::{self, Owner};
use super::model::{ArchiveError, Record, Search};
use super::parsed::keyed_id;
use super::{naming, sql};
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::id::{IdentifierId, RecordId, TenantId};
use crate::base::page::Position;
use crate::base::target::Target;
use crate::store::{Archive, Tx};
use crate::tenants::Tenant;
use crate::vault::{self, AppContext};

/// A page of records. A number that the vault does not know and a number that was forgotten give the same result: an empty
/// page, without a read of the archive (A23). A hidden customer is not found either (N9).
pub async fn search<K: RecordKind>(
    app: &AppContext,
    (tenant, hiding): (TenantId, &Hiding),
    search: &Search,
    after: Option<Position>,
    limit: u32,
) -> Result<RecordPage<K>, ArchiveError> {
    let mut any_of = Vec::new();
    if !search.identifiers.is_empty() {
        let keyset = app.keysets.get(&app.vault, tenant).await?;
        let known = vault::find(&mut app.vault.read().await?, &keyset, &search.identifiers).await?;
        if known.is_empty() {
            return Ok(RecordPage { records: Vec::new(), read_to: None });
        }
        any_of.extend(known.iter().map(|(identifier, id)| (identifier.kind(), *id)));
    }
    let mut tx = app.archive.read().await?;
    let page = PageQuery { tenant, hiding, wanted: search, any_of: &any_of, after };
    let mut listing = listing::page(&mut tx, page, limit).await?;
    attach_mentions(&mut tx, tenant, &mut listing.records).await?;
    hidden::hide(&mut tx, tenant, hiding, &mut listing.records).await?;
    Ok(listing)
}

/// The lines of the database's plan for a search, with the ids of its identifiers in `any_of`. No search may scan a table,
/// so a new filter is added to the test that calls this.
pub async fn plan<K: RecordKind>(
    tx: &mut Tx<Archive>,
    (tenant, hiding): (TenantId, &Hiding),
    search: &Search,
    any_of: &[(Kind, IdentifierId)],
    after: Option<Position>,
) -> Result<Vec<String>, ArchiveError> {
    let page = PageQuery { tenant, hiding, wanted: search, any_of, after };
    Ok(page.statement::<K>(tx.query(""), 50).plan().await?)
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

/// Attaches the mentions of a page, and hides the names of forgotten interactions. One statement reads the mentions. None
/// is needed if no text has a placeholder.
pub(super) async fn attach_mentions<K: RecordKind>(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    records: &mut [Record<K>],
) -> Result<(), ArchiveError> {
    let with_texts: Vec<Uuid> = records.iter().filter(|one| one.columns.has_mentions()).map(|one| one.id.0).collect();
    let mut mentions = mentions::of(tx, tenant, Owner::from(K::TARGET), &with_texts).await?;
    for record in &mut *records {
        record.mentions = mentions.remove(&record.id.0).unwrap_or_default();
    }
    Ok(naming::hide(tx, tenant, &Hiding::default(), records).await?)
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
        external_ids.flat_map(|id| [(id.to_owned(), id), (keyed_id(&keyset, id), id)]).collect();
    let found = existing::channels(&mut app.archive.read().await?, tenant, wanted.keys().cloned()).await?;
    let named = |one: StoredChannel| Some(((*wanted.get(&one.external_id)?).to_owned(), (one.id, one.channel)));
    Ok(found.into_iter().filter_map(named).collect())
}

/// The ids of the interactions of some external ids, in their order. The audit row says how many were found.
///
/// An interaction under a keyed hash is found by the id that was sent, until its customer is forgotten. After that it is
/// like one that never was. It is not found either while the customer is hidden.
pub async fn lookup(
    app: &AppContext,
    (actor, tenant): (&Actor, &Tenant),
    external_ids: &[String],
) -> Result<Vec<Option<RecordId>>, ArchiveError> {
    let keyset = app.keysets.get(&app.vault, tenant.id).await?;
    let keyed: Vec<String> = external_ids.iter().map(|id| keyed_id(&keyset, id)).collect();
    let mut tx = app.archive.read().await?;
    let stored = external_ids.iter().chain(&keyed).map(String::as_str);
    let stored = customer::by_external_id(&mut tx, tenant.id, stored).await?;
    let hiding = Hiding::of(&mut tx, tenant, app.hiding).await?;
    let lost: HashSet<RecordId> = naming::lost(&mut tx, tenant.id, &hiding, &stored).await?.map(|one| one.id).collect();
    drop(tx);
    let known = stored.into_iter().filter(|one| !lost.contains(&one.id)).map(|one| (one.external_id, one.id));
    let known: HashMap<String, RecordId> = known.collect();
    let of = |(external_id, keyed)| known.get(keyed).or_else(|| known.get(external_id)).copied();
    let found: Vec<_> = external_ids.iter().zip(&keyed).map(of).collect();
    let detail = json!({ "target": Target::Archive.as_str(), "asked": external_ids.len() });
    let entry = Entry::new(Action::ArchiveLookedUp, found.iter().flatten().count(), detail);
    let mut tx = app.archive.write_once().await?;
    audit::record(&mut tx, app.clock, actor, &entry).await?;
    tx.commit().await?;
    Ok(found)
}
