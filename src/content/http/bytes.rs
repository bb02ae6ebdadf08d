//! Content out: downloaded, played, or by a temporary address.
//!
//! The tag of content is its SHA-256, since it never changes. Nothing is compressed, so that ranges mean what they say.

use actix_web::body::SizedStream;
use actix_web::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    RANGE,
};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, get};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::body::DownloadParams;
use super::headers::{AccessReason, RequestedRange, SANDBOX, is_head, is_known, requested_range};
use super::{admit, found, text};
use crate::archive::View;
use crate::audit::Action;
use crate::base::actor::Actor;
use crate::base::id::ContentId;
use crate::content::{Access, Content, ContentReading, ContentStore, Redeemed, open, redeem_ticket};
use crate::http::caller::ContentRead;
use crate::http::docs::{
    CallProblems, ItemProblems, OpenProblems, PlayProblems, PurposeProblems, RangeProblems, StateProblems,
};
use crate::http::path::Id;
use crate::http::query::{Nothing, Params};
use crate::http::raw::Binary;
use crate::http::{ApiResult, Caller, Code, HttpContext, Problem};
use crate::recording_keys::KeyKind;
use crate::vault::AppContext;

/// Download a piece of content
///
/// The uploaded bytes as an attachment: all of them, or one range. A call for several ranges gets all bytes. Content
/// that is `encrypted_for` the tenant is an OpenPGP or CMS message. Every call is audited.
///
/// A text is rendered in a view. It is identified with the scope `archive:identify`, and contains tokens with
/// `archive:search`. Otherwise every identifier reads `Anonymized`. If the tenant's settings require a purpose, the
/// identified view needs the header `Access-Reason`. The `ETag` differs between views, and changes when identifiers in
/// the text are forgotten. A text that cannot be searched for a customer that the archive learned later is 409
/// `state_conflict`.
///
/// This operation needs the scope `content:read`. Sensitive content also needs `content:read:sensitive`, and restricted
/// content needs the header `Access-Reason`.
#[utoipa::path(tag = "content", operation_id = "download_content", security(("bearer" = ["content:read"])),
    params(("content_id" = Uuid, Path, description = "The id of the content."), DownloadParams,
        ("Range" = Option<String>, Header, description = "One range of bytes (RFC 9110), such as `bytes=0-1023`."),
        ("If-Range" = Option<String>, Header, description = "The `ETag` of the content to which the range belongs."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the content that the caller has."),
        ("Access-Reason" = Option<String>, Header, description = "The reason for the access: 1 to 200 characters. \
                                                                  Without it, restricted content is 403 \
                                                                  `purpose_required`. Identifiers in it are masked in \
                                                                  the audit log.")),
    responses((status = 200, description = "All bytes of the content.", body = Binary, content_type = "*/*"),
        (status = 206, description = "The requested range of bytes.", body = Binary, content_type = "*/*"),
        (status = 304, description = "The caller already has this content."),
        CallProblems, ItemProblems, RangeProblems, StateProblems, PurposeProblems))]
#[get("/archive/content/{content_id}/download")]
pub async fn download_content(
    caller: Caller<ContentRead>,
    id: Id<ContentId>,
    params: Params<DownloadParams>,
    reason: AccessReason,
    request: HttpRequest,
    stores: Data<AppContext>,
    content_store: Data<ContentStore>,
) -> ApiResult<HttpResponse> {
    let content = found(&stores, &caller, id.0).await?;
    let reason = admit(&stores, &caller, &content, reason).await?;
    let access = Access { action: Action::ContentDownloaded, reason, by_ticket: false };
    if content.kind.is_text() {
        let shown = caller.form.show_content(content.id);
        return text::answer(&request, &stores, &content_store, &caller, (content, shown), access, params.0.view).await;
    }
    let shown = caller.form.show_content(content.id);
    answer(&request, &stores, &content_store, &caller, (content, shown), access).await
}

/// Play a piece of content
///
/// The uploaded bytes for playing in place: all of them, or one range. This works for content that is `playable`: audio
/// and video that is not encrypted for the tenant. For other content, the call returns 409. Every call is audited.
///
/// This operation needs the scope `content:read`. Sensitive content also needs `content:read:sensitive`, and restricted
/// content needs the header `Access-Reason`.
#[utoipa::path(tag = "content", operation_id = "play_content", security(("bearer" = ["content:read"])),
    params(("content_id" = Uuid, Path, description = "The id of the content."),
        ("Range" = Option<String>, Header, description = "One range of bytes (RFC 9110), such as `bytes=0-1023`."),
        ("If-Range" = Option<String>, Header, description = "The `ETag` of the content to which the range belongs."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the content that the caller has."),
        ("Access-Reason" = Option<String>, Header, description = "The reason for the access: 1 to 200 characters. \
                                                                  Without it, restricted content is 403 \
                                                                  `purpose_required`. Identifiers in it are masked in \
                                                                  the audit log.")),
    responses((status = 200, description = "All bytes of the content.", body = Binary, content_type = "*/*"),
        (status = 206, description = "The requested range of bytes.", body = Binary, content_type = "*/*"),
        (status = 304, description = "The caller already has this content."),
        CallProblems, ItemProblems, RangeProblems, PlayProblems, PurposeProblems))]
#[get("/archive/content/{content_id}/play")]
pub async fn play_content(
    caller: Caller<ContentRead>,
    id: Id<ContentId>,
    _: Params<Nothing>,
    reason: AccessReason,
    request: HttpRequest,
    stores: Data<AppContext>,
    content_store: Data<ContentStore>,
) -> ApiResult<HttpResponse> {
    let content = found(&stores, &caller, id.0).await?;
    let reason = admit(&stores, &caller, &content, reason).await?;
    if content.encrypted_for.is_some() {
        return Err(Problem::new(Code::RecordingEncrypted)
            .detail("This recording is encrypted for the tenant and cannot be played. Download it."));
    }
    if !content.is_playable() {
        return Err(
            Problem::new(Code::StateConflict).detail("Only audio and video can be played. Download this content.")
        );
    }
    let access = Access { action: Action::ContentPlayed, reason, by_ticket: false };
    let shown = caller.form.show_content(content.id);
    answer(&request, &stores, &content_store, &caller, (content, shown), access).await
}

/// Use a temporary address
///
/// The content that the address was made for. Content that is playable is played. Other content is downloaded, and a
/// text is in the anonymized view. The address works once, within 60 seconds, and needs no token. A player that asks for
/// ranges of a recording may do so until the time is up, or until a call without `Range`. For an address that was used,
/// has ended, or never existed, the call returns 404. Each use is audited under the name of the user who made the
/// address.
///
/// This operation needs no token and no scope.
#[utoipa::path(tag = "content", operation_id = "redeem_content_ticket", security(()),
    params(("ticket" = String, Path, description = "The ticket from the temporary address."),
        ("Range" = Option<String>, Header, description = "One range of bytes (RFC 9110), such as `bytes=0-1023`."),
        ("If-Range" = Option<String>, Header, description = "The `ETag` of the content to which the range belongs."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the content that the caller has.")),
    responses((status = 200, description = "All bytes of the content.", body = Binary, content_type = "*/*"),
        (status = 206, description = "The requested range of bytes.", body = Binary, content_type = "*/*"),
        (status = 304, description = "The caller already has this content."),
        OpenProblems, ItemProblems, RangeProblems, StateProblems))]
#[get("/archive/tickets/{ticket}")]
pub async fn redeem_content_ticket(
    _: Params<Nothing>,
    request: HttpRequest,
    stores: Data<AppContext>,
    content_store: Data<ContentStore>,
) -> ApiResult<HttpResponse> {
    let ticket = request.match_info().get("ticket").unwrap_or_default();
    let is_part = request.headers().contains_key(RANGE) || is_head(&request);
    let redeemed = redeem_ticket(&stores, ticket, is_part).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    let Redeemed { content, shown, actor, reason } = redeemed;
    let action = if content.is_playable() { Action::ContentPlayed } else { Action::ContentDownloaded };
    let access = Access { action, reason, by_ticket: true };
    if content.kind.is_text() {
        // A ticket does not know the scopes of its maker.
        let view = Some(View::Anonymized);
        return text::answer(&request, &stores, &content_store, &actor, (content, shown), access, view).await;
    }
    answer(&request, &stores, &content_store, &actor, (content, shown), access).await
}

/// The requested bytes. Recordings are played in place. All other content is an attachment, whatever its media type is.
///
/// `shown` is the id of the content as the caller sees it. For a recipient it is another one, and the digest is left out.
async fn answer(
    request: &HttpRequest,
    stores: &AppContext,
    content_store: &ContentStore,
    actor: &Actor,
    (content, shown): (Content, ContentId),
    access: Access,
) -> ApiResult<HttpResponse> {
    let is_played = access.action == Action::ContentPlayed;
    // Content never changes.
    let (tag, size) = (format!("\"{shown}\""), content.stored_size);
    if is_known(request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    }
    let (range, is_part) = match requested_range(request, size, &tag) {
        RequestedRange::Whole => (0..size, false),
        RequestedRange::Part(range) => (range, true),
        RequestedRange::Outside => {
            let size = format!("bytes */{size}");
            return Err(Problem::new(Code::RangeNotSatisfiable).header(CONTENT_RANGE, &size));
        }
    };
    let reading = open(stores, content_store, actor, &content, access, range.clone()).await?;
    if let Some(context) = request.app_data::<Data<HttpContext>>() {
        context.metrics.content_given(content.kind.as_str(), range.end - range.start);
    }
    let mut answer = if is_part { HttpResponse::PartialContent() } else { HttpResponse::Ok() };
    if is_part {
        answer.insert_header((CONTENT_RANGE, format!("bytes {}-{}/{}", range.start, range.end - 1, size)));
    }
    let cipher = content.encrypted_for.as_deref().map(KeyKind::of_fingerprint);
    if is_played {
        answer.insert_header((CONTENT_DISPOSITION, "inline"));
    } else {
        let extension = cipher.map(|kind| format!(".{}", kind.extension())).unwrap_or_default();
        answer
            .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{shown}{extension}\"")))
            .insert_header((CONTENT_SECURITY_POLICY, SANDBOX));
    }
    answer
        .insert_header((CONTENT_TYPE, cipher.map_or(content.media_type, |kind| kind.media_type().to_owned())))
        .insert_header((CONTENT_ENCODING, "identity"))
        .insert_header((ACCEPT_RANGES, "bytes"))
        .insert_header((ETAG, tag));
    if let Some(sha256) = content.sha256.filter(|_| content.encrypted_for.is_none() && shown == content.id) {
        answer.insert_header(("Repr-Digest", format!("sha-256=:{}:", STANDARD.encode(sha256))));
    }
    Ok(answer.body(SizedStream::new(range.end - range.start, Box::pin(stream(reading, content.id)))))
}

fn stream(
    reading: ContentReading,
    id: ContentId,
) -> impl futures_util::Stream<Item = Result<Bytes, crate::content::ContentError>> {
    futures_util::stream::try_unfold(reading, move |mut reading| async move {
        let next = reading.next().await.inspect_err(|error| {
            tracing::error!(content.id = %id, %error, "Sending content failed before its end");
        })?;
        Ok(next.map(|bytes| (Bytes::from(bytes), reading)))
    })
}
