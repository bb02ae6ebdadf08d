//! The tenant's recording key: recordings are encrypted with it while they are uploaded (B2–B4).
//!
//! A tenant registers an OpenPGP or an X.509 certificate. The service validates it once and stores only the part that
//! encryption needs. It never has the private key, so it cannot open the ciphertext that an [`Encryptor`] makes.

#[cfg(any(feature = "cms", feature = "openpgp"))]
mod armor;
mod certificate;
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

pub async fn find(app: &AppContext, tenant: TenantId) -> Result<Option<RecordingKey>, KeyError> {
    Ok(sql::by_tenant(&mut app.vault.read().await?, tenant).await?)
}

/// Registers a certificate in place of the tenant's earlier one. The audit row is written first, so that the audit log
/// contains each key that a recording is encrypted with. A private key is audited as refused.
pub async fn register(
    app: &AppContext,
    actor: &Actor,
    kind: KeyKind,
    certificate: String,
) -> Result<RecordingKey, KeyError> {
    let now = app.clock.now();
    // A certificate of many signatures takes long.
    let read = tokio::task::spawn_blocking(move || RecordingKey::read(kind, &certificate, now)).await;
    let key = read.unwrap_or(Err(KeyError::Refused(CertificateError::NotACertificate)));
    if let Err(KeyError::Refused(CertificateError::PrivateKey)) = key {
        tracing::warn!(tenant.id = %actor.tenant, "A private key was sent in place of a certificate. It was not stored");
        let mut entry =
            Entry::new(Action::RecordingKeyRegistered, 0, json!({ "refused": CertificateError::PrivateKey.code() }));
        entry.allowed = false;
        note(app, actor, &entry).await?;
    }
    let key = key?;
    let detail = json!({ "kind": kind, "fingerprint": key.fingerprint });
    note(app, actor, &Entry::new(Action::RecordingKeyRegistered, 0, detail)).await?;
    let mut tx = app.vault.write().await?;
    sql::upsert(&mut tx, actor.tenant, &key, now).await?;
    tx.commit().await?;
    Ok(key)
}

/// Removes the tenant's key. Later recordings are not encrypted with it. Returns whether there was a key.
pub async fn remove(app: &AppContext, actor: &Actor) -> Result<bool, KeyError> {
    let Some(key) = find(app, actor.tenant).await? else { return Ok(false) };
    let detail = json!({ "kind": key.kind, "fingerprint": key.fingerprint });
    note(app, actor, &Entry::new(Action::RecordingKeyRemoved, 0, detail)).await?;
    let mut tx = app.vault.write().await?;
    sql::delete(&mut tx, actor.tenant).await?;
    tx.commit().await?;
    Ok(true)
}

async fn note(app: &AppContext, actor: &Actor, entry: &Entry) -> Result<(), KeyError> {
    let mut tx = app.archive.write().await?;
    audit::record(&mut tx, app.clock, actor, entry).await?;
    Ok(tx.commit().await?)
}
