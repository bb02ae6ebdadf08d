//! Reads bytes as they arrive, of any media type and length.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt as _;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};

use super::json::{broken_off, is_encoded};
use super::problem::{Code, Problem};

/// The media type under which the document describes bytes. A route that accepts them has no time limit for the whole
/// call.
pub const BYTES: &str = "application/octet-stream";

/// A body of bytes, from [`Raw::next`]. The memory in use is one piece.
pub struct Raw {
    payload: Payload,
    announced: Option<u64>,
}

impl Raw {
    /// The number of bytes that the caller announced.
    #[must_use]
    pub const fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// The next bytes. Returns `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        self.payload.next().await.transpose().map_err(broken_off)
    }
}

impl FromRequest for Raw {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if is_encoded(request) {
            let refusal = Problem::new(Code::MediaTypeUnsupported).detail("Send the body without Content-Encoding.");
            return ready(Err(refusal));
        }
        let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        ready(Ok(Self { payload: payload.take(), announced }))
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Binary;

impl utoipa::PartialSchema for Binary {
    fn schema() -> RefOr<Schema> {
        let bytes = ObjectBuilder::new().schema_type(Type::String);
        bytes.format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary))).into()
    }
}

impl utoipa::ToSchema for Binary {}
