//! Tenants, and their errors.

use chrono_tz::Tz;
use pii::Region;

use super::settings::Settings;
use crate::base::id::TenantId;
use crate::base::target::Targets;
use crate::store::StoreError;

/// One contact-centre customer of the service.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    pub id: TenantId,
    /// The tenant's name in access tokens and on the command line: lower-case letters, digits, and dashes.
    pub slug: String,
    /// The region whose national numbers need no country code (A15).
    pub region: Region,
    /// The time zone of the tenant's days (A5).
    pub zone: Tz,
    /// The targets that requests may name (A21).
    pub targets: Targets,
    pub settings: Settings,
    /// It grows with every change and is the `ETag`.
    pub version: i64,
    /// The column that contains no valid value. The field has a default instead, and nothing may depend on it. Only a list
    /// of all tenants has such a tenant, because one of them must not keep a job from the others.
    pub unreadable: Option<&'static str>,
}

#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// The slug has other characters, or is too long.
    #[error("a slug must have 1 to 63 lower-case letters, digits, and dashes")]
    Slug,
    #[error("another tenant already has this slug")]
    SlugTaken,
    #[error("the tenant has changed since it was read")]
    Stale,
    /// Erasures outlive their requests.
    #[error("erasure_retention_months must not be less than request_retention_months")]
    ErasureRetention,
    #[error("the tenant does not exist")]
    Unknown,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Tenant {
    /// A tenant with the defaults: Norway, all targets.
    pub fn new(slug: &str) -> Result<Self, TenantError> {
        let is_one = (1..=63).contains(&slug.len())
            && slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !is_one {
            return Err(TenantError::Slug);
        }
        Ok(Self {
            id: TenantId::new(),
            slug: slug.to_owned(),
            region: Region::default(),
            zone: chrono_tz::Europe::Oslo,
            targets: Targets::ALL,
            settings: Settings::default(),
            version: 1,
            unreadable: None,
        })
    }

    /// The error of a tenant with a column that cannot be read.
    pub fn check_readable(&self) -> Result<(), TenantError> {
        let broken = |column| StoreError::Inconsistent(format!("tenants.{column} of {}", self.id)).into();
        self.unreadable.map_or(Ok(()), |column| Err(broken(column)))
    }
}
