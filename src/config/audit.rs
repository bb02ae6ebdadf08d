//! Settings of the audit log.

use serde::Deserialize;

use super::ConfigError;
use super::values::{CENTURY, at_least_one, at_most, at_most_a_year};

/// The fewest days for which rows are kept.
const LEAST_DAYS: u32 = 180;

/// How the audit log is sealed, and how long its rows are kept.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// The seconds between two seals of new rows, in `serve`.
    pub seal_interval: u64,
    /// For how many days rows are kept. Without a value, they are kept for ever.
    pub keep_days: Option<u32>,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { seal_interval: 10, keep_days: None }
    }
}

impl AuditConfig {
    pub(super) fn check(self) -> Result<(), ConfigError> {
        if self.keep_days.is_some_and(|days| days < LEAST_DAYS) {
            return Err(ConfigError::new(
                "audit.keep_days",
                format!("must be at least {LEAST_DAYS}, or not set, so that rows are kept for ever"),
            ));
        }
        at_most("audit.keep_days", self.keep_days.unwrap_or_default().into(), CENTURY.into())?;
        at_least_one("audit.seal_interval", self.seal_interval)?;
        at_most_a_year("audit.seal_interval", self.seal_interval)
    }
}
