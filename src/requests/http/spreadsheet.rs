//! Requests as spreadsheets, in and out.

use actix_web::web::{Bytes, Data};
use actix_web::{HttpResponse, post};
use futures_util::stream::{self, StreamExt as _};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::base::actor::Actor;
use crate::http::caller::RequestsWrite;
use crate::http::docs::{CallProblems, KeyedProblems, SpreadsheetProblems};
use crate::http::json::Csv;
use crate::http::query::Params;
use crate::http::{ApiResult, Caller, Code, Problem};
use crate::idempotency::Replayable;
use crate::idempotency::http::{IdempotencyHeader, mark};
use crate::requests::{
    ImportRows, Imported, LONGEST_IMPORT, RequestError, RequestFilter, dry_run, export_page, import,
};
use crate::vault::AppContext;

const CSV: &str = "text/csv; charset=utf-8";

/// The list as a stream of CSV. The first part is made before the response begins, so that its problems have a status.
pub async fn csv_list(app: Data<AppContext>, actor: Actor, filter: RequestFilter) -> ApiResult<HttpResponse> {
    let (first, next) = export_page(&app, &actor, &filter, true).await?;
    let rest = stream::try_unfold((app, actor, filter, next), |(app, actor, mut filter, next)| async move {
        if next.is_none() {
            return Ok(None);
        }
        filter.cursor = next;
        let (part, next) = export_page(&app, &actor, &filter, false).await.inspect_err(|error| {
            tracing::error!(%error, "Sending a list of requests as CSV failed before its end");
        })?;
        Ok::<_, RequestError>(Some((Bytes::from(part), (app, actor, filter, next))))
    });
    let parts = stream::once(std::future::ready(Ok(Bytes::from(first)))).chain(rest);
    Ok(HttpResponse::Ok().content_type(CSV).streaming(parts))
}

/// The way of an import.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportParams {
    /// Whether the rows are only validated and counted. The default is `false`.
    #[param(required = false)]
    dry_run: bool,
}

/// Import anonymize requests
///
/// Enters the requests of a spreadsheet: CSV in UTF-8 with commas or semicolons, at most 5,000 rows and 2 MB. All rows are
/// entered or none. The header names the columns like the fields of a request: `phone_number`, `email`,
/// `interaction_ids`, `to_date`, `comment`, `reference`, `targets`, `delete_content`, `received_on`, `extended_to`,
/// `extension_reason`, `attestation_method`, `attestation_by`, `attestation_on`, and `attestation_representative`. Targets
/// and interactions are separated by `|`, and an empty cell is an absent field. Each error has the line and the column. A
/// dry run validates and counts the rows, and returns 200.
///
/// This operation needs the scope `requests:write`.
#[utoipa::path(tag = "requests", operation_id = "import_anonymize_requests",
    security(("bearer" = ["requests:write"])),
    params(ImportParams, ("Idempotency-Key" = Option<String>, Header, description = "A call with the same key within 24 hours returns the same result. 1 to 255 visible ASCII characters.")),
    request_body(content = String, content_type = "text/csv", description = "A spreadsheet. The header is line 1.",
        example = "phone_number,to_date,targets\n98765432,2026-08-03,archive|raw_data\n"),
    responses((status = 200, description = "The outcome of a dry run.", body = Imported),
        (status = 201, description = "The requests that were entered.", body = Imported,
            headers(("Idempotency-Replayed" = String, description = "`true` if an earlier call has entered them."))),
        CallProblems, SpreadsheetProblems, KeyedProblems))]
#[post("/anonymize-requests/import")]
pub async fn import_anonymize_requests(
    caller: Caller<RequestsWrite>,
    params: Params<ImportParams>,
    key: IdempotencyHeader,
    body: Csv,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    if body.0.len() > LONGEST_IMPORT {
        return Err(Problem::new(Code::TooLarge).detail("Send at most 2 MB."));
    }
    let rows = ImportRows::read(body.0.to_vec()).await?;
    if params.0.dry_run {
        return Ok(HttpResponse::Ok().json(dry_run(&app, &caller, &rows).await?));
    }
    let Replayable { value, replayed } = import(&app, &caller, &rows, key.0.as_deref()).await?;
    Ok(mark(&mut HttpResponse::Created(), replayed).json(value))
}
