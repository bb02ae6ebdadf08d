//! One record of a batch: its parsed versions, the stored record, and the parts of it that may be stored.
//!
//! Once a person was forgotten in a record, nobody knows any more where in its text that person was. So, when such a
//! record is sent again, only the mentions of the customer that it still has come back (A18). Neither its new customer nor
//! its date changes that, and it may be sent again in the same batch or later.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use pii::text::{Again, Finder, Found, Own};
use pii::{ANONYMIZED, Identifier, Kind, PersonName, Pii, Region};
use uuid::Uuid;

use super::ageing::{AgedKey, is_aged_id};
use super::existing::Existing;
use super::kinds::{RecordKind, value_of};
use super::mentions::{Mention, NewMention};
use super::model::forgotten;
use super::parsed::{ParsedCustomer, ParsedRecord, is_keyed};
use super::sql;
use crate::base::id::{IdentifierId, RecordId, random_i64};
use crate::vault::{Erasures, Resolved};

/// All records of a batch with one external id.
pub struct Sent<'a, K> {
    /// The last one, which replaces the others.
    pub record: &'a ParsedRecord<K>,
    pub earlier: Vec<&'a ParsedRecord<K>>,
}

impl<'a, K: RecordKind> Sent<'a, K> {
    pub const fn new(record: &'a ParsedRecord<K>) -> Self {
        Self { record, earlier: Vec::new() }
    }

    pub fn push(&mut self, record: &'a ParsedRecord<K>) {
        self.earlier.push(std::mem::replace(&mut self.record, record));
    }

    pub fn all(&self) -> impl Iterator<Item = &'a ParsedRecord<K>> {
        self.earlier.iter().copied().chain([self.record])
    }

    /// The keys by which the list of aged records knows the records.
    pub fn aged_keys(&self) -> impl Iterator<Item = &'a AgedKey> {
        self.all().flat_map(|record| &record.aged_keys)
    }

    /// Whether the records belong to an aged or deleted one, so that they change nothing.
    pub fn is_aged(&self, listed: &HashSet<AgedKey>) -> bool {
        let names_aged = self.record.columns.interaction_external_id().is_some_and(is_aged_id);
        names_aged || is_aged_id(&self.record.external_id) || self.aged_keys().any(|key| listed.contains(key))
    }
}

/// A record that was sent, with the stored record of the same external id.
pub struct Arrival<'a, K> {
    pub sent: &'a Sent<'a, K>,
    /// The external id under which it will be stored.
    pub external_id: &'a str,
    pub id: RecordId,
    pub before: Option<Existing>,
}

impl<'a, K: RecordKind> Arrival<'a, K> {
    /// Finds the stored record. A record whose external id contains its customer's number, address, or name is stored
    /// under the keyed hash of that id from now on.
    pub fn new(sent: &'a Sent<'a, K>, existing: &mut HashMap<String, Existing>) -> Self {
        let record = sent.record;
        let keyed = existing.remove(&record.keyed_id);
        let is_keyed = keyed.is_some() || sent.all().any(|record| record.is_keyed);
        let before = keyed.or_else(|| existing.remove(&record.external_id));
        let external_id = if is_keyed { &record.keyed_id } else { &record.external_id };
        let id = before.as_ref().map_or_else(RecordId::new, |before| before.id);
        Self { sent, external_id, id, before }
    }

    /// The external id that the record has to give up.
    pub fn renamed(&self) -> Option<(&str, &str)> {
        let was = self.before.as_ref()?.external_id.as_str();
        (was != self.external_id).then_some((was, self.external_id))
    }

    /// The bits of what was forgotten of the record before it was sent.
    pub fn forgotten_before(&self) -> i16 {
        self.before.as_ref().map_or(0, |before| before.forgotten)
    }

    /// The bits of what arrives forgotten of the record, and of the records before it in this batch.
    pub fn arrives_forgotten(&self, erasures: &Erasures) -> i16 {
        self.sent.all().map(|record| arrives_forgotten(record, erasures)).fold(0, |all, bits| all | bits)
    }

    /// Whether the record's customer is forgotten.
    pub fn is_gone(&self, arrives: i16) -> bool {
        (self.forgotten_before() | arrives) & forgotten::CUSTOMER != 0
    }

    /// Whether the last record replaces another one, stored or of this batch.
    pub fn is_again(&self) -> bool {
        self.before.is_some() || !self.sent.earlier.is_empty()
    }

    /// How many of the records count as created. A record under a keyed hash always does, because the count must not say
    /// whether the service knew a number before (A23).
    pub fn created(&self, was_there: bool) -> u64 {
        match was_there {
            _ if is_keyed(self.external_id) => 1 + self.sent.earlier.len() as u64,
            true => 0,
            false => 1,
        }
    }

    /// The identifiers that the vault has to know: those of the customer, and those that the text mentions.
    pub fn wanted(&self, arrives: i16, erasures: &Erasures) -> impl Iterator<Item = Identifier> {
        let bits = self.forgotten_before() | arrives;
        let record = self.sent.record;
        let own = own_identifiers(&record.customer);
        let is_closed = is_closed(self.is_again(), bits);
        identifiers(record).filter(move |one| {
            if own.contains(one) {
                bits & forgotten::CUSTOMER == 0
            } else {
                !is_closed && !erasures.cover(one, K::TARGET, record.at)
            }
        })
    }

    /// The row of the record, without what arrives forgotten.
    pub fn row(&self, known: &Resolved, arrives: i16, memory: &Memory) -> sql::Row<'_, K> {
        let record = self.sent.record;
        let is_gone = self.is_gone(arrives);
        let id_of = |one: Option<Identifier>| one.and_then(|one| known.get(&one).copied()).filter(|_| !is_gone);
        let (columns, added) =
            if is_gone { self.forgotten_columns(memory) } else { (Cow::Borrowed(&record.columns), Vec::new()) };
        sql::Row {
            id: self.id,
            external_id: self.external_id,
            at: record.at,
            cell_key: random_i64(),
            phone: id_of(record.customer.phone.clone().map(Identifier::Phone)),
            email: id_of(record.customer.email.clone().map(Identifier::Email)),
            name: id_of(name_of(&record.customer, self.id, known)),
            forgotten: arrives,
            columns,
            added,
        }
    }

    /// The columns of a record whose customer is forgotten, and the kinds of the placeholders that its text has beside its
    /// mentions. A descriptive value that contained the customer becomes `Anonymized`. In a record that is sent again, a
    /// descriptive value with any identifier does too, and its text keeps the placeholders of the stored text.
    fn forgotten_columns(&self, memory: &Memory) -> (Cow<'a, K>, Vec<Kind>) {
        let Sent { record, earlier } = self.sent;
        let mut columns = Cow::Borrowed(&record.columns);
        let (mut finders, mut added) = (Vec::new(), Vec::new());
        if self.is_again() {
            let names = earlier.iter().filter_map(|record| record.customer.name.clone()).collect();
            let mut again = Again::new(record.mentions.len(), names);
            let sent = record.columns.value();
            let mut left = sent.clone();
            if let Some((stored, kinds)) = memory.texts.get(&self.id.0) {
                again.keep(&value_of::<K>(stored.as_deref()), kinds, &mut left);
            }
            left = again.without_names(left);
            if left != sent {
                columns.to_mut().set_value(left);
            }
            let names;
            (names, added) = again.end();
            finders = memory.finders(&names);
        }
        let was_keyed = |no: usize| earlier.iter().any(|record| record.columns.descriptive()[no].is_some_and(is_keyed));
        let is_anybody =
            |value: &str| finders.iter().any(|finder| finder.holds_own(value) || !finder.find(value).is_empty());
        for (no, value) in record.columns.descriptive().into_iter().enumerate() {
            if value.is_some_and(|value| is_keyed(value) || was_keyed(no) || is_anybody(value))
                && let Some(value) = &mut columns.to_mut().descriptive_mut()[no]
            {
                ANONYMIZED.clone_into(value);
            }
        }
        (columns, added)
    }

    /// The mentions of the record as it was written, without what is forgotten of it now.
    pub fn mentions<'b>(
        &'b self,
        row: &'b sql::Row<'b, K>,
        (written, was_there): (sql::Written, bool),
        (known, erasures): (&'b Resolved, &'b Erasures),
    ) -> impl Iterator<Item = NewMention> + 'b {
        let record = self.sent.record;
        let own = own_identifiers(&record.customer);
        let (id, bits) = (written.id, written.forgotten);
        let is_gone = bits & forgotten::CUSTOMER != 0;
        let is_closed = is_closed(was_there || self.is_again(), bits);
        let is_kept = move |found: &Found, id: IdentifierId| !is_gone && (!is_closed || self.had(found, id));
        let added = row.added.iter().zip(record.mentions.len()..).filter_map(move |(kind, n)| {
            let mention = Mention { n: i32::try_from(n).ok()?, kind: *kind, identifier: None };
            Some(NewMention { record: id.0, at: record.at, mention })
        });
        let mentioned = record.mentions.iter().zip(0..).map(move |(found, n)| {
            let identifier = match mentioned(found) {
                None => row.name.filter(|id| is_kept(found, *id)),
                Some(one) if own.contains(&one) => known.get(&one).copied().filter(|id| is_kept(found, *id)),
                Some(one) if is_closed || erasures.cover(&one, K::TARGET, record.at) => None,
                Some(one) => known.get(&one).copied(),
            };
            NewMention { record: id.0, at: record.at, mention: Mention { n, kind: found.kind(), identifier } }
        });
        mentioned.chain(added)
    }

    /// Whether the record's customer had the identifier before the last record was sent.
    fn had(&self, found: &Found, id: IdentifierId) -> bool {
        let Some(previous) = self.sent.earlier.last() else {
            return self.before.as_ref().is_some_and(|before| before.has(id));
        };
        match mentioned(found) {
            Some(one) => own_identifiers(&previous.customer).contains(&one),
            None => previous.customer.name == self.sent.record.customer.name,
        }
    }
}

/// The stored texts of the records of a batch that are sent again after their customer was forgotten.
pub struct Memory {
    pub region: Region,
    /// The text of each record, and the kinds of its placeholders by their numbers.
    pub texts: HashMap<Uuid, (Option<String>, HashMap<usize, Kind>)>,
}

impl Memory {
    /// A finder of any number and address, and one of each name.
    fn finders(&self, names: &[Pii<PersonName>]) -> Vec<Finder> {
        let named = names.iter().map(|name| Own { name: Some(name.clone()), ..Own::default() });
        [Own::default()].into_iter().chain(named).map(|own| Finder::new(self.region, own)).collect()
    }
}

/// Whether a person was forgotten in a record that is sent again, so that only its customer comes back into its text.
const fn is_closed(is_again: bool, bits: i16) -> bool {
    is_again && bits & forgotten::ANYBODY != 0
}

fn arrives_forgotten<K: RecordKind>(record: &ParsedRecord<K>, erasures: &Erasures) -> i16 {
    let ParsedCustomer { phone, email, name } = &record.customer;
    let own = own_identifiers(&record.customer);
    let is_covered = |one: &Identifier| erasures.cover(one, K::TARGET, record.at);
    let mut bits = 0;
    if own.iter().any(is_covered) {
        let fields = [
            (phone.is_some(), forgotten::PHONE),
            (email.is_some(), forgotten::EMAIL),
            (name.is_some(), forgotten::NAME),
        ];
        bits |= fields.into_iter().filter_map(|(has, bit)| has.then_some(bit)).sum::<i16>();
    }
    if record.mentions.iter().filter_map(mentioned).any(|one| !own.contains(&one) && is_covered(&one)) {
        bits |= forgotten::MENTION;
    }
    bits
}

/// The number and the address of a customer.
pub fn own_identifiers(customer: &ParsedCustomer) -> Vec<Identifier> {
    let phone = customer.phone.clone().map(Identifier::Phone);
    phone.into_iter().chain(customer.email.clone().map(Identifier::Email)).collect()
}

/// A number or address that a text mentions. The record's own name is found by the number or address.
fn mentioned(found: &Found) -> Option<Identifier> {
    match found {
        Found::Phone(phone) => Some(Identifier::Phone(phone.clone())),
        Found::Email(email) => Some(Identifier::Email(email.clone())),
        Found::OwnName => None,
    }
}

/// The numbers and addresses of a record: those of its customer, and those that its text mentions.
pub fn identifiers<K>(record: &ParsedRecord<K>) -> impl Iterator<Item = Identifier> {
    own_identifiers(&record.customer).into_iter().chain(record.mentions.iter().filter_map(mentioned))
}

/// The name, bound to the customer's number, to their address, or to the record.
pub fn name_of(customer: &ParsedCustomer, record: RecordId, known: &Resolved) -> Option<Identifier> {
    let name = customer.name.clone()?;
    let id = |identifier: Identifier| known.get(&identifier).map(|id: &IdentifierId| id.0);
    let phone = customer.phone.clone().map(Identifier::Phone).and_then(id);
    let email = customer.email.clone().map(Identifier::Email).and_then(id);
    let bound_to: Uuid = phone.or(email).unwrap_or(record.0);
    Some(Identifier::Name { name, bound_to })
}
