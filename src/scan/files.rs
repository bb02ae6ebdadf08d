//! Any file: a dump, a log, a write-ahead log, a backup. It is read as a stream, and its bytes are read as text.

use std::io::Read as _;
use std::path::Path;

use super::matcher::{Matcher, Source};
use super::model::{ScanError, ScanReport};
use crate::base::crypto::Sha256;
use crate::base::hex::hex;
use crate::tenants::Tenant;
use crate::vault::AppContext;

/// How much is searched at once, in bytes.
const PART: usize = 1 << 20;

/// How much of a part is searched again with the next one, so that nothing is split. A longer encoded text can be.
const OVERLAP: usize = 16 << 10;

/// The report of a file.
#[derive(Debug)]
pub struct FileReport {
    /// The SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    pub report: ScanReport,
}

impl FileReport {
    /// Searches a file for the identifiers of a tenant, and for those that were erased at any time.
    pub async fn of(app: &AppContext, tenant: &Tenant, path: &Path) -> Result<Self, ScanError> {
        let mut matcher = Matcher::open(app, tenant).await?;
        let mut report = ScanReport::default();
        let mut file = std::fs::File::open(path)?;
        let (mut sha256, mut bytes, mut offset) = (Sha256::new(), Vec::with_capacity(PART + OVERLAP), 0);
        loop {
            let kept = bytes.len();
            let read = (&mut file).take(PART as u64).read_to_end(&mut bytes)?;
            sha256.update(bytes.get(kept..).unwrap_or_default());
            report.counts.bytes += read as u64;
            let is_last = read < PART;
            let next = if is_last { bytes.len() } else { start_of_overlap(&bytes) };
            let end = if is_last { usize::MAX } else { next };
            let source = || Source { offset: Some(offset), ..Source::default() };
            matcher.search_part(&text_of(&bytes), Some(end), source);
            matcher.confirm(&app.vault, &mut report).await?;
            if is_last {
                return Ok(Self { sha256: hex(&sha256.finish()), report });
            }
            offset += next as u64;
            bytes.drain(..next);
        }
    }
}

/// Where the next part begins: behind a byte that no number and no encoding contains, if there is one.
fn start_of_overlap(bytes: &[u8]) -> usize {
    let from = bytes.len().saturating_sub(OVERLAP);
    let overlap = bytes.get(from..from + OVERLAP / 2).unwrap_or_default();
    from + overlap.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

/// The bytes as a text in which each has its own position: a byte that is no UTF-8 becomes a sign.
fn text_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|_| text.push('\0'));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_keeps_its_position() {
        assert_eq!(text_of(b"a\xff\xfeb \xc3\xa5 \xc3"), "a\0\0b \u{e5} \0");
    }

    #[test]
    fn the_next_part_begins_at_a_line() {
        let mut bytes = vec![b'x'; 2 * OVERLAP];
        assert_eq!(start_of_overlap(&bytes), OVERLAP);
        bytes[OVERLAP + 10] = b'\n';
        assert_eq!(start_of_overlap(&bytes), OVERLAP + 11);
    }
}
