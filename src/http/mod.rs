//! The kit of every endpoint: who calls, what was sent, how to answer when something is wrong.
//!
//! It knows no domain. An endpoint takes a [`caller::Caller`] (without one it has no actor and so no data), reads its
//! input by [`json::Body`], [`query::Params`], [`path::Id`] and [`etag::IfMatch`], and answers or gives a
//! [`problem::Problem`]. [`middleware::frame`] goes around all routes.

pub mod auth;
pub mod caller;
pub mod connections;
pub mod docs;
pub mod etag;
pub mod health;
pub mod idempotency;
pub mod json;
pub mod lines;
pub mod middleware;
pub mod path;
pub mod problem;
pub mod query;
pub mod raw;
pub mod registry;

use crate::config::HttpConfig;
use crate::telemetry::Metrics;

pub use crate::base::field::FieldError;
pub use auth::Keys;
pub use caller::{Caller, TenantDirectory};
pub use problem::{Code, Problem};
pub use registry::Registry;

/// What the frame and the extractors need; one for all workers, as app data (`web::Data<HttpContext>`).
pub struct HttpContext {
    pub http: HttpConfig,
    /// The keys that tokens are verified with.
    pub keys: Keys,
    pub tenants: TenantDirectory,
    pub metrics: Metrics,
}

pub type ApiResult<T> = Result<T, Problem>;
