//! The frame around all routes. Every call passes through it.
//!
//! It gives a call a request id and a time limit, reads the caller's token, and handles CORS. It handles `HEAD` as
//! `GET`. It returns `OPTIONS` and 405 from the table of routes, a panic as 500, and every failure as a problem. It
//! adds the headers, and writes one log line and one count.

mod body;
mod cors;
mod leaving;
mod limits;
mod response;
mod routes;

use std::cell::OnceCell;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{ACCEPT_ENCODING, ALLOW, AcceptEncoding, CONTENT_TYPE, Encoding, HeaderName};
use actix_web::http::{ConnectionType, Method};
use actix_web::middleware::{Compress, Next, from_fn};
use actix_web::web::Data;
use actix_web::{App, Error, HttpMessage as _, HttpResponse};
use futures_util::FutureExt as _;
use uuid::Uuid;

use self::body::{RequestBody, ResponseBody};
use self::cors::Origin;
use self::limits::Allowance;
use self::routes::Route;
use super::HttpContext;
use super::caller::authenticate;
use super::connections::OpenConnection;
use super::lines::is_stream;
use super::problem::{Code, Problem};
use crate::base::id::CallId;
use crate::base::memory::MemoryShare;

pub use self::limits::Limits;
pub use self::routes::Routes;

/// The header with the id of a call.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The facts of a call that are kept while it runs.
struct CallContext {
    id: CallId,
    method: Method,
    /// The route's pattern. It is `None` for a path without a route.
    route: Option<String>,
    /// Whether the path is one of the API, whose responses may contain personal data.
    api: bool,
    docs: bool,
    origin: Option<Origin>,
    started: Instant,
    /// The limits of the caller, once the call was counted.
    allowance: OnceCell<Allowance>,
}

/// An extension of a request that is a `HEAD`. A handler whose `GET` changes something reads it.
#[derive(Clone, Copy, Debug)]
pub struct HeadCall;

/// Adds the frame to an app whose routes are all registered.
pub fn frame<T, B>(
    app: App<T>,
    context: Data<HttpContext>,
    routes: Data<Routes>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>,
>
where
    T: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<B>, Error = Error, InitError = ()>
        + 'static,
    B: MessageBody + 'static,
{
    let app = app.app_data(context).app_data(routes);
    // A compressed response does not tell its length any more.
    app.wrap(from_fn(leaving::draw)).wrap(Compress::default()).wrap(from_fn(around))
}

async fn around<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (Some(context), Some(routes)) =
        (request.app_data::<Data<HttpContext>>().cloned(), request.app_data::<Data<Routes>>().cloned())
    else {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    };
    let call = CallContext::of(&request, &context, &routes);
    let connection = request.conn_data::<Arc<OpenConnection>>().cloned();
    let on_connection = connection.as_ref().map(OpenConnection::begin_call);
    let incoming = RequestBody::around(&mut request, &context.http);
    if accepts_no_coding(&request) {
        request.headers_mut().remove(ACCEPT_ENCODING);
    }
    request.extensions_mut().insert(call.id);
    if call.method == Method::HEAD {
        // The call is served as GET. The connection drops the body, because it knows that the call is a HEAD.
        request.head_mut().method = Method::GET;
        request.extensions_mut().insert(HeadCall);
    }
    let outcome = outcome(&call, &context, &routes, request, next).await;
    let finish = |response: HttpResponse| {
        let mut response = call.finish(response, &context);
        if connection.is_some_and(|connection| connection.is_closing()) {
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        let share = response.extensions_mut().remove::<MemoryShare>();
        if let (Some(_), Some(call)) = (&share, &on_connection) {
            call.holds_memory();
        }
        response.map_body(|_, body| BoxBody::new(ResponseBody::new(body, (incoming, share, on_connection))))
    };
    match outcome {
        Ok(response) => {
            let (request, response) = response.into_parts();
            Ok(ServiceResponse::new(request, finish(response)))
        }
        Err(error) => Err(InternalError::from_response("answered", finish(HttpResponse::from_error(error))).into()),
    }
}

/// Whether a caller accepts neither gzip nor plain bytes. It gets plain bytes nevertheless (RFC 9110, 12.5.3), and no 406.
fn accepts_no_coding(request: &ServiceRequest) -> bool {
    let accepted = request.get_header::<AcceptEncoding>();
    accepted.is_some_and(|accepted| accepted.negotiate([Encoding::gzip(), Encoding::identity()].iter()).is_none())
}

async fn outcome<B: MessageBody + 'static>(
    call: &CallContext,
    context: &HttpContext,
    routes: &Routes,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let route = routes.find(request.match_info().as_str());
    if let Some(response) = without_handler(call, &request, route) {
        // `into_response` would drop the problem of the response, so it is not used.
        let (request, _) = request.into_parts();
        return Ok(ServiceResponse::new(request, response));
    }
    let streams = request.headers().get(CONTENT_TYPE).is_some_and(is_stream)
        || route.is_some_and(|route| route.uploads(request.method()));
    let run = AssertUnwindSafe(async {
        if call.api
            && let Some(authenticated) = authenticate(request.request(), &context.keys, &context.tenants).await
        {
            let allowance = authenticated.actor().and_then(|actor| context.limits.count(actor, call.started));
            request.extensions_mut().insert(authenticated);
            if let Some(allowance) = allowance {
                call.allowance.get_or_init(|| allowance).check()?;
            }
        }
        next.call(request).await
    })
    .catch_unwind();
    let ran = if streams {
        // The body of a stream has limits of its own.
        run.await
    } else {
        match tokio::time::timeout(context.http.timeout(), run).await {
            Ok(ran) => ran,
            Err(_) => return Err(Problem::new(Code::Timeout).into()),
        }
    };
    match ran {
        Ok(response) => response.map(ServiceResponse::map_into_boxed_body),
        // The hook has logged the panic with its place.
        Err(_) => Err(Problem::new(Code::Internal).into()),
    }
}

/// The response of a call that needs no handler: OPTIONS, a preflight, and a method that the path does not have. A preflight
/// of an unknown path succeeds, so that the page sees the 404 of its call.
fn without_handler(call: &CallContext, request: &ServiceRequest, route: Option<&Route>) -> Option<HttpResponse> {
    let preflight = call.origin.as_ref().filter(|_| cors::is_preflight(request));
    let Some(route) = route else { return preflight.map(|origin| origin.preflight("")) };
    if route.serves(&call.method) {
        return None;
    }
    Some(match preflight {
        _ if call.method != Method::OPTIONS => {
            let refusal = Problem::new(Code::MethodNotAllowed).header(ALLOW, route.allow());
            HttpResponse::from_error(refusal)
        }
        Some(origin) => origin.preflight(route.allow()),
        None => HttpResponse::NoContent().insert_header((ALLOW, route.allow())).finish(),
    })
}

impl CallContext {
    fn of(request: &ServiceRequest, context: &HttpContext, routes: &Routes) -> Self {
        // The path as the router sees it, with percent-encoding decoded.
        let path = request.match_info().as_str();
        Self {
            id: call_id(request),
            method: request.method().clone(),
            route: routes.find(path).map(|route| route.pattern().to_owned()),
            api: path == "/api" || path.starts_with("/api/"),
            docs: path.starts_with("/docs"),
            origin: Origin::of(request, &context.http.cors_origins),
            started: Instant::now(),
            allowance: OnceCell::new(),
        }
    }
}

/// The caller's own request id if it is a UUID, and a new one otherwise.
fn call_id(request: &ServiceRequest) -> CallId {
    let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let given = given.filter(|id| id.len() == 36).and_then(|id| Uuid::try_parse(id).ok());
    given.map_or_else(CallId::new, CallId)
}

#[cfg(test)]
mod tests;
