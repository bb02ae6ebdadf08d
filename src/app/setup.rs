//! Opens the databases as the settings say.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use crate::base::clock::Clock;
use crate::base::crypto::{CryptoError, Key};
use crate::base::memory::MemoryBudget;
#[cfg(feature = "s3")]
use crate::config::S3Config;
use crate::config::{Config, ConfigError, JournalPlace};
use crate::content::ContentStore;
use crate::delivery::DeliveryWorker;
use crate::holds;
use crate::http::auth::KeysError;
use crate::journal::Journal;
#[cfg(feature = "s3")]
use crate::objects::Bucket;
use crate::objects::{Ledger, Objects};
use crate::requests;
use crate::seals::Sealer;
use crate::store::{self, Db, StoreError, StoreSettings, TimeLimits};
use crate::tenants::{self, TenantError};
use crate::vault::{AppContext, Keysets, MasterKey, MasterKeys, VaultError};
use crate::webhooks::{AddressGuard, WebhookClient, WebhookWorker};

/// The tenant of development mode.
pub const DEMO: &str = "demo";

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the archive cannot be used: {0}. Check database.url")]
    Archive(#[source] StoreError),
    #[error("the vault cannot be used: {0}. Check vault.url, which is beside database.url by default")]
    Vault(#[source] StoreError),
    /// The tenant of development mode cannot be created.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// The keys that verify tokens are unavailable.
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error("vault.master_key: {0}")]
    MasterKey(#[from] CryptoError),
    /// Keys of the vault are wrapped by a master key that is not among the settings.
    #[error(transparent)]
    MasterKeyUnknown(VaultError),
    #[error("data_dir cannot be used: {0}")]
    Folder(#[source] std::io::Error),
    #[error("the address {0} cannot be used to listen: {1}")]
    Listen(&'static str, #[source] std::io::Error),
    #[error("the metrics cannot be registered")]
    Metrics,
    #[error("the OpenAPI document cannot be written")]
    Document,
}

/// Opens both databases for a command. In development mode it also migrates them and creates the tenant `demo`.
pub async fn open(config: &Config) -> Result<AppContext, StartError> {
    let memory = MemoryBudget::new(config.memory.budget).patient();
    open_with(config, TimeLimits::all(Duration::from_secs(config.database.job_timeout)), memory).await
}

/// Opens both databases for the service, whose callers wait for a shorter time than a command does.
pub async fn open_to_serve(config: &Config) -> Result<AppContext, StartError> {
    let read = Duration::from_secs(config.database.statement_timeout);
    let write = Duration::from_secs(config.database.write_timeout);
    open_with(config, TimeLimits { read, write }, MemoryBudget::new(config.memory.budget)).await
}

async fn open_with(config: &Config, limits: TimeLimits, memory: MemoryBudget) -> Result<AppContext, StartError> {
    let (archive, vault) = addresses(config)?;
    let masters = MasterKeys::new(master_key(config)?, previous_master_key(config)?);
    let stores = AppContext {
        archive: Db::open_with(&archive, limits).await.map_err(StartError::Archive)?,
        vault: Db::open_with(&vault, limits).await.map_err(StartError::Vault)?,
        keysets: Keysets::new(masters),
        journal: journal(config)?.declaring(config.journal.backup_days),
        clock: Clock::System,
        memory: Arc::new(memory),
        hiding: &[requests::HIDING, holds::HIDING],
    };
    if config.development() {
        migrate(&stores).await?;
        make_demo(&stores).await?;
    }
    // If a database is unavailable or not migrated, `/readyz` and each command report it.
    let (archive, vault) =
        tokio::join!(store::pending_migrations(&stores.archive), store::pending_migrations(&stores.vault));
    // A vault without its tables has no keys yet.
    let key = if matches!(vault, Ok(0)) { stores.keysets.verify(&stores.vault).await } else { Ok(()) };
    match (archive, vault, key) {
        (Err(error @ (StoreError::MadeByOldVersion | StoreError::Unsuitable(_))), ..) => {
            Err(StartError::Archive(error))
        }
        (_, Err(error @ (StoreError::MadeByOldVersion | StoreError::Unsuitable(_))), _) => {
            Err(StartError::Vault(error))
        }
        (.., Err(VaultError::Crypto(error))) => Err(error.into()),
        (.., Err(error @ VaultError::MasterKeyUnknown(_))) => Err(StartError::MasterKeyUnknown(error)),
        _ => Ok(stores),
    }
}

/// Applies the missing migrations to both databases.
pub async fn migrate(stores: &AppContext) -> Result<(), StartError> {
    store::migrate(&stores.vault).await.map_err(StartError::Vault)?;
    store::migrate(&stores.archive).await.map_err(StartError::Archive)
}

/// The number of migrations that are missing in both databases.
pub async fn pending_migrations(stores: &AppContext) -> Result<usize, StartError> {
    let of_vault = store::pending_migrations(&stores.vault).await.map_err(StartError::Vault)?;
    Ok(of_vault + store::pending_migrations(&stores.archive).await.map_err(StartError::Archive)?)
}

#[must_use]
pub fn content_store(config: &Config) -> ContentStore {
    let size_limit = config.content.size_limit;
    #[cfg(feature = "s3")]
    if let Some(name) = &config.content.s3.bucket {
        let s3 = config.content.s3.clone();
        let objects = Objects::in_bucket(bucket(name.clone(), s3.prefix.clone(), s3));
        return ContentStore { objects, size_limit };
    }
    ContentStore { objects: Objects::in_folder(config.objects_folder()), size_limit }
}

#[cfg(feature = "s3")]
fn bucket(name: String, prefix: String, s3: S3Config) -> Bucket {
    let access = s3.access_key_id.zip(s3.secret_access_key);
    Bucket { name, prefix, region: s3.region, endpoint: s3.endpoint, access }
}

/// The erasure journal.
fn journal(config: &Config) -> Result<Journal, ConfigError> {
    let objects = match config.journal_place()? {
        JournalPlace::Off => {
            tracing::warn!("journal.off is true: a restore that brings forgotten customers back is not detected");
            return Ok(Journal::new(None));
        }
        JournalPlace::Folder(folder) => Objects::in_folder(folder),
        #[cfg(feature = "s3")]
        JournalPlace::Bucket { name, prefix } => Objects::in_bucket(bucket(name, prefix, config.journal.s3.clone())),
        #[cfg(not(feature = "s3"))]
        JournalPlace::Bucket { .. } => return Err(ConfigError::new("journal.place", "must be a folder")),
    };
    Ok(Journal::new(Some(Ledger::new(objects, Duration::from_secs(config.journal.timeout)))))
}

/// The anchored checkpoints of audit logs in another place than the journal, such as a copy of it.
pub fn anchors(config: &Config, place: String) -> Result<Journal, StartError> {
    let mut config = config.clone();
    (config.journal.place, config.journal.off) = (Some(place), false);
    Ok(journal(&config)?)
}

/// The sealer of the audit logs.
#[must_use]
pub fn sealer(config: &Config, stores: &Arc<AppContext>) -> Sealer {
    Sealer::new(Arc::clone(stores), config.log_host())
}

/// The worker that delivers recordings to their tenants.
#[must_use]
pub fn delivery_worker(config: &Config, stores: &Arc<AppContext>, content_store: &Arc<ContentStore>) -> DeliveryWorker {
    DeliveryWorker::new(
        Arc::clone(stores),
        Arc::clone(content_store),
        config.delivery.clone(),
        config.deliveries_folder(),
    )
}

/// The guard of the addresses of webhooks.
pub fn address_guard(config: &Config) -> Result<AddressGuard, ConfigError> {
    Ok(AddressGuard::new(&config.webhooks.networks()?, config.development()))
}

/// The worker that sends the messages of webhooks.
pub fn webhook_worker(config: &Config, stores: &Arc<AppContext>) -> Result<WebhookWorker, StartError> {
    let authorities = config.webhooks.ca_file.as_deref();
    let (interval, timeout) = (config.delivery.interval(), config.delivery.timeout());
    let client = WebhookClient::new(address_guard(config)?, authorities, timeout);
    let client = client.map_err(|error| ConfigError::new("webhooks.ca_file", error.to_string()))?;
    Ok(WebhookWorker::new(Arc::clone(stores), client, interval, timeout))
}

async fn make_demo(stores: &AppContext) -> Result<(), StartError> {
    if tenants::find_by_slug(&mut stores.archive.read().await?, DEMO).await?.is_some() {
        return Ok(());
    }
    let mut tx = stores.archive.write().await?;
    match tenants::create(&mut tx, stores.clock, DEMO).await {
        Ok(_) => Ok(tx.commit().await?),
        // Another process created the tenant first.
        Err(TenantError::SlugTaken | TenantError::Store(StoreError::Constraint(_))) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The URLs of the archive and the vault. Without a setting, they are SQLite files in the data folder. Beside a
/// PostgreSQL archive, the vault is the schema `vault` of the same server.
fn addresses(config: &Config) -> Result<(StoreSettings, StoreSettings), StartError> {
    let is_postgres = |url: &SecretString| url.expose_secret().starts_with("postgres");
    let embedded = |file: &str| -> Result<SecretString, StartError> {
        std::fs::create_dir_all(&config.data_dir).map_err(StartError::Folder)?;
        Ok(format!("sqlite:{}", config.data_dir.join(file).display()).into())
    };
    let archive = config.database.url.clone().map_or_else(|| embedded("archive.db"), Ok)?;
    let vault = match &config.vault.url {
        Some(url) => url.clone(),
        None if is_postgres(&archive) => archive.clone(),
        None => embedded("vault.db")?,
    };
    let archive = StoreSettings {
        url: archive,
        schema: None,
        connections: config.database.pool,
        patience: Duration::from_secs(config.database.acquire_timeout),
    };
    let vault = StoreSettings {
        url: vault,
        schema: Some("vault"),
        connections: config.vault.pool,
        patience: Duration::from_secs(config.vault.acquire_timeout),
    };
    Ok((archive, vault))
}

/// The master key that a rotation replaces.
fn previous_master_key(config: &Config) -> Result<Option<MasterKey>, StartError> {
    let Some(key) = &config.vault.previous_master_key else { return Ok(None) };
    let bytes = STANDARD.decode(key.expose_secret()).map_err(|_| CryptoError::KeyLength)?;
    Ok(Some(MasterKey::from_bytes(&bytes)?))
}

fn master_key(config: &Config) -> Result<MasterKey, StartError> {
    if let Some(key) = &config.vault.master_key {
        let bytes = STANDARD.decode(key.expose_secret()).map_err(|_| CryptoError::KeyLength)?;
        return Ok(MasterKey::from_bytes(&bytes)?);
    }
    if !config.development() {
        return Err(ConfigError::new("vault.master_key", "must be set, because auth.issuer is set").into());
    }
    std::fs::create_dir_all(&config.data_dir).map_err(StartError::Folder)?;
    let file = config.data_dir.join("dev-master.key");
    match std::fs::read_to_string(&file) {
        Ok(text) => {
            let bytes = STANDARD.decode(text.trim()).map_err(|_| CryptoError::KeyLength)?;
            Ok(MasterKey::from_bytes(&bytes)?)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make_master_key(&file, config),
        Err(error) => Err(StartError::Folder(error)),
    }
}

/// Makes the key of development mode. If several processes do it at once, the file of the first one stays.
fn make_master_key(file: &Path, config: &Config) -> Result<MasterKey, StartError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let text = STANDARD.encode(Key::random()?.bytes());
    let temporary = config.data_dir.join(format!(".dev-master.key.{}", std::process::id()));
    let write = || {
        let mut open = std::fs::File::options();
        open.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?.write_all(text.as_bytes())?;
        let linked = std::fs::hard_link(&temporary, file);
        std::fs::remove_file(&temporary)?;
        match linked {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    };
    write().map_err(StartError::Folder)?;
    master_key(config)
}
