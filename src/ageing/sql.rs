//! Statements of policies, and of the plan of the month that is ageing.

use chrono::{DateTime, NaiveDate, Utc};

use super::model::{AgeingPolicy, NamedPolicy};
use crate::archive::ageing::Linked;
use crate::base::id::TenantId;
use crate::store::{Archive, Result, StoreError, Tx};

#[derive(sqlx::FromRow)]
struct PolicyRow {
    name: String,
    policy: String,
    paused: bool,
    changed_at: DateTime<Utc>,
}

pub async fn all(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Vec<NamedPolicy>> {
    let rows: Vec<PolicyRow> = tx
        .query("SELECT name, policy, paused, changed_at FROM ageing_policies")
        .with(" WHERE tenant_id = ", tenant)
        .push(" ORDER BY name")
        .all()
        .await?;
    let named = |row: PolicyRow| {
        let PolicyRow { name, policy, paused, changed_at } = row;
        let policy = read(&policy, || format!("ageing_policies.policy of {tenant}"))?;
        Ok(NamedPolicy { name, policy, paused, changed_at })
    };
    rows.into_iter().map(named).collect()
}

pub async fn upsert(tx: &mut Tx<Archive>, tenant: TenantId, named: &NamedPolicy) -> Result<u64> {
    let NamedPolicy { name, policy, paused, changed_at } = named;
    tx.query("INSERT INTO ageing_policies (tenant_id, name, policy, paused, changed_at) VALUES (")
        .with("", tenant)
        .with(", ", name.as_str())
        .with(", ", to_json(policy)?)
        .with(", ", *paused)
        .with(", ", *changed_at)
        .push(") ON CONFLICT (tenant_id, name) DO UPDATE SET policy = excluded.policy, paused = excluded.paused")
        .push(", changed_at = excluded.changed_at")
        .execute()
        .await
}

pub async fn delete(tx: &mut Tx<Archive>, tenant: TenantId, name: &str) -> Result<u64> {
    tx.query("DELETE FROM ageing_policies")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND name = ", name)
        .execute()
        .await
}

/// The month that is ageing, with the policy as it was when the month was planned.
#[derive(Clone, Debug)]
pub struct AgeingPlan {
    /// The name of the policy.
    pub name: String,
    pub policy: AgeingPolicy,
    /// The first day of the month.
    pub month: NaiveDate,
    pub linked: Linked,
    /// The time of the change that the records of the month get.
    pub changed_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct PlanRow {
    name: String,
    policy: String,
    month: NaiveDate,
    linked: String,
    changed_at: DateTime<Utc>,
}

/// The plan of a tenant, if a month is ageing.
pub async fn plan(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Option<AgeingPlan>> {
    let row: Option<PlanRow> = tx
        .query("SELECT name, policy, month, linked, changed_at FROM ageing_plans")
        .with(" WHERE tenant_id = ", tenant)
        .maybe()
        .await?;
    let Some(PlanRow { name, policy, month, linked, changed_at }) = row else { return Ok(None) };
    let policy = read(&policy, || format!("ageing_plans.policy of {tenant}"))?;
    let linked = read(&linked, || format!("ageing_plans.linked of {tenant}"))?;
    Ok(Some(AgeingPlan { name, policy, month, linked, changed_at }))
}

pub async fn insert_plan(tx: &mut Tx<Archive>, tenant: TenantId, plan: &AgeingPlan) -> Result<u64> {
    let AgeingPlan { name, policy, month, linked, changed_at } = plan;
    tx.query("INSERT INTO ageing_plans (tenant_id, name, policy, month, linked, changed_at) VALUES (")
        .with("", tenant)
        .with(", ", name.as_str())
        .with(", ", to_json(policy)?)
        .with(", ", *month)
        .with(", ", to_json(linked)?)
        .with(", ", *changed_at)
        .push(")")
        .execute()
        .await
}

pub async fn delete_plan(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<u64> {
    tx.query("DELETE FROM ageing_plans").with(" WHERE tenant_id = ", tenant).execute().await
}

fn read<T: serde::de::DeserializeOwned>(text: &str, place: impl Fn() -> String) -> Result<T> {
    serde_json::from_str(text).map_err(|_| StoreError::Inconsistent(place()))
}

fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|_| StoreError::Refused("ageing".to_owned()))
}
