//! Settings of the erasure journal.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::values::{CENTURY, at_least_one, at_most, at_most_a_year, is_folder};
use super::{ConfigError, S3Config};

/// The place of the erasure journal, and how long it is kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JournalConfig {
    /// `file:///dir` or `s3://bucket/prefix`. The default in development mode is `journal` in the data folder.
    pub place: Option<String>,
    /// Whether there is no journal at all. Then no restore is noticed.
    pub off: bool,
    /// For how many days objects are kept. It must be longer than any backup is kept, since older ones cannot be replayed.
    pub keep_days: u32,
    /// The most seconds of one call of the journal's store.
    pub timeout: u64,
    /// For how many days the oldest backup of each database is kept, as the operator declares it.
    pub backup_days: BackupDays,
    /// The service and the key of the bucket.
    pub s3: S3Config,
}

/// The days for which backups are kept.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackupDays {
    pub archive: Option<u32>,
    pub vault: Option<u32>,
}

/// The place of the journal as the settings give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalPlace {
    Off,
    Folder(PathBuf),
    Bucket { name: String, prefix: String },
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            place: None,
            off: false,
            keep_days: 400,
            timeout: 30,
            backup_days: BackupDays::default(),
            s3: S3Config::default(),
        }
    }
}

impl JournalConfig {
    /// The place of the journal. In development mode it has a default below the data folder.
    pub(super) fn place(&self, is_development: bool, data_dir: &Path) -> Result<JournalPlace, ConfigError> {
        const RULE: &str = "must be file:///dir or s3://bucket/prefix";
        let rule = || ConfigError::new("journal.place", RULE);
        match &self.place {
            _ if self.off && self.place.is_some() => {
                Err(ConfigError::new("journal.off", "must not be set together with journal.place"))
            }
            _ if self.off => Ok(JournalPlace::Off),
            None if is_development => Ok(JournalPlace::Folder(data_dir.join("journal"))),
            None => Err(ConfigError::new(
                "journal.place",
                "must be set, because auth.issuer is set: file:///dir or s3://bucket/prefix. Without a journal nobody \
                 notices that a restore has brought forgotten customers back. journal.off = true does without it",
            )),
            Some(place) => {
                if let Some(folder) = place.strip_prefix("file://") {
                    let folder = PathBuf::from(folder);
                    return if folder.is_absolute() { Ok(JournalPlace::Folder(folder)) } else { Err(rule()) };
                }
                let (name, prefix) = place.strip_prefix("s3://").map(split).ok_or_else(rule)?;
                if name.is_empty() || place.contains(['?', '#', '\\']) {
                    return Err(rule());
                }
                Ok(JournalPlace::Bucket { name, prefix })
            }
        }
    }

    pub(super) fn check(&self, is_development: bool, data_dir: &Path) -> Result<(), ConfigError> {
        let place = self.place(is_development, data_dir)?;
        if let (JournalPlace::Folder(folder), Some(_)) = (&place, &self.place) {
            is_folder("journal.place", folder)?;
        }
        if matches!(place, JournalPlace::Bucket { .. }) && !cfg!(feature = "s3") {
            return Err(ConfigError::new(
                "journal.place",
                "must be a folder, because this build does not include S3 (cargo feature s3)",
            ));
        }
        if self.s3.bucket.is_some() || !self.s3.prefix.is_empty() {
            return Err(ConfigError::new("journal.s3.bucket", "must not be set: journal.place names the bucket"));
        }
        self.s3.check("journal.s3")?;
        let oldest = self.backup_days.archive.max(self.backup_days.vault).unwrap_or_default();
        if self.keep_days <= oldest {
            return Err(ConfigError::new(
                "journal.keep_days",
                "must be more than journal.backup_days, or the oldest backups could not be replayed",
            ));
        }
        at_least_one("journal.keep_days", self.keep_days.into())?;
        at_most("journal.keep_days", self.keep_days.into(), CENTURY.into())?;
        at_least_one("journal.timeout", self.timeout)?;
        at_most_a_year("journal.timeout", self.timeout)
    }
}

/// The bucket and the prefix.
fn split(place: &str) -> (String, String) {
    let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
    (name.to_owned(), prefix.trim_matches('/').to_owned())
}
