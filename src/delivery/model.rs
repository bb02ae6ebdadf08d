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
    /// How to get in; none for a folder.
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

/// Declares the faults once: the variant and its stable word.
macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// The reason why an attempt failed, as a stable word. The texts of a server are never kept, because they may quote
        /// what it was sent.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        pub enum SendError { $($(#[$doc])* #[error($word)] $name,)* }

        impl SendError {
            /// The stable word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

faults! {
    /// Nobody listens there.
    ConnectionRefused = "connection_refused";
    /// The server's name or network cannot be found.
    Unreachable = "unreachable";
    /// The server did not answer in time.
    Timeout = "timeout";
    /// The line broke, or the server said that it is going away.
    ConnectionLost = "connection_lost";
    /// The server does not let us in.
    AuthFailed = "auth_failed";
    /// The server has another key than the one it was registered with.
    HostKeyMismatch = "host_key_mismatch";
    /// The server's certificate is not trusted, or it offers no TLS.
    CertificateInvalid = "certificate_invalid";
    /// There is no room.
    Quota = "quota";
    /// The server does not let us write there.
    Permission = "permission";
    /// The folder or bucket is not there.
    FolderMissing = "folder_missing";
    /// The server has too much to do.
    Busy = "busy";
    /// The server refused for another reason, or spoke another language.
    Refused = "refused";
    /// The worker was asked to end.
    Interrupted = "interrupted";
    /// The target was changed while it was being used.
    TargetChanged = "target_changed";
    /// The interaction was sent again with another customer while its recording was under way.
    CustomerChanged = "customer_changed";
    /// The tenant has no target any more.
    TargetMissing = "target_missing";
    /// The target asks for plain FTP, and the tenant's settings do not allow it.
    PlainFtpNotAllowed = "plain_ftp_not_allowed";
    /// The tenant's key has expired, and nothing is sent in clear that is to be encrypted (B8).
    RecordingKeyExpired = "recording_key_expired";
    /// The recording's bytes cannot be had.
    ContentUnavailable = "content_unavailable";
    /// This build cannot deliver there.
    NotBuiltIn = "not_built_in";
    /// A database is away.
    Unavailable = "unavailable";
    /// Something went wrong here.
    Internal = "internal";
}

impl SendError {
    /// Whether trying again cannot help until an operator has corrected something.
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

    /// Whether the next recording for the same target would meet the same.
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
    SendError(#[from] SendError),
    /// The customer was forgotten: it must not be delivered.
    #[error("the customer was forgotten")]
    Forgotten,
    /// Somebody else has it, or it was cancelled.
    #[error("the claim was lost")]
    Lost,
}

impl AttemptError {
    /// Whether the server can still be spoken to.
    #[must_use]
    pub const fn leaves_the_line(&self) -> bool {
        !matches!(self, Self::SendError(SendError::Timeout | SendError::ConnectionLost | SendError::Busy))
    }
}

impl From<DeliveryError> for AttemptError {
    /// The cause is for the log; the row keeps a word.
    fn from(error: DeliveryError) -> Self {
        let fault = error.fault();
        if !matches!(fault, SendError::Unavailable) {
            tracing::warn!(%error, "A delivery failed");
        }
        Self::SendError(fault)
    }
}

/// Why something could not be done with deliveries.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    #[error("the delivery or the delivery target does not exist")]
    Unknown,
    /// It was delivered or cancelled: there is nothing to be tried again.
    #[error("the delivery is already finished")]
    Done,
    /// A rule of the target's description is broken: where, its code, and the rule.
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
    /// Something cannot be encrypted for the tenant.
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error("the metadata file cannot be written")]
    Metadata,
}

impl DeliveryError {
    fn fault(&self) -> SendError {
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
