//! The watch of a running service over the erasure journal: no call of a tenant whose database was restored is served.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::base::id::TenantId;
use crate::content::ContentStore;
use crate::http::Code;
use crate::http::health::JournalHealth;
use crate::journal::{Refusal, State};
use crate::nightly::PassResult;
use crate::nightly::restore::{self, GRACE, Look};
use crate::vault::AppContext;

/// The time between two looks at the journal.
const INTERVAL: Duration = Duration::from_mins(1);

/// The same while the journal could not be read since the start.
const RETRY: Duration = Duration::from_secs(2);

/// How often a tenant's calls compare what the databases know with what they knew before.
const HEADS: Duration = Duration::from_secs(1);

/// For how long a call waits for that.
const SHORT: Duration = Duration::from_millis(500);

/// For how long the start waits for the first look.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct JournalWatch {
    stores: Arc<AppContext>,
    content_store: Arc<ContentStore>,
    compared: Mutex<HashMap<TenantId, Instant>>,
    /// The tenants whose lost identifiers were reserved since the start.
    reserved: Mutex<HashSet<TenantId>>,
    looking: tokio::sync::Mutex<()>,
}

impl JournalWatch {
    pub fn new(stores: &Arc<AppContext>, content_store: &Arc<ContentStore>) -> Self {
        let (stores, content_store) = (Arc::clone(stores), Arc::clone(content_store));
        Self {
            stores,
            content_store,
            compared: Mutex::default(),
            reserved: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        }
    }

    /// Looks at the journal before the first call is accepted. If that takes too long, calls are refused until it is
    /// known whether a database was restored.
    pub async fn begin(&self) {
        let _ = tokio::time::timeout(PATIENCE, self.look()).await;
    }

    /// Looks at the journal again and again.
    pub async fn run(&self) {
        while self.stores.journal.standing.state() != State::Off {
            let is_unknown = self.stores.journal.standing.state() == State::Unknown;
            tokio::time::sleep(if is_unknown { RETRY } else { INTERVAL }).await;
            self.look().await;
        }
    }

    /// Compares the journal with the databases, and carries out the decisions that a killed process has left.
    async fn look(&self) {
        let _alone = self.looking.lock().await;
        match restore::look(&self.stores).await {
            Ok(look) => self.settle(look).await,
            Err(error) => tracing::warn!(%error, "Reading the erasure journal failed, retrying"),
        }
    }

    async fn settle(&self, look: Look) {
        let Look { tenants, damage, lost_tenants, .. } = look;
        if let Some(damage) = damage {
            tracing::error!(damage, "The erasure journal is damaged. All jobs are refused");
        }
        if !lost_tenants.is_empty() {
            tracing::warn!(tenants = ?lost_tenants, "The erasure journal names tenants that the archive does not have");
        }
        for one in &tenants {
            if let Some(behind) = &one.behind {
                tracing::error!(tenant = %one.tenant.slug, behind, "A database was restored: run lethe replay");
                continue;
            }
            let settled = restore::settle(&self.stores, &self.content_store, one, Some(GRACE), &BTreeMap::new()).await;
            self.reserve(one.tenant.id).await;
            match settled {
                Ok(settled) if !settled.lost.is_empty() => tracing::warn!(
                    tenant = %one.tenant.slug, requests = ?settled.lost,
                    "The erasure journal names requests that the archive does not have"
                ),
                Ok(_) => {}
                Err(error) => tracing::warn!(
                    tenant = %one.tenant.slug, %error, "Carrying out decisions of the journal failed, retrying"
                ),
            }
        }
    }

    /// Once after the start, keeps the ids of customers who wait or are held, if a restored vault has lost them.
    async fn reserve(&self, tenant: TenantId) {
        if self.reserved.lock().is_ok_and(|reserved| reserved.contains(&tenant)) {
            return;
        }
        match restore::reserve(&self.stores, tenant).await {
            Ok(()) => drop(self.reserved.lock().map(|mut reserved| reserved.insert(tenant))),
            Err(error) => tracing::warn!(%tenant, %error, "Looking for lost identifiers failed, retrying"),
        }
    }

    /// Why a tenant's calls are refused, if they are.
    pub async fn refusal(&self, tenant: TenantId) -> Option<Code> {
        let journal = &self.stores.journal;
        if journal.is_off() {
            return None;
        }
        if journal.standing.state() == State::Unknown {
            let _ = tokio::time::timeout(RETRY, self.look()).await;
        }
        if self.is_to_compare(tenant) && self.is_older(tenant).await {
            let reason = "a database knows less of the journal than before";
            tracing::error!(%tenant, reason, "A database was restored: run lethe replay");
            journal.standing.set_behind(tenant, reason.to_owned());
        }
        journal.standing.refusal(tenant).map(|refusal| match refusal {
            Refusal::ReplayNeeded => Code::ReplayNeeded,
            Refusal::Unknown => Code::Unavailable,
        })
    }

    fn is_to_compare(&self, tenant: TenantId) -> bool {
        let Ok(mut compared) = self.compared.lock() else { return true };
        let is_due = compared.get(&tenant).is_none_or(|at| at.elapsed() >= HEADS);
        if is_due {
            compared.insert(tenant, Instant::now());
        }
        is_due
    }

    /// Whether a database knows less than before. A database that does not answer is no reason to keep a call waiting.
    async fn is_older(&self, tenant: TenantId) -> bool {
        matches!(tokio::time::timeout(SHORT, self.compare(tenant)).await, Ok(Ok(true)))
    }

    /// Another call may have seen newer rows than this one has read, so the second answer counts.
    async fn compare(&self, tenant: TenantId) -> PassResult<bool> {
        Ok(restore::knows_less(&self.stores, tenant).await? && restore::knows_less(&self.stores, tenant).await?)
    }

    /// The state for `/readyz`.
    pub fn health(&self) -> JournalHealth {
        let standing = &self.stores.journal.standing;
        let (tenants_behind, is_all) = standing.tenants_behind();
        let state = standing.state();
        let is_ready = state != State::Unknown && !is_all;
        JournalHealth { state: state.as_str(), tenants_behind, is_ready }
    }
}
