//! Search: by what a record is, by a token, or, through the vault's index, by number and address.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use pii::{Identifier, Kind};
use uuid::Uuid;

use super::existing;
use super::incoming::Channel;
use super::mentions::{self, Owner};
use super::model::{ArchiveError, Record};
use super::sql::{self, Filter};
use crate::base::id::{IdentifierId, RecordId, TenantId, Token};
use crate::base::page::Position;
use crate::base::target::Target;
use crate::store::{Archive, Tx};
use crate::vault::{self, AppContext};

/// What somebody looks for; everything is optional, and everything that is given must hold. Newest first.
#[derive(Debug, Default)]
pub struct Search {
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
    pub channels: Option<Vec<Channel>>,
    pub queue: Option<String>,
    pub agent_id: Option<String>,
    /// The customer has any of these (A3).
    pub identifiers: Vec<Identifier>,
    /// The customer has this token (D2).
    pub token: Option<Token>,
}

impl Search {
    /// The statement's filter, given what the vault knows of the identifiers.
    fn filter(
        &self,
        (tenant, target): (TenantId, Target),
        any_of: Vec<(Kind, IdentifierId)>,
        after: Option<Position>,
        limit: u32,
    ) -> Filter<'_> {
        let Self { from, to, channels, queue, agent_id, identifiers: _, token } = self;
        Filter {
            tenant,
            target,
            from: *from,
            to: *to,
            channels: channels.clone(),
            queue: queue.as_deref(),
            agent_id: agent_id.as_deref(),
            any_of,
            token: token.map(|token| (token.kind, token.id)),
            after,
            limit,
        }
    }
}

/// A page of records. A number that the vault does not know is answered like one that it forgot: without a look at the
/// archive (A23).
pub async fn search(
    stores: &AppContext,
    tenant: TenantId,
    target: Target,
    search: &Search,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Record>, ArchiveError> {
    let mut any_of = Vec::new();
    if !search.identifiers.is_empty() {
        let keyset = stores.keysets.get(&stores.vault, tenant).await?;
        let known = vault::find(&mut stores.vault.read().await?, &keyset, &search.identifiers).await?;
        if known.is_empty() {
            return Ok(Vec::new());
        }
        any_of.extend(known.iter().map(|(identifier, id)| (identifier.kind(), *id)));
    }
    let filter = search.filter((tenant, target), any_of, after, limit);
    let mut tx = stores.archive.read().await?;
    let mut records = sql::page(&mut tx, &filter).await?;
    attach_mentions(&mut tx, tenant, target, &mut records).await?;
    Ok(records)
}

/// How the database would run a search, a line each; `any_of` stands for the search's identifiers. No search may scan a
/// table: whoever adds a filter adds it to the test that asks here.
pub async fn plan(
    tx: &mut Tx<Archive>,
    (tenant, target): (TenantId, Target),
    search: &Search,
    any_of: Vec<(Kind, IdentifierId)>,
    after: Option<Position>,
) -> Result<Vec<String>, ArchiveError> {
    let filter = search.filter((tenant, target), any_of, after, 50);
    Ok(sql::search(tx.query(""), &filter).plan().await?)
}

pub async fn find(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    target: Target,
    id: RecordId,
) -> Result<Option<Record>, ArchiveError> {
    let mut records: Vec<Record> = sql::by_id(tx, tenant, target, id).await?.into_iter().collect();
    attach_mentions(tx, tenant, target, &mut records).await?;
    Ok(records.pop())
}

/// One statement for the page, and none where no text has a placeholder.
async fn attach_mentions(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    target: Target,
    records: &mut [Record],
) -> Result<(), ArchiveError> {
    let with_texts: Vec<Uuid> = records.iter().filter(|one| one.columns.has_mentions()).map(|one| one.id.0).collect();
    let mut mentions = mentions::of(tx, tenant, Owner::from(target), &with_texts).await?;
    for record in records {
        record.mentions = mentions.remove(&record.id.0).unwrap_or_default();
    }
    Ok(())
}

/// The interactions of some external ids, with their channels. An id that contains its record's own number, address, or name
/// is stored as its keyed hash, and is found by what it was before.
pub async fn interactions_of<'i>(
    stores: &AppContext,
    tenant: TenantId,
    external_ids: impl Iterator<Item = &'i str>,
) -> Result<HashMap<String, (RecordId, Channel)>, ArchiveError> {
    let keyset = stores.keysets.get(&stores.vault, tenant).await?;
    let asked: HashMap<String, &str> =
        external_ids.flat_map(|id| [(id.to_owned(), id), (super::parsed::keyed_id(&keyset, id), id)]).collect();
    let found = existing::channels(&mut stores.archive.read().await?, tenant, asked.keys().cloned()).await?;
    let named = |(stored, id, channel): (String, RecordId, Channel)| {
        asked.get(&stored).map(|external_id| ((*external_id).to_owned(), (id, channel)))
    };
    Ok(found.into_iter().filter_map(named).collect())
}
