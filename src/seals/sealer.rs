//! The sealer: it numbers new rows of the audit log, appends them to the tenant's tree, and publishes a checkpoint.
//!
//! A batch is committed before its checkpoint is signed, and a checkpoint is in the journal before anybody sees it. So
//! nothing that was signed is ever taken back, and two processes that seal at once cannot make two trees: the numbers
//! of rows are unique, and the one that comes second rolls back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::checkpoint::{Checkpoint, CheckpointKeys, LogName};
use super::leaf::canonical;
use super::model::{Seal, SealError};
use super::sql;
use super::tree::{Hash, Tree, leaf_hash};
use super::verify::LogStart;
use crate::audit::{self, Action, Entry, SealedRow};
use crate::base::actor::Actor;
use crate::base::id::TenantId;
use crate::outbox::{self, EventKind};
use crate::store::{Archive, StoreError, Tx};
use crate::tenants;
use crate::vault::{AppContext, SigningPurpose};

/// How many rows are sealed together.
const BATCH: u32 = 1_000;

/// The name of the sealer in the audit log.
const ACTOR: &str = "seal";

/// Seals the audit logs of all tenants.
#[derive(Debug)]
pub struct Sealer {
    app: Arc<AppContext>,
    /// The first part of the names of logs.
    host: String,
    /// The newest seal of each tenant after which the journal had no other one.
    known: Mutex<HashMap<TenantId, i64>>,
    /// Whether a log whose end is missing gets a new tree.
    reopens: bool,
}

impl Sealer {
    #[must_use]
    pub fn new(app: Arc<AppContext>, host: String) -> Self {
        Self { app, host, known: Mutex::default(), reopens: false }
    }

    /// The sealer of a replay. Only an operator can say that the end of a log is missing because of a restore.
    /// Otherwise, rows that an attacker has deleted would count as lost ones.
    #[must_use]
    pub fn of_replay(self) -> Self {
        Self { reopens: true, ..self }
    }

    /// The name of a tenant's log.
    #[must_use]
    pub fn log_name(&self, tenant: TenantId) -> LogName {
        LogName::new(&self.host, tenant)
    }

    /// Seals what is new in all logs. A log that cannot be sealed now is sealed the next time.
    pub async fn round(&self) -> Result<(), SealError> {
        let tenants = tenants::list(&mut self.app.archive.read().await?).await?;
        for tenant in tenants {
            // A restored archive is sealed again when it was replayed.
            if self.app.journal.standing.refusal(tenant.id).is_some() {
                continue;
            }
            if let Err(error) = self.seal(tenant.id).await {
                tracing::warn!(tenant.id = %tenant.id, %error, "Sealing the audit log failed, retrying");
            }
        }
        Ok(())
    }

    /// Seals what is new in the log of a tenant, and publishes a checkpoint.
    pub async fn seal(&self, tenant: TenantId) -> Result<(), SealError> {
        let mut tx = self.app.archive.read().await?;
        let newest = sql::newest(&mut tx, tenant).await?;
        let is_published = newest.as_ref().is_none_or(|seal| seal.note.is_some());
        if is_published && audit::oldest_unsealed(&mut tx, tenant).await?.is_none() {
            return Ok(());
        }
        drop(tx);
        match self.lost(tenant).await? {
            Some(lost) if self.reopens => self.reopen(tenant, lost).await?,
            Some(lost) => return Err(SealError::EndMissing(lost)),
            None => {}
        }
        while self.seal_batch(tenant).await? == BATCH as usize {}
        self.publish(tenant).await
    }

    /// The newest number of the journal, if the archive does not have it any more: it was restored.
    async fn lost(&self, tenant: TenantId) -> Result<Option<i64>, SealError> {
        let newest = self.newest(tenant).await?;
        let known = self.known.lock().ok().and_then(|known| known.get(&tenant).copied());
        if known == Some(newest) {
            return Ok(None);
        }
        let anchored = self.app.journal.anchors(tenant, newest).await?.last().copied().unwrap_or_default();
        // The archive is read after the journal: all that the journal has was committed before.
        let newest = self.newest(tenant).await?;
        if newest < anchored {
            return Ok(Some(anchored));
        }
        self.remember(tenant, newest);
        Ok(None)
    }

    async fn newest(&self, tenant: TenantId) -> Result<i64, SealError> {
        Ok(sql::newest_number(&mut self.app.archive.read().await?, tenant).await?)
    }

    fn remember(&self, tenant: TenantId, seq: i64) {
        if let Ok(mut known) = self.known.lock() {
            known.insert(tenant, seq);
        }
    }

    /// Seals the first rows that are not sealed yet, and returns how many.
    async fn seal_batch(&self, tenant: TenantId) -> Result<usize, SealError> {
        let mut tx = self.app.archive.write().await?;
        let newest = sql::newest(&mut tx, tenant).await?;
        let LogStart { seq, number, tree } = newest.map_or_else(|| Ok(LogStart::default()), |seal| seal.end())?;
        let rows = audit::unsealed(&mut tx, tenant, seq, None, BATCH).await?;
        let sealed = rows.len();
        if rows.is_empty() || !self.append(&mut tx, tenant, (number.cast_signed(), tree), &rows).await? {
            return Ok(0);
        }
        tx.commit().await?;
        Ok(sealed)
    }

    /// Appends rows to a tree and adds the seal. Returns false if another process was faster.
    async fn append(
        &self,
        tx: &mut Tx<Archive>,
        tenant: TenantId,
        (origin, mut tree): (i32, Tree),
        rows: &[SealedRow],
    ) -> Result<bool, SealError> {
        let Some(last) = rows.last() else { return Ok(false) };
        let leaves: Vec<Hash> = rows.iter().map(|row| leaf_hash(&canonical(tenant, row))).collect();
        for leaf in &leaves {
            tree.push(*leaf);
        }
        let numbered = match audit::number(tx, tenant, rows).await {
            Err(StoreError::Constraint(_)) => return Ok(false),
            numbered => numbered?,
        };
        if usize::try_from(numbered) != Ok(rows.len()) {
            return Ok(false);
        }
        let seal = Seal::of(last.seq, origin, &tree, self.app.clock.now());
        match sql::insert(tx, tenant, &seal, &leaves).await {
            Err(StoreError::Constraint(_)) => Ok(false),
            inserted => inserted.map(|()| true).map_err(SealError::from),
        }
    }

    /// Begins a new tree after a restore that has lost the end of the one before. Its first leaf has the last checkpoint
    /// of that tree, and its numbers are higher than all that are lost.
    async fn reopen(&self, tenant: TenantId, lost: i64) -> Result<(), SealError> {
        let app = &self.app;
        let note = app.journal.anchor(tenant, lost).await?.unwrap_or_default();
        let lost_tree =
            Checkpoint::read(&note, &CheckpointKeys::NONE).map_or(0, |(checkpoint, _)| checkpoint.tree.cast_signed());
        let mut tx = app.archive.write().await?;
        let newest = sql::newest(&mut tx, tenant).await?;
        let (seq, origin) = newest.map_or((0, 0), |seal| (seal.seq, seal.origin));
        if seq >= lost {
            // Another process was faster.
            return Ok(());
        }
        let origin = origin.max(lost_tree) + 1;
        let detail = json!({ "tree": origin, "lost": lost - seq, "checkpoint": note });
        let entry = Entry::new(Action::AuditReopened, 0, detail);
        audit::record(&mut tx, app.clock, &Actor::service(tenant, ACTOR), &entry).await?;
        let rows = audit::unsealed(&mut tx, tenant, lost, Some(Action::AuditReopened), 1).await?;
        if self.append(&mut tx, tenant, (origin, Tree::default()), &rows).await? {
            tx.commit().await?;
            tracing::warn!(tenant.id = %tenant, lost = lost - seq, "A restore has lost rows of the audit log; it begins a new tree");
        }
        Ok(())
    }

    /// Signs the newest seal, and anchors it in the journal and in the log.
    async fn publish(&self, tenant: TenantId) -> Result<(), SealError> {
        let app = &self.app;
        let newest = sql::newest(&mut app.archive.read().await?, tenant).await?;
        let Some(seal @ Seal { note: None, .. }) = newest else { return Ok(()) };
        let LogStart { seq, number, tree } = seal.end()?;
        let log = self.log_name(tenant);
        let checkpoint = Checkpoint { log, tree: number, size: tree.size(), root: tree.root() };
        let key = app.signing_key(None, SigningPurpose::Checkpoint).await?;
        let mut note = checkpoint.signed(&key.key);
        if !app.journal.append_anchor(tenant, seq, &note).await? {
            // Another process has published the same tree, perhaps under another version of the key.
            note = app.journal.anchor(tenant, seq).await?.unwrap_or_default();
            if Checkpoint::read(&note, &CheckpointKeys::NONE).map(|(there, _)| there).ok() != Some(checkpoint) {
                return Err(SealError::Forked(seq));
            }
        }
        self.remember(tenant, seq);
        let mut tx = app.archive.write().await?;
        sql::set_note(&mut tx, tenant, seq, &note).await?;
        let event = json!({ "seq": seq, "checkpoint": note });
        outbox::publish(&mut tx, tenant, EventKind::AuditCheckpoint, [event], app.clock.now()).await?;
        tx.commit().await?;
        tracing::info!(tenant.id = %tenant, seq, checkpoint = note, "audit_checkpoint");
        Ok(())
    }
}
