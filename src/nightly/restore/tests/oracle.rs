//! The truth about a history: a small model that knows which records may be anonymous, and which must be. It reads only
//! what the databases show after each operation.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::base::id::{ContentId, HoldId, IdentifierId, RecordId, RequestId};
use crate::nightly::restore::ReplayReport;

/// The number of customers of a history.
pub const CUSTOMERS: usize = 4;

/// The `last_error` of a request whose identifier was lost with the vault.
const UNREADABLE: &str = "identifier_unreadable";

/// The ids of a customer's number, of their address, and of their name.
pub type Ids = [Option<IdentifierId>; 3];

/// A record as the archive shows it.
#[derive(Clone)]
pub struct Row {
    pub id: RecordId,
    pub at: DateTime<Utc>,
    pub ids: Ids,
}

impl Row {
    fn is_linked(&self) -> bool {
        self.ids.iter().any(Option::is_some)
    }
}

/// A request as the archive shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestRow {
    pub is_done: bool,
    pub due_at: DateTime<Utc>,
    pub last_error: Option<String>,
    /// The records that became anonymous, and the pieces of content that were deleted.
    pub numbers: (i64, i64),
}

/// The contents of both databases after an operation.
#[derive(Clone, Default)]
pub struct Seen {
    /// By their external ids.
    pub records: BTreeMap<String, Row>,
    pub requests: BTreeMap<RequestId, RequestRow>,
    /// The external id of the record of each piece of content.
    pub contents: BTreeMap<ContentId, String>,
    /// The content that the vault has a key of.
    pub keys: BTreeSet<ContentId>,
    /// The ids by which the vault knows the customers now.
    pub customers: [Ids; CUSTOMERS],
    /// The holds that last, each with the id of its customer's number.
    pub holds: BTreeMap<HoldId, Option<IdentifierId>>,
}

impl Seen {
    /// The customer that a record identifies, if the vault knows them.
    fn identified(&self, row: &Row) -> Option<usize> {
        let phone = row.ids[0]?;
        self.customers.iter().position(|ids| ids[0] == Some(phone))
    }

    fn holds_customer(&self, customer: usize) -> bool {
        self.holds.values().any(|phone| phone.is_some() && *phone == self.customers[customer][0])
    }
}

/// A record as it was sent.
#[derive(Clone)]
pub struct Record {
    /// The customer. After a call that was killed, there are two that it may have.
    pub owners: Vec<usize>,
    /// Whether its first call was killed.
    pub may_lack: bool,
}

/// A request as it was entered.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Request {
    pub customer: usize,
    /// Whether it names the number and the address.
    pub by: [bool; 2],
    pub cutoff: DateTime<Utc>,
    pub deletes_content: bool,
    pub is_cancelled: bool,
    /// The cut-off of an edit that was killed.
    pub maybe_cutoff: Option<DateTime<Utc>>,
    /// Whether a cancellation was killed. Its object may be in the journal, and then a later process carries it out.
    pub maybe_cancelled: bool,
    /// Whether it was ever seen as done.
    pub was_done: bool,
    /// Its numbers when it became done for the first time.
    pub numbers: Option<(i64, i64)>,
    /// Whether it was lost with the days after a backup.
    pub is_lost: bool,
}

impl Request {
    pub fn new(customer: usize, by: [bool; 2], cutoff: DateTime<Utc>, deletes_content: bool) -> Self {
        Self {
            customer,
            by,
            cutoff,
            deletes_content,
            is_cancelled: false,
            maybe_cutoff: None,
            maybe_cancelled: false,
            was_done: false,
            numbers: None,
            is_lost: false,
        }
    }

    /// Whether it selects a record by the ids that the vault knows now.
    fn selects(&self, row: &Row, seen: &Seen) -> bool {
        let ids = &seen.customers[self.customer];
        let is_named = |at: usize| self.by[at] && row.ids[at].is_some() && row.ids[at] == ids[at];
        row.at < self.cutoff && (is_named(0) || is_named(1))
    }

    /// Whether it asks that a customer is forgotten in records of a time.
    fn covers(&self, owners: &[usize], at: DateTime<Utc>) -> bool {
        !self.is_cancelled && owners.contains(&self.customer) && at < self.cutoff
    }
}

/// The operation before a check.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum After {
    Call,
    Night,
    /// A restore, its replay, and a night.
    Recovery,
}

#[derive(Default)]
pub struct Model {
    pub records: BTreeMap<String, Record>,
    pub requests: BTreeMap<RequestId, Request>,
    /// A request whose call was killed.
    pub entering: Option<Request>,
    /// Content that was deleted at any time.
    pub deleted: BTreeSet<ContentId>,
    pub seen: Seen,
    /// Whether any database was restored.
    pub was_restored: bool,
}

impl Model {
    /// Compares the databases with the truth, and takes over what a killed call has left undecided.
    pub fn check(&mut self, now: Seen, after: After) {
        let newly_done = self.check_requests(&now, after);
        self.check_records(&now, after);
        self.check_contents(&now, after, &newly_done);
        self.seen = now;
    }

    /// Returns the requests that became done.
    fn check_requests(&mut self, now: &Seen, after: After) -> Vec<RequestId> {
        for id in now.requests.keys() {
            if !self.requests.contains_key(id) {
                let entered = self.entering.take().expect("nobody has entered a request");
                self.requests.insert(*id, entered);
            }
        }
        self.entering = None;
        let (mut newly_done, was_restored) = (Vec::new(), self.was_restored);
        for (id, request) in &mut self.requests {
            if let Some(row) = now.requests.get(id) {
                assert!(!request.is_cancelled, "the cancelled request {id} is back");
                if request.maybe_cutoff == Some(row.due_at) {
                    request.cutoff = row.due_at;
                }
                assert_eq!(row.due_at, request.cutoff, "the request {id} has another cut-off than its user wanted");
                assert!(row.is_done || !request.was_done, "STUCK: the request {id} was done, and it waits again");
                if row.is_done && !request.was_done {
                    newly_done.push(*id);
                    request.was_done = true;
                    request.numbers = Some(row.numbers).filter(|_| !was_restored);
                }
                request.is_lost = false;
                request.maybe_cutoff = None;
            } else {
                let is_lost = after == After::Recovery && !request.was_done;
                request.is_cancelled |= request.maybe_cancelled && !is_lost;
                request.is_lost |= is_lost && !request.is_cancelled;
                assert!(request.is_cancelled || request.is_lost, "the request {id} is gone");
            }
        }
        newly_done
    }

    fn check_records(&mut self, now: &Seen, after: After) {
        self.records.retain(|name, record| {
            assert!(now.records.contains_key(name) || record.may_lack, "the record {name} is gone");
            now.records.contains_key(name)
        });
        for (name, row) in &now.records {
            let record = self.records.get_mut(name).unwrap_or_else(|| panic!("nobody has sent the record {name}"));
            record.may_lack = false;
            let before = self.seen.records.get(name);
            if row.is_linked() {
                assert!(row.ids.iter().all(Option::is_some), "the record {name} is half forgotten");
                assert!(before.is_none_or(Row::is_linked), "V1: the anonymous record {name} has a customer again");
                match now.identified(row) {
                    Some(owner) => {
                        assert!(record.owners.contains(&owner), "the record {name} identifies another customer");
                        record.owners = vec![owner];
                    }
                    None => assert!(self.was_restored, "the vault does not know the customer of {name}"),
                }
                let done = now.requests.iter().filter(|(_, one)| one.is_done);
                let mut done = done.filter_map(|(id, _)| Some((id, self.requests.get(id)?)));
                let forgets = done.find(|(_, request)| request.selects(row, now));
                let request = forgets.map(|(id, _)| *id);
                assert_eq!(request, None, "V1: the record {name} identifies a person that the request has forgotten");
            } else if before.is_none_or(Row::is_linked) {
                let is_wanted = self.requests.values().any(|request| request.covers(&record.owners, row.at));
                assert!(is_wanted, "L1: the record {name} of a living person is anonymous");
                let owner = before.and_then(|row| self.seen.identified(row));
                let is_held = owner.is_some_and(|one| self.seen.holds_customer(one) && now.holds_customer(one));
                let is_kept = is_held && after == After::Night && !self.was_restored;
                assert!(!is_kept, "L2: the held record {name} is anonymous");
            }
        }
    }

    fn check_contents(&mut self, now: &Seen, after: After, newly_done: &[RequestId]) {
        for (id, name) in self.seen.contents.iter().filter(|(id, _)| !now.contents.contains_key(id)) {
            let (record, row) = (self.records.get(name), self.seen.records.get(name));
            let owners = record.map(|record| record.owners.as_slice()).unwrap_or_default();
            let is_wanted = |one: &Request| one.deletes_content && row.is_some_and(|row| one.covers(owners, row.at));
            let is_wanted = self.deleted.contains(id) || self.requests.values().any(is_wanted);
            assert!(is_wanted, "the content {id} of a living person is gone");
            self.deleted.insert(*id);
        }
        for id in &self.deleted {
            assert!(!now.contents.contains_key(id), "V2: the deleted content {id} is served");
            assert!(!now.keys.contains(id), "V2: the deleted content {id} has its key");
        }
        // A replay deletes content by its ids, and it selects nothing anew.
        for request in newly_done.iter().filter(|_| after == After::Night).filter_map(|id| self.requests.get(id)) {
            for name in now.contents.values().filter(|_| request.deletes_content) {
                let is_selected = self.seen.records.get(name).is_some_and(|row| request.selects(row, &self.seen));
                assert!(!is_selected, "V2: a done request has left content of the record {name}");
            }
        }
    }

    /// Notes a restore: the records are those of the backup, if the archive was restored.
    pub fn restored(&mut self, records: Option<BTreeMap<String, Record>>, seen: Seen) {
        self.records = records.unwrap_or_else(|| std::mem::take(&mut self.records));
        self.seen = seen;
        self.was_restored = true;
    }

    /// Checks the report of a replay: the requests that are lost, and the ones whose numbers differ because the archive
    /// of the backup has records that had moved to another customer since (L1m).
    pub fn check_replay(&self, before: &BTreeSet<RequestId>, now: &Seen, report: &ReplayReport) {
        for (id, request) in &self.requests {
            let row = now.requests.get(id);
            let is_lost = before.contains(id) && row.is_none() && !request.is_cancelled && !request.is_lost;
            assert!(!is_lost || report.lost_requests.contains(id), "the replay does not name the lost request {id}");
            let was_repeated = self.seen.requests.get(id).is_none_or(|row| !row.is_done);
            let Some(row) = row.filter(|row| row.is_done && was_repeated) else { continue };
            let differs = request.numbers.is_some_and(|numbers| numbers != row.numbers);
            assert!(!differs || report.differing.contains(id), "L1m: the replay does not name the request {id}");
        }
    }

    /// Checks the end of a history: no request waits but those whose identifiers were lost with the vault.
    pub fn check_end(&self) {
        for (id, row) in self.seen.requests.iter().filter(|(_, row)| !row.is_done) {
            let is_lost = self.was_restored && row.last_error.as_deref() == Some(UNREADABLE);
            assert!(is_lost, "STUCK: the request {id} waits because of {:?}", row.last_error);
        }
    }
}
