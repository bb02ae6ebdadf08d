//! Keys, sealing, keyed hashing, and permutations of ids: AES-256-GCM and single blocks of AES-256 of aws-lc-rs, and
//! HMAC-SHA-256 of hmac, whose prepared keys are small and quick to copy.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_256, DecryptingKey, DecryptionContext, EncryptingKey, UnboundCipherKey};
use aws_lc_rs::{digest, rand};
use hmac::{Hmac, KeyInit as _, Mac as _};
use uuid::Uuid;

/// The length of every key of this service, in bytes.
pub const KEY_LEN: usize = 32;

/// Why an operation with a key or a sealed value failed. The error contains neither.
#[derive(Debug, thiserror::Error)]
pub enum CryptoError {
    /// The system gave no random bytes.
    #[error("the system returned no random bytes")]
    Random,
    /// A key must be 32 bytes.
    #[error("a key must be {KEY_LEN} bytes")]
    KeyLength,
    /// The sealed value was altered, or belongs to another row or key.
    #[error("a sealed value cannot be opened with this key")]
    Unopened,
    /// The value is longer than values of its kind can be.
    #[error("a value is too long to be sealed")]
    TooLong,
}

/// A 256-bit secret key. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Key([u8; KEY_LEN]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// A keyed hash (HMAC-SHA-256). The vault finds an identifier by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlindIndex(pub [u8; 32]);

impl fmt::Debug for BlindIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlindIndex(..)")
    }
}

impl Key {
    pub fn random() -> Result<Self, CryptoError> {
        random().map(Self)
    }

    /// A key from its bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CryptoError> {
        bytes.try_into().map(Self).map_err(|_| CryptoError::KeyLength)
    }

    /// The bytes of the key, to wrap it with another key or to write it to a key file.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// A derived key for one purpose.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Self {
        Self(self.hash(&[b"derive", purpose.as_bytes()]).0)
    }

    /// Seals a value: nonce, ciphertext, and tag. `bound_to` must be the same at opening, so that a sealed value cannot be
    /// moved to another row. With `padded_to`, all values have the same sealed length, and longer values are refused.
    pub fn seal(&self, value: &[u8], bound_to: &[u8], padded_to: usize) -> Result<Vec<u8>, CryptoError> {
        if value.len() > padded_to {
            return Err(CryptoError::TooLong);
        }
        let length = u32::try_from(value.len()).map_err(|_| CryptoError::TooLong)?;
        let mut body = Vec::with_capacity(4 + padded_to + AES_256_GCM.tag_len());
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(value);
        body.resize(4 + padded_to, 0);
        let nonce: [u8; NONCE_LEN] = random()?;
        self.cipher()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound_to), &mut body)
            .map_err(|_| CryptoError::TooLong)?;
        Ok([nonce.as_slice(), &body].concat())
    }

    /// Opens a value that [`Key::seal`] sealed.
    pub fn open(&self, sealed: &[u8], bound_to: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(CryptoError::Unopened)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CryptoError::Unopened)?;
        let mut body = body.to_vec();
        let clear =
            self.cipher()?.open_in_place(nonce, Aad::from(bound_to), &mut body).map_err(|_| CryptoError::Unopened)?;
        let (length, padded) = clear.split_first_chunk::<4>().ok_or(CryptoError::Unopened)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| CryptoError::Unopened)?;
        padded.get(..length).map(<[u8]>::to_vec).ok_or(CryptoError::Unopened)
    }

    /// The key, prepared for many keyed hashes.
    #[must_use]
    pub fn hasher(&self) -> KeyedHasher {
        // A key that is shorter than a block of the hash is filled up with zeros (RFC 2104).
        let mut block = [0; 64];
        block.iter_mut().zip(self.0).for_each(|(place, byte)| *place = byte);
        KeyedHasher(Hmac::new(&block.into()))
    }

    /// The keyed hash of some parts.
    #[must_use]
    pub fn hash(&self, parts: &[&[u8]]) -> BlindIndex {
        self.hasher().hash(parts)
    }

    /// The HMAC-SHA-256 of a message (RFC 2104), which other programs can verify.
    #[must_use]
    pub fn hmac(&self, message: &[u8]) -> [u8; 32] {
        self.hasher().0.chain_update(message).finalize().into_bytes().into()
    }

    pub(super) fn cipher(&self) -> Result<LessSafeKey, CryptoError> {
        UnboundKey::new(&AES_256_GCM, &self.0).map(LessSafeKey::new).map_err(|_| CryptoError::KeyLength)
    }
}

/// A key that was prepared for keyed hashes, which halves the time of each. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct KeyedHasher(Hmac<sha2::Sha256>);

impl fmt::Debug for KeyedHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedHasher(..)")
    }
}

impl KeyedHasher {
    /// The keyed hash of some parts. The length of each part counts, so that no two lists have the same input.
    #[must_use]
    pub fn hash(&self, parts: &[&[u8]]) -> BlindIndex {
        let mut hmac = self.0.clone();
        for part in parts {
            hmac.update(&(part.len() as u64).to_be_bytes());
            hmac.update(part);
        }
        BlindIndex(hmac.finalize().into_bytes().into())
    }
}

/// A permutation of ids under a key: each id is one block of AES-256. Without the key, nobody can tell which id belongs to
/// another one.
#[derive(Debug)]
pub struct Permutation {
    forward: EncryptingKey,
    backward: DecryptingKey,
}

impl Permutation {
    pub fn new(key: &Key) -> Result<Self, CryptoError> {
        let cipher = || UnboundCipherKey::new(&AES_256, &key.0);
        let forward = cipher().and_then(EncryptingKey::ecb).map_err(|_| CryptoError::KeyLength)?;
        let backward = cipher().and_then(DecryptingKey::ecb).map_err(|_| CryptoError::KeyLength)?;
        Ok(Self { forward, backward })
    }

    /// The other id of an id. A cipher fails on no whole block. If it did, the result would be the nil id, which names
    /// nothing.
    #[must_use]
    pub fn apply(&self, id: Uuid) -> Uuid {
        let mut block = id.into_bytes();
        self.forward.encrypt(&mut block).map_or(Uuid::nil(), |_| Uuid::from_bytes(block))
    }

    /// The id whose other id this is.
    #[must_use]
    pub fn reverse(&self, id: Uuid) -> Uuid {
        let mut block = id.into_bytes();
        let is_done = self.backward.decrypt(&mut block, DecryptionContext::None).is_ok();
        if is_done { Uuid::from_bytes(block) } else { Uuid::nil() }
    }
}

/// Random bytes from the system.
pub fn random<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| CryptoError::Random)?;
    Ok(bytes)
}

/// The SHA-256 of bytes that arrive in pieces.
pub struct Sha256(digest::Context);

impl Sha256 {
    #[must_use]
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        to_array(&self.0.finish())
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

/// The SHA-256 of some bytes that are no secret.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    to_array(&digest::digest(&digest::SHA256, bytes))
}

fn to_array(digest: &digest::Digest) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_sealed_opens_in_its_place_only(value: Vec<u8>, place: [u8; 16], other: [u8; 16], at: prop::sample::Index) {
            let key = Key::random().unwrap();
            let sealed = key.seal(&value, &place, value.len() + 7).unwrap();
            prop_assert_eq!(key.open(&sealed, &place).unwrap(), value);
            prop_assert!(place == other || key.open(&sealed, &other).is_err());
            let mut altered = sealed.clone();
            altered[at.index(sealed.len())] ^= 1;
            prop_assert!(key.open(&altered, &place).is_err());
            prop_assert!(Key::random().unwrap().open(&sealed, &place).is_err());
        }

        #[test]
        fn garbage_does_not_open(sealed: Vec<u8>) {
            prop_assert!(Key::random().unwrap().open(&sealed, b"").is_err());
        }
    }

    /// The expected value is that of Python's hmac.
    #[test]
    fn a_prepared_key_gives_the_hmac_that_other_programs_give() {
        let key = Key([0x0b; KEY_LEN]);
        let expected = "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7";
        assert_eq!(crate::base::hex::hex(&key.hmac(b"Hi There")), expected);
        let parts: [&[u8]; 2] = [b"phone", b"+4798765432"];
        let joined = [&5_u64.to_be_bytes(), parts[0], &11_u64.to_be_bytes(), parts[1]].concat();
        assert_eq!(key.hash(&parts).0, key.hmac(&joined));
    }

    #[test]
    fn all_values_of_a_kind_seal_to_one_length() {
        let key = Key::random().unwrap();
        assert_eq!(key.seal(b"+4798765", b"", 24).unwrap().len(), key.seal(b"+47987654321", b"", 24).unwrap().len());
        assert!(key.seal(&[0; 25], b"", 24).is_err());
    }
}
