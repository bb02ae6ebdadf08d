//! The last step of every response.

use actix_web::HttpResponse;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::http::Method;
use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use super::super::HttpContext;
use super::super::problem::{Code, PROBLEM_JSON, Problem};
use super::{CallContext, REQUEST_ID};

/// Pages of this service may load nothing.
const CLOSED: &str = "default-src 'none'; frame-ancestors 'none'";
/// The documentation may load only files of this service.
const OWN: &str = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'";

impl CallContext {
    /// Turns a failure into a problem, adds the headers of every response, and logs and counts the call.
    pub(super) fn finish<B: MessageBody + 'static>(
        &self,
        response: HttpResponse<B>,
        context: &HttpContext,
    ) -> HttpResponse<BoxBody> {
        let mut response = self.as_problem(response);
        let status = response.status();
        let headers = response.headers_mut();
        // A handler sets this if its response must not be compressed. Clients do not need it.
        if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding == "identity") {
            headers.remove(CONTENT_ENCODING);
        }
        let mut add = |name: HeaderName, value: &'static str| {
            if !headers.contains_key(&name) {
                headers.insert(name, HeaderValue::from_static(value));
            }
        };
        add(X_CONTENT_TYPE_OPTIONS, "nosniff");
        add(X_FRAME_OPTIONS, "DENY");
        add(REFERRER_POLICY, "no-referrer");
        add(CONTENT_SECURITY_POLICY, if self.docs { OWN } else { CLOSED });
        if self.api {
            add(CACHE_CONTROL, "no-store");
        }
        if let Ok(id) = HeaderValue::from_str(&self.id.to_string()) {
            headers.insert(REQUEST_ID, id);
        }
        if let Some(origin) = &self.origin {
            origin.open(headers);
        }
        if let Some(allowance) = self.allowance.get() {
            allowance.tell(headers);
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let route = self.route.as_deref().unwrap_or("none");
        context.metrics.called(self.method_word(), route, status.as_u16(), seconds);
        tracing::info!(
            request.id = %self.id,
            http.method = self.method_word(),
            http.route = route,
            http.status = status.as_u16(),
            duration_ms = (seconds * 1e6).round() / 1e3,
            "Answered"
        );
        response
    }

    /// The response itself, or the problem of its failure. A 5xx is logged here, once, with its cause. It is not logged
    /// if the service is not ready, because that was logged, or if it is being stopped, because that is expected.
    fn as_problem<B: MessageBody + 'static>(&self, response: HttpResponse<B>) -> HttpResponse<BoxBody> {
        let status = response.status();
        if !status.is_client_error() && !status.is_server_error() {
            return response.map_into_boxed_body();
        }
        let known = response.error().and_then(|error| error.as_error::<Problem>());
        let cause = known.and_then(Problem::causes);
        let is_expected = cause.is_none() && known.is_some_and(|known| known.code() == Code::Unavailable);
        if status.is_server_error() && !is_expected {
            tracing::error!(request.id = %self.id, code = known.map(|p| p.code().as_str()), cause, "A call failed");
        }
        let problem = response.headers().get(CONTENT_TYPE).is_some_and(|media_type| media_type == PROBLEM_JSON);
        match known {
            Some(known) => known.response(Some(self.id)),
            None if problem => response.map_into_boxed_body(),
            None => {
                let mut problem = Problem::new(Code::of_status(status));
                if let Some(allow) = response.headers().get(ALLOW).and_then(|allow| allow.to_str().ok()) {
                    problem = problem.header(ALLOW, allow);
                }
                problem.response(Some(self.id))
            }
        }
    }

    /// The method for logs and metrics. An unknown method is not repeated.
    fn method_word(&self) -> &'static str {
        match self.method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            Method::OPTIONS => "OPTIONS",
            _ => "other",
        }
    }
}
