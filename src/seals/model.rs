//! Seals, and the errors of sealing.

use chrono::{DateTime, Utc};

use super::checkpoint::{Checkpoint, CheckpointKeys};
use super::tree::{Hash, Tree};
use super::verify::LogStart;
use crate::journal::JournalError;
use crate::store::StoreError;
use crate::tenants::{GRACE, TenantError};
use crate::vault::VaultError;

/// The tree after a sealed batch.
#[derive(Clone, Debug)]
pub struct Seal {
    /// The number of the last row of the batch.
    pub seq: i64,
    /// The number of the tree.
    pub origin: i32,
    /// The size of the tree, the roots of its complete subtrees, and its root, as the row has them.
    pub size: i64,
    pub frontier: Vec<u8>,
    pub root: Vec<u8>,
    /// The signed checkpoint, once it is published.
    pub note: Option<String>,
    pub at: DateTime<Utc>,
}

impl Seal {
    /// The seal of a tree whose last row has a number.
    pub(super) fn of(seq: i64, origin: i32, tree: &Tree, at: DateTime<Utc>) -> Self {
        let (size, frontier, root) = (tree.size().cast_signed(), tree.frontier(), tree.root().to_vec());
        Self { seq, origin, size, frontier, root, note: None, at }
    }

    /// The place of the next row, and the tree before it. A tree that is not the sealed one is refused: the checkpoint of
    /// a log that continues from it would contradict the signed ones for good.
    pub(super) fn end(&self) -> Result<LogStart, StoreError> {
        let tree = Tree::from_frontier(self.size.cast_unsigned(), &self.frontier);
        let tree = tree.filter(|tree| tree.root()[..] == self.root[..] && self.is_signed(tree));
        let tree = tree.ok_or_else(|| StoreError::Inconsistent(format!("audit_seals.frontier of {}", self.seq)))?;
        Ok(LogStart { seq: self.seq, number: self.origin.cast_unsigned(), tree })
    }

    /// Whether the checkpoint is that of a tree. The signature is not verified: a restored vault has another key.
    fn is_signed(&self, tree: &Tree) -> bool {
        let is_of = |(Checkpoint { tree: number, size, root, .. }, _): (Checkpoint, bool)| {
            (number, size, root) == (self.origin.cast_unsigned(), tree.size(), tree.root())
        };
        self.note.as_ref().is_none_or(|note| Checkpoint::read(note, &CheckpointKeys::NONE).is_ok_and(is_of))
    }
}

/// A seal with the hashes of the leaves of its batch.
#[derive(Clone, Debug)]
pub struct SealedLeaves {
    pub seal: Seal,
    pub leaves: Vec<Hash>,
}

/// The beginning of a log that retention has deleted, and for how long its rows are kept.
#[derive(Clone, Debug, Default)]
pub struct KeptLog {
    /// The last deleted row, and the tree up to it.
    pub start: LogStart,
    /// The number of deleted rows.
    pub deleted: i64,
    /// The number of ids of records that the deleted rows record as deleted, less those that they lacked themselves.
    pub unlinked: i64,
    /// The number of days in force. Without one, rows are kept for ever.
    pub days: Option<i64>,
    /// A smaller number of days that is not in force yet, and when a pass saw it first.
    pub next: Option<(i64, DateTime<Utc>)>,
}

impl KeptLog {
    /// Takes the number of days of the settings. More days are in force at once. Fewer days are in force after the days
    /// of grace, unless they change again before (C7).
    pub(super) fn take(&mut self, days: Option<i64>, at: DateTime<Utc>) {
        let Some(fewer) = days.filter(|days| self.days.is_none_or(|kept| *days < kept)) else {
            (self.days, self.next) = (days, None);
            return;
        };
        let since = self.next.filter(|(next, _)| *next == fewer).map_or(at, |(_, since)| since);
        if at.signed_duration_since(since) < GRACE {
            self.next = Some((fewer, since));
        } else {
            (self.days, self.next) = (days, None);
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A line of an export cannot be written.
    #[error("a line of the export cannot be written")]
    Line(#[from] serde_json::Error),
    /// The journal has another checkpoint under this number.
    #[error("the erasure journal has another checkpoint with the number {0}: the audit log was changed or restored")]
    Forked(i64),
    /// The journal has a checkpoint of rows that the archive does not have.
    #[error("the end of the audit log is missing, up to the row {0}: if the archive was restored, run lethe replay")]
    EndMissing(i64),
    /// The export has not read these rows yet, and is not complete without them.
    #[error("retention deleted rows of the audit log during their export: repeat the export")]
    Purged,
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_seal_whose_tree_is_not_the_sealed_one_is_refused() {
        let mut tree = Tree::default();
        for leaf in 0..5 {
            tree.push([leaf; 32]);
        }
        let at = DateTime::UNIX_EPOCH;
        let seal = Seal::of(9, 1, &tree, at);
        let start = seal.end().unwrap();
        assert_eq!((start.seq, start.number, &start.tree), (9, 1, &tree));
        let log = super::super::checkpoint::LogName::new("lethe", crate::base::id::TenantId(uuid::Uuid::nil()));
        let checkpoint = Checkpoint { log, tree: 1, size: 5, root: tree.root() };
        let note = checkpoint.signed(
            &crate::base::signing::SigningKey::from_seed(&crate::base::crypto::Key::from_bytes(&[7; 32]).unwrap())
                .unwrap(),
        );
        let signed = Seal { note: Some(note.clone()), ..seal.clone() };
        assert!(signed.end().is_ok());
        let mut other = Tree::default();
        for leaf in 5..10 {
            other.push([leaf; 32]);
        }
        for changed in [
            Seal { frontier: vec![0; seal.frontier.len()], ..seal.clone() },
            Seal { frontier: Vec::new(), ..seal.clone() },
            Seal { size: 6, ..signed.clone() },
            Seal { root: vec![0; 32], ..seal.clone() },
            Seal { root: Vec::new(), ..seal.clone() },
            Seal { origin: 0, ..signed.clone() },
            Seal { note: Some(note), ..Seal::of(9, 1, &other, at) },
            Seal { note: Some(String::new()), ..seal },
        ] {
            assert!(changed.end().is_err(), "{changed:?}");
        }
    }

    #[test]
    fn fewer_days_wait_for_the_days_of_grace_and_more_days_do_not() {
        let begin: DateTime<Utc> = "2026-03-01T03:00:00Z".parse().unwrap();
        let mut kept = KeptLog::default();
        for (day, days, expected) in [
            (0, Some(365), None),
            (29, Some(365), None),
            (30, Some(365), Some(365)),
            (31, Some(180), Some(365)),
            (50, Some(200), Some(365)),
            (70, Some(180), Some(365)),
            (99, Some(180), Some(365)),
            (100, Some(180), Some(180)),
            (101, Some(400), Some(400)),
            (102, Some(400), Some(400)),
            (103, None, None),
            (104, Some(180), None),
            (105, None, None),
            (134, Some(180), None),
        ] {
            kept.take(days, begin + TimeDelta::days(day));
            assert_eq!(kept.days, expected, "day {day}");
        }
    }
}
