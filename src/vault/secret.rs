//! How the service gets into a tenant's delivery target: sealed, and never given back.

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

/// Keeps the secret of the tenant's target, in place of another one. It is bound to the target's address: given for
/// one server, it is never shown to another.
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

/// The secret of the tenant's target, or none. An error for one that was kept for another address.
pub async fn delivery_secret(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    address: &str,
) -> Result<Option<DeliverySecret>, VaultError> {
    let Some(row) = sql::delivery_secret(tx, keyset.tenant).await? else { return Ok(None) };
    let sql::SecretRow { kind, sealed, key_version } = row;
    let text = SecretString::from(keyset.open_secret(address, key_version, &sealed)?);
    Ok(Some(if kind == "private_key" { DeliverySecret::PrivateKey(text) } else { DeliverySecret::Password(text) }))
}

/// Deletes the secret of the tenant's target. Repeating it changes nothing.
pub async fn drop_delivery_secret(tx: &mut Tx<Vault>, tenant: TenantId) -> Result<u64, VaultError> {
    Ok(sql::delete_delivery_secret(tx, tenant).await?)
}
