//! Ingest: identifiers go to the vault, records without them to the archive, through the epoch fence.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use super::draft::{Customer, Draft};
use super::mentions::{self, Mention, NewMention, Owner};
use super::model::{ArchiveError, forgotten};
use super::{existing, rereading, sql};
use crate::base::id::{IdentifierId, RecordId, TenantId};
use crate::base::pii::Identifier;
use crate::base::target::Target;
use crate::base::text::Found;
use crate::store::StoreError;
use crate::tenants::fence;
use crate::vault::{self, Erasure, Keyset, Resolved, Stores};

/// The most records of one batch: one vault transaction and one archive transaction.
pub const BATCH: usize = 1_000;

/// How often a batch begins again because the night moved the fence; each round loses against another pass's step.
const ROUNDS: u64 = 20;

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Records of a new external id.
    pub created: u64,
    /// Records that replaced one of the same external id.
    pub updated: u64,
    /// How often it began again because the vault or the fence moved.
    pub restarts: u64,
}

/// Stores a batch of at most [`BATCH`] drafts, whole. The same external id twice: the last wins.
pub async fn store(
    stores: &Stores,
    tenant: TenantId,
    target: Target,
    drafts: &[Draft],
) -> Result<Stored, ArchiveError> {
    // In the order of external ids, so that two ingests lock rows in one order.
    let latest: BTreeMap<&str, &Draft> = drafts.iter().map(|draft| (draft.external_id.as_str(), draft)).collect();
    if latest.is_empty() {
        return Ok(Stored::default());
    }
    let keyset = stores.keysets.get(&stores.vault, tenant).await?;
    let batch = Batch { stores, keyset: &keyset, target, drafts: latest.into_values().collect() };
    for restarts in 0..ROUNDS {
        match batch.attempt().await {
            Ok(Some(created)) => {
                return Ok(Stored { created, updated: drafts.len() as u64 - created, restarts });
            }
            Ok(None) | Err(ArchiveError::Store(StoreError::Contended)) => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Contended.into())
}

struct Batch<'a> {
    stores: &'a Stores,
    keyset: &'a Keyset,
    target: Target,
    drafts: Vec<&'a Draft>,
}

/// What the vault knows of a batch's identifiers.
struct Known {
    ids: Resolved,
    covered: HashSet<usize>,
    erasures: HashMap<Identifier, Vec<Erasure>>,
}

type Existing = HashMap<String, existing::Existing>;

/// Whom the texts of records are to be searched for that arrive forgotten: by the number of the draft.
type Late = HashMap<usize, Vec<IdentifierId>>;

impl Batch<'_> {
    /// One round: `None` where the vault or the fence moved meanwhile, else how many records are new.
    async fn attempt(&self) -> Result<Option<u64>, ArchiveError> {
        let tenant = self.keyset.tenant;
        let mut tx = self.stores.archive.read().await?;
        let epoch = fence::epoch(&mut tx, tenant).await?;
        let external_ids = self.drafts.iter().map(|draft| draft.external_id.as_str());
        let existing = existing::existing(&mut tx, tenant, self.target, external_ids).await?;
        drop(tx);
        let ids: Vec<RecordId> = self.drafts.iter().map(|draft| record_id(draft, &existing)).collect();
        let Some(known) = self.ask_vault(&existing, &ids).await? else { return Ok(None) };
        let Some(late) = self.late(&existing, &known).await? else { return Ok(None) };

        let mut tx = self.stores.archive.write().await?;
        if !fence::enter(&mut tx, tenant, epoch).await? {
            return Ok(None);
        }
        let rows: Vec<_> = self.drafts.iter().zip(&ids).map(|(draft, id)| self.row(draft, *id, &known)).collect();
        let written = sql::upsert(&mut tx, tenant, self.target, &rows).await?;
        let written: HashMap<_, _> =
            written.into_iter().map(|(external_id, id, bits)| (external_id, (id, bits))).collect();
        let (mut replaced, mut mentioned) = (Vec::new(), Vec::new());
        let (mut newly_forgotten, mut learned, mut missed) = (Vec::new(), Vec::new(), Vec::new());
        for (no, (row, wanted)) in rows.iter().zip(&ids).enumerate() {
            let (id, bits) = written.get(&row.draft.external_id).copied().ok_or(StoreError::NoRow)?;
            let known_as = existing.get(&row.draft.external_id);
            let is_replaced = known_as.is_some() || id != *wanted;
            if is_replaced {
                replaced.push(id.0);
            }
            let before = known_as.map_or(0, |known_as| known_as.forgotten);
            if before & forgotten::CUSTOMER == 0 && bits & forgotten::CUSTOMER != 0 {
                newly_forgotten.push(id.0);
                missed.extend(Some(id.0).filter(|_| is_replaced && !late.contains_key(&no)));
            }
            if is_replaced && bits & forgotten::CUSTOMER == 0 {
                let new = row.customer().filter(|one| known_as.is_none_or(|known_as| !known_as.holds(*one)));
                learned.extend(new.map(|one| (id.0, one)));
            }
            learned.extend(late.get(&no).into_iter().flatten().map(|one| (id.0, *one)));
            mentioned.extend(self.mentions(row, id, (before, bits), &known));
        }
        let owner = Owner::from(self.target);
        mentions::delete(&mut tx, tenant, owner, &replaced).await?;
        mentions::insert(&mut tx, tenant, owner, &mentioned).await?;
        if self.target == Target::Archive && !replaced.is_empty() {
            mentions::move_content(&mut tx, tenant, &replaced).await?;
            mentions::forget_texts(&mut tx, tenant, &newly_forgotten).await?;
            if !rereading::with_texts(&mut tx, tenant, &missed).await?.is_empty() {
                // A text came in between.
                return Ok(None);
            }
            rereading::note(&mut tx, tenant, &learned).await?;
        }
        tx.commit().await?;
        Ok(Some((rows.len() - replaced.len()) as u64))
    }

    /// One short vault transaction: the erasures that apply, then the ids of those identifiers that are to be kept.
    async fn ask_vault(&self, existing: &Existing, ids: &[RecordId]) -> Result<Option<Known>, ArchiveError> {
        let mut tx = self.stores.vault.write().await?;
        let all: HashSet<Identifier> = self.drafts.iter().flat_map(|draft| identifiers(draft)).collect();
        let erasures = vault::erasures(&mut tx, self.keyset, &all).await?;
        let mut known = Known { ids: Resolved::new(), covered: HashSet::new(), erasures };
        let mut wanted = BTreeSet::new();
        for (no, draft) in self.drafts.iter().enumerate() {
            let bits = existing.get(&draft.external_id).map_or(0, |known_as| known_as.forgotten);
            let forgotten = bits & forgotten::CUSTOMER != 0 || self.is_covered(draft, &known.erasures);
            if forgotten {
                known.covered.insert(no);
            }
            let own = own_identifiers(&draft.customer);
            let is_kept = |identifier: &Identifier| {
                if own.contains(identifier) {
                    !forgotten
                } else {
                    bits & forgotten::MENTION == 0 && !covers(&known.erasures, identifier, self.target, draft)
                }
            };
            wanted.extend(identifiers(draft).filter(is_kept));
        }
        let Some(resolved) = vault::resolve(&mut tx, self.keyset, &wanted).await? else { return Ok(None) };
        // A name is bound to the record's number or address, so it comes second.
        let names: BTreeSet<Identifier> = self
            .drafts
            .iter()
            .zip(ids)
            .enumerate()
            .filter(|(no, _)| !known.covered.contains(no))
            .filter_map(|(_, (draft, id))| name_of(&draft.customer, *id, &resolved))
            .collect();
        let Some(named) = vault::resolve(&mut tx, self.keyset, &names).await? else { return Ok(None) };
        tx.commit().await?;
        known.ids = resolved;
        known.ids.extend(named);
        Ok(Some(known))
    }

    /// The customers of records that arrive forgotten, or were before, and have a text: what they are called is kept until
    /// the text was searched for it.
    async fn late(&self, existing: &Existing, known: &Known) -> Result<Option<Late>, ArchiveError> {
        let tenant = self.keyset.tenant;
        let arrives = |no: &usize| Some((*no, existing.get(&self.drafts[*no].external_id)?.id));
        let arriving: Vec<(usize, RecordId)> = known.covered.iter().filter_map(arrives).collect();
        if arriving.is_empty() || self.target != Target::Archive {
            return Ok(Some(Late::new()));
        }
        let records: Vec<Uuid> = arriving.iter().map(|(_, id)| id.0).collect();
        let with_texts = rereading::with_texts(&mut self.stores.archive.read().await?, tenant, &records).await?;
        if with_texts.is_empty() {
            return Ok(Some(Late::new()));
        }
        let arriving = || {
            let with_text = arriving.iter().filter(|(_, id)| with_texts.contains(&id.0));
            with_text.map(|(no, id)| (*no, *id, &self.drafts[*no].customer))
        };
        let own: BTreeSet<Identifier> = arriving().flat_map(|(.., customer)| own_identifiers(customer)).collect();
        let mut tx = self.stores.vault.write().await?;
        let Some(ids) = vault::resolve(&mut tx, self.keyset, &own).await? else { return Ok(None) };
        let names: BTreeSet<Identifier> =
            arriving().filter_map(|(_, id, customer)| name_of(customer, id, &ids)).collect();
        let Some(named) = vault::resolve(&mut tx, self.keyset, &names).await? else { return Ok(None) };
        tx.commit().await?;
        let late = arriving().map(|(no, id, customer)| {
            let own = own_identifiers(customer).into_iter().filter_map(|one| ids.get(&one).copied());
            let name = name_of(customer, id, &ids).and_then(|name| named.get(&name).copied());
            (no, own.chain(name).collect())
        });
        Ok(Some(late.collect()))
    }

    fn is_covered(&self, draft: &Draft, erasures: &HashMap<Identifier, Vec<Erasure>>) -> bool {
        own_identifiers(&draft.customer).iter().any(|own| covers(erasures, own, self.target, draft))
    }

    fn row<'b>(&self, draft: &'b Draft, id: RecordId, known: &Known) -> sql::Row<'b> {
        let Customer { phone, email, name } = &draft.customer;
        let customer_bits = [
            (phone.is_some(), forgotten::PHONE),
            (email.is_some(), forgotten::EMAIL),
            (name.is_some(), forgotten::NAME),
        ]
        .into_iter()
        .filter_map(|(has, bit)| has.then_some(bit))
        .sum::<i16>();
        if self.is_covered(draft, &known.erasures) {
            return sql::Row {
                id,
                draft,
                phone: None,
                email: None,
                name: None,
                forgotten: customer_bits | self.mention_bit(draft, known),
            };
        }
        let held = |identifier: Option<Identifier>| identifier.and_then(|one| known.ids.get(&one).copied());
        sql::Row {
            id,
            draft,
            phone: held(phone.clone().map(Identifier::Phone)),
            email: held(email.clone().map(Identifier::Email)),
            name: held(name_of(&draft.customer, id, &known.ids)),
            forgotten: self.mention_bit(draft, known),
        }
    }

    /// The bit of a record that arrives with somebody else forgotten in its texts.
    fn mention_bit(&self, draft: &Draft, known: &Known) -> i16 {
        let own = own_identifiers(&draft.customer);
        let somebody = draft.mentions.iter().filter_map(mentioned).filter(|one| !own.contains(one));
        let cut = somebody.into_iter().any(|one| covers(&known.erasures, &one, self.target, draft));
        if cut { forgotten::MENTION } else { 0 }
    }

    /// The mentions of a record as it was written, given what was forgotten of it before and now. Which of its mentions
    /// was forgotten before is not known any more, so none of them comes back, even where another record of the batch
    /// has the same identifier.
    fn mentions<'b>(
        &'b self,
        row: &'b sql::Row<'b>,
        id: RecordId,
        (before, bits): (i16, i16),
        known: &'b Known,
    ) -> impl Iterator<Item = NewMention> + 'b {
        let draft = row.draft;
        let own = own_identifiers(&draft.customer);
        draft.mentions.iter().zip(0..).map(move |(found, n)| {
            let identifier = match mentioned(found) {
                None => row.name.filter(|_| bits & forgotten::CUSTOMER == 0),
                Some(one) if own.contains(&one) => {
                    known.ids.get(&one).copied().filter(|_| bits & forgotten::CUSTOMER == 0)
                }
                Some(one) if covers(&known.erasures, &one, self.target, draft) => None,
                Some(one) => known.ids.get(&one).copied().filter(|_| before & forgotten::MENTION == 0),
            };
            NewMention { record: id.0, at: draft.at, mention: Mention { n, kind: found.kind(), identifier } }
        })
    }
}

fn record_id(draft: &Draft, existing: &Existing) -> RecordId {
    existing.get(&draft.external_id).map_or_else(RecordId::new, |known_as| known_as.id)
}

fn own_identifiers(customer: &Customer) -> Vec<Identifier> {
    let phone = customer.phone.clone().map(Identifier::Phone);
    phone.into_iter().chain(customer.email.clone().map(Identifier::Email)).collect()
}

/// A number or address that a text mentions; the record's own name is none by itself.
fn mentioned(found: &Found) -> Option<Identifier> {
    match found {
        Found::Phone(phone) => Some(Identifier::Phone(phone.clone())),
        Found::Email(email) => Some(Identifier::Email(email.clone())),
        Found::OwnName => None,
    }
}

/// The numbers and addresses of a draft: its customer's and those its texts mention.
fn identifiers(draft: &Draft) -> impl Iterator<Item = Identifier> {
    own_identifiers(&draft.customer).into_iter().chain(draft.mentions.iter().filter_map(mentioned))
}

/// The name, bound to the record's number, else its address, else the record.
fn name_of(customer: &Customer, record: RecordId, known: &Resolved) -> Option<Identifier> {
    let name = customer.name.clone()?;
    let id = |identifier: Identifier| known.get(&identifier).map(|id: &IdentifierId| id.0);
    let phone = customer.phone.clone().map(Identifier::Phone).and_then(id);
    let email = customer.email.clone().map(Identifier::Email).and_then(id);
    let bound_to: Uuid = phone.or(email).unwrap_or(record.0);
    Some(Identifier::Name { name, bound_to })
}

fn covers(erasures: &HashMap<Identifier, Vec<Erasure>>, one: &Identifier, target: Target, draft: &Draft) -> bool {
    erasures.get(one).is_some_and(|all| all.iter().any(|erasure| erasure.covers(target, draft.at)))
}
