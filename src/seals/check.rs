//! The verification of a tenant's log in the database: its rows against its seals, and against anchors outside.

use std::collections::{HashMap, VecDeque};

use serde::Serialize;

use super::checkpoint::{Checkpoint, CheckpointKeys};
use super::leaf::canonical;
use super::leaves::LeafWalk;
use super::model::{KeptLog, Seal, SealError};
use super::retention;
use super::sql;
use super::tree::leaf_hash;
use super::verify::{Fault, FaultKind, LogEntry, Verification};
use crate::audit::{self, SealedRow};
use crate::base::id::{AuditId, RecordId, Salt, TenantId};
use crate::journal::Journal;
use crate::store::StoreError;
use crate::vault::{AppContext, SigningPurpose};

/// How many rows are read at a time.
const PAGE: u32 = 1_000;

/// The outcome of the verification of a tenant's log.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verdict {
    pub rows: u64,
    /// How many signed checkpoints agree: of the database, and of the anchors.
    pub checkpoints: u64,
    /// How many rows retention has deleted. They were older than all others.
    pub deleted: i64,
    /// How many signed checkpoints are older than the first row that is kept. Their roots cannot be computed any more.
    pub before_retention: u64,
    /// How many rows restores have lost, as the log says.
    pub lost: i64,
    /// How many ids of records the kept rows commit to.
    pub record_ids: i64,
    /// How many of them are left.
    pub record_ids_left: i64,
    /// How many of them were deleted with their records, as the log says.
    pub record_ids_deleted: i64,
    /// The first row that differs.
    pub fault: Option<Fault>,
}

/// The keys of this service, for its own logs.
pub async fn own_keys(app: &AppContext) -> Result<CheckpointKeys, SealError> {
    let versions = app.signing_keys(None, SigningPurpose::Checkpoint).await?;
    Ok(CheckpointKeys::OfService(versions.iter().map(crate::vault::SigningVersion::public).collect()))
}

/// Verifies the log of a tenant against the anchors of a journal, or of another place with a copy of them.
pub async fn verify(app: &AppContext, anchors: &Journal, tenant: TenantId) -> Result<Verdict, SealError> {
    let keys = own_keys(app).await?;
    loop {
        let kept = retention::kept(&mut app.archive.read().await?, tenant).await?;
        let border = kept.start.seq;
        let mut verdict = verify_kept(app, anchors, (tenant, &keys), kept).await?;
        let mut tx = app.archive.read().await?;
        // A pass may have deleted rows that were not read yet.
        if retention::kept(&mut tx, tenant).await?.start.seq != border {
            continue;
        }
        // A row of the log tells each deletion.
        match retention::told(&mut tx, tenant).await {
            Ok(told) => {
                let untold = (told < border).then(|| FaultKind::Missing.at(told + 1));
                verdict.fault = [verdict.fault, untold].into_iter().flatten().min();
            }
            Err(StoreError::Inconsistent(_)) if verdict.fault.is_some() => {}
            Err(error) => return Err(error.into()),
        }
        return Ok(verdict);
    }
}

/// Verifies the rows of a log that retention has not deleted.
async fn verify_kept(
    app: &AppContext,
    anchors: &Journal,
    (tenant, keys): (TenantId, &CheckpointKeys),
    kept: KeptLog,
) -> Result<Verdict, SealError> {
    let KeptLog { start, deleted, unlinked, .. } = kept;
    let mut walk = LogWalk {
        app,
        tenant,
        keys,
        leaves: LeafWalk::after(tenant, start.seq),
        verification: Verification::new(start, keys),
        seals: VecDeque::new(),
        verdict: Verdict { deleted, ..Verdict::default() },
        unlinked,
        refused: None,
        first_incomplete: None,
        sealed: 0,
        unreadable: FaultKind::Changed.at(0),
    };
    // The anchors are read first: all that they have then was committed before.
    for (seq, note) in anchors.anchored(tenant).await? {
        walk.expect(seq, &note);
    }
    let fault = walk.run().await?;
    let LogWalk { verification, mut verdict, refused, .. } = walk;
    (verdict.rows, verdict.checkpoints, verdict.lost) =
        (verification.rows, verification.checkpoints, verification.lost);
    verdict.before_retention = verification.before;
    verdict.fault = [fault, refused].into_iter().flatten().min();
    Ok(verdict)
}

/// The walk over the rows of a log.
struct LogWalk<'a> {
    app: &'a AppContext,
    tenant: TenantId,
    keys: &'a CheckpointKeys,
    verification: Verification<'a>,
    leaves: LeafWalk,
    /// The seals that were read, and whose rows were not.
    seals: VecDeque<Seal>,
    verdict: Verdict,
    /// The number of ids of records that the deleted rows record as deleted, less those that they lacked themselves.
    unlinked: i64,
    /// The first checkpoint without a valid signature, or of another log than the deleted rows were, or the first seal of
    /// another tree.
    refused: Option<Fault>,
    /// The first row that has lost an id of a record.
    first_incomplete: Option<i64>,
    /// The number of the last row that had a seal at the beginning.
    sealed: i64,
    /// The report if a value of the rows that are read now cannot be decoded.
    unreadable: Fault,
}

/// Rows of a log in their order, with the ids of records that they name.
struct LogPage {
    rows: Vec<SealedRow>,
    records: HashMap<AuditId, Vec<(RecordId, Salt)>>,
}

impl LogWalk<'_> {
    /// Notes a checkpoint that the rows must agree with.
    fn expect(&mut self, seq: i64, note: &str) {
        let fault = match Checkpoint::read(note, self.keys) {
            Ok((checkpoint, true)) if checkpoint.tenant() == Some(self.tenant) => {
                self.verification.expect(seq, checkpoint).err()
            }
            _ => Some(FaultKind::Forged.at(seq)),
        };
        self.refused = self.refused.into_iter().chain(fault).min();
    }

    /// Verifies all numbered rows, and returns the first error.
    async fn run(&mut self) -> Result<Option<Fault>, SealError> {
        self.sealed = self.newest().await?;
        // The numbers begin with 1, so the pages below do not have such a row.
        let before = audit::first_number(&mut self.app.archive.read().await?, self.tenant, (i64::MIN, 0)).await?;
        if let Some(seq) = before {
            return Ok(Some(FaultKind::Inserted.at(seq)));
        }
        let mut size = PAGE;
        loop {
            let LogPage { rows, records } = match self.read(size).await {
                Ok(page) => page,
                // A row or a seal of the page has a value that its column cannot have. Alone, it is known by its number.
                Err(StoreError::Inconsistent(_)) if size > 1 => {
                    size = 1;
                    continue;
                }
                Err(StoreError::Inconsistent(_)) => return Ok(Some(self.unreadable)),
                Err(error) => return Err(error.into()),
            };
            if rows.is_empty() {
                break;
            }
            for row in rows {
                if let Err(fault) = self.push(&row, &records) {
                    return Ok(Some(fault));
                }
                while let Some(seal) = self.seals.pop_front_if(|seal| seal.seq <= row.seq) {
                    self.compare(&seal);
                }
            }
        }
        self.end().await
    }

    /// Reads the next rows, and their seals.
    async fn read(&mut self, size: u32) -> Result<LogPage, StoreError> {
        let after = self.verification.last();
        let mut tx = self.app.archive.read().await?;
        self.unreadable = FaultKind::Changed.at(after + 1);
        let first = audit::first_number(&mut tx, self.tenant, (after, i64::MAX)).await?;
        self.unreadable = FaultKind::Changed.at(first.unwrap_or(after + 1));
        let rows = audit::sealed(&mut tx, self.tenant, (after, i64::MAX), size).await?;
        // An id may have been added to a row that commits to none.
        let records = audit::records_of(&mut tx, self.tenant, rows.iter().map(|row| row.id).collect()).await?;
        self.unreadable.kind = FaultKind::WronglySealed;
        while rows.last().is_some_and(|last| self.leaves.end() < last.seq) {
            let seals = self.leaves.read(&mut tx, size).await?;
            if seals.is_empty() {
                break;
            }
            for seal in seals {
                if let Some(note) = &seal.note {
                    self.expect(seal.seq, note);
                }
                self.seals.push_back(seal);
            }
        }
        Ok(LogPage { rows, records })
    }

    /// Verifies the end of the log.
    async fn end(&mut self) -> Result<Option<Fault>, SealError> {
        let last = self.verification.last();
        if last < self.sealed {
            return Ok(Some(FaultKind::Truncated.at(last + 1)));
        }
        if let Err(fault) = self.verification.finish() {
            return Ok(Some(fault));
        }
        // Rows may have been sealed meanwhile.
        let sealed = self.newest().await?;
        if last > sealed {
            return Ok(Some(FaultKind::Inserted.at(sealed + 1)));
        }
        // The seal at the border of retention has no row any more, and the sealer may continue from it.
        match sql::newest(&mut self.app.archive.read().await?, self.tenant).await {
            Ok(newest) => newest.iter().for_each(|seal| self.compare(seal)),
            Err(StoreError::Inconsistent(_)) => return Ok(Some(FaultKind::WronglySealed.at(sealed))),
            Err(error) => return Err(error.into()),
        }
        self.missing_records().await
    }

    /// Compares the tree of a seal with that of the rows. The sealer continues from the tree of the seal.
    fn compare(&mut self, seal: &Seal) {
        let end = self.verification.end();
        if seal.seq == end.seq && seal.end().ok().as_ref() != Some(&end) {
            self.refused = self.refused.into_iter().chain([FaultKind::WronglySealed.at(seal.seq)]).min();
        }
    }

    /// The number of the last row that has a seal.
    async fn newest(&self) -> Result<i64, SealError> {
        Ok(sql::newest_number(&mut self.app.archive.read().await?, self.tenant).await?)
    }

    fn push(&mut self, row: &SealedRow, records: &HashMap<AuditId, Vec<(RecordId, Salt)>>) -> Result<(), Fault> {
        let digests = row.digests.as_chunks::<32>().0;
        let left = records.get(&row.id).map_or(&[][..], Vec::as_slice);
        let is_committed = |(record, salt): &(RecordId, Salt)| digests.contains(&audit::digest(*salt, *record));
        let is_named = row.actor_name.as_ref().is_none_or(|name| name.is_of(row.actor));
        if left.len() < digests.len() {
            self.first_incomplete = self.first_incomplete.or(Some(row.seq));
        }
        let sealed = self.leaves.of(row.seq);
        if sealed.is_none() && row.seq <= self.sealed {
            self.refused = self.refused.into_iter().chain([FaultKind::Unsealed.at(row.seq)]).min();
        }
        let count = |all: usize| i64::try_from(all).unwrap_or(i64::MAX);
        self.verdict.record_ids += count(digests.len());
        self.verdict.record_ids_left += count(left.len());
        self.verification.push(&LogEntry {
            seq: row.seq,
            hash: leaf_hash(&canonical(self.tenant, row)),
            sealed,
            agrees: is_named && left.iter().all(is_committed),
            action: &row.action,
            detail: &row.detail,
        })
    }

    /// More ids of records are missing than the rows say were deleted. These are read last, so a pass that deletes ids
    /// meanwhile is counted.
    async fn missing_records(&mut self) -> Result<Option<Fault>, SealError> {
        let deleted = audit::unlinked(&mut self.app.archive.read().await?, self.tenant).await? + self.unlinked;
        let Verdict { record_ids, record_ids_left, record_ids_deleted, .. } = &mut self.verdict;
        *record_ids_deleted = deleted;
        let is_missing = *record_ids - *record_ids_left > deleted;
        Ok(self.first_incomplete.filter(|_| is_missing).map(|seq| FaultKind::Missing.at(seq)))
    }
}
