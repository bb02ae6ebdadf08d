//! Encryption of one file for the tenant.

use super::model::{KeyError, KeyKind, RecordingKey};

#[cfg(feature = "cms")]
use super::cms;
#[cfg(feature = "openpgp")]
use super::openpgp;

/// Encrypts one file piece by piece in constant memory. A file that does not end with [`Encryptor::finish`] cannot be
/// opened. An encryptor does not wait, and keeps at most 64 KiB of cleartext.
#[derive(Debug)]
#[non_exhaustive]
pub enum Encryptor {
    #[cfg(feature = "openpgp")]
    OpenPgp(Box<openpgp::OpenPgpMessage>),
    #[cfg(feature = "cms")]
    Cms(Box<cms::CmsMessage>),
}

impl RecordingKey {
    /// An encryptor for one file. Check [`RecordingKey::is_expired`] first.
    pub fn encryptor(&self) -> Result<Encryptor, KeyError> {
        let Self { kind, certificate, .. } = self;
        match kind {
            #[cfg(feature = "openpgp")]
            KeyKind::OpenPgp => Ok(Encryptor::OpenPgp(Box::new(openpgp::OpenPgpMessage::new(certificate)?))),
            #[cfg(feature = "cms")]
            KeyKind::X509 => Ok(Encryptor::Cms(Box::new(cms::CmsMessage::new(certificate)?))),
            #[cfg(not(all(feature = "openpgp", feature = "cms")))]
            _ => {
                let _ = certificate;
                Err(KeyError::NotBuiltIn)
            }
        }
    }
}

impl Encryptor {
    /// Takes the next bytes, and appends ciphertext to `out`.
    #[cfg_attr(
        not(any(feature = "openpgp", feature = "cms")),
        expect(unused_variables, reason = "no encryption is built in")
    )]
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), KeyError> {
        match *self {
            #[cfg(feature = "openpgp")]
            Self::OpenPgp(ref mut message) => message.push(bytes, out),
            #[cfg(feature = "cms")]
            Self::Cms(ref mut message) => message.push(bytes, out),
        }
    }

    /// Appends the rest of the ciphertext to `out`.
    #[cfg_attr(
        not(any(feature = "openpgp", feature = "cms")),
        expect(unused_variables, reason = "no encryption is built in")
    )]
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        match self {
            #[cfg(feature = "openpgp")]
            Self::OpenPgp(message) => message.finish(out),
            #[cfg(feature = "cms")]
            Self::Cms(message) => message.finish(out),
        }
    }
}
