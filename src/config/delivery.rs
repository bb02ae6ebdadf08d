//! Settings of delivery.

use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use serde::Deserialize;

use super::ConfigError;
use super::values::{at_least_one, at_most, at_most_a_year, has_certificates, is_folder};

/// The most deliveries of a tenant at a time. Each has a connection and a part of the memory.
const MOST_PARALLEL: u64 = 1_000;

/// The settings of deliveries of recordings to their tenants.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveryConfig {
    /// The folder of the targets `file:///…`, with a folder for each tenant. The default is `deliveries` in the data
    /// folder.
    pub folder: Option<PathBuf>,
    /// Certificates (PEM) of authorities for FTPS and S3 servers, in addition to those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// Whether `serve` also works the outbox. The default is true in development mode only.
    pub serve: Option<bool>,
    /// The seconds between two reads of the outbox.
    pub interval: u64,
    /// The seconds for which a delivery belongs to a worker that does not renew its claim.
    pub lease: u64,
    /// The longest wait for a server, in seconds: for the connection, and for each response.
    pub timeout: u64,
    /// The number of recordings of a tenant that are delivered at a time.
    pub parallel: u32,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        Self { folder: None, ca_file: None, serve: None, interval: 10, lease: 120, timeout: 30, parallel: 4 }
    }
}

impl DeliveryConfig {
    /// The time between two reads of the outbox.
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
        at_most_a_year("delivery.interval", self.interval)?;
        at_most_a_year("delivery.timeout", self.timeout)?;
        at_least_one("delivery.parallel", self.parallel.into())?;
        at_most("delivery.parallel", self.parallel.into(), MOST_PARALLEL)?;
        // The largest value that a chrono duration and a token of the lease can contain.
        if self.lease > 86_400 {
            return Err(ConfigError::new("delivery.lease", "must be at most 86400"));
        }
        if let Some(folder) = &self.folder {
            is_folder("delivery.folder", folder)?;
        }
        has_certificates("delivery.ca_file", self.ca_file.as_deref())
    }
}
