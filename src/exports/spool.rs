//! Parts of a copy that wait for their place in its ZIP file. A short part waits in memory. A longer one waits in a
//! temporary file, so that a copy of any length needs the same memory.
//!
//! The file has no name, so that it ends with the process. It is sealed under a key that only the memory has, so that its
//! bytes on the disk are of no use afterwards.

use std::fs::{File, OpenOptions};
use std::io::{self, Cursor, Read, Seek as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;

use crate::base::chunks::{ChunkLayout, ChunkSealer, Opener, SEALED_CHUNK};
use crate::base::crypto::{CryptoError, Key};
use crate::base::id::ExportId;

/// The sealed bytes that wait in memory.
const WAITING: usize = 2 * SEALED_CHUNK;

pub struct Spool {
    key: Key,
    sealer: ChunkSealer,
    size: u64,
    sealed: Vec<u8>,
    file: Option<File>,
}

impl Spool {
    pub fn new() -> Result<Self, CryptoError> {
        let key = Key::random()?;
        Ok(Self { sealer: ChunkSealer::new(&key, &[])?, key, size: 0, sealed: Vec::new(), file: None })
    }

    fn write_out(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(unnamed_file()?),
        };
        file.write_all(&self.sealed)?;
        self.sealed.clear();
        Ok(())
    }

    /// Ends the part, so that it can be read.
    pub fn end(self) -> io::Result<Spooled> {
        let Self { key, sealer, size, mut sealed, file } = self;
        sealer.finish(&mut sealed).map_err(io::Error::other)?;
        let sealed: Box<dyn Read + Send> = match file {
            Some(mut file) => {
                file.write_all(&sealed)?;
                file.rewind()?;
                Box::new(file)
            }
            None => Box::new(Cursor::new(sealed)),
        };
        let opener = Opener::new(&key, &[], size).map_err(io::Error::other)?;
        Ok(Spooled { opener, sealed, size, number: 0 })
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sealer.push(bytes, &mut self.sealed).map_err(io::Error::other)?;
        self.size += bytes.len() as u64;
        if self.sealed.len() >= WAITING {
            self.write_out()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A part that is complete.
pub struct Spooled {
    opener: Opener,
    sealed: Box<dyn Read + Send>,
    pub size: u64,
    number: u64,
}

impl Spooled {
    /// The next bytes, of some chunks. There are none at the end.
    pub fn read(&mut self, chunks: u64) -> io::Result<Vec<u8>> {
        let (layout, mut bytes, mut chunk) = (ChunkLayout { size: self.size }, Vec::new(), Vec::new());
        for _ in 0..chunks {
            if self.number > layout.last() {
                break;
            }
            chunk.clear();
            (&mut self.sealed).take(SEALED_CHUNK as u64).read_to_end(&mut chunk)?;
            self.opener.open(self.number, &mut chunk).map_err(io::Error::other)?;
            self.number += 1;
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

fn unnamed_file() -> io::Result<File> {
    let path = std::env::temp_dir().join(format!("lethe-{}", ExportId::new()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_any_length_comes_back() {
        for size in [0, 1, 64 << 10, 300_000, 1_000_000] {
            let clear: Vec<u8> = (0..size).map(|no: u32| no.to_le_bytes()[0]).collect();
            let mut spool = Spool::new().unwrap();
            for piece in clear.chunks(100_000) {
                spool.write_all(piece).unwrap();
            }
            assert_eq!(spool.file.is_some(), size > 200_000);
            let mut spooled = spool.end().unwrap();
            assert_eq!(spooled.size, u64::from(size));
            let mut read = Vec::new();
            loop {
                let bytes = spooled.read(3).unwrap();
                read.extend_from_slice(&bytes);
                if bytes.is_empty() {
                    break;
                }
            }
            assert!(read == clear, "{size}");
        }
    }
}
