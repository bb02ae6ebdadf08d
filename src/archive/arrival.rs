//! One record of a batch: what was sent of it, what the archive has of it, and what of it may be kept.
//!
//! Once a record has lost anybody, nobody knows any more where in its texts that person stood. So, when such a record is
//! sent again, only the mentions of the customer it still has come back, whatever customer it has now and whatever its
//! date (A18). It makes no difference whether it is sent again in the same batch or later.

use std::borrow::Cow;
use std::collections::HashMap;

use pii::text::{Again, Finder, Found, Own};
use pii::{ANONYMIZED, Identifier, Kind, PersonName, Pii, Region};
use serde_json::Value;
use uuid::Uuid;

use super::columns::Columns;
use super::existing::Existing;
use super::mentions::{Mention, NewMention};
use super::model::forgotten;
use super::parsed::{Customer, ParsedRecord, is_keyed};
use super::sql;
use crate::base::id::{IdentifierId, RecordId};
use crate::base::target::Target;
use crate::vault::{Erasures, Resolved};

/// Everything that a batch sends of one external id.
pub struct Sent<'a> {
    /// The last of it, which wins.
    pub draft: &'a ParsedRecord,
    /// The others, in their order.
    pub earlier: Vec<&'a ParsedRecord>,
}

impl<'a> Sent<'a> {
    /// The first draft of an external id.
    pub const fn new(draft: &'a ParsedRecord) -> Self {
        Self { draft, earlier: Vec::new() }
    }

    pub fn push(&mut self, draft: &'a ParsedRecord) {
        self.earlier.push(std::mem::replace(&mut self.draft, draft));
    }

    pub fn all(&self) -> impl Iterator<Item = &'a ParsedRecord> {
        self.earlier.iter().copied().chain([self.draft])
    }
}

/// What was sent of one record, with what the archive has of it.
pub struct Arrival<'a> {
    pub sent: &'a Sent<'a>,
    /// The external id under which it is stored.
    pub external_id: &'a str,
    pub id: RecordId,
    pub before: Option<Existing>,
}

impl<'a> Arrival<'a> {
    /// Finds the record among those that the archive has. One whose external id turns out to contain its customer's
    /// number, address, or name is stored under the keyed hash of that id from now on.
    pub fn new(sent: &'a Sent<'a>, existing: &mut HashMap<String, Existing>) -> Self {
        let draft = sent.draft;
        let keyed = existing.remove(&draft.keyed_id);
        let is_keyed = keyed.is_some() || sent.all().any(|draft| draft.is_keyed);
        let before = keyed.or_else(|| existing.remove(&draft.external_id));
        let external_id = if is_keyed { &draft.keyed_id } else { &draft.external_id };
        let id = before.as_ref().map_or_else(RecordId::new, |before| before.id);
        Self { sent, external_id, id, before }
    }

    /// The external id that the record has to give up.
    pub fn renamed(&self) -> Option<(&str, &str)> {
        let was = self.before.as_ref()?.external_id.as_str();
        (was != self.external_id).then_some((was, self.external_id))
    }

    /// What was forgotten of the record before it was sent.
    pub fn forgotten_before(&self) -> i16 {
        self.before.as_ref().map_or(0, |before| before.forgotten)
    }

    /// What of the record arrives forgotten, also because what was sent before it in this batch did.
    pub fn arrives_forgotten(&self, erasures: &Erasures, target: Target) -> i16 {
        self.sent.all().map(|draft| arrives_forgotten(draft, erasures, target)).fold(0, |all, bits| all | bits)
    }

    pub fn is_gone(&self, arrives: i16) -> bool {
        (self.forgotten_before() | arrives) & forgotten::CUSTOMER != 0
    }

    /// Whether the record was there before its last draft.
    pub fn is_again(&self) -> bool {
        self.before.is_some() || !self.sent.earlier.is_empty()
    }

    /// How many of its drafts count as created, given whether it was there before the batch. One that is stored under a
    /// keyed hash always does: the count must not say whether a number was here before (A23).
    pub fn created(&self, was_there: bool) -> u64 {
        match was_there {
            _ if is_keyed(self.external_id) => 1 + self.sent.earlier.len() as u64,
            true => 0,
            false => 1,
        }
    }

    /// The identifiers that the vault is to know for it: those of its customer and those its texts mention.
    pub fn wanted(&self, arrives: i16, erasures: &Erasures, target: Target) -> impl Iterator<Item = Identifier> {
        let bits = self.forgotten_before() | arrives;
        let draft = self.sent.draft;
        let own = own_identifiers(&draft.customer);
        let is_closed = is_closed(self.is_again(), bits);
        identifiers(draft).filter(move |one| {
            if own.contains(one) {
                bits & forgotten::CUSTOMER == 0
            } else {
                !is_closed && !erasures.cover(one, target, draft.at)
            }
        })
    }

    /// The record as it is to be written, given what of it arrives forgotten.
    pub fn row(&self, known: &Resolved, arrives: i16, memory: &Memory) -> sql::RecordRow<'_> {
        let draft = self.sent.draft;
        let is_gone = self.is_gone(arrives);
        let held = |one: Option<Identifier>| one.and_then(|one| known.get(&one).copied()).filter(|_| !is_gone);
        let (columns, added) =
            if is_gone { self.forgotten_columns(memory) } else { (Cow::Borrowed(&draft.columns), Vec::new()) };
        sql::RecordRow {
            id: self.id,
            external_id: self.external_id,
            at: draft.at,
            phone: held(draft.customer.phone.clone().map(Identifier::Phone)),
            email: held(draft.customer.email.clone().map(Identifier::Email)),
            name: held(name_of(&draft.customer, self.id, known)),
            forgotten: arrives,
            columns,
            added,
        }
    }

    /// The columns of a record whose customer is forgotten, and the kinds of the placeholders that its text has beside its
    /// mentions. A descriptive value that contained the customer is gone. Of a record that is sent again, so is what stood in
    /// its text where the stored text mentions somebody, and any descriptive value that contains anybody.
    fn forgotten_columns(&self, memory: &Memory) -> (Cow<'a, Columns>, Vec<Kind>) {
        let Sent { draft, earlier } = self.sent;
        let mut columns = Cow::Borrowed(&draft.columns);
        let (mut finders, mut added) = (Vec::new(), Vec::new());
        if self.is_again() {
            let names = earlier.iter().filter_map(|draft| draft.customer.name.clone()).collect();
            let mut again = Again::new(draft.mentions.len(), names);
            let sent = draft.columns.text();
            let mut left = sent.clone();
            if let Some((stored, kinds)) = memory.texts.get(&self.id.0) {
                again.keep(stored, kinds, &mut left);
            }
            left = again.without_names(left);
            if left != sent {
                columns.to_mut().set_text(left);
            }
            let names;
            (names, added) = again.end();
            finders = memory.finders(&names);
        }
        let was_keyed = |no: usize| earlier.iter().any(|draft| draft.columns.descriptive()[no].is_some_and(is_keyed));
        let is_anybody =
            |value: &str| finders.iter().any(|finder| finder.holds_own(value) || !finder.find(value).is_empty());
        for (no, value) in draft.columns.descriptive().into_iter().enumerate() {
            if value.is_some_and(|value| is_keyed(value) || was_keyed(no) || is_anybody(value))
                && let Some(value) = &mut columns.to_mut().descriptive_mut()[no]
            {
                ANONYMIZED.clone_into(value);
            }
        }
        (columns, added)
    }

    /// The mentions of the record as it was written, given what is forgotten of it now.
    pub fn mentions<'b>(
        &'b self,
        row: &'b sql::RecordRow<'b>,
        (id, bits, was_there): (RecordId, i16, bool),
        (known, erasures, target): (&'b Resolved, &'b Erasures, Target),
    ) -> impl Iterator<Item = NewMention> + 'b {
        let draft = self.sent.draft;
        let own = own_identifiers(&draft.customer);
        let is_gone = bits & forgotten::CUSTOMER != 0;
        let is_closed = is_closed(was_there || self.is_again(), bits);
        let is_kept = move |found: &Found, id: IdentifierId| !is_gone && (!is_closed || self.held(found, id));
        let added = row.added.iter().zip(draft.mentions.len()..).filter_map(move |(kind, n)| {
            let mention = Mention { n: i32::try_from(n).ok()?, kind: *kind, identifier: None };
            Some(NewMention { record: id.0, at: draft.at, mention })
        });
        let mentioned = draft.mentions.iter().zip(0..).map(move |(found, n)| {
            let identifier = match mentioned(found) {
                None => row.name.filter(|id| is_kept(found, *id)),
                Some(one) if own.contains(&one) => known.get(&one).copied().filter(|id| is_kept(found, *id)),
                Some(one) if is_closed || erasures.cover(&one, target, draft.at) => None,
                Some(one) => known.get(&one).copied(),
            };
            NewMention { record: id.0, at: draft.at, mention: Mention { n, kind: found.kind(), identifier } }
        });
        mentioned.chain(added)
    }

    /// Whether the record's customer had the identifier before its last draft.
    fn held(&self, found: &Found, id: IdentifierId) -> bool {
        let Some(previous) = self.sent.earlier.last() else {
            return self.before.as_ref().is_some_and(|before| before.holds(id));
        };
        match mentioned(found) {
            Some(one) => own_identifiers(&previous.customer).contains(&one),
            None => previous.customer.name == self.sent.draft.customer.name,
        }
    }
}

/// What is still known of those records of a batch that are sent again after their customer was forgotten.
pub struct Memory {
    pub region: Region,
    /// The stored text of each, and the kinds of its placeholders by their numbers.
    pub texts: HashMap<Uuid, (Value, HashMap<usize, Kind>)>,
}

impl Memory {
    /// Finders of anybody, and of each of some names.
    fn finders(&self, names: &[Pii<PersonName>]) -> Vec<Finder> {
        let named = names.iter().map(|name| Own { name: Some(name.clone()), ..Own::default() });
        [Own::default()].into_iter().chain(named).map(|own| Finder::new(self.region, own)).collect()
    }
}

/// Whether a record has lost anybody and is sent again, so that none but its customer comes back into its texts.
const fn is_closed(is_again: bool, bits: i16) -> bool {
    is_again && bits & forgotten::ANYBODY != 0
}

fn arrives_forgotten(draft: &ParsedRecord, erasures: &Erasures, target: Target) -> i16 {
    let Customer { phone, email, name } = &draft.customer;
    let own = own_identifiers(&draft.customer);
    let is_covered = |one: &Identifier| erasures.cover(one, target, draft.at);
    let mut bits = 0;
    if own.iter().any(is_covered) {
        let slots = [
            (phone.is_some(), forgotten::PHONE),
            (email.is_some(), forgotten::EMAIL),
            (name.is_some(), forgotten::NAME),
        ];
        bits |= slots.into_iter().filter_map(|(has, bit)| has.then_some(bit)).sum::<i16>();
    }
    if draft.mentions.iter().filter_map(mentioned).any(|one| !own.contains(&one) && is_covered(&one)) {
        bits |= forgotten::MENTION;
    }
    bits
}

/// The number and the address of a customer.
pub fn own_identifiers(customer: &Customer) -> Vec<Identifier> {
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
pub fn identifiers(draft: &ParsedRecord) -> impl Iterator<Item = Identifier> {
    own_identifiers(&draft.customer).into_iter().chain(draft.mentions.iter().filter_map(mentioned))
}

/// The name, bound to the record's number, else its address, else the record.
pub fn name_of(customer: &Customer, record: RecordId, known: &Resolved) -> Option<Identifier> {
    let name = customer.name.clone()?;
    let id = |identifier: Identifier| known.get(&identifier).map(|id: &IdentifierId| id.0);
    let phone = customer.phone.clone().map(Identifier::Phone).and_then(id);
    let email = customer.email.clone().map(Identifier::Email).and_then(id);
    let bound_to: Uuid = phone.or(email).unwrap_or(record.0);
    Some(Identifier::Name { name, bound_to })
}
