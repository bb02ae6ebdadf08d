//! The bytes of an upload are hashed on one thread. On another thread they are encrypted for the tenant's key and sealed.
//! Meanwhile the next bytes are received, and the sealed ones are written.
//!
//! The threads end with the upload: when all its bytes have arrived, or when their receiver is dropped.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::model::ContentError;
use crate::base::chunks::{ChunkSealer, SEALED_CHUNK};
use crate::base::crypto::Sha256;
use crate::objects::Writing;
use crate::recording_keys::Encryptor;

/// How much the threads are given at once, in bytes: what comes from the network in pieces of some kilobytes would have them
/// woken for each.
pub(super) const PIECE: usize = 128 << 10;

/// How many pieces may wait for a thread.
const PIECES: usize = 4;

/// How many bytes may wait for the threads.
pub(super) const WAITING: u64 = (PIECES * PIECE) as u64;

/// How many parts may wait to be written.
const PARTS: usize = 1;

pub struct SealingWork {
    /// Encrypts what arrives for the tenant's own key.
    pub encryptor: Option<Encryptor>,
    pub sealer: ChunkSealer,
    /// How much is sealed before it is written, in bytes.
    pub part: usize,
}

#[derive(Clone, Copy, Debug)]
pub struct Sealed {
    /// The SHA-256 of what arrived.
    pub sha256: [u8; 32],
    /// How much was sealed, in bytes.
    pub size: u64,
}

type SealedPiece = Arc<Vec<u8>>;

/// The threads at work. Dropped, they end.
pub struct Sealing {
    waiting: Vec<u8>,
    to_hash: mpsc::Sender<SealedPiece>,
    to_seal: mpsc::Sender<SealedPiece>,
    parts: mpsc::Receiver<Vec<u8>>,
    hash: oneshot::Receiver<[u8; 32]>,
    size: oneshot::Receiver<Result<u64, ContentError>>,
}

impl Sealing {
    pub fn begin(work: SealingWork) -> Result<Self, ContentError> {
        // If the upload was dropped, nobody needs its result.
        let ((to_hash, arriving), (hashed, hash)) = (mpsc::channel(PIECES), oneshot::channel());
        start("hashing", move || hashed.send(digest(arriving)).is_ok())?;
        let ((to_seal, arriving), (sealed, size)) = (mpsc::channel(PIECES), oneshot::channel());
        let (made, parts) = mpsc::channel(PARTS);
        start("sealing", move || sealed.send(work.run(arriving, &made)).is_ok())?;
        Ok(Self { waiting: Vec::with_capacity(PIECE), to_hash, to_seal, parts, hash, size })
    }

    /// Takes the next bytes and writes what was sealed so far.
    pub async fn push(&mut self, mut bytes: &[u8], writing: &mut Writing) -> Result<(), ContentError> {
        while let Some((now, later)) = bytes.split_at_checked(PIECE - self.waiting.len()) {
            self.waiting.extend_from_slice(now);
            bytes = later;
            self.hand_over(writing).await?;
        }
        self.waiting.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes the rest, and returns the digest and the size.
    pub async fn finish(mut self, writing: &mut Writing) -> Result<Sealed, ContentError> {
        self.hand_over(writing).await?;
        let Self { to_hash, to_seal, mut parts, hash, size, .. } = self;
        drop((to_hash, to_seal));
        while let Some(part) = parts.recv().await {
            writing.put(part).await?;
        }
        let size = size.await.map_err(|_| ContentError::Stopped)??;
        Ok(Sealed { sha256: hash.await.map_err(|_| ContentError::Stopped)?, size })
    }

    /// Gives the threads what waits for them. Meanwhile what was made is written.
    async fn hand_over(&mut self, writing: &mut Writing) -> Result<(), ContentError> {
        let piece = Arc::new(std::mem::replace(&mut self.waiting, Vec::with_capacity(PIECE)));
        self.to_hash.send(Arc::clone(&piece)).await.map_err(|_| ContentError::Stopped)?;
        loop {
            tokio::select! {
                biased;
                Some(part) = self.parts.recv() => writing.put(part).await?,
                free = self.to_seal.reserve() => return match free {
                    Ok(place) => {
                        place.send(piece);
                        Ok(())
                    }
                    // It has given up.
                    Err(_) => (&mut self.size).await.map_err(|_| ContentError::Stopped)?.map(drop),
                },
            }
        }
    }
}

fn start(name: &str, work: impl FnOnce() -> bool + Send + 'static) -> Result<(), ContentError> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map(drop).map_err(|_| ContentError::Stopped)
}

fn digest(mut arriving: mpsc::Receiver<SealedPiece>) -> [u8; 32] {
    let mut digest = Sha256::new();
    while let Some(piece) = arriving.blocking_recv() {
        digest.update(&piece);
    }
    digest.finish()
}

impl SealingWork {
    fn run(
        mut self,
        mut arriving: mpsc::Receiver<SealedPiece>,
        made: &mpsc::Sender<Vec<u8>>,
    ) -> Result<u64, ContentError> {
        // A part ends with a chunk, and so a little behind its size.
        let capacity = self.part + PIECE + SEALED_CHUNK;
        let (mut size, mut cipher, mut part) = (0, Vec::new(), Vec::with_capacity(capacity));
        while let Some(piece) = arriving.blocking_recv() {
            let clear = match &mut self.encryptor {
                None => &*piece,
                Some(encryptor) => {
                    cipher.clear();
                    encryptor.push(&piece, &mut cipher)?;
                    &cipher
                }
            };
            size += clear.len() as u64;
            self.sealer.push(clear, &mut part)?;
            if part.len() >= self.part {
                let part = std::mem::replace(&mut part, Vec::with_capacity(capacity));
                made.blocking_send(part).map_err(|_| ContentError::Stopped)?;
            }
        }
        if let Some(encryptor) = self.encryptor {
            cipher.clear();
            encryptor.finish(&mut cipher)?;
            size += cipher.len() as u64;
            self.sealer.push(&cipher, &mut part)?;
        }
        self.sealer.finish(&mut part)?;
        made.blocking_send(part).map_err(|_| ContentError::Stopped)?;
        Ok(size)
    }
}
