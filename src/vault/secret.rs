//! The secret of a tenant's delivery target. It is sealed, and no endpoint returns it.

use secrecy::{ExposeSecret as _, SecretString};

use super::keyset::Keyset;
use super::model::VaultError;
use super::sql;
use crate::base::id::TenantId;
use crate::store::{Tx, Vault};

/// A secret of a delivery target.
#[derive(Clone, Debug)]
pub enum DeliverySecret {
    /// A password, or the secret of an access key.
    Password(SecretString),
    /// A private key of SSH, in the format of OpenSSH.
    PrivateKey(SecretString),
}

impl DeliverySecret {
    const fn parts(&self) -> (&'static str, &SecretString) {
        match self {
            Self::Password(text) => ("password", text),
            Self::PrivateKey(text) => ("private_key", text),
        }
    }
}

/// Stores the secret of the tenant's target and replaces an earlier one. It is bound to the target's address, so that it is
/// never sent to another server.
pub async fn keep_delivery_secret(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    address: &str,
    secret: &DeliverySecret,
) -> Result<(), VaultError> {
    let (kind, text) = secret.parts();
    let (version, sealed) = keyset.seal_secret(address, text.expose_secret())?;
    sql::upsert_delivery_secret(tx, keyset.tenant, kind, version, &sealed).await?;
    Ok(())
}

/// The secret of the tenant's target. It is an error if it was stored for another address.
pub async fn delivery_secret(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    address: &str,
) -> Result<Option<DeliverySecret>, VaultError> {
    let Some(row) = sql::delivery_secret(tx, keyset.tenant).await? else { return Ok(None) };
    let sql::SecretRow { kind, sealed, key_version } = row;
    keyset.learn(tx, [key_version]).await?;
    let text = SecretString::from(keyset.open_secret(address, key_version, &sealed)?);
    Ok(Some(if kind == "private_key" { DeliverySecret::PrivateKey(text) } else { DeliverySecret::Password(text) }))
}

/// Deletes the secret of the tenant's target. To repeat it changes nothing.
pub async fn drop_delivery_secret(tx: &mut Tx<Vault>, tenant: TenantId) -> Result<u64, VaultError> {
    Ok(sql::delete_delivery_secret(tx, tenant).await?)
}
