//! What a tenant's key is, and why a certificate is refused.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Encryptor;
use crate::base::crypto::CryptoError;
use crate::store::StoreError;

/// The kind of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type, Serialize, Deserialize, ToSchema)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// An OpenPGP certificate (RFC 4880): recordings become OpenPGP messages.
    #[serde(rename = "openpgp")]
    OpenPgp,
    /// An X.509 certificate (RFC 5280): recordings become CMS messages.
    X509,
}

impl KeyKind {
    /// The kind whose fingerprints look like this: 20 bytes of OpenPGP's version 4, 32 of SHA-256.
    #[must_use]
    pub const fn of_fingerprint(fingerprint: &str) -> Self {
        if fingerprint.len() == 40 { Self::OpenPgp } else { Self::X509 }
    }

    /// What the name of an encrypted file ends with.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::OpenPgp => "pgp",
            Self::X509 => "p7m",
        }
    }

    /// The media type of an encrypted file.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::OpenPgp => "application/pgp-encrypted",
            Self::X509 => "application/pkcs7-mime",
        }
    }
}

/// The key that a tenant's recordings are encrypted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingKey {
    pub kind: KeyKind,
    /// The certificate's fingerprint in upper-case hexadecimal digits: OpenPGP's own, or the SHA-256 of the X.509 DER.
    pub fingerprint: String,
    /// What the key is, such as `RSA 3072`.
    pub algorithm: String,
    /// From when on nothing is encrypted with it; none: never.
    pub expires_at: Option<DateTime<Utc>>,
    /// What encryption needs of the certificate: OpenPGP's one (sub)key packet, without names; X.509 in DER.
    pub(super) certificate: Vec<u8>,
}

impl RecordingKey {
    /// The longest certificate that is read, in bytes of its text.
    pub const LONGEST: usize = 64 * 1024;

    /// Reads a certificate in armor, PEM, or base64, and judges it at an instant.
    pub fn read(kind: KeyKind, text: &str, now: DateTime<Utc>) -> Result<Self, KeyError> {
        if text.len() > Self::LONGEST {
            return Err(CertificateError::TooLong.into());
        }
        // Of whatever format, and whatever else comes with it.
        if text.contains("PRIVATE KEY") || is_wrapped_private_key(text) {
            return Err(CertificateError::PrivateKey.into());
        }
        let key = Self::judge(kind, text, now)?;
        // What passes here encrypts.
        key.encryptor().map_err(|error| match error {
            KeyError::Unusable => CertificateError::AlgorithmUnsupported.into(),
            error => error,
        })?;
        Ok(key)
    }

    fn judge(kind: KeyKind, text: &str, now: DateTime<Utc>) -> Result<Self, KeyError> {
        match kind {
            #[cfg(feature = "openpgp")]
            KeyKind::OpenPgp => super::openpgp::read(text, now),
            #[cfg(feature = "cms")]
            KeyKind::X509 => super::cms::read(text, now),
            #[cfg(not(all(feature = "openpgp", feature = "cms")))]
            _ => {
                let _ = (text, now);
                Err(KeyError::NotBuiltIn)
            }
        }
    }

    /// Whether it has expired at an instant: then nothing may be encrypted with it, nor go out in clear in its stead (B8).
    #[must_use]
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|expires| expires <= now)
    }

    /// What encrypts one file for the key. Ask [`RecordingKey::is_expired`] first.
    pub fn encryptor(&self) -> Result<Encryptor, KeyError> {
        Encryptor::new(self.kind, &self.certificate)
    }

    /// What the name of a file encrypted for it ends with.
    #[must_use]
    pub const fn extension(&self) -> &'static str {
        self.kind.extension()
    }
}

/// Declares the reasons once: the variant, its stable word, and what to tell.
macro_rules! refusals {
    ($($name:ident = $word:literal, $text:literal;)*) => {
        /// Why a certificate is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum CertificateError { $(#[doc = $text] $name,)* }

        impl CertificateError {
            /// The stable word.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What to do about it.
            #[must_use]
            pub const fn detail(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

refusals! {
    PrivateKey = "private_key", "must not be a private key; it was not stored, but it has left its owner's hands: \
                                 replace it";
    NotACertificate = "not_a_certificate", "must be a valid OpenPGP or X.509 certificate";
    SeveralCertificates = "several_certificates", "must contain exactly one certificate";
    TooLong = "too_long", "must be at most 65536 bytes";
    VersionUnsupported = "version_unsupported", "must be an OpenPGP certificate of version 4";
    Unbound = "unbound", "must not contain a key without a valid binding signature of its owner";
    Sha1Binding = "sha1_binding", "must not depend on a signature over SHA-1 or MD5: have it signed again";
    Revoked = "revoked", "must not be revoked";
    Expired = "expired", "must not be expired";
    NotYetValid = "not_yet_valid", "must be valid already";
    NoEncryptionKey = "no_encryption_key", "must have a key that is meant for encryption";
    NotForEncryption = "not_for_encryption", "must be meant for encryption";
    TooWeak = "too_weak", "must not be too weak: RSA needs at least 2048 bits, and DSA is not accepted";
    AlgorithmUnsupported = "algorithm_unsupported", "must not contain a key of an unsupported algorithm";
}

/// Why something could not be done with a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the certificate is invalid: {}", .0.code())]
    Refused(CertificateError),
    /// This build cannot encrypt for keys of this kind.
    #[error("this build does not include encryption for keys of this kind")]
    NotBuiltIn,
    #[error("encryption with the key failed")]
    Unusable,
    /// More bytes than one message can hold.
    #[error("the content is too long for one encrypted message")]
    TooLong,
    /// The system gave no random bytes.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CertificateError> for KeyError {
    fn from(refusal: CertificateError) -> Self {
        Self::Refused(refusal)
    }
}

/// Whether a text is a private key in PEM or armor, in base64 once more.
fn is_wrapped_private_key(text: &str) -> bool {
    base64(text).is_some_and(|bytes| bytes.windows(11).any(|window| window == b"PRIVATE KEY"))
}

/// The bytes of a text in base64, whatever blanks stand in it.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let dense: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(dense).ok().filter(|bytes| !bytes.is_empty())
}
