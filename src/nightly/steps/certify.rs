//! Certify: the requests that are done get their certificates. It comes after the passes of a run, and after the scan.

use super::finish::ACTOR;
use super::scan::Scanned;
use crate::base::actor::Actor;
use crate::certificates::{self, CertificateError, Coverage, Due, ScanPart};
use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::model::{PassError, PassResult};
use crate::store::StoreError;
use crate::vault::SigningVersion;

pub async fn certify(context: &PassContext<'_>, scanned: Option<&Scanned>) -> PassResult<()> {
    let key = certificates::signing_key(context.app).await?;
    let part = scanned.map(|scanned| ScanPart::new(scanned.at, Coverage::Changed, &scanned.changes));
    issue(context, &key, Due::First, part.as_ref()).await?;
    if let Some(full) = scanned.and_then(|scanned| scanned.full.as_ref()) {
        let part = ScanPart::new(full.begun_at, Coverage::Full, &full.counts);
        issue(context, &key, Due::Round(full.begun_at), Some(&part)).await?;
    }
    Ok(())
}

/// Makes all certificates that are due, a batch in each transaction.
async fn issue(context: &PassContext<'_>, key: &SigningVersion, due: Due, part: Option<&ScanPart>) -> PassResult<()> {
    let (app, tenant) = (context.app, context.tenant);
    let actor = Actor::service(tenant.id, ACTOR);
    loop {
        context.check_stop()?;
        let mut tx = context.begin().await?;
        let issued = certificates::issue(app, &mut tx, (tenant, &actor), key, due, part).await?;
        failpoint::reach("certify.before-commit");
        tx.commit().await?;
        if issued == 0 {
            return Ok(());
        }
    }
}

impl From<CertificateError> for PassError {
    fn from(error: CertificateError) -> Self {
        match error {
            CertificateError::Store(error) => Self::Store(error),
            CertificateError::Vault(error) => Self::Vault(error),
            _ => Self::Store(StoreError::Inconsistent("certificates.document".to_owned())),
        }
    }
}
