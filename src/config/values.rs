//! Rules that settings of several sections have in common.

use std::path::Path;

use super::ConfigError;

/// The seconds of a year. Longer times could not be added to the present.
pub(super) const YEAR: u64 = 365 * 24 * 60 * 60;

/// The days of a century. Longer times could not be subtracted from the present.
pub(super) const CENTURY: u32 = 36_500;

pub(super) fn at_least_one(setting: &str, number: u64) -> Result<(), ConfigError> {
    if number == 0 { Err(ConfigError::new(setting, "must be at least 1")) } else { Ok(()) }
}

pub(super) fn at_most(setting: &str, number: u64, most: u64) -> Result<(), ConfigError> {
    if number <= most { Ok(()) } else { Err(ConfigError::new(setting, format!("must be at most {most}"))) }
}

pub(super) fn at_most_a_year(setting: &str, seconds: u64) -> Result<(), ConfigError> {
    if seconds <= YEAR { Ok(()) } else { Err(ConfigError::new(setting, "must be at most 31536000, which is one year")) }
}

/// A folder may be missing, since it is made when it is needed. It cannot be made where a file is.
pub(super) fn is_folder(setting: &str, folder: &Path) -> Result<(), ConfigError> {
    if folder.as_os_str().is_empty() {
        return Err(ConfigError::new(setting, "must name a folder, and is empty"));
    }
    if folder.ancestors().any(Path::is_file) {
        return Err(ConfigError::new(setting, "must name a folder, and a file is in its place"));
    }
    Ok(())
}

/// A file of certificates is read at the start, so that a wrong one is not noticed by the first connection only.
pub(super) fn has_certificates(setting: &str, file: Option<&Path>) -> Result<(), ConfigError> {
    let Some(file) = file else { return Ok(()) };
    let pem = std::fs::read(file).map_err(|error| {
        ConfigError::new(setting, format!("must name a file that can be read: {}", super::layers::words(&error)))
    })?;
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(()),
        _ => Err(ConfigError::new(setting, "must name a file with certificates in PEM")),
    }
}

/// The address of a service that is called.
pub(super) fn is_url(setting: &str, url: &str) -> Result<(), ConfigError> {
    let is_url = reqwest::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
    if is_url { Ok(()) } else { Err(ConfigError::new(setting, "must be a URL that begins with https:// or http://")) }
}
