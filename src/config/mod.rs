//! Settings: the defaults, then `lethe.toml` (or `--config FILE`), then the environment. They are checked once, at the
//! start.
//!
//! The setting `name` of a section is `LETHE_SECTION__NAME` in the environment. Every secret has a twin that names a
//! file with the secret: `url_file` beside `url`, `LETHE_DATABASE__URL_FILE` beside `LETHE_DATABASE__URL`. Errors name
//! the setting and the rule, never the value. A new setting needs a field with its default here, its rule in
//! [`Config::load`], and a line in `docs/operating.md`.

mod audit;
mod auth;
mod content;
mod database;
mod delivery;
mod http;
mod journal;
mod layers;
mod memory;
mod roles;
mod values;
mod webhooks;

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use self::values::{at_least_one, at_most};
use crate::base::crypto::KEY_LEN;

pub use audit::AuditConfig;
pub use auth::{AuthConfig, IssuerConfig};
pub use content::{ContentConfig, S3Config};
pub use database::{DatabaseConfig, VaultConfig};
pub use delivery::DeliveryConfig;
pub use http::HttpConfig;
pub use journal::{BackupDays, JournalConfig, JournalPlace};
pub use layers::ConfigError;
pub use memory::MemoryConfig;
pub use webhooks::WebhookConfig;

/// The longest timeout of a database, in seconds. Both databases have it as milliseconds in 31 bits.
const LONGEST_TIMEOUT: u64 = i32::MAX as u64 / 1000;

/// The most connections of a pool. More would be an error of the setting, and each has a place in memory.
const LARGEST_POOL: u64 = 10_000;

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The folder of embedded databases, development keys, and objects.
    pub data_dir: PathBuf,
    pub http: HttpConfig,
    pub database: DatabaseConfig,
    /// The vault database and its key.
    pub vault: VaultConfig,
    pub auth: AuthConfig,
    /// Recordings and other content of interactions.
    pub content: ContentConfig,
    /// The settings of deliveries of recordings to their tenants.
    pub delivery: DeliveryConfig,
    /// The erasure journal, which outlives a restore.
    pub journal: JournalConfig,
    /// How the audit log is sealed.
    pub audit: AuditConfig,
    pub log: LogConfig,
    /// The residue scan.
    pub scan: ScanConfig,
    /// The memory that calls may take.
    pub memory: MemoryConfig,
    /// The settings of the messages to webhooks.
    pub webhooks: WebhookConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("lethe-data"),
            http: HttpConfig::default(),
            database: DatabaseConfig::default(),
            vault: VaultConfig::default(),
            auth: AuthConfig::default(),
            content: ContentConfig::default(),
            delivery: DeliveryConfig::default(),
            journal: JournalConfig::default(),
            audit: AuditConfig::default(),
            log: LogConfig::default(),
            scan: ScanConfig::default(),
            memory: MemoryConfig::default(),
            webhooks: WebhookConfig::default(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people on a terminal, and JSON elsewhere.
    #[default]
    Auto,
    /// One JSON object on each line.
    Json,
    Human,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// A level, or levels by module: `info,sqlx=warn`.
    pub level: String,
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info,sqlx=warn,actix_server=warn".to_owned(), format: LogFormat::Auto }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScanConfig {
    /// Whether the nightly job searches what changed and a part of the rest. Certificates state what it found.
    pub nightly: bool,
}

impl Default for ScanConfig {
    fn default() -> Self {
        Self { nightly: true }
    }
}

impl LogConfig {
    /// The levels of the log. Messages of actix about requests that cannot be read are left out, unless the setting
    /// names `actix_http`: they are not errors of this service, and any caller can cause them.
    #[must_use]
    pub fn levels(&self) -> String {
        format!("actix_http=off,{}", self.level)
    }
}

impl Config {
    /// Reads and checks all settings. Without a file, it reads `lethe.toml` of the working folder if that exists.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let environment = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let environment = environment.filter(|(name, _)| name.starts_with("LETHE_"));
        let mut given = Vec::new();
        for (name, value) in environment {
            let value = value.into_string().map_err(|_| ConfigError::new(&name, "must be UTF-8"))?;
            given.push((name, value));
        }
        Self::read(file, given)
    }

    /// Reads and checks the settings of a file and of a given environment.
    pub fn read(file: Option<&Path>, environment: Vec<(String, String)>) -> Result<Self, ConfigError> {
        let mut config: Self = layers::merge(file, environment)?;
        config.database.read_files()?;
        config.vault.read_files()?;
        for (section, s3) in [("content.s3", &mut config.content.s3), ("journal.s3", &mut config.journal.s3)] {
            let setting = format!("{section}.secret_access_key");
            layers::twin(&setting, &mut s3.secret_access_key, s3.secret_access_key_file.as_deref())?;
        }
        config.check()?;
        Ok(config)
    }

    /// The folder of the sealed objects.
    #[must_use]
    pub fn objects_folder(&self) -> PathBuf {
        self.content.folder.clone().unwrap_or_else(|| self.data_dir.join("objects"))
    }

    /// The place of the erasure journal.
    pub fn journal_place(&self) -> Result<JournalPlace, ConfigError> {
        self.journal.place(self.development(), &self.data_dir)
    }

    /// The first part of the names of audit logs: the host of the identity provider, or `lethe`.
    #[must_use]
    pub fn log_host(&self) -> String {
        let issuers = self.auth.all_issuers();
        let Some(issuer) = issuers.first().map(|issuer| issuer.issuer.as_str()) else { return "lethe".to_owned() };
        let host = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
        let host = host.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or_default();
        // A name of a key has no spaces and no plus signs.
        host.chars().filter(|c| c.is_ascii_alphanumeric() || ".-_:".contains(*c)).collect()
    }

    /// The folder of the targets `file:///…`.
    #[must_use]
    pub fn deliveries_folder(&self) -> PathBuf {
        self.delivery.folder.clone().unwrap_or_else(|| self.data_dir.join("deliveries"))
    }

    /// Whether `serve` also works the outbox of deliveries.
    #[must_use]
    pub fn delivers_in_serve(&self) -> bool {
        self.delivery.serve.unwrap_or_else(|| self.development())
    }

    /// The time for which `/readyz` fails before the listeners close.
    #[must_use]
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.http.drain.unwrap_or(if self.development() { 0 } else { 5 }))
    }

    /// Whether this is development mode: no identity provider is set, and keys are made in the data folder.
    #[must_use]
    pub const fn development(&self) -> bool {
        self.auth.issuer.is_none() && self.auth.issuers.is_empty()
    }

    fn check(&self) -> Result<(), ConfigError> {
        // The folder in which the service was started has an empty name.
        if !self.data_dir.as_os_str().is_empty() {
            values::is_folder("data_dir", &self.data_dir)?;
        }
        self.http.check(self.development())?;
        self.check_databases()?;
        self.auth.check()?;
        self.content.check()?;
        self.delivery.check()?;
        self.journal.check(self.development(), &self.data_dir)?;
        self.audit.check()?;
        self.memory.check()?;
        self.webhooks.check()?;
        // A word without `=` would be read as the name of a module, and would silence all others.
        let is_level = |part: &str| ["off", "error", "warn", "info", "debug", "trace"].contains(&part);
        let known = self.log.level.split(',').map(str::trim).all(|part| part.contains('=') || is_level(part));
        match tracing_subscriber::EnvFilter::try_new(&self.log.level) {
            Ok(_) if known => Ok(()),
            _ => Err(ConfigError::new("log.level", "must be a level, or levels by module, such as info,sqlx=warn")),
        }
    }

    fn check_databases(&self) -> Result<(), ConfigError> {
        for (setting, url) in [("database.url", &self.database.url), ("vault.url", &self.vault.url)] {
            let known = |url: &str| ["sqlite:", "postgres://", "postgresql://"].iter().any(|s| url.starts_with(s));
            if url.as_ref().is_some_and(|url| !known(url.expose_secret())) {
                return Err(ConfigError::new(setting, "must begin with sqlite: or postgres://"));
            }
        }
        for (setting, connections) in [("database.pool", self.database.pool), ("vault.pool", self.vault.pool)] {
            at_least_one(setting, connections.into())?;
            at_most(setting, connections.into(), LARGEST_POOL)?;
        }
        for (setting, seconds) in [
            ("database.acquire_timeout", self.database.acquire_timeout),
            ("vault.acquire_timeout", self.vault.acquire_timeout),
            ("database.statement_timeout", self.database.statement_timeout),
            ("database.write_timeout", self.database.write_timeout),
            ("database.job_timeout", self.database.job_timeout),
        ] {
            at_least_one(setting, seconds)?;
            at_most(setting, seconds, LONGEST_TIMEOUT)?;
        }
        if self.vault.master_key.is_none() && !self.development() {
            return Err(ConfigError::new("vault.master_key", "must be set, because auth.issuer is set"));
        }
        let keys = [
            ("vault.master_key", &self.vault.master_key),
            ("vault.previous_master_key", &self.vault.previous_master_key),
        ];
        let is_key = |key: &SecretString| STANDARD.decode(key.expose_secret()).is_ok_and(|key| key.len() == KEY_LEN);
        for (setting, key) in keys {
            if key.as_ref().is_some_and(|key| !is_key(key)) {
                return Err(ConfigError::new(setting, "must be 32 bytes in base64"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
