//! The kinds of objects, their headers and records, and the errors of the journal.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use pii::Kind;
use serde::{Deserialize, Serialize};

use crate::base::crypto::{BlindIndex, CryptoError, Key};
use crate::base::ground::Ground;
use crate::base::id::{ContentId, HoldId, IdentifierId, JournalId, PassId, RecordId, RequestId, TenantId};
use crate::base::target::Targets;
use crate::base::words::words;
use crate::objects::ObjectError;

words! {
    stored
    /// The decision that an object contains.
    #[derive(PartialOrd, Ord)]
    pub enum ObjectKind {
        /// A pass is about to carry out these requests.
        Erasures = "erasures",
        /// A pass has claimed nothing. So the restore of a backup from before that pass is noticed.
        Heartbeat = "heartbeat",
        /// A pass is about to make these requests done.
        Finishing = "finishing",
        /// A replay has begun.
        Replay = "replay",
        Entered = "entered",
        Edited = "edited",
        Cancelled = "cancelled",
        /// Content is about to be deleted.
        Contents = "contents",
        /// A legal hold is about to be placed.
        Hold = "hold",
        /// A legal hold is about to be released.
        Release = "release",
        /// All objects below a number have expired.
        Horizon = "horizon",
    }
}

impl ObjectKind {
    /// Whether a pass writes the object, and a row that is missing therefore tells of a restore.
    #[must_use]
    pub const fn is_of_pass(self) -> bool {
        matches!(self, Self::Erasures | Self::Heartbeat | Self::Finishing | Self::Replay)
    }

    /// Whether a call about requests writes the object.
    #[must_use]
    pub const fn is_of_request(self) -> bool {
        matches!(self, Self::Entered | Self::Edited | Self::Cancelled)
    }

    /// Whether a call about legal holds writes the object.
    #[must_use]
    pub const fn is_of_hold(self) -> bool {
        matches!(self, Self::Hold | Self::Release)
    }
}

/// The first line of an object, in clear: JSON. The seal of the body covers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    pub v: u8,
    /// The number of the object. An object that lists content has an id instead.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seq: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<JournalId>,
    pub tenant: TenantId,
    /// The pass that has written the object.
    pub pass: Option<PassId>,
    pub kind: ObjectKind,
    /// The SHA-256 of the whole object before, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prev: Option<String>,
    pub at: DateTime<Utc>,
    /// The number of records in the body.
    pub count: usize,
    /// The version of the tenant's journal key.
    pub key: i32,
}

/// An identifier of a request, and all that repeats the request without its row. The identifier is one that the user
/// entered, or one of the customer of an interaction that the request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    pub request: RequestId,
    pub version: i64,
    /// An interaction that the request names. It may have no identifier.
    pub interaction: Option<RecordId>,
    pub identifier: Option<IdentifierId>,
    pub kind: Kind,
    pub index: BlindIndex,
    /// The version of the key of the keyed hash.
    pub index_version: i32,
    pub cutoff: DateTime<Utc>,
    pub to_date: NaiveDate,
    pub entry_day: NaiveDate,
    pub created_at: DateTime<Utc>,
    pub targets: Targets,
    pub delete_content: bool,
    pub mask: String,
}

/// A key of a legal hold, and all that places the hold again but its reference, which is a free text. The identifier is
/// one that the user entered, or one of the customer of an interaction that the hold names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldKey {
    pub hold: HoldId,
    /// An interaction that the hold names. It may have no identifier.
    pub interaction: Option<RecordId>,
    pub identifier: Option<IdentifierId>,
    pub kind: Kind,
    pub index: BlindIndex,
    /// The version of the key of the keyed hash.
    pub index_version: i32,
    pub ground: Ground,
    pub review_on: NaiveDate,
    pub hide: bool,
    pub placed_at: DateTime<Utc>,
}

/// The numbers of a request that becomes done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub request: RequestId,
    /// The records that became anonymous, in the order of the targets.
    pub anonymized: [u64; 3],
    pub content_deleted: u64,
    pub texts_anonymized: u64,
}

/// The records of an object. All records of one kind have the same length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    Nothing,
    Selections(Vec<Selection>),
    Outcomes(Vec<Outcome>),
    Contents(Vec<ContentId>),
    /// The keys of one hold.
    Hold(Vec<HoldKey>),
    /// The holds that are released.
    Release(Vec<HoldId>),
    /// The lowest object that must exist.
    Horizon(i64),
}

impl Body {
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Selections(all) => all.len(),
            Self::Outcomes(all) => all.len(),
            Self::Contents(all) => all.len(),
            Self::Hold(all) => all.len(),
            Self::Release(all) => all.len(),
            Self::Horizon(_) => 1,
        }
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ids of the requests that the records are about.
    pub fn requests(&self) -> impl Iterator<Item = RequestId> {
        let (selections, outcomes): (&[Selection], &[Outcome]) = match self {
            Self::Selections(all) => (all, &[]),
            Self::Outcomes(all) => (&[], all),
            Self::Nothing | Self::Contents(_) | Self::Hold(_) | Self::Release(_) | Self::Horizon(_) => (&[], &[]),
        };
        let selected = selections.iter().map(|one| one.request);
        selected.chain(outcomes.iter().map(|one| one.request))
    }
}

/// The row of an object in a database: proof that the database knows the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    pub seq: i64,
    pub kind: ObjectKind,
    /// The pass that has written the object.
    pub pass: Option<PassId>,
    /// The SHA-256 of the whole object.
    pub hash: [u8; 32],
}

/// The key that seals a tenant's objects, and the wrapped keys that a restored vault may lack.
#[derive(Clone, Debug)]
pub struct TenantKeys {
    pub tenant: TenantId,
    pub version: i32,
    pub key: Key,
    pub wrapped: Vec<WrappedKey>,
}

/// A key of a tenant, wrapped by a master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    pub purpose: String,
    pub version: i32,
    /// The id of the master key.
    pub master: String,
    /// A keyed hash that tells the clear key from any other one.
    pub print: [u8; 32],
    pub wrapped: Vec<u8>,
}

impl fmt::Display for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}.{}", self.purpose, self.version, self.master)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The store is unavailable, full, or read-only. The same call may succeed later.
    #[error("the erasure journal is unavailable: {0}")]
    Unavailable(#[from] ObjectError),
    /// The last call of the store timed out, so no call was made. The same call may succeed later.
    #[error("the erasure journal is unavailable: its last call timed out, and the next one is made later")]
    Paused,
    /// The store lacks its newest object, as an empty folder does. The same call may succeed once the store is back.
    #[error("the erasure journal is unavailable: its newest object {0} is missing. Check journal.place")]
    Gone(String),
    /// An object was altered, moved, or removed.
    #[error("the object {0} of the erasure journal is damaged: {1}")]
    Damaged(String, &'static str),
    /// The journal has other keys for this tenant than the vault.
    #[error(
        "the erasure journal has another key {0} than the vault: it belongs to another installation, or the vault was \
         restored from before the tenant was created. Check journal.place"
    )]
    OtherKeys(String),
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

impl JournalError {
    /// Whether the object may have been created nevertheless.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Unavailable(ObjectError::TimedOut))
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(error) => !matches!(error, ObjectError::Missing),
            Self::Paused | Self::Gone(_) => true,
            _ => false,
        }
    }
}
