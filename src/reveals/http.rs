//! The endpoints of reveals.

use actix_web::http::header::HeaderName;
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse, delete, get, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Decision, NewReveal, OpenedItem, Reveal, RevealError, RevealFilter, RevealOutcome, RevealStatus};
use crate::base::actor::Actor;
use crate::base::id::RevealId;
use crate::base::page::Page;
use crate::base::words::described;
use crate::http::caller::{ArchiveReveal, RevealsApprove, RevealsRead};
use crate::http::docs::{
    BodyProblems, CallProblems, ItemProblems, KeyedProblems, ListProblems, RevealDecisionProblems, RevealOpenProblems,
    RevealRevokeProblems, StaleProblems,
};
use crate::http::etag::{IfMatch, versioned};
use crate::http::json::{Body, OptionalBody};
use crate::http::path::Id;
use crate::http::query::{Limit, Nothing, Params};
use crate::http::{ApiResult, Caller, Code, Problem, Registry};
use crate::idempotency::Replayable;
use crate::idempotency::http::{IdempotencyHeader, created};
use crate::vault::AppContext;

type RevealPage = Page<RevealItem>;

pub fn routes(registry: &mut Registry<'_, '_>) {
    registry
        .service(list_reveals)
        .service(create_reveal)
        .service(get_reveal)
        .service(delete_reveal)
        .service(approve_reveal)
        .service(deny_reveal)
        .service(open_reveal);
}

/// A reveal. It contains neither tokens nor values.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reveal, example = json!({
    "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f71", "status": "granted", "purpose": "call back", "ticket": "INC0012345",
    "tokens": 1, "openings": 0, "user_name": "paal", "created_at": "2026-08-03T12:00:00Z",
    "expires_at": "2026-08-03T13:00:00Z", "decided_by": null, "decided_at": null, "comment": null, "version": 1
}))]
pub struct RevealItem {
    /// The id of the reveal.
    pub id: RevealId,
    /// The status of the reveal.
    pub status: RevealStatus,
    /// The purpose. Identifiers in it are masked.
    pub purpose: String,
    /// The number of the case in another system. Identifiers in it are masked.
    #[schema(required)]
    pub ticket: Option<String>,
    /// The number of tokens.
    pub tokens: i32,
    /// The number of times that the reveal was opened.
    pub openings: i32,
    /// The name of the user who requested the reveal.
    pub user_name: String,
    /// The time at which the reveal was entered.
    pub created_at: DateTime<Utc>,
    /// The time at which the reveal expires. It is decided and opened before.
    pub expires_at: DateTime<Utc>,
    /// The name of the user who approved, denied, or revoked the reveal.
    #[schema(required)]
    pub decided_by: Option<String>,
    /// The time of that decision.
    #[schema(required)]
    pub decided_at: Option<DateTime<Utc>>,
    /// The comment of that user. Identifiers in it are masked.
    #[schema(required)]
    pub comment: Option<String>,
    /// The version, which is also the `ETag`.
    pub version: i64,
}

impl From<Reveal> for RevealItem {
    fn from(reveal: Reveal) -> Self {
        let Reveal { id, issuer: _, user_sub: _, user_name, status, purpose, ticket, tokens, openings, .. } = reveal;
        let Reveal { created_at, expires_at, decided_by, decided_at, comment, version, .. } = reveal;
        Self {
            id,
            status,
            purpose,
            ticket,
            tokens,
            openings,
            user_name,
            created_at,
            expires_at,
            decided_by,
            decided_at,
            comment,
            version,
        }
    }
}

/// The selection of a list.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RevealListing {
    /// The status.
    status: Option<RevealStatus>,
    /// The `next_cursor` of the previous page.
    #[param(format = "cursor")]
    cursor: Option<String>,
    /// The largest number of items in the page.
    #[param(inline)]
    limit: Limit,
}

/// A decision about a reveal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"comment": "as agreed"}))]
pub struct RevealDecision {
    /// A comment: 1 to 200 characters. Identifiers in it are masked.
    #[schema(min_length = 1, max_length = 200)]
    comment: Option<String>,
}

/// The reason why a token was opened without a value.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RevealCode {
    Forgotten,
    Unknown,
}

described!(RevealCode as "RevealCode", "The reason why a token was opened without a value: its customer was forgotten since the \
    reveal was entered or is hidden, or the service did not know the token.", ["forgotten", "unknown"]);

/// A token with its value, or with the reason why there is none.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevealedToken {
    /// The token.
    #[schema(example = "phone_2CMSVFGGZ38DN8XTVCWTPVPBXR")]
    pub token: String,
    /// The value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "+4798765432")]
    pub value: Option<String>,
    /// The reason why there is no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub code: Option<RevealCode>,
}

impl From<OpenedItem> for RevealedToken {
    fn from(item: OpenedItem) -> Self {
        let (value, code) = match item.outcome {
            RevealOutcome::Value(value) => (Some(value), None),
            RevealOutcome::Forgotten => (None, Some(RevealCode::Forgotten)),
            RevealOutcome::Unknown => (None, Some(RevealCode::Unknown)),
        };
        Self { token: item.token.to_string(), value, code }
    }
}

/// The tokens of a reveal, in the order in which they were sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"items": [
    {"token": "phone_2CMSVFGGZ38DN8XTVCWTPVPBXR", "value": "+4798765432"},
    {"token": "email_7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "code": "unknown"}
]}))]
pub struct OpenedReveal {
    /// One item for each token.
    pub items: Vec<RevealedToken>,
}

/// List reveals
///
/// All reveals of the tenant, newest first, without tokens and values.
///
/// This operation needs the scope `archive:reveal` or `reveals:approve`.
#[utoipa::path(tag = "reveals", operation_id = "list_reveals",
    security(("bearer" = ["archive:reveal", "reveals:approve"])), params(RevealListing),
    responses((status = 200, description = "A page of reveals.", body = RevealPage), CallProblems, ListProblems))]
#[get("/reveals")]
pub async fn list_reveals(
    caller: Caller<RevealsRead>,
    params: Params<RevealListing>,
    app: Data<AppContext>,
) -> ApiResult<Json<Page<RevealItem>>> {
    let RevealListing { status, cursor, limit } = params.0;
    let filter = RevealFilter { status, cursor, limit: limit.get() };
    let _memory = app.memory.page().await?;
    Ok(Json(super::list(&app, &caller, &filter).await?.map(RevealItem::from)))
}

/// Request a reveal
///
/// Requests the values of some tokens, for a purpose. The reveal is `granted`, or `waiting` if the tenant's settings
/// require the approval of another user. It expires at `expires_at`. Tokens that the service does not know are
/// accepted.
///
/// This operation needs the scope `archive:reveal`.
#[utoipa::path(tag = "reveals", operation_id = "create_reveal", security(("bearer" = ["archive:reveal"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A call with the same key within 24 hours returns the same result. 1 to 255 visible ASCII characters.")),
    request_body = NewReveal,
    responses((status = 201, description = "The reveal.", body = RevealItem,
            headers(("Location" = String, description = "The address of the reveal."),
                ("ETag" = String, description = "The version of the reveal."),
                ("Idempotency-Replayed" = String, description = "`true` if an earlier call has entered it."))),
        CallProblems, BodyProblems, KeyedProblems))]
#[post("/reveals")]
pub async fn create_reveal(
    caller: Caller<ArchiveReveal>,
    _: Params<Nothing>,
    key: IdempotencyHeader,
    request: HttpRequest,
    body: Result<Body<NewReveal>, Problem>,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let body = read(&app, &caller, body).await?;
    let Replayable { value, replayed } = super::request(&app, &caller, &body.0, key.0.as_deref()).await?;
    Ok(created(&request, (value.id, value.version), replayed, RevealItem::from(value)))
}

/// Get a reveal
///
/// The reveal without tokens and values. Its status and its number of openings can change without its version.
///
/// This operation needs the scope `archive:reveal` or `reveals:approve`.
#[utoipa::path(tag = "reveals", operation_id = "get_reveal",
    security(("bearer" = ["archive:reveal", "reveals:approve"])),
    params(("id" = Uuid, Path, description = "The id of the reveal.")),
    responses((status = 200, description = "The reveal.", body = RevealItem,
            headers(("ETag" = String, description = "The version of the reveal."))),
        CallProblems, ItemProblems))]
#[get("/reveals/{id}")]
pub async fn get_reveal(
    caller: Caller<RevealsRead>,
    id: Id<RevealId>,
    _: Params<Nothing>,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    Ok(shown(super::find(&app, &caller, id.0).await?))
}

/// Revoke a reveal
///
/// Nobody can open the reveal any more. This call is allowed for the user who requested the reveal, and for every user
/// with the scope `reveals:approve`.
///
/// This operation needs the scope `archive:reveal` or `reveals:approve`.
#[utoipa::path(tag = "reveals", operation_id = "delete_reveal",
    security(("bearer" = ["archive:reveal", "reveals:approve"])),
    params(("id" = Uuid, Path, description = "The id of the reveal."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the last read. Without it, any version is revoked.")),
    responses((status = 204, description = "The reveal is revoked."),
        CallProblems, ItemProblems, StaleProblems, RevealRevokeProblems))]
#[delete("/reveals/{id}")]
pub async fn delete_reveal(
    caller: Caller<RevealsRead>,
    id: Id<RevealId>,
    _: Params<Nothing>,
    if_match: IfMatch,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    super::revoke(&app, &caller, id.0, &if_match.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Approve a reveal
///
/// The user who requested the reveal can then open it until it expires. That user cannot approve it.
///
/// This operation needs the scope `reveals:approve`.
#[utoipa::path(tag = "reveals", operation_id = "approve_reveal", security(("bearer" = ["reveals:approve"])),
    params(("id" = Uuid, Path, description = "The id of the reveal.")),
    request_body(content = Option<RevealDecision>, content_type = "application/json", example = json!({"comment": "seen"})),
    responses((status = 200, description = "The reveal.", body = RevealItem,
            headers(("ETag" = String, description = "The version of the reveal."))),
        CallProblems, BodyProblems, ItemProblems, RevealDecisionProblems))]
#[post("/reveals/{id}/approve")]
pub async fn approve_reveal(
    caller: Caller<RevealsApprove>,
    id: Id<RevealId>,
    _: Params<Nothing>,
    body: Result<OptionalBody<RevealDecision>, Problem>,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let body = read(&app, &caller, body).await?;
    Ok(shown(super::decide(&app, &caller, id.0, Decision::Approve, body.0.comment.as_deref()).await?))
}

/// Deny a reveal
///
/// The reveal stays closed. The user who requested it cannot deny it, but can revoke it.
///
/// This operation needs the scope `reveals:approve`.
#[utoipa::path(tag = "reveals", operation_id = "deny_reveal", security(("bearer" = ["reveals:approve"])),
    params(("id" = Uuid, Path, description = "The id of the reveal.")),
    request_body(content = Option<RevealDecision>, content_type = "application/json", example = json!({"comment": "seen"})),
    responses((status = 200, description = "The reveal.", body = RevealItem,
            headers(("ETag" = String, description = "The version of the reveal."))),
        CallProblems, BodyProblems, ItemProblems, RevealDecisionProblems))]
#[post("/reveals/{id}/deny")]
pub async fn deny_reveal(
    caller: Caller<RevealsApprove>,
    id: Id<RevealId>,
    _: Params<Nothing>,
    body: Result<OptionalBody<RevealDecision>, Problem>,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let body = read(&app, &caller, body).await?;
    Ok(shown(super::decide(&app, &caller, id.0, Decision::Deny, body.0.comment.as_deref()).await?))
}

/// Open a reveal
///
/// Shows the values of the tokens to the user who requested the reveal. Each call is audited, and its values count for
/// the cap of the user's day. A token whose customer was forgotten since the reveal was entered, or is hidden, has the
/// code `forgotten`, and an unknown one the code `unknown`.
///
/// This operation needs the scope `archive:reveal`.
#[utoipa::path(tag = "reveals", operation_id = "open_reveal", security(("bearer" = ["archive:reveal"])),
    params(("id" = Uuid, Path, description = "The id of the reveal.")),
    responses((status = 200, description = "The tokens with their values.", body = OpenedReveal),
        CallProblems, ItemProblems, RevealOpenProblems))]
#[post("/reveals/{id}/open")]
pub async fn open_reveal(
    caller: Caller<ArchiveReveal>,
    id: Id<RevealId>,
    _: Params<Nothing>,
    app: Data<AppContext>,
) -> ApiResult<Json<OpenedReveal>> {
    let items = super::open(&app, &caller, id.0).await?;
    Ok(Json(OpenedReveal { items: items.into_iter().map(RevealedToken::from).collect() }))
}

/// The body of an attempt. The audit log knows of an attempt whose body cannot be read, too.
async fn read<B>(app: &AppContext, actor: &Actor, body: Result<B, Problem>) -> ApiResult<B> {
    match body {
        Ok(body) => Ok(body),
        Err(problem) => {
            super::note_refusal(app, actor, problem.code().as_str()).await?;
            Err(problem)
        }
    }
}

fn shown(reveal: Reveal) -> HttpResponse {
    versioned(reveal.version, RevealItem::from(reveal))
}

impl From<RevealError> for Problem {
    fn from(error: RevealError) -> Self {
        match error {
            RevealError::NotFound => Self::new(Code::NotFound),
            RevealError::Version(error) => error.into(),
            RevealError::OwnRequest => Self::new(Code::OwnRequest),
            RevealError::NotRequester => Self::new(Code::NotRequester),
            RevealError::Waiting => Self::new(Code::RevealWaiting),
            RevealError::Expired => Self::new(Code::RevealExpired),
            RevealError::Decided => Self::new(Code::StateConflict)
                .detail("The reveal was approved, denied, or revoked before. Read it again, and check its status."),
            RevealError::Capped { seconds } => {
                Self::new(Code::RevealCap).header(HeaderName::from_static("retry-after"), &seconds.to_string())
            }
            RevealError::Invalid(places) => Self::invalid(places),
            RevealError::Idempotency(error) => error.into(),
            RevealError::Cursor(_) => Self::new(Code::CursorInvalid),
            RevealError::Tenant(error) => error.into(),
            RevealError::Vault(error) => error.into(),
            RevealError::Store(error) => error.into(),
        }
    }
}
