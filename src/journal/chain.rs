//! The end of the chain, as a process knows it.

use std::collections::{BTreeMap, HashSet};

use super::{DECISIONS, JournalError, KnownObject, name, read};
use crate::objects::Ledger;

/// The end of the chain, as far as this process has read it.
#[derive(Debug, Default)]
pub struct Chain {
    pub is_read: bool,
    pub seq: i64,
    pub hash: Option<[u8; 32]>,
    /// Objects that were read: the newest ones, and those that a database does not know.
    pub known: BTreeMap<i64, KnownObject>,
    /// The wrapped keys that the journal has.
    pub keys: HashSet<String>,
}

impl Chain {
    /// Reads the objects that other processes have appended. It looks for the end of the chain the first time, and when
    /// the objects between have expired: a database knows the object `known`.
    pub async fn advance(&mut self, store: &Ledger, known: i64) -> Result<(), JournalError> {
        if !self.is_read {
            self.seek(store, 0).await?;
        }
        self.read_on(store).await?;
        if self.seq < known {
            self.go_on_after(store, known - 1).await?;
        }
        Ok(())
    }

    /// Continues after an object that is gone, if there are newer ones. Returns whether there are.
    pub async fn go_on_after(&mut self, store: &Ledger, gone: i64) -> Result<bool, JournalError> {
        let is_any = self.seek(store, gone).await?;
        if is_any {
            self.read_on(store).await?;
        }
        Ok(is_any)
    }

    async fn read_on(&mut self, store: &Ledger) -> Result<(), JournalError> {
        while let Some(bytes) = store.get(&name(self.seq + 1)).await? {
            self.extend(self.seq + 1, &bytes)?;
        }
        Ok(())
    }

    /// Finds the end of the chain by the names of the objects after one. Returns whether there is any.
    async fn seek(&mut self, store: &Ledger, after: i64) -> Result<bool, JournalError> {
        let after = (after > 0).then(|| format!("{after:020}"));
        let names = store.list(DECISIONS, after.as_deref()).await?;
        let last = names.last().and_then(|name| name.parse::<i64>().ok());
        if let Some(last) = last {
            self.seq = last - 1;
        }
        self.is_read = true;
        Ok(last.is_some())
    }

    /// Continues after the newest object that a look has read. So a call of a process that seldom writes does not read
    /// all that others have appended.
    pub fn note_newest(&mut self) {
        let Some((seq, object)) = self.known.last_key_value() else { return };
        if *seq > self.seq {
            (self.seq, self.hash, self.is_read) = (*seq, Some(object.entry.hash), true);
        }
    }

    pub fn extend(&mut self, seq: i64, bytes: &[u8]) -> Result<KnownObject, JournalError> {
        let object = read(seq, bytes)?;
        (self.seq, self.hash) = (seq, Some(object.entry.hash));
        self.known.insert(seq, object.clone());
        Ok(object)
    }
}
