//! One file on its way into ciphertext.

use super::model::{KeyError, KeyKind};

#[cfg(feature = "cms")]
use super::cms;
#[cfg(feature = "openpgp")]
use super::openpgp;

/// Encrypts one file as it comes, in constant memory: feed it with [`Encryptor::push`] and end it with
/// [`Encryptor::finish`], or what it made opens nowhere. It neither waits nor keeps cleartext beyond 64 KiB.
#[derive(Debug)]
#[non_exhaustive]
pub enum Encryptor {
    #[cfg(feature = "openpgp")]
    OpenPgp(Box<openpgp::Message>),
    #[cfg(feature = "cms")]
    Cms(Box<cms::Message>),
}

impl Encryptor {
    /// For a key as it is kept.
    pub(super) fn new(kind: KeyKind, certificate: &[u8]) -> Result<Self, KeyError> {
        match kind {
            #[cfg(feature = "openpgp")]
            KeyKind::OpenPgp => Ok(Self::OpenPgp(Box::new(openpgp::Message::new(certificate)?))),
            #[cfg(feature = "cms")]
            KeyKind::X509 => Ok(Self::Cms(Box::new(cms::Message::new(certificate)?))),
            #[cfg(not(all(feature = "openpgp", feature = "cms")))]
            _ => {
                let _ = certificate;
                Err(KeyError::NotBuiltIn)
            }
        }
    }

    /// Takes the next bytes, and appends ciphertext to `out`.
    #[cfg_attr(not(any(feature = "openpgp", feature = "cms")), expect(unused_variables, reason = "nothing encrypts"))]
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), KeyError> {
        match *self {
            #[cfg(feature = "openpgp")]
            Self::OpenPgp(ref mut message) => message.push(bytes, out),
            #[cfg(feature = "cms")]
            Self::Cms(ref mut message) => message.push(bytes, out),
        }
    }

    /// Appends what is left of the ciphertext to `out`.
    #[cfg_attr(not(any(feature = "openpgp", feature = "cms")), expect(unused_variables, reason = "nothing encrypts"))]
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        match self {
            #[cfg(feature = "openpgp")]
            Self::OpenPgp(message) => message.finish(out),
            #[cfg(feature = "cms")]
            Self::Cms(message) => message.finish(out),
        }
    }
}
