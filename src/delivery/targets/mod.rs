//! Targets: the servers, buckets, and folders that deliveries are written to. A file is written under another name, and
//! renamed when it is whole.

#[cfg(any(feature = "ftp", feature = "sftp"))]
mod dial;
mod folder;
#[cfg(feature = "ftp")]
mod ftp;
#[cfg(feature = "s3")]
mod s3;
#[cfg(feature = "sftp")]
mod sftp;

use std::io;
#[cfg(any(feature = "ftp", feature = "s3"))]
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use super::address::Address;
use super::model::{AttemptError, SendError};
use super::payload::PayloadBody;
use crate::outbox::Destination;
use crate::vault::DeliverySecret;

#[cfg(feature = "ftp")]
pub use ftp::read_fingerprint;
#[cfg(feature = "sftp")]
pub use sftp::{read_host_key, read_private_key};

/// The settings for a connection to a target, besides its address.
#[derive(Clone, Debug)]
pub struct Reach {
    /// The folder that contains the tenants' folders.
    pub folder: PathBuf,
    #[cfg_attr(
        not(any(feature = "ftp", feature = "s3")),
        expect(dead_code, reason = "the server does not support TLS")
    )]
    pub ca_file: Option<PathBuf>,
    /// The longest wait for a server.
    #[cfg_attr(
        not(any(feature = "ftp", feature = "s3", feature = "sftp")),
        expect(dead_code, reason = "the address has no server")
    )]
    pub timeout: Duration,
}

pub enum TargetSession {
    Folder(folder::Folder),
    #[cfg(feature = "ftp")]
    Ftp(Box<ftp::Ftp>),
    #[cfg(feature = "s3")]
    BucketTarget(s3::BucketTarget),
    #[cfg(feature = "sftp")]
    Sftp(sftp::Sftp),
}

/// Calls the same function for each kind of target.
macro_rules! each {
    ($target:expr, $inner:ident => $call:expr) => {
        match $target {
            Self::Folder($inner) => $call,
            #[cfg(feature = "ftp")]
            Self::Ftp($inner) => $call,
            #[cfg(feature = "s3")]
            Self::BucketTarget($inner) => $call,
            #[cfg(feature = "sftp")]
            Self::Sftp($inner) => $call,
        }
    };
}

impl TargetSession {
    /// Whether this build delivers to such an address.
    #[must_use]
    pub const fn is_built_in(address: &Address) -> bool {
        match address {
            Address::Folder(_) => true,
            Address::Sftp(_) => cfg!(feature = "sftp"),
            Address::Ftp { .. } => cfg!(feature = "ftp"),
            Address::S3 { .. } => cfg!(feature = "s3"),
        }
    }

    /// Connects to a target and logs in.
    pub async fn open(
        address: &Address,
        destination: &Destination,
        secret: Option<&DeliverySecret>,
        reach: &Reach,
    ) -> Result<Self, SendError> {
        let _ = (destination, secret);
        match address {
            Address::Folder(parts) => folder::Folder::open(reach, parts).await.map(Self::Folder),
            #[cfg(feature = "sftp")]
            Address::Sftp(login) => sftp::Sftp::open(login, destination, secret, reach).await.map(Self::Sftp),
            #[cfg(feature = "ftp")]
            Address::Ftp { login, tls } => {
                let certificate = destination.host_key.as_deref();
                ftp::Ftp::open(login, *tls, certificate, secret, reach).await.map(Box::new).map(Self::Ftp)
            }
            #[cfg(feature = "s3")]
            Address::S3 { bucket, prefix } => {
                s3::BucketTarget::open((bucket, prefix), destination, secret, reach).await.map(Self::BucketTarget)
            }
            #[cfg(not(all(feature = "ftp", feature = "s3", feature = "sftp")))]
            _ => Err(SendError::NotBuiltIn),
        }
    }

    /// The size of the file of this name, if it exists.
    pub async fn size(&mut self, name: &str) -> Result<Option<u64>, SendError> {
        each!(self, target => target.size(name).await)
    }

    /// Writes a whole file. It replaces a file of this name.
    pub async fn write(&mut self, name: &str, body: &mut PayloadBody) -> Result<(), AttemptError> {
        each!(self, target => target.write(name, body).await)
    }

    /// Renames a whole file. It replaces a file of the new name.
    pub async fn rename(&mut self, from: &str, to: &str) -> Result<(), SendError> {
        each!(self, target => target.rename(from, to).await)
    }

    /// Removes a file. A missing file counts as removed.
    pub async fn remove(&mut self, name: &str) -> Result<(), SendError> {
        each!(self, target => target.remove(name).await)
    }
}

/// A step that takes longer than the timeout is [`SendError::Timeout`].
#[cfg(any(feature = "ftp", feature = "s3", feature = "sftp"))]
async fn within<T>(timeout: Duration, step: impl Future<Output = Result<T, SendError>>) -> Result<T, SendError> {
    tokio::time::timeout(timeout, step).await.unwrap_or(Err(SendError::Timeout))
}

/// The error for an I/O error of the system.
fn of_io(error: &io::Error) -> SendError {
    use io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused => SendError::ConnectionRefused,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => SendError::Unreachable,
        ErrorKind::TimedOut => SendError::Timeout,
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected
        | ErrorKind::UnexpectedEof => SendError::ConnectionLost,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => SendError::Quota,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => SendError::Permission,
        ErrorKind::NotFound | ErrorKind::NotADirectory => SendError::FolderMissing,
        _ => SendError::Refused,
    }
}

/// The certificates (PEM) of the file that the settings name.
#[cfg(any(feature = "ftp", feature = "s3"))]
async fn read_file(file: &Path) -> Result<Vec<u8>, SendError> {
    tokio::fs::read(file).await.map_err(|_| SendError::CertificateInvalid)
}
