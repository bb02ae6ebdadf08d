//! The endpoints of exports: a customer's copy of their data.

mod body;
mod problem;

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use actix_web::web::{Bytes, Data, Json};
use actix_web::{HttpResponse, get, post};
use futures_util::stream;
use serde_json::json;

use super::{Export, ExportError, NewExport, Ordered};
use crate::base::id::ExportId;
use crate::base::page::{Page, Position};
use crate::content::{ContentStore, Keyed, Once};
use crate::http::caller::{ExportsRead, ExportsWrite, RevealsApprove};
use crate::http::docs::{
    BodyProblems, CallProblems, DecisionProblems, ItemProblems, KeyedProblems, ListProblems, OpenProblems,
    StateProblems,
};
use crate::http::json::Body;
use crate::http::path::Id;
use crate::http::query::{Nothing, Params};
use crate::http::raw::Binary;
use crate::http::{ApiResult, Caller, Code, Problem, Registry};
use crate::idempotency::http::{IdempotencyHeader, mark};
use crate::idempotency::{self, Call, IdempotencyError};
use crate::vault::AppContext;

use body::{AccessExport, AccessExportListing, AccessExportTicket};

type AccessExportPage = Page<AccessExport>;

pub fn routes(registry: &mut Registry<'_, '_>) {
    // The path with a word comes before the paths with an id.
    registry
        .service(download_access_export)
        .service(create_access_export)
        .service(list_access_exports)
        .service(get_access_export)
        .service(approve_access_export)
        .service(deny_access_export)
        .service(create_access_export_ticket);
}

/// Order a customer's copy of their data
///
/// A copy has all records that an anonymize request for this number or address would select, with the texts and the
/// recordings of the customer's own interactions. Other people in it are `person-1`, `person-2`, and so on. Each
/// identifier needs an attestation. Unless the tenant's settings say otherwise, another user with the scope
/// `reveals:approve` must approve it. The copy can be downloaded for 7 days, and until the customer is forgotten.
///
/// The warning `several_names` says that the records may belong to several people. The warning `nothing_found` says that
/// the archive has no record of the customer.
///
/// This operation needs the scope `exports:write`.
#[utoipa::path(tag = "exports", operation_id = "create_access_export", security(("bearer" = ["exports:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A call with the same key within 24 hours returns \
                                                                        the same result. 1 to 255 visible ASCII \
                                                                        characters.")),
    request_body = NewExport,
    responses((status = 202, description = "The export that was ordered.", body = AccessExport,
            headers(("Location" = String, description = "The path of the export."),
                ("Idempotency-Replayed" = String, description = "`true` if an earlier call has ordered it."))),
        CallProblems, BodyProblems, KeyedProblems, StateProblems))]
#[post("/access-exports")]
pub async fn create_access_export(
    caller: Caller<ExportsWrite>,
    _: Params<Nothing>,
    key: IdempotencyHeader,
    body: Body<NewExport>,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let Some(key) = &key.0 else {
        return Ok(accepted(super::create(&app, &caller, &body.0, None).await?, false));
    };
    let body_value = json!(body.0);
    let key = idempotency::IdempotencyKey::new(&app.service_key().await?, &caller, "access-exports", key, &body_value);
    let once = match Once::begin::<Ordered>(&app, key.map_err(IdempotencyError::from)?).await? {
        Keyed::Again(Ordered { id }) => {
            let export = super::find(&app, caller.tenant, id).await.map_err(|error| match error {
                ExportError::NotFound => Problem::new(Code::StateConflict)
                    .detail("The export that the first call with this key ordered has ended. Use another key."),
                error => error.into(),
            })?;
            return Ok(accepted(export, true));
        }
        Keyed::New(once) => once,
    };
    let ordered = super::create(&app, &caller, &body.0, Some(&once)).await;
    if ordered.is_err() {
        once.release().await;
    }
    Ok(accepted(ordered?, false))
}

fn accepted(export: Export, is_replayed: bool) -> HttpResponse {
    let mut response = HttpResponse::Accepted();
    response.insert_header((LOCATION, format!("/api/v1/access-exports/{}", export.id)));
    mark(&mut response, is_replayed).json(AccessExport::from(export))
}

/// List exports
///
/// The exports that have not ended, newest first.
///
/// This operation needs the scope `exports:write` or `reveals:approve`.
#[utoipa::path(tag = "exports", operation_id = "list_access_exports",
    security(("bearer" = ["exports:write", "reveals:approve"])), params(AccessExportListing),
    responses((status = 200, description = "A page of exports, newest first.", body = AccessExportPage),
        CallProblems, ListProblems))]
#[get("/access-exports")]
pub async fn list_access_exports(
    caller: Caller<ExportsRead>,
    params: Params<AccessExportListing>,
    app: Data<AppContext>,
) -> ApiResult<Json<Page<AccessExport>>> {
    let AccessExportListing { status, cursor, limit } = params.0;
    let key = app.service_key().await?;
    let bound_to = [b"access-exports", &caller.tenant.0.as_bytes()[..], json!(status).to_string().as_bytes()].concat();
    let after = cursor.map(|cursor| Position::from_cursor(&cursor, &key, &bound_to)).transpose();
    let after = after.map_err(|_| Problem::new(Code::CursorInvalid))?;
    let _memory = app.memory.page().await?;
    let exports = super::list(&app, caller.tenant, status, after, limit.get() + 1).await?;
    Ok(Json(Page::of(exports, limit.get(), &key, &bound_to).map(AccessExport::from)))
}

/// Get an export
///
/// This operation needs the scope `exports:write` or `reveals:approve`.
#[utoipa::path(tag = "exports", operation_id = "get_access_export",
    security(("bearer" = ["exports:write", "reveals:approve"])),
    params(("id" = Uuid, Path, description = "The id of the export.")),
    responses((status = 200, description = "The export.", body = AccessExport), CallProblems, ItemProblems))]
#[get("/access-exports/{id}")]
pub async fn get_access_export(
    caller: Caller<ExportsRead>,
    id: Id<ExportId>,
    _: Params<Nothing>,
    app: Data<AppContext>,
) -> ApiResult<Json<AccessExport>> {
    Ok(Json(super::find(&app, caller.tenant, id.0).await?.into()))
}

/// Approve an export
///
/// The user who ordered the export cannot approve it. Such a call returns 403 `own_request`, and it is audited.
///
/// This operation needs the scope `reveals:approve`.
#[utoipa::path(tag = "exports", operation_id = "approve_access_export", security(("bearer" = ["reveals:approve"])),
    params(("id" = Uuid, Path, description = "The id of the export.")),
    responses((status = 200, description = "The export, which is ready.", body = AccessExport),
        CallProblems, ItemProblems, DecisionProblems))]
#[post("/access-exports/{id}/approve")]
pub async fn approve_access_export(
    caller: Caller<RevealsApprove>,
    id: Id<ExportId>,
    _: Params<Nothing>,
    app: Data<AppContext>,
) -> ApiResult<Json<AccessExport>> {
    Ok(Json(super::decide(&app, &caller, id.0, true).await?.into()))
}

/// Deny an export
///
/// The user who ordered the export cannot deny it.
///
/// This operation needs the scope `reveals:approve`.
#[utoipa::path(tag = "exports", operation_id = "deny_access_export", security(("bearer" = ["reveals:approve"])),
    params(("id" = Uuid, Path, description = "The id of the export.")),
    responses((status = 200, description = "The export, which is denied.", body = AccessExport),
        CallProblems, ItemProblems, DecisionProblems))]
#[post("/access-exports/{id}/deny")]
pub async fn deny_access_export(
    caller: Caller<RevealsApprove>,
    id: Id<ExportId>,
    _: Params<Nothing>,
    app: Data<AppContext>,
) -> ApiResult<Json<AccessExport>> {
    Ok(Json(super::decide(&app, &caller, id.0, false).await?.into()))
}

/// Create a temporary address of an export
///
/// The address downloads the copy once, within 60 seconds, and needs no token. If the export is not ready, the call
/// returns 409.
///
/// This operation needs the scope `exports:write`.
#[utoipa::path(tag = "exports", operation_id = "create_access_export_ticket", security(("bearer" = ["exports:write"])),
    params(("id" = Uuid, Path, description = "The id of the export."),
        ("Idempotency-Key" = Option<String>, Header, description = "A call with the same key within 24 hours makes no \
                                                                    second address. 1 to 255 visible ASCII characters.")),
    responses((status = 201, description = "The address.", body = AccessExportTicket,
            headers(("Idempotency-Replayed" = String, description = "`true` if an earlier call has shown it."))),
        CallProblems, ItemProblems, KeyedProblems, StateProblems))]
#[post("/access-exports/{id}/ticket")]
pub async fn create_access_export_ticket(
    caller: Caller<ExportsWrite>,
    id: Id<ExportId>,
    _: Params<Nothing>,
    key: IdempotencyHeader,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let key = match &key.0 {
        None => None,
        Some(key) => {
            let service = app.service_key().await?;
            let key = idempotency::IdempotencyKey::new(&service, &caller, "access-export-tickets", key, &id.0);
            Some(key.map_err(IdempotencyError::from)?)
        }
    };
    let mut response = HttpResponse::Created();
    let (url, expires_at) = match super::issue_ticket(&app, &caller, id.0, key).await? {
        Call::Made((text, expires_at)) => (Some(format!("/api/v1/access-exports/tickets/{text}")), expires_at),
        Call::Replayed(expires_at) => {
            mark(&mut response, true);
            (None, expires_at)
        }
    };
    Ok(response.json(AccessExportTicket { url, expires_at }))
}

/// Download an export by its temporary address
///
/// A ZIP file with `index.html`, `data.json` and its schema, CSV files, texts, recordings, `processing.json`, and the
/// signed `manifest.json`. It is made while it is downloaded. The download is audited under the name of the user who
/// made the address. For an address that was used, has ended, or never existed, the call returns 404. If the customer
/// is forgotten during the download, the response breaks off, and the file does not open.
///
/// This operation needs no token and no scope.
#[utoipa::path(tag = "exports", operation_id = "download_access_export", security(()),
    params(("ticket" = String, Path, description = "The ticket from the temporary address.")),
    responses((status = 200, description = "The ZIP file.", body = Binary, content_type = "application/zip"),
        OpenProblems, ItemProblems))]
#[get("/access-exports/tickets/{ticket}")]
pub async fn download_access_export(
    ticket: actix_web::web::Path<String>,
    _: Params<Nothing>,
    app: Data<AppContext>,
    content_store: Data<ContentStore>,
) -> ApiResult<HttpResponse> {
    let (app, content_store): (Arc<_>, Arc<_>) = (app.into_inner(), content_store.into_inner());
    let super::Download { id, pieces } = super::redeem(&app, &content_store, &ticket).await?;
    let pieces = stream::unfold(pieces, |mut pieces| async {
        let piece = pieces.recv().await?;
        Some((piece.map(Bytes::from), pieces))
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/zip"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{id}.zip\"")))
        .insert_header((CONTENT_ENCODING, "identity"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(pieces))
}
