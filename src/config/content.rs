//! Settings of the object store.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::ConfigError;
use super::values::{at_least_one, is_folder, is_url};

/// The place of content, and the limits of an upload.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContentConfig {
    /// The folder of the sealed objects. The default is `objects` in the data folder.
    pub folder: Option<PathBuf>,
    /// The longest upload, in bytes.
    pub size_limit: u64,
    /// A bucket for the objects, instead of the folder.
    pub s3: S3Config,
}

/// A bucket of an S3 service. Values that are not set are taken from the environment, as the tools of AWS do (`AWS_…`,
/// the role of the pod or machine).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Config {
    /// The bucket. Without it, objects are in the folder.
    pub bucket: Option<String>,
    /// The prefix of the names of all objects.
    pub prefix: String,
    /// The bucket's region.
    pub region: Option<String>,
    /// The address of the service, unless it is AWS.
    pub endpoint: Option<String>,
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<SecretString>,
    /// A file that contains the secret.
    pub secret_access_key_file: Option<PathBuf>,
}

impl S3Config {
    /// Checks the address and the access key. `section` is the section of these settings.
    pub(super) fn check(&self, section: &str) -> Result<(), ConfigError> {
        if let Some(endpoint) = &self.endpoint {
            is_url(&format!("{section}.endpoint"), endpoint)?;
        }
        if self.access_key_id.is_some() == self.secret_access_key.is_some() {
            return Ok(());
        }
        let rule = "must be set together with access_key_id, or not at all";
        Err(ConfigError::new(format!("{section}.secret_access_key"), rule))
    }
}

impl Default for ContentConfig {
    fn default() -> Self {
        Self { folder: None, size_limit: 1 << 30, s3: S3Config::default() }
    }
}

impl ContentConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let s3 = &self.s3;
        if s3.bucket.is_some() && !cfg!(feature = "s3") {
            return Err(ConfigError::new(
                "content.s3.bucket",
                "must be empty, because this build does not include S3 (cargo feature s3)",
            ));
        }
        if s3.bucket.is_some() && self.folder.is_some() {
            return Err(ConfigError::new("content.folder", "must not be set together with content.s3.bucket"));
        }
        if s3.bucket.as_deref() == Some("") {
            return Err(ConfigError::new("content.s3.bucket", "must be the name of a bucket, and is empty"));
        }
        if let Some(folder) = &self.folder {
            is_folder("content.folder", folder)?;
        }
        s3.check("content.s3")?;
        at_least_one("content.size_limit", self.size_limit)
    }
}
