//! The context of a delivery worker and its attempts, and the renewal of their claims.

use std::path::PathBuf;
use std::sync::Arc;

use super::model::{Addressee, AttemptError, DeliveryError, SendError};
use super::sql;
use crate::archive::customer::{Customer, customer};
use crate::base::id::TenantId;
use crate::config::DeliveryConfig;
use crate::content::ContentStore;
use crate::outbox::{self, ClaimedDelivery};
use crate::vault::AppContext;

/// Delivers recordings to their tenants. Several workers may run at once, in one process or in many.
#[derive(Clone, Debug)]
pub struct DeliveryWorker {
    pub(super) stores: Arc<AppContext>,
    pub(super) content_store: Arc<ContentStore>,
    pub(super) config: DeliveryConfig,
    pub(super) folder: PathBuf,
}

impl DeliveryWorker {
    /// A worker. Targets `file:///…` are below the folder, and each tenant has a folder of its own there.
    #[must_use]
    pub const fn new(
        stores: Arc<AppContext>,
        content_store: Arc<ContentStore>,
        config: DeliveryConfig,
        folder: PathBuf,
    ) -> Self {
        Self { stores, content_store, config, folder }
    }

    /// Renews a claim before a file gets its name, and stores the name together with the file's customer. So a worker
    /// that is killed leaves a record of the file.
    pub(super) async fn announce(
        &self,
        tenant: TenantId,
        claim: &ClaimedDelivery,
        (names, to): (&[String], Addressee),
    ) -> Result<(), AttemptError> {
        self.renew(tenant, claim, Some((names, to))).await
    }

    pub(super) async fn renew(
        &self,
        tenant: TenantId,
        claim: &ClaimedDelivery,
        announced: Option<(&[String], Addressee)>,
    ) -> Result<(), AttemptError> {
        let renewed = async {
            let mut tx = self.stores.archive.write().await?;
            let until = self.stores.clock.now() + self.config.lease();
            let held = match announced {
                Some((names, _)) => outbox::announce(&mut tx, tenant, claim, names, until).await?,
                None => outbox::renew(&mut tx, tenant, claim, until).await?,
            };
            if held == 0 {
                return Ok(Err(AttemptError::Lost));
            }
            if let Some((_, to)) = announced {
                // The customer stays the same until the end of the transaction. So the pass, which cancels deliveries
                // before it reads their customers, finds every one of them.
                let customer = customer(&mut tx, tenant, claim.interaction, true).await?;
                let now = customer.map(|Customer { phone_id, email_id, .. }| Addressee { phone_id, email_id });
                if now != Some(to) {
                    return Ok(Err(SendError::CustomerChanged.into()));
                }
                sql::note_addressee(&mut tx, tenant, claim, to).await?;
            }
            tx.commit().await?;
            Ok::<_, DeliveryError>(Ok(()))
        };
        renewed.await?
    }
}
