//! AES-256-GCM of bytes that come one after the other (NIST SP 800-38D), which aws-lc-rs does at one go only: its AES in
//! counter mode, with GHASH of the crate `ghash`.

use aws_lc_rs::cipher::{AES_256, EncryptionContext, StreamingEncryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use ghash::universal_hash::UniversalHash as _;
use ghash::{Block, GHash};

use crate::keys::KeyError;

pub const NONCE: usize = 12;
pub const TAG: usize = 16;
const BLOCK: usize = 16;

/// The most that one nonce encrypts, in bytes: beyond it the counter of 32 bits would come round.
const LONGEST: u64 = ((1 << 32) - 2) * BLOCK as u64;

/// An encryption under way, without additional data.
pub struct Gcm {
    cipher: StreamingEncryptingKey,
    hash: GHash,
    /// What the hash is masked with: the keystream's first block.
    mask: [u8; TAG],
    size: u64,
}

impl Gcm {
    pub fn new(key: &[u8; 32], nonce: &[u8; NONCE]) -> Result<Self, KeyError> {
        let mut subkey = [0; BLOCK];
        counter(key, [0; BLOCK])?.apply(&mut subkey)?;
        let mut first = [0; BLOCK];
        first[..NONCE].copy_from_slice(nonce);
        first[BLOCK - 1] = 1;
        let mut cipher = counter(key, first)?;
        let mut mask = [0; TAG];
        cipher.apply(&mut mask)?;
        Ok(Self { cipher: cipher.0, hash: GHash::new(&subkey.into()), mask, size: 0 })
    }

    /// Encrypts the next bytes and appends them to `out`. All but the last are whole blocks.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), KeyError> {
        self.size += bytes.len() as u64;
        if self.size > LONGEST {
            return Err(KeyError::TooLong);
        }
        let from = out.len();
        update(&mut self.cipher, bytes, out)?;
        let (blocks, rest) = Block::slice_as_chunks(&out[from..]);
        self.hash.update(blocks);
        if !rest.is_empty() {
            self.hash.update_padded(rest);
        }
        Ok(())
    }

    /// The tag over all that was encrypted.
    pub fn finish(mut self) -> [u8; TAG] {
        let mut lengths = [0; BLOCK];
        lengths[8..].copy_from_slice(&(self.size * 8).to_be_bytes());
        self.hash.update(&[lengths.into()]);
        let mut tag: [u8; TAG] = self.hash.finalize().into();
        tag.iter_mut().zip(self.mask).for_each(|(byte, mask)| *byte ^= mask);
        tag
    }
}

/// A keystream from a counter on.
struct Counter(StreamingEncryptingKey);

fn counter(key: &[u8; 32], first: [u8; BLOCK]) -> Result<Counter, KeyError> {
    let key = UnboundCipherKey::new(&AES_256, key).map_err(|_| KeyError::Unusable)?;
    let first = EncryptionContext::Iv128(FixedLength::from(first));
    StreamingEncryptingKey::less_safe_ctr(key, first).map(Counter).map_err(|_| KeyError::Unusable)
}

impl Counter {
    /// Encrypts a block in place.
    fn apply(&mut self, block: &mut [u8; BLOCK]) -> Result<(), KeyError> {
        let mut out = Vec::with_capacity(2 * BLOCK);
        update(&mut self.0, block, &mut out)?;
        block.copy_from_slice(&out);
        Ok(())
    }
}

/// Appends as many encrypted bytes as there are clear ones.
fn update(cipher: &mut StreamingEncryptingKey, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), KeyError> {
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
        fn piece_by_piece_is_as_at_one_go(
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
