//! What a tenant is and may be set to.

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::base::id::TenantId;
use crate::base::pii::Region;
use crate::base::target::Targets;
use crate::store::StoreError;

/// One contact-centre customer of the service.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// Its id, in every key of every table.
    pub id: TenantId,
    /// Its name in tokens and on the command line: lower-case letters, digits and dashes.
    pub slug: String,
    /// Whose national numbers need no country code (A15).
    pub region: Region,
    /// Whose local days *to dates* are (A5).
    pub zone: Tz,
    /// Which targets it has (A21).
    pub targets: Targets,
    /// What else can be set.
    pub settings: Settings,
    /// Grows with every change; the `ETag`.
    pub version: i64,
}

/// Settings with a default each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Whether a call in the identified view must state a purpose.
    pub purpose_required: bool,
    /// For how many calendar months done requests and their erasures are kept (A10, A28).
    pub request_retention_months: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { purpose_required: false, request_retention_months: 12 }
    }
}

/// Some settings to be changed; `None` keeps what is.
#[derive(Clone, Debug, Default)]
pub struct TenantChange {
    /// See [`Tenant::region`].
    pub region: Option<Region>,
    /// See [`Tenant::zone`].
    pub zone: Option<Tz>,
    /// See [`Tenant::targets`].
    pub targets: Option<Targets>,
    /// See [`Settings::purpose_required`].
    pub purpose_required: Option<bool>,
    /// See [`Settings::request_retention_months`].
    pub request_retention_months: Option<u32>,
}

/// Why a tenant cannot be made, read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// The slug has other characters, or is too long.
    #[error("a slug has 1 to 63 lower-case letters, digits and dashes")]
    Slug,
    /// Another tenant has the slug.
    #[error("the slug is taken")]
    SlugTaken,
    /// Somebody changed the tenant in between.
    #[error("the tenant was changed by somebody else")]
    Stale,
    /// The store failed.
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
            region: "NO".parse().map_err(|_| StoreError::Inconsistent("region".to_owned()))?,
            zone: chrono_tz::Europe::Oslo,
            targets: Targets::ALL,
            settings: Settings::default(),
            version: 1,
        })
    }
}

impl TenantChange {
    pub(super) fn apply(self, tenant: &mut Tenant) {
        let Self { region, zone, targets, purpose_required, request_retention_months } = self;
        tenant.region = region.unwrap_or(tenant.region);
        tenant.zone = zone.unwrap_or(tenant.zone);
        tenant.targets = targets.unwrap_or(tenant.targets);
        let settings = &mut tenant.settings;
        settings.purpose_required = purpose_required.unwrap_or(settings.purpose_required);
        settings.request_retention_months = request_retention_months.unwrap_or(settings.request_retention_months);
    }
}
