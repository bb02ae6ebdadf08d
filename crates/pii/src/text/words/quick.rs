//! The hash of lists of words.

use std::hash::Hasher;

/// A quick hash, which takes eight letters at once: the words are known, so no sender can select words that collide.
#[derive(Default)]
pub(in crate::text) struct Quick(u64);

/// The letters that are taken at once.
const LETTERS: usize = 8;

/// An odd number whose bits are by chance: the fraction of the golden ratio.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        for letters in bytes.chunks(LETTERS) {
            let letters = letters.iter().fold(0, |letters, letter| letters << 8 | u64::from(*letter));
            self.0 = (self.0.rotate_left(5) ^ letters).wrapping_mul(FACTOR);
        }
    }

    /// A word is hashed alone, so the byte that divides it from another one says nothing.
    fn write_u8(&mut self, _: u8) {}
}
