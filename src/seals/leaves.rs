//! The hashes of the leaves as the seals have them, row by row.

use std::collections::VecDeque;

use super::model::{Seal, SealedLeaves};
use super::sql;
use super::tree::Hash;
use crate::base::id::TenantId;
use crate::store::{Archive, Result, Tx};

/// The most seals that are read at a time.
const SEALS: u32 = 200;

/// The leaves of the seals after a number, in the order of their rows.
pub struct LeafWalk {
    tenant: TenantId,
    leaves: VecDeque<(i64, Hash)>,
    /// The number of the last seal that was read.
    read_to: i64,
}

impl LeafWalk {
    pub const fn after(tenant: TenantId, seq: i64) -> Self {
        Self { tenant, leaves: VecDeque::new(), read_to: seq }
    }

    /// Reads the next seals, at most so many, and returns them.
    pub async fn read(&mut self, tx: &mut Tx<Archive>, most: u32) -> Result<Vec<Seal>> {
        let mut read = Vec::new();
        for SealedLeaves { seal, leaves } in sql::leaves(tx, self.tenant, self.read_to, most.min(SEALS)).await? {
            let first = seal.seq + 1 - i64::try_from(leaves.len()).unwrap_or_default();
            self.leaves.extend((first..).zip(leaves));
            self.read_to = seal.seq;
            read.push(seal);
        }
        Ok(read)
    }

    /// The number of the last row whose seal was read.
    pub const fn end(&self) -> i64 {
        self.read_to
    }

    /// The leaf of a row. The calls are made in the order of the rows.
    pub fn of(&mut self, seq: i64) -> Option<Hash> {
        while self.leaves.front().is_some_and(|(first, _)| *first < seq) {
            self.leaves.pop_front();
        }
        self.leaves.front().filter(|(first, _)| *first == seq).map(|(_, hash)| *hash)
    }
}
