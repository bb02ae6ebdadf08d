//! Any file: a dump, a log, a write-ahead log, a backup. It is read as a stream, and its bytes are read as text.

use std::io::Read as _;
use std::path::Path;

use super::matcher::{Matcher, TextSource};
use super::model::{ScanError, ScanReport};
use super::reading::text_of;
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
            let source = || TextSource { offset: Some(offset), ..TextSource::default() };
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

/// Where the next part begins: behind a line break, or else behind a sign that no address, escape, or encoding contains,
/// if there is one.
fn start_of_overlap(bytes: &[u8]) -> usize {
    let from = bytes.len().saturating_sub(OVERLAP);
    let overlap = bytes.get(from..from + OVERLAP / 2).unwrap_or_default();
    let behind = |ends: fn(&u8) -> bool| overlap.iter().position(ends).map(|at| from + at + 1);
    behind(|byte| *byte == b'\n').or_else(|| behind(|byte| b" ,;\"".contains(byte))).unwrap_or(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_part_begins_at_a_line_or_a_sign_between_words() {
        let mut bytes = vec![b'x'; 2 * OVERLAP];
        assert_eq!(start_of_overlap(&bytes), OVERLAP);
        bytes[OVERLAP + 5] = b',';
        assert_eq!(start_of_overlap(&bytes), OVERLAP + 6);
        bytes[OVERLAP + 10] = b'\n';
        assert_eq!(start_of_overlap(&bytes), OVERLAP + 11);
    }
}
