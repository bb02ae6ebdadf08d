//! The endpoints of webhooks.

mod body;

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post};
use chrono::TimeDelta;

use super::{AddressGuard, MessageState, WebhookError};
use crate::base::id::{MessageId, WebhookId};
use crate::base::page::{Page, Position};
use crate::http::caller::WebhooksAdmin;
use crate::http::docs::{
    BodyProblems, CallProblems, CreateProblems, ItemProblems, ListProblems, StateProblems, VersionProblems,
};
use crate::http::etag::{IfMatch, IfNoneMatch, not_modified, versioned};
use crate::http::json::{Body, MergePatch, OptionalBody};
use crate::http::path::{Id, Ids};
use crate::http::query::{Nothing, Params};
use crate::http::{ApiResult, Caller, Code, Problem, Registry};
use crate::idempotency::http::{IdempotencyHeader, created};
use crate::vault::AppContext;

use body::{
    DisclosedWebhook, MessageItem, MessageListing, ReplayBody, ReplayedItem, WebhookBody, WebhookItem, WebhookListing,
    WebhookPatch, WebhookRotation,
};

type WebhookPage = Page<WebhookItem>;
type MessagePage = Page<MessageItem>;

pub fn routes(registry: &mut Registry<'_, '_>) {
    registry
        .service(list_webhooks)
        .service(create_webhook)
        .service(get_webhook)
        .service(update_webhook)
        .service(delete_webhook)
        .service(test_webhook)
        .service(rotate_webhook_secret)
        .service(replay_webhook)
        .service(list_webhook_messages)
        .service(retry_webhook_message);
}

/// List webhooks
///
/// The webhooks of the tenant, newest first, without their secrets.
///
/// This operation needs the scope `webhooks:admin`.
#[utoipa::path(tag = "webhooks", operation_id = "list_webhooks", security(("bearer" = ["webhooks:admin"])),
    params(WebhookListing),
    responses((status = 200, description = "A page of webhooks, newest first.", body = WebhookPage), CallProblems, ListProblems))]
#[get("/webhooks")]
pub async fn list_webhooks(
    caller: Caller<WebhooksAdmin>,
    params: Params<WebhookListing>,
    app: Data<AppContext>,
) -> ApiResult<Json<WebhookPage>> {
    let WebhookListing { cursor, limit } = params.0;
    let (limit, key) = (limit.get(), &app.service_key().await?);
    let bound_to = [b"webhooks", &caller.tenant.0.as_bytes()[..]].concat();
    let after = cursor.map(|cursor| Position::from_cursor(&cursor, key, &bound_to)).transpose();
    let after = after.map_err(|_| Problem::new(Code::CursorInvalid))?;
    let webhooks = super::list(&app, caller.tenant, after, limit + 1).await?;
    let shared = super::shared_facts(&app, caller.tenant).await?;
    Ok(Json(Page::of(webhooks, limit, key, &bound_to).map(|webhook| WebhookItem::new(webhook, &shared))))
}

/// Enter a webhook
///
/// The receiver gets a message for each event of the named kinds that happens from now on. A message is a `CloudEvents` 1.0 object of
/// ids, states, and counts, with the headers of Standard Webhooks. It never contains an identifier. The response shows
/// the secret of the webhook once. A tenant can have 20 webhooks.
///
/// This operation needs the scope `webhooks:admin`.
#[utoipa::path(tag = "webhooks", operation_id = "create_webhook", security(("bearer" = ["webhooks:admin"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A call with the same key within 24 hours returns the same webhook without its secret. 1 to 255 visible ASCII characters.")),
    request_body = WebhookBody,
    responses((status = 201, description = "The webhook with its secret.", body = DisclosedWebhook,
            headers(("Location" = String, description = "The webhook's address."),
                ("ETag" = String, description = "The webhook's version."),
                ("Idempotency-Replayed" = String, description = "`true` if an earlier call has entered it."))),
        CallProblems, BodyProblems, CreateProblems))]
#[post("/webhooks")]
pub async fn create_webhook(
    caller: Caller<WebhooksAdmin>,
    _: Params<Nothing>,
    key: IdempotencyHeader,
    request: HttpRequest,
    body: Body<WebhookBody>,
    app: Data<AppContext>,
    guard: Data<AddressGuard>,
) -> ApiResult<HttpResponse> {
    let new = body.0.read().map_err(Problem::invalid)?;
    let disclosed = super::create(&app, &guard, &caller, new, key.0.as_deref()).await?;
    let disclosed = DisclosedWebhook::new(disclosed, &super::shared_facts(&app, caller.tenant).await?);
    let replayed = disclosed.secret.is_none();
    Ok(created(&request, (disclosed.webhook.id, disclosed.webhook.version), replayed, disclosed))
}

/// Get a webhook
///
/// The webhook without its secret.
///
/// This operation needs the scope `webhooks:admin`.
#[utoipa::path(tag = "webhooks", operation_id = "get_webhook", security(("bearer" = ["webhooks:admin"])),
    params(("id" = Uuid, Path, description = "The id of the webhook.")),
    responses((status = 200, description = "The webhook.", body = WebhookItem,
            headers(("ETag" = String, description = "The webhook's version."))),
        (status = 304, description = "The caller has this version."), CallProblems, ItemProblems))]
#[get("/webhooks/{id}")]
pub async fn get_webhook(
    caller: Caller<WebhooksAdmin>,
    id: Id<WebhookId>,
    _: Params<Nothing>,
    known: IfNoneMatch,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let webhook = super::find(&app, caller.tenant, id.0).await?;
    if known.0.contain(webhook.version) {
        return Ok(not_modified(webhook.version));
    }
    let item = WebhookItem::new(webhook, &super::shared_facts(&app, caller.tenant).await?);
    Ok(versioned(item.version, item))
}

/// Change a webhook
///
/// The body is a merge patch. `application/json` is accepted as its media type too. A change without an effect keeps the
/// version.
///
/// This operation needs the scope `webhooks:admin`.
#[utoipa::path(tag = "webhooks", operation_id = "update_webhook", security(("bearer" = ["webhooks:admin"])),
    params(("id" = Uuid, Path, description = "The id of the webhook."),
        ("If-Match" = String, Header, description = "The `ETag` of the last read, or `*`.")),
    request_body(content = WebhookPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The webhook as it is now.", body = WebhookItem,
            headers(("ETag" = String, description = "The webhook's version."))),
        CallProblems, BodyProblems, ItemProblems, VersionProblems))]
#[patch("/webhooks/{id}")]
pub async fn update_webhook(
    caller: Caller<WebhooksAdmin>,
    id: Id<WebhookId>,
    _: Params<Nothing>,
    if_match: IfMatch,
    patch: MergePatch,
    app: Data<AppContext>,
    guard: Data<AddressGuard>,
) -> ApiResult<HttpResponse> {
    super::check(&app, &caller, id.0, &if_match.0).await?;
    let change = patch.read::<WebhookPatch>()?.read().map_err(Problem::invalid)?;
    let changed = super::change(&app, &guard, &caller, (id.0, &if_match.0), change).await?;
    let item = WebhookItem::new(changed, &super::shared_facts(&app, caller.tenant).await?);
    Ok(versioned(item.version, item))
}

/// Delete a webhook
///
/// Nothing more is sent to it, and its secrets are deleted.
///
/// This operation needs the scope `webhooks:admin`.
#[utoipa::path(tag = "webhooks", operation_id = "delete_webhook", security(("bearer" = ["webhooks:admin"])),
    params(("id" = Uuid, Path, description = "The id of the webhook."),
        ("If-Match" = String, Header, description = "The `ETag` of the last read, or `*`.")),
    responses((status = 204, description = "The webhook is deleted."), CallProblems, ItemProblems, VersionProblems))]
#[delete("/webhooks/{id}")]
pub async fn delete_webhook(
    caller: Caller<WebhooksAdmin>,
    id: Id<WebhookId>,
    _: Params<Nothing>,
    if_match: IfMatch,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    super::remove(&app, &caller, id.0, &if_match.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Test a webhook
///
/// Sends a message of the kind `webhook.test`, also if the webhook does not get this kind. The worker sends it, and the
/// list of messages contains its state. If the webhook is disabled, the call returns 409.
///
/// This operation needs the scope `webhooks:admin`.
#[utoipa::path(tag = "webhooks", operation_id = "test_webhook", security(("bearer" = ["webhooks:admin"])),
    params(("id" = Uuid, Path, description = "The id of the webhook.")),
    responses((status = 202, description = "The message, which is pending.", body = MessageItem),
        CallProblems, ItemProblems, StateProblems))]
#[post("/webhooks/{id}/test")]
pub async fn test_webhook(
    caller: Caller<WebhooksAdmin>,
    id: Id<WebhookId>,
    _: Params<Nothing>,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    Ok(HttpResponse::Accepted().json(MessageItem::from(super::test(&app, &caller, id.0).await?)))
}

/// Rotate the secret of a webhook
///
/// The response shows the new secret once. Until the end of the overlap, each message has a signature of both secrets.
/// Without a body, the overlap is 24 hours.
///
/// This operation needs the scope `webhooks:admin`.
#[utoipa::path(tag = "webhooks", operation_id = "rotate_webhook_secret", security(("bearer" = ["webhooks:admin"])),
    params(("id" = Uuid, Path, description = "The id of the webhook.")),
    request_body(content = Option<WebhookRotation>, content_type = "application/json", example = json!({"overlap_hours": 24})),
    responses((status = 200, description = "The webhook with its new secret.", body = DisclosedWebhook),
        CallProblems, BodyProblems, ItemProblems))]
#[post("/webhooks/{id}/rotate-secret")]
pub async fn rotate_webhook_secret(
    caller: Caller<WebhooksAdmin>,
    id: Id<WebhookId>,
    _: Params<Nothing>,
    body: OptionalBody<WebhookRotation>,
    app: Data<AppContext>,
) -> ApiResult<Json<DisclosedWebhook>> {
    let hours = body.0.read().map_err(|invalid| Problem::invalid(vec![invalid]))?;
    let rotated = super::rotate(&app, &caller, id.0, TimeDelta::hours(hours.into())).await?;
    Ok(Json(DisclosedWebhook::new(rotated, &super::shared_facts(&app, caller.tenant).await?)))
}

/// Send events to a webhook again
///
/// Sends the events of the webhook's kinds again, from a time on. Events are kept for 7 days. A message that was sent
/// before keeps its id, so that the receiver can recognize it. If the webhook is disabled, the call returns 409.
///
/// This operation needs the scope `webhooks:admin`.
#[utoipa::path(tag = "webhooks", operation_id = "replay_webhook", security(("bearer" = ["webhooks:admin"])),
    params(("id" = Uuid, Path, description = "The id of the webhook.")),
    request_body = ReplayBody,
    responses((status = 200, description = "The number of messages that are sent again.", body = ReplayedItem),
        CallProblems, BodyProblems, ItemProblems, StateProblems))]
#[post("/webhooks/{id}/replay")]
pub async fn replay_webhook(
    caller: Caller<WebhooksAdmin>,
    id: Id<WebhookId>,
    _: Params<Nothing>,
    body: Body<ReplayBody>,
    app: Data<AppContext>,
) -> ApiResult<Json<ReplayedItem>> {
    Ok(Json(super::replay(&app, &caller, id.0, body.0.from).await?.into()))
}

/// List the messages of a webhook
///
/// The messages in one state or in all, newest first. They are kept for 7 days, without their bodies.
///
/// This operation needs the scope `webhooks:admin`.
#[utoipa::path(tag = "webhooks", operation_id = "list_webhook_messages", security(("bearer" = ["webhooks:admin"])),
    params(("id" = Uuid, Path, description = "The id of the webhook."), MessageListing),
    responses((status = 200, description = "A page of messages, newest first.", body = MessagePage),
        CallProblems, ItemProblems, ListProblems))]
#[get("/webhooks/{id}/messages")]
pub async fn list_webhook_messages(
    caller: Caller<WebhooksAdmin>,
    id: Id<WebhookId>,
    params: Params<MessageListing>,
    app: Data<AppContext>,
) -> ApiResult<Json<MessagePage>> {
    let MessageListing { state, cursor, limit } = params.0;
    let (limit, key) = (limit.get(), &app.service_key().await?);
    let word = state.map_or("", MessageState::as_str);
    let bound_to = [b"webhook-messages", &caller.tenant.0.as_bytes()[..], id.0.0.as_bytes(), word.as_bytes()].concat();
    let after = cursor.map(|cursor| Position::from_cursor(&cursor, key, &bound_to)).transpose();
    let after = after.map_err(|_| Problem::new(Code::CursorInvalid))?;
    let _memory = app.memory.page().await?;
    let messages = super::list_messages(&app, caller.tenant, id.0, state, (after, limit + 1)).await?;
    Ok(Json(Page::of(messages, limit, key, &bound_to).map(MessageItem::from)))
}

/// Send a message again
///
/// The message is sent at once under its id. Its state and the time of its next attempt do not matter. If the webhook
/// is disabled, the call returns 409.
///
/// This operation needs the scope `webhooks:admin`.
#[utoipa::path(tag = "webhooks", operation_id = "retry_webhook_message", security(("bearer" = ["webhooks:admin"])),
    params(("id" = Uuid, Path, description = "The id of the webhook."),
        ("message_id" = Uuid, Path, description = "The id of the message.")),
    responses((status = 200, description = "The message, which is pending again.", body = MessageItem),
        CallProblems, ItemProblems, StateProblems))]
#[post("/webhooks/{id}/messages/{message_id}/retry")]
pub async fn retry_webhook_message(
    caller: Caller<WebhooksAdmin>,
    ids: Ids<WebhookId, MessageId>,
    _: Params<Nothing>,
    app: Data<AppContext>,
) -> ApiResult<Json<MessageItem>> {
    Ok(Json(super::retry(&app, &caller, ids.0, ids.1).await?.into()))
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Unknown => Self::new(Code::NotFound),
            WebhookError::Version(error) => error.into(),
            WebhookError::Disabled => Self::new(Code::StateConflict)
                .detail("The webhook is disabled. Enable it by PATCH, and repeat the call."),
            WebhookError::TooMany => Self::new(Code::StateConflict)
                .detail("The tenant has 20 webhooks. Delete one of them, and repeat the call."),
            WebhookError::Deleted => Self::new(Code::StateConflict)
                .detail("The webhook that the first call with this key entered was deleted. Use another key."),
            WebhookError::Invalid(places) => Self::invalid(places),
            WebhookError::Idempotency(error) => error.into(),
            WebhookError::Store(error) => error.into(),
            WebhookError::Tenant(error) => error.into(),
            WebhookError::Vault(error) => error.into(),
            WebhookError::Crypto(_) => Self::internal(error),
            WebhookError::Recipient(error) => error.into(),
        }
    }
}
