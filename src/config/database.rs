//! The two databases.

use std::fmt::Write as _;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::layers::{self, ConfigError};

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite:…` or `postgres://…`. The default is SQLite in the data folder.
    pub url: Option<SecretString>,
    /// A file that contains the URL.
    pub url_file: Option<PathBuf>,
    /// The user of a URL of PostgreSQL that names none.
    pub username: Option<SecretString>,
    /// A file that contains the user.
    pub username_file: Option<PathBuf>,
    pub password: Option<SecretString>,
    /// A file that contains the password.
    pub password_file: Option<PathBuf>,
    /// The most connections at a time.
    pub pool: u32,
    /// The seconds for which a call waits for a connection.
    pub acquire_timeout: u64,
    /// The seconds that a reading statement of `serve` may take on PostgreSQL. The vault has this limit and the next
    /// two as well.
    pub statement_timeout: u64,
    /// The seconds that a statement of `serve` may take in a transaction that writes.
    pub write_timeout: u64,
    /// The seconds that a statement of the other commands may take.
    pub job_timeout: u64,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: None,
            url_file: None,
            username: None,
            username_file: None,
            password: None,
            password_file: None,
            pool: 10,
            acquire_timeout: 4,
            statement_timeout: 4,
            write_timeout: 15,
            job_timeout: 600,
        }
    }
}

/// The vault database and the master key that wraps the tenants' keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VaultConfig {
    /// `sqlite:…` or `postgres://…`. The default is beside the archive.
    pub url: Option<SecretString>,
    /// A file that contains the URL.
    pub url_file: Option<PathBuf>,
    /// The user of a URL of PostgreSQL that names none.
    pub username: Option<SecretString>,
    /// A file that contains the user.
    pub username_file: Option<PathBuf>,
    pub password: Option<SecretString>,
    /// A file that contains the password.
    pub password_file: Option<PathBuf>,
    /// The master key: 32 bytes in base64. The default in development mode is a key file in the data folder.
    pub master_key: Option<SecretString>,
    /// A file that contains the master key.
    pub master_key_file: Option<PathBuf>,
    /// The master key before a rotation, as long as keys are wrapped by it.
    pub previous_master_key: Option<SecretString>,
    /// A file that contains the previous master key.
    pub previous_master_key_file: Option<PathBuf>,
    /// The most connections at a time.
    pub pool: u32,
    /// The seconds for which a call waits for a connection.
    pub acquire_timeout: u64,
}

impl Default for VaultConfig {
    fn default() -> Self {
        Self {
            url: None,
            url_file: None,
            username: None,
            username_file: None,
            password: None,
            password_file: None,
            master_key: None,
            master_key_file: None,
            previous_master_key: None,
            previous_master_key_file: None,
            pool: 10,
            acquire_timeout: 4,
        }
    }
}

impl DatabaseConfig {
    /// Reads the secrets from their files, and completes the URL.
    pub(super) fn read_files(&mut self) -> Result<(), ConfigError> {
        layers::twin("database.url", &mut self.url, self.url_file.as_deref())?;
        layers::twin("database.username", &mut self.username, self.username_file.as_deref())?;
        layers::twin("database.password", &mut self.password, self.password_file.as_deref())?;
        add_credentials("database", &mut self.url, self.username.take(), self.password.take())
    }
}

impl VaultConfig {
    /// Reads the secrets from their files, and completes the URL.
    pub(super) fn read_files(&mut self) -> Result<(), ConfigError> {
        layers::twin("vault.url", &mut self.url, self.url_file.as_deref())?;
        layers::twin("vault.username", &mut self.username, self.username_file.as_deref())?;
        layers::twin("vault.password", &mut self.password, self.password_file.as_deref())?;
        layers::twin("vault.master_key", &mut self.master_key, self.master_key_file.as_deref())?;
        let previous = self.previous_master_key_file.as_deref();
        layers::twin("vault.previous_master_key", &mut self.previous_master_key, previous)?;
        add_credentials("vault", &mut self.url, self.username.take(), self.password.take())
    }
}

/// Puts a user and a password that are given apart into a URL that names no user.
fn add_credentials(
    section: &str,
    url: &mut Option<SecretString>,
    username: Option<SecretString>,
    password: Option<SecretString>,
) -> Result<(), ConfigError> {
    let invalid = |name: &str, rule: String| Err(ConfigError::new(format!("{section}.{name}"), rule));
    let Some(username) = username else {
        return match password {
            Some(_) => invalid("password", format!("must be set together with {section}.username")),
            None => Ok(()),
        };
    };
    let given = url.as_ref().map(|url| url.expose_secret().to_owned()).unwrap_or_default();
    let Some((scheme, rest)) = given.split_once("://").filter(|(scheme, _)| scheme.starts_with("postgres")) else {
        return invalid("username", format!("must be set together with a URL of PostgreSQL in {section}.url"));
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return invalid("url", format!("must not name a user, because {section}.username is set"));
    }
    let user = percent_encoded(username.expose_secret());
    let password = password.map(|password| format!(":{}", percent_encoded(password.expose_secret())));
    *url = Some(format!("{scheme}://{user}{}@{rest}", password.unwrap_or_default()).into());
    Ok(())
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(url: Option<&str>, username: Option<&str>, password: Option<&str>) -> Result<String, String> {
        let secret = |text: &str| SecretString::from(text.to_owned());
        let mut url = url.map(secret);
        add_credentials("vault", &mut url, username.map(secret), password.map(secret)).map_err(|e| e.to_string())?;
        Ok(url.map(|url| url.expose_secret().to_owned()).unwrap_or_default())
    }

    #[test]
    fn a_user_and_a_password_that_are_given_apart_complete_the_url() {
        for (url, password, whole) in [
            ("postgres://db/a", Some("p@ss/wörd"), "postgres://app:p%40ss%2Fw%C3%B6rd@db/a"),
            ("postgresql://[::1]:5433/a?sslmode=require", None, "postgresql://app@[::1]:5433/a?sslmode=require"),
            ("postgres:///a?host=/run/db&x=a@b", Some("x"), "postgres://app:x@/a?host=/run/db&x=a@b"),
        ] {
            assert_eq!(completed(Some(url), Some("app"), password).as_deref(), Ok(whole));
        }
        assert_eq!(completed(Some("postgres://u:p@db/a"), None, None).as_deref(), Ok("postgres://u:p@db/a"));
    }

    #[test]
    fn credentials_that_fit_no_url_are_refused() {
        for (url, username, password, setting) in [
            (Some("postgres://db/a"), None, Some("hunter2"), "vault.password"),
            (None, Some("hunter2"), None, "vault.username"),
            (Some("sqlite:vault.db"), Some("hunter2"), None, "vault.username"),
            (Some("postgres://hunter2@db/a"), Some("hunter2"), None, "vault.url"),
        ] {
            let error = completed(url, username, password).unwrap_err();
            assert!(error.starts_with(&format!("setting {setting}: must ")), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
