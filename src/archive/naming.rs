//! Survey responses and raw events name their interaction by its external id. An interaction whose external id contains its
//! customer is stored under the keyed hash of that id, and so every record names it by this hash: whether the record has
//! the customer's number itself or not, and whether it arrives before the interaction or after it.
//!
//! The interaction reads `Anonymized` instead of the hash when its customer is forgotten, and so does its name in other
//! records: the hash would join them, and would tell a caller who sends the id again that there was such a customer. The
//! hash stays stored, because ageing finds the records of an interaction by it.

use std::collections::HashSet;

use pii::ANONYMIZED;

use super::arrival::Arrival;
use super::customer::{self, StoredInteraction};
use super::hidden::{self, Hiding};
use super::kinds::{Interaction, RawEvent, RecordKind, SurveyResponse};
use super::model::{Record, forgotten};
use super::parsed::is_keyed;
use super::sql::Row;
use crate::base::id::TenantId;
use crate::base::target::Target;
use crate::store::{Archive, Result, Tx};

/// The interactions of a batch that are stored under a keyed hash: the external ids as they were sent, with the hashes.
pub fn hashed<'b, K: RecordKind>(arrivals: &'b [Arrival<'_, K>]) -> Vec<(&'b str, &'b str)> {
    if K::TARGET != Target::Archive {
        return Vec::new();
    }
    let sent = arrivals.iter().map(|arrival| (arrival.sent.record.external_id.as_str(), arrival.external_id));
    sent.filter(|(sent, stored)| sent != stored && is_keyed(stored)).collect()
}

/// Names interactions by their keyed hashes in the records that are stored already.
pub async fn rename(tx: &mut Tx<Archive>, tenant: TenantId, hashed: &[(&str, &str)]) -> Result<()> {
    if hashed.is_empty() {
        return Ok(());
    }
    for table in [SurveyResponse::TABLE, RawEvent::TABLE] {
        tx.query("WITH hashed (was, becomes) AS (VALUES ")
            .each(hashed, |query, (was, becomes)| query.with("(", *was).with(", ", *becomes).push(")"))
            .push(") UPDATE ")
            .push(table)
            .push(" SET interaction_external_id = h.becomes FROM hashed h WHERE ")
            .push(table)
            .with(".tenant_id = ", tenant)
            .push(" AND interaction_external_id = h.was")
            .once()
            .execute()
            .await?;
    }
    Ok(())
}

/// Names interactions by their keyed hashes in the rows of a batch, if they are stored under these.
pub async fn by_hash<K: RecordKind>(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    arrivals: &[Arrival<'_, K>],
    rows: &mut [Row<'_, K>],
) -> Result<()> {
    let hashes: HashSet<&str> = arrivals.iter().filter_map(other_name).collect();
    if hashes.is_empty() {
        return Ok(());
    }
    let stored: Vec<(String,)> = tx
        .query("SELECT external_id FROM ")
        .push(Interaction::TABLE)
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND external_id", hashes.iter().copied())
        .all()
        .await?;
    let stored: HashSet<String> = stored.into_iter().map(|(hash,)| hash).collect();
    for (arrival, row) in arrivals.iter().zip(rows) {
        // A name that was forgotten stays so.
        let is_as_sent = row.columns.interaction_external_id() == arrival.sent.record.columns.interaction_external_id();
        if let Some(hash) = other_name(arrival).filter(|hash| is_as_sent && stored.contains(*hash)) {
            row.columns.to_mut().set_interaction_external_id(hash);
        }
    }
    Ok(())
}

/// Hides the names of interactions in some records that are not shown any more: those under a keyed hash whose customer is
/// forgotten or hidden.
pub(super) async fn hide<K: RecordKind>(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    hiding: &Hiding,
    records: &mut [Record<K>],
) -> Result<()> {
    let named: HashSet<&str> = records.iter().filter_map(|one| keyed_name(&one.columns)).collect();
    if named.is_empty() {
        return Ok(());
    }
    let stored = customer::by_external_id(tx, tenant, named).await?;
    let lost: HashSet<String> = lost(tx, tenant, hiding, &stored).await?.map(|one| one.external_id.clone()).collect();
    for record in records {
        if keyed_name(&record.columns).is_some_and(|hash| lost.contains(hash)) {
            record.columns.set_interaction_external_id(ANONYMIZED);
        }
    }
    Ok(())
}

/// The interactions among some that nobody finds by their external id any more.
pub async fn lost<'s>(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    hiding: &Hiding,
    stored: &'s [StoredInteraction],
) -> Result<impl Iterator<Item = &'s StoredInteraction> + use<'s>> {
    let keyed: Vec<&StoredInteraction> = stored.iter().filter(|one| is_keyed(&one.external_id)).collect();
    let customers: Vec<_> = keyed.iter().map(|one| (one.id, one.customer.clone())).collect();
    let hidden = hidden::among(tx, tenant, hiding, &customers).await?;
    let is_lost =
        move |one: &&StoredInteraction| one.customer.forgotten & forgotten::CUSTOMER != 0 || hidden.contains(&one.id);
    Ok(keyed.into_iter().filter(is_lost))
}

fn keyed_name<K: RecordKind>(columns: &K) -> Option<&str> {
    columns.interaction_external_id().filter(|name| is_keyed(name))
}

/// The keyed hash of the interaction that a record names in another way.
fn other_name<'a, K: RecordKind>(arrival: &Arrival<'a, K>) -> Option<&'a str> {
    let record = arrival.sent.record;
    let hash = record.interaction_keyed_id.as_deref();
    hash.filter(|hash| record.columns.interaction_external_id() != Some(*hash))
}
