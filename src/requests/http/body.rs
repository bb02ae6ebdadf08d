//! Requests in JSON, on their way out. What comes in is read as it stands, by [`NewRequest`](crate::requests::NewRequest)
//! and its like.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::archive::Hits;
use crate::base::id::RequestId;
use crate::base::target::Target;
use crate::requests::{ContentOutcome, Outcome, Preview, RenderedRequest, Request, Saved, Status, Warning};

/// An anonymize request. While it waits, number, address and comment are in clear; once it is done, only masks are left.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11", "phone_number": "+4798765", "email": null, "to_date": "2026-08-03",
    "comment": "case 118", "targets": ["archive", "raw_data"], "delete_content": false, "status": "waiting",
    "user_name": "paal", "due_at": "2026-08-03T22:00:00Z", "attempts": 0, "last_error": null, "result": null,
    "created_at": "2026-08-03T12:00:00Z", "updated_at": "2026-08-03T12:00:00Z", "done_at": null, "version": 1
}))]
pub struct AnonymizeRequest {
    /// The request.
    pub id: RequestId,
    /// The number, in E.164; masked (`*****5`) when the request is done.
    pub phone_number: Option<String>,
    /// The address; masked when the request is done.
    pub email: Option<String>,
    /// The last local day that is forgotten.
    pub to_date: NaiveDate,
    /// The note.
    pub comment: Option<String>,
    /// Where the person is forgotten: `archive`, `sms_survey`, `raw_data`.
    pub targets: Vec<&'static str>,
    /// Whether the content of its interactions goes too.
    pub delete_content: bool,
    /// Whether it waits for its night or is done.
    pub status: Status,
    /// Who entered it.
    pub user_name: String,
    /// From when on a night carries it out: the end of the last included day.
    pub due_at: DateTime<Utc>,
    /// How many nights have begun it.
    pub attempts: i32,
    /// The stable code of what the last night failed with.
    pub last_error: Option<String>,
    /// What came of it; null while it waits.
    pub result: Option<AnonymizeResult>,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was carried out.
    pub done_at: Option<DateTime<Utc>>,
    /// Its version, which is also its `ETag`.
    pub version: i64,
}

/// What came of a request. A target that was not ticked is left out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "archive": { "anonymized": 12 }, "raw_data": { "anonymized": 40 }, "content": { "deleted": 7, "anonymized": 2 },
    "delivered_files": ["0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11.wav.pgp"]
}))]
pub struct AnonymizeResult {
    /// Of calls, chats, e-mails and the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<Anonymized>,
    /// Of answers to text-message surveys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sms_survey: Option<Anonymized>,
    /// Of the events behind the statistics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_data: Option<Anonymized>,
    /// Of recordings, texts and the like; left out where nothing became of any and nobody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<ContentResult>,
    /// The files that had been delivered of what was forgotten: copies out of this service's reach, which the tenant must
    /// delete. Left out where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delivered_files: Vec<String>,
}

/// What became of the content of a request's interactions.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContentResult {
    /// How many pieces of content were deleted.
    #[schema(example = 7)]
    pub deleted: u64,
    /// How many texts lost a mention.
    #[schema(example = 2)]
    pub anonymized: u64,
}

/// What became of a target's records.
#[derive(Debug, Serialize, ToSchema)]
pub struct Anonymized {
    /// How many lost identifiers.
    #[schema(example = 12)]
    pub anonymized: u64,
}

/// An anonymize request as it was entered or changed, and what its user should know of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnteredAnonymizeRequest {
    /// The request.
    #[serde(flatten)]
    pub request: AnonymizeRequest,
    /// What is no mistake, but worth knowing.
    pub warnings: Vec<RequestWarning>,
}

/// Something worth knowing.
#[derive(Debug, Serialize, ToSchema)]
pub struct RequestWarning {
    /// The stable code: `comment_has_identifier`, or of a preview `nothing_found`, `content_becomes_unfindable` or
    /// `content_will_be_deleted`.
    #[schema(example = "comment_has_identifier")]
    pub code: &'static str,
    /// What to know.
    #[schema(value_type = String)]
    pub detail: Cow<'static, str>,
}

/// What came of a batch, in the order of its rows.
#[derive(Debug, Serialize, ToSchema)]
pub struct SavedAnonymizeRequests {
    /// The requests that were entered.
    pub created: Vec<EnteredAnonymizeRequest>,
    /// The requests that were to be changed, as they are now.
    pub updated: Vec<EnteredAnonymizeRequest>,
    /// The requests that were cancelled.
    pub deleted: Vec<RequestId>,
}

/// What a request would hit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "targets": {
        "archive": { "records": 12, "first": "2025-11-02T09:14:00Z", "last": "2026-08-01T07:30:12Z" },
        "raw_data": { "records": 0, "first": null, "last": null }
    },
    "content": { "recording": 3 },
    "warnings": [{ "code": "content_will_be_deleted", "detail": "recording: 3: that night deletes it in every copy" }]
}))]
pub struct AnonymizePreview {
    /// The records that would be made anonymous, by target.
    pub targets: BTreeMap<&'static str, TargetHits>,
    /// How much content the interactions have whose customer would be forgotten, by kind; a kind of which there is none is
    /// left out.
    pub content: BTreeMap<&'static str, u64>,
    /// What is no mistake, but worth knowing.
    pub warnings: Vec<RequestWarning>,
}

/// What a request would hit in one target.
#[derive(Debug, Serialize, ToSchema)]
pub struct TargetHits {
    /// How many records, each counted once.
    #[schema(example = 12)]
    pub records: u64,
    /// When the first of them happened; null where there is none.
    pub first: Option<DateTime<Utc>>,
    /// When the last of them happened.
    pub last: Option<DateTime<Utc>>,
}

impl From<RenderedRequest> for AnonymizeRequest {
    fn from(shown: RenderedRequest) -> Self {
        let RenderedRequest { request, phone_number, email, comment, result, warnings: _ } = shown;
        let Request {
            id,
            phone: _,
            email: _,
            phone_mask: _,
            email_mask: _,
            to_date,
            entry_day: _,
            due_at,
            comment: _,
            targets,
            delete_content,
            status,
            user_name,
            attempts,
            last_error,
            created_at,
            updated_at,
            done_at,
            version,
        } = request;
        Self {
            id,
            phone_number,
            email,
            to_date,
            comment,
            targets: targets.words(),
            delete_content,
            status,
            user_name,
            due_at,
            attempts,
            last_error,
            result: result.map(AnonymizeResult::from),
            created_at,
            updated_at,
            done_at,
            version,
        }
    }
}

impl From<Outcome> for AnonymizeResult {
    fn from(outcome: Outcome) -> Self {
        let Outcome { targets, content, delivered_files } = outcome;
        let of = |target| targets.get(&target).map(|anonymized| Anonymized { anonymized: *anonymized });
        Self {
            archive: of(Target::Archive),
            sms_survey: of(Target::SmsSurvey),
            raw_data: of(Target::RawData),
            content: content.map(|ContentOutcome { deleted, anonymized }| ContentResult { deleted, anonymized }),
            delivered_files,
        }
    }
}

impl From<RenderedRequest> for EnteredAnonymizeRequest {
    fn from(shown: RenderedRequest) -> Self {
        let warnings = shown.warnings.iter().map(RequestWarning::from).collect();
        Self { request: shown.into(), warnings }
    }
}

impl From<&Warning> for RequestWarning {
    fn from(warning: &Warning) -> Self {
        Self { code: warning.code(), detail: warning.detail() }
    }
}

impl From<Saved> for SavedAnonymizeRequests {
    fn from(saved: Saved) -> Self {
        let Saved { created, updated, deleted } = saved;
        let all = |shown: Vec<RenderedRequest>| shown.into_iter().map(EnteredAnonymizeRequest::from).collect();
        Self { created: all(created), updated: all(updated), deleted }
    }
}

impl From<Preview> for AnonymizePreview {
    fn from(preview: Preview) -> Self {
        let Preview { targets, content, warnings } = preview;
        let hits = |(target, hits): (Target, Hits)| {
            let Hits { records, first, last } = hits;
            (target.as_str(), TargetHits { records, first, last })
        };
        Self {
            targets: targets.into_iter().map(hits).collect(),
            content: content.into_iter().map(|(kind, count)| (kind.as_str(), count)).collect(),
            warnings: warnings.iter().map(RequestWarning::from).collect(),
        }
    }
}
