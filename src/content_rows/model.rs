//! The types of the rows of content.

use chrono::{DateTime, Utc};
use utoipa::ToSchema;

use crate::base::content::ContentKind;
use crate::base::id::{ContentId, Generation, ObjectId, RecordId};
use crate::base::page::{Listed, Position};
use crate::base::words::words;

words! {
    stored
    /// The sensitivity of content, which decides how carefully it is handled.
    #[derive(Default, ToSchema)]
    pub enum Sensitivity {
        /// Like any other.
        #[default]
        Normal = "normal",
        /// A reader must state a purpose.
        Restricted = "restricted",
        /// Reading it is a permission of its own.
        Sensitive = "sensitive",
    }
}

/// A piece of content, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub id: ContentId,
    /// The generation of its object. Each rescan of a text makes a new one.
    pub generation: Generation,
    pub interaction: RecordId,
    pub kind: ContentKind,
    /// The media type that its sender stated.
    pub media_type: String,
    /// The number of uploaded bytes.
    pub size: u64,
    /// The SHA-256 of what was uploaded. None for a text that held an identifier: a short one can be guessed from it.
    pub sha256: Option<[u8; 32]>,
    /// The sensitivity of the content.
    pub sensitivity: Sensitivity,
    /// The fingerprint of the tenant's key that alone opens it; none: this service can.
    pub encrypted_for: Option<String>,
    /// How many bytes are stored, before they are sealed: more than were uploaded where they are ciphertext, and mostly
    /// fewer of a text.
    pub stored_size: u64,
    /// How long it plays, in milliseconds, where its sender or its own header said so.
    pub duration_ms: Option<u64>,
    pub at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
}

impl Listed for Content {
    fn position(&self) -> Position {
        Position { at: self.created_at, id: self.id.0 }
    }
}

impl Content {
    #[must_use]
    pub const fn object(&self) -> ObjectId {
        ObjectId { id: self.id, generation: self.generation }
    }

    /// Whether a browser can play it in place.
    #[must_use]
    pub fn is_playable(&self) -> bool {
        let is_media = self.media_type.starts_with("audio/") || self.media_type.starts_with("video/");
        is_media && self.encrypted_for.is_none()
    }
}
