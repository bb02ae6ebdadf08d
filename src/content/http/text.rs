//! Texts in and out. A range is one of the text as its view shows it.

use std::sync::Arc;

use actix_web::body::SizedStream;
use actix_web::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use pii::text::document::DocumentError;

use super::headers::{RequestedRange, SANDBOX, is_known, requested_range};
use crate::archive::View;
use crate::archive::http::view_of;
use crate::base::actor::Actor;
use crate::base::crypto::sha256;
use crate::base::hex::hex;
use crate::base::id::{ContentId, TenantId};
use crate::content::text::{begin_text, show_text};
use crate::content::{Access, Content, ContentError, ContentStore, NewContent, Once};
use crate::http::raw::Raw;
use crate::http::{ApiResult, Code, Problem};
use crate::tenants;
use crate::vault::AppContext;

/// Receives a text. An upload that breaks off leaves nothing behind.
pub(super) async fn receive(
    mut raw: Raw,
    stores: &Arc<AppContext>,
    content_store: &Arc<ContentStore>,
    tenant: TenantId,
    new: NewContent,
    (sha256, is_utf8): (Option<[u8; 32]>, bool),
    once: Option<Arc<Once>>,
) -> ApiResult<(Content, usize)> {
    let mut upload = begin_text(stores, content_store, tenant, new, raw.announced()).await?.under(once);
    if !is_utf8 {
        return Err(Problem::new(Code::MediaTypeUnsupported).detail("Send the text in UTF-8."));
    }
    while let Some(bytes) = raw.next().await? {
        upload.push(&bytes).await?;
    }
    Ok(upload.finish(sha256).await?)
}

/// Why bytes are no text of their format.
pub(super) fn refuse(broken: &DocumentError) -> Problem {
    let invalid = || Problem::new(Code::ValidationFailed);
    match broken {
        DocumentError::NotJson { line, column } => Problem::new(Code::JsonInvalid)
            .detail(format!("The text is not JSON from line {line}, column {column} on. Correct it there.")),
        DocumentError::NotUtf8(at) => invalid().at("", "format", format!("is not UTF-8 from byte {at} on")),
        DocumentError::Line { line, rule } => invalid().at("", "format", format!("line {line} {rule}")),
        DocumentError::TooMany | DocumentError::TooSlow => invalid().at("", "format", broken.to_string()),
        DocumentError::Rule { pointer, rule } => invalid().at(pointer.clone(), "format", *rule),
    }
}

/// The text in the requested view or the widest allowed one, or a range of it.
pub(super) async fn answer(
    request: &HttpRequest,
    stores: &AppContext,
    content_store: &ContentStore,
    actor: &Actor,
    (content, shown_id): (Content, ContentId),
    access: Access,
    view: Option<View>,
) -> ApiResult<HttpResponse> {
    let tenant = tenants::find(&mut stores.archive.read().await?, actor.tenant).await?;
    let view = view_of(actor, &tenant.settings, view, false)?;
    if view == View::Identified && access.reason.is_none() && tenant.settings.purpose_required {
        let refusal = Problem::new(Code::PurposeRequired);
        return Err(refusal.parameter("Access-Reason", "required", "is required by the settings of the tenant"));
    }
    let mut shown = show_text(stores, content_store, actor, &content, access, view).await?;
    // A text without identifiers is the same for all recipients, so its tag is bound to the id that the caller sees.
    let (tag, size) = if shown_id == content.id {
        (format!("\"{}\"", shown.tag), shown.size)
    } else {
        let own = [shown_id.0.as_bytes(), shown.tag.as_bytes()].concat();
        (format!("\"{}\"", hex(&sha256(&own)[..16])), shown.size)
    };
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
    let mut answer = if is_part { HttpResponse::PartialContent() } else { HttpResponse::Ok() };
    if is_part {
        answer.insert_header((CONTENT_RANGE, format!("bytes {}-{}/{}", range.start, range.end - 1, size)));
    }
    let is_plain = content.media_type.starts_with("text/");
    let media_type = if is_plain { format!("{}; charset=utf-8", content.media_type) } else { content.media_type };
    let (length, share) = (range.end - range.start, shown.share.take());
    let parts = futures_util::stream::iter(shown.range(range).map(|part| Ok::<_, ContentError>(Bytes::from(part))));
    let mut answer = answer
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{shown_id}\"")))
        .insert_header((CONTENT_SECURITY_POLICY, SANDBOX))
        .insert_header((CONTENT_TYPE, media_type))
        .insert_header((CONTENT_ENCODING, "identity"))
        .insert_header((ACCEPT_RANGES, "bytes"))
        .insert_header((ETAG, tag))
        .body(SizedStream::new(length, parts));
    if let Some(share) = share {
        answer.extensions_mut().insert(share);
    }
    Ok(answer)
}
