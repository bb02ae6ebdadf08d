//! Settings of the audit log.

use serde::Deserialize;

use super::{ConfigError, at_least_one};

/// How the audit log is sealed.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// The seconds between two seals of new rows, in `serve`.
    pub seal_interval: u64,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { seal_interval: 10 }
    }
}

impl AuditConfig {
    pub(super) fn check(self) -> Result<(), ConfigError> {
        at_least_one("audit.seal_interval", self.seal_interval)
    }
}
