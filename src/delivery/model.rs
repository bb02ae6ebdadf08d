//! The types of deliveries, and the reasons why one fails.

use super::address::Address;
use crate::archive::ArchiveError;
use crate::base::crypto::CryptoError;
use crate::base::id::IdentifierId;
use crate::content::ContentError;
use crate::recording_keys::KeyError;
use crate::store::StoreError;
use crate::tenants::TenantError;
use crate::vault::{DeliverySecret, VaultError};

/// The customer in the metadata of a delivery's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Addressee {
    pub phone_id: Option<IdentifierId>,
    pub email_id: Option<IdentifierId>,
}

/// A destination as an operator sets it.
#[derive(Debug)]
pub struct NewDestination {
    pub address: Address,
    /// The secret that logs in to the server. A folder has none.
    pub secret: Option<DeliverySecret>,
    /// SFTP: the server's key.
    pub host_key: Option<String>,
    /// S3: where the service is, if it is not AWS.
    pub endpoint: Option<String>,
    /// S3: the bucket's region.
    pub region: Option<String>,
    /// S3: the access key.
    pub access_key_id: Option<String>,
    /// Whether the server renames files.
    pub renames: bool,
}

/// Declares each error once: the variant, its stable code, and its text.
macro_rules! send_errors {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $text:literal;)*) => {
        /// The reason why an attempt failed, as a stable code. The texts of a server are never kept, because they may quote
        /// data that were sent to it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        pub enum SendError { $($(#[$doc])* #[error($text)] $name,)* }

        impl SendError {
            /// The stable code.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

send_errors! {
    /// No program listens at the server's address.
    ConnectionRefused = "connection_refused", "the server refused the connection";
    /// The server's name or network cannot be found.
    Unreachable = "unreachable", "the server's name or network cannot be found";
    /// The server did not reply in time.
    Timeout = "timeout", "timeout: the server did not reply in time";
    /// The connection broke, or the server is about to close it.
    ConnectionLost = "connection_lost", "the connection to the server broke";
    /// The server refuses the login.
    AuthFailed = "auth_failed", "the server refused the login";
    /// The server has another key than the one that the target names.
    HostKeyMismatch = "host_key_mismatch", "the server has another key than the target names";
    /// The server's certificate is not trusted, or it offers no TLS.
    CertificateInvalid = "certificate_invalid", "the server's certificate is not trusted, or the server has no TLS";
    /// The server has no free space.
    Quota = "quota", "the server has no free space";
    /// The login may not write to the folder or bucket.
    Permission = "permission", "the login may not write to the folder or bucket";
    /// The folder or bucket does not exist.
    FolderMissing = "folder_missing", "the folder or bucket does not exist";
    /// The server is too busy.
    Busy = "busy", "the server is too busy";
    /// The server refused for another reason, or does not follow the protocol.
    Refused = "refused", "the server refused the delivery";
    /// The worker is stopping.
    Interrupted = "interrupted", "the worker was stopped";
    /// The target was changed while it was being used.
    TargetChanged = "target_changed", "the delivery target was changed during the attempt";
    /// The interaction was sent again with another customer during the attempt.
    CustomerChanged = "customer_changed", "the interaction was sent with another customer during the attempt";
    /// The tenant has no target any more.
    TargetMissing = "target_missing", "the tenant has no delivery target";
    /// The target needs plain FTP, and the tenant's settings do not allow it.
    PlainFtpNotAllowed = "plain_ftp_not_allowed", "the tenant's settings do not allow plain FTP";
    /// The tenant's key has expired. A recording that must be encrypted is not sent in clear (B8).
    RecordingKeyExpired = "recording_key_expired", "the tenant's recording key has expired";
    /// The recording's bytes cannot be read.
    ContentUnavailable = "content_unavailable", "the recording cannot be read";
    /// This build does not include this kind of target.
    NotBuiltIn = "not_built_in", "this build does not include this kind of delivery target";
    /// A database does not respond.
    Unavailable = "unavailable", "a database is unavailable";
    /// This service has an error of its own.
    Internal = "internal", "the service has an internal error";
}

impl SendError {
    /// Whether every attempt fails until an operator corrects something.
    #[must_use]
    pub const fn holds(self) -> bool {
        matches!(
            self,
            Self::HostKeyMismatch
                | Self::TargetMissing
                | Self::PlainFtpNotAllowed
                | Self::RecordingKeyExpired
                | Self::NotBuiltIn
        )
    }

    /// Whether the next recording for the same target would fail in the same way.
    #[must_use]
    pub const fn is_of_target(self) -> bool {
        !matches!(
            self,
            Self::ContentUnavailable
                | Self::Internal
                | Self::TargetChanged
                | Self::CustomerChanged
                | Self::ConnectionLost
        )
    }
}

/// How an attempt ended without a delivery.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    #[error("{0}")]
    Send(#[from] SendError),
    /// The customer was forgotten, so the recording must not be delivered.
    #[error("the customer was forgotten")]
    Forgotten,
    /// Another worker has claimed the delivery, or it was cancelled.
    #[error("the claim was lost")]
    Lost,
}

impl AttemptError {
    /// Whether the connection to the server is still usable.
    #[must_use]
    pub const fn keeps_the_connection(&self) -> bool {
        !matches!(self, Self::Send(SendError::Timeout | SendError::ConnectionLost | SendError::Busy))
    }
}

impl From<DeliveryError> for AttemptError {
    /// The cause is for the log. The row keeps a code.
    fn from(error: DeliveryError) -> Self {
        let send_error = error.send_error();
        if !matches!(send_error, SendError::Unavailable) {
            tracing::warn!(%error, "A delivery failed");
        }
        Self::Send(send_error)
    }
}

/// An error of an operation on deliveries or on the delivery target.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    #[error("the delivery or the delivery target does not exist")]
    Unknown,
    /// The delivery was delivered or cancelled, so there is no attempt to repeat.
    #[error("the delivery is already finished")]
    Done,
    /// A field of the target breaks a rule: the pointer to the field, the code, and the rule.
    #[error("{0} {2}")]
    Rule(&'static str, &'static str, &'static str),
    #[error("this build does not include this kind of delivery target")]
    NotBuiltIn,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Content(#[from] ContentError),
    /// A file cannot be encrypted for the tenant.
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error("the metadata file cannot be written")]
    Metadata,
}

impl DeliveryError {
    fn send_error(&self) -> SendError {
        let of_store =
            |error: &StoreError| if error.is_transient() { SendError::Unavailable } else { SendError::Internal };
        match self {
            Self::Store(error)
            | Self::Vault(VaultError::Store(error))
            | Self::Tenant(TenantError::Store(error))
            | Self::Archive(ArchiveError::Store(error) | ArchiveError::Vault(VaultError::Store(error))) => {
                of_store(error)
            }
            Self::Key(KeyError::Store(error)) => of_store(error),
            Self::Content(_) => SendError::ContentUnavailable,
            Self::NotBuiltIn | Self::Key(KeyError::NotBuiltIn) => SendError::NotBuiltIn,
            _ => SendError::Internal,
        }
    }
}
