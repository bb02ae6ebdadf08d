//! The memory of the process.

use serde::Deserialize;

use super::ConfigError;

/// The smallest budget, in bytes. With less, not even short batches could be stored.
const LEAST: u64 = 8 << 20;

/// The memory for everything whose size callers decide.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryConfig {
    /// The bytes that all calls together may take.
    pub budget: u64,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self { budget: 160 << 20 }
    }
}

impl MemoryConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.budget < LEAST {
            return Err(ConfigError::new("memory.budget", "must be at least 8388608"));
        }
        Ok(())
    }
}
