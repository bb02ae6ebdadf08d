//! Reads JSON. The reader is strict about types, unknown fields, and text. Its errors name the place and never the
//! value.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{Bytes, BytesMut, Data};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use validator::Validate;

use super::HttpContext;
use super::problem::{Code, Problem};
use crate::base::json::{BodyError, broken_rules, parse, parse_value, read_value, weight};
use crate::base::memory::{FREE, GrowingShare, MemoryBudget, MemoryShare};
use crate::config::{HttpConfig, MemoryConfig};

/// How often the text of a body is in memory: as it arrived, and as the values that are made of it.
const COPIES: usize = 3;

impl From<BodyError> for Problem {
    fn from(unread: BodyError) -> Self {
        match unread {
            BodyError::NotJson { line, column } => Self::new(Code::JsonInvalid)
                .detail(format!("The body is not JSON from line {line}, column {column} on. Correct it there.")),
            BodyError::Misshaped(places) => Self::invalid(places),
        }
    }
}

/// A JSON body. The extractor returns 415, 413, 400, and 422 before the handler runs.
#[derive(Clone, Copy, Debug)]
pub struct Body<T>(pub T);

/// A JSON body that may be left out. A call without one, or with an empty one or null, has the body `{}`.
#[derive(Clone, Copy, Debug)]
pub struct OptionalBody<T>(pub T);

/// A JSON body that follows the rules of its type ([`Validate`]).
#[derive(Clone, Copy, Debug)]
pub struct Valid<T>(pub T);

/// A JSON merge patch (RFC 7396). Only [`MergePatch::read`] checks its shape, because 404, 428, 412, and 409 come
/// before 422.
#[derive(Clone, Debug)]
pub struct MergePatch(Value);

impl MergePatch {
    /// Reads the patch as a type whose fields distinguish absent from null: [`crate::base::patch::PatchField`].
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        read_value(self.0.clone()).map_err(Problem::invalid)
    }
}

/// A body of comma-separated values.
#[derive(Clone, Debug)]
pub struct Csv(pub Bytes);

impl FromRequest for Csv {
    type Error = Problem;
    type Future = BodyFuture<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move { Ok(Self(text(&request, payload, &["text/csv"]).await?)) })
    }
}

type BodyFuture<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = BodyFuture<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let text = text(&request, payload, &["application/json"]).await?;
            let _work = work(&request, &text).await?;
            Ok(Self(parse(&text)?))
        })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for OptionalBody<T> {
    type Error = Problem;
    type Future = BodyFuture<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let text = match check_type(&request, &["application/json"]) {
                Ok(()) => whole(&request, payload).await?,
                Err(refused) => {
                    if !is_empty(payload).await? {
                        return Err(refused);
                    }
                    Bytes::new()
                }
            };
            let _work = work(&request, &text).await?;
            let value = if text.is_empty() { Value::Null } else { parse_value(&text)? };
            let value = if value.is_null() { Value::Object(serde_json::Map::new()) } else { value };
            Ok(Self(read_value(value).map_err(Problem::invalid)?))
        })
    }
}

impl<T: DeserializeOwned + Validate + 'static> FromRequest for Valid<T> {
    type Error = Problem;
    type Future = BodyFuture<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Body::<T>::from_request(request, payload);
        Box::pin(async move {
            let Body(value) = body.await?;
            value.validate().map_err(|errors| Problem::invalid(broken_rules(&errors)))?;
            Ok(Self(value))
        })
    }
}

impl FromRequest for MergePatch {
    type Error = Problem;
    type Future = BodyFuture<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let text = text(&request, payload, &["application/json", "application/merge-patch+json"]).await?;
            let _work = work(&request, &text).await?;
            Ok(Self(parse_value(&text)?))
        })
    }
}

/// The body's text, if it has one of the media types and is not too long.
async fn text(request: &HttpRequest, payload: Payload, media_types: &[&str]) -> Result<Bytes, Problem> {
    check_type(request, media_types)?;
    whole(request, payload).await
}

fn check_type(request: &HttpRequest, media_types: &[&str]) -> Result<(), Problem> {
    let found = media_type(request)?;
    if media_types.contains(&found.as_str()) {
        return Ok(());
    }
    let detail = format!("Send {}.", media_types.join(" or "));
    Err(Problem::new(Code::MediaTypeUnsupported).detail(detail))
}

/// Whether a body has no bytes.
async fn is_empty(mut payload: Payload) -> Result<bool, Problem> {
    while let Some(chunk) = payload.next().await {
        if !chunk.map_err(broken_off)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The body's media type without parameters, in lower case. Charsets other than UTF-8 and compressed bodies are 415.
pub(super) fn media_type(request: &HttpRequest) -> Result<String, Problem> {
    let unsupported = |detail: &'static str| Problem::new(Code::MediaTypeUnsupported).detail(detail);
    if is_encoded(request) {
        return Err(unsupported("Send the body without Content-Encoding."));
    }
    let header = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut parts = header.ok_or_else(|| unsupported("Send the header Content-Type."))?.split(';');
    let media_type = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    for parameter in parts {
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        let charset = name.trim().eq_ignore_ascii_case("charset");
        if charset && !value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8") {
            return Err(unsupported("Send the body in UTF-8."));
        }
    }
    Ok(media_type)
}

/// Whether a body is compressed. The names of encodings may be in capitals (RFC 9110, 8.4.1).
pub(super) fn is_encoded(request: &HttpRequest) -> bool {
    let encodings = request.headers().get_all(CONTENT_ENCODING);
    encodings.into_iter().any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// A share for reading a long text.
async fn work(request: &HttpRequest, text: &[u8]) -> Result<Option<MemoryShare>, Problem> {
    let weight = weight(text);
    if weight <= FREE {
        return Ok(None);
    }
    Ok(Some(memory(request).work(weight as u64).await?))
}

/// The memory of the service.
pub(super) fn memory(request: &HttpRequest) -> Arc<MemoryBudget> {
    let context = request.app_data::<Data<HttpContext>>();
    context.map_or_else(
        || Arc::new(MemoryBudget::new(MemoryConfig::default().budget)),
        |context| Arc::clone(&context.memory),
    )
}

/// The whole body, up to the limit of the settings. Its share of memory lasts as long as the call.
pub(super) async fn whole(request: &HttpRequest, mut payload: Payload) -> Result<Bytes, Problem> {
    let limit = request
        .app_data::<Data<HttpContext>>()
        .map_or(HttpConfig::default().body_limit, |context| context.http.body_limit);
    let too_large = || Problem::new(Code::TooLarge).detail(format!("Send at most {limit} bytes."));
    let announced =
        request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let (mut text, mut share) = (BytesMut::new(), GrowingShare::new(memory(request)));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(broken_off)?;
        if text.len() + chunk.len() > limit {
            return Err(too_large());
        }
        let size = text.len() + chunk.len();
        share.grow(COPIES * size, COPIES * announced.unwrap_or(limit)).await?;
        text.extend_from_slice(&chunk);
    }
    request.extensions_mut().insert(share);
    Ok(text.freeze())
}

/// The problem of a body that did not arrive completely.
pub(super) fn broken_off(error: PayloadError) -> Problem {
    match error {
        PayloadError::Overflow => Problem::new(Code::TooLarge),
        PayloadError::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            Problem::new(Code::Timeout).detail("The call timed out waiting for the body. Send the body faster.")
        }
        _ => Problem::new(Code::BadRequest).detail("The body did not arrive completely. Send the call again."),
    }
}

#[cfg(test)]
mod tests;
