//! A night's options, its report, and how it can end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::base::id::{ContentId, PassId, RunId, TenantId};
use crate::base::page::{Listed, Position};
use crate::store::StoreError;
use crate::tenants::TenantError;
use crate::vault::VaultError;

#[derive(Clone, Debug)]
pub struct Options {
    /// Requests are due, and old ones purged, as of this instant; all else takes the real time.
    pub as_of: DateTime<Utc>,
    pub tenant: Option<TenantId>,
    /// Whether texts that failed are tried again.
    pub retry_texts: bool,
}

/// Told when the process should end: the batch in hand is finished, then the pass stops where it is.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether an end was asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The report of a pass, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Report {
    /// The number of requests that became done.
    pub requests_done: u64,
    /// The number of requests that were due and stayed waiting. Each has its reason in `last_error`.
    pub requests_failed: u64,
    /// The numbers of records that became anonymous, by target.
    pub anonymized: BTreeMap<String, u64>,
    /// The number of pieces of content that requests deleted.
    pub content_deleted: u64,
    /// The number of texts of content that lost a mention.
    pub texts_anonymized: u64,
    /// The number of texts of content that were rescanned, because their interaction had learned its customer later.
    pub texts_reread: u64,
    /// The number of texts of content whose rescan failed and that are skipped from now on. Requests whose customer
    /// such a text may name stay waiting with `text_unreadable`. Delete these texts, or have them tried again.
    pub texts_failed: u64,
    /// The content ids of those texts: at most 100.
    pub failed_texts: Vec<ContentId>,
    /// The number of pieces of content that retention deleted.
    pub content_expired: u64,
    /// The number of pieces of content past their retention that the object store did not delete.
    pub content_left: u64,
    /// The number of objects without a row, and of remains of failed uploads, that the rolling check deleted.
    pub objects_swept: u64,
    /// The number of keys of content without a row that the rolling check deleted.
    pub keys_swept: u64,
    /// The number of pieces of content whose object is missing, as the rolling check found. Check the object store.
    pub rows_without_object: u64,
    /// The number of identifiers that were deleted from the vault.
    pub identifiers_deleted: u64,
    /// The number of orphans among the identifiers that the rolling check found.
    pub orphans_found: u64,
    /// The number of old done requests that were deleted with their erasures.
    pub requests_purged: u64,
    /// The number of requests that have been waiting for longer than done ones are kept. They are never purged. Check
    /// them.
    pub requests_overdue: u64,
    /// Whether the pass resumed a killed pass.
    pub resumed: bool,
    /// Whether no remains are left in free pages or the write-ahead log.
    pub scrubbed: bool,
    /// The reason why the pass stopped before its end: `database_unavailable`, `interrupted`, `lease_lost`, or
    /// `pass_failed`. For the last one, the log names the statement. The next start resumes the pass.
    pub error: Option<String>,
    /// The step at which the pass stopped.
    pub stopped_at: Option<String>,
    /// Whether `requests_failed` is not all that waits: the database could not be asked.
    #[serde(skip)]
    pub is_uncounted: bool,
}

impl Report {
    #[must_use]
    pub fn records(&self) -> u64 {
        self.anonymized.values().sum()
    }

    /// Notes that the pass stopped, and how many requests wait, if that could be counted.
    pub fn stop(&mut self, error: &PassError, waiting: Option<u64>) {
        self.error = Some(error.code().to_owned());
        self.is_uncounted = waiting.is_none();
        self.requests_failed = waiting.unwrap_or(self.requests_failed);
    }

    /// Whether something that was due is left for the next night.
    #[must_use]
    pub const fn is_incomplete(&self) -> bool {
        self.requests_failed > 0 || self.content_left > 0 || self.texts_failed > 0
    }
}

/// How a night ended, over all tenants it worked for. Later variants outweigh earlier ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// All was done, or others are at it.
    #[default]
    Done,
    Incomplete,
    /// It was asked to stop; the next start goes on.
    Interrupted,
    Unavailable,
    Failed,
}

/// Where a pass is. What is written here has been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Step {
    /// The due requests are read-only and belong to the pass.
    Claimed,
    /// The content that they delete is gone; those whose content is not have been let go.
    Emptied,
    /// The vault has their erasures and the fence was moved.
    Fenced,
    Planned,
    Cut,
    Finished,
    /// The slice of the vault was checked.
    Swept,
    /// What was released is marked, and the fence was moved again.
    Retired,
    /// What nothing refers to has left the vault.
    Deleted,
}

impl Step {
    #[must_use]
    pub const fn next(self) -> &'static str {
        match self {
            Self::Claimed => "content",
            Self::Emptied => "erasures",
            Self::Fenced => "plan",
            Self::Planned => "cut",
            Self::Cut => "finish",
            Self::Finished => "sweep",
            Self::Swept => "retire",
            Self::Retired => "delete",
            Self::Deleted => "purge",
        }
    }
}

/// A pass, as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Pass {
    pub id: PassId,
    /// As of when it takes what is due.
    pub as_of: DateTime<Utc>,
    /// The last step that was done.
    pub step: Step,
    /// The last work row that was cut.
    pub position: i32,
    /// Within the chunk after it: everything before this instant was cut.
    pub position_at: Option<DateTime<Utc>>,
}

/// The status of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type, Serialize, Deserialize, utoipa::ToSchema)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// It is at work, or was killed and nobody noticed yet.
    Running,
    /// Everything due was done.
    Succeeded,
    /// Some requests were left waiting.
    Incomplete,
    /// It failed or was interrupted; the next one goes on where it was.
    Failed,
}

/// A run of the job for one tenant.
#[derive(Clone, Debug)]
pub struct Run {
    pub id: RunId,
    pub job: String,
    /// As of when it took what was due.
    pub as_of: DateTime<Utc>,
    pub started_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub status: RunStatus,
    pub report: Report,
}

impl Listed for Run {
    fn position(&self) -> Position {
        Position { at: self.started_at, id: self.id.0 }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum PassError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A tenant's row cannot be read.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// Another runner took the lease over: this one was too slow, and nothing of it counts any more.
    #[error("the lease was lost: another runner took it over")]
    LeaseLost,
    #[error("the pass was asked to stop")]
    Stopped,
}

impl PassError {
    /// Whether a transaction lost against another one, so that it can be tried again at once.
    #[must_use]
    pub const fn is_contended(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Contended)
                | Self::Vault(VaultError::Store(StoreError::Contended))
                | Self::Tenant(TenantError::Store(StoreError::Contended))
        )
    }

    /// The word for it in reports, and in `last_error` of the requests that it leaves waiting.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Stopped => "interrupted",
            Self::LeaseLost => "lease_lost",
            Self::Store(_) | Self::Vault(_) | Self::Tenant(_) if self.ending() == Ending::Unavailable => {
                "database_unavailable"
            }
            Self::Store(_) | Self::Vault(_) | Self::Tenant(_) => "pass_failed",
        }
    }

    /// How the night ends with it.
    #[must_use]
    pub fn ending(&self) -> Ending {
        match self {
            Self::Stopped => Ending::Interrupted,
            Self::Store(error) | Self::Vault(VaultError::Store(error)) | Self::Tenant(TenantError::Store(error))
                if error.is_transient() =>
            {
                Ending::Unavailable
            }
            // The other runner ends the night.
            Self::LeaseLost => Ending::Done,
            Self::Store(_) | Self::Vault(_) | Self::Tenant(_) => Ending::Failed,
        }
    }
}
