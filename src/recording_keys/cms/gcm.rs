//! AES-256-GCM of bytes that come one after the other (NIST SP 800-38D), which aws-lc-rs does at one go only. So this is
//! its AES in counter mode, and the hash that its GCM makes of what it authenticates without encrypting it: several times as
//! fast as the crate `ghash`, which is left with single blocks.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_256, EncryptionContext, StreamingEncryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use ghash::GHash;
use ghash::universal_hash::UniversalHash as _;

use crate::recording_keys::KeyError;

pub const NONCE: usize = 12;
pub const TAG: usize = 16;
const BLOCK: usize = 16;

/// The most that one nonce encrypts, in bytes: beyond it the counter of 32 bits would come round.
const LONGEST: u64 = ((1 << 32) - 2) * BLOCK as u64;

/// An encryption under way, without additional data.
pub struct Gcm {
    cipher: StreamingEncryptingKey,
    hash: Hash,
    size: u64,
}

impl Gcm {
    pub fn new(key: &[u8; 32], nonce: &[u8; NONCE]) -> Result<Self, KeyError> {
        let subkey = counter(key, [0; BLOCK])?.next()?;
        let mut first = [0; BLOCK];
        first[..NONCE].copy_from_slice(nonce);
        first[BLOCK - 1] = 1;
        let mut cipher = counter(key, first)?;
        let mask = u128::from_be_bytes(cipher.next()?);
        let tags = UnboundKey::new(&AES_256_GCM, key).map_err(|_| KeyError::Unusable)?;
        let (tags, subkey) = (LessSafeKey::new(tags), GHash::new(&subkey.into()));
        Ok(Self { cipher: cipher.0, hash: Hash { tags, nonce: *nonce, mask, subkey, sum: 0 }, size: 0 })
    }

    /// Encrypts the next bytes and appends them to `out`. All but the last are whole blocks.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), KeyError> {
        self.size += bytes.len() as u64;
        if self.size > LONGEST {
            return Err(KeyError::TooLong);
        }
        let from = out.len();
        update(&mut self.cipher, bytes, out)?;
        self.hash.push(&mut out[from..])
    }

    /// The tag over all that was encrypted.
    pub fn finish(self) -> [u8; TAG] {
        self.hash.tag(u128::from(self.size * 8))
    }
}

/// GHASH under way: of blocks X1, X2, … and a key H it is (((X1·H) + X2)·H + …)·H.
struct Hash {
    /// The message's own key. Its tags of pieces never leave here: two under one nonce would tell H.
    tags: LessSafeKey,
    nonce: [u8; NONCE],
    /// What tags are masked with: the keystream's first block.
    mask: u128,
    subkey: GHash,
    /// The hash of all so far, and a last time ·H, as a tag has it.
    sum: u128,
}

impl Hash {
    /// Takes a piece, which is lent only. The hash of what came before it belongs to its first block; with the last ·H that
    /// `sum` has, to its second.
    fn push(&mut self, piece: &mut [u8]) -> Result<(), KeyError> {
        let Some(second) = piece.get_mut(BLOCK..2 * BLOCK).and_then(|block| block.first_chunk_mut::<BLOCK>()) else {
            self.push_short(piece);
            return Ok(());
        };
        let lent = *second;
        *second = (u128::from_be_bytes(lent) ^ self.sum).to_be_bytes();
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let tag = self.tags.seal_in_place_separate_tag(nonce, Aad::from(&*piece), &mut []);
        piece[BLOCK..2 * BLOCK].copy_from_slice(&lent);
        let mut sum = [0; TAG];
        sum.copy_from_slice(tag.map_err(|_| KeyError::Unusable)?.as_ref());
        // The piece's length in bits is the last block of what its tag is the hash of.
        self.sum = u128::from_be_bytes(sum) ^ self.mask ^ self.product(&[(piece.len() as u128 * 8) << 64]);
        Ok(())
    }

    /// Takes a piece of less than two blocks.
    fn push_short(&mut self, piece: &[u8]) {
        if piece.is_empty() {
            return;
        }
        let mut blocks: Vec<u128> = piece.chunks(BLOCK).map(padded).collect();
        blocks.push(0);
        blocks[1] ^= self.sum;
        self.sum = self.product(&blocks);
    }

    /// The tag of a message of so many bits.
    fn tag(self, bits: u128) -> [u8; TAG] {
        (self.sum ^ self.product(&[bits]) ^ self.mask).to_be_bytes()
    }

    fn product(&self, blocks: &[u128]) -> u128 {
        let mut hash = self.subkey.clone();
        for block in blocks {
            hash.update(&[block.to_be_bytes().into()]);
        }
        u128::from_be_bytes(hash.finalize().into())
    }
}

/// A block, or what there is of it and zeros.
fn padded(bytes: &[u8]) -> u128 {
    let mut block = [0; BLOCK];
    block[..bytes.len()].copy_from_slice(bytes);
    u128::from_be_bytes(block)
}

/// A keystream from a counter on.
struct Counter(StreamingEncryptingKey);

fn counter(key: &[u8; 32], first: [u8; BLOCK]) -> Result<Counter, KeyError> {
    let key = UnboundCipherKey::new(&AES_256, key).map_err(|_| KeyError::Unusable)?;
    let first = EncryptionContext::Iv128(FixedLength::from(first));
    StreamingEncryptingKey::less_safe_ctr(key, first).map(Counter).map_err(|_| KeyError::Unusable)
}

impl Counter {
    /// The keystream's next block.
    fn next(&mut self) -> Result<[u8; BLOCK], KeyError> {
        let mut out = Vec::with_capacity(2 * BLOCK);
        update(&mut self.0, &[0; BLOCK], &mut out)?;
        out.try_into().map_err(|_| KeyError::Unusable)
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
