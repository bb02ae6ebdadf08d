//! The tenant's own key: a certificate that recordings are encrypted with while they stream in (B2–B4).
//!
//! It comes in as an OpenPGP or an X.509 certificate, is judged once, and only what encryption needs of it is kept. From
//! then on it is one-way: an [`Encryptor`] makes ciphertext for a key that this service never had.

#[cfg(any(feature = "cms", feature = "openpgp"))]
mod armor;
mod encryptor;
mod model;
mod sql;

#[cfg(feature = "cms")]
mod cms;
pub mod http;
#[cfg(feature = "openpgp")]
mod openpgp;

#[cfg(test)]
mod tests;

use serde_json::json;

use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::id::TenantId;
use crate::vault::AppContext;

pub use encryptor::Encryptor;
pub use model::{CertificateError, KeyError, KeyKind, RecordingKey};

pub async fn find(stores: &AppContext, tenant: TenantId) -> Result<Option<RecordingKey>, KeyError> {
    Ok(sql::by_tenant(&mut stores.vault.read().await?, tenant).await?)
}

/// Registers a certificate in place of what the tenant had. It is audited before it counts, so that no recording is ever
/// encrypted for a key that the log does not know. A private key is noted as refused.
pub async fn register(
    stores: &AppContext,
    actor: &Actor,
    kind: KeyKind,
    certificate: String,
) -> Result<RecordingKey, KeyError> {
    let now = stores.clock.now();
    // A certificate of many signatures takes its time.
    let read = tokio::task::spawn_blocking(move || RecordingKey::read(kind, &certificate, now)).await;
    let key = read.unwrap_or(Err(KeyError::Refused(CertificateError::NotACertificate)));
    if let Err(KeyError::Refused(CertificateError::PrivateKey)) = key {
        tracing::warn!(tenant.id = %actor.tenant, "Refused a private key that was sent as a certificate; it was not \
                                                   stored");
        let mut entry =
            Entry::new(Action::RecordingKeyRegistered, 0, json!({ "refused": CertificateError::PrivateKey.code() }));
        entry.allowed = false;
        note(stores, actor, &entry).await?;
    }
    let key = key?;
    let detail = json!({ "kind": kind, "fingerprint": key.fingerprint });
    note(stores, actor, &Entry::new(Action::RecordingKeyRegistered, 0, detail)).await?;
    let mut tx = stores.vault.write().await?;
    sql::upsert(&mut tx, actor.tenant, &key, now).await?;
    tx.commit().await?;
    Ok(key)
}

/// Removes the tenant's key: what comes in from now on is not encrypted for it. Answers whether there was one.
pub async fn remove(stores: &AppContext, actor: &Actor) -> Result<bool, KeyError> {
    let Some(key) = find(stores, actor.tenant).await? else { return Ok(false) };
    let detail = json!({ "kind": key.kind, "fingerprint": key.fingerprint });
    note(stores, actor, &Entry::new(Action::RecordingKeyRemoved, 0, detail)).await?;
    let mut tx = stores.vault.write().await?;
    sql::delete(&mut tx, actor.tenant).await?;
    tx.commit().await?;
    Ok(true)
}

async fn note(stores: &AppContext, actor: &Actor, entry: &Entry) -> Result<(), KeyError> {
    let mut tx = stores.archive.write().await?;
    audit::record(&mut tx, stores.clock, actor, entry).await?;
    Ok(tx.commit().await?)
}
