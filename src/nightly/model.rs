//! The options of the nightly job, its runs and passes, and how they can end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};

use crate::base::id::{PassId, TenantId};
use crate::base::words::words;
use crate::content::ContentError;
use crate::journal::JournalError;
use crate::requests::RequestError;
use crate::store::StoreError;
use crate::tenants::TenantError;
use crate::vault::VaultError;

#[derive(Clone, Debug)]
pub struct Options {
    /// The instant that decides which requests are due, and which old requests are purged. Everything else takes the
    /// real time.
    pub as_of: DateTime<Utc>,
    pub tenant: Option<TenantId>,
    /// Whether failed texts are tried again.
    pub retry_texts: bool,
    /// Whether the archive is searched for residue.
    pub scan: bool,
    /// For how many days objects of the erasure journal are kept.
    pub journal_days: u32,
    /// For how many days rows of the audit log are kept. Without a value, they are kept for ever.
    pub audit_days: Option<u32>,
}

/// The request that the process ends. The pass finishes its current batch and stops.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How the job ended, over all tenants that it worked for. Later variants outweigh earlier ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// All was done, or other processes are at work.
    #[default]
    Done,
    Incomplete,
    /// The job was asked to stop. The next start resumes it.
    Interrupted,
    Unavailable,
    Failed,
    /// A database was restored, or the erasure journal is damaged. Nothing was done for these tenants.
    Refused,
}

words! {
    stored
    /// The last step that a pass has finished. The last transaction of the step records it. The order is that of the pass:
    /// `restore/look.rs` compares steps to tell which objects of the journal a database must know.
    #[derive(PartialOrd, Ord)]
    pub enum Step {
        /// The due requests are read-only and belong to the pass.
        Claimed = "claimed",
        /// The erasure journal has the requests.
        Journaled = "journaled",
        /// The content of requests with `delete_content` is gone. A request whose content could not be deleted has left the
        /// pass.
        ContentDeleted = "content_deleted",
        /// The vault has the erasures, and the epoch has changed.
        Fenced = "fenced",
        Planned = "planned",
        Unlinked = "unlinked",
        Finished = "finished",
        /// The next identifiers of the vault were checked.
        OrphansFound = "orphans_found",
        /// The orphans are marked as retired, and the epoch has changed again.
        Retired = "retired",
        /// The identifiers without a reference have left the vault.
        IdentifiersDeleted = "identifiers_deleted",
    }
}

impl Step {
    #[must_use]
    pub const fn next(self) -> StepName {
        match self {
            Self::Claimed => StepName::Journal,
            Self::Journaled => StepName::DeleteContent,
            Self::ContentDeleted => StepName::WriteErasures,
            Self::Fenced => StepName::Plan,
            Self::Planned => StepName::Unlink,
            Self::Unlinked => StepName::Finish,
            Self::Finished => StepName::FindOrphans,
            Self::OrphansFound => StepName::Retire,
            Self::Retired => StepName::DeleteIdentifiers,
            Self::IdentifiersDeleted => StepName::Purge,
        }
    }
}

words! {
    /// A step as reports, logs, and the progress bar name it. The names are part of the API: `stopped_at` of a report
    /// contains them.
    pub enum StepName {
        Claim = "claim",
        Journal = "journal",
        RescanTexts = "texts",
        DeleteContent = "content",
        WriteErasures = "erasures",
        Plan = "plan",
        Unlink = "cut",
        Finish = "finish",
        Retention = "retention",
        Ageing = "ageing",
        FindOrphans = "sweep",
        Retire = "retire",
        DeleteIdentifiers = "delete",
        Reseal = "reseal",
        Purge = "purge",
        RetryTexts = "rescan",
        Scan = "scan",
        Certify = "certify",
        Scrub = "scrub",
    }
}

/// A pass, as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Pass {
    pub id: PassId,
    /// The instant that decides what is due and what is too old.
    pub as_of: DateTime<Utc>,
    /// The last step that was finished.
    pub step: Step,
    /// The last work row that was unlinked.
    pub position: i32,
    /// Of the component after that row, everything before this instant was unlinked.
    pub position_at: Option<DateTime<Utc>>,
}

words! {
    stored
    /// The status of a run.
    #[derive(utoipa::ToSchema)]
    pub enum RunStatus {
        /// The run is at work, or it was killed and no other run has begun since.
        Running = "running",
        /// Everything that was due was done.
        Succeeded = "succeeded",
        /// Some requests stay waiting.
        Incomplete = "incomplete",
        /// The run failed or was interrupted. The next run resumes its pass.
        Failed = "failed",
    }
}

pub type PassResult<T> = Result<T, PassError>;

#[derive(Debug, thiserror::Error)]
pub enum PassError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(VaultError),
    /// A tenant's row cannot be read.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// This process was too slow to renew its lease. Its transaction is undone.
    #[error("another process has taken the lease")]
    LeaseLost,
    #[error("the job was stopped")]
    Stopped,
    #[error("the program failed: the log names the place")]
    Panicked,
    /// An object cannot be written or read. Nothing is destroyed without it.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The erasure journal cannot be read at the start.
    #[error(transparent)]
    JournalAway(JournalError),
    /// A database was restored from a backup.
    #[error("{0}: run lethe replay")]
    ReplayNeeded(String),
    #[error("the erasure journal is damaged: {0}")]
    JournalDamaged(String),
    /// The objects that a replay would need have expired.
    #[error("{0}: restore a newer backup")]
    BackupTooOld(String),
    /// Content cannot be deleted again.
    #[error(transparent)]
    Content(#[from] ContentError),
}

impl From<VaultError> for PassError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Journal(error) => Self::Journal(error),
            error => Self::Vault(error),
        }
    }
}

impl From<RequestError> for PassError {
    /// Only the errors of the stores can come from an operation of a pass.
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Vault(error) => error.into(),
            RequestError::Store(error) => Self::Store(error),
            RequestError::Journal(error) => Self::Journal(error),
            RequestError::Tenant(error) => Self::Tenant(error),
            _ => Self::Store(StoreError::Inconsistent("requests".to_owned())),
        }
    }
}

impl PassError {
    /// Whether a transaction lost against another one, so that it can be retried at once.
    #[must_use]
    pub const fn is_contended(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Contended)
                | Self::Vault(VaultError::Store(StoreError::Contended))
                | Self::Tenant(TenantError::Store(StoreError::Contended))
        )
    }

    /// The code in reports, and in `last_error` of the requests that the pass leaves waiting.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Stopped => "interrupted",
            Self::LeaseLost => "lease_lost",
            Self::Journal(error) | Self::JournalAway(error) if error.is_transient() => "journal_unavailable",
            Self::Journal(_) | Self::JournalAway(_) | Self::JournalDamaged(_) => "journal_damaged",
            Self::ReplayNeeded(_) => "replay_needed",
            Self::BackupTooOld(_) => "backup_too_old",
            Self::Store(_) | Self::Vault(_) | Self::Tenant(_) if self.ending() == Ending::Unavailable => {
                "database_unavailable"
            }
            Self::Store(_) | Self::Vault(_) | Self::Tenant(_) | Self::Content(_) | Self::Panicked => "pass_failed",
        }
    }

    /// How the job ends after this error.
    #[must_use]
    pub fn ending(&self) -> Ending {
        match self {
            Self::Stopped => Ending::Interrupted,
            Self::Store(error) | Self::Vault(VaultError::Store(error)) | Self::Tenant(TenantError::Store(error))
                if error.is_transient() =>
            {
                Ending::Unavailable
            }
            // The other process finishes the pass.
            Self::LeaseLost => Ending::Done,
            Self::Journal(error) if error.is_transient() => Ending::Incomplete,
            Self::JournalAway(error) if error.is_transient() => Ending::Unavailable,
            Self::Journal(_)
            | Self::JournalAway(_)
            | Self::JournalDamaged(_)
            | Self::ReplayNeeded(_)
            | Self::BackupTooOld(_) => Ending::Refused,
            Self::Content(error) if error.is_transient() => Ending::Unavailable,
            Self::Store(_) | Self::Vault(_) | Self::Tenant(_) | Self::Content(_) | Self::Panicked => Ending::Failed,
        }
    }
}
