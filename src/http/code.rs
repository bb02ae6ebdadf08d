//! The one table of problem codes.

use actix_web::http::StatusCode;

use crate::base::words::{described, words};

/// Declares the codes once: the variant, the code, the status, the title, and the detail. A problem that says nothing
/// more exact has the detail of its code, so no problem is without one.
macro_rules! codes {
    ($($name:ident = $word:literal, $status:literal, $title:literal, $detail:literal;)*) => {
        /// The kind of a problem. Clients may rely on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $title] $name,)* }

        words! { impl Code { $($name = $word,)* } }

        impl Code {
            /// The status as a number.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// The meaning, which is the same for each problem of the code.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// The advice for the caller, unless the problem has a more exact one.
            #[must_use]
            pub const fn detail(self) -> &'static str {
                match self { $(Self::$name => $detail,)* }
            }
        }
    };
}

codes! {
    BadRequest = "bad_request", 400, "The request cannot be read.",
        "Send a request that the OpenAPI document describes.";
    JsonInvalid = "json_invalid", 400, "The body is not JSON.",
        "Send one JSON value in UTF-8.";
    CursorInvalid = "cursor_invalid", 400, "The cursor does not belong to this query.",
        "Send the `next_cursor` of the previous page with the same query, or begin without a cursor.";
    Unauthorized = "unauthorized", 401, "A valid token is required.",
        "Send the header Authorization: Bearer with a valid access token.";
    Forbidden = "forbidden", 403, "The token does not allow this call.",
        "Send a token with a scope that allows this call.";
    PurposeRequired = "purpose_required", 403, "A purpose is required.",
        "State the purpose of this call.";
    OwnRequest = "own_request", 403, "Another user must decide.",
        "Ask another user with the scope `reveals:approve` to approve or deny it.";
    NotRequester = "not_requester", 403, "This belongs to another user.",
        "Only the user who requested it can make this call.";
    TenantUnknown = "tenant_unknown", 403, "The token names no tenant of this service.",
        "Send a token of a tenant that exists in this service.";
    NotFound = "not_found", 404, "Not found.",
        "No resource has this address. Check the path and the id.";
    CertificateNotReady = "certificate_not_ready", 404, "The certificate is not made yet.",
        "Wait until the nightly job has carried out the request and ended.";
    MethodNotAllowed = "method_not_allowed", 405, "The method is not allowed here.",
        "Use a method that the header Allow names.";
    Timeout = "timeout", 408, "The call timed out.",
        "Send the call again, or a smaller one.";
    StateConflict = "state_conflict", 409, "The current state does not allow this call.",
        "Read the resource again, and check its state.";
    PassStarted = "pass_started", 409, "A pass has begun to carry out the request.",
        "The request can no longer be changed or cancelled. Wait until it is done.";
    RecordingEncrypted = "recording_encrypted", 409, "Only the tenant can open the recording.",
        "Download the recording, and open it with the tenant's private key.";
    RecordingKeyExpired = "recording_key_expired", 409, "The tenant's recording key has expired.",
        "Register another recording key, and send the recording again.";
    ContentForgotten = "content_forgotten", 409, "The content of this interaction was deleted for its customer.",
        "Nothing was stored. Do not send this content again.";
    RevealWaiting = "reveal_waiting", 409, "Nobody has approved the reveal yet.",
        "Wait until another user has approved it.";
    RevealExpired = "reveal_expired", 409, "The time of the reveal is over.",
        "Request another reveal.";
    RecordAged = "record_aged", 409, "The interaction is aged.",
        "Nothing was stored. An aged interaction accepts no content.";
    LegalHold = "legal_hold", 409, "A legal hold keeps the record.",
        "Nothing was deleted. Wait until the hold is released.";
    InProgress = "in_progress", 409, "The same call is still running.",
        "Send the call again when the other one has ended.";
    VersionStale = "version_stale", 412, "The resource has changed since it was read.",
        "Read it again, and send the change with the new ETag.";
    TooLarge = "too_large", 413, "The body is too large.",
        "Send a smaller body.";
    MediaTypeUnsupported = "media_type_unsupported", 415, "The media type of the body is not supported.",
        "Send a media type that the OpenAPI document names for this call.";
    RangeNotSatisfiable = "range_not_satisfiable", 416, "The range lies outside of the content.",
        "Send a range within the size that the header Content-Range names.";
    ValidationFailed = "validation_failed", 422, "The request is invalid.",
        "Correct the fields and parameters that `errors` names.";
    IdempotencyKeyReused = "idempotency_key_reused", 422, "The idempotency key belongs to another call.",
        "Send each new call with a new key.";
    TooManyCells = "too_many_cells", 422, "The total has too many cells.",
        "Request fewer groups, a shorter time, or no percentiles.";
    GrainGone = "grain_gone", 422, "Interactions of this time are aged, and such a total is not kept.",
        "Group and filter by day, queue, channel, direction, and outcome, or by month, agent, and channel. Request no \
         percentiles.";
    IfMatchRequired = "if_match_required", 428, "The header If-Match is required.",
        "Send If-Match with the ETag of the last read.";
    TooManyRequests = "too_many_requests", 429, "There are too many calls.",
        "Wait for the seconds that the header Retry-After names, and send the call again.";
    RevealCap = "reveal_cap", 429, "The user has opened as many values as a day allows.",
        "Wait for the seconds that the header Retry-After names, until the next day begins.";
    HeadersTooLarge = "headers_too_large", 431, "The headers are too large.",
        "Send shorter headers.";
    Internal = "internal", 500, "An internal error occurred.",
        "The call failed. Report the `instance` of this problem to the operator of this service.";
    NotBuiltIn = "not_built_in", 501, "This build does not include the feature.",
        "Use a build that includes the feature. The operator of this service installs it.";
    Unavailable = "unavailable", 503, "The service is unavailable.",
        "Wait for the seconds that the header Retry-After names, and send the call again.";
    ReplayNeeded = "replay_needed", 503, "A database was restored from a backup.",
        "The operator must run `lethe replay`. Until then, the service would show customers who were forgotten since \
         the backup.";
}

described!(Code as "ProblemCode", "The kind of a problem.");

impl Code {
    #[must_use]
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.number()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The code of a failure of the framework, which gives only a status.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
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
