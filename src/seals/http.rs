//! The endpoints of the sealed audit log.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpResponse, get};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{AuditExport, SealError};
use crate::http::caller::AuditRead;
use crate::http::docs::{CallProblems, ItemProblems};
use crate::http::query::{Nothing, Params};
use crate::http::{ApiResult, Caller, Code, Problem, Registry};
use crate::vault::AppContext;

/// The routes of the sealed audit log.
pub fn routes(registry: &mut Registry<'_, '_>) {
    registry.service(get_audit_checkpoint).service(export_audit_events);
}

/// Get the checkpoint of the audit log
///
/// The newest signed checkpoint of the tenant's audit log: a signed note with the origin, the number of rows, and the
/// root of their Merkle tree (RFC 6962). `lethe audit key` shows the key that verifies it. Until the first seal, the
/// call returns 404.
///
/// This operation needs the scope `audit:read`.
#[utoipa::path(tag = "operations", operation_id = "get_audit_checkpoint", security(("bearer" = ["audit:read"])),
    responses((status = 200, description = "The signed note.", body = String, content_type = "text/plain",
        example = json!("lethe/0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f61/audit\n12\n…\n\n— lethe/0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f61/audit …\n")),
        CallProblems, ItemProblems))]
#[get("/audit-events/checkpoint")]
pub async fn get_audit_checkpoint(
    caller: Caller<AuditRead>,
    _: Params<Nothing>,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let note = super::checkpoint(&app, caller.tenant).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/plain; charset=utf-8")).body(note))
}

/// The query of an export of the audit log.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// The earliest time, included.
    from: Option<DateTime<Utc>>,
    /// The latest time, excluded.
    to: Option<DateTime<Utc>>,
}

/// Export the audit log
///
/// The sealed rows of a span of time, in the order of `seq`. Each line has the row's fields, and the `leaf` of the Merkle
/// tree that they belong to, in base64. The last line has the signed checkpoint: `{"checkpoint": "…"}`. An export begins
/// and ends at seals, so it may have some rows before `from` and after `to`. If it does not begin with the first row, the
/// last line also has the tree before it. `lethe audit verify --export` verifies the file without a database.
///
/// Rows that are older than the setting `audit.keep_days` are deleted. Then an export begins with the first row after
/// them.
///
/// The ids of records are not in an export. It has the digests that commit to them.
///
/// This operation needs the scope `audit:read`.
#[utoipa::path(tag = "operations", operation_id = "export_audit_events", security(("bearer" = ["audit:read"])),
    params(ExportQuery),
    responses((status = 200, description = "The rows, one on each line, and the checkpoint.", body = String,
        content_type = "application/x-ndjson",
        example = json!("{\"seq\":1,\"leaf\":\"AAAADWxldGhlL2F1ZGl0LzE…\",\"leaf_hash\":\"…\",\"id\":\"0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f61\",…}\n{\"checkpoint\":\"lethe/0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f61/audit\\n1\\n…\"}\n")),
        CallProblems))]
#[get("/audit-events/export")]
pub async fn export_audit_events(
    caller: Caller<AuditRead>,
    query: Params<ExportQuery>,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let ExportQuery { from, to } = query.0;
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(Problem::new(Code::ValidationFailed).parameter("to", "out_of_range", "must be after from"));
    }
    let export = AuditExport::begin(&app, caller.tenant, from, to).await?;
    let lines = futures_util::stream::try_unfold((export, app), |(mut export, app)| async move {
        let lines = export.next(&app).await.inspect_err(|error| {
            tracing::error!(%error, "Sending an export of the audit log failed before its end");
        })?;
        Ok::<_, SealError>(lines.map(|lines| (Bytes::from(lines), (export, app))))
    });
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/x-ndjson")).streaming(Box::pin(lines)))
}

impl From<SealError> for Problem {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Store(error) => error.into(),
            SealError::Vault(error) => error.into(),
            SealError::Journal(error) => error.into(),
            SealError::Tenant(error) => error.into(),
            SealError::Line(_) | SealError::Forked(_) | SealError::EndMissing(_) | SealError::Purged => {
                Self::internal(error)
            }
        }
    }
}
