//! The table of the job's runs, for the API and the metrics.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::model::RunStatus;
use super::report::Report;
use crate::base::id::{RunId, TenantId};
use crate::base::page::{Listed, Position};
use crate::outbox::{self, EventKind};
use crate::store::{Archive, Result, StoreError, Tx};

const JOB: &str = "nightly";

const SELECT: &str = "SELECT id, job, as_of, started_at, finished_at, status, report FROM job_runs";

/// A run of the job for one tenant.
#[derive(Clone, Debug)]
pub struct Run {
    pub id: RunId,
    pub job: String,
    /// The instant that decides what is due and what is too old.
    pub as_of: DateTime<Utc>,
    pub started_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub status: RunStatus,
    pub report: Report,
}

impl Listed for Run {
    fn position(&self) -> Position {
        Position { at: self.started_at, id: self.id.0 }
    }
}

#[derive(sqlx::FromRow)]
struct RunRow {
    id: RunId,
    job: String,
    as_of: DateTime<Utc>,
    started_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    status: RunStatus,
    report: String,
}

impl TryFrom<RunRow> for Run {
    type Error = StoreError;

    fn try_from(row: RunRow) -> Result<Self> {
        let RunRow { id, job, as_of, started_at, finished_at, status, report } = row;
        let report =
            serde_json::from_str(&report).map_err(|_| StoreError::Inconsistent(format!("job_runs.report of {id}")))?;
        Ok(Self { id, job, as_of, started_at, finished_at, status, report })
    }
}

/// A page of the tenant's runs, newest first.
pub async fn list(tx: &mut Tx<Archive>, tenant: TenantId, after: Option<Position>, limit: u32) -> Result<Vec<Run>> {
    let mut query = tx.query(SELECT).with(" WHERE tenant_id = ", tenant);
    if let Some(Position { at, id }) = after {
        query = query.with(" AND (started_at, id) < (", at).with(", ", id).push(")");
    }
    let rows: Vec<RunRow> = query.with(" ORDER BY started_at DESC, id DESC LIMIT ", i64::from(limit)).all().await?;
    rows.into_iter().map(Run::try_from).collect()
}

pub async fn find(tx: &mut Tx<Archive>, tenant: TenantId, id: RunId) -> Result<Option<Run>> {
    let row: Option<RunRow> =
        tx.query(SELECT).with(" WHERE tenant_id = ", tenant).with(" AND id = ", id).maybe().await?;
    row.map(Run::try_from).transpose()
}

/// Whether the newest run of a tenant was killed, or is at work now.
pub async fn is_open(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<bool> {
    let newest: Option<(RunStatus,)> = tx
        .query("SELECT status FROM job_runs")
        .with(" WHERE tenant_id = ", tenant)
        .push(" ORDER BY started_at DESC, id DESC LIMIT 1")
        .maybe()
        .await?;
    Ok(newest.is_some_and(|(status,)| status == RunStatus::Running))
}

/// Records the beginning of a run. A run that is still `running` was killed, since this one has the lease. It is
/// recorded as failed.
pub async fn begin(tx: &mut Tx<Archive>, tenant: TenantId, as_of: DateTime<Utc>, now: DateTime<Utc>) -> Result<RunId> {
    let killed: Vec<(RunId,)> = tx
        .query("UPDATE job_runs SET status = 'failed'")
        .with(", finished_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND status = 'running' RETURNING id")
        .all()
        .await?;
    let events = killed.iter().map(|(id,)| json!({ "job_run_id": id, "error": "killed", "stopped_at": null }));
    outbox::publish(tx, tenant, EventKind::JobFailed, events, now).await?;
    let id = RunId::new();
    tx.query("INSERT INTO job_runs (tenant_id, id, job, as_of, started_at, status, report) VALUES (")
        .with("", tenant)
        .with(", ", id)
        .with(", ", JOB)
        .with(", ", as_of)
        .with(", ", now)
        .with(", ", RunStatus::Running)
        .with(", ", to_json(&Report::default())?)
        .push(")")
        .execute()
        .await?;
    Ok(id)
}

pub async fn end(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    id: RunId,
    status: RunStatus,
    report: &Report,
    now: DateTime<Utc>,
) -> Result<u64> {
    if status == RunStatus::Failed {
        let event = json!({ "job_run_id": id, "error": report.error, "stopped_at": report.stopped_at });
        outbox::publish(tx, tenant, EventKind::JobFailed, [event], now).await?;
    }
    tx.query("UPDATE job_runs SET")
        .with(" status = ", status)
        .with(", report = ", to_json(report)?)
        .with(", finished_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", id)
        .execute()
        .await
}

fn to_json(report: &Report) -> Result<String> {
    serde_json::to_string(report).map_err(|_| StoreError::Refused("report".to_owned()))
}
