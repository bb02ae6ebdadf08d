//! Content in JSON.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::archive::View;
use crate::base::hex::hex;
use crate::base::id::{ContentId, RecordId};
use crate::base::recipient::TokenForm;
use crate::base::words::described;
use crate::content::{Content, ContentKind, Deleted, Sensitivity, Ticket};
use crate::http::query::Limit;

/// A piece of content, without its bytes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f21", "interaction_id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11",
    "kind": "recording", "media_type": "audio/wav", "size": 160_044,
    "sha256": "a4f2e0c1b9d84c7f9b0e2d6a1c3f5e7a9b8d7c6f5e4d3c2b1a09f8e7d6c5b4a3", "sensitivity": "normal",
    "encrypted_for": null, "playable": true, "duration_ms": 10_000,
    "created_at": "2026-08-03T12:00:00Z"
}))]
pub struct ContentItem {
    /// The id of the content.
    pub id: ContentId,
    /// The interaction that the content belongs to.
    pub interaction_id: RecordId,
    /// The kind of the content.
    pub kind: ContentKind,
    /// The media type that the sender gave, without parameters.
    pub media_type: String,
    /// The number of uploaded bytes. Of a text in which something was replaced, it is the number of stored bytes.
    pub size: u64,
    /// The SHA-256 of the uploaded bytes in hexadecimal digits. It is null for a text that contained an identifier,
    /// because a short text can be guessed from its hash, and for a recipient.
    #[schema(required)]
    pub sha256: Option<String>,
    /// The sensitivity of the content.
    pub sensitivity: Sensitivity,
    /// The fingerprint of the tenant's key, with which alone the content can be opened. It is null if the content is
    /// not encrypted for the tenant.
    #[schema(required)]
    pub encrypted_for: Option<String>,
    /// Whether the content can be played in place.
    pub playable: bool,
    /// The duration in milliseconds, if it is known.
    #[schema(required)]
    pub duration_ms: Option<u64>,
    /// The time at which the content was stored.
    pub created_at: DateTime<Utc>,
    /// The parts of an upload that were not stored. Only the response to the upload has it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub warnings: Vec<ContentWarning>,
}

/// The code of the only warning there is.
const PARTS_DROPPED: &str = "parts_dropped";

/// The codes of warnings, for the document.
struct ContentWarningCode;

described!(ContentWarningCode as "ContentWarningCode", "The kind of a warning.", [PARTS_DROPPED]);

/// A part of an upload that was not stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContentWarning {
    #[schema(value_type = ContentWarningCode)]
    pub code: &'static str,
    #[schema(example = "2 parts are no text and were not stored")]
    pub detail: String,
}

impl ContentItem {
    /// The path of the content.
    pub fn path(&self) -> String {
        format!("/api/v1/archive/content/{}", self.id)
    }

    /// The item of a text, of whose message some parts were dropped.
    pub fn without_parts(content: Content, form: &TokenForm, dropped: usize) -> Self {
        let detail = match dropped {
            1 => "1 part is no text and was not stored".to_owned(),
            _ => format!("{dropped} parts are no text and were not stored"),
        };
        let warning = ContentWarning { code: PARTS_DROPPED, detail };
        Self { warnings: Some(warning).filter(|_| dropped > 0).into_iter().collect(), ..Self::new(content, form) }
    }

    /// The item in the form of the caller. A digest would be the same for all recipients, so they see none.
    pub fn new(content: Content, form: &TokenForm) -> Self {
        let playable = content.is_playable();
        let Content { id, interaction, kind, media_type, size, sha256, sensitivity, encrypted_for, .. } = content;
        Self {
            id: form.show_content(id),
            interaction_id: form.show_record(interaction),
            kind,
            media_type,
            size,
            sha256: sha256.filter(|_| !form.is_of_recipient()).map(|bytes| hex(&bytes)),
            sensitivity,
            encrypted_for,
            playable,
            duration_ms: content.duration_ms,
            created_at: form.show_time(content.created_at),
            warnings: Vec::new(),
        }
    }
}

/// The parameters of an upload.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UploadParams {
    /// The kind of the content.
    pub kind: ContentKind,
    /// The sensitivity of the content. The default is `normal`.
    #[serde(default)]
    #[param(required = false)]
    pub sensitivity: Sensitivity,
}

/// How a text is shown.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DownloadParams {
    /// A narrower view of a text than the widest one that the scopes allow.
    pub view: Option<View>,
}

/// Which page of a list.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ContentListing {
    /// The `next_cursor` of the previous page.
    #[param(format = "cursor")]
    pub cursor: Option<String>,
    /// The largest number of items in the page.
    #[param(inline)]
    pub limit: Limit,
}

/// A temporary address.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "url": "/api/v1/archive/tickets/q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k", "expires_at": "2026-08-03T12:01:00Z"
}))]
pub struct ContentTicket {
    /// The address, relative to this service. It needs no token. It is null if an earlier call with the same idempotency key
    /// has shown it, because it is a secret.
    #[schema(required, example = "/api/v1/archive/tickets/q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k")]
    pub url: Option<String>,
    /// The time at which the address ends.
    pub expires_at: DateTime<Utc>,
}

impl ContentTicket {
    pub(super) fn new(ticket: Ticket) -> Self {
        let Ticket { text, expires_at } = ticket;
        Self { url: Some(format!("/api/v1/archive/tickets/{text}")), expires_at }
    }
}

/// The content to delete.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"interaction_ids": ["0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11"], "kinds": ["recording"]}))]
pub struct ContentDeletion {
    /// The interactions whose content is deleted: at most 1,000.
    #[schema(min_items = 1, max_items = 1000)]
    pub interaction_ids: Vec<RecordId>,
    /// The kinds of content to delete. All kinds are deleted if this is absent or null.
    #[serde(default)]
    #[schema(min_items = 1)]
    pub kinds: Option<Vec<ContentKind>>,
}

/// The result of a deletion in a batch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "deleted": 12, "failures": [{"id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11", "code": "unavailable"}]
}))]
pub struct DeletedContent {
    /// The number of deleted pieces of content.
    #[schema(example = 12)]
    pub deleted: u64,
    /// The interactions whose content could not be deleted completely.
    pub failures: Vec<FailedDeletion>,
}

/// The reasons of failed deletions, for the document.
struct DeletionFailureCode;

described!(
    DeletionFailureCode as "DeletionFailureCode",
    "The reason why content was not deleted.",
    ["forbidden", "legal_hold", "unavailable", "internal"]
);

/// An interaction whose content could not be deleted.
#[derive(Debug, Serialize, ToSchema)]
pub struct FailedDeletion {
    /// The id of the interaction.
    pub id: RecordId,
    /// The reason. `forbidden`: the interaction has sensitive content, and its deletion needs `content:read:sensitive`.
    /// `legal_hold`: a hold keeps the interaction.
    /// `unavailable` or `internal`: send the interaction again.
    #[schema(value_type = DeletionFailureCode)]
    pub code: &'static str,
}

impl From<Deleted> for DeletedContent {
    fn from(outcome: Deleted) -> Self {
        let Deleted { deleted, failures } = outcome;
        Self { deleted, failures: failures.into_iter().map(|(id, code)| FailedDeletion { id, code }).collect() }
    }
}
