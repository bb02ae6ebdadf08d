//! Certificates of erasure: evidence that a request was carried out, for a reader who does not trust the answers of
//! this service.
//!
//! The pass notes a certificate in the transaction that makes its request done. The end of the nightly job makes it,
//! after the scan, and stores it: it is not signed anew at each call. A certificate says what was done, what is still
//! held, and what it does not prove. It contains no identifier, no mask, and no hash of an identifier.

pub mod http;
mod model;
mod sql;

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::crypto::sha256;
use crate::base::hex::hex;
use crate::base::id::{RequestId, TenantId};
use crate::base::jws::{self, Jwk, KeySet};
use crate::journal;
use crate::requests;
use crate::scan;
use crate::seals;
use crate::store::{Archive, Tx};
use crate::tenants::Tenant;
use crate::vault::{AppContext, SigningPurpose, SigningVersion, VaultError};

pub use model::{CertificateError, Coverage, Payload, ScanPart, TYPE};
pub use sql::{expect, purge};

use model::{AuditPart, Basis};

/// How many certificates one transaction makes.
const BATCH: i64 = 200;

/// The certificates to make.
#[derive(Clone, Copy, Debug)]
pub enum Due {
    /// The certificates of requests that are done and have none.
    First,
    /// The certificates of requests that were done before a full round of the scan began. They are made again.
    Round(DateTime<Utc>),
}

/// The key that signs new certificates.
pub async fn signing_key(app: &AppContext) -> Result<SigningVersion, VaultError> {
    app.signing_key(None, SigningPurpose::Certificate).await
}

/// Makes the next certificates. Returns how many.
pub async fn issue(
    app: &AppContext,
    tx: &mut Tx<Archive>,
    (tenant, actor): (&Tenant, &Actor),
    key: &SigningVersion,
    due: Due,
    scanned: Option<&ScanPart>,
) -> Result<usize, CertificateError> {
    let now = app.clock.now();
    let ids = sql::due(tx, tenant.id, due, BATCH).await?;
    if ids.is_empty() {
        return Ok(0);
    }
    let basis = Basis {
        tenant,
        now,
        version: match due {
            Due::First => 1,
            Due::Round(_) => 2,
        },
        journal: journal::head(tx, tenant.id).await?,
        audit: seals::published(tx, tenant.id).await?.and_then(|note| AuditPart::of_note(&note)),
        backup_days: app.journal.backup_days,
        scan: scanned,
    };
    let (mut made, mut entries) = (Vec::new(), Vec::new());
    let residue = scan::residue_of(tx, tenant.id, &ids).await?;
    for request in requests::stored(tx, tenant.id, &ids).await? {
        let id = request.request.id;
        let found = residue.get(&id).copied().unwrap_or_default();
        let payload = serde_json::to_vec(&basis.payload(request, found)).map_err(|_| CertificateError::Unwritable)?;
        let document = jws::sign(&key.key, TYPE, &payload);
        let digest = hex(&sha256(document.as_bytes()));
        let detail = json!({ "request_id": id, "version": basis.version, "sha256": digest });
        entries.push(Entry::new(Action::CertificateIssued, 1, detail));
        made.push((id, document));
    }
    sql::set_made(tx, tenant.id, basis.version, &made, now).await?;
    // A request that is gone needs none.
    let gone: Vec<_> = ids.iter().copied().filter(|id| made.iter().all(|(one, _)| one != id)).collect();
    sql::purge(tx, tenant.id, &gone).await?;
    audit::record_all(tx, app.clock, actor, &entries).await?;
    Ok(ids.len())
}

/// The certificate of a request.
pub async fn find(app: &AppContext, tenant: TenantId, id: RequestId) -> Result<String, CertificateError> {
    let mut tx = app.archive.read().await?;
    if let Some(document) = sql::document(&mut tx, tenant, id).await? {
        return Ok(document);
    }
    let is_unknown = requests::stored(&mut tx, tenant, &[id]).await?.is_empty();
    Err(if is_unknown { CertificateError::NotFound } else { CertificateError::NotReady })
}

/// The public keys of all versions, with which certificates are verified. The newest one is last.
pub async fn public_keys(app: &AppContext) -> Result<KeySet, VaultError> {
    let versions = app.signing_keys(None, SigningPurpose::Certificate).await?;
    Ok(KeySet { keys: versions.iter().map(|version| Jwk::new(version.public())).collect() })
}
