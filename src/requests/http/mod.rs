//! The endpoints of the Anonymize page.

mod body;

#[cfg(test)]
mod tests;

use actix_web::http::header::{HeaderName, LOCATION};
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, delete, get, patch, post};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Batch, Change, Filter, NewRequest, Read, Replayable, RequestError, Status};
use crate::base::id::RequestId;
use crate::base::page::Page;
use crate::http::caller::{RequestsRead, RequestsWrite};
use crate::http::docs::{BodyProblems, CallProblems, CreateProblems, ItemProblems, ListProblems, VersionProblems};
use crate::http::etag::{IfMatch, IfNoneMatch, etag};
use crate::http::json::{Body, MergePatch};
use crate::http::path::Id;
use crate::http::query::{Limit, Nothing, Params};
use crate::http::{ApiResult, Caller, Code, Problem, Registry};
use crate::idempotency::http::IdempotencyKey;
use crate::vault::AppContext;

use body::{AnonymizePreview, AnonymizeRequest, EnteredAnonymizeRequest, SavedAnonymizeRequests};

/// The routes of the Anonymize page.
pub fn routes(registry: &mut Registry<'_, '_>) {
    // What stands behind a word of its own comes before what stands behind an id.
    registry
        .service(save_anonymize_requests)
        .service(preview_anonymize_request)
        .service(list_anonymize_requests)
        .service(create_anonymize_request)
        .service(get_anonymize_request)
        .service(update_anonymize_request)
        .service(delete_anonymize_request);
}

/// Which requests a list has.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Listing {
    /// The status that the listed requests have.
    status: Option<Status>,
    /// The `next_cursor` of the page before.
    #[param(format = "cursor")]
    cursor: Option<String>,
    /// The largest number of items in the page.
    #[param(inline)]
    limit: Limit,
}

/// List anonymize requests
///
/// All requests of the tenant, newest first. Numbers and addresses are in clear while a request waits, and masked when
/// it is done. A page with values in clear writes one row into the audit log.
///
/// This needs the scope `requests:read`.
#[utoipa::path(tag = "requests", operation_id = "list_anonymize_requests",
    security(("bearer" = ["requests:read"])), params(Listing),
    responses((status = 200, description = "A page of requests, newest first.", body = Page<AnonymizeRequest>),
        CallProblems, ListProblems))]
#[get("/anonymize-requests")]
pub async fn list_anonymize_requests(
    caller: Caller<RequestsRead>,
    params: Params<Listing>,
    stores: Data<AppContext>,
) -> ApiResult<Json<Page<AnonymizeRequest>>> {
    let Listing { status, cursor, limit } = params.0;
    let page = super::list(&stores, &caller, &Filter { status, cursor, limit: limit.get() }).await?;
    Ok(Json(page.map(AnonymizeRequest::from)))
}

/// Enter an anonymize request
///
/// The first nightly pass after the last included day forgets the customer: every record with this number **or** this
/// address that started up to the end of that day, in the selected targets. The response shows the number in the form
/// in which it will match. The user's name comes from the token.
///
/// This needs the scope `requests:write`. A caller without `requests:read` sees only the values that this call enters
/// in clear.
#[utoipa::path(tag = "requests", operation_id = "create_anonymize_request",
    security(("bearer" = ["requests:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A key of 1 to 255 visible ASCII characters. \
                                                                       The same call with the same key within 24 \
                                                                       hours gets the same response.")),
    request_body = NewRequest,
    responses((status = 201, description = "The request, with the number in the form in which it will match.", body = EnteredAnonymizeRequest,
            headers(("Location" = String, description = "The path of the request."),
                ("ETag" = String, description = "The version of the request."),
                ("Idempotency-Replayed" = String, description = "`true` if an earlier call with this key has entered \
                                                                 the request."))),
        CallProblems, BodyProblems, CreateProblems))]
#[post("/anonymize-requests")]
pub async fn create_anonymize_request(
    caller: Caller<RequestsWrite>,
    _: Params<Nothing>,
    key: IdempotencyKey,
    request: HttpRequest,
    body: Body<NewRequest>,
    stores: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let Replayable { value, replayed } = super::create(&stores, &caller, &body.0, key.0.as_deref()).await?;
    let entered = EnteredAnonymizeRequest::from(value);
    let address = format!("{}/{}", request.path(), entered.request.id);
    let mut answer = HttpResponse::Created();
    answer.insert_header((LOCATION, address)).insert_header(etag(entered.request.version));
    Ok(replay(&mut answer, replayed).json(entered))
}

/// Get an anonymize request
///
/// The number, the address, and the comment are in clear while the request waits. Then the call writes a row into the
/// audit log. They are masked when the request is done.
///
/// This needs the scope `requests:read`.
#[utoipa::path(tag = "requests", operation_id = "get_anonymize_request",
    security(("bearer" = ["requests:read"])),
    params(("id" = Uuid, Path, description = "The id of the request.")),
    responses((status = 200, description = "The request.", body = AnonymizeRequest,
            headers(("ETag" = String, description = "The version of the request."))),
        (status = 304, description = "The caller already has this version."),
        CallProblems, ItemProblems))]
#[get("/anonymize-requests/{id}")]
pub async fn get_anonymize_request(
    caller: Caller<RequestsRead>,
    id: Id<RequestId>,
    _: Params<Nothing>,
    known: IfNoneMatch,
    stores: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    Ok(match super::find(&stores, &caller, id.0, |version| known.has(version)).await? {
        Read::Known(version) => HttpResponse::NotModified().insert_header(etag(version)).finish(),
        Read::RenderedRequest(shown) => {
            let request = AnonymizeRequest::from(*shown);
            HttpResponse::Ok().insert_header(etag(request.version)).json(request)
        }
    })
}

/// Change an anonymize request
///
/// A request can be changed while it waits and no pass has begun it. A field that is absent keeps its value. Null
/// clears a number, an address, or a comment. A change without an effect keeps the version. `to_date` is checked
/// against the day of entry.
///
/// This needs the scope `requests:write`. A caller without `requests:read` gets the number, the address, and the
/// comment masked.
#[utoipa::path(tag = "requests", operation_id = "update_anonymize_request",
    security(("bearer" = ["requests:write"])),
    params(("id" = Uuid, Path, description = "The id of the request."),
        ("If-Match" = String, Header, description = "The `ETag` of the last read, or `*` for any version.")),
    request_body(content((Change = "application/merge-patch+json"), (Change = "application/json"))),
    responses((status = 200, description = "The request after the change.", body = EnteredAnonymizeRequest,
            headers(("ETag" = String, description = "The version of the request."))),
        CallProblems, BodyProblems, ItemProblems, VersionProblems))]
#[patch("/anonymize-requests/{id}")]
pub async fn update_anonymize_request(
    caller: Caller<RequestsWrite>,
    id: Id<RequestId>,
    _: Params<Nothing>,
    if_match: IfMatch,
    patch: MergePatch,
    stores: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let condition = |version| meant(&if_match, version);
    let change: Change = match patch.read() {
        Ok(change) => change,
        Err(problem) => {
            super::check(&stores, &caller, id.0, &condition).await?;
            return Err(problem);
        }
    };
    let shown = super::change(&stores, &caller, id.0, &condition, &change).await?;
    let changed = EnteredAnonymizeRequest::from(shown);
    Ok(HttpResponse::Ok().insert_header(etag(changed.request.version)).json(changed))
}

/// Cancel an anonymize request
///
/// A request can be cancelled while it waits and no pass has begun it.
///
/// This needs the scope `requests:write`.
#[utoipa::path(tag = "requests", operation_id = "delete_anonymize_request",
    security(("bearer" = ["requests:write"])),
    params(("id" = Uuid, Path, description = "The id of the request."),
        ("If-Match" = String, Header, description = "The `ETag` of the last read, or `*` for any version.")),
    responses((status = 204, description = "The request is cancelled."), CallProblems, ItemProblems, VersionProblems))]
#[delete("/anonymize-requests/{id}")]
pub async fn delete_anonymize_request(
    caller: Caller<RequestsWrite>,
    id: Id<RequestId>,
    _: Params<Nothing>,
    if_match: IfMatch,
    stores: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    super::cancel(&stores, &caller, id.0, &|version| meant(&if_match, version)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Save anonymize requests
///
/// The rows that a page has to save: new rows, changed rows with the version that was read, and deleted rows. A batch
/// has at most 500 rows. All rows are saved, or none. Each invalid field of each row is reported with its pointer, such
/// as `/create/0/phone_number`. A row is also invalid if its request does not exist, has changed, has been begun, is
/// done, or is named twice. The codes are `not_found`, `version_stale`, `pass_started`, `state_conflict`, and
/// `duplicate`.
///
/// This needs the scope `requests:write`. A caller without `requests:read` sees only the values that this call enters
/// in clear.
#[utoipa::path(tag = "requests", operation_id = "save_anonymize_requests",
    security(("bearer" = ["requests:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A key of 1 to 255 visible ASCII characters. \
                                                                       The same call with the same key within 24 \
                                                                       hours gets the same response.")),
    request_body = Batch,
    responses((status = 200, description = "The saved requests, in the order of the rows.", body = SavedAnonymizeRequests,
            headers(("Idempotency-Replayed" = String, description = "`true` if an earlier call with this key has \
                                                                     saved the rows."))),
        CallProblems, BodyProblems, CreateProblems))]
#[post("/anonymize-requests/batch")]
pub async fn save_anonymize_requests(
    caller: Caller<RequestsWrite>,
    _: Params<Nothing>,
    key: IdempotencyKey,
    body: Body<Batch>,
    stores: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let Replayable { value, replayed } = super::save_batch(&stores, &caller, &body.0, key.0.as_deref()).await?;
    Ok(replay(&mut HttpResponse::Ok(), replayed).json(SavedAnonymizeRequests::from(value)))
}

/// Preview an anonymize request
///
/// The counts of the records that the request would make anonymous, by the selector of the pass. After the pass, nobody
/// can find these records by the customer's number or address. Nothing is entered or stored, and the audit log records
/// the call as a search. The warning `nothing_found` says that no record would match. `content_becomes_unfindable` says
/// that recordings and other content stay without their customer, and `content_will_be_deleted` that they are deleted.
/// Both count each kind.
///
/// This needs the scope `requests:write`.
#[utoipa::path(tag = "requests", operation_id = "preview_anonymize_request",
    security(("bearer" = ["requests:write"])), request_body = NewRequest,
    responses((status = 200, description = "The counts of records and content that the request would match.", body = AnonymizePreview),
        CallProblems, BodyProblems))]
#[post("/anonymize-requests/preview")]
pub async fn preview_anonymize_request(
    caller: Caller<RequestsWrite>,
    _: Params<Nothing>,
    body: Body<NewRequest>,
    stores: Data<AppContext>,
) -> ApiResult<Json<AnonymizePreview>> {
    Ok(Json(super::preview(&stores, &caller, &body.0).await?.into()))
}

/// Whether the version that is there is the one that the header means.
fn meant(if_match: &IfMatch, version: i64) -> Result<(), RequestError> {
    if_match.check(version).map_err(|problem| match problem.code() {
        Code::IfMatchRequired => RequestError::VersionMissing,
        _ => RequestError::Stale,
    })
}

fn replay(answer: &mut HttpResponseBuilder, replayed: bool) -> &mut HttpResponseBuilder {
    if replayed {
        answer.insert_header((HeaderName::from_static("idempotency-replayed"), "true"));
    }
    answer
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::NotFound => Self::new(Code::NotFound),
            RequestError::VersionMissing => {
                Self::new(Code::IfMatchRequired).detail("Send If-Match with the ETag of the last read.")
            }
            RequestError::Stale => Self::new(Code::VersionStale).detail(
                "The request has changed since it was read. Read it again, and send the change with the new ETag.",
            ),
            RequestError::PassStarted => Self::new(Code::PassStarted),
            RequestError::Done => {
                Self::new(Code::StateConflict).detail("The request is done, so it cannot be changed or cancelled.")
            }
            RequestError::Cancelled => Self::new(Code::StateConflict)
                .detail("The request that an earlier call with this key entered has been cancelled. Use a new key."),
            RequestError::Invalid(places) => Self::invalid(places),
            RequestError::InProgress => Self::new(Code::InProgress),
            RequestError::KeyReused => Self::new(Code::IdempotencyKeyReused),
            RequestError::Cursor(_) => Self::new(Code::CursorInvalid),
            RequestError::TenantUnknown => Self::new(Code::TenantUnknown),
            RequestError::Tenant(error) => error.into(),
            RequestError::Vault(error) => error.into(),
            RequestError::Store(error) => error.into(),
        }
    }
}
