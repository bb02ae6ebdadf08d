//! Registration: the text of a certificate becomes a key.

use chrono::{DateTime, Utc};

use super::model::{CertificateError, KeyError, KeyKind, RecordingKey, base64};

#[cfg(feature = "cms")]
use super::cms;
#[cfg(feature = "openpgp")]
use super::openpgp;

impl RecordingKey {
    /// Reads a certificate in armor, PEM, or base64, and validates it at an instant.
    pub fn read(kind: KeyKind, text: &str, now: DateTime<Utc>) -> Result<Self, KeyError> {
        if text.len() > Self::LONGEST {
            return Err(CertificateError::TooLong.into());
        }
        // In any format, and beside anything else.
        if text.contains("PRIVATE KEY") || is_wrapped_private_key(text) {
            return Err(CertificateError::PrivateKey.into());
        }
        let key = validate(kind, text, now)?;
        // Only a key that encrypts is registered.
        key.encryptor().map_err(|error| match error {
            KeyError::Unusable => CertificateError::AlgorithmUnsupported.into(),
            error => error,
        })?;
        Ok(key)
    }
}

fn validate(kind: KeyKind, text: &str, now: DateTime<Utc>) -> Result<RecordingKey, KeyError> {
    match kind {
        #[cfg(feature = "openpgp")]
        KeyKind::OpenPgp => openpgp::read(text, now),
        #[cfg(feature = "cms")]
        KeyKind::X509 => cms::read(text, now),
        #[cfg(not(all(feature = "openpgp", feature = "cms")))]
        _ => {
            let _ = (text, now);
            Err(KeyError::NotBuiltIn)
        }
    }
}

/// Whether a text in base64 contains a private key in PEM or armor.
fn is_wrapped_private_key(text: &str) -> bool {
    base64(text).is_some_and(|bytes| bytes.windows(11).any(|window| window == b"PRIVATE KEY"))
}
