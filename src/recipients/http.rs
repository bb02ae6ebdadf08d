//! The endpoints of recipients.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse, delete, get, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Client, ExternalIds, NewRecipient, Recipient, RecipientError, RecipientFilter, RecordIds, TimeGrain};
use crate::base::id::RecipientId;
use crate::base::page::Page;
use crate::http::caller::PoliciesAdmin;
use crate::http::docs::{
    BodyProblems, CallProblems, CreateProblems, ItemProblems, ListProblems, StaleProblems, StateProblems,
};
use crate::http::etag::{IfMatch, IfNoneMatch, not_modified, versioned};
use crate::http::json::Body;
use crate::http::path::Id;
use crate::http::query::{Limit, Nothing, Params};
use crate::http::{ApiResult, Caller, Code, Problem, Registry};
use crate::idempotency::Replayable;
use crate::idempotency::http::{IdempotencyHeader, created};
use crate::vault::AppContext;

type RecipientPage = Page<RecipientItem>;

pub fn routes(registry: &mut Registry<'_, '_>) {
    registry
        .service(list_recipients)
        .service(create_recipient)
        .service(get_recipient)
        .service(delete_recipient)
        .service(rotate_recipient);
}

/// A recipient: clients that see tokens of their own.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Recipient, example = json!({
    "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f81", "name": "crm",
    "clients": [{"issuer": "https://id.example", "client_id": "crm-app"}], "record_ids": "own", "time": "hour",
    "external_ids": "hidden", "created_at": "2026-08-03T12:00:00Z", "rotated_at": "2026-08-03T12:00:00Z", "version": 1
}))]
pub struct RecipientItem {
    /// The id of the recipient.
    pub id: RecipientId,
    /// The name of the recipient.
    pub name: String,
    /// The clients whose callers see the tokens of the recipient.
    pub clients: Vec<Client>,
    /// The ids of records that the recipient sees.
    pub record_ids: RecordIds,
    /// The grain of the times that the recipient sees.
    pub time: TimeGrain,
    /// Whether the recipient sees external ids.
    pub external_ids: ExternalIds,
    /// The time at which the recipient was created.
    pub created_at: DateTime<Utc>,
    /// The time of the last rotation.
    pub rotated_at: DateTime<Utc>,
    /// The version, which is also the `ETag`.
    pub version: i64,
}

impl From<Recipient> for RecipientItem {
    fn from(recipient: Recipient) -> Self {
        let Recipient {
            id,
            name,
            clients,
            record_ids,
            time,
            external_ids,
            key_version: _,
            created_at,
            rotated_at,
            version,
        } = recipient;
        Self { id, name, clients, record_ids, time, external_ids, created_at, rotated_at, version }
    }
}

/// The selection of a list.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RecipientListing {
    /// The `next_cursor` of the previous page.
    #[param(format = "cursor")]
    cursor: Option<String>,
    /// The largest number of items in the page.
    #[param(inline)]
    limit: Limit,
}

/// List recipients
///
/// All recipients of the tenant, newest first.
///
/// This operation needs the scope `policies:admin`.
#[utoipa::path(tag = "recipients", operation_id = "list_recipients", security(("bearer" = ["policies:admin"])),
    params(RecipientListing),
    responses((status = 200, description = "A page of recipients.", body = RecipientPage), CallProblems, ListProblems))]
#[get("/recipients")]
pub async fn list_recipients(
    caller: Caller<PoliciesAdmin>,
    params: Params<RecipientListing>,
    app: Data<AppContext>,
) -> ApiResult<Json<Page<RecipientItem>>> {
    let RecipientListing { cursor, limit } = params.0;
    let filter = RecipientFilter { cursor, limit: limit.get() };
    let _memory = app.memory.page().await?;
    Ok(Json(super::list(&app, &caller, &filter).await?.map(RecipientItem::from)))
}

/// Create a recipient
///
/// Callers whose token names one of the clients then see and search with tokens that no other recipient has, and they
/// have no identified view. Once a tenant has recipients, a program whose client belongs to none of them can send data,
/// but it cannot read. If another recipient has the name or one of the clients, the call returns 409 `state_conflict`.
///
/// This operation needs the scope `policies:admin`.
#[utoipa::path(tag = "recipients", operation_id = "create_recipient", security(("bearer" = ["policies:admin"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A call with the same key within 24 hours returns the same result. 1 to 255 visible ASCII characters.")),
    request_body = NewRecipient,
    responses((status = 201, description = "The recipient.", body = RecipientItem,
            headers(("Location" = String, description = "The address of the recipient."),
                ("ETag" = String, description = "The version of the recipient."),
                ("Idempotency-Replayed" = String, description = "`true` if an earlier call has created it."))),
        CallProblems, BodyProblems, CreateProblems))]
#[post("/recipients")]
pub async fn create_recipient(
    caller: Caller<PoliciesAdmin>,
    _: Params<Nothing>,
    key: IdempotencyHeader,
    request: HttpRequest,
    body: Body<NewRecipient>,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let Replayable { value, replayed } = super::create(&app, &caller, &body.0, key.0.as_deref()).await?;
    Ok(created(&request, (value.id, value.version), replayed, RecipientItem::from(value)))
}

/// Get a recipient
///
/// This operation needs the scope `policies:admin`.
#[utoipa::path(tag = "recipients", operation_id = "get_recipient", security(("bearer" = ["policies:admin"])),
    params(("id" = Uuid, Path, description = "The id of the recipient.")),
    responses((status = 200, description = "The recipient.", body = RecipientItem,
            headers(("ETag" = String, description = "The version of the recipient."))),
        (status = 304, description = "The caller has this version."), CallProblems, ItemProblems))]
#[get("/recipients/{id}")]
pub async fn get_recipient(
    caller: Caller<PoliciesAdmin>,
    id: Id<RecipientId>,
    _: Params<Nothing>,
    known: IfNoneMatch,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let recipient = super::find(&app, &caller, id.0).await?;
    if known.0.contain(recipient.version) {
        return Ok(not_modified(recipient.version));
    }
    Ok(shown(recipient))
}

/// Delete a recipient
///
/// Its key is deleted, so its tokens mean nothing for ever. Its clients belong to no recipient any more.
///
/// This operation needs the scope `policies:admin`.
#[utoipa::path(tag = "recipients", operation_id = "delete_recipient", security(("bearer" = ["policies:admin"])),
    params(("id" = Uuid, Path, description = "The id of the recipient."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the last read. Without it, any version is deleted.")),
    responses((status = 204, description = "The recipient is deleted."), CallProblems, ItemProblems, StaleProblems))]
#[delete("/recipients/{id}")]
pub async fn delete_recipient(
    caller: Caller<PoliciesAdmin>,
    id: Id<RecipientId>,
    _: Params<Nothing>,
    if_match: IfMatch,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    super::delete(&app, &caller, id.0, &if_match.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Rotate a recipient's key
///
/// The recipient sees other tokens and other ids from now on. Its earlier ones mean nothing for ever.
///
/// This operation needs the scope `policies:admin`.
#[utoipa::path(tag = "recipients", operation_id = "rotate_recipient", security(("bearer" = ["policies:admin"])),
    params(("id" = Uuid, Path, description = "The id of the recipient.")),
    responses((status = 200, description = "The recipient.", body = RecipientItem,
            headers(("ETag" = String, description = "The version of the recipient."))),
        CallProblems, ItemProblems, StateProblems))]
#[post("/recipients/{id}/rotate")]
pub async fn rotate_recipient(
    caller: Caller<PoliciesAdmin>,
    id: Id<RecipientId>,
    _: Params<Nothing>,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    Ok(shown(super::rotate(&app, &caller, id.0).await?))
}

fn shown(recipient: Recipient) -> HttpResponse {
    versioned(recipient.version, RecipientItem::from(recipient))
}

impl From<RecipientError> for Problem {
    fn from(error: RecipientError) -> Self {
        match error {
            RecipientError::NotFound => Self::new(Code::NotFound),
            RecipientError::Version(error) => error.into(),
            RecipientError::Deleted => Self::new(Code::StateConflict)
                .detail("The recipient that the first call with this key created was deleted. Use another key."),
            RecipientError::NameTaken => {
                Self::new(Code::StateConflict).detail("Another recipient has this name. Use another name.")
            }
            RecipientError::ClientTaken => Self::new(Code::StateConflict)
                .detail("A client belongs to another recipient. Delete that recipient first, or leave the client out."),
            RecipientError::Changed => {
                Self::new(Code::StateConflict).detail("Another call has changed the recipient. Read it again.")
            }
            RecipientError::Invalid(places) => Self::invalid(places),
            RecipientError::Idempotency(error) => error.into(),
            RecipientError::Cursor(_) => Self::new(Code::CursorInvalid),
            RecipientError::Crypto(_) => Self::internal(error),
            RecipientError::Vault(error) => error.into(),
            RecipientError::Store(error) => error.into(),
        }
    }
}
