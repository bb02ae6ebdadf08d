//! The endpoints of the job's runs.

use actix_web::get;
use actix_web::web::{Data, Json};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::job_runs;
use super::job_runs::Run;
use super::model::RunStatus;
use super::report::Report;
use crate::base::id::RunId;
use crate::base::page::{Page, Position};
use crate::http::caller::JobsRead;
use crate::http::docs::{CallProblems, ItemProblems, ListProblems};
use crate::http::path::Id;
use crate::http::query::{Limit, Nothing, Params};
use crate::http::{ApiResult, Caller, Code, Problem, Registry};
use crate::vault::AppContext;

type JobRunPage = Page<JobRun>;

pub fn routes(registry: &mut Registry<'_, '_>) {
    registry.service(list_job_runs).service(get_job_run);
}

/// A run of the nightly job for this tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f71", "job": "nightly", "as_of": "2026-08-04T00:00:00Z",
    "started_at": "2026-08-04T00:00:01Z", "finished_at": "2026-08-04T00:00:09Z", "status": "succeeded",
    "report": {
        "requests_done": 2, "requests_failed": 0, "requests_held": 0, "anonymized": {"archive": 12, "raw_data": 40}, "content_deleted": 7,
        "texts_anonymized": 2, "texts_reread": 0, "texts_failed": 0, "failed_texts": [], "content_expired": 0,
        "content_left": 0, "records_aged": 0, "records_deleted": 0, "ageing_failed": false, "objects_swept": 0, "keys_swept": 0, "rows_without_object": 0, "identifiers_deleted": 5,
        "orphans_found": 0, "resealed": 0, "key_versions_deleted": 0, "requests_purged": 1, "erasures_purged": 0, "requests_overdue": 0,
        "scan": {"rows": 1240, "bytes": 99200, "objects": 88, "residue": 0, "exposed": 0}, "resumed": false, "scrubbed": true, "error": null, "stopped_at": null
    }
}))]
pub struct JobRun {
    /// The id of the run.
    pub id: RunId,
    /// The name of the job.
    #[schema(example = "nightly")]
    pub job: String,
    /// The instant as of which requests were due.
    pub as_of: DateTime<Utc>,
    /// The time at which the run began.
    pub started_at: DateTime<Utc>,
    /// The time at which the run ended. It is null while the run works.
    #[schema(required)]
    pub finished_at: Option<DateTime<Utc>>,
    /// The status of the run.
    pub status: RunStatus,
    /// The report of the run.
    pub report: Report,
}

impl From<Run> for JobRun {
    fn from(run: Run) -> Self {
        let Run { id, job, as_of, started_at, finished_at, status, report } = run;
        Self { id, job, as_of, started_at, finished_at, status, report }
    }
}

/// Which page of the runs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunsQuery {
    /// The `next_cursor` of the previous page.
    #[param(format = "cursor")]
    cursor: Option<String>,
    /// The largest number of items in the page: 1 to 200. The default is 50.
    #[serde(default)]
    #[param(inline)]
    limit: Limit,
}

/// List the runs of the nightly job
///
/// The runs of the tenant, newest first.
///
/// This operation needs the scope `jobs:read`.
#[utoipa::path(tag = "operations", operation_id = "list_job_runs", security(("bearer" = ["jobs:read"])), params(RunsQuery),
    responses((status = 200, description = "A page of runs, newest first.", body = JobRunPage), CallProblems, ListProblems))]
#[get("/job-runs")]
pub async fn list_job_runs(
    caller: Caller<JobsRead>,
    query: Params<RunsQuery>,
    app: Data<AppContext>,
) -> ApiResult<Json<Page<JobRun>>> {
    let RunsQuery { cursor, limit } = query.0;
    let bound_to = [b"job-runs", &caller.tenant.0.as_bytes()[..]].concat();
    let key = app.service_key().await?;
    let after = cursor.map(|cursor| Position::from_cursor(&cursor, &key, &bound_to)).transpose();
    let after = after.map_err(|_| Problem::new(Code::CursorInvalid))?;
    let _memory = app.memory.page().await?;
    let mut tx = app.archive.read().await?;
    let runs = job_runs::list(&mut tx, caller.tenant, after, limit.get() + 1).await?;
    Ok(Json(Page::of(runs, limit.get(), &key, &bound_to).map(JobRun::from)))
}

/// Get a run of the nightly job
///
/// This operation needs the scope `jobs:read`.
#[utoipa::path(tag = "operations", operation_id = "get_job_run", security(("bearer" = ["jobs:read"])),
    params(("id" = Uuid, Path, description = "The id of the run.")),
    responses((status = 200, description = "The run with its report.", body = JobRun), CallProblems, ItemProblems))]
#[get("/job-runs/{id}")]
pub async fn get_job_run(
    caller: Caller<JobsRead>,
    id: Id<RunId>,
    _: Params<Nothing>,
    app: Data<AppContext>,
) -> ApiResult<Json<JobRun>> {
    let run = job_runs::find(&mut app.archive.read().await?, caller.tenant, id.0).await?;
    run.map(|run| Json(run.into())).ok_or_else(|| Problem::new(Code::NotFound))
}
