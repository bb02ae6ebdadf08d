//! The memory of pages on their way out.

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpResponse};

use super::super::HttpContext;
use super::super::problem::Problem;
use crate::base::memory::FREE;

/// Draws a share for a long response in JSON, which is in memory until its peer has read it. Without room, the response
/// is dropped, and the call is 503. Content streams, and has the header `Content-Encoding`.
pub(super) async fn draw<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let context = request.app_data::<Data<HttpContext>>().cloned();
    let response = next.call(request).await?;
    let headers = response.headers();
    let is_json = headers.get(CONTENT_TYPE).is_some_and(|media_type| media_type.as_bytes() == b"application/json");
    let size = match response.response().body().size() {
        BodySize::Sized(size) if is_json && !headers.contains_key(CONTENT_ENCODING) => size,
        _ => 0,
    };
    let mut response = response.map_into_boxed_body();
    if let Some(context) = context.filter(|_| size > FREE as u64) {
        match context.memory.leaving(size - FREE as u64) {
            Ok(share) => drop(response.response_mut().extensions_mut().insert(share)),
            Err(error) => response = response.into_response(HttpResponse::from_error(Problem::from(error))),
        }
    }
    Ok(response)
}
