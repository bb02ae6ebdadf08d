//! The report of a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::model::{PassError, StepName};
use crate::base::id::ContentId;

/// The numbers of the residue scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct ScanOutcome {
    /// The number of rows that were read: those that changed, and a part of the others.
    #[schema(required)]
    pub rows: u64,
    /// The number of bytes of text that were searched.
    #[schema(required)]
    pub bytes: u64,
    /// The number of texts of content that were opened and searched.
    #[schema(required)]
    pub objects: u64,
    /// How often an erased identifier was found in data that its erasure covers, beyond chance. It should be 0.
    #[schema(required)]
    pub residue: u64,
    /// How often an identifier was found in clear, beyond chance. It should be 0.
    #[schema(required)]
    pub exposed: u64,
}

/// The report of a pass, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Report {
    /// The number of requests that became done.
    #[schema(required)]
    pub requests_done: u64,
    /// The number of requests that were due and stayed waiting. Each has its reason in `last_error`.
    #[schema(required)]
    pub requests_failed: u64,
    /// The number of requests that were due and stayed waiting, because a legal hold keeps a record that they select.
    #[schema(required)]
    pub requests_held: u64,
    /// The numbers of records that became anonymous, by target.
    #[schema(required)]
    pub anonymized: BTreeMap<String, u64>,
    /// The number of pieces of content that requests deleted.
    #[schema(required)]
    pub content_deleted: u64,
    /// The number of texts of content that lost a mention.
    #[schema(required)]
    pub texts_anonymized: u64,
    /// The number of texts of content that were rescanned, because their interaction had learned its customer later.
    #[schema(required)]
    pub texts_reread: u64,
    /// The number of texts of content whose rescan failed and that are skipped from now on. Requests whose customer
    /// such a text may name stay waiting with `text_unreadable`. Delete these texts, or have them tried again.
    #[schema(required)]
    pub texts_failed: u64,
    /// The content ids of those texts: at most 100.
    #[schema(required)]
    pub failed_texts: Vec<ContentId>,
    /// The number of pieces of content that retention deleted.
    #[schema(required)]
    pub content_expired: u64,
    /// The number of pieces of content past their retention that the object store did not delete.
    #[schema(required)]
    pub content_left: u64,
    /// The number of interactions that lost their precision by an ageing policy.
    #[schema(required)]
    pub records_aged: u64,
    /// The number of interactions that an ageing policy deleted.
    #[schema(required)]
    pub records_deleted: u64,
    /// Whether ageing failed. The log has the reason, and the next pass continues. Everything else was done.
    #[schema(required)]
    pub ageing_failed: bool,
    /// The number of objects without a row, and of remains of failed uploads, that the rolling check deleted.
    #[schema(required)]
    pub objects_swept: u64,
    /// The number of keys of content without a row that the rolling check deleted.
    #[schema(required)]
    pub keys_swept: u64,
    /// The number of pieces of content whose object is missing, as the rolling check found. Check the object store.
    #[schema(required)]
    pub rows_without_object: u64,
    /// The number of identifiers that were deleted from the vault.
    #[schema(required)]
    pub identifiers_deleted: u64,
    /// The number of orphans among the identifiers that the rolling check found.
    #[schema(required)]
    pub orphans_found: u64,
    /// The number of values and keys that were sealed again after a rotation of the tenant's key.
    #[schema(required)]
    pub resealed: u64,
    /// The number of old versions of the tenant's key that were deleted, because nothing is sealed under them.
    #[schema(required)]
    pub key_versions_deleted: u64,
    /// The number of old done requests that were deleted.
    #[schema(required)]
    pub requests_purged: u64,
    /// The number of old erasures that were deleted.
    #[schema(required)]
    pub erasures_purged: u64,
    /// The number of requests that have been waiting for longer than done ones are kept. They are never purged. Check
    /// them.
    #[schema(required)]
    pub requests_overdue: u64,
    /// The numbers of the residue scan. All are 0 if the setting `scan.nightly` is off.
    #[schema(required)]
    pub scan: ScanOutcome,
    /// Whether the pass resumed a killed pass.
    #[schema(required)]
    pub resumed: bool,
    /// Whether no remains are left in free pages or the write-ahead log.
    #[schema(required)]
    pub scrubbed: bool,
    /// The reason why the pass stopped before its end: `database_unavailable`, `interrupted`, `lease_lost`,
    /// `journal_unavailable`, `journal_damaged`, `replay_needed`, or `pass_failed`. For the last one, the log names the
    /// statement. The next start resumes the pass. `replay_needed` means that a database was restored: run lethe replay.
    #[schema(required)]
    pub error: Option<String>,
    /// The step at which the pass stopped.
    #[schema(required)]
    pub stopped_at: Option<String>,
    /// Whether `requests_failed` is incomplete, because the database could not be asked.
    #[serde(skip)]
    pub is_uncounted: bool,
}

impl Report {
    #[must_use]
    pub fn records(&self) -> u64 {
        self.anonymized.values().sum()
    }

    /// Notes the step that begins, in case that the pass stops in it.
    pub fn enter(&mut self, step: StepName) {
        self.stopped_at = Some(step.as_str().to_owned());
    }

    /// Notes that the pass stopped, and how many requests wait, if they could be counted.
    pub fn stop(&mut self, error: &PassError, waiting: Option<u64>) {
        self.error = Some(error.code().to_owned());
        self.is_uncounted = waiting.is_none();
        self.requests_failed = waiting.unwrap_or(self.requests_failed);
    }

    /// Whether work that was due is left for the next run.
    #[must_use]
    pub const fn is_incomplete(&self) -> bool {
        self.requests_failed > 0 || self.content_left > 0 || self.texts_failed > 0 || self.ageing_failed
    }
}
