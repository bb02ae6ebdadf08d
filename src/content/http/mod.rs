//! The endpoints of content: upload, download, and deletion.

mod body;
mod bytes;
mod headers;
mod repeats;
mod text;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, delete, get, post};
use pii::text::document::Format;
use serde_json::json;

use super::{
    Content, ContentError, ContentStore, Keyed, NewContent, Once, Upload, begin_upload, customer_of, delete_batch,
    issue_ticket,
};
use crate::base::actor::{Actor, Scope};
use crate::base::id::{ContentId, RecordId, TenantId};
use crate::base::page::{Page, Position};
use crate::http::caller::{ContentDelete, ContentRead, ContentWrite, forbidden};
use crate::http::docs::{
    BodyProblems, BusyProblems, CallProblems, CreateProblems, HeldProblems, ItemProblems, KeyedProblems, ListProblems,
    OptionalProblems, PurposeProblems, UploadProblems,
};
use crate::http::json::Body;
use crate::http::path::Id;
use crate::http::query::{Nothing, Params};
use crate::http::raw::{Binary, Raw};
use crate::http::{ApiResult, Caller, Code, HttpContext, Problem, Registry};
use crate::idempotency::http::IdempotencyHeader;
use crate::tenants;
use crate::vault::AppContext;

use body::{ContentDeletion, ContentItem, ContentListing, ContentTicket, DeletedContent, UploadParams};
use headers::{AccessReason, Declared};

type ContentItemPage = Page<ContentItem>;

/// The most interactions of a batch (C3).
const LARGEST_BATCH: usize = 1_000;

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
/// The body is the content itself, up to the size limit of the settings. It is sealed while it arrives. A recording is
/// audio, video, or other bytes, but not a document. It is encrypted for the tenant's recording key first, unless there
/// is no key or the settings say otherwise. If that key has expired, the call returns 409 `recording_key_expired`, and
/// nothing is stored.
///
/// `Content-Type` is stored without its parameters. If the `sha-256` of `Content-Digest` does not match the bytes,
/// nothing is stored. An interaction whose customer was forgotten accepts content. But if the request deleted its
/// content, the call returns 409 `content_forgotten`, and nothing is stored. The media types of this document are the
/// usual ones. A recording can have any type of audio and video, and an attachment any type.
///
/// Texts (`chat_log`, `transcript`, `comment`, and `analysis`) are `text/plain`, `text/html`, `text/vtt`,
/// `application/x-subrip`, `application/json`, `application/x-ndjson`, `application/vcon+json`, or `message/rfc822`, of
/// at most 16 MiB and in UTF-8. A message may be in any charset. A text that is sent as `text/plain` and is plainly one
/// of the others is read as that one. This document leaves `application/json` and `application/vcon+json` out, since
/// generators of clients would then send recordings as JSON too. Texts are stored without the identifiers in them. A
/// vCon that contains a recording is refused. The parts of a message that are no text are dropped, and `warnings` says
/// so. This response contains the SHA-256 of the text. Later responses contain it only if nothing was replaced.
///
/// This operation needs the scope `content:write`.
#[utoipa::path(tag = "content", operation_id = "upload_content", security(("bearer" = ["content:write"])),
    params(("id" = Uuid, Path, description = "The id of the interaction."), UploadParams,
        ("Idempotency-Key" = Option<String>, Header, description = "A call with the same key within 24 hours returns the \
                                                                    same result. 1 to 255 visible ASCII characters. It \
                                                                    needs `Content-Digest`."),
        ("Content-Digest" = Option<String>, Header, description = "The digest of the content (RFC 9530), such as \
                                                                   `sha-256=:…:`. The service compares it with the \
                                                                   bytes that arrived.")),
    request_body(content((Binary = "application/octet-stream"), (Binary = "audio/wav"), (Binary = "audio/mpeg"),
        (Binary = "audio/mp4"), (Binary = "audio/ogg"), (Binary = "audio/webm"), (Binary = "video/mp4"),
        (Binary = "video/webm"), (String = "text/plain", example = "Kari asked for a new invoice."),
        (String = "text/html", example = "<p>Kari asked for a new invoice.</p>"),
        (String = "text/vtt", example = "WEBVTT\n\n00:00.000 --> 00:02.000\nThis is Kari.\n"),
        (String = "application/x-subrip", example = "1\n00:00:00,000 --> 00:00:02,000\nThis is Kari.\n"),
        (String = "application/x-ndjson", example = "{\"speaker\":\"customer\",\"text\":\"This is Kari.\"}\n"),
        (String = "message/rfc822", example = "Subject: Invoice\r\n\r\nThis is Kari.\r\n"))),
    responses((status = 201, description = "The stored content, without its bytes.", body = ContentItem,
            headers(("Location" = String, description = "The path of the content."),
                ("Idempotency-Replayed" = String, description = "`true` if an earlier call has stored it."))),
        CallProblems, ItemProblems, UploadProblems, CreateProblems, OptionalProblems))]
#[post("/archive/interactions/{id}/content")]
pub async fn upload_content(
    caller: Caller<ContentWrite>,
    id: Id<RecordId>,
    params: Params<UploadParams>,
    (declared, key): (Declared, IdempotencyHeader),
    raw: Raw,
    (stores, content_store): (Data<AppContext>, Data<ContentStore>),
    context: Data<HttpContext>,
) -> ApiResult<HttpResponse> {
    let UploadParams { kind, sensitivity } = params.0;
    let new = NewContent {
        interaction: caller.form.read_record(id.0),
        kind,
        media_type: declared.media_type.clone(),
        sensitivity,
    };
    let body = || repeats::upload(&declared, &new, raw.announced());
    let once = match repeats::begin(&stores, &caller, "upload", &key, body).await? {
        Some(Keyed::Again(outcome)) => return repeats::uploaded(&stores, &caller, outcome, declared.sha256).await,
        Some(Keyed::New(once)) => Some(once),
        None => None,
    };
    let (sha256, is_utf8) = (declared.sha256, declared.is_utf8);
    let stored = if kind.is_text() {
        text::receive(raw, &stores, &content_store, caller.tenant, new, (sha256, is_utf8), once.clone()).await
    } else {
        store(raw, &stores, &content_store, caller.tenant, new, sha256, once.clone()).await.map(|content| (content, 0))
    };
    let (content, dropped) = repeats::end(once, stored).await?;
    context.metrics.content_stored(content.kind.as_str(), content.size);
    let item = ContentItem::without_parts(content, &caller.form, dropped);
    Ok(HttpResponse::Created().insert_header((LOCATION, item.path())).json(item))
}

/// Stores bytes while they arrive. An upload that breaks off leaves nothing behind.
async fn store(
    mut raw: Raw,
    stores: &Arc<AppContext>,
    content_store: &Arc<ContentStore>,
    tenant: TenantId,
    new: NewContent,
    sha256: Option<[u8; 32]>,
    once: Option<Arc<Once>>,
) -> ApiResult<Content> {
    let mut upload = begin_upload(stores, content_store, tenant, new, raw.announced()).await?.under(once);
    if let Err(problem) = receive(&mut raw, &mut upload).await {
        if let Err(error) = upload.abandon().await {
            tracing::warn!(%error, "Cleaning up after a failed upload failed; gc_objects deletes the rest later");
        }
        return Err(problem);
    }
    Ok(upload.finish(sha256).await?)
}

async fn receive(raw: &mut Raw, upload: &mut Upload) -> ApiResult<()> {
    while let Some(bytes) = raw.next().await? {
        upload.push(&bytes).await?;
    }
    Ok(())
}

/// List an interaction's content
///
/// The content of the interaction without its bytes, oldest first.
///
/// This operation needs the scope `content:read`.
#[utoipa::path(tag = "content", operation_id = "list_content", security(("bearer" = ["content:read"])),
    params(("id" = Uuid, Path, description = "The id of the interaction."), ContentListing),
    responses((status = 200, description = "A page of the interaction's content.", body = ContentItemPage),
        CallProblems, ItemProblems, ListProblems))]
#[get("/archive/interactions/{id}/content")]
pub async fn list_content(
    caller: Caller<ContentRead>,
    id: Id<RecordId>,
    params: Params<ContentListing>,
    stores: Data<AppContext>,
) -> ApiResult<Json<Page<ContentItem>>> {
    let ContentListing { cursor, limit } = params.0;
    let (limit, key) = (limit.get(), &stores.service_key().await?);
    let (interaction, form) = (caller.form.read_record(id.0), &caller.form);
    let bound_to =
        [b"content", &caller.tenant.0.as_bytes()[..], interaction.0.as_bytes(), &form.fingerprint()].concat();
    let after = cursor.map(|cursor| Position::from_cursor(&cursor, key, &bound_to)).transpose();
    let after = after.map_err(|_| Problem::new(Code::CursorInvalid))?;
    let _memory = stores.memory.page().await?;
    let contents = super::list(&stores, caller.tenant, interaction, after, limit + 1).await?;
    Ok(Json(Page::of(contents, limit, key, &bound_to).map(|content| ContentItem::new(content, form))))
}

/// Get a piece of content
///
/// The content without its bytes.
///
/// This operation needs the scope `content:read`.
#[utoipa::path(tag = "content", operation_id = "get_content", security(("bearer" = ["content:read"])),
    params(("content_id" = Uuid, Path, description = "The id of the content.")),
    responses((status = 200, description = "The content, without its bytes.", body = ContentItem), CallProblems, ItemProblems))]
#[get("/archive/content/{content_id}")]
pub async fn get_content(
    caller: Caller<ContentRead>,
    id: Id<ContentId>,
    _: Params<Nothing>,
    stores: Data<AppContext>,
) -> ApiResult<Json<ContentItem>> {
    Ok(Json(ContentItem::new(found(&stores, &caller, id.0).await?, &caller.form)))
}

/// Make a temporary address
///
/// The address works once, within 60 seconds. A player may ask for ranges of playable content again until then, and HEAD
/// does not use it up. It needs no token, because an `<audio>` element sends no headers. Content that is playable is played, and other content is downloaded. The address contains
/// no identifier. Each use is audited under the name of the user who made it.
///
/// This operation needs the scope `content:read`. Sensitive content also needs `content:read:sensitive`, and restricted
/// content needs the header `Access-Reason`.
#[utoipa::path(tag = "content", operation_id = "create_content_ticket", security(("bearer" = ["content:read"])),
    params(("content_id" = Uuid, Path, description = "The id of the content."),
        ("Idempotency-Key" = Option<String>, Header, description = "A call with the same key within 24 hours returns the \
                                                                    same result. 1 to 255 visible ASCII characters. But \
                                                                    the address is shown only once."),
        ("Access-Reason" = Option<String>, Header, description = "The reason for the access: 1 to 200 characters. \
                                                                  Without it, restricted content is 403 \
                                                                  `purpose_required`. Identifiers in it are masked in \
                                                                  the audit log.")),
    responses((status = 201, description = "The temporary address.", body = ContentTicket,
            headers(("Idempotency-Replayed" = String, description = "`true` if an earlier call has made it."))),
        CallProblems, ItemProblems, PurposeProblems, KeyedProblems))]
#[post("/archive/content/{content_id}/ticket")]
pub async fn create_content_ticket(
    caller: Caller<ContentRead>,
    id: Id<ContentId>,
    _: Params<Nothing>,
    reason: AccessReason,
    key: IdempotencyHeader,
    stores: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let content = found(&stores, &caller, id.0).await?;
    let body = json!({ "content": content.id, "reason": reason.0 });
    let reason = admit(&stores, &caller, &content, reason).await?;
    let once = match repeats::begin(&stores, &caller, "ticket", &key, || Ok(body)).await? {
        Some(Keyed::Again(expires_at)) => return Ok(repeats::ticketed(expires_at)),
        Some(Keyed::New(once)) => Some(once),
        None => None,
    };
    let issued = issue_ticket(&stores, &caller, &content, reason.as_deref(), once.as_deref()).await;
    let ticket = repeats::end(once, issued.map_err(Problem::from)).await?;
    Ok(HttpResponse::Created().json(ContentTicket::new(ticket)))
}

/// Delete a piece of content
///
/// The key of the content is deleted first, so no copy or backup of the database and the object store can be read. The
/// content of an interaction under a legal hold is 409 `legal_hold`.
///
/// This operation needs the scope `content:delete`. Sensitive content also needs `content:read:sensitive`.
#[utoipa::path(tag = "content", operation_id = "delete_content", security(("bearer" = ["content:delete"])),
    params(("content_id" = Uuid, Path, description = "The id of the content.")),
    responses((status = 204, description = "The content is deleted."), CallProblems, ItemProblems, HeldProblems))]
#[delete("/archive/content/{content_id}")]
pub async fn delete_content(
    caller: Caller<ContentDelete>,
    id: Id<ContentId>,
    _: Params<Nothing>,
    stores: Data<AppContext>,
    content_store: Data<ContentStore>,
) -> ApiResult<HttpResponse> {
    super::delete(&stores, &content_store, &caller, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Delete the content of interactions
///
/// This deletes the content of up to 1,000 interactions, of some kinds or of all. Interactions whose content cannot be
/// deleted completely are listed. This includes interactions with sensitive content that the caller may not delete, and
/// interactions under a legal hold, with the code `legal_hold`. An interaction that is unknown or has no content is not a failure. While one batch runs for the tenant, another one is
/// 429.
///
/// This operation needs the scope `content:delete`. Sensitive content also needs `content:read:sensitive`.
#[utoipa::path(tag = "content", operation_id = "delete_content_batch", security(("bearer" = ["content:delete"])),
    request_body = ContentDeletion,
    responses((status = 200, description = "The numbers of deleted pieces of content and the failures.", body = DeletedContent),
        CallProblems, BodyProblems, BusyProblems))]
#[post("/archive/content/delete-batch")]
pub async fn delete_content_batch(
    caller: Caller<ContentDelete>,
    _: Params<Nothing>,
    body: Body<ContentDeletion>,
    stores: Data<AppContext>,
    content_store: Data<ContentStore>,
) -> ApiResult<Json<DeletedContent>> {
    let ContentDeletion { interaction_ids, kinds } = body.0;
    let refuse = |pointer: &'static str, code: &'static str, rule: &'static str| {
        Err(Problem::new(Code::ValidationFailed).at(pointer, code, rule))
    };
    if interaction_ids.is_empty() {
        return refuse("/interaction_ids", "required", "must name at least one interaction");
    }
    if interaction_ids.len() > LARGEST_BATCH {
        return refuse("/interaction_ids", "too_many", "must have at most 1000 interactions");
    }
    if kinds.as_ref().is_some_and(Vec::is_empty) {
        return refuse("/kinds", "required", "must name at least one kind, or be left out");
    }
    let interactions = BTreeSet::from_iter(interaction_ids).into_iter().collect();
    Ok(Json(delete_batch(&stores, &content_store, &caller, interactions, kinds).await?.into()))
}

/// The content of an id that the caller sent.
async fn found(stores: &AppContext, actor: &Actor, id: ContentId) -> ApiResult<Content> {
    super::find(stores, actor.tenant, actor.form.read_content(id)).await?.ok_or_else(|| Problem::new(Code::NotFound))
}

/// Checks that the caller may read the bytes. Returns the stated reason without identifiers, for the audit log.
async fn admit(
    stores: &AppContext,
    actor: &Actor,
    content: &Content,
    reason: AccessReason,
) -> ApiResult<Option<String>> {
    content.open_to(actor, reason.0.as_deref())?;
    let Some(reason) = reason.0 else { return Ok(None) };
    let tenant = tenants::find(&mut stores.archive.read().await?, actor.tenant).await?;
    let own = customer_of(stores, actor.tenant, content.interaction).await?;
    Ok(Some(tenant.masked(own, &reason)))
}

impl From<ContentError> for Problem {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::Unknown => Self::new(Code::NotFound),
            ContentError::Aged => Self::new(Code::RecordAged),
            ContentError::Forgotten => Self::new(Code::ContentForgotten).detail(
                "Nothing was stored: a request has deleted the content of this interaction. Do not send it again.",
            ),
            ContentError::Misfit => Self::new(Code::MediaTypeUnsupported).detail(format!(
                "Send a recording as audio, video, or application. Send a text as {}.",
                Format::MEDIA_TYPES
            )),
            ContentError::DocumentError(broken) => text::refuse(&broken),
            ContentError::TooLarge(limit) => Self::new(Code::TooLarge).detail(format!("Send at most {limit} bytes.")),
            ContentError::Digest => Self::new(Code::ValidationFailed).parameter(
                "Content-Digest",
                "digest_mismatch",
                "digest mismatch: must be the digest of the bytes that arrived",
            ),
            ContentError::KeyExpired => Self::new(Code::RecordingKeyExpired)
                .detail("Nothing was stored. Register another recording key and send the recording again."),
            ContentError::Key(error) => error.into(),
            ContentError::Held => Self::new(Code::LegalHold),
            ContentError::Sensitive => forbidden(&[Scope::ContentReadSensitive], "for sensitive content"),
            ContentError::ReasonMissing => Self::new(Code::PurposeRequired).parameter(
                "Access-Reason",
                "required",
                "is required for restricted content",
            ),
            ContentError::Memory(error) => error.into(),
            ContentError::Unreadable(_) => Self::new(Code::StateConflict).detail(
                "The text cannot be searched for its customer, so it is not shown. Delete it, or ask the operator of \
                 this service.",
            ),
            ContentError::Busy => Self::new(Code::TooManyRequests)
                .detail("Another batch is running for this tenant. Try again when it has ended."),
            // An object that is missing may be in a store that is not mounted.
            ContentError::Object(crate::objects::ObjectError::Missing) => Self::new(Code::Unavailable).caused_by(error),
            ContentError::Journal(error) => error.into(),
            ContentError::Object(_) if error.is_transient() => Self::new(Code::Unavailable).caused_by(error),
            ContentError::Object(_) | ContentError::Crypto(_) | ContentError::Stopped | ContentError::Panicked => {
                Self::internal(error)
            }
            ContentError::Idempotency(error) => error.into(),
            ContentError::Store(error) => error.into(),
            ContentError::Vault(error) => error.into(),
            ContentError::Archive(error) => error.into(),
            ContentError::Tenant(error) => error.into(),
        }
    }
}
