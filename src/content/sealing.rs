//! What is done to the bytes of an upload: hashed, encrypted for the tenant's key, sealed. It happens on a thread of its own,
//! so that the next bytes are received, and the last ones written, meanwhile.
//!
//! The thread ends with the upload: when its bytes have all come, or when nobody takes what it makes any more.

use tokio::sync::{mpsc, oneshot};

use super::model::ContentError;
use super::objects::Writing;
use crate::base::chunks::Sealer;
use crate::base::crypto::Sha256;
use crate::keys::Encryptor;

/// How many pieces may wait for the thread: some hundred kilobytes.
const WAITING: usize = 16;

/// How much is sealed before it is handed on, in bytes.
const BATCH: usize = 256 << 10;

/// How many batches may wait to be written.
const BATCHES: usize = 2;

/// What it takes.
pub struct Work {
    /// Hashes what arrives.
    pub digest: Sha256,
    /// Encrypts it for the tenant's own key.
    pub encryptor: Option<Encryptor>,
    /// Seals what comes of that.
    pub sealer: Sealer,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Sealed {
    /// The SHA-256 of what arrived.
    pub sha256: [u8; 32],
    /// How much was sealed, in bytes.
    pub size: u64,
}

/// The thread at work. Dropped, it ends.
pub struct Sealing {
    pieces: mpsc::Sender<Vec<u8>>,
    batches: mpsc::Receiver<Vec<u8>>,
    done: oneshot::Receiver<Result<Sealed, ContentError>>,
}

impl Sealing {
    /// Begins the work.
    pub fn begin(work: Work) -> Result<Self, ContentError> {
        let (pieces, arriving) = mpsc::channel(WAITING);
        let (made, batches) = mpsc::channel(BATCHES);
        let (ended, done) = oneshot::channel();
        let run = move || {
            // Who has dropped the upload does not ask how it ended.
            let _ = ended.send(work.run(arriving, &made));
        };
        let thread = std::thread::Builder::new().name("sealing".to_owned()).spawn(run);
        thread.map_err(|_| ContentError::Stopped)?;
        Ok(Self { pieces, batches, done })
    }

    /// Hands the next bytes over and writes what was sealed so far.
    pub async fn push(&mut self, bytes: &[u8], writing: &mut Writing) -> Result<(), ContentError> {
        loop {
            tokio::select! {
                biased;
                Some(batch) = self.batches.recv() => write(&batch, writing).await?,
                free = self.pieces.reserve() => return match free {
                    Ok(place) => {
                        place.send(bytes.to_vec());
                        Ok(())
                    }
                    // It has given up.
                    Err(_) => (&mut self.done).await.map_err(|_| ContentError::Stopped)?.map(drop),
                },
            }
        }
    }

    /// Writes the rest, and answers what came of it all.
    pub async fn finish(self, writing: &mut Writing) -> Result<Sealed, ContentError> {
        let Self { pieces, mut batches, done } = self;
        drop(pieces);
        while let Some(batch) = batches.recv().await {
            write(&batch, writing).await?;
        }
        done.await.map_err(|_| ContentError::Stopped)?
    }
}

async fn write(batch: &[u8], writing: &mut Writing) -> Result<(), ContentError> {
    writing.buffer().extend_from_slice(batch);
    Ok(writing.flush().await?)
}

impl Work {
    fn run(
        mut self,
        mut arriving: mpsc::Receiver<Vec<u8>>,
        made: &mpsc::Sender<Vec<u8>>,
    ) -> Result<Sealed, ContentError> {
        let (mut size, mut cipher, mut batch) = (0, Vec::new(), Vec::with_capacity(2 * BATCH));
        while let Some(piece) = arriving.blocking_recv() {
            self.digest.update(&piece);
            let clear = match &mut self.encryptor {
                None => &piece,
                Some(encryptor) => {
                    cipher.clear();
                    encryptor.push(&piece, &mut cipher)?;
                    &cipher
                }
            };
            size += clear.len() as u64;
            self.sealer.push(clear, &mut batch)?;
            if batch.len() >= BATCH {
                hand_on(&mut batch, made)?;
            }
        }
        if let Some(encryptor) = self.encryptor {
            cipher.clear();
            encryptor.finish(&mut cipher)?;
            size += cipher.len() as u64;
            self.sealer.push(&cipher, &mut batch)?;
        }
        self.sealer.finish(&mut batch)?;
        hand_on(&mut batch, made)?;
        Ok(Sealed { sha256: self.digest.finish(), size })
    }
}

fn hand_on(batch: &mut Vec<u8>, made: &mpsc::Sender<Vec<u8>>) -> Result<(), ContentError> {
    let batch = std::mem::replace(batch, Vec::with_capacity(2 * BATCH));
    made.blocking_send(batch).map_err(|_| ContentError::Stopped)
}
