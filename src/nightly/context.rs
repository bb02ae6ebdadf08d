//! The context of a pass: the tenant under its lease, and the only way to a transaction in the steps.

use super::lease::Lease;
use super::model::{PassError, PassResult, StepName, Stop};
use super::progress::Progress;
use super::restore::Replay;
use crate::content::ContentStore;
use crate::store::{self, Archive, Tx, Vault};
use crate::tenants::{Retention, Tenant};
use crate::vault::AppContext;

pub struct PassContext<'a> {
    pub app: &'a AppContext,
    pub content_store: &'a ContentStore,
    pub tenant: &'a Tenant,
    pub lease: &'a Lease,
    pub progress: &'a Progress,
    pub stop: &'a Stop,
    /// The replay, if the pass repeats what a restored database has lost.
    pub replay: Option<&'a Replay>,
}

impl PassContext<'_> {
    /// A transaction of the archive that renews the lease. A process that another one has overtaken gets an error here,
    /// so it commits nothing.
    pub async fn begin(&self) -> PassResult<Tx<Archive>> {
        let mut tx = self.app.archive.write().await?;
        self.lease.renew(&mut tx).await?;
        Ok(tx)
    }

    pub async fn read(&self) -> store::Result<Tx<Archive>> {
        self.app.archive.read().await
    }

    /// A transaction of the vault. It cannot renew the lease, which is in the archive, so all that it does may be
    /// repeated.
    pub async fn begin_vault(&self) -> store::Result<Tx<Vault>> {
        self.app.vault.write().await
    }

    pub async fn read_vault(&self) -> store::Result<Tx<Vault>> {
        self.app.vault.read().await
    }

    /// Whether the pass deletes what is past a retention in a state. A replay does not, because a restored archive may
    /// have lost the pause of the retention. The next pass does, after the operator has looked at the settings.
    #[must_use]
    pub fn deletes_old(&self, retention: Retention) -> bool {
        self.replay.is_none() && retention == Retention::On
    }

    /// Shows the user that a step begins.
    pub fn show(&self, step: StepName) {
        self.progress.step(&self.tenant.slug, step);
    }

    /// Ends the pass if the process was asked to stop. The next start resumes it.
    pub fn check_stop(&self) -> PassResult<()> {
        if self.stop.is_requested() { Err(PassError::Stopped) } else { Ok(()) }
    }
}
