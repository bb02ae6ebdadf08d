//! The kinds of content of an interaction.

use utoipa::ToSchema;

use super::words::words;

words! {
    stored
    /// The kind of a piece of content.
    #[derive(PartialOrd, Ord, Hash, ToSchema)]
    pub enum ContentKind {
        /// The sound of a call.
        Recording = "recording",
        /// The agent's screen as a video.
        ScreenRecording = "screen_recording",
        /// A spoken message that the customer left.
        Voicemail = "voicemail",
        /// The messages of a chat.
        ChatLog = "chat_log",
        /// The words of a call as text.
        Transcript = "transcript",
        /// A note on the interaction.
        Comment = "comment",
        /// The result of a program that analysed the conversation.
        Analysis = "analysis",
        /// A file that was sent along.
        Attachment = "attachment",
    }
    error ContentKindError = "must be recording, screen_recording, voicemail, chat_log, transcript, comment, analysis, \
                              or attachment";
}

impl ContentKind {
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
