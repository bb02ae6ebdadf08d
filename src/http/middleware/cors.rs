//! Pages of other origins that the settings allow.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ALLOW, HeaderMap,
    HeaderValue, ORIGIN, VARY,
};

/// The methods that pages may send.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
/// The headers that pages may send.
const MAY_SEND: &str = "Authorization, Content-Type, If-Match, If-None-Match, If-Range, Range, Idempotency-Key, \
                        X-Request-Id, Access-Reason, Content-Digest";
/// The headers that pages may read.
const MAY_READ: &str = "ETag, Location, Retry-After, X-Request-Id, Idempotency-Replayed, Content-Range, \
                        Content-Disposition, Accept-Ranges, Repr-Digest, RateLimit, RateLimit-Policy";
/// The time for which a page may remember the answer to its preflight, in seconds.
const REMEMBER: &str = "600";

/// An origin that the settings allow, or, with CORS on, one that they do not allow.
pub(super) struct Origin(Option<HeaderValue>);

impl Origin {
    /// The call's origin. It is `None` if CORS is off.
    pub(super) fn of(request: &ServiceRequest, allowed: &[String]) -> Option<Self> {
        if allowed.is_empty() {
            return None;
        }
        let origin = request.headers().get(ORIGIN);
        let known =
            origin.filter(|origin| allowed.iter().any(|known| known == "*" || origin.as_bytes() == known.as_bytes()));
        Some(Self(known.cloned()))
    }

    /// The response to a preflight. It allows every method of the API, so that a page sees the 405 of a call that it
    /// may not make.
    pub(super) fn preflight(&self, allow: &str) -> HttpResponse {
        let mut response = HttpResponse::NoContent();
        if !allow.is_empty() {
            response.insert_header((ALLOW, allow));
        }
        if self.0.is_some() {
            response.insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS));
            response.insert_header((ACCESS_CONTROL_ALLOW_HEADERS, MAY_SEND));
            response.insert_header((ACCESS_CONTROL_MAX_AGE, REMEMBER));
        }
        response.finish()
    }

    /// Allows the page to read the response.
    pub(super) fn open(&self, headers: &mut HeaderMap) {
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = &self.0 {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(MAY_READ));
        }
    }
}

/// Whether a call is a preflight.
pub(super) fn is_preflight(request: &ServiceRequest) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(ORIGIN)
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
