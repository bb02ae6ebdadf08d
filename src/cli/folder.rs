//! `lethe import FOLDER`: recordings, transcripts, and chat logs in files that are named after their interactions.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use tokio::io::AsyncReadExt as _;

use super::exit::CommandError;
use super::files;
use crate::archive::{self, Channel};
use crate::base::content::ContentKind;
use crate::base::crypto::Sha256;
use crate::base::id::RecordId;
use crate::content::{self, ContentError, ContentStore, MediaType, NewContent, Sensitivity, Upload, text};
use crate::tenants::Tenant;
use crate::vault::AppContext;

/// The number of files that are looked up together.
const BATCH: usize = 500;

/// The number of bytes of a file that are read at a time.
const PIECE: usize = 256 << 10;

/// The result of an import of a folder.
#[derive(Debug, Default, Serialize)]
pub struct ImportedFiles {
    pub received: u64,
    pub created: u64,
    /// The number of files that are stored already, with the same kind and digest.
    pub skipped: u64,
    pub rejected: Vec<RejectedFile>,
}

/// The rule for names of files.
const NAME_RULE: &str = "the name must be an external id and the extension of a known format";

/// A file that was not stored. Its name may contain an identifier and is not repeated.
#[derive(Debug, Serialize)]
pub struct RejectedFile {
    /// The file's position in the order of names, from 1, as `ls` shows them in the C locale.
    pub file: usize,
    pub code: &'static str,
    /// The meaning of the code, for people.
    #[serde(skip)]
    pub reason: String,
}

/// A file and the facts that its name gives.
struct ExportFile {
    no: usize,
    path: PathBuf,
    external_id: String,
    kind: ContentKind,
    media_type: MediaType,
}

/// Imports all files of a folder. A file that is stored already is skipped, so an import can be repeated.
pub async fn import(
    stores: &Arc<AppContext>,
    content_store: &Arc<ContentStore>,
    tenant: &Tenant,
    folder: &Path,
) -> Result<ImportedFiles, CommandError> {
    let mut paths = Vec::new();
    let entries = std::fs::read_dir(folder);
    for entry in entries.map_err(|error| files::unusable("the folder", folder, "read", &error))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            paths.push(entry.path());
        }
    }
    paths.sort();
    let mut imported = ImportedFiles { received: paths.len() as u64, ..ImportedFiles::default() };
    let mut numbered = paths.into_iter().zip(1..);
    loop {
        let batch: Vec<(PathBuf, usize)> = numbered.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(imported);
        }
        import_batch(stores, content_store, tenant, batch, &mut imported).await?;
    }
}

async fn import_batch(
    stores: &Arc<AppContext>,
    content_store: &Arc<ContentStore>,
    tenant: &Tenant,
    batch: Vec<(PathBuf, usize)>,
    imported: &mut ImportedFiles,
) -> Result<(), CommandError> {
    let mut candidates = Vec::new();
    for (path, no) in batch {
        match ExportFile::new(path, no) {
            Some(candidate) => candidates.push(candidate),
            None => imported.rejected.push(RejectedFile { file: no, code: "format", reason: NAME_RULE.to_owned() }),
        }
    }
    let external_ids = candidates.iter().map(|candidate| candidate.external_id.as_str());
    let known = archive::interactions_of(stores, tenant.id, external_ids).await?;
    for candidate in candidates {
        let no = candidate.no;
        match store(stores, content_store, tenant, &known, candidate).await {
            Ok(true) => imported.created += 1,
            Ok(false) => imported.skipped += 1,
            Err(CommandError::Content(error)) if !error.is_transient() => {
                imported.rejected.push(RejectedFile { file: no, code: error.code(), reason: error.to_string() });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Stores a file, unless it is stored already.
async fn store(
    stores: &Arc<AppContext>,
    content_store: &Arc<ContentStore>,
    tenant: &Tenant,
    known: &HashMap<String, (RecordId, Channel)>,
    candidate: ExportFile,
) -> Result<bool, CommandError> {
    let (interaction, channel) = known.get(&candidate.external_id).copied().ok_or(ContentError::Unknown)?;
    let kind = candidate.kind_on(channel);
    let mut file = tokio::fs::File::open(&candidate.path).await?;
    let size = file.metadata().await?.len();
    let sha256 = digest(&mut file).await?;
    if content::is_there(stores, tenant.id, interaction, kind, sha256).await? {
        return Ok(false);
    }
    let file = tokio::fs::File::open(&candidate.path).await?;
    let media_type = candidate.media_type;
    let new = NewContent { interaction, kind, media_type, sensitivity: Sensitivity::Normal };
    if kind.is_text() {
        let mut upload = text::begin_text(stores, content_store, tenant.id, new, Some(size)).await?;
        let mut text = Vec::new();
        file.take(size).read_to_end(&mut text).await?;
        upload.push(&text).await?;
        upload.finish(Some(sha256)).await?;
        return Ok(true);
    }
    let upload = content::begin_upload(stores, content_store, tenant.id, new, Some(size)).await?;
    fill(upload, file).await?.finish(Some(sha256)).await?;
    Ok(true)
}

/// Sends a file into an upload.
async fn fill(mut upload: Upload, mut file: tokio::fs::File) -> Result<Upload, CommandError> {
    let mut piece = vec![0; PIECE];
    loop {
        let length = file.read(&mut piece).await?;
        if length == 0 {
            return Ok(upload);
        }
        if let Err(error) = upload.push(&piece[..length]).await {
            // The error of the upload is more important than the error of its cleanup.
            drop(upload.abandon().await);
            return Err(error.into());
        }
    }
}

/// The SHA-256 of all bytes of a file.
async fn digest(file: &mut tokio::fs::File) -> Result<[u8; 32], CommandError> {
    let (mut digest, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece).await? {
            0 => return Ok(digest.finish()),
            length => digest.update(&piece[..length]),
        }
    }
}

impl ExportFile {
    /// `call-17.wav` is the recording of `call-17`. Characters that a file name cannot have are written `%2F`.
    fn new(path: PathBuf, no: usize) -> Option<Self> {
        let external_id = unescape(path.file_stem()?.to_str()?)?;
        let (kind, media_type) = match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "wav" => (ContentKind::Recording, "audio/wav"),
            "mp3" => (ContentKind::Recording, "audio/mpeg"),
            "ogg" | "opus" => (ContentKind::Recording, "audio/ogg"),
            "flac" => (ContentKind::Recording, "audio/flac"),
            "m4a" => (ContentKind::Recording, "audio/mp4"),
            "mp4" => (ContentKind::ScreenRecording, "video/mp4"),
            "webm" => (ContentKind::ScreenRecording, "video/webm"),
            "vtt" => (ContentKind::Transcript, "text/vtt"),
            "srt" => (ContentKind::Transcript, "application/x-subrip"),
            "html" | "htm" => (ContentKind::Transcript, "text/html"),
            "eml" => (ContentKind::Transcript, "message/rfc822"),
            "ndjson" | "jsonl" => (ContentKind::Transcript, "application/x-ndjson"),
            "json" => (ContentKind::Transcript, "application/json"),
            "vcon" => (ContentKind::Transcript, "application/vcon+json"),
            "txt" => (ContentKind::Comment, "text/plain"),
            _ => return None,
        };
        Some(Self { no, path, external_id, kind, media_type: MediaType::parse(media_type).ok()? })
    }

    /// The kind of the file, by the channel of its interaction: a text of a chat is its chat log.
    const fn kind_on(&self, channel: Channel) -> ContentKind {
        match (self.kind, channel) {
            (ContentKind::Recording, Channel::Voicemail) => ContentKind::Voicemail,
            (ContentKind::Transcript, Channel::Chat | Channel::Sms | Channel::Email) => ContentKind::ChatLog,
            (kind, _) => kind,
        }
    }
}

/// The name with its `%2F` and the like decoded. It is `None` if the bytes are not a text.
fn unescape(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut parts = name.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let rest = if code.is_some() { &part.as_bytes()[2..] } else { part.as_bytes() };
        bytes.push(code.unwrap_or(b'%'));
        bytes.extend_from_slice(rest);
    }
    String::from_utf8(bytes).ok().filter(|name| !name.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_is_named_after_its_interaction() {
        let of = |name: &str, channel| {
            let candidate = ExportFile::new(PathBuf::from(name), 1)?;
            Some((candidate.kind_on(channel).as_str(), candidate.external_id.clone()))
        };
        assert_eq!(of("in/cdr-1.wav", Channel::Call), Some(("recording", "cdr-1".to_owned())));
        assert_eq!(of("v.1.MP3", Channel::Voicemail), Some(("voicemail", "v.1".to_owned())));
        assert_eq!(of("a%2Fb%+1%.json", Channel::Chat), Some(("chat_log", "a/b%+1%".to_owned())));
        assert_eq!(of("c.vtt", Channel::Call), Some(("transcript", "c".to_owned())));
        for other in ["c", ".wav", "c.exe", "c%00.wav", "c%FF.wav"] {
            assert_eq!(of(other, Channel::Call), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_name_makes_it_panic(name: String) {
            let _ = ExportFile::new(PathBuf::from(name), 1);
        }
    }
}
