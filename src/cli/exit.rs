//! The ways in which a command can end.

use std::process::ExitCode;

use crate::app::StartError;
use crate::archive::ArchiveError;
use crate::base::memory::MemoryError;
use crate::content::ContentError;
use crate::delivery::DeliveryError;
use crate::exports::ExportError;
use crate::nightly::{Ending, PassError};
use crate::requests::RequestError;
use crate::scan::ScanError;
use crate::seals::SealError;
use crate::store::StoreError;
use crate::tenants::TenantError;
use crate::vault::VaultError;
use crate::webhooks::WebhookError;

/// The exit code. 64, 75, and 78 are those of `sysexits.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All was done, or another process works for the tenants.
    Done,
    Failed,
    /// Some requests were left waiting, some lines were rejected, or some recordings were not delivered.
    Incomplete,
    Usage,
    TryAgain,
    Configuration,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Incomplete => 2,
            Exit::Usage => 64,
            Exit::TryAgain => 75,
            Exit::Configuration => 78,
        })
    }
}

impl From<Ending> for Exit {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Done => Self::Done,
            Ending::Incomplete => Self::Incomplete,
            Ending::Interrupted | Ending::Unavailable => Self::TryAgain,
            Ending::Failed => Self::Failed,
            Ending::Refused => Self::Configuration,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Start(#[from] StartError),
    /// A tenant cannot be created or changed.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Content(#[from] ContentError),
    /// A customer's copy of their data cannot be written.
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Night(#[from] PassError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("standard output cannot be written: {0}")]
    Output(std::io::Error),
    #[error("the service on {address} is not ready: {reason}")]
    Unhealthy { address: String, reason: String },
    #[error("{0} migrations are missing: run lethe migrate")]
    Unmigrated(usize),
    #[error("{0}")]
    Internal(&'static str),
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        Self::Start(error.into())
    }
}

impl CommandError {
    /// The exit code of the error.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Start(
                StartError::Config(_)
                | StartError::MasterKey(_)
                | StartError::MasterKeyUnknown(_)
                | StartError::Keys(_)
                | StartError::Folder(_),
            )
            | Self::Vault(VaultError::MasterKeyUnknown(_))
            | Self::Export(ExportError::Vault(VaultError::MasterKeyUnknown(_)))
            | Self::Unmigrated(_) => Exit::Configuration,
            Self::Start(StartError::Store(error) | StartError::Archive(error) | StartError::Vault(error))
            | Self::Tenant(TenantError::Store(error))
            | Self::Delivery(DeliveryError::Store(error) | DeliveryError::Tenant(TenantError::Store(error)))
            | Self::Webhook(
                WebhookError::Store(error)
                | WebhookError::Tenant(TenantError::Store(error))
                | WebhookError::Vault(VaultError::Store(error)),
            )
            | Self::Vault(VaultError::Store(error))
            | Self::Export(
                ExportError::Store(error)
                | ExportError::Tenant(TenantError::Store(error))
                | ExportError::Vault(VaultError::Store(error))
                | ExportError::Archive(ArchiveError::Store(error) | ArchiveError::Vault(VaultError::Store(error))),
            )
            | Self::Seal(SealError::Store(error))
            | Self::Scan(ScanError::Store(error) | ScanError::Vault(VaultError::Store(error)))
            | Self::Request(RequestError::Store(error) | RequestError::Vault(VaultError::Store(error)))
            | Self::Archive(ArchiveError::Store(error) | ArchiveError::Vault(VaultError::Store(error))) => {
                of_store(error)
            }
            Self::Night(error) => error.ending().into(),
            Self::Seal(SealError::Journal(error)) if error.is_transient() => Exit::TryAgain,
            Self::Content(error)
            | Self::Scan(ScanError::Content(error))
            | Self::Export(ExportError::Content(error))
                if error.is_transient() =>
            {
                Exit::TryAgain
            }
            Self::Export(ExportError::Memory(MemoryError::Crowded)) => Exit::TryAgain,
            Self::Content(_)
            | Self::Export(_)
            | Self::Scan(_)
            | Self::Delivery(_)
            | Self::Webhook(_)
            | Self::Start(_)
            | Self::Archive(_)
            | Self::Request(_)
            | Self::Vault(_)
            | Self::Seal(_)
            | Self::Io(_)
            | Self::Output(_)
            | Self::Unhealthy { .. }
            | Self::Internal(_) => Exit::Failed,
            Self::Usage(_) | Self::Tenant(_) => Exit::Usage,
        }
    }
}

const fn of_store(error: &StoreError) -> Exit {
    match error {
        StoreError::Unavailable(_) | StoreError::Contended => Exit::TryAgain,
        StoreError::Address(_)
        | StoreError::Migration(_)
        | StoreError::MadeByOldVersion
        | StoreError::Unsuitable(_) => Exit::Configuration,
        _ => Exit::Failed,
    }
}
