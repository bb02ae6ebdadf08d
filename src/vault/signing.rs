//! The keys that sign for the service or for a tenant. Older versions stay, since what they signed must be verified.

use chrono::{DateTime, Utc};

use super::key_sql;
use super::keyset::{Keysets, SERVICE};
use super::model::VaultError;
use super::stores::AppContext;
use crate::base::id::TenantId;
use crate::base::signing::{PublicKey, SigningKey};
use crate::base::words::words;
use crate::store::{Db, Vault};

words! {
    /// The use of a key. No key signs two kinds of things.
    pub enum SigningPurpose {
        /// Certificates of erasure and manifests of exports.
        Certificate = "certificate",
        /// Checkpoints of the audit log.
        Checkpoint = "checkpoint",
        /// The messages of a tenant's webhooks.
        Webhook = "webhook",
    }
}

/// One version of a key that signs, with the time at which it was made.
#[derive(Debug)]
pub struct SigningVersion {
    pub version: i32,
    pub key: SigningKey,
    pub created_at: DateTime<Utc>,
}

impl SigningVersion {
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.key.public()
    }
}

impl AppContext {
    /// All versions of a key, the newest last. The first one is made at its first use. `None` is the service itself.
    pub async fn signing_keys(
        &self,
        tenant: Option<TenantId>,
        purpose: SigningPurpose,
    ) -> Result<Vec<SigningVersion>, VaultError> {
        let tenant = tenant.unwrap_or(SERVICE);
        self.keysets.signing_keys(&self.vault, tenant, purpose.as_str()).await
    }

    /// The newest version, which signs.
    pub async fn signing_key(
        &self,
        tenant: Option<TenantId>,
        purpose: SigningPurpose,
    ) -> Result<SigningVersion, VaultError> {
        self.signing_keys(tenant, purpose).await?.pop().ok_or(VaultError::KeyMissing(0))
    }

    /// Makes a version of a key. If two processes do this at once, one key is made.
    pub async fn rotate_signing_key(
        &self,
        tenant: Option<TenantId>,
        purpose: SigningPurpose,
        version: i32,
    ) -> Result<(), VaultError> {
        let mut tx = self.vault.write().await?;
        self.keysets.insert(&mut tx, tenant.unwrap_or(SERVICE), purpose.as_str(), version).await?;
        Ok(tx.commit().await?)
    }
}

impl Keysets {
    async fn signing_keys(
        &self,
        vault: &Db<Vault>,
        tenant: TenantId,
        purpose: &'static str,
    ) -> Result<Vec<SigningVersion>, VaultError> {
        let mut rows = self.rows(vault, tenant, &[purpose]).await?;
        rows.retain(|row| row.purpose == purpose);
        rows.sort_by_key(|row| row.key_version);
        let version = |row: &key_sql::KeyRow| {
            let key = SigningKey::from_seed(&self.masters.unwrap(row)?)?;
            Ok(SigningVersion { version: row.key_version, key, created_at: row.created_at })
        };
        rows.iter().map(version).collect()
    }
}
