//! Ageing policies: which interactions lose their precision after how many days, and how.
//!
//! A pass carries them out month by month (`nightly/steps/ageing.rs`, `archive/ageing/`). A policy waits for 30 days
//! after each change, and can be paused, like the retention of content.

pub mod http;
mod model;
mod preview;
mod sql;

use chrono::{DateTime, Days, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use serde_json::json;

use crate::archive::ageing::first_of_month;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::day::{local_day, start_of_day};
use crate::base::id::TenantId;
use crate::store::{self, Archive, Tx};
use crate::tenants;
use crate::vault::AppContext;

pub use model::{AgeingError, AgeingPolicy, NamedPolicy, PolicyState};
pub use preview::{AgeingPreview, preview};
pub use sql::{AgeingPlan, delete_plan, insert_plan, plan};

/// All policies of a tenant, by name.
pub async fn list(tx: &mut Tx<Archive>, tenant: TenantId) -> store::Result<Vec<NamedPolicy>> {
    sql::all(tx, tenant).await
}

pub async fn find(tx: &mut Tx<Archive>, tenant: TenantId, name: &str) -> Result<NamedPolicy, AgeingError> {
    let all = sql::all(tx, tenant).await?;
    all.into_iter().find(|one| one.name == name).ok_or(AgeingError::Unknown)
}

/// Sets a policy. A policy that is the same as the stored one changes nothing, and its days of grace do not begin anew.
pub async fn set(
    app: &AppContext,
    actor: &Actor,
    name: &str,
    policy: AgeingPolicy,
) -> Result<NamedPolicy, AgeingError> {
    let mut tx = app.archive.write().await?;
    tenants::lock(&mut tx, actor.tenant).await?;
    let all = sql::all(&mut tx, actor.tenant).await?;
    let invalid = policy.invalid(all.iter().filter(|other| other.name != name));
    if !invalid.is_empty() {
        return Err(AgeingError::Invalid(invalid));
    }
    let stored = all.into_iter().find(|one| one.name == name);
    if let Some(stored) = stored.as_ref().filter(|stored| stored.policy == policy) {
        return Ok(stored.clone());
    }
    let paused = stored.is_some_and(|stored| stored.paused);
    let named = NamedPolicy { name: name.to_owned(), policy, paused, changed_at: app.clock.now() };
    write(app, actor, tx, named).await
}

/// Pauses a policy, or ends its pause. Its days of grace begin anew.
pub async fn pause(app: &AppContext, actor: &Actor, name: &str, paused: bool) -> Result<NamedPolicy, AgeingError> {
    let mut tx = app.archive.write().await?;
    tenants::lock(&mut tx, actor.tenant).await?;
    let stored = find(&mut tx, actor.tenant, name).await?;
    if stored.paused == paused {
        return Ok(stored);
    }
    write(app, actor, tx, NamedPolicy { paused, changed_at: app.clock.now(), ..stored }).await
}

async fn write(
    app: &AppContext,
    actor: &Actor,
    mut tx: Tx<Archive>,
    named: NamedPolicy,
) -> Result<NamedPolicy, AgeingError> {
    sql::upsert(&mut tx, actor.tenant, &named).await?;
    let detail = json!({ "name": named.name, "paused": named.paused, "policy": named.policy });
    audit::record(&mut tx, app.clock, actor, &Entry::new(Action::AgeingPolicySet, 0, detail)).await?;
    tx.commit().await?;
    Ok(named)
}

/// Removes a policy. A month that a killed pass has begun is still aged to its end, because its classes would be too
/// small otherwise.
pub async fn remove(app: &AppContext, actor: &Actor, name: &str) -> Result<(), AgeingError> {
    let mut tx = app.archive.write().await?;
    tenants::lock(&mut tx, actor.tenant).await?;
    if sql::delete(&mut tx, actor.tenant, name).await? == 0 {
        return Err(AgeingError::Unknown);
    }
    let entry = Entry::new(Action::AgeingPolicyRemoved, 0, json!({ "name": name }));
    audit::record(&mut tx, app.clock, actor, &entry).await?;
    Ok(tx.commit().await?)
}

/// A local month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month {
    /// Its first day.
    pub day: NaiveDate,
    pub starts_at: DateTime<Utc>,
    /// The first instant after it.
    pub ends_at: DateTime<Utc>,
}

impl Month {
    /// The month of an instant. It is `None` only at the end of the calendar.
    #[must_use]
    pub fn of(at: DateTime<Utc>, zone: Tz) -> Option<Self> {
        let day = first_of_month(local_day(at, zone));
        let next = day.checked_add_months(Months::new(1))?;
        Some(Self { day, starts_at: start_of_day(day, zone)?, ends_at: start_of_day(next, zone)? })
    }

    /// Whether all days of the month are old enough for a policy. A month ages as a whole, because a class is counted
    /// over all of it.
    #[must_use]
    pub fn is_due(&self, policy: &AgeingPolicy, as_of: DateTime<Utc>, zone: Tz) -> bool {
        let limit = local_day(as_of, zone).checked_sub_days(Days::new(policy.after_days.into()));
        limit.and_then(|day| start_of_day(day, zone)).is_some_and(|limit| self.ends_at <= limit)
    }
}
