//! The types of content, the rules about its readers, and its errors.

use pii::text::document::DocumentError;

use crate::archive::ArchiveError;
use crate::base::actor::{Actor, Scope};
use crate::base::content::ContentKind;
use crate::base::crypto::CryptoError;
use crate::base::id::RecordId;
use crate::base::memory::MemoryError;
use crate::base::words::words;
use crate::content_rows::{Content, Sensitivity};
use crate::idempotency::IdempotencyError;
use crate::journal::JournalError;
use crate::objects::ObjectError;
use crate::recording_keys::KeyError;
use crate::store::StoreError;
use crate::tenants::TenantError;
use crate::vault::{Contended, VaultError};

/// A media type without its parameters, in lower case: a parameter may contain a file's name, and that a person's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType(String);

#[derive(Debug, thiserror::Error)]
#[error("must be a media type such as audio/wav")]
pub struct MediaTypeError;

impl MediaType {
    /// The longest there is, in bytes.
    const LONGEST: usize = 127;
    /// As many digits could be a phone number.
    const TOO_MANY_DIGITS: usize = 7;

    /// Reads what a `Content-Type` says.
    pub fn parse(header: &str) -> Result<Self, MediaTypeError> {
        let essence = header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let (top, sub) = essence.split_once('/').ok_or(MediaTypeError)?;
        // RFC 6838's names.
        let is_name = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphanumeric())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
        };
        let digits = essence.bytes().filter(u8::is_ascii_digit).count();
        if essence.len() > Self::LONGEST || !is_name(top) || !is_name(sub) || digits >= Self::TOO_MANY_DIGITS {
            return Err(MediaTypeError);
        }
        Ok(Self(essence))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether content of a kind can be of this type: a recording is no page and no picture.
    #[must_use]
    pub fn fits(&self, kind: ContentKind) -> bool {
        match kind {
            ContentKind::Recording | ContentKind::ScreenRecording | ContentKind::Voicemail => {
                let is_document = ["json", "xml", "html", "pdf", "zip", "javascript", "csv", "text", "vcon"]
                    .iter()
                    .any(|word| self.0.contains(word));
                ["audio", "video"].contains(&self.top()) || self.top() == "application" && !is_document
            }
            _ => true,
        }
    }

    /// The part before the slash.
    fn top(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }
}

/// The description of content before its bytes have arrived.
#[derive(Clone, Debug)]
pub struct NewContent {
    pub interaction: RecordId,
    pub kind: ContentKind,
    /// The media type that its sender states.
    pub media_type: MediaType,
    /// The sensitivity of the content.
    pub sensitivity: Sensitivity,
}

impl Content {
    /// Checks that a user may read the bytes, with the reason that they stated (B10).
    pub fn open_to(&self, actor: &Actor, reason: Option<&str>) -> Result<(), ContentError> {
        match self.sensitivity {
            Sensitivity::Sensitive if !actor.may(Scope::ContentReadSensitive) => Err(ContentError::Sensitive),
            Sensitivity::Restricted if reason.is_none() => Err(ContentError::ReasonMissing),
            _ => Ok(()),
        }
    }

    /// Checks that a user may delete it (B10). Sensitive content can be deleted only by users who may read it.
    pub fn deletable_by(&self, actor: &Actor) -> Result<(), ContentError> {
        let is_withheld = self.sensitivity == Sensitivity::Sensitive && !deletes_sensitive(actor);
        if is_withheld { Err(ContentError::Sensitive) } else { Ok(()) }
    }
}

/// Whether a user may delete sensitive content.
pub(super) fn deletes_sensitive(actor: &Actor) -> bool {
    actor.may(Scope::ContentReadSensitive)
}

/// The result of a batch deletion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// The number of deleted pieces of content.
    pub deleted: u64,
    /// Interactions whose content could not be deleted, or not all of it, and the stable code of why.
    pub failures: Vec<(RecordId, &'static str)>,
}

impl Deleted {
    /// Whether nothing has happened yet.
    pub(super) const fn is_empty(&self) -> bool {
        self.deleted == 0 && self.failures.is_empty()
    }
}

/// Why something could not be done with content.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The call cannot be made under its idempotency key.
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    /// The interaction or the content does not exist, or its key is deleted.
    #[error("the interaction or the content does not exist")]
    Unknown,
    /// A request had the interaction's content deleted: it takes no more.
    #[error("the content of the interaction was deleted for its customer")]
    Forgotten,
    /// An aged interaction accepts no content.
    #[error("the interaction is aged")]
    Aged,
    /// It is no text of the format that it was said to be.
    #[error("the text does not have the format of its media type: {0}")]
    DocumentError(DocumentError),
    #[error("the media type does not fit the kind")]
    Misfit,
    /// It is longer than an upload may be, in bytes.
    #[error("the upload is too large: at most {0} bytes are allowed")]
    TooLarge(u64),
    /// The bytes are not those whose digest was sent.
    #[error("digest mismatch")]
    Digest,
    /// The tenant's key has expired: nothing is encrypted with it, nor stored in clear in its stead (B8).
    #[error("the tenant's recording key has expired")]
    KeyExpired,
    /// A legal hold keeps its interaction.
    #[error("a legal hold keeps the content")]
    Held,
    /// It is sensitive, and reading that is a permission of its own.
    #[error("the content is sensitive")]
    Sensitive,
    #[error("the content is restricted and no reason was given")]
    ReasonMissing,
    #[error(transparent)]
    Memory(#[from] MemoryError),
    #[error("reading the text failed")]
    Panicked,
    /// The text could not be searched for its customer, so it is shown to nobody.
    #[error("the text cannot be searched for its customer: {0}")]
    Unreadable(FailureReason),
    /// Another deletion of many is at work for the tenant.
    #[error("another batch is running")]
    Busy,
    /// The work was stopped half way; what it was doing is safe to do again.
    #[error("the work was stopped")]
    Stopped,
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// A key or a sealed chunk cannot be used: the object was altered.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// The deletion cannot be journaled, so nothing is deleted.
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// It cannot be encrypted for the tenant's key.
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Tenant(#[from] TenantError),
}

impl ContentError {
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "not_found",
            Self::Forgotten => "content_forgotten",
            Self::Aged => "record_aged",
            Self::DocumentError(_) => "format",
            Self::KeyExpired => "recording_key_expired",
            Self::Misfit => "media_type_unsupported",
            Self::TooLarge(_) => "too_large",
            Self::Digest => "digest_mismatch",
            Self::Held => "legal_hold",
            Self::Sensitive => "forbidden",
            Self::ReasonMissing => "purpose_required",
            Self::Busy => "too_many_requests",
            Self::Unreadable(_) => "text_unreadable",
            _ if self.is_transient() => "unavailable",
            _ => "internal",
        }
    }

    /// Whether a store is unavailable, so that the next attempt would fail too.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) | Self::Vault(VaultError::Store(error)) | Self::Key(KeyError::Store(error)) => {
                error.is_transient()
            }
            Self::Object(
                ObjectError::Unavailable(_) | ObjectError::Kept(_) | ObjectError::Folder(_) | ObjectError::TimedOut,
            )
            | Self::Memory(MemoryError::Crowded)
            | Self::Journal(_) => true,
            _ => false,
        }
    }

    /// Why a text that this came of is not to be tried again; none where the next attempt may succeed.
    pub(super) const fn reason(&self) -> Option<FailureReason> {
        match self {
            Self::Memory(MemoryError::OverBudget) => Some(FailureReason::TooLarge),
            Self::Panicked => Some(FailureReason::Panicked),
            Self::DocumentError(DocumentError::TooMany) => Some(FailureReason::TooManyMentions),
            Self::DocumentError(DocumentError::TooSlow) => Some(FailureReason::TooSlow),
            Self::DocumentError(_) => Some(FailureReason::Malformed),
            Self::Unreadable(reason) => Some(*reason),
            _ => None,
        }
    }
}

impl Contended for ContentError {
    fn is_contended(&self) -> bool {
        matches!(self, Self::Store(StoreError::Contended) | Self::Vault(VaultError::Store(StoreError::Contended)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_media_type_keeps_no_parameters() {
        let read = |header| MediaType::parse(header).map(|media_type| media_type.0).ok();
        assert_eq!(read("Audio/WAV; name=\"Kari Nordmann.wav\"").as_deref(), Some("audio/wav"));
        let word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
        assert_eq!(read(word).as_deref(), Some(word));
        for other in ["", "audio", "audio/", "/wav", "audio/w av", "audio/wav/x", "*/*", "audio/x-4798765432", "å/b"] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn a_recording_is_no_page() {
        let allows = |kind: ContentKind, header| MediaType::parse(header).unwrap().fits(kind);
        assert!(allows(ContentKind::Recording, "audio/mpeg") && allows(ContentKind::Voicemail, "video/mp4"));
        assert!(allows(ContentKind::Recording, "application/octet-stream"));
        assert!(
            !allows(ContentKind::Recording, "application/json") && !allows(ContentKind::Voicemail, "application/vcon")
        );
        assert!(!allows(ContentKind::Recording, "text/html") && allows(ContentKind::Attachment, "text/html"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            let _ = MediaType::parse(&text);
        }
    }
}

words! {
    /// Why a text is not read again any more, until an operator asks for it.
    pub enum FailureReason {
        /// The process ended at several attempts.
        Crashed = "crashed",
        /// It needs more memory than the settings allow.
        TooLarge = "too_large",
        /// It names more numbers and addresses than one text may.
        TooManyMentions = "too_many_mentions",
        TooSlow = "too_slow",
        /// It is no text of its format.
        Malformed = "malformed",
        Panicked = "panicked",
    }
}
