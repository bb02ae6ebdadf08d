//! Every answer that is no success: RFC 9457, one table of codes, no word of what was sent.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::base::actor::Scope;
use crate::base::field::FieldError;
use crate::base::id::CallId;
use crate::store::StoreError;

pub const PROBLEM_JSON: &str = "application/problem+json";

/// Declares the codes once: the variant, its word, its status and its title.
macro_rules! codes {
    ($($name:ident = $word:literal, $status:literal, $title:literal;)*) => {
        /// What went wrong, as a word that clients may rely on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $title] $name,)* }

        impl Code {
            /// All codes, in the order of their statuses.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word of the member `code`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The status, as a number.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// What it means, the same for each of its kind.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    BadRequest = "bad_request", 400, "The request cannot be read.";
    JsonInvalid = "json_invalid", 400, "The body is not JSON.";
    CursorInvalid = "cursor_invalid", 400, "The cursor does not belong to this query.";
    Unauthorized = "unauthorized", 401, "A valid token is needed.";
    Forbidden = "forbidden", 403, "The token does not allow this.";
    PurposeRequired = "purpose_required", 403, "The purpose must be stated here.";
    TenantUnknown = "tenant_unknown", 403, "The token names no tenant of this service.";
    NotFound = "not_found", 404, "There is no such thing.";
    MethodNotAllowed = "method_not_allowed", 405, "The method is not allowed here.";
    NotAcceptable = "not_acceptable", 406, "No acceptable representation exists.";
    Timeout = "timeout", 408, "The call took too long.";
    StateConflict = "state_conflict", 409, "The state does not allow this.";
    PassStarted = "pass_started", 409, "A pass has begun to carry the request out.";
    RecordingEncrypted = "recording_encrypted", 409, "Only the tenant can open the recording.";
    RecordingKeyExpired = "recording_key_expired", 409, "The key that recordings are encrypted with has expired.";
    ContentForgotten = "content_forgotten", 409, "The interaction's content was deleted for its customer.";
    InProgress = "in_progress", 409, "The same call is still running.";
    VersionStale = "version_stale", 412, "Somebody else has changed it.";
    TooLarge = "too_large", 413, "The body is too large.";
    MediaTypeUnsupported = "media_type_unsupported", 415, "The body has an unsupported media type.";
    RangeNotSatisfiable = "range_not_satisfiable", 416, "The range lies outside of the content.";
    ValidationFailed = "validation_failed", 422, "The request breaks rules.";
    IdempotencyKeyReused = "idempotency_key_reused", 422, "The idempotency key stands for another call.";
    IfMatchRequired = "if_match_required", 428, "If-Match is needed.";
    TooManyRequests = "too_many_requests", 429, "Too many calls.";
    HeadersTooLarge = "headers_too_large", 431, "The headers are too large.";
    Internal = "internal", 500, "Something went wrong here.";
    NotBuiltIn = "not_built_in", 501, "This build cannot do this.";
    Unavailable = "unavailable", 503, "The service cannot answer now.";
}

impl Code {
    #[must_use]
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.number()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The code for a failure of the framework, of which only the status is known.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            406 => Self::NotAcceptable,
            408 => Self::Timeout,
            409 => Self::StateConflict,
            412 => Self::VersionStale,
            413 => Self::TooLarge,
            415 => Self::MediaTypeUnsupported,
            416 => Self::RangeNotSatisfiable,
            422 => Self::ValidationFailed,
            428 => Self::IfMatchRequired,
            429 => Self::TooManyRequests,
            431 => Self::HeadersTooLarge,
            501 => Self::NotBuiltIn,
            503 => Self::Unavailable,
            400..=499 => Self::BadRequest,
            _ => Self::Internal,
        }
    }
}

/// A store that is away is 503: the same call may succeed later. Everything else is ours to mend.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_transient() { Self::new(Code::Unavailable).caused_by(error) } else { Self::internal(error) }
    }
}

/// A problem's body, as the documentation describes it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// A URI that names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:lethe:problem:validation_failed")]
    pub kind: String,
    /// What this kind of problem means.
    #[schema(example = "The request breaks rules.")]
    pub title: &'static str,
    /// The status.
    #[schema(example = 422)]
    pub status: u16,
    /// What to do about this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The call, as the log names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "urn:uuid:0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11")]
    pub instance: Option<String>,
    /// The kind of problem as a stable word.
    #[schema(example = "validation_failed")]
    pub code: &'static str,
    /// The places that break rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// An answer that is no success.
///
/// Clients read code, detail and places; the cause is for the log of operators alone.
pub struct Problem(Box<Inner>);

struct Inner {
    code: Code,
    detail: Option<Cow<'static, str>>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
    needs: &'static [Scope],
    instance: Option<CallId>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Problem {
    #[must_use]
    pub fn new(code: Code) -> Self {
        let (errors, headers) = (Vec::new(), Vec::new());
        let problem =
            Self(Box::new(Inner { code, detail: None, errors, headers, needs: &[], instance: None, cause: None }));
        match code {
            Code::Unauthorized => problem.header(HeaderName::from_static("www-authenticate"), "Bearer"),
            Code::Unavailable | Code::TooManyRequests => problem.header(HeaderName::from_static("retry-after"), "5"),
            _ => problem,
        }
    }

    /// 422 with the places that break rules.
    #[must_use]
    pub fn invalid(places: Vec<FieldError>) -> Self {
        let mut problem = Self::new(Code::ValidationFailed);
        problem.0.errors = places;
        problem
    }

    /// 500 with its cause, which goes to the log.
    #[must_use]
    pub fn internal(cause: impl StdError + Send + Sync + 'static) -> Self {
        Self::new(Code::Internal).caused_by(cause)
    }

    /// Says what to do; never quotes what was sent.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds a place of the body, as a JSON pointer.
    #[must_use]
    pub fn at(
        self,
        pointer: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.place(FieldError::at(pointer, code, detail))
    }

    /// Adds a query parameter or a header.
    #[must_use]
    pub fn parameter(
        self,
        name: impl Into<Cow<'static, str>>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.place(FieldError::parameter(name, code, detail))
    }

    #[must_use]
    pub fn place(mut self, place: FieldError) -> Self {
        self.0.errors.push(place);
        self
    }

    /// Adds a header, in place of one of the same name. A text that no header can hold is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers.retain(|(known, _)| *known != name);
            self.0.headers.push((name, value));
        }
        self
    }

    /// Names the scopes of which one is missing, for the audit log.
    #[must_use]
    pub(super) fn needing(mut self, needs: &'static [Scope]) -> Self {
        self.0.needs = needs;
        self
    }

    /// The scopes of which one is missing.
    pub(super) fn needs(&self) -> &'static [Scope] {
        self.0.needs
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl StdError + Send + Sync + 'static) -> Self {
        self.0.cause = Some(Box::new(cause));
        self
    }

    #[must_use]
    pub fn of_call(mut self, call: CallId) -> Self {
        self.0.instance = Some(call);
        self
    }

    /// What kind of problem it is.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    #[must_use]
    pub fn places(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The places that break rules, for the report of a line.
    #[must_use]
    pub fn into_places(self) -> Vec<FieldError> {
        self.0.errors
    }

    /// The cause and its causes, for the log.
    pub(super) fn causes(&self) -> Option<String> {
        let mut cause: &(dyn StdError + 'static) = self.0.cause.as_deref()?;
        let mut text = cause.to_string();
        while let Some(next) = cause.source() {
            text = format!("{text}: {next}");
            cause = next;
        }
        Some(text)
    }

    /// The answer, for the call it was given to.
    pub(super) fn answer(&self, call: Option<CallId>) -> HttpResponse {
        let Inner { code, detail, errors, headers, needs: _, instance, cause: _ } = &*self.0;
        let body = ProblemBody {
            kind: format!("urn:lethe:problem:{}", code.as_str()),
            title: code.title(),
            status: code.number(),
            detail: detail.as_ref().map(ToString::to_string),
            instance: call.or(*instance).map(|call| format!("urn:uuid:{call}")),
            code: code.as_str(),
            errors: errors.clone(),
        };
        let mut answer = HttpResponse::build(code.status()).json(body);
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        for (name, value) in headers {
            answer.headers_mut().insert(name.clone(), value.clone());
        }
        answer
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem").field("code", &self.0.code).field("errors", &self.0.errors).finish_non_exhaustive()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code.as_str())
    }
}

impl StdError for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.answer(None)
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}
