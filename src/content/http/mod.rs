//! The endpoints of content: in, out, and away.

mod body;
mod bytes;
mod headers;
mod text;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use actix_web::http::header::{LOCATION, RETRY_AFTER};
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, delete, get, post};
use pii::text::document::Format;
use pii::text::{Finder, fill_text, tokenize_text};

use super::{
    Content, ContentError, ContentStore, NewContent, Upload, begin_upload, customer_of, delete_batch, issue_ticket,
};
use crate::base::actor::{Actor, Scope};
use crate::base::id::{ContentId, RecordId};
use crate::base::page::{Page, Position};
use crate::http::caller::{ContentDelete, ContentRead, ContentWrite, forbidden};
use crate::http::docs::{
    BodyProblems, BusyProblems, CallProblems, ItemProblems, ListProblems, OptionalProblems, StateProblems,
    UploadProblems,
};
use crate::http::json::Body;
use crate::http::path::Id;
use crate::http::query::{Nothing, Params};
use crate::http::raw::{Binary, Raw};
use crate::http::{ApiResult, Caller, Code, HttpContext, Problem, Registry};
use crate::tenants;
use crate::vault::AppContext;

use body::{ContentDeletion, ContentItem, ContentListing, ContentTicket, DeletedContent, UploadParams};
use headers::{Declared, Reason};

/// The most interactions of a batch (C3).
const LARGEST_BATCH: usize = 1_000;

/// After how many seconds a text that found no memory may be sent again.
const SOON: &str = "5";

pub fn routes(registry: &mut Registry<'_, '_>) {
    registry
        .service(upload_content)
        .service(list_content)
        .service(delete_content_batch)
        .service(get_content)
        .service(bytes::download_content)
        .service(bytes::play_content)
        .service(create_content_ticket)
        .service(bytes::redeem_content_ticket)
        .service(delete_content);
}

/// Upload content
///
/// The body is the content as it is, up to the size limit of the settings; it is sealed as it streams in. Recordings are
/// audio, video or other bytes, no documents; they are encrypted for the tenant's key first, where it has one and its
/// settings do not say otherwise; with a key that has expired they are 409 `recording_key_expired` and not stored.
/// `Content-Type` is kept without its parameters. With a `Content-Digest` whose `sha-256` is another one nothing is stored.
/// An interaction whose customer was forgotten takes content, too; but where the request had its content deleted, content
/// of any kind is 409 `content_forgotten` and not stored. The document says `application/octet-stream` for any media type.
///
/// Texts (`chat_log`, `transcript`, `comment`, `analysis`) are `text/plain`, `text/vtt`, `application/json` or
/// `application/vcon+json` in UTF-8, of at most 16 MiB. They are stored without the identifiers in them; a recording in a
/// vCon is refused. The answer has their SHA-256; later ones have it only where nothing was replaced.
///
/// Needs the scope `content:write`.
#[utoipa::path(tag = "content", operation_id = "upload_content", security(("bearer" = ["content:write"])),
    params(("id" = Uuid, Path, description = "The interaction's id."), UploadParams,
        ("Content-Digest" = Option<String>, Header, description = "The content's digest (RFC 9530): `sha-256=:…:`, verified.")),
    request_body(content = Binary, content_type = "application/octet-stream"),
    responses((status = 201, description = "What was stored.", body = ContentItem,
            headers(("Location" = String, description = "The content's address."))),
        CallProblems, ItemProblems, UploadProblems, StateProblems, OptionalProblems))]
#[post("/archive/interactions/{id}/content")]
pub async fn upload_content(
    caller: Caller<ContentWrite>,
    id: Id<RecordId>,
    params: Params<UploadParams>,
    declared: Declared,
    mut raw: Raw,
    (stores, shelf): (Data<AppContext>, Data<ContentStore>),
    kit: Data<HttpContext>,
) -> ApiResult<HttpResponse> {
    let UploadParams { kind, sensitivity } = params.0;
    let Declared { media_type, sha256, is_utf8 } = declared;
    let new = NewContent { interaction: id.0, kind, media_type, sensitivity };
    if kind.is_text() {
        let stored = text::receive(raw, &stores, &shelf, caller.tenant, new, (sha256, is_utf8)).await?;
        return Ok(created(&kit, stored));
    }
    let mut upload = begin_upload(&stores, &shelf, caller.tenant, new, raw.announced()).await?;
    if let Err(problem) = receive(&mut raw, &mut upload).await {
        if let Err(error) = upload.abandon().await {
            tracing::warn!(%error, "A broken upload left something behind");
        }
        return Err(problem);
    }
    Ok(created(&kit, upload.finish(sha256).await?))
}

fn created(kit: &HttpContext, content: Content) -> HttpResponse {
    kit.metrics.content_stored(content.kind.as_str(), content.size);
    let item = ContentItem::from(content);
    let address = format!("/api/v1/archive/content/{}", item.id);
    HttpResponse::Created().insert_header((LOCATION, address)).json(item)
}

async fn receive(raw: &mut Raw, upload: &mut Upload) -> ApiResult<()> {
    while let Some(bytes) = raw.next().await? {
        upload.push(&bytes).await?;
    }
    Ok(())
}

/// List an interaction's content
///
/// Oldest first, without the bytes.
///
/// Needs the scope `content:read`.
#[utoipa::path(tag = "content", operation_id = "list_content", security(("bearer" = ["content:read"])),
    params(("id" = Uuid, Path, description = "The interaction's id."), ContentListing),
    responses((status = 200, description = "A page of its content.", body = Page<ContentItem>),
        CallProblems, ItemProblems, ListProblems))]
#[get("/archive/interactions/{id}/content")]
pub async fn list_content(
    caller: Caller<ContentRead>,
    id: Id<RecordId>,
    params: Params<ContentListing>,
    stores: Data<AppContext>,
) -> ApiResult<Json<Page<ContentItem>>> {
    let ContentListing { cursor, limit } = params.0;
    let (limit, key) = (limit.get(), &stores.service_key);
    let bound_to = [b"content", &caller.tenant.0.as_bytes()[..], id.0.0.as_bytes()].concat();
    let after = cursor.map(|cursor| Position::from_cursor(&cursor, key, &bound_to)).transpose();
    let after = after.map_err(|_| Problem::new(Code::CursorInvalid))?;
    let contents = super::list(&stores, caller.tenant, id.0, after, limit + 1).await?;
    Ok(Json(Page::of(contents, limit, key, &bound_to).map(ContentItem::from)))
}

/// Get a piece of content
///
/// What is known of it, without the bytes.
///
/// Needs the scope `content:read`.
#[utoipa::path(tag = "content", operation_id = "get_content", security(("bearer" = ["content:read"])),
    params(("content_id" = Uuid, Path, description = "The content's id.")),
    responses((status = 200, description = "What is known of it.", body = ContentItem), CallProblems, ItemProblems))]
#[get("/archive/content/{content_id}")]
pub async fn get_content(
    caller: Caller<ContentRead>,
    id: Id<ContentId>,
    _: Params<Nothing>,
    stores: Data<AppContext>,
) -> ApiResult<Json<ContentItem>> {
    Ok(Json(found(&stores, &caller, id.0).await?.into()))
}

/// Make a one-time address
///
/// The address works once within 60 seconds and needs no token, since an `<audio>` element sends no headers: what is
/// playable is played, all else downloaded. It holds no identifier. Its use is audited under the name of whoever made it.
///
/// Needs the scope `content:read`; for sensitive content `content:read:sensitive`, for restricted content the header
/// `Access-Reason`.
#[utoipa::path(tag = "content", operation_id = "create_content_ticket", security(("bearer" = ["content:read"])),
    params(("content_id" = Uuid, Path, description = "The content's id."),
        ("Access-Reason" = Option<String>, Header, description = "Why: 1 to 200 characters, without it restricted content is 403 `purpose_required`. Identifiers in it are masked in the audit log.")),
    responses((status = 201, description = "The address.", body = ContentTicket), CallProblems, ItemProblems))]
#[post("/archive/content/{content_id}/ticket")]
pub async fn create_content_ticket(
    caller: Caller<ContentRead>,
    id: Id<ContentId>,
    _: Params<Nothing>,
    reason: Reason,
    stores: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let content = found(&stores, &caller, id.0).await?;
    let reason = admit(&stores, &caller, &content, reason).await?;
    let ticket = issue_ticket(&stores, &caller, &content, reason.as_deref()).await?;
    Ok(HttpResponse::Created().json(ContentTicket::new(ticket)))
}

/// Delete a piece of content
///
/// Its key goes first, so that it is unreadable in every copy and backup of database and object store.
///
/// Needs the scope `content:delete`; for sensitive content `content:read:sensitive` as well.
#[utoipa::path(tag = "content", operation_id = "delete_content", security(("bearer" = ["content:delete"])),
    params(("content_id" = Uuid, Path, description = "The content's id.")),
    responses((status = 204, description = "It is gone."), CallProblems, ItemProblems))]
#[delete("/archive/content/{content_id}")]
pub async fn delete_content(
    caller: Caller<ContentDelete>,
    id: Id<ContentId>,
    _: Params<Nothing>,
    stores: Data<AppContext>,
    shelf: Data<ContentStore>,
) -> ApiResult<HttpResponse> {
    super::delete(&stores, &shelf, &caller, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Delete the content of interactions
///
/// Of up to 1,000 interactions, of some kinds or of all. What can be deleted is; interactions where something could not
/// are listed, also those whose sensitive content the caller may not delete. An interaction that is unknown or has no
/// content is no failure. While one batch is at work for the tenant, another is 429.
///
/// Needs the scope `content:delete`; for sensitive content `content:read:sensitive` as well.
#[utoipa::path(tag = "content", operation_id = "delete_content_batch", security(("bearer" = ["content:delete"])),
    request_body = ContentDeletion,
    responses((status = 200, description = "What was deleted, and what was not.", body = DeletedContent),
        CallProblems, BodyProblems, BusyProblems))]
#[post("/archive/content/delete-batch")]
pub async fn delete_content_batch(
    caller: Caller<ContentDelete>,
    _: Params<Nothing>,
    body: Body<ContentDeletion>,
    stores: Data<AppContext>,
    shelf: Data<ContentStore>,
) -> ApiResult<Json<DeletedContent>> {
    let ContentDeletion { interaction_ids, kinds } = body.0;
    let refuse = |pointer: &'static str, code: &'static str, rule: &'static str| {
        Err(Problem::new(Code::ValidationFailed).at(pointer, code, rule))
    };
    if interaction_ids.is_empty() {
        return refuse("/interaction_ids", "required", "must name an interaction");
    }
    if interaction_ids.len() > LARGEST_BATCH {
        return refuse("/interaction_ids", "too_many", "must be at most 1000");
    }
    if kinds.as_ref().is_some_and(Vec::is_empty) {
        return refuse("/kinds", "required", "must name a kind, or be left out");
    }
    let interactions = BTreeSet::from_iter(interaction_ids).into_iter().collect();
    Ok(Json(delete_batch(&stores, &shelf, &caller, interactions, kinds).await?.into()))
}

async fn found(stores: &AppContext, actor: &Actor, id: ContentId) -> ApiResult<Content> {
    super::find(stores, actor.tenant, id).await?.ok_or_else(|| Problem::new(Code::NotFound))
}

/// Whether the caller may have the bytes. Answers the stated reason without identifiers: it goes into the audit log.
async fn admit(stores: &AppContext, actor: &Actor, content: &Content, reason: Reason) -> ApiResult<Option<String>> {
    content.open_to(actor, reason.0.as_deref())?;
    let Some(reason) = reason.0 else { return Ok(None) };
    let tenant = tenants::find(&mut stores.archive.read().await?, actor.tenant).await?;
    let tenant = tenant.ok_or_else(|| Problem::new(Code::TenantUnknown))?;
    let own = customer_of(stores, actor.tenant, content.interaction).await?;
    let mut mentions = Vec::new();
    let text = tokenize_text(&Finder::new(tenant.region, own), &reason, &mut mentions);
    Ok(Some(fill_text(&text, |_| "*****".to_owned())))
}

impl From<ContentError> for Problem {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::Unknown => Self::new(Code::NotFound),
            ContentError::Forgotten => Self::new(Code::ContentForgotten).detail(
                "nothing was stored: a request had the content of this interaction deleted; do not send it again",
            ),
            ContentError::Misfit => Self::new(Code::MediaTypeUnsupported)
                .detail(format!("recordings are audio, video or application; texts are {}", Format::MEDIA_TYPES)),
            ContentError::DocumentError(broken) => text::refuse(&broken),
            ContentError::TooLarge(limit) => Self::new(Code::TooLarge).detail(format!("send at most {limit} bytes")),
            ContentError::Digest => Self::new(Code::ValidationFailed).parameter(
                "Content-Digest",
                "digest_mismatch",
                "is not that of the bytes that arrived",
            ),
            ContentError::KeyExpired => Self::new(Code::RecordingKeyExpired)
                .detail("nothing was stored: register another key and send it again"),
            ContentError::Key(error) => error.into(),
            ContentError::Sensitive => forbidden(&[Scope::ContentReadSensitive], "for sensitive content"),
            ContentError::ReasonMissing => {
                Self::new(Code::PurposeRequired).parameter("Access-Reason", "required", "is required by the content")
            }
            ContentError::Crowded => Self::new(Code::Unavailable)
                .detail("many texts are at work: send it again a little later")
                .header(RETRY_AFTER, SOON),
            ContentError::OverBudget => {
                Self::new(Code::TooLarge).detail("the text needs more memory than the settings of this service allow")
            }
            ContentError::Unreadable(_) => Self::new(Code::StateConflict).detail(
                "the text cannot be searched for its customer, so it is not shown: delete it, or ask the operator of this service",
            ),
            ContentError::Busy => Self::new(Code::TooManyRequests).detail("another batch is at work"),
            // An object that is missing may be in a store that is not mounted.
            ContentError::Object(crate::content::ObjectError::Missing) => Self::new(Code::Unavailable).caused_by(error),
            ContentError::Object(_) if error.is_transient() => Self::new(Code::Unavailable).caused_by(error),
            ContentError::Object(_) | ContentError::Crypto(_) | ContentError::Stopped | ContentError::Panicked => {
                Self::internal(error)
            },
            ContentError::Store(error) => error.into(),
            ContentError::Vault(error) => error.into(),
            ContentError::Archive(error) => error.into(),
            ContentError::Tenant(error) => error.into(),
        }
    }
}
