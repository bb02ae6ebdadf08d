//! The verification of a log: its rows one after the other, against signed checkpoints. It works on rows of the
//! database and on lines of an export alike.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::checkpoint::{Checkpoint, CheckpointKeys};
use super::tree::{Hash, Tree};
use crate::audit::Action;
use crate::base::words::words;

words! {
    /// The way in which a log differs from what was sealed.
    #[derive(PartialOrd, Ord)]
    pub enum FaultKind {
        /// The row is another one than the sealed one, or cannot be read.
        Changed = "changed",
        /// The row is missing, and later rows are there.
        Missing = "missing",
        /// The row was never sealed in this place.
        Inserted = "inserted",
        /// The row and all rows after it are missing.
        Truncated = "truncated",
        /// Rows from this one on are others than those of a signed checkpoint, and their hashes were changed with them.
        Rewritten = "rewritten",
        /// The checkpoint at this row has no valid signature.
        Forged = "forged",
        /// The seal at this row has another tree than that of the rows, so the next rows cannot be sealed. Or the seal of
        /// this row cannot be read.
        WronglySealed = "wrongly_sealed",
        /// The seal of the row is missing, although later rows are sealed.
        Unsealed = "unsealed",
    }
}

/// The first row that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    pub seq: i64,
    pub kind: FaultKind,
}

impl FaultKind {
    pub(super) const fn at(self, seq: i64) -> Fault {
        Fault { seq, kind: self }
    }
}

/// A row of the log as far as the verification needs it.
pub struct LogEntry<'e> {
    pub seq: i64,
    /// The hash of its leaf, as the row is now.
    pub hash: Hash,
    /// The hash of the leaf at the time of its seal, if that is known.
    pub sealed: Option<Hash>,
    /// Whether all that is shown of the row belongs to its leaf.
    pub agrees: bool,
    pub action: &'e str,
    pub detail: &'e str,
}

/// The position and the tree before the first row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogStart {
    pub seq: i64,
    pub number: u32,
    pub tree: Tree,
}

impl LogStart {
    /// Whether a checkpoint up to the start can be one of this log. Only at the start itself, its root is known. Before
    /// that, its size is, because the numbers of a tree have no gap.
    fn agrees(&self, seq: i64, checkpoint: &Checkpoint) -> bool {
        let Checkpoint { tree, size, root, .. } = checkpoint;
        if seq == self.seq {
            return (*tree, *size, *root) == (self.number, self.tree.size(), self.tree.root());
        }
        let besides = u64::try_from(self.seq - seq).unwrap_or(u64::MAX);
        *tree < self.number || *tree == self.number && size.checked_add(besides) == Some(self.tree.size())
    }
}

/// The state of a verification.
pub struct Verification<'k> {
    /// The checkpoints to compare with, by the number of their last row.
    expected: BTreeMap<i64, Vec<Checkpoint>>,
    keys: &'k CheckpointKeys,
    start: LogStart,
    seq: i64,
    number: u32,
    tree: Tree,
    /// Up to this row a checkpoint agrees.
    attested: i64,
    /// How many rows restores have lost, as the log says.
    pub lost: i64,
    /// How many rows and checkpoints agree.
    pub rows: u64,
    pub checkpoints: u64,
    /// How many checkpoints are before the start, so that their roots are not compared.
    pub before: u64,
}

impl<'k> Verification<'k> {
    #[must_use]
    pub fn new(start: LogStart, keys: &'k CheckpointKeys) -> Self {
        let LogStart { seq, number, tree } = start.clone();
        let (expected, attested) = (BTreeMap::new(), seq);
        Self { expected, keys, start, seq, number, tree, attested, lost: 0, rows: 0, checkpoints: 0, before: 0 }
    }

    /// Adds a checkpoint whose signature is valid. `seq` is the number of its last row.
    pub fn expect(&mut self, seq: i64, checkpoint: Checkpoint) -> Result<(), Fault> {
        if seq > self.start.seq {
            self.expected.entry(seq).or_default().push(checkpoint);
            return Ok(());
        }
        if !self.start.agrees(seq, &checkpoint) {
            return Err(FaultKind::Rewritten.at(seq));
        }
        if seq == self.start.seq {
            self.checkpoints += 1;
        } else {
            self.before += 1;
        }
        Ok(())
    }

    /// Adds the next row.
    pub fn push(&mut self, entry: &LogEntry<'_>) -> Result<(), Fault> {
        let next = self.seq + 1;
        if !entry.agrees || entry.sealed.is_some_and(|sealed| sealed != entry.hash) {
            return Err(FaultKind::Changed.at(next));
        }
        if entry.seq < next {
            return Err(FaultKind::Inserted.at(entry.seq));
        }
        if entry.seq > next && !self.begins_tree(entry) {
            return Err(FaultKind::Missing.at(next));
        }
        self.seq = entry.seq;
        self.tree.push(entry.hash);
        self.rows += 1;
        self.compare()
    }

    /// Whether the row begins a new tree after a restore: it has a signed checkpoint of the tree that was lost. Then the
    /// checkpoints of the lost rows cannot be compared with anything.
    fn begins_tree(&mut self, entry: &LogEntry<'_>) -> bool {
        if entry.action != Action::AuditReopened.as_str() {
            return false;
        }
        let Ok(detail) = serde_json::from_str::<Value>(entry.detail) else { return false };
        let number = detail["tree"].as_u64().and_then(|number| u32::try_from(number).ok());
        let note = detail["checkpoint"].as_str().unwrap_or_default();
        let Ok((lost, true)) = Checkpoint::read(note, self.keys) else { return false };
        let Some(number) = number.filter(|number| *number > self.number && *number > lost.tree) else { return false };
        self.lost += entry.seq - 1 - self.seq;
        self.expected.retain(|seq, _| *seq >= entry.seq);
        (self.number, self.tree) = (number, Tree::default());
        (self.seq, self.attested) = (entry.seq - 1, entry.seq - 1);
        true
    }

    /// Compares the tree with the checkpoints of this size.
    fn compare(&mut self) -> Result<(), Fault> {
        let Some(expected) = self.expected.remove(&self.seq) else { return Ok(()) };
        let (root, size) = (self.tree.root(), self.tree.size());
        for checkpoint in expected {
            if (checkpoint.tree, checkpoint.size, checkpoint.root) != (self.number, size, root) {
                return Err(FaultKind::Rewritten.at(self.attested + 1));
            }
            self.checkpoints += 1;
        }
        self.attested = self.seq;
        Ok(())
    }

    /// The last row, and the tree up to it.
    #[must_use]
    pub fn end(&self) -> LogStart {
        LogStart { seq: self.seq, number: self.number, tree: self.tree.clone() }
    }

    /// The number of the last row.
    #[must_use]
    pub const fn last(&self) -> i64 {
        self.seq
    }

    /// Compares the end with a signed checkpoint whose last row is not numbered.
    pub fn end_at(&mut self, checkpoint: &Checkpoint) -> Result<(), Fault> {
        let size = self.tree.size();
        if checkpoint.tree != self.number || checkpoint.size > size {
            return Err(FaultKind::Truncated.at(self.seq + 1));
        }
        if checkpoint.size < size {
            let besides = i64::try_from(size - checkpoint.size).unwrap_or(i64::MAX);
            return Err(FaultKind::Inserted.at(self.seq - besides + 1));
        }
        if checkpoint.root != self.tree.root() {
            return Err(FaultKind::Rewritten.at(self.attested + 1));
        }
        self.checkpoints += 1;
        Ok(())
    }

    /// Ends after the last row. Checkpoints of later rows say that rows are missing.
    pub fn finish(&self) -> Result<(), Fault> {
        match self.expected.keys().next() {
            Some(_) => Err(FaultKind::Truncated.at(self.seq + 1)),
            None => Ok(()),
        }
    }
}
