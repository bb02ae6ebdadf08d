//! Anonymize requests as they are kept and shown, and what can be wrong with them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::archive::Hits;
use crate::archive::mentions::Mention;
use crate::base::content::ContentKind;
use crate::base::field::FieldError;
use crate::base::id::{IdentifierId, RequestId};
use crate::base::page::{CursorError, Listed, Position, weight_of_text};
use crate::base::target::{Target, Targets};
use crate::idempotency::IdempotencyError;
use crate::store::StoreError;
use crate::tenants::TenantError;
use crate::vault::{Contended, VaultError};

/// The most rows of one batch.
pub const LARGEST_BATCH: usize = 500;

/// The status of a request. There are only two: a request whose pass failed stays `waiting`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AnonymizeRequestStatus)]
pub enum Status {
    /// The coming night, or the one after its last included day, carries it out.
    Waiting,
    /// It was carried out; only masks are left of its identifiers.
    Done,
}

impl Status {
    /// The status' word in answers, queries and columns.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
        }
    }

    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Waiting, Self::Done].into_iter().find(|status| status.as_str() == word)
    }
}

/// A request as it is kept: it knows its person by ids while it waits, and by masks when it is done (A8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub id: RequestId,
    pub phone: Option<IdentifierId>,
    pub email: Option<IdentifierId>,
    /// What is left of the number.
    pub phone_mask: Option<String>,
    /// What is left of the address.
    pub email_mask: Option<String>,
    /// The last local day that is forgotten (A5).
    pub to_date: NaiveDate,
    /// The local day on which the request was entered: no *to date* lies after it.
    pub entry_day: NaiveDate,
    /// The end of the last included day, fixed when *to date* was written: the cut-off, from which on the request is due.
    pub due_at: DateTime<Utc>,
    /// What the user noted, with placeholders for identifiers.
    pub comment: Option<String>,
    pub targets: Targets,
    /// Whether the content of its interactions goes too (C1).
    pub delete_content: bool,
    pub status: Status,
    /// Who entered it (A2).
    pub user_name: String,
    /// How many passes have begun it.
    pub attempts: i32,
    /// The stable code of what the last pass failed with.
    pub last_error: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub done_at: Option<DateTime<Utc>>,
    /// Grows with every change; the `ETag`.
    pub version: i64,
}

impl Listed for Request {
    fn position(&self) -> Position {
        Position { at: self.created_at, id: self.id.0 }
    }

    fn weight(&self) -> usize {
        1024 + weight_of_text(self.comment.as_deref())
    }
}

impl Request {
    /// Whether it may still be changed or cancelled (A12).
    pub const fn check_open(&self) -> Result<(), RequestError> {
        match self.status {
            Status::Done => Err(RequestError::Done),
            Status::Waiting if self.attempts > 0 => Err(RequestError::PassStarted),
            Status::Waiting => Ok(()),
        }
    }
}

/// A request with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub request: Request,
    /// What the placeholders of its comment stand for.
    pub mentions: Vec<Mention>,
    /// How many records of each target it made anonymous.
    pub counts: BTreeMap<Target, u64>,
    pub content: ContentOutcome,
    /// The files that had been delivered of what it forgot, in the order of their names.
    pub delivered_files: Vec<String>,
}

/// What became of the content of the interactions that a request selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentOutcome {
    pub deleted: u64,
    /// How many texts lost a mention.
    pub anonymized: u64,
}

/// What came of a request that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How many records of each of its targets it made anonymous.
    pub targets: BTreeMap<Target, u64>,
    /// What became of content; none where nothing did and nobody asked.
    pub content: Option<ContentOutcome>,
    /// The files that had been delivered of what it forgot: copies that the tenant must delete.
    pub delivered_files: Vec<String>,
}

/// A request as somebody sees it: identifiers in clear or masked, the comment filled in.
#[derive(Clone, PartialEq, Eq)]
pub struct RenderedRequest {
    pub request: Request,
    /// The number: in E.164, or masked.
    pub phone_number: Option<String>,
    /// The address: in its canonical spelling, or masked.
    pub email: Option<String>,
    pub comment: Option<String>,
    /// What came of it; none while it waits.
    pub result: Option<Outcome>,
    pub warnings: Vec<Warning>,
}

/// Something that is no mistake, but that the user should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The comment names a person (A9).
    CommentHasIdentifier,
    /// Nothing would be forgotten: a wrong number, perhaps (A27).
    NothingFound,
    /// Content stays, and nobody will find it by its customer any more (A27).
    ContentBecomesUnfindable(ContentCounts),
    ContentWillBeDeleted(ContentCounts),
    /// So many files of the customer were delivered, and are out of this service's reach (B7).
    FilesWereDelivered(u64),
}

/// How much content there is of each kind.
pub type ContentCounts = BTreeMap<ContentKind, u64>;

impl Warning {
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::CommentHasIdentifier => "comment_has_identifier",
            Self::NothingFound => "nothing_found",
            Self::ContentBecomesUnfindable(_) => "content_becomes_unfindable",
            Self::ContentWillBeDeleted(_) => "content_will_be_deleted",
            Self::FilesWereDelivered(_) => "files_were_delivered",
        }
    }

    #[must_use]
    pub fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::CommentHasIdentifier => Cow::Borrowed(
                "The comment contains a number or an address. Those of this request are masked when it is done. \
                 Others stay.",
            ),
            Self::NothingFound => {
                Cow::Borrowed("No record of these targets up to this day has the number or the address.")
            }
            Self::ContentBecomesUnfindable(counts) => Cow::Owned(format!(
                "{}. This content stays, and nobody can find it by the number or the address after the pass.",
                in_words(counts)
            )),
            Self::ContentWillBeDeleted(counts) => {
                Cow::Owned(format!("{}. The pass deletes this content in every copy.", in_words(counts)))
            }
            Self::FilesWereDelivered(files) => {
                Cow::Owned(format!("Delivered files: {files}. The result will name them. Delete your copies yourself."))
            }
        }
    }
}

/// `recording: 3, chat_log: 1`
fn in_words(counts: &ContentCounts) -> String {
    let each: Vec<_> = counts.iter().map(|(kind, count)| format!("{}: {count}", kind.as_str())).collect();
    each.join(", ")
}

/// What a request would hit (A27).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The records that would be made anonymous, by target.
    pub targets: Vec<(Target, Hits)>,
    /// The content of the interactions whose customer would be forgotten, by kind.
    pub content: ContentCounts,
    pub warnings: Vec<Warning>,
}

#[derive(Clone, Debug)]
pub struct Filter {
    pub status: Option<Status>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// The most requests of a page.
    pub limit: u32,
}

/// The outcome of a call, for the same call sent again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptOutcome {
    pub created: Vec<RequestId>,
    /// The requests that were to be changed.
    pub updated: Vec<RequestId>,
    pub deleted: Vec<RequestId>,
}

#[derive(Clone, PartialEq, Eq, Default)]
pub struct Saved {
    /// The requests that were entered, in the order of the call.
    pub created: Vec<RenderedRequest>,
    /// The requests that were to be changed, in the order of the call.
    pub updated: Vec<RenderedRequest>,
    /// The requests that were cancelled, in the order of the call.
    pub deleted: Vec<RequestId>,
}

/// Why a request cannot be read, entered, changed or cancelled.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    #[error("the request does not exist")]
    NotFound,
    /// A change or a cancellation must say which version it means.
    #[error("the version of the request is missing")]
    VersionMissing,
    #[error("the request has changed since it was read")]
    Stale,
    /// A pass has begun it (A12).
    #[error("a pass has begun the request")]
    PassStarted,
    /// It is done, and stays as it is (A12).
    #[error("the request is done")]
    Done,
    /// The request that a repeated call had entered was cancelled since.
    #[error("the request has been cancelled")]
    Cancelled,
    #[error("{} fields are invalid", .0.len())]
    Invalid(Vec<FieldError>),
    /// The same call, by its idempotency key, is still running.
    #[error("the same call is still running")]
    InProgress,
    #[error("the idempotency key belongs to another call")]
    KeyReused,
    /// The cursor belongs to another query.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    #[error("the tenant does not exist")]
    TenantUnknown,
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error(transparent)]
    Vault(#[from] VaultError),
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
