//! The tenant of a caller, and the problems of tenants. Their endpoints are in `app`.

use super::model::{Tenant, TenantError};
use super::{TenantRow, find};
use crate::http::caller::Allowed;
use crate::http::{Caller, Code, Problem};
use crate::store::{Archive, Db};

/// The tenant of a caller. It is read now, unless the look for the caller's client has read it.
pub async fn of_caller<S: Allowed>(caller: &Caller<S>, archive: &Db<Archive>) -> Result<Tenant, TenantError> {
    match caller.known::<TenantRow>() {
        Some(row) => Tenant::try_from(row.clone()),
        None => find(&mut archive.read().await?, caller.tenant).await,
    }
}

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
