//! Tenants: the region, time zone, targets, and settings of a contact centre.

mod disclosure;
pub mod fence;
mod hiding;
mod http;
mod model;
mod processing;
mod recordings;
mod retention;
mod settings;
mod sql;

use serde_json::json;

use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::clock::Clock;
use crate::base::id::TenantId;
use crate::store::{self, Archive, Tx};

pub use disclosure::{IdentifiedView, RevealRules, RevealRulesChange};
pub use hiding::{HiddenKeys, HidingRule};
pub use http::of_caller;
pub use model::{Tenant, TenantError};
pub use processing::Processing;
pub use recordings::{Recordings, RecordingsChange};
pub use retention::{GRACE, Retention, RetentionSwitch};
pub use settings::{ExternalSystem, Settings, TenantChange, TotalsSettings};
pub use sql::TenantRow;

pub async fn find(tx: &mut Tx<Archive>, id: TenantId) -> Result<Tenant, TenantError> {
    Tenant::try_from(sql::by_id(tx, id).await?.ok_or(TenantError::Unknown)?)
}

/// A tenant as it is stored, if it exists.
pub async fn row(tx: &mut Tx<Archive>, id: TenantId) -> store::Result<Option<TenantRow>> {
    sql::by_id(tx, id).await
}

/// Notes that a recipient of a tenant has changed: see [`TenantRow::recipients_epoch`].
pub async fn renew_recipients_epoch(tx: &mut Tx<Archive>, id: TenantId) -> store::Result<()> {
    sql::renew_recipients_epoch(tx, id).await
}

/// Makes the writes of a tenant's rules wait for one another until the transaction ends. A write of SQLite waits anyway.
pub async fn lock(tx: &mut Tx<Archive>, id: TenantId) -> store::Result<()> {
    sql::lock(tx, id).await
}

pub async fn find_by_slug(tx: &mut Tx<Archive>, slug: &str) -> Result<Option<Tenant>, TenantError> {
    sql::by_slug(tx, slug).await?.map(Tenant::try_from).transpose()
}

/// All tenants, also those with a column that cannot be read: see [`Tenant::unreadable`].
pub async fn list(tx: &mut Tx<Archive>) -> Result<Vec<Tenant>, TenantError> {
    Ok(sql::all(tx).await?.into_iter().map(TenantRow::lenient).collect())
}

/// The tenants that can be read. The log names the others.
pub async fn list_readable(tx: &mut Tx<Archive>) -> Result<Vec<Tenant>, TenantError> {
    let mut tenants = list(tx).await?;
    tenants.retain(|tenant| {
        let read = tenant.check_readable();
        if let Err(error) = &read {
            tracing::error!(tenant = %tenant.slug, %error, "The tenant is left out");
        }
        read.is_ok()
    });
    Ok(tenants)
}

/// Creates a tenant of a free slug, with its epoch.
pub async fn create(tx: &mut Tx<Archive>, clock: Clock, slug: &str) -> Result<Tenant, TenantError> {
    let tenant = Tenant::new(slug)?;
    if sql::by_slug(tx, slug).await?.is_some() {
        return Err(TenantError::SlugTaken);
    }
    sql::insert(tx, &tenant, clock.now()).await?;
    sql::insert_epoch(tx, tenant.id).await?;
    Ok(tenant)
}

/// Changes some settings, if the tenant still has the version that was read. The audit row lists their names. If the values
/// stay the same, the version stays too, and no audit row is written.
pub async fn change(
    tx: &mut Tx<Archive>,
    clock: Clock,
    actor: &Actor,
    tenant: &Tenant,
    change: TenantChange,
) -> Result<Tenant, TenantError> {
    let mut changed = tenant.clone();
    let erasure_months = change.erasure_retention_months;
    change.apply(&mut changed, clock.now());
    if erasure_months.is_some_and(|months| months < changed.settings.request_retention_months) {
        return Err(TenantError::ErasureRetention);
    }
    if changed == *tenant {
        return Ok(changed);
    }
    changed.version += 1;
    if sql::update(tx, &changed, clock.now()).await? == 0 {
        return Err(TenantError::Stale);
    }
    let detail = json!({ "version": changed.version, "changed": tenant.differences(&changed) });
    audit::record(tx, clock, actor, &Entry::new(Action::TenantChanged, 0, detail)).await?;
    Ok(changed)
}
