//! AES-256-GCM of bytes that arrive in pieces (NIST SP 800-38D). In this mode, aws-lc-rs encrypts only whole messages. So
//! this is its AES in counter mode together with the crate `ghash`.

use aws_lc_rs::cipher::{AES_256, EncryptionContext, StreamingEncryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use ghash::GHash;
use ghash::universal_hash::UniversalHash as _;

use crate::recording_keys::KeyError;

pub const NONCE: usize = 12;
pub const TAG: usize = 16;
const BLOCK: usize = 16;

/// The most bytes that one nonce encrypts. After them the counter of 32 bits would begin again.
const LONGEST: u64 = ((1 << 32) - 2) * BLOCK as u64;

/// A running encryption without additional data.
pub struct Gcm {
    cipher: StreamingEncryptingKey,
    hash: GHash,
    /// The first block of the keystream. It hides the hash in the tag.
    mask: [u8; BLOCK],
    size: u64,
}

impl Gcm {
    pub fn new(key: &[u8; 32], nonce: &[u8; NONCE]) -> Result<Self, KeyError> {
        let subkey = next_block(&mut counter(key, [0; BLOCK])?)?;
        let mut first = [0; BLOCK];
        first[..NONCE].copy_from_slice(nonce);
        first[BLOCK - 1] = 1;
        let mut cipher = counter(key, first)?;
        let mask = next_block(&mut cipher)?;
        Ok(Self { cipher, hash: GHash::new(&subkey.into()), mask, size: 0 })
    }

    /// Encrypts the next bytes and appends them to `out`. All pieces but the last are whole blocks.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), KeyError> {
        self.size += bytes.len() as u64;
        if self.size > LONGEST {
            return Err(KeyError::TooLong);
        }
        let from = out.len();
        encrypt(&mut self.cipher, bytes, out)?;
        self.hash.update_padded(&out[from..]);
        Ok(())
    }

    /// The tag over all encrypted bytes.
    pub fn finish(mut self) -> [u8; TAG] {
        self.hash.update(&[u128::from(self.size * 8).to_be_bytes().into()]);
        let hash: [u8; TAG] = self.hash.finalize().into();
        (u128::from_be_bytes(hash) ^ u128::from_be_bytes(self.mask)).to_be_bytes()
    }
}

/// A keystream that begins at a counter.
fn counter(key: &[u8; 32], first: [u8; BLOCK]) -> Result<StreamingEncryptingKey, KeyError> {
    let key = UnboundCipherKey::new(&AES_256, key).map_err(|_| KeyError::Unusable)?;
    let first = EncryptionContext::Iv128(FixedLength::from(first));
    StreamingEncryptingKey::less_safe_ctr(key, first).map_err(|_| KeyError::Unusable)
}

fn next_block(cipher: &mut StreamingEncryptingKey) -> Result<[u8; BLOCK], KeyError> {
    let mut out = Vec::with_capacity(2 * BLOCK);
    encrypt(cipher, &[0; BLOCK], &mut out)?;
    out.try_into().map_err(|_| KeyError::Unusable)
}

/// Appends as many encrypted bytes as there are clear ones.
fn encrypt(cipher: &mut StreamingEncryptingKey, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), KeyError> {
    let from = out.len();
    out.resize(from + bytes.len() + BLOCK, 0);
    let written = cipher.update(bytes, &mut out[from..]).map_err(|_| KeyError::Unusable)?.written().len();
    out.truncate(from + written);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_encrypt_as_the_whole_message_does(
            key: [u8; 32],
            nonce: [u8; NONCE],
            clear in prop::collection::vec(any::<u8>(), 0..2_000),
            piece in 1_usize..40,
        ) {
            let mut whole = clear.clone();
            let reference = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
            let nonce_once = Nonce::assume_unique_for_key(nonce);
            reference.seal_in_place_append_tag(nonce_once, Aad::empty(), &mut whole).unwrap();
            let mut gcm = Gcm::new(&key, &nonce).unwrap();
            let mut pieces = Vec::new();
            for piece in clear.chunks(piece * BLOCK) {
                gcm.push(piece, &mut pieces).unwrap();
            }
            pieces.extend_from_slice(&gcm.finish());
            prop_assert_eq!(pieces, whole);
        }
    }
}
