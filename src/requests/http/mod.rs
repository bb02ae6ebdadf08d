//! The endpoints of the Anonymize page.

mod body;
mod holds;
mod spreadsheet;

#[cfg(test)]
mod tests;

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    ChecklistItem, ChecklistPatch, NewRequest, Read, RequestBatch, RequestError, RequestFilter, RequestPatch,
    RequestSort, Status,
};
use crate::base::actor::{Actor, Scope};
use crate::base::id::RequestId;
use crate::base::page::Page;
use crate::http::accept::Preferred;
use crate::http::caller::{RequestsRead, RequestsWrite, forbidden};
use crate::http::docs::{
    BodyProblems, CallProblems, CreateProblems, ItemProblems, ListProblems, VersionProblems, WaitingProblems,
};
use crate::http::etag::{IfMatch, IfNoneMatch, not_modified, versioned};
use crate::http::json::{Body, MergePatch};
use crate::http::path::Id;
use crate::http::query::{Limit, Nothing, Params};
use crate::http::{ApiResult, Caller, Code, Problem, Registry};
use crate::idempotency::Replayable;
use crate::idempotency::http::{IdempotencyHeader, created, mark};
use crate::vault::AppContext;

use body::{AnonymizePreview, AnonymizeRequest, EnteredAnonymizeRequest, SavedAnonymizeRequests};

type AnonymizeRequestPage = Page<AnonymizeRequest>;

/// The routes of the Anonymize page.
pub fn routes(registry: &mut Registry<'_, '_>) {
    // Paths with a word come before paths with an id.
    registry
        .service(save_anonymize_requests)
        .service(spreadsheet::import_anonymize_requests)
        .service(preview_anonymize_request)
        .service(list_anonymize_requests)
        .service(create_anonymize_request)
        .service(get_anonymize_request)
        .service(update_anonymize_request)
        .service(delete_anonymize_request)
        .service(change_checklist_item);
    holds::routes(registry);
}

/// The selection of a list.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RequestListing {
    /// Only requests that wait, or only requests that are done.
    status: Option<Status>,
    /// Whether the request waits although its deadline is over.
    overdue: Option<bool>,
    /// The earliest time of entry, included.
    from: Option<DateTime<Utc>>,
    /// The latest time of entry, excluded.
    to: Option<DateTime<Utc>>,
    /// The name of the user who entered the request, exactly.
    #[param(max_length = 255)]
    user: Option<String>,
    /// The earliest time of the last change, included.
    updated_since: Option<DateTime<Utc>>,
    /// `created_at`: the newest request comes first, which is the default. `deadline_on`: the earliest deadline comes first.
    #[param(inline, required = false)]
    sort: RequestSort,
    /// The reference, exactly. A number or an address is refused, because no identifier may be in a URL.
    #[param(max_length = 100)]
    reference: Option<String>,
    /// The `next_cursor` of the previous page.
    #[param(format = "cursor")]
    cursor: Option<String>,
    /// The most items of the page.
    #[param(inline)]
    limit: Limit,
}

impl RequestListing {
    fn filter(self) -> RequestFilter {
        let Self { status, overdue, from, to, user, updated_since, sort, reference, cursor, limit } = self;
        let limit = limit.get();
        RequestFilter { status, overdue, from, to, user, reference, updated_since, sort, cursor, limit }
    }
}

/// List anonymize requests
///
/// The requests of the tenant that meet all conditions. Numbers and addresses are in clear while a request waits, and masked when it
/// is done. A page with an identifier in clear writes one row into the audit log.
///
/// With `Accept: text/csv` the response has all pages as CSV, from `cursor` on, whatever the limit. A cell that begins with
/// `=`, `+`, `-`, or `@` has a quote before it, so that no spreadsheet takes it for a formula.
///
/// This operation needs the scope `requests:read`.
#[utoipa::path(tag = "requests", operation_id = "list_anonymize_requests",
    security(("bearer" = ["requests:read"])), params(RequestListing),
    responses((status = 200, description = "A page of requests, or all of them as CSV.",
            content((AnonymizeRequestPage = "application/json"), (String = "text/csv",
                example = json!("id,status,phone_number,email\n0198a3c5-7d2e-7c3a-9b1f-2f6d8e4a5b6c,done,*****7,\n")))),
        CallProblems, ListProblems))]
#[get("/anonymize-requests")]
pub async fn list_anonymize_requests(
    caller: Caller<RequestsRead>,
    params: Params<RequestListing>,
    preferred: Preferred,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let filter = params.0.filter();
    if preferred == Preferred::Csv {
        return spreadsheet::csv_list(app, Actor::clone(&caller), filter).await;
    }
    let _memory = app.memory.page().await?;
    let page = super::list(&app, &caller, &filter).await?;
    Ok(HttpResponse::Ok().json(page.map(AnonymizeRequest::from)))
}

/// Enter an anonymize request
///
/// The next nightly job after the last included day forgets the customer. It makes all records anonymous that have this
/// number **or** this address and began before the end of that day, in the targets of the request. A customer without
/// either is named by the ids of their interactions. The response has the number in the form in which it will match. The user's name is the name in the token.
///
/// This operation needs the scope `requests:write`. A caller without `requests:read` sees only this call's request in
/// clear.
#[utoipa::path(tag = "requests", operation_id = "create_anonymize_request",
    security(("bearer" = ["requests:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A call with the same key within 24 hours returns the same result. 1 to 255 visible ASCII characters.")),
    request_body = NewRequest,
    responses((status = 201, description = "The request in the form in which it will match.", body = EnteredAnonymizeRequest,
            headers(("Location" = String, description = "The request's address."),
                ("ETag" = String, description = "The request's version."),
                ("Idempotency-Replayed" = String, description = "`true` if an earlier call has entered it."))),
        CallProblems, BodyProblems, CreateProblems))]
#[post("/anonymize-requests")]
pub async fn create_anonymize_request(
    caller: Caller<RequestsWrite>,
    _: Params<Nothing>,
    key: IdempotencyHeader,
    request: HttpRequest,
    body: Body<NewRequest>,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    check_preview(&caller, std::slice::from_ref(&body.0))?;
    let Replayable { value, replayed } = super::create(&app, &caller, &body.0, key.0.as_deref()).await?;
    let entered = EnteredAnonymizeRequest::from(value);
    Ok(created(&request, (entered.request.id, entered.request.version), replayed, entered))
}

/// Get an anonymize request
///
/// Number, address, and comment are in clear while the request waits, and masked when it is done. A response in clear
/// writes a row into the audit log.
///
/// This operation needs the scope `requests:read`.
#[utoipa::path(tag = "requests", operation_id = "get_anonymize_request",
    security(("bearer" = ["requests:read"])),
    params(("id" = Uuid, Path, description = "The request's id.")),
    responses((status = 200, description = "The request.", body = AnonymizeRequest,
            headers(("ETag" = String, description = "The request's version."))),
        (status = 304, description = "The caller has this version."),
        CallProblems, ItemProblems))]
#[get("/anonymize-requests/{id}")]
pub async fn get_anonymize_request(
    caller: Caller<RequestsRead>,
    id: Id<RequestId>,
    _: Params<Nothing>,
    known: IfNoneMatch,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    Ok(match super::find(&app, &caller, id.0, &known.0).await? {
        Read::Known(version) => not_modified(version),
        Read::Rendered(rendered) => {
            let request = AnonymizeRequest::from(*rendered);
            versioned(request.version, request)
        }
    })
}

/// Change an anonymize request
///
/// A request can be changed while it waits and no pass has begun it. An absent field stays. Null clears `phone_number`,
/// `email`, `interaction_ids`, `comment`, `reference`, `extended_to`, `extension_reason`, and `attestation`. A change of
/// nothing keeps the version. `application/json` is accepted as the media type too. *To date* cannot be after the day of
/// entry.
///
/// This operation needs the scope `requests:write`. A caller without `requests:read` gets number, address, comment, and the
/// user's name masked. For that caller, the reference, the attestation, the reason of an extension, and the notes of the
/// checklist are null.
#[utoipa::path(tag = "requests", operation_id = "update_anonymize_request",
    security(("bearer" = ["requests:write"])),
    params(("id" = Uuid, Path, description = "The request's id."),
        ("If-Match" = String, Header, description = "The `ETag` of the last read, or `*`.")),
    request_body(content = RequestPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The request as it is now.", body = EnteredAnonymizeRequest,
            headers(("ETag" = String, description = "The request's version."))),
        CallProblems, BodyProblems, ItemProblems, VersionProblems, WaitingProblems))]
#[patch("/anonymize-requests/{id}")]
pub async fn update_anonymize_request(
    caller: Caller<RequestsWrite>,
    id: Id<RequestId>,
    _: Params<Nothing>,
    if_match: IfMatch,
    patch: MergePatch,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let patch: RequestPatch = match patch.read() {
        Ok(patch) => patch,
        Err(problem) => {
            super::check(&app, &caller, id.0, &if_match.0).await?;
            return Err(problem);
        }
    };
    let changed = EnteredAnonymizeRequest::from(super::change(&app, &caller, id.0, &if_match.0, &patch).await?);
    Ok(versioned(changed.request.version, changed))
}

/// Cancel an anonymize request
///
/// A request can be cancelled while it waits and no pass has begun it.
///
/// This operation needs the scope `requests:write`.
#[utoipa::path(tag = "requests", operation_id = "delete_anonymize_request",
    security(("bearer" = ["requests:write"])),
    params(("id" = Uuid, Path, description = "The request's id."),
        ("If-Match" = String, Header, description = "The `ETag` of the last read, or `*`.")),
    responses((status = 204, description = "The request is deleted."),
        CallProblems, ItemProblems, VersionProblems, WaitingProblems))]
#[delete("/anonymize-requests/{id}")]
pub async fn delete_anonymize_request(
    caller: Caller<RequestsWrite>,
    id: Id<RequestId>,
    _: Params<Nothing>,
    if_match: IfMatch,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    super::cancel(&app, &caller, id.0, &if_match.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Change an item of a checklist
///
/// The people of a system outside of this one say that the customer is forgotten there. This works while the request waits
/// and when it is done. The response is the item. The `ETag` is the version of the request, which grows with the change.
///
/// This operation needs the scope `requests:write`.
#[utoipa::path(tag = "requests", operation_id = "change_anonymize_request_checklist",
    security(("bearer" = ["requests:write"])),
    params(("id" = Uuid, Path, description = "The request's id."),
        ("system" = String, Path, description = "The name of the system."),
        ("If-Match" = String, Header, description = "The `ETag` of the last read, or `*`.")),
    request_body(content = ChecklistPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The item as it is now.", body = ChecklistItem,
            headers(("ETag" = String, description = "The request's version."))),
        CallProblems, BodyProblems, ItemProblems, VersionProblems))]
#[patch("/anonymize-requests/{id}/checklist/{system}")]
pub async fn change_checklist_item(
    caller: Caller<RequestsWrite>,
    id: Id<RequestId>,
    _: Params<Nothing>,
    if_match: IfMatch,
    request: HttpRequest,
    patch: MergePatch,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let item = (id.0, request.match_info().get("system").unwrap_or_default());
    let patch: ChecklistPatch = match patch.read() {
        Ok(patch) => patch,
        Err(problem) => {
            super::check_item(&app, &caller, item, &if_match.0).await?;
            return Err(problem);
        }
    };
    let (item, version) = super::change_item(&app, &caller, item, &if_match.0, &patch).await?;
    Ok(versioned(version, item))
}

/// Save anonymize requests
///
/// Saves new rows, changed rows, and deleted rows, at most 500 in all. Changed and deleted rows have the version that the
/// caller read. All rows are saved or none. Each error has its pointer, such as `/create/0/phone_number`. The codes
/// `not_found`, `version_stale`, `pass_started`, `state_conflict`, and `duplicate` say that a row's request does not exist,
/// is another version, was begun by a pass, is done, or is named by two rows.
///
/// This operation needs the scope `requests:write`. A caller without `requests:read` sees only this call's new requests
/// in clear.
#[utoipa::path(tag = "requests", operation_id = "save_anonymize_requests",
    security(("bearer" = ["requests:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A call with the same key within 24 hours returns the same result. 1 to 255 visible ASCII characters.")),
    request_body = RequestBatch,
    responses((status = 200, description = "The saved requests, in the order of the rows.", body = SavedAnonymizeRequests,
            headers(("Idempotency-Replayed" = String, description = "`true` if an earlier call has saved it."))),
        CallProblems, BodyProblems, CreateProblems))]
#[post("/anonymize-requests/batch")]
pub async fn save_anonymize_requests(
    caller: Caller<RequestsWrite>,
    _: Params<Nothing>,
    key: IdempotencyHeader,
    body: Body<RequestBatch>,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    check_preview(&caller, &body.0.create)?;
    let Replayable { value, replayed } = super::save_batch(&app, &caller, &body.0, key.0.as_deref()).await?;
    Ok(mark(&mut HttpResponse::Ok(), replayed).json(SavedAnonymizeRequests::from(value)))
}

/// Preview an anonymize request
///
/// Counts the records that the request would make anonymous, by the selector of the pass. After the pass, nobody can find
/// these records by the customer. The preview stores nothing about the customer, and the audit log notes it as a search.
/// The warning `nothing_found` says that no record matches. The warning `content_becomes_unfindable` says that recordings,
/// texts, and other content stay without their customer. The warning `content_will_be_deleted` says that they are deleted.
/// Both count the content of each kind.
///
/// This operation needs the scopes `requests:write` and `archive:identify`.
#[utoipa::path(tag = "requests", operation_id = "preview_anonymize_request",
    security(("bearer" = ["requests:write"])), request_body = NewRequest,
    responses((status = 200, description = "The matches of the request.", body = AnonymizePreview),
        CallProblems, BodyProblems))]
#[post("/anonymize-requests/preview")]
pub async fn preview_anonymize_request(
    caller: Caller<RequestsWrite>,
    _: Params<Nothing>,
    body: Body<NewRequest>,
    app: Data<AppContext>,
) -> ApiResult<Json<AnonymizePreview>> {
    if !caller.may(Scope::ArchiveIdentify) {
        return Err(forbidden(&[Scope::ArchiveIdentify], "to preview a request"));
    }
    Ok(Json(super::preview(&app, &caller, &body.0).await?.into()))
}

/// Checks that the caller may count the matches of new requests.
fn check_preview(actor: &Actor, new: &[NewRequest]) -> ApiResult<()> {
    if new.iter().any(|one| one.preview) && !actor.may(Scope::ArchiveIdentify) {
        return Err(forbidden(&[Scope::ArchiveIdentify], "for a preview"));
    }
    Ok(())
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::NotFound => Self::new(Code::NotFound),
            RequestError::Version(error) => error.into(),
            RequestError::PassStarted => Self::new(Code::PassStarted),
            RequestError::HoldTooLate => Self::new(Code::PassStarted).detail(
                "A pass has begun a request that selects these records, so the hold was not placed. Place it when the \
                 pass has ended.",
            ),
            RequestError::Released => {
                Self::new(Code::StateConflict).detail("The hold was released before. Read it again.")
            }
            RequestError::Done => {
                Self::new(Code::StateConflict).detail("The request is done, so it cannot be changed.")
            }
            RequestError::Cancelled => Self::new(Code::StateConflict)
                .detail("The request that the first call with this key entered was cancelled. Use another key."),
            RequestError::Invalid(places) => Self::invalid(places),
            RequestError::InProgress => Self::new(Code::InProgress),
            RequestError::KeyReused => Self::new(Code::IdempotencyKeyReused),
            RequestError::Cursor(_) => Self::new(Code::CursorInvalid),
            RequestError::Tenant(error) => error.into(),
            RequestError::Memory(error) => error.into(),
            RequestError::Vault(error) => error.into(),
            RequestError::Journal(error) => error.into(),
            RequestError::Store(error) => error.into(),
        }
    }
}
