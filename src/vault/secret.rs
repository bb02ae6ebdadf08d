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
    /// A private key of SSH, in the format of OpenSSH, and a password if the server wants both.
    PrivateKey(SecretString, Option<SecretString>),
}

/// It is between a key and a password, and neither contains it.
const SEPARATOR: char = '\0';

impl DeliverySecret {
    /// The kind of the secret, and the text that is sealed.
    fn parts(&self) -> (&'static str, SecretString) {
        match self {
            Self::Password(text) => ("password", text.clone()),
            Self::PrivateKey(key, None) => ("private_key", key.clone()),
            Self::PrivateKey(key, Some(password)) => {
                let text = format!("{}{SEPARATOR}{}", key.expose_secret(), password.expose_secret());
                ("private_key", SecretString::from(text))
            }
        }
    }

    fn of(kind: &str, text: String) -> Self {
        match (kind, text.split_once(SEPARATOR)) {
            ("private_key", Some((key, password))) => {
                Self::PrivateKey(SecretString::from(key), Some(SecretString::from(password)))
            }
            ("private_key", None) => Self::PrivateKey(SecretString::from(text), None),
            _ => Self::Password(SecretString::from(text)),
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
    Ok(Some(DeliverySecret::of(&kind, keyset.open_secret(address, key_version, &sealed)?)))
}

/// Deletes the secret of the tenant's target. To repeat it changes nothing.
pub async fn drop_delivery_secret(tx: &mut Tx<Vault>, tenant: TenantId) -> Result<u64, VaultError> {
    Ok(sql::delete_delivery_secret(tx, tenant).await?)
}
