//! Sealing of streams that are too long for memory. Each chunk of a stream opens by itself.
//!
//! Every chunk is sealed with AES-256-GCM. Its nonce contains the chunk's number and whether it is the last one. A chunk
//! that was moved, doubled, or left out does not open. A stream that was truncated or extended does not open either. So a
//! range is read by opening only its chunks. Every stream has the same nonces, so a key seals **one** stream.

use std::ops::Range;

use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};

use super::crypto::{CryptoError, Key};

/// The length of a chunk in bytes. The last chunk may be shorter.
pub const CHUNK: usize = 64 << 10;

/// The number of bytes that sealing adds to a chunk.
const TAG: usize = 16;

/// The length of a whole sealed chunk, in bytes.
pub const SEALED_CHUNK: usize = CHUNK + TAG;

/// Seals a stream as it arrives.
pub struct ChunkSealer {
    cipher: LessSafeKey,
    bound_to: Vec<u8>,
    /// The bytes that are not sealed yet: at most a chunk, because the last chunk is known only at the end.
    waiting: Vec<u8>,
    number: u64,
}

impl ChunkSealer {
    /// An empty stream. The key must be new, and `bound_to` must be the same at opening.
    pub fn new(key: &Key, bound_to: &[u8]) -> Result<Self, CryptoError> {
        Ok(Self { cipher: key.cipher()?, bound_to: bound_to.to_vec(), waiting: Vec::with_capacity(CHUNK), number: 0 })
    }

    /// Takes the next bytes and appends the chunks that can be sealed.
    pub fn push(&mut self, mut clear: &[u8], sealed: &mut Vec<u8>) -> Result<(), CryptoError> {
        while self.waiting.len() + clear.len() > CHUNK {
            let (now, later) = clear.split_at(CHUNK - self.waiting.len());
            self.seal(now, false, sealed)?;
            clear = later;
        }
        self.waiting.extend_from_slice(clear);
        Ok(())
    }

    /// Ends the stream and appends its last chunk. An empty stream has one chunk too.
    pub fn finish(mut self, sealed: &mut Vec<u8>) -> Result<(), CryptoError> {
        self.seal(&[], true, sealed)
    }

    /// Seals the waiting bytes and the new ones as one chunk in place.
    fn seal(&mut self, now: &[u8], is_last: bool, sealed: &mut Vec<u8>) -> Result<(), CryptoError> {
        let (from, nonce) = (sealed.len(), nonce(self.number, is_last));
        sealed.extend_from_slice(&self.waiting);
        sealed.extend_from_slice(now);
        let tag = self
            .cipher
            .seal_in_place_separate_tag(nonce, Aad::from(&self.bound_to), &mut sealed[from..])
            .map_err(|_| CryptoError::TooLong)?;
        sealed.extend_from_slice(tag.as_ref());
        self.waiting.clear();
        self.number += 1;
        Ok(())
    }
}

/// Opens the chunks of a sealed stream in any order.
pub struct Opener {
    cipher: LessSafeKey,
    bound_to: Vec<u8>,
    layout: ChunkLayout,
}

impl Opener {
    /// Opens a stream of `size` clear bytes.
    pub fn new(key: &Key, bound_to: &[u8], size: u64) -> Result<Self, CryptoError> {
        Ok(Self { cipher: key.cipher()?, bound_to: bound_to.to_vec(), layout: ChunkLayout { size } })
    }

    /// Opens one sealed chunk in place.
    pub fn open(&self, number: u64, chunk: &mut Vec<u8>) -> Result<(), CryptoError> {
        let nonce = nonce(number, number == self.layout.last());
        let opened = self.cipher.open_in_place(nonce, Aad::from(&self.bound_to), chunk);
        let length = opened.map_err(|_| CryptoError::Unopened)?.len();
        chunk.truncate(length);
        Ok(())
    }
}

/// The positions of the chunks of a stream.
#[derive(Clone, Copy, Debug)]
pub struct ChunkLayout {
    /// The length of the clear stream, in bytes.
    pub size: u64,
}

impl ChunkLayout {
    /// The layout of a sealed stream of a length; none if no sealed stream is so long.
    #[must_use]
    pub const fn of_sealed(size: u64) -> Option<Self> {
        let Some(size) = size.checked_sub(size.div_ceil(SEALED_CHUNK as u64) * TAG as u64) else { return None };
        Some(Self { size })
    }

    /// The number of the last chunk, from 0.
    #[must_use]
    pub const fn last(self) -> u64 {
        self.size.saturating_sub(1) / CHUNK as u64
    }

    /// The length of the sealed stream, in bytes.
    #[must_use]
    pub const fn sealed_size(self) -> u64 {
        self.size + (self.last() + 1) * TAG as u64
    }

    /// The number of the chunk that contains a byte.
    #[must_use]
    pub const fn chunk_of(self, byte: u64) -> u64 {
        byte / CHUNK as u64
    }

    /// The range of the sealed stream with the chunks of a clear range. An empty range has the chunk in which it begins.
    #[must_use]
    pub fn sealed_range(self, clear: &Range<u64>) -> Range<u64> {
        let first = self.chunk_of(clear.start);
        let last = self.chunk_of(clear.end.saturating_sub(1).max(clear.start));
        let end = ((last + 1) * SEALED_CHUNK as u64).min(self.sealed_size());
        first * SEALED_CHUNK as u64..end
    }
}

fn nonce(number: u64, is_last: bool) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes[NONCE_LEN - 1] = u8::from(is_last);
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(size: usize) -> Vec<u8> {
        (0..size).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect()
    }

    fn sealed(key: &Key, clear: &[u8], pieces: usize) -> Vec<u8> {
        let (mut sealer, mut out) = (ChunkSealer::new(key, b"here").unwrap(), Vec::new());
        for piece in clear.chunks(pieces.max(1)) {
            sealer.push(piece, &mut out).unwrap();
        }
        sealer.finish(&mut out).unwrap();
        out
    }

    /// The clear bytes of a range, or the error of opening it.
    fn opened(key: &Key, size: usize, stream: &[u8], place: &[u8], clear: &Range<u64>) -> Result<Vec<u8>, CryptoError> {
        let layout = ChunkLayout { size: size as u64 };
        let opener = Opener::new(key, place, layout.size)?;
        let span = layout.sealed_range(clear);
        let span = stream.get(to_usize(span.start)..to_usize(span.end)).ok_or(CryptoError::Unopened)?;
        let (mut number, mut all) = (layout.chunk_of(clear.start), Vec::new());
        for chunk in span.chunks(SEALED_CHUNK) {
            let mut chunk = chunk.to_vec();
            opener.open(number, &mut chunk)?;
            all.extend_from_slice(&chunk);
            number += 1;
        }
        let skip = to_usize(clear.start) % CHUNK;
        Ok(all[skip..skip + to_usize(clear.end - clear.start)].to_vec())
    }

    fn to_usize(number: u64) -> usize {
        usize::try_from(number).unwrap()
    }

    /// Sizes around the ends of chunks.
    fn sizes() -> impl Strategy<Value = usize> {
        (0..4_usize, 0..5_usize).prop_map(|(chunks, more)| (chunks * CHUNK + more).saturating_sub(2))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_range_of_a_stream_opens(size in sizes(), pieces in 1..200_000_usize, a: prop::sample::Index, b: prop::sample::Index) {
            let (key, clear) = (Key::random().unwrap(), bytes(size));
            let stream = sealed(&key, &clear, pieces);
            prop_assert_eq!(stream.len() as u64, ChunkLayout { size: size as u64 }.sealed_size());
            let whole = opened(&key, size, &stream, b"here", &(0..size as u64)).unwrap();
            prop_assert!(whole == clear);
            if size > 0 {
                let (a, b) = (a.index(size), b.index(size));
                let (from, to) = (a.min(b), a.max(b) + 1);
                let part = opened(&key, size, &stream, b"here", &(from as u64..to as u64)).unwrap();
                prop_assert!(part == clear[from..to]);
            }
        }

        #[test]
        fn nothing_altered_opens(size in 1..3 * CHUNK, at: prop::sample::Index, bit in 0..8_u32) {
            let key = Key::random().unwrap();
            let mut stream = sealed(&key, &bytes(size), CHUNK);
            let at = at.index(stream.len());
            stream[at] ^= 1 << bit;
            prop_assert!(opened(&key, size, &stream, b"here", &(0..size as u64)).is_err());
        }

        #[test]
        fn a_stream_cut_off_does_not_open_as_a_shorter_one(size in 1..4 * CHUNK, at: prop::sample::Index) {
            let key = Key::random().unwrap();
            let stream = sealed(&key, &bytes(size), CHUNK);
            let shorter = at.index(size);
            let cut = &stream[..to_usize(ChunkLayout { size: shorter as u64 }.sealed_size())];
            prop_assert!(opened(&key, shorter, cut, b"here", &(0..shorter as u64)).is_err());
        }
    }

    #[test]
    fn chunks_do_not_change_places_streams_or_keys() {
        let (key, size) = (Key::random().unwrap(), 3 * CHUNK);
        let stream = sealed(&key, &bytes(size), CHUNK);
        let all = 0..size as u64;
        let (first, second) = (stream[..SEALED_CHUNK].to_vec(), stream[SEALED_CHUNK..2 * SEALED_CHUNK].to_vec());
        let third = &stream[2 * SEALED_CHUNK..];
        for altered in [[&second, &first, third].concat(), [&first, &first, third].concat()] {
            assert!(opened(&key, size, &altered, b"here", &all).is_err());
        }
        assert!(opened(&key, size, &stream, b"there", &all).is_err());
        assert!(opened(&Key::random().unwrap(), size, &stream, b"here", &all).is_err());
        assert!(opened(&key, size - CHUNK, &stream, b"here", &(0..(size - CHUNK) as u64)).is_err());
        assert!(opened(&key, size, &stream, b"here", &all).is_ok());
    }

    #[test]
    fn nothing_is_sealed_as_one_empty_chunk() {
        let key = Key::random().unwrap();
        let stream = sealed(&key, b"", 1);
        assert_eq!(stream.len(), TAG);
        assert_eq!(opened(&key, 0, &stream, b"here", &(0..0)).unwrap(), b"");
    }
}
