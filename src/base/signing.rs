//! Signatures: Ed25519 (RFC 8032) of aws-lc-rs.

use std::fmt;

use aws_lc_rs::signature::{self, ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use super::crypto::{CryptoError, KEY_LEN, Key};

/// The length of a signature, in bytes.
pub const SIGNATURE_LEN: usize = 64;

/// A key that signs. `Debug` shows nothing of it.
pub struct SigningKey(Ed25519KeyPair);

/// The public half of a [`SigningKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(pub [u8; signature::ED25519_PUBLIC_KEY_LEN]);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl SigningKey {
    /// The key whose private half is these 32 random bytes.
    pub fn from_seed(seed: &Key) -> Result<Self, CryptoError> {
        let seed: &[u8; KEY_LEN] = seed.bytes();
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self).map_err(|_| CryptoError::KeyLength)
    }

    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; signature::ED25519_PUBLIC_KEY_LEN];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        let mut bytes = [0; SIGNATURE_LEN];
        bytes.copy_from_slice(self.0.sign(message).as_ref());
        bytes
    }
}

impl PublicKey {
    #[must_use]
    pub fn verifies(&self, message: &[u8], signed: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn only_the_signed_message_verifies(message: Vec<u8>, other: Vec<u8>, at in 0..SIGNATURE_LEN) {
            let key = SigningKey::from_seed(&Key::random().unwrap()).unwrap();
            let mut signed = key.sign(&message);
            prop_assert!(key.public().verifies(&message, &signed));
            prop_assert!(message == other || !key.public().verifies(&other, &signed));
            signed[at] ^= 1;
            prop_assert!(!key.public().verifies(&message, &signed));
        }
    }
}
