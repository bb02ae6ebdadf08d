//! Records as they are read, and the errors of the archive.

use chrono::{DateTime, Utc};
use pii::{Identifier, Kind};

use super::kinds::{Channel, Direction, RecordKind};
use super::mentions::Mention;
use crate::base::id::{IdentifierId, RecordId, Token};
use crate::base::memory::MemoryError;
use crate::base::page::{Listed, Position};
use crate::store::StoreError;
use crate::vault::{Contended, VaultError};

/// Bits of a record's `forgotten`. They stay when the record is sent again.
pub mod forgotten {
    pub const PHONE: i16 = 1;
    pub const EMAIL: i16 = 2;
    pub const NAME: i16 = 4;
    pub const CUSTOMER: i16 = PHONE | EMAIL | NAME;
    /// A mention in the text of the record, of another person than its customer.
    pub const MENTION: i16 = 8;
    pub const ANYBODY: i16 = CUSTOMER | MENTION;
    /// The content of an interaction, which a request has deleted. The interaction accepts no more content.
    pub const CONTENT: i16 = 16;
}

/// The three views of a reader.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum View {
    /// Every identifier reads `Anonymized`.
    Anonymized,
    /// Every identifier reads as its token.
    Pseudonymous,
    /// Identifiers are shown; each call is audited.
    Identified,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomerField {
    /// The record never had an identifier in this field.
    Empty,
    Forgotten,
    Held(Kind, IdentifierId),
}

/// A record as it is read: the columns that all kinds share, and those of its kind.
#[derive(Clone, Debug)]
pub struct Record<K> {
    pub id: RecordId,
    /// The sending system's id, its keyed hash, or, of a forgotten record, `Anonymized` instead of that hash.
    pub external_id: String,
    pub at: DateTime<Utc>,
    /// The time by which a list of records is ordered: `at`, or the time of the last change.
    pub listed_by: DateTime<Utc>,
    pub phone: CustomerField,
    pub email: CustomerField,
    pub name: CustomerField,
    /// Whether any identifier of the record was forgotten.
    pub anonymized: bool,
    /// The identifiers that the placeholders of its text stand for.
    pub mentions: Vec<Mention>,
    pub columns: K,
}

impl<K: RecordKind> Listed for Record<K> {
    fn position(&self) -> Position {
        Position { at: self.listed_by, id: self.id.0 }
    }

    fn weight(&self) -> usize {
        1024 + self.external_id.len() + self.columns.weight()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error(transparent)]
    Memory(#[from] MemoryError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Contended for ArchiveError {
    fn is_contended(&self) -> bool {
        matches!(self, Self::Store(StoreError::Contended) | Self::Vault(VaultError::Store(StoreError::Contended)))
    }
}

/// The conditions of a search. Each is optional, and all that are given apply. The newest records come first, or those
/// that changed last if there is a condition about that.
#[derive(Debug, Default)]
pub struct Search {
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
    pub channels: Option<Vec<Channel>>,
    pub queue: Option<String>,
    /// One of these.
    pub queues: Option<Vec<String>>,
    pub agent_id: Option<String>,
    pub outcome: Option<String>,
    pub direction: Option<Direction>,
    /// The external id as the record shows it.
    pub external_id: Option<String>,
    /// Whether any identifier of the record was forgotten.
    pub anonymized: Option<bool>,
    pub has_content: Option<bool>,
    /// Changed not before.
    pub changed_since: Option<DateTime<Utc>>,
    /// The customer has any of these (A3).
    pub identifiers: Vec<Identifier>,
    /// The customer has this token (D2).
    pub token: Option<Token>,
}
