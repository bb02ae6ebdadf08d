//! Versions of stored resources. A change names the version that its caller read, so that nobody overwrites a newer one.

/// The versions that a call names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    #[default]
    Absent,
    Any,
    Listed(Vec<i64>),
}

/// Why a change does not apply to the stored version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    #[error("the call names no version")]
    Missing,
    #[error("the stored version differs from the version of the call")]
    Stale,
}

impl Versions {
    #[must_use]
    pub fn contain(&self, version: i64) -> bool {
        match self {
            Self::Absent => false,
            Self::Any => true,
            Self::Listed(versions) => versions.contains(&version),
        }
    }

    /// Checks that a change may replace the stored version.
    pub fn check(&self, stored: i64) -> Result<(), VersionError> {
        match self {
            Self::Absent => Err(VersionError::Missing),
            versions if versions.contain(stored) => Ok(()),
            _ => Err(VersionError::Stale),
        }
    }
}
