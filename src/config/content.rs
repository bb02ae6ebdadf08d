//! Settings of the object store.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::{ConfigError, at_least_one};

/// With less memory not even short texts could be taken in, in bytes.
const LEAST_TEXT_MEMORY: u64 = 1 << 20;

/// Where content lies and how much of it one upload may bring.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContentConfig {
    /// The folder of the sealed objects; unset: `objects` in the data folder.
    pub folder: Option<PathBuf>,
    /// The longest upload, in bytes.
    pub size_limit: u64,
    /// The memory that all texts in hand may take, in bytes.
    pub text_memory: u64,
    /// A bucket to keep them in instead of the folder.
    pub s3: S3Config,
}

/// A bucket of an S3 service. What is not set is taken from the environment as AWS' own tools do (`AWS_…`, the role of
/// the pod or machine).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Config {
    /// The bucket; unset: objects lie in the folder.
    pub bucket: Option<String>,
    /// What the names of all objects begin with.
    pub prefix: String,
    /// The bucket's region.
    pub region: Option<String>,
    /// Where the service is, if it is not AWS.
    pub endpoint: Option<String>,
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<SecretString>,
    /// A file that holds the secret.
    pub secret_access_key_file: Option<PathBuf>,
}

impl Default for ContentConfig {
    fn default() -> Self {
        Self { folder: None, size_limit: 1 << 30, text_memory: 160 << 20, s3: S3Config::default() }
    }
}

impl ContentConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let s3 = &self.s3;
        if s3.bucket.is_some() && !cfg!(feature = "s3") {
            return Err(ConfigError::new(
                "content.s3.bucket",
                "must be empty, because this build does not include S3 \
                (cargo feature s3)",
            ));
        }
        if s3.bucket.is_some() && self.folder.is_some() {
            return Err(ConfigError::new("content.folder", "must not be set together with content.s3.bucket"));
        }
        if s3.access_key_id.is_some() != s3.secret_access_key.is_some() {
            return Err(ConfigError::new(
                "content.s3.secret_access_key",
                "must be set together with access_key_id, or not at all",
            ));
        }
        if self.text_memory < LEAST_TEXT_MEMORY {
            return Err(ConfigError::new("content.text_memory", "must be at least 1048576"));
        }
        at_least_one("content.size_limit", self.size_limit)
    }
}
