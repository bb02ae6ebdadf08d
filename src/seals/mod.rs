//! The sealed audit log (D11, N6): its rows are the leaves of a Merkle tree for each tenant, whose checkpoints are signed
//! and anchored outside of the database. So a change of a row is evident, and also a missing row.
//!
//! The tree covers no identifier, no name, and no id of a record. It covers digests that commit to them. So they can
//! leave, and the tree stays valid.

mod check;
mod checkpoint;
mod export;
pub mod http;
mod leaf;
mod leaves;
mod model;
mod retention;
mod sealer;
mod sql;
mod tree;
mod verify;

use chrono::{DateTime, Utc};

use crate::audit;
use crate::base::id::TenantId;
use crate::store::{Archive, StoreError, Tx};
use crate::vault::AppContext;

use leaves::LeafWalk;

pub use check::{Verdict, own_keys, verify};
pub use checkpoint::{Checkpoint, CheckpointError, CheckpointKeys, LogName, VerifierKey};
pub use export::{ExportEnd, ExportStart, ExportVerdict, verify as verify_export};
pub use model::SealError;
pub use retention::{keep, purge};
pub use sealer::Sealer;
pub use verify::{Fault, FaultKind};

/// How many rows of an export are read at a time.
const PAGE: u32 = 500;

/// The newest published checkpoint of a tenant's log.
pub async fn checkpoint(app: &AppContext, tenant: TenantId) -> Result<Option<String>, SealError> {
    Ok(published(&mut app.archive.read().await?, tenant).await?)
}

/// The same in a transaction of the caller.
pub async fn published(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Option<String>, StoreError> {
    Ok(sql::published(tx, tenant).await?.and_then(|seal| seal.note))
}

/// An export of a log, from one seal to another one.
pub struct AuditExport {
    tenant: TenantId,
    leaves: LeafWalk,
    seq: i64,
    last: i64,
    /// The last line, until it was written.
    end: Option<ExportEnd>,
}

impl AuditExport {
    /// The export of the rows of a span of time. It begins and ends at seals, so it may have some rows more. Without
    /// `from`, it begins with the first row that retention has not deleted.
    pub async fn begin(
        app: &AppContext,
        tenant: TenantId,
        from: Option<DateTime<Utc>>,
        to: Option<DateTime<Utc>>,
    ) -> Result<Self, SealError> {
        let mut tx = app.archive.read().await?;
        // It is read first, so that nothing that is read later is older.
        let kept = sql::kept(&mut tx, tenant).await?.unwrap_or_default();
        let before = match from {
            Some(from) => sql::before(&mut tx, tenant, from).await?,
            None => None,
        };
        let last = match to {
            Some(to) => sql::published_after(&mut tx, tenant, to).await?,
            None => None,
        };
        let last = match last {
            Some(last) => Some(last),
            None => sql::published(&mut tx, tenant).await?,
        };
        let last_seq = last.as_ref().map_or(0, |last| last.seq);
        // Nothing after the last published checkpoint is exported.
        let before = before.and_then(|before| if before.seq > last_seq { last.clone() } else { Some(before) });
        let before = before.filter(|before| before.seq > kept.start.seq);
        let start = before.map_or(Ok(kept.start), |before| before.end())?;
        let seq = start.seq;
        let before = (seq > 0).then(|| ExportStart {
            seq,
            tree: start.number,
            size: start.tree.size(),
            hashes: export::encoded(&start.tree.frontier()),
        });
        let end = ExportEnd { checkpoint: last.and_then(|last| last.note), before };
        Ok(Self { tenant, leaves: LeafWalk::after(tenant, seq), seq, last: last_seq, end: Some(end) })
    }

    /// The next lines, or none after the last one.
    pub async fn next(&mut self, app: &AppContext) -> Result<Option<Vec<u8>>, SealError> {
        let mut tx = app.archive.read().await?;
        let rows = audit::sealed(&mut tx, self.tenant, (self.seq, self.last), PAGE).await?;
        if self.seq < self.last {
            let kept = sql::kept(&mut tx, self.tenant).await?.unwrap_or_default();
            if kept.start.seq > self.seq {
                return Err(SealError::Purged);
            }
        }
        let mut lines = Vec::new();
        if let Some(last) = rows.last() {
            while self.leaves.end() < last.seq && !self.leaves.read(&mut tx, PAGE).await?.is_empty() {}
            self.seq = last.seq;
        } else if let Some(end) = self.end.take() {
            lines = serde_json::to_vec(&end)?;
            lines.push(b'\n');
        }
        for row in &rows {
            lines.extend(export::line(self.tenant, row, self.leaves.of(row.seq).as_ref())?);
        }
        Ok(Some(lines).filter(|lines| !lines.is_empty()))
    }
}
