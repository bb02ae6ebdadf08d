//! The erasure journal: every decision that a restore could undo, outside of both databases.
//!
//! An object is created before its decision takes effect, it is never changed, and it is deleted when it has expired. `decisions/<number>` form one chain
//! over all tenants: each names the hash of the object before. `contents/<tenant>/<id>` list content that is deleted,
//! `keys/<tenant>/…` are wrapped keys, and `anchors/<tenant>/<number>` are checkpoints of audit logs. The journal contains no identifier and no name of a user.
//!
//! Each database has a row for each object that it knows. So an object without a row tells of a restored database or
//! of a killed process, and a row without an object tells of a lost journal. `nightly/restore/` draws the conclusions.

mod anchors;
mod call;
mod chain;
mod expiry;
mod http;
mod model;
mod object;
mod sql;
mod standing;

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::sync::Mutex;

use crate::base::hex::hex;
use crate::base::id::{ContentId, JournalId, PassId, TenantId};
use crate::config::BackupDays;
use crate::objects::{Ledger, ObjectError};

pub use call::CallLimit;
use chain::Chain;
pub use model::{
    Body, Header, HoldKey, JournalEntry, JournalError, ObjectKind, Outcome, Selection, TenantKeys, WrappedKey,
};
pub use object::SealedObject;
pub use sql::{contents, delete_below, delete_contents_before, entries, head, insert, insert_contents, newest};
pub use standing::{Refusal, Standing, State};

/// How many objects are read at a time.
const AT_ONCE: usize = 16;

/// How many of the newest objects stay in memory, with those that a database does not know.
pub const NEWEST: i64 = 1_000;

const DECISIONS: &str = "decisions";

/// The journal of this installation.
#[derive(Debug)]
pub struct Journal {
    store: Option<Ledger>,
    chain: Mutex<Chain>,
    /// The patience of calls that write.
    pub call: CallLimit,
    /// The conclusions of the last look at the journal.
    pub standing: Standing,
    /// For how long backups of the databases are kept, as the operator declares it.
    pub backup_days: BackupDays,
}

/// An object of the chain without its body.
#[derive(Clone, Debug)]
pub struct KnownObject {
    pub entry: JournalEntry,
    pub header: Header,
}

/// The number of an object that cannot be read, and why.
pub type Unreadable = (i64, JournalError);

impl Journal {
    /// A journal in a store, or none.
    #[must_use]
    pub fn new(store: Option<Ledger>) -> Self {
        let standing = Standing::new(store.is_some());
        Self {
            store,
            chain: Mutex::default(),
            call: CallLimit::default(),
            standing,
            backup_days: BackupDays::default(),
        }
    }

    /// The same with the time for which backups are kept.
    #[must_use]
    pub fn declaring(self, backup_days: BackupDays) -> Self {
        Self { backup_days, ..self }
    }

    #[must_use]
    pub const fn is_off(&self) -> bool {
        self.store.is_none()
    }

    /// Creates the next object of the chain. Returns none if the journal is off.
    pub async fn append(
        &self,
        keys: &TenantKeys,
        pass: Option<PassId>,
        kind: ObjectKind,
        body: &Body,
        at: DateTime<Utc>,
    ) -> Result<Option<JournalEntry>, JournalError> {
        let Some(store) = &self.store else { return Ok(None) };
        let appended = self.call.within(self.append_to(store, keys, (pass, kind), body, at)).await;
        if appended.is_err() {
            self.standing.count_failure();
        }
        appended.map(Some)
    }

    async fn append_to(
        &self,
        store: &Ledger,
        keys: &TenantKeys,
        (pass, kind): (Option<PassId>, ObjectKind),
        body: &Body,
        at: DateTime<Utc>,
    ) -> Result<JournalEntry, JournalError> {
        let mut chain = self.chain.lock().await;
        let known = self.standing.newest();
        if !chain.is_read || known > chain.seq {
            chain.advance(store, known).await?;
        }
        self.check_end(store, &mut chain).await?;
        keep_keys(store, &mut chain.keys, keys).await?;
        loop {
            let seq = chain.seq + 1;
            let header = Header {
                v: 1,
                seq: Some(seq),
                id: None,
                tenant: keys.tenant,
                pass,
                kind,
                prev: Some(chain.hash.map_or_else(String::new, |hash| hex(&hash))),
                at,
                count: body.len(),
                key: keys.version,
            };
            let bytes = object::seal(&header, body, &keys.key)?;
            if store.create(&name(seq), &bytes).await? {
                return chain.extend(seq, &bytes).map(|object| object.entry);
            }
            // Another process has appended objects meanwhile. An object that cannot be read blocks the chain.
            chain.advance(store, seq).await?;
            if chain.seq < seq {
                return Err(ObjectError::Interrupted.into());
            }
        }
    }

    /// Nothing is written to a store that lacks the end of the chain: it was moved away or emptied, and a second chain
    /// would begin in it. An object that has expired meanwhile has newer ones behind it.
    async fn check_end(&self, store: &Ledger, chain: &mut Chain) -> Result<(), JournalError> {
        let newest = chain.seq.max(self.standing.newest());
        if newest == 0 || store.get(&name(newest)).await?.is_some() || chain.go_on_after(store, newest).await? {
            return Ok(());
        }
        Err(JournalError::Gone(name(newest)))
    }

    /// Creates an object that lists content before it is deleted. Returns none if the journal is off.
    pub async fn append_contents(
        &self,
        keys: &TenantKeys,
        pass: Option<PassId>,
        ids: Vec<ContentId>,
        at: DateTime<Utc>,
    ) -> Result<Option<JournalId>, JournalError> {
        let Some(store) = &self.store else { return Ok(None) };
        let appended = async {
            {
                let mut chain = self.chain.lock().await;
                self.check_end(store, &mut chain).await?;
                keep_keys(store, &mut chain.keys, keys).await?;
            }
            let (id, tenant, kind) = (JournalId::new(), keys.tenant, ObjectKind::Contents);
            let (count, key) = (ids.len(), keys.version);
            let header = Header { v: 1, seq: None, id: Some(id), tenant, pass, kind, prev: None, at, count, key };
            let bytes = object::seal(&header, &Body::Contents(ids), &keys.key)?;
            if store.create(&name_of_contents(tenant, id), &bytes).await? {
                Ok(id)
            } else {
                // The id is random, so nobody else has it: a store may refuse a write beside another one.
                Err(ObjectError::Interrupted.into())
            }
        };
        let appended = self.call.within(appended).await;
        if appended.is_err() {
            self.standing.count_failure();
        }
        appended.map(Some)
    }

    /// The numbers of all objects after one.
    pub async fn numbers(&self, after: i64) -> Result<Vec<i64>, JournalError> {
        let Some(store) = &self.store else { return Ok(Vec::new()) };
        let after = (after > 0).then(|| format!("{after:020}"));
        let names = store.list(DECISIONS, after.as_deref()).await?;
        let number = |name: &String| {
            let is_one = name.len() == 20 && name.bytes().all(|byte| byte.is_ascii_digit());
            let number = name.parse().ok().filter(|_| is_one);
            number.ok_or_else(|| JournalError::Damaged(name.clone(), "this is no name of an object"))
        };
        names.iter().map(number).collect()
    }

    /// Some objects without their bodies, and the first one that cannot be read. Objects that were read before are not
    /// read again. All others that were read before are dropped from memory, but the newest ones.
    pub async fn headers(&self, wanted: &[i64]) -> Result<(Vec<KnownObject>, Option<Unreadable>), JournalError> {
        let Some(store) = &self.store else { return Ok((Vec::new(), None)) };
        let missing: Vec<i64> = {
            let chain = self.chain.lock().await;
            wanted.iter().copied().filter(|seq| !chain.known.contains_key(seq)).collect()
        };
        let reads = missing.into_iter().map(|seq| async move {
            let bytes = store.get(&name(seq)).await?.ok_or_else(|| missing_object(&name(seq)));
            Ok::<_, JournalError>((seq, bytes.and_then(|bytes| read(seq, &bytes))))
        });
        let objects: Vec<_> = futures_util::stream::iter(reads).buffer_unordered(AT_ONCE).try_collect().await?;
        let (objects, broken): (Vec<_>, Vec<_>) = objects.into_iter().partition(|(_, object)| object.is_ok());
        let unreadable =
            broken.into_iter().filter_map(|(seq, object)| Some((seq, object.err()?))).min_by_key(|one| one.0);
        let mut chain = self.chain.lock().await;
        chain.known.extend(objects.into_iter().filter_map(|(seq, object)| Some((seq, object.ok()?))));
        let newest = chain.known.last_key_value().map_or(0, |(seq, _)| *seq) - NEWEST;
        let wanted: HashSet<i64> = wanted.iter().copied().collect();
        chain.known.retain(|seq, _| *seq > newest || wanted.contains(seq));
        chain.note_newest();
        let objects = chain.known.values().filter(|object| wanted.contains(&object.entry.seq)).cloned().collect();
        Ok((objects, unreadable))
    }

    /// The objects of a pass that a database may not know yet, in their order.
    pub async fn of_pass(&self, pass: PassId) -> Result<Vec<KnownObject>, JournalError> {
        let Some(store) = &self.store else { return Ok(Vec::new()) };
        let mut chain = self.chain.lock().await;
        chain.advance(store, 0).await?;
        Ok(chain.known.values().filter(|object| object.header.pass == Some(pass)).cloned().collect())
    }

    /// The body of an object of the chain, verified.
    pub async fn body(&self, keys: &TenantKeys, seq: i64) -> Result<Body, JournalError> {
        let (name, object) = self.sealed(seq).await?;
        if object.header.tenant != keys.tenant {
            return Err(JournalError::Damaged(name, "it belongs to another tenant"));
        }
        object.open(&name, &keys.key)
    }

    /// An object of the chain with its name.
    pub async fn sealed(&self, seq: i64) -> Result<(String, SealedObject), JournalError> {
        let name = name(seq);
        let object = self.object(&name).await?;
        if object.header.seq == Some(seq) {
            Ok((name, object))
        } else {
            Err(JournalError::Damaged(name, "it has the number of another object"))
        }
    }

    /// The ids of all objects that list content of a tenant.
    pub async fn content_objects(&self, tenant: TenantId) -> Result<Vec<JournalId>, JournalError> {
        let Some(store) = &self.store else { return Ok(Vec::new()) };
        let names = store.list(&format!("contents/{tenant}"), None).await?;
        let id = |name: &String| {
            let id = name.parse().map(JournalId);
            id.map_err(|_| JournalError::Damaged(name.clone(), "this is no name of an object"))
        };
        names.iter().map(id).collect()
    }

    /// An object that lists content, verified.
    pub async fn contents(&self, keys: &TenantKeys, id: JournalId) -> Result<(Header, Vec<ContentId>), JournalError> {
        let name = name_of_contents(keys.tenant, id);
        let object = self.object(&name).await?;
        if object.header.id != Some(id) || object.header.tenant != keys.tenant {
            return Err(JournalError::Damaged(name, "it has another place"));
        }
        match object.open(&name, &keys.key)? {
            Body::Contents(ids) => Ok((object.header, ids)),
            _ => Err(JournalError::Damaged(name, "it is of another kind")),
        }
    }

    /// The wrapped keys of a tenant.
    pub async fn wrapped_keys(&self, tenant: TenantId) -> Result<Vec<WrappedKey>, JournalError> {
        let Some(store) = &self.store else { return Ok(Vec::new()) };
        let folder = format!("keys/{tenant}");
        let mut keys = Vec::new();
        for name in store.list(&folder, None).await? {
            let parts = name.split_once('.').and_then(|(key, master)| {
                let (purpose, version) = key.rsplit_once('-')?;
                Some((purpose.to_owned(), version.parse().ok()?, master.to_owned()))
            });
            let Some((purpose, version, master)) = parts else {
                return Err(JournalError::Damaged(name, "this is no name of a key"));
            };
            let bytes = store.get(&format!("{folder}/{name}")).await?.ok_or_else(|| missing_object(&name))?;
            let Some((print, wrapped)) = bytes.split_first_chunk::<32>() else {
                return Err(JournalError::Damaged(name, "it is too short for a key"));
            };
            keys.push(WrappedKey { purpose, version, master, print: *print, wrapped: wrapped.to_vec() });
        }
        Ok(keys)
    }

    async fn object(&self, name: &str) -> Result<SealedObject, JournalError> {
        let store = self.store.as_ref().ok_or_else(|| missing_object(name))?;
        let bytes = store.get(name).await?.ok_or_else(|| missing_object(name))?;
        SealedObject::read(name, &bytes)
    }
}

fn read(seq: i64, bytes: &[u8]) -> Result<KnownObject, JournalError> {
    let SealedObject { header, hash, .. } = SealedObject::read(&name(seq), bytes)?;
    if header.seq != Some(seq) {
        return Err(JournalError::Damaged(name(seq), "it has the number of another object"));
    }
    Ok(KnownObject { entry: JournalEntry { seq, kind: header.kind, pass: header.pass, hash }, header })
}

/// Creates the wrapped keys that the journal does not have yet.
async fn keep_keys(store: &Ledger, known: &mut HashSet<String>, keys: &TenantKeys) -> Result<(), JournalError> {
    for key in &keys.wrapped {
        let name = format!("keys/{}/{key}", keys.tenant);
        if known.contains(&name) {
            continue;
        }
        if !store.create(&name, &[&key.print[..], &key.wrapped].concat()).await? {
            // The same key may have been wrapped twice by one master key.
            let there = store.get(&name).await?.unwrap_or_default();
            if !there.starts_with(&key.print) {
                return Err(JournalError::OtherKeys(name));
            }
        }
        known.insert(name);
    }
    Ok(())
}

fn name(seq: i64) -> String {
    format!("{DECISIONS}/{seq:020}")
}

fn name_of_contents(tenant: TenantId, id: JournalId) -> String {
    format!("contents/{tenant}/{id}")
}

fn missing_object(name: &str) -> JournalError {
    JournalError::Damaged(name.to_owned(), "it is missing")
}
