//! Uploads and temporary addresses under an idempotency key.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::body::{ContentItem, ContentTicket};
use super::headers::Declared;
use crate::base::actor::Actor;
use crate::base::hex::hex;
use crate::content::{Content, Keyed, NewContent, Once, Uploaded, find};
use crate::http::{ApiResult, Code, Problem};
use crate::idempotency::http::{IdempotencyHeader, REPLAYED};
use crate::idempotency::{self, IdempotencyError};
use crate::vault::AppContext;

/// The facts by which an upload is compared. Its bytes have not arrived yet, so a key needs their digest.
pub(super) fn upload(declared: &Declared, new: &NewContent, announced: Option<u64>) -> ApiResult<Value> {
    let sha256 = declared.sha256.ok_or_else(|| {
        let rule = "is required with Idempotency-Key: must have a sha-256";
        Problem::new(Code::ValidationFailed).parameter("Content-Digest", "required", rule)
    })?;
    let NewContent { interaction, kind, media_type, sensitivity } = new;
    Ok(json!({
        "interaction": interaction, "kind": kind.as_str(), "sensitivity": sensitivity, "media_type": media_type.as_str(),
        "length": announced, "sha256": hex(&sha256),
    }))
}

/// Begins a call. Without a key, the result is `None`.
pub(super) async fn begin<T: DeserializeOwned>(
    stores: &Arc<AppContext>,
    actor: &Actor,
    route: &str,
    key: &IdempotencyHeader,
    body: impl FnOnce() -> ApiResult<Value>,
) -> ApiResult<Option<Keyed<T>>> {
    let Some(key) = &key.0 else { return Ok(None) };
    let body = body()?;
    let key = idempotency::IdempotencyKey::new(&stores.service_key().await?, actor, route, key, &body);
    let key = key.map_err(IdempotencyError::from)?;
    Ok(Some(Once::begin(stores, key).await?))
}

/// The outcome of a call, whose key is released if it failed.
pub(super) async fn end<T>(once: Option<Arc<Once>>, outcome: ApiResult<T>) -> ApiResult<T> {
    if let (Err(_), Some(once)) = (&outcome, &once) {
        once.release().await;
    }
    outcome
}

/// The response to an upload that an earlier call has stored.
pub(super) async fn uploaded(
    stores: &AppContext,
    actor: &Actor,
    Uploaded { id, dropped }: Uploaded,
    sha256: Option<[u8; 32]>,
) -> ApiResult<HttpResponse> {
    let content = find(stores, actor.tenant, id).await?.ok_or_else(|| {
        Problem::new(Code::StateConflict).detail(
            "The content that the first call with this key stored was deleted. Nothing was stored. Use another key.",
        )
    })?;
    // The sender knows the digest of a text, although the service does not keep it.
    let item = ContentItem::without_parts(Content { sha256, ..content }, &actor.form, dropped);
    Ok(HttpResponse::Created().insert_header((LOCATION, item.path())).insert_header((REPLAYED, "true")).json(item))
}

/// The response to a call for an address that an earlier call has shown. The address is a secret.
pub(super) fn ticketed(expires_at: DateTime<Utc>) -> HttpResponse {
    HttpResponse::Created().insert_header((REPLAYED, "true")).json(ContentTicket { url: None, expires_at })
}
