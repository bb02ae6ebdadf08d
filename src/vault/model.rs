//! Erasures, and the errors of the vault.

use chrono::{DateTime, Utc};

use pii::Kind;

use crate::base::crypto::{BlindIndex, CryptoError};
use crate::base::id::{IdentifierId, RequestId};
use crate::base::target::{Target, Targets};
use crate::journal::JournalError;
use crate::store::StoreError;

/// An identifier is forgotten in all records of some targets before the cut-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The end of the request's last included day.
    pub cutoff: DateTime<Utc>,
    pub targets: Targets,
}

impl Erasure {
    /// Whether a record of this target and time arrives forgotten.
    #[must_use]
    pub fn covers(&self, target: Target, at: DateTime<Utc>) -> bool {
        self.targets.contains(target) && at < self.cutoff
    }
}

/// An identifier whose value a restore has lost.
#[derive(Clone, Copy, Debug)]
pub struct LostIdentifier {
    pub id: IdentifierId,
    pub kind: Kind,
    pub index: BlindIndex,
}

/// The entry of an identifier in the erasure journal. It reveals nothing but the mask.
#[derive(Clone, Debug)]
pub struct Described {
    pub kind: Kind,
    pub index: BlindIndex,
    pub mask: String,
}

impl Described {
    /// The description of an identifier that the vault does not have. No keyed hash is zero.
    #[must_use]
    pub const fn unknown() -> Self {
        Self { kind: Kind::Phone, index: BlindIndex([0; 32]), mask: String::new() }
    }
}

/// An identifier of the vault that an erasure covers.
#[derive(Clone, Copy, Debug)]
pub struct FoundAgain {
    pub request: RequestId,
    pub identifier: IdentifierId,
    pub erasure: Erasure,
}

/// An erasure by its keyed hash.
#[derive(Clone, Copy, Debug)]
pub struct RepeatedErasure {
    pub request: RequestId,
    pub index: BlindIndex,
    pub erasure: Erasure,
}

#[derive(Clone, Copy, Debug)]
pub struct NewErasure {
    pub request: RequestId,
    pub identifier: IdentifierId,
    pub erasure: Erasure,
}

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key or a sealed value cannot be opened. The master key is another one, or a row was altered.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// A key that a restored vault needs cannot be read from the erasure journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A row is sealed under a key version that the tenant does not have.
    #[error("the key of version {0} is missing")]
    KeyMissing(i32),
    /// Keys are wrapped by a master key with this id, which the process does not have.
    #[error(
        "the keys of the vault are wrapped by the master key with the id {0}: set vault.master_key_file or \
         vault.previous_master_key_file to that key"
    )]
    MasterKeyUnknown(String),
}
