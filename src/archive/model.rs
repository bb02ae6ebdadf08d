//! What the archive answers, and why it may not.

use chrono::{DateTime, Utc};
use pii::Kind;

use super::mentions::Mention;
use crate::base::id::{IdentifierId, RecordId};
use crate::base::page::{Listed, Position};
use crate::store::StoreError;
use crate::vault::{Contended, VaultError};

/// Bits of a record's `forgotten`: what was cut, whatever is imported again.
pub mod forgotten {
    pub const PHONE: i16 = 1;
    pub const EMAIL: i16 = 2;
    pub const NAME: i16 = 4;
    pub const CUSTOMER: i16 = PHONE | EMAIL | NAME;
    /// A mention of somebody else in its texts.
    pub const MENTION: i16 = 8;
    pub const ANYBODY: i16 = CUSTOMER | MENTION;
    /// An interaction's content, which a request deleted: it takes no more.
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
    /// There never was one.
    Empty,
    /// There was one; it was forgotten.
    Forgotten,
    Held(Kind, IdentifierId),
}

/// The columns that all kinds of records share, as read.
#[derive(Clone, Debug)]
pub struct Record {
    pub id: RecordId,
    /// The sending system's id, its keyed hash, or, of a forgotten record, `Anonymized` instead of that hash.
    pub external_id: String,
    pub at: DateTime<Utc>,
    pub phone: CustomerField,
    pub email: CustomerField,
    pub name: CustomerField,
    /// Whether any identifier of it was forgotten.
    pub anonymized: bool,
    /// What the placeholders of its texts stand for.
    pub mentions: Vec<Mention>,
    pub columns: super::columns::Columns,
}

impl Listed for Record {
    fn position(&self) -> Position {
        Position { at: self.at, id: self.id.0 }
    }

    fn weight(&self) -> usize {
        1024 + self.external_id.len() + self.columns.weight()
    }
}

/// Why the archive did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
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
