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

/// An anonymize request. Its number, address, and comment are in clear while it waits, and masked when it is done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11", "phone_number": "+4798765", "email": null, "to_date": "2026-08-03",
    "comment": "case 118", "targets": ["archive", "raw_data"], "delete_content": false, "status": "waiting",
    "user_name": "paal", "due_at": "2026-08-03T22:00:00Z", "attempts": 0, "last_error": null, "result": null,
    "created_at": "2026-08-03T12:00:00Z", "updated_at": "2026-08-03T12:00:00Z", "done_at": null, "version": 1
}))]
pub struct AnonymizeRequest {
    /// The id of the request.
    pub id: RequestId,
    /// The customer's number in E.164. It is masked (`*****5`) when the request is done.
    pub phone_number: Option<String>,
    /// The customer's address. It is masked when the request is done.
    pub email: Option<String>,
    /// The last local day that is forgotten.
    pub to_date: NaiveDate,
    /// The note.
    pub comment: Option<String>,
    /// The targets in which the customer is forgotten: `archive`, `sms_survey`, `raw_data`.
    pub targets: Vec<&'static str>,
    /// Whether the content of the matched interactions is deleted too.
    pub delete_content: bool,
    /// Whether the request waits for its pass or is done.
    pub status: Status,
    /// The name of the user who entered the request.
    pub user_name: String,
    /// The time from which a nightly pass carries out the request: the end of the last included day.
    pub due_at: DateTime<Utc>,
    /// The number of passes that have begun the request.
    pub attempts: i32,
    /// The reason why the last pass failed, as a stable code.
    pub last_error: Option<String>,
    /// The result of the request. It is null while the request waits.
    pub result: Option<AnonymizeResult>,
    /// The time at which the request was entered.
    pub created_at: DateTime<Utc>,
    /// The time of the last change.
    pub updated_at: DateTime<Utc>,
    /// The time at which the request became done.
    pub done_at: Option<DateTime<Utc>>,
    /// The version of the request, which is also its `ETag`.
    pub version: i64,
}

/// The result of a request. A target that was not selected is left out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "archive": { "anonymized": 12 }, "raw_data": { "anonymized": 40 }, "content": { "deleted": 7, "anonymized": 2 },
    "delivered_files": ["0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11.wav.pgp"]
}))]
pub struct AnonymizeResult {
    /// The result for calls, chats, e-mails, and other interactions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<Anonymized>,
    /// The result for answers to text-message surveys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sms_survey: Option<Anonymized>,
    /// The result for the events behind the statistics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_data: Option<Anonymized>,
    /// The result for recordings, texts, and other content. It is left out if no content changed and the request did
    /// not ask for deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<ContentResult>,
    /// The files of forgotten recordings that had been delivered. The service cannot reach these copies, so the tenant
    /// must delete them. It is left out if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delivered_files: Vec<String>,
}

/// The result for the content of the matched interactions.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContentResult {
    /// The number of deleted pieces of content.
    #[schema(example = 7)]
    pub deleted: u64,
    /// The number of texts that lost a mention.
    #[schema(example = 2)]
    pub anonymized: u64,
}

/// The result for the records of a target.
#[derive(Debug, Serialize, ToSchema)]
pub struct Anonymized {
    /// The number of records that lost identifiers.
    #[schema(example = 12)]
    pub anonymized: u64,
}

/// An anonymize request after it was entered or changed, with warnings for its user.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnteredAnonymizeRequest {
    /// The request after the call.
    #[serde(flatten)]
    pub request: AnonymizeRequest,
    /// The warnings. They are not errors.
    pub warnings: Vec<RequestWarning>,
}

/// A warning.
#[derive(Debug, Serialize, ToSchema)]
pub struct RequestWarning {
    /// The stable code: `comment_has_identifier`, or for a preview `nothing_found`, `content_becomes_unfindable`, or
    /// `content_will_be_deleted`.
    #[schema(example = "comment_has_identifier")]
    pub code: &'static str,
    /// The warning, as a text for people.
    #[schema(value_type = String)]
    pub detail: Cow<'static, str>,
}

/// The result of a batch, in the order of its rows.
#[derive(Debug, Serialize, ToSchema)]
pub struct SavedAnonymizeRequests {
    /// The requests that were entered.
    pub created: Vec<EnteredAnonymizeRequest>,
    /// The changed requests, as they are now.
    pub updated: Vec<EnteredAnonymizeRequest>,
    /// The requests that were cancelled.
    pub deleted: Vec<RequestId>,
}

/// The counts of records and content that a request would match.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "targets": {
        "archive": { "records": 12, "first": "2025-11-02T09:14:00Z", "last": "2026-08-01T07:30:12Z" },
        "raw_data": { "records": 0, "first": null, "last": null }
    },
    "content": { "recording": 3 },
    "warnings": [{ "code": "content_will_be_deleted", "detail": "recording: 3. The pass deletes this content in every \
                                                                 copy." }]
}))]
pub struct AnonymizePreview {
    /// The records that would be made anonymous, by target.
    pub targets: BTreeMap<&'static str, TargetHits>,
    /// The numbers of pieces of content of the interactions whose customer would be forgotten, by kind. A kind without
    /// content is left out.
    pub content: BTreeMap<&'static str, u64>,
    /// The warnings. They are not errors.
    pub warnings: Vec<RequestWarning>,
}

/// The records that a request would match in one target.
#[derive(Debug, Serialize, ToSchema)]
pub struct TargetHits {
    /// The number of records. Each is counted once.
    #[schema(example = 12)]
    pub records: u64,
    /// The time of the first of these records. It is null if there is none.
    pub first: Option<DateTime<Utc>>,
    /// The time of the last of these records. It is null if there is none.
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
