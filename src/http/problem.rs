//! Problems: every response that is not a success (RFC 9457). A problem never quotes the request.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

pub use super::code::Code;
use crate::base::actor::Scope;
use crate::base::field::FieldError;
use crate::base::id::CallId;
use crate::base::memory::MemoryError;
use crate::store::StoreError;

pub const PROBLEM_JSON: &str = "application/problem+json";

/// If a database is unavailable, the problem is 503, because the same call may succeed later. Any other error is one of
/// the service.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        // A database that is gone, or that lets nobody in, may be on the way to being restored.
        let is_away = error.is_transient() || matches!(error, StoreError::Address(_));
        if is_away { Self::new(Code::Unavailable).caused_by(error) } else { Self::internal(error) }
    }
}

/// A call without room is expected where there are many calls, and no error of the service.
impl From<MemoryError> for Problem {
    fn from(error: MemoryError) -> Self {
        match error {
            MemoryError::Crowded => Self::new(Code::Unavailable)
                .detail("The service is processing as much as its memory allows. Send this call again a little later."),
            MemoryError::OverBudget => Self::new(Code::TooLarge)
                .detail("This call needs more memory than the settings of this service allow. Send less at once."),
        }
    }
}

/// A problem (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// A URI that names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:lethe:problem:validation_failed")]
    pub kind: String,
    /// The meaning of this kind of problem.
    #[schema(example = "The request is invalid.")]
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// The error of this call, and advice for the caller.
    #[schema(value_type = String)]
    pub detail: Cow<'static, str>,
    /// The id of the call, as the log contains it.
    #[schema(example = "urn:uuid:0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11")]
    pub instance: String,
    /// The kind of problem, as a stable code.
    #[schema(value_type = Code)]
    pub code: &'static str,
    /// The fields and parameters that are invalid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The state of the erasure journal. Only `/readyz` has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false, example = "behind")]
    pub journal: Option<&'static str>,
}

/// A response that is not a success.
///
/// Clients read the code, the detail, and the field errors. Only the log contains the cause.
pub struct Problem(Box<Parts>);

struct Parts {
    code: Code,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
    needs: &'static [Scope],
    journal: Option<&'static str>,
    instance: Option<CallId>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Problem {
    #[must_use]
    pub fn new(code: Code) -> Self {
        let (detail, errors, headers) = (code.detail().into(), Vec::new(), Vec::new());
        let (needs, journal) = (&[][..], None);
        let parts = Parts { code, detail, errors, headers, needs, journal, instance: None, cause: None };
        let problem = Self(Box::new(parts));
        match code {
            Code::Unauthorized => problem.header(HeaderName::from_static("www-authenticate"), "Bearer"),
            Code::Unavailable | Code::ReplayNeeded | Code::TooManyRequests => {
                problem.header(HeaderName::from_static("retry-after"), "5")
            }
            _ => problem,
        }
    }

    /// 422 with the invalid fields.
    #[must_use]
    pub fn invalid(places: Vec<FieldError>) -> Self {
        let mut problem = Self::new(Code::ValidationFailed);
        problem.0.errors = places;
        problem
    }

    /// 500 with its cause, which is logged.
    #[must_use]
    pub fn internal(cause: impl StdError + Send + Sync + 'static) -> Self {
        Self::new(Code::Internal).caused_by(cause)
    }

    /// Replaces the detail of the code by a more exact one. It never quotes the request.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// Adds a field of the body, as a JSON pointer.
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

    /// Adds a header, and replaces one of the same name. A text that cannot be a header is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers.retain(|(known, _)| *known != name);
            self.0.headers.push((name, value));
        }
        self
    }

    /// Names the state of the erasure journal.
    #[must_use]
    pub(super) fn journal(mut self, state: &'static str) -> Self {
        self.0.journal = Some(state);
        self
    }

    /// Names the scopes, one of which is missing, for the audit log.
    #[must_use]
    pub(super) fn needing(mut self, needs: &'static [Scope]) -> Self {
        self.0.needs = needs;
        self
    }

    /// The scopes, one of which is missing.
    pub(super) fn needs(&self) -> &'static [Scope] {
        self.0.needs
    }

    /// Stores the cause for the log.
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

    /// The kind of the problem.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    #[must_use]
    pub fn places(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The invalid fields, for the report of a line.
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

    /// The response to a call.
    pub(super) fn response(&self, call: Option<CallId>) -> HttpResponse {
        let Parts { code, detail, errors, headers, needs: _, journal, instance, cause: _ } = &*self.0;
        let body = ProblemBody {
            kind: format!("urn:lethe:problem:{}", code.as_str()),
            title: code.title(),
            status: code.number(),
            detail: detail.clone(),
            instance: format!("urn:uuid:{}", call.or(*instance).unwrap_or_default()),
            code: code.as_str(),
            errors: errors.clone(),
            journal: *journal,
        };
        let mut response = HttpResponse::build(code.status()).json(body);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        for (name, value) in headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response
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
        self.response(None)
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}
