//! The kinds of content of an interaction.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The kind of a piece of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type, Serialize, Deserialize, ToSchema)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum ContentKind {
    /// The sound of a call.
    Recording,
    /// The agent's screen as a video.
    ScreenRecording,
    /// A spoken message that the customer left.
    Voicemail,
    /// The messages of a chat.
    ChatLog,
    /// The words of a call as text.
    Transcript,
    /// A note on the interaction.
    Comment,
    /// The result of a program that analysed the conversation.
    Analysis,
    /// A file that was sent along.
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

    /// Whether content of this kind is encrypted with the tenant's recording key (B2).
    #[must_use]
    pub const fn is_recording(self) -> bool {
        matches!(self, Self::Recording | Self::ScreenRecording | Self::Voicemail)
    }

    /// Whether content of this kind is a text. Texts are stored without identifiers (D6).
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
