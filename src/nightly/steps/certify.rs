//! Certify: the requests that are done get their certificates. It comes after the passes of a run, and after the scan.

use super::finish::ACTOR;
use crate::base::actor::Actor;
use crate::certificates::{self, CertificateError, Due};
use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::model::{PassError, PassResult};
use crate::store::StoreError;

pub async fn certify(context: &PassContext<'_>) -> PassResult<()> {
    let (app, tenant) = (context.app, context.tenant);
    let key = certificates::signing_key(app).await?;
    let actor = Actor::service(tenant.id, ACTOR);
    loop {
        context.check_stop()?;
        let mut tx = context.begin().await?;
        let issued = certificates::issue(app, &mut tx, (tenant, &actor), &key, Due::First, None).await?;
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
