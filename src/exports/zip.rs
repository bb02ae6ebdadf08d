//! A ZIP file that is written piece by piece. Its digests go into the manifest.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use super::model::ExportError;
use crate::base::crypto::Sha256;
use crate::base::hex::hex;

/// A file this long or longer needs the longer form of ZIP, in bytes.
const LARGE: u64 = 0xFFFF_0000;

/// A file of the ZIP, as the manifest names it.
#[derive(Clone, Debug, Serialize)]
pub struct FileEntry {
    pub name: String,
    pub size: u64,
    pub sha256: String,
}

/// The bytes that were written and not yet taken.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub struct ZipStream {
    written: Written,
    zip: ZipWriter<StreamWriter<Written>>,
    /// The file that is being written.
    open: Option<(String, u64, Sha256)>,
    pub files: Vec<FileEntry>,
}

impl Default for ZipStream {
    fn default() -> Self {
        let written = Written::default();
        Self { zip: ZipWriter::new_stream(written.clone()), written, open: None, files: Vec::new() }
    }
}

impl ZipStream {
    /// Begins the next file. `size` is about how long it will be, in bytes.
    pub fn begin(&mut self, name: &str, size: u64) -> Result<(), ExportError> {
        self.end();
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(size >= LARGE)
            .unix_permissions(0o600);
        self.zip.start_file(name, options).map_err(|error| ExportError::Zip(error.into()))?;
        self.open = Some((name.to_owned(), 0, Sha256::new()));
        Ok(())
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        if let Some((_, size, sha256)) = &mut self.open {
            *size += bytes.len() as u64;
            sha256.update(bytes);
        }
        self.zip.write_all(bytes).map_err(ExportError::Zip)
    }

    /// Notes the digest of the file that was written.
    pub fn end(&mut self) {
        if let Some((name, size, sha256)) = self.open.take() {
            self.files.push(FileEntry { name, size, sha256: hex(&sha256.finish()) });
        }
    }

    /// The bytes that were written since the last call.
    pub fn take(&self) -> Vec<u8> {
        self.written.take()
    }

    /// Writes the directory of the files, and returns the last bytes.
    pub fn finish(self) -> Result<Vec<u8>, ExportError> {
        self.zip.finish().map_err(|error| ExportError::Zip(error.into()))?;
        Ok(self.written.take())
    }
}
