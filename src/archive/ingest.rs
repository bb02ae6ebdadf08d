//! Storing a batch of records: their identifiers in the vault, and the records without them in the archive.

use std::collections::{BTreeMap, HashMap, HashSet};

use pii::Region;
use serde_json::json;
use uuid::Uuid;

use super::ageing::AgedKey;
use super::arrival::{Arrival, Memory, Sent, identifiers, name_of, own_identifiers};
use super::kinds::RecordKind;
use super::mentions::{self, NewMention, Owner};
use super::model::{ArchiveError, forgotten};
use super::parsed::{ParsedRecord, is_keyed};
use super::{ageing, existing, naming, rescan, sql};
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::id::{IdentifierId, RecordId, TenantId};
use crate::base::target::Target;
use crate::content_rows;
use crate::outbox::{self, EventKind};
use crate::store::{Archive, StoreError, Tx};
use crate::vault::{Admission, AppContext, Identified, Resolved, admit};

/// The most records of one batch: one vault transaction and one archive transaction.
pub const BATCH: usize = 1_000;

/// The most records of one event, so that its message is short.
const EVENT: usize = 50;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// The records of a new external id, and all records that are stored under a keyed hash.
    pub created: u64,
    /// The other records, which replaced one of the same external id.
    pub updated: u64,
    /// How many attempts failed because the epoch or a row changed meanwhile.
    pub restarts: u64,
    /// The id of each record, in the order of the batch. It is `None` for a record under a keyed hash whose customer is
    /// forgotten, because nothing leads from that id to the record any more. It is also `None` for an aged record.
    pub ids: Vec<Option<RecordId>>,
    /// The positions of the records that belong to aged ones. They changed nothing.
    pub aged: Vec<usize>,
}

/// Stores a batch of at most [`BATCH`] records of a tenant, all or none. Of several records of one external id, the last
/// one replaces the others.
pub async fn store<K: RecordKind>(
    app: &AppContext,
    (actor, region): (&Actor, Region),
    records: &[ParsedRecord<K>],
) -> Result<Stored, ArchiveError> {
    // In the order of external ids, so that two ingests lock rows in one order.
    let mut sent = BTreeMap::<&str, Sent<'_, K>>::new();
    for record in records {
        let known = sent.entry(&record.keyed_id);
        known.and_modify(|sent| sent.push(record)).or_insert_with(|| Sent::new(record));
    }
    if sent.is_empty() {
        return Ok(Stored::default());
    }
    let batch = Batch { app, actor, tenant: actor.tenant, region, sent: sent.into_values().collect() };
    let (written, restarts) = admit(app, actor.tenant, |admission, tx| batch.attempt(admission, tx)).await?;
    let ids = records.iter().map(|record| written.ids.get(record.keyed_id.as_str()).copied().flatten()).collect();
    let aged = records.iter().enumerate().filter(|(_, record)| !written.ids.contains_key(record.keyed_id.as_str()));
    let aged: Vec<usize> = aged.map(|(at, _)| at).collect();
    let updated = (records.len() - aged.len()) as u64 - written.created;
    Ok(Stored { created: written.created, updated, restarts, ids, aged })
}

struct Batch<'a, K> {
    app: &'a AppContext,
    actor: &'a Actor,
    tenant: TenantId,
    region: Region,
    sent: Vec<Sent<'a, K>>,
}

/// The result of an attempt.
#[derive(Default)]
struct WrittenBatch<'a> {
    created: u64,
    /// The ids of the records, by the keyed hashes of their external ids. See [`Stored::ids`]. It lacks those that belong
    /// to aged records.
    ids: HashMap<&'a str, Option<RecordId>>,
}

/// The identifiers of a batch in the vault, and the bits of what arrives forgotten of each record.
type BatchKnown = Identified<Vec<i16>>;

/// The identifiers of records that arrive forgotten and have texts, by the position of the record. The texts have to be
/// searched for them.
type Late = HashMap<usize, Vec<IdentifierId>>;

/// The changes of a batch beside the rows of its records.
#[derive(Default)]
struct Changes<'a> {
    created: u64,
    /// See [`WrittenBatch`].
    ids: HashMap<&'a str, Option<RecordId>>,
    replaced: Vec<Uuid>,
    mentions: Vec<NewMention>,
    /// The records whose customer arrives forgotten.
    newly_forgotten: Vec<Uuid>,
    /// The identifiers that the texts of records have to be searched for.
    learned: Vec<(Uuid, IdentifierId)>,
    /// The records that had no text when the attempt read them, and still must not have one.
    missed: Vec<Uuid>,
}

impl<K: RecordKind> Batch<'_, K> {
    /// Also returns how many attempts failed before this one.
    async fn attempt<'b>(
        &'b self,
        admission: Admission<'_>,
        mut tx: Tx<Archive>,
    ) -> Result<(WrittenBatch<'b>, u64), ArchiveError> {
        let tenant = self.tenant;
        let listed = self.listed(&mut tx).await?;
        let sent: Vec<_> = self.sent.iter().filter(|sent| !sent.is_aged(&listed)).collect();
        if sent.is_empty() {
            return Ok((WrittenBatch::default(), admission.restarts));
        }
        // A record may be stored under its external id or under the keyed hash of it.
        let ids = sent.iter().flat_map(|sent| [&sent.record.external_id, &sent.record.keyed_id]).map(String::as_str);
        let mut existing = existing::existing::<K>(&mut tx, tenant, ids).await?;
        drop(tx);
        let arrivals: Vec<_> = sent.iter().map(|sent| Arrival::new(sent, &mut existing)).collect();
        let known = self.identify(&admission, &arrivals).await?;
        let late = self.late(&admission, &arrivals, &known).await?;
        let memory = self.memory(&arrivals, &known).await?;
        let rows = arrivals.iter().zip(&known.plan);
        let mut rows: Vec<_> = rows.map(|(arrival, arrives)| arrival.row(&known.ids, *arrives, &memory)).collect();
        let hashed = naming::hashed(&arrivals);

        // A record that names an interaction is behind the gate as well. So one of the two sees the other.
        let mut tx = if hashed.is_empty() { admission.enter().await? } else { admission.enter_alone().await? };
        if self.listed(&mut tx).await?.len() > listed.len() {
            // A pass has aged one of the records after this attempt read the list. No pass does so behind the gate.
            return Err(StoreError::Contended.into());
        }
        let renamed: Vec<_> = arrivals.iter().filter_map(Arrival::renamed).collect();
        existing::rename::<K>(&mut tx, tenant, &renamed).await?;
        naming::rename(&mut tx, tenant, &hashed).await?;
        naming::by_hash(&mut tx, tenant, &arrivals, &mut rows).await?;
        // If an attempt met a record that another transaction stored meanwhile, the next one replaces it.
        let are_new = admission.restarts == 0 && arrivals.iter().all(|arrival| arrival.before.is_none());
        let now = self.app.clock.now();
        let written = if are_new {
            sql::insert(&mut tx, tenant, &rows, now).await?
        } else {
            sql::upsert(&mut tx, tenant, &rows, now).await?
        };
        let changes = Self::changes((&arrivals, &rows), &written, &known, &late)?;
        self.write(&mut tx, &changes).await?;
        self.publish(&mut tx, &changes).await?;
        let count = sent.iter().map(|sent| 1 + sent.earlier.len()).sum();
        self.audit(&mut tx, count, changes.created).await?;
        tx.commit().await?;
        Ok((WrittenBatch { created: changes.created, ids: changes.ids }, admission.restarts))
    }

    /// Which records of the batch belong to aged ones.
    async fn listed(&self, tx: &mut Tx<Archive>) -> Result<HashSet<AgedKey>, ArchiveError> {
        Ok(ageing::listed(tx, self.tenant, self.sent.iter().flat_map(Sent::aged_keys)).await?)
    }

    /// The stored texts of the records that are sent again after their customer was forgotten.
    async fn memory(&self, arrivals: &[Arrival<'_, K>], known: &BatchKnown) -> Result<Memory, ArchiveError> {
        let tenant = self.tenant;
        let arrivals = arrivals.iter().zip(&known.plan);
        let again = arrivals.filter(|(arrival, arrives)| arrival.before.is_some() && arrival.is_gone(**arrives));
        let again: Vec<Uuid> = again.map(|(arrival, _)| arrival.id.0).collect();
        let mut memory = Memory { region: self.region, texts: HashMap::new() };
        if again.is_empty() {
            return Ok(memory);
        }
        let mut tx = self.app.archive.read().await?;
        let mut mentions = mentions::of(&mut tx, tenant, Owner::from(K::TARGET), &again).await?;
        for (id, text) in existing::texts::<K>(&mut tx, tenant, again.into_iter()).await? {
            let mentions = mentions.remove(&id).unwrap_or_default().into_iter();
            let kinds = mentions.filter_map(|mention| Some((usize::try_from(mention.n).ok()?, mention.kind)));
            memory.texts.insert(id, (text, kinds.collect()));
        }
        Ok(memory)
    }

    /// The changes that follow from the rows as they were written. It is contended if a pass has unlinked a record after
    /// this attempt read it.
    fn changes<'b>(
        (arrivals, rows): (&[Arrival<'b, K>], &[sql::Row<'_, K>]),
        written: &[sql::Written],
        known: &BatchKnown,
        late: &Late,
    ) -> Result<Changes<'b>, ArchiveError> {
        let mut changes = Changes::default();
        for (no, ((arrival, row), written)) in arrivals.iter().zip(rows).zip(written.iter().copied()).enumerate() {
            let (id, bits) = (written.id, written.forgotten);
            let before = arrival.forgotten_before();
            if bits & forgotten::ANYBODY & !(before | row.forgotten) != 0 {
                return Err(StoreError::Contended.into());
            }
            let is_lost = bits & forgotten::CUSTOMER != 0 && is_keyed(arrival.external_id);
            changes.ids.insert(&arrival.sent.record.keyed_id, Some(id).filter(|_| !is_lost));
            let was_there = arrival.before.is_some() || id != arrival.id;
            changes.created += arrival.created(was_there);
            if was_there {
                changes.replaced.push(id.0);
            }
            if before & forgotten::CUSTOMER == 0 && bits & forgotten::CUSTOMER != 0 {
                changes.newly_forgotten.push(id.0);
                changes.missed.extend(Some(id.0).filter(|_| was_there && !late.contains_key(&no)));
            }
            if was_there && bits & forgotten::CUSTOMER == 0 {
                let new = row.customer().filter(|one| arrival.before.as_ref().is_none_or(|before| !before.has(*one)));
                changes.learned.extend(new.map(|one| (id.0, one)));
            }
            changes.learned.extend(late.get(&no).into_iter().flatten().map(|one| (id.0, *one)));
            let known = (&known.ids, &known.erasures);
            changes.mentions.extend(arrival.mentions(row, (written, was_there), known));
        }
        Ok(changes)
    }

    /// Writes the audit row of the batch, in the transaction of its records. So a caller who closes the connection cannot
    /// store records without a row.
    async fn audit(&self, tx: &mut Tx<Archive>, count: usize, created: u64) -> Result<(), ArchiveError> {
        let updated = count as u64 - created;
        let detail = json!({ "target": K::TARGET.as_str(), "created": created, "updated": updated });
        let entry = Entry::new(Action::ArchiveIngested, count, detail);
        Ok(audit::record(tx, self.app.clock, self.actor, &entry).await?)
    }

    /// Tells webhooks which interactions were stored: one event for some of them. A record under a keyed hash whose
    /// customer is forgotten has no id for anybody.
    async fn publish(&self, tx: &mut Tx<Archive>, changes: &Changes<'_>) -> Result<(), ArchiveError> {
        if K::TARGET != Target::Archive {
            return Ok(());
        }
        let ids: Vec<RecordId> = changes.ids.values().filter_map(|id| *id).collect();
        let events = ids.chunks(EVENT).map(|ids| json!({ "interaction_ids": ids }));
        outbox::publish(tx, self.tenant, EventKind::InteractionStored, events, self.app.clock.now()).await?;
        Ok(())
    }

    /// Writes the changes beside the rows. It is contended if a record has got a text after this attempt read it.
    async fn write(&self, tx: &mut Tx<Archive>, changes: &Changes<'_>) -> Result<(), ArchiveError> {
        let (tenant, owner) = (self.tenant, Owner::from(K::TARGET));
        let Changes { created: _, ids: _, replaced, mentions, newly_forgotten, learned, missed } = changes;
        mentions::delete(tx, tenant, owner, replaced).await?;
        mentions::insert(tx, tenant, owner, mentions).await?;
        if K::TARGET == Target::Archive && !replaced.is_empty() {
            mentions::move_content(tx, tenant, replaced).await?;
            mentions::forget_texts(tx, tenant, newly_forgotten).await?;
            if !content_rows::sql::with_texts(tx, tenant, missed).await?.is_empty() {
                return Err(StoreError::Contended.into());
            }
            rescan::note(tx, tenant, learned).await?;
        }
        Ok(())
    }

    /// The identifiers that the records are to keep, in view of the erasures.
    async fn identify(
        &self,
        admission: &Admission<'_>,
        arrivals: &[Arrival<'_, K>],
    ) -> Result<BatchKnown, ArchiveError> {
        let all = self.sent.iter().flat_map(Sent::all).flat_map(identifiers).collect();
        let known = admission.identify(
            &all,
            |erasures| {
                let arrive = |arrival: &Arrival<'_, K>| arrival.arrives_forgotten(erasures);
                let arrives: Vec<i16> = arrivals.iter().map(arrive).collect();
                let arriving = arrivals.iter().zip(&arrives);
                let wanted = arriving.flat_map(|(arrival, bits)| arrival.wanted(*bits, erasures)).collect();
                (arrives, wanted)
            },
            |arrives, ids| {
                let arriving = arrivals.iter().zip(arrives).filter(|(arrival, bits)| !arrival.is_gone(**bits));
                arriving.filter_map(|(one, _)| name_of(&one.sent.record.customer, one.id, ids)).collect()
            },
        );
        Ok(known.await?)
    }

    /// The identifiers of customers that are forgotten and whose record has a text. The vault keeps them until the text was
    /// searched for them.
    async fn late(
        &self,
        admission: &Admission<'_>,
        arrivals: &[Arrival<'_, K>],
        known: &BatchKnown,
    ) -> Result<Late, ArchiveError> {
        let arriving = arrivals.iter().zip(&known.plan).enumerate();
        let arriving: Vec<(usize, &Arrival<'_, K>)> = arriving
            .filter(|(_, (arrival, arrives))| arrival.before.is_some() && arrival.is_gone(**arrives))
            .map(|(no, (arrival, _))| (no, arrival))
            .collect();
        if arriving.is_empty() || K::TARGET != Target::Archive {
            return Ok(Late::new());
        }
        let records: Vec<Uuid> = arriving.iter().map(|(_, arrival)| arrival.id.0).collect();
        let with_texts =
            content_rows::sql::with_texts(&mut self.app.archive.read().await?, self.tenant, &records).await?;
        if with_texts.is_empty() {
            return Ok(Late::new());
        }
        let arriving = || {
            let with_text = arriving.iter().filter(|(_, arrival)| with_texts.contains(&arrival.id.0));
            with_text.map(|(no, arrival)| (*no, arrival.id, &arrival.sent.record.customer))
        };
        let own = arriving().flat_map(|(.., customer)| own_identifiers(customer)).collect();
        let names = |ids: &Resolved| arriving().filter_map(|(_, id, customer)| name_of(customer, id, ids)).collect();
        let ids = admission.resolve(&own, names).await?;
        let late = arriving().map(|(no, id, customer)| {
            let own = own_identifiers(customer).into_iter().chain(name_of(customer, id, &ids));
            (no, own.filter_map(|one| ids.get(&one).copied()).collect())
        });
        Ok(late.collect())
    }
}
