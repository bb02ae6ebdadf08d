//! The report of a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::model::{PassError, StepName};
use crate::base::id::ContentId;

/// The numbers of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Report {
    /// Requests that became done.
    pub requests_done: u64,
    /// Requests that were due and stayed waiting. Each says why in `last_error`.
    pub requests_failed: u64,
    /// Records that became anonymous, by target.
    pub anonymized: BTreeMap<String, u64>,
    /// Pieces of content that were deleted for requests.
    pub content_deleted: u64,
    /// Texts of content that lost a mention.
    pub texts_anonymized: u64,
    /// Texts of content that were rescanned, because their interaction learned its customer after they came.
    pub texts_reread: u64,
    /// Texts of content that could not be rescanned and are not tried again. The requests of customers whom they may name stay
    /// waiting with `text_unreadable`. Delete the texts, or run the job with `--retry-texts`.
    pub texts_failed: u64,
    /// The content ids of those texts, at most 100.
    pub failed_texts: Vec<ContentId>,
    /// Pieces of content that retention deleted.
    pub content_expired: u64,
    /// Pieces of content past their retention that the object store did not delete.
    pub content_left: u64,
    /// Objects without a row, and leftovers of broken uploads, that the rolling check deleted.
    pub objects_swept: u64,
    /// Keys of content without a row that the rolling check deleted.
    pub keys_swept: u64,
    /// Pieces of content whose object is gone, found by the rolling check. Find out why.
    pub rows_without_object: u64,
    /// Identifiers that left the vault.
    pub identifiers_deleted: u64,
    /// Identifiers without a reference that the rolling check found.
    pub orphans_found: u64,
    /// Old done requests that were deleted with their erasures.
    pub requests_purged: u64,
    /// Requests that wait for longer than done requests are kept. They are never purged.
    pub requests_overdue: u64,
    /// Whether the pass resumed a killed one.
    pub resumed: bool,
    /// Whether nothing is left in free pages or in the write-ahead log.
    pub scrubbed: bool,
    /// Why the pass stopped before its end: `database_unavailable`, `interrupted`, `lease_lost`, or `pass_failed`. For
    /// `pass_failed`, the log names the statement. The next start resumes the pass.
    pub error: Option<String>,
    /// The step at which the pass stopped.
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
        self.requests_failed > 0 || self.content_left > 0 || self.texts_failed > 0
    }
}
