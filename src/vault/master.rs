//! The master keys. They wrap all other keys and stay outside of the databases (D10).

use super::key_sql::KeyRow;
use super::model::VaultError;
use crate::base::crypto::{CryptoError, KEY_LEN, Key};
use crate::base::hex::hex;
use crate::base::id::TenantId;

/// A key that wraps others.
#[derive(Clone, Debug)]
pub struct MasterKey {
    key: Key,
    id: String,
}

/// The master keys that the process has. New keys are wrapped by the current one. The previous one is there during a
/// rotation, so that keys which it wrapped can be read.
#[derive(Debug)]
pub struct MasterKeys {
    current: MasterKey,
    previous: Option<MasterKey>,
}

impl MasterKey {
    /// The master key from its 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CryptoError> {
        let key = Key::from_bytes(bytes)?;
        let [a, b, c, d, ..] = key.hash(&[b"id"]).0;
        Ok(Self { id: hex(&[a, b, c, d]), key })
    }

    /// The id of the key: 8 hexadecimal digits, which do not help to guess the key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl MasterKeys {
    #[must_use]
    pub const fn new(current: MasterKey, previous: Option<MasterKey>) -> Self {
        Self { current, previous }
    }

    /// The key that wraps new keys.
    #[must_use]
    pub const fn current(&self) -> &MasterKey {
        &self.current
    }

    /// Fails if the process does not have the key with an id.
    pub(super) fn find(&self, id: &str) -> Result<&MasterKey, VaultError> {
        let mut all = [Some(&self.current), self.previous.as_ref()].into_iter().flatten();
        all.find(|master| master.id == id).ok_or_else(|| VaultError::MasterKeyUnknown(id.to_owned()))
    }

    pub(super) fn wrap(&self, (tenant, purpose, version): KeyPlace<'_>, key: &Key) -> Result<Vec<u8>, CryptoError> {
        self.current.key.seal(key.bytes(), &place(tenant, purpose, version), KEY_LEN)
    }

    pub(super) fn unwrap(&self, row: &KeyRow) -> Result<Key, VaultError> {
        let master = self.find(&row.master_id)?;
        let place = place(row.tenant_id, &row.purpose, row.key_version);
        Ok(Key::from_bytes(&master.key.open(&row.wrapped, &place)?)?)
    }
}

/// The row of a wrapped key: its tenant, its purpose, and its version.
pub(super) type KeyPlace<'a> = (TenantId, &'a str, i32);

/// A wrapped key opens only in its own row.
fn place(tenant: TenantId, purpose: &str, version: i32) -> Vec<u8> {
    [tenant.0.as_bytes(), purpose.as_bytes(), &version.to_be_bytes()[..]].concat()
}
