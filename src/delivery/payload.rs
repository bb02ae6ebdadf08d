//! The payload of a delivery: the recording, encrypted as the tenant's settings say, and the metadata beside it. Only
//! this file decides names and encryption.

use chrono::{DateTime, Utc};

use super::model::{AttemptError, DeliveryError, SendError};
use crate::base::id::ContentId;
use crate::content::{Content, ContentReading};
use crate::recording_keys::{Encryptor, KeyKind, RecordingKey};
use crate::tenants::Recordings;

/// How the two files are encrypted (B6–B8).
#[derive(Clone, Debug)]
pub struct EncryptionPlan {
    /// The key that the recording is encrypted for on its way out. Without one, it is sent as it is stored.
    recording: Option<RecordingKey>,
    /// The key that the metadata are encrypted for.
    metadata: Option<RecordingKey>,
    /// The key that the recording's file is encrypted for, on arrival or on the way out.
    pub encrypted_for: Option<String>,
}

impl EncryptionPlan {
    /// The plan by the tenant's settings and key. A recording that must be encrypted is not sent in clear because the key
    /// has expired (B8).
    pub fn new(
        content: &Content,
        settings: &Recordings,
        key: Option<RecordingKey>,
        now: DateTime<Utc>,
    ) -> Result<Self, SendError> {
        let key = key.filter(|_| settings.encrypt);
        // A recording that was encrypted on arrival is not encrypted again.
        let recording = key.clone().filter(|_| content.encrypted_for.is_none());
        let metadata = key.filter(|_| settings.encrypt_metadata);
        if [&recording, &metadata].into_iter().flatten().any(|key| key.is_expired(now)) {
            return Err(SendError::RecordingKeyExpired);
        }
        let on_the_way = recording.as_ref().map(|key| key.fingerprint.clone());
        Ok(Self { encrypted_for: content.encrypted_for.clone().or(on_the_way), recording, metadata })
    }

    #[must_use]
    pub fn names(&self, content: &Content) -> FileNames {
        let stem = stem(content.at, content.id);
        let ending = |fingerprint: Option<&str>| match fingerprint {
            Some(fingerprint) => format!(".{}", KeyKind::of_fingerprint(fingerprint).extension()),
            None => String::new(),
        };
        let metadata = self.metadata.as_ref().map(|key| key.fingerprint.as_str());
        let extension = extension(&content.media_type);
        FileNames {
            recording: format!("{stem}.{extension}{}", ending(self.encrypted_for.as_deref())),
            metadata: format!("{stem}.xml{}", ending(metadata)),
        }
    }

    /// The size of the recording's file, if it is known before the file is written.
    #[must_use]
    pub fn size(&self, content: &Content) -> Option<u64> {
        self.recording.is_none().then_some(content.stored_size)
    }

    pub fn recording(&self, reading: ContentReading) -> Result<PayloadBody, DeliveryError> {
        let encryptor = self.recording.as_ref().map(RecordingKey::encryptor).transpose()?;
        Ok(PayloadBody { source: PayloadSource::Content(Box::new(reading)), encryptor })
    }

    pub fn metadata(&self, clear: Vec<u8>) -> Result<PayloadBody, DeliveryError> {
        let encryptor = self.metadata.as_ref().map(RecordingKey::encryptor).transpose()?;
        Ok(PayloadBody { source: PayloadSource::Bytes(Some(clear)), encryptor })
    }
}

/// The names of a delivery's files. They contain a time and an id, never an identifier. They are the same in every attempt,
/// so that no file is delivered twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileNames {
    pub recording: String,
    pub metadata: String,
}

impl FileNames {
    /// Both, in the order in which they are written.
    #[must_use]
    pub fn both(&self) -> [&str; 2] {
        [&self.recording, &self.metadata]
    }
}

/// The name of a file while an attempt writes it. No two attempts write the same file.
#[must_use]
pub fn part(name: &str, attempt: i32) -> String {
    format!("{name}.{attempt}.part")
}

/// `20260801T001010Z_ID`. Files that are sorted by name are sorted by time.
fn stem(at: DateTime<Utc>, id: ContentId) -> String {
    format!("{}_{id}", at.format("%Y%m%dT%H%M%SZ"))
}

/// The ending of the name of a file of a media type.
fn extension(media_type: &str) -> &'static str {
    match media_type {
        "audio/wav" | "audio/wave" | "audio/x-wav" | "audio/vnd.wave" => "wav",
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/mp4" | "audio/x-m4a" => "m4a",
        "audio/ogg" | "audio/opus" => "ogg",
        "audio/flac" => "flac",
        "audio/aac" => "aac",
        "audio/webm" | "video/webm" => "webm",
        "video/mp4" => "mp4",
        _ => "bin",
    }
}

/// The bytes of a file that is being delivered, in constant memory.
pub struct PayloadBody {
    source: PayloadSource,
    encryptor: Option<Encryptor>,
}

enum PayloadSource {
    Content(Box<ContentReading>),
    Bytes(Option<Vec<u8>>),
}

impl PayloadBody {
    /// The next bytes. Returns `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, AttemptError> {
        Ok(self.step().await?)
    }

    async fn step(&mut self) -> Result<Option<Vec<u8>>, DeliveryError> {
        loop {
            let clear = match &mut self.source {
                PayloadSource::Content(reading) => reading.next().await?,
                PayloadSource::Bytes(bytes) => bytes.take(),
            };
            let mut sealed = Vec::new();
            match (clear, &mut self.encryptor) {
                (clear, None) => return Ok(clear),
                (Some(clear), Some(encryptor)) => encryptor.push(&clear, &mut sealed)?,
                (None, Some(_)) => {
                    if let Some(encryptor) = self.encryptor.take() {
                        encryptor.finish(&mut sealed)?;
                    }
                    return Ok(Some(sealed).filter(|sealed| !sealed.is_empty()));
                }
            }
            if !sealed.is_empty() {
                return Ok(Some(sealed));
            }
        }
    }
}
