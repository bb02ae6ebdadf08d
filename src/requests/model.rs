//! Anonymize requests as they are stored and as they are rendered, and the errors of their operations.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::case::Case;
use super::checklist::ChecklistItem;
use super::notice::RequestNotice;
use crate::archive::mentions::Mention;
use crate::base::content::ContentKind;
use crate::base::field::FieldError;
use crate::base::id::{IdentifierId, RecordId, RequestId};
use crate::base::memory::MemoryError;
use crate::base::page::{CursorError, weight_of_text};
use crate::base::target::{Target, Targets};
use crate::base::version::VersionError;
use crate::base::words::words;
use crate::idempotency::IdempotencyError;
use crate::journal::JournalError;
use crate::store::StoreError;
use crate::tenants::TenantError;
use crate::vault::{Contended, VaultError};

/// The most rows of one batch.
pub const LARGEST_BATCH: usize = 500;

words! {
    /// The state of a request. A request whose pass failed is still waiting.
    #[derive(ToSchema)]
    #[schema(as = AnonymizeRequestStatus)]
    pub enum Status {
        /// The next nightly job after the last included day carries it out.
        Waiting = "waiting",
        /// A pass has carried it out. Only masks of its identifiers are left.
        Done = "done",
    }
    /// The word names no status.
    error StatusError = "must be waiting or done";
}

/// The row of a request. It has ids of identifiers while it waits, and masks when it is done (A8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub id: RequestId,
    pub phone: Option<IdentifierId>,
    pub email: Option<IdentifierId>,
    pub phone_mask: Option<String>,
    pub email_mask: Option<String>,
    /// The last local day that is forgotten (A5).
    pub to_date: NaiveDate,
    /// The local day on which the request was entered. No *to date* is after it.
    pub entry_day: NaiveDate,
    /// The cut-off, from which the request is due: the end of the last included day, as it was when *to date* was written.
    pub due_at: DateTime<Utc>,
    /// The user's note, with placeholders for identifiers.
    pub comment: Option<String>,
    /// The number of its case in another system. It contains no identifier.
    pub reference: Option<String>,
    /// How many interactions it names. The number stays when the request is done.
    pub interaction_count: i32,
    pub targets: Targets,
    /// Whether the content of its interactions is deleted too (C1).
    pub delete_content: bool,
    pub case: Case,
    pub status: Status,
    /// The name of the user who entered it (A2).
    pub user_name: String,
    /// How many passes have begun it.
    pub attempts: i32,
    /// The stable code of the last pass's failure.
    pub last_error: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub done_at: Option<DateTime<Utc>>,
    /// The number of the version, which is the `ETag`.
    pub version: i64,
}

impl Request {
    /// About its length in JSON, in bytes.
    pub fn weight(&self) -> usize {
        // An id is 39 bytes of JSON.
        let named = usize::try_from(self.interaction_count).unwrap_or_default() * 39;
        let reason = self.case.extension_reason.as_ref().map_or(0, String::len);
        2048 + named + reason + weight_of_text(self.comment.as_deref())
    }

    /// The number and the address that the user entered. A request that is done has none.
    pub fn identifiers(&self) -> impl Iterator<Item = IdentifierId> {
        self.phone.into_iter().chain(self.email)
    }

    /// Whether it may still be changed or cancelled (A12).
    pub const fn check_open(&self) -> Result<(), RequestError> {
        match self.status {
            Status::Done => Err(RequestError::Done),
            Status::Waiting if self.attempts > 0 => Err(RequestError::PassStarted),
            Status::Waiting => Ok(()),
        }
    }
}

/// An interaction that a request names, with the identifiers that its customer had at that time.
///
/// A name needs no place here: that of a customer with a number or an address is found by these, and any other name is
/// bound to its one interaction, which is selected by its own id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedInteraction {
    pub id: RecordId,
    pub phone: Option<IdentifierId>,
    pub email: Option<IdentifierId>,
}

impl NamedInteraction {
    pub fn identifiers(&self) -> impl Iterator<Item = IdentifierId> {
        self.phone.into_iter().chain(self.email)
    }
}

/// The keys by which a request selects records of a target: identifiers, and the ids of the interactions that it names.
pub fn selecting_keys(
    identifiers: impl IntoIterator<Item = IdentifierId>,
    interactions: &[NamedInteraction],
    target: Target,
) -> BTreeSet<IdentifierId> {
    let customers = interactions.iter().flat_map(NamedInteraction::identifiers);
    let named = interactions.iter().filter(|_| target == Target::Archive).map(|named| IdentifierId(named.id.0));
    identifiers.into_iter().chain(customers).chain(named).collect()
}

/// A request with its mentions and results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRequest {
    pub request: Request,
    /// The interactions that it names, by id. A done request has none.
    pub interactions: Vec<NamedInteraction>,
    /// The systems outside of this one, in the order of the tenant's settings.
    pub checklist: Vec<ChecklistItem>,
    /// The identifiers behind the placeholders of its comment.
    pub mentions: Vec<Mention>,
    /// The number of records that it made anonymous in each target.
    pub counts: BTreeMap<Target, u64>,
    pub content: ContentOutcome,
    /// The delivered files of the records that it made anonymous, in the order of their names.
    pub delivered_files: Vec<String>,
    /// The number of records that a preview counted in each target at entry, if the user wanted one.
    pub preview: Option<TargetCounts>,
}

impl StoredRequest {
    /// Whether it names a number, an address, or an interaction that it did not name before.
    #[must_use]
    pub fn names_others_than(&self, before: &Self) -> bool {
        let known: Vec<_> = before.request.identifiers().collect();
        let is_known = |one: &NamedInteraction| before.interactions.iter().any(|other| other.id == one.id);
        self.request.identifiers().any(|id| !known.contains(&id)) || !self.interactions.iter().all(is_known)
    }
}

/// The number of records in each target.
pub type TargetCounts = BTreeMap<Target, u64>;

/// A request before and after a command. A new request has no `before`.
pub struct Revision {
    pub before: Option<StoredRequest>,
    pub after: StoredRequest,
}

impl Revision {
    pub const fn is_new(&self) -> bool {
        self.before.is_none()
    }

    /// Whether a stored request is another one now.
    pub fn is_change(&self) -> bool {
        self.before.as_ref().is_some_and(|before| *before != self.after)
    }

    pub fn changes_interactions(&self) -> bool {
        self.before.as_ref().is_some_and(|before| before.interactions != self.after.interactions)
    }

    /// Whether an attestation was dropped.
    pub fn loses_attestation(&self) -> bool {
        let before = self.before.as_ref().and_then(|before| before.request.case.attestation.as_ref());
        before.is_some() && self.after.request.case.attestation.is_none()
    }

    pub fn changes_mentions(&self) -> bool {
        self.before.as_ref().is_some_and(|before| before.mentions != self.after.mentions)
    }
}

/// The effect of a request on the content of the interactions that it selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentOutcome {
    pub deleted: u64,
    /// The number of texts that lost a mention.
    pub anonymized: u64,
}

/// The result of a request that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestOutcome {
    /// The number of records that it made anonymous in each of its targets.
    pub targets: BTreeMap<Target, u64>,
    /// The effect on content. There is none if the request was not about content and no content changed.
    pub content: Option<ContentOutcome>,
    /// The delivered files of the records that it made anonymous. The tenant must delete these copies.
    pub delivered_files: Vec<String>,
    /// The number of records that the preview had counted, so that the difference shows (N3).
    pub preview: Option<TargetCounts>,
}

/// A request with its identifiers in clear or masked, and with a comment without placeholders.
#[derive(Clone, PartialEq, Eq)]
pub struct RenderedRequest {
    pub request: Request,
    /// The number in E.164 or its mask.
    pub phone_number: Option<String>,
    /// The address in its canonical spelling or its mask.
    pub email: Option<String>,
    pub comment: Option<String>,
    pub interactions: Vec<RecordId>,
    pub checklist: Vec<ChecklistItem>,
    /// A request that waits has none.
    pub result: Option<RequestOutcome>,
    pub preview: Option<TargetCounts>,
    /// The number of held records that a waiting request selects, if any, for callers who may place holds (N7).
    pub held: Option<u64>,
    pub warnings: Vec<RequestNotice>,
}

/// The number of pieces of content of each kind.
pub type ContentCounts = BTreeMap<ContentKind, u64>;

/// The requests of a call, in the order of its rows. Stored with an idempotency key, they are ids.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Saved<T> {
    pub created: Vec<T>,
    /// The requests of all rows with a change, whether it changed anything or not.
    pub updated: Vec<T>,
    pub deleted: Vec<RequestId>,
}

impl Saved<StoredRequest> {
    #[must_use]
    pub fn ids(&self) -> Saved<RequestId> {
        let ids = |requests: &[StoredRequest]| requests.iter().map(|stored| stored.request.id).collect();
        Saved { created: ids(&self.created), updated: ids(&self.updated), deleted: self.deleted.clone() }
    }
}

/// Why a request cannot be read, entered, changed, or cancelled.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    #[error("the request does not exist")]
    NotFound,
    #[error(transparent)]
    Version(#[from] VersionError),
    /// A pass has begun the request (A12).
    #[error("a pass has begun the request")]
    PassStarted,
    /// A pass has begun a request that selects records of the hold, so the hold comes too late.
    #[error("a pass has begun a request that selects these records")]
    HoldTooLate,
    /// A hold is released once.
    #[error("the hold is released")]
    Released,
    /// A request that is done cannot be changed (A12).
    #[error("the request is done")]
    Done,
    /// The call is a repetition, and the request that the first call created was cancelled since.
    #[error("the request of the first call was cancelled")]
    Cancelled,
    #[error("{} fields are invalid", .0.len())]
    Invalid(Vec<FieldError>),
    /// A call with the same idempotency key is still running.
    #[error("the same call is still running")]
    InProgress,
    #[error("the idempotency key belongs to another call")]
    KeyReused,
    /// The cursor belongs to another query.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// The call found no memory for its page.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The decision cannot be journaled, so it is not made.
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<IdempotencyError> for RequestError {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::InProgress => Self::InProgress,
            IdempotencyError::KeyReused => Self::KeyReused,
            IdempotencyError::Store(error) => Self::Store(error),
        }
    }
}

impl Contended for RequestError {
    fn is_contended(&self) -> bool {
        matches!(self, Self::Store(StoreError::Contended) | Self::Vault(VaultError::Store(StoreError::Contended)))
    }
}
