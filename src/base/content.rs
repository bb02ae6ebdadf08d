//! What belongs to an interaction, by kind.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The kind of a piece of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type, Serialize, Deserialize, ToSchema)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum ContentKind {
    /// What was said.
    Recording,
    /// What the agent's screen showed.
    ScreenRecording,
    /// What the customer left to be heard later.
    Voicemail,
    /// What was written to each other.
    ChatLog,
    /// What was said, as text.
    Transcript,
    /// A note on the interaction.
    Comment,
    /// What a program made of the conversation.
    Analysis,
    /// A file that came along.
    Attachment,
}

impl ContentKind {
    pub const ALL: [Self; 8] = [
        Self::Recording,
        Self::ScreenRecording,
        Self::Voicemail,
        Self::ChatLog,
        Self::Transcript,
        Self::Comment,
        Self::Analysis,
        Self::Attachment,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recording => "recording",
            Self::ScreenRecording => "screen_recording",
            Self::Voicemail => "voicemail",
            Self::ChatLog => "chat_log",
            Self::Transcript => "transcript",
            Self::Comment => "comment",
            Self::Analysis => "analysis",
            Self::Attachment => "attachment",
        }
    }

    /// Whether it is what a key of the tenant's own is for: what was said, seen or left to be heard (B2).
    #[must_use]
    pub const fn is_recording(self) -> bool {
        matches!(self, Self::Recording | Self::ScreenRecording | Self::Voicemail)
    }

    /// Whether it is a text, which may only be stored without the identifiers in it (D6).
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self, Self::ChatLog | Self::Transcript | Self::Comment | Self::Analysis)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("must be recording, screen_recording, voicemail, chat_log, transcript, comment, analysis, or attachment")]
pub struct ContentKindError;

impl FromStr for ContentKind {
    type Err = ContentKindError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word).ok_or(ContentKindError)
    }
}
