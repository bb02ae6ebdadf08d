//! The tenant's recording key, and the reasons to refuse a certificate.

use chrono::{DateTime, Utc};
use utoipa::ToSchema;

use crate::base::crypto::CryptoError;
use crate::base::words::words;
use crate::store::StoreError;

words! {
    stored
    /// The kind of certificate that a key was registered with.
    #[derive(ToSchema)]
    pub enum KeyKind {
        /// An OpenPGP certificate (RFC 4880): recordings become OpenPGP messages.
        OpenPgp = "openpgp",
        /// An X.509 certificate (RFC 5280): recordings become CMS messages.
        X509 = "x509",
    }
}

impl KeyKind {
    /// The kind of a fingerprint. OpenPGP's version 4 has 20 bytes, and SHA-256 has 32.
    #[must_use]
    pub const fn of_fingerprint(fingerprint: &str) -> Self {
        if fingerprint.len() == 40 { Self::OpenPgp } else { Self::X509 }
    }

    /// The extension of an encrypted file's name.
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

/// The public key that a tenant's recordings are encrypted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingKey {
    pub kind: KeyKind,
    /// The certificate's fingerprint in upper-case hexadecimal digits: OpenPGP's own, or the SHA-256 of the X.509 DER.
    pub fingerprint: String,
    /// The algorithm in words, such as `RSA 3072`.
    pub algorithm: String,
    /// Nothing is encrypted with the key from this time on.
    pub expires_at: Option<DateTime<Utc>>,
    /// The part of the certificate that encryption needs: OpenPGP's one (sub)key packet without names, or X.509 in DER.
    pub(super) certificate: Vec<u8>,
}

impl RecordingKey {
    /// The longest text of a certificate, in bytes.
    pub const LONGEST: usize = 64 * 1024;

    /// Whether the key has expired at an instant. Then nothing may be encrypted with it or sent in clear instead (B8).
    #[must_use]
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|expires| expires <= now)
    }

    /// The extension of the name of a file that is encrypted with the key.
    #[must_use]
    pub const fn extension(&self) -> &'static str {
        self.kind.extension()
    }
}

/// Declares each reason once: the variant, its stable word, and its text.
macro_rules! refusals {
    ($($name:ident = $word:literal, $text:literal;)*) => {
        /// Why a certificate is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum CertificateError { $(#[doc = $text] $name,)* }

        impl CertificateError {
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            #[must_use]
            pub const fn detail(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

refusals! {
    PrivateKey = "private_key", "must be a certificate: this is a private key; it was not stored, and must be replaced, since it has left its owner";
    NotACertificate = "not_a_certificate", "must be an intact certificate of this kind";
    SeveralCertificates = "several_certificates", "must be one certificate";
    TooLong = "too_long", "must be at most 65536 bytes";
    VersionUnsupported = "version_unsupported", "must be of OpenPGP's version 4";
    Unbound = "unbound", "must have a valid signature of its owner that binds the key";
    Sha1Binding = "sha1_binding", "must not rely on a signature over SHA-1, MD5, or RIPEMD-160";
    Revoked = "revoked", "must not be revoked";
    Expired = "expired", "must not have expired";
    NotYetValid = "not_yet_valid", "must be valid already";
    NoEncryptionKey = "no_encryption_key", "must have a key for encryption";
    NotForEncryption = "not_for_encryption", "must allow encryption";
    TooWeak = "too_weak", "must be stronger: RSA with at least 2048 bits, and not DSA";
    AlgorithmUnsupported = "algorithm_unsupported", "must have a key of a supported algorithm";
}

/// Why an operation with a key failed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the certificate is refused: {}", .0.code())]
    Refused(CertificateError),
    /// This build cannot encrypt for keys of this kind.
    #[error("this build cannot encrypt for keys of this kind")]
    NotBuiltIn,
    #[error("encrypting with the key failed")]
    Unusable,
    /// One message cannot contain so many bytes.
    #[error("the file is too long for one encrypted message")]
    TooLong,
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CertificateError> for KeyError {
    fn from(error: CertificateError) -> Self {
        Self::Refused(error)
    }
}

/// The bytes of a text in base64 with blanks anywhere.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let dense: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(dense).ok().filter(|bytes| !bytes.is_empty())
}
