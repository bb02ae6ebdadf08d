//! The problems of tenants. Their endpoints are in `app`.

use super::model::TenantError;
use crate::http::{Code, Problem};

impl From<TenantError> for Problem {
    fn from(error: TenantError) -> Self {
        match error {
            TenantError::Slug => Self::new(Code::ValidationFailed).at(
                "/slug",
                "format",
                "must be 1 to 63 lower-case letters, digits, and dashes",
            ),
            TenantError::SlugTaken => {
                Self::new(Code::StateConflict).detail("Another tenant has this slug. Use another one.")
            }
            TenantError::ErasureRetention => Self::new(Code::ValidationFailed).at(
                "/erasure_retention_months",
                "out_of_range",
                "must not be less than request_retention_months",
            ),
            TenantError::Stale => Self::new(Code::VersionStale),
            TenantError::Unknown => Self::new(Code::TenantUnknown),
            TenantError::Store(error) => error.into(),
        }
    }
}
