//! The parts that every endpoint uses: the caller, the input, and the problems.
//!
//! This room knows no domain. An endpoint takes a [`caller::Caller`], without which it has no actor and so no data. It
//! reads its input by [`json::Body`], [`query::Params`], [`path::Id`], and [`etag::IfMatch`], and returns a response or
//! a [`problem::Problem`]. [`middleware::frame`] surrounds all routes.

pub mod accept;
pub mod auth;
pub mod caller;
mod code;
pub mod connections;
pub mod docs;
pub mod etag;
pub mod health;
pub mod json;
pub mod lines;
pub mod middleware;
pub mod path;
pub mod problem;
pub mod query;
pub mod raw;
pub mod registry;

use std::sync::Arc;

use crate::base::memory::MemoryBudget;
use crate::config::HttpConfig;
use crate::telemetry::Metrics;

pub use crate::base::field::FieldError;
pub use auth::TokenKeys;
pub use caller::{Caller, TenantDirectory};
pub use middleware::Limits;
pub use problem::{Code, Problem};
pub use registry::Registry;

/// The values that the frame and the extractors need. All workers share one, as app data (`web::Data<HttpContext>`).
pub struct HttpContext {
    pub http: HttpConfig,
    /// The keys that verify tokens.
    pub keys: TokenKeys,
    pub tenants: TenantDirectory,
    /// The limits of the number of calls.
    pub limits: Limits,
    pub metrics: Metrics,
    pub memory: Arc<MemoryBudget>,
}

pub type ApiResult<T> = Result<T, Problem>;
