//! Settings of delivery.

use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use serde::Deserialize;

use super::{ConfigError, at_least_one};

/// How recordings are delivered to their tenants.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveryConfig {
    /// The folder below which targets `file:///…` lie, each tenant's in one of its own; unset: `deliveries` in the data
    /// folder.
    pub folder: Option<PathBuf>,
    /// Certificates (PEM) of authorities that servers of FTPS and S3 may show besides those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// Whether `serve` works the outbox, too; unset: in development mode.
    pub serve: Option<bool>,
    /// How long to wait before the outbox is looked at again, in seconds.
    pub interval: u64,
    /// How long a delivery belongs to a worker that gives no sign of life, in seconds.
    pub lease: u64,
    /// The longest wait for a server: to be reached, and for its next answer, in seconds.
    pub timeout: u64,
    /// How many recordings of a tenant are delivered at a time.
    pub parallel: u32,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        Self { folder: None, ca_file: None, serve: None, interval: 10, lease: 120, timeout: 30, parallel: 4 }
    }
}

impl DeliveryConfig {
    /// The time between two looks at the outbox.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        Duration::from_secs(self.interval)
    }

    #[must_use]
    pub fn lease(&self) -> TimeDelta {
        TimeDelta::seconds(i64::try_from(self.lease).unwrap_or(i64::from(u32::MAX)))
    }

    /// The longest wait for a server.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        at_least_one("delivery.interval", self.interval)?;
        at_least_one("delivery.lease", self.lease)?;
        at_least_one("delivery.timeout", self.timeout)?;
        at_least_one("delivery.parallel", self.parallel.into())?;
        // What a chrono duration and a token of the lease can hold.
        if self.lease > 86_400 {
            return Err(ConfigError::new("delivery.lease", "must be at most 86400"));
        }
        match &self.ca_file {
            Some(file) if !file.is_file() => Err(ConfigError::new("delivery.ca_file", "must name a file")),
            _ => Ok(()),
        }
    }
}
