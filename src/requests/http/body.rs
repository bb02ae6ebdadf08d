//! Requests in the JSON of responses. Bodies of calls are read into [`NewRequest`](crate::requests::NewRequest) and the
//! types beside it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::archive::Hits;
use crate::base::attestation::Attestation;
use crate::base::id::{RecordId, RequestId};
use crate::base::target::Target;
use crate::base::words::described;
use crate::requests::{
    Case, ChecklistItem, ContentOutcome, Preview, RenderedRequest, Request, RequestNotice, RequestOutcome, Saved,
    Status, TargetCounts,
};

/// An anonymize request. Number, address, and comment are in clear while it waits. When it is done, only masks are left.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11", "phone_number": "+4798765", "email": null, "interaction_ids": [], "interaction_count": 0, "to_date": "2026-08-03",
    "comment": "case 118", "reference": "INC0012345", "targets": ["archive", "raw_data"], "delete_content": false, "received_on": "2026-08-03", "deadline_on": "2026-09-03",
    "extended_to": null, "extension_reason": null, "attestation": null, "checklist": [], "status": "waiting",
    "user_name": "paal", "due_at": "2026-08-03T22:00:00Z", "attempts": 0, "last_error": null, "result": null,
    "created_at": "2026-08-03T12:00:00Z", "updated_at": "2026-08-03T12:00:00Z", "done_at": null, "version": 1
}))]
pub struct AnonymizeRequest {
    /// The request.
    pub id: RequestId,
    /// The phone number in E.164. It is masked (`*****5`) when the request is done.
    #[schema(required)]
    pub phone_number: Option<String>,
    /// The e-mail address. It is masked when the request is done.
    #[schema(required)]
    pub email: Option<String>,
    /// The interactions that the request names. A done request has none.
    pub interaction_ids: Vec<RecordId>,
    /// How many interactions it names, or named when it was carried out.
    pub interaction_count: i32,
    /// The last local day that is forgotten.
    pub to_date: NaiveDate,
    /// The note.
    #[schema(required)]
    pub comment: Option<String>,
    /// The number of its case in another system.
    #[schema(required)]
    pub reference: Option<String>,
    /// The targets in which the customer is forgotten: `archive`, `sms_survey`, `raw_data`.
    #[schema(value_type = Vec<Target>)]
    pub targets: Vec<&'static str>,
    /// Whether the content of its interactions is deleted too.
    pub delete_content: bool,
    /// The day on which the customer's wish arrived.
    pub received_on: NaiveDate,
    /// The last day for the answer to the customer: one month after `received_on`, or the day to which that is extended. A
    /// Saturday or a Sunday counts as the Monday after it.
    pub deadline_on: NaiveDate,
    /// The day to which the deadline of one month was extended.
    #[schema(required)]
    pub extended_to: Option<NaiveDate>,
    /// The reason of the extension.
    #[schema(required)]
    pub extension_reason: Option<String>,
    /// How the customer's wish was verified.
    #[schema(required)]
    pub attestation: Option<Attestation>,
    /// The systems outside of this one in which the customer is forgotten too.
    pub checklist: Vec<ChecklistItem>,
    /// Whether it waits or is done.
    pub status: Status,
    /// The name of the user who entered it.
    pub user_name: String,
    /// The end of the last included day. The first nightly job after it carries the request out.
    pub due_at: DateTime<Utc>,
    /// The number of passes that have begun it.
    pub attempts: i32,
    /// The stable code of the last pass's failure.
    #[schema(required)]
    pub last_error: Option<String>,
    /// The result. It is null while the request waits.
    #[schema(required)]
    pub result: Option<AnonymizeResult>,
    /// The numbers of records that were counted when the request was entered with `preview`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = json!({"archive": 12}))]
    pub preview: Option<BTreeMap<&'static str, u64>>,
    /// The number of records under a legal hold that the waiting request selects. If there is any, no pass carries the
    /// request out. It is left out if there is none, and without the scope `holds:write`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 3)]
    pub held: Option<u64>,
    /// The time at which it was entered.
    pub created_at: DateTime<Utc>,
    /// The time of the last change.
    pub updated_at: DateTime<Utc>,
    /// The time at which it was carried out.
    #[schema(required)]
    pub done_at: Option<DateTime<Utc>>,
    /// The version, which is also the `ETag`.
    pub version: i64,
}

/// The result of a request. A target that the request does not have is left out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "archive": { "anonymized": 12 }, "raw_data": { "anonymized": 40 }, "content": { "deleted": 7, "anonymized": 2 },
    "delivered_files": ["0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11.wav.pgp"]
}))]
pub struct AnonymizeResult {
    /// The interactions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub archive: Option<Anonymized>,
    /// The survey responses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub sms_survey: Option<Anonymized>,
    /// The raw events.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub raw_data: Option<Anonymized>,
    /// The content of the interactions. It is left out if the request was not about content and no content changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub content: Option<ContentResult>,
    /// The delivered files of the records that became anonymous. The service cannot delete these copies, so the tenant
    /// must. It is left out if there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delivered_files: Vec<String>,
    /// The numbers of records that were counted when the request was entered with `preview`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = json!({"archive": 12}))]
    pub preview: Option<BTreeMap<&'static str, u64>>,
}

/// The effect on the content of a request's interactions.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContentResult {
    /// The number of deleted pieces of content.
    #[schema(example = 7)]
    pub deleted: u64,
    /// The number of texts that lost a mention.
    #[schema(example = 2)]
    pub anonymized: u64,
}

/// The effect on the records of a target.
#[derive(Debug, Serialize, ToSchema)]
pub struct Anonymized {
    /// The number of records that lost identifiers.
    #[schema(example = 12)]
    pub anonymized: u64,
}

/// An anonymize request as it was entered or changed, with warnings.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11", "phone_number": "+4798765", "email": null, "interaction_ids": [],
    "interaction_count": 0, "to_date": "2026-08-03",
    "comment": "case 118", "reference": "INC0012345", "targets": ["archive", "raw_data"], "delete_content": false, "received_on": "2026-08-03", "deadline_on": "2026-09-03",
    "extended_to": null, "extension_reason": null, "attestation": null, "checklist": [], "status": "waiting",
    "user_name": "paal", "due_at": "2026-08-03T22:00:00Z", "attempts": 0, "last_error": null, "result": null,
    "created_at": "2026-08-03T12:00:00Z", "updated_at": "2026-08-03T12:00:00Z", "done_at": null, "version": 1, "warnings": []
}))]
pub struct EnteredAnonymizeRequest {
    /// The request.
    #[serde(flatten)]
    pub request: AnonymizeRequest,
    /// The warnings. They are no errors.
    pub warnings: Vec<RequestWarning>,
}

/// Something that the user should know.
#[derive(Debug, Serialize, ToSchema)]
pub struct RequestWarning {
    /// The stable code. All but `comment_has_identifier`, `reference_masked`, and
    /// `duplicate_waiting` are codes of a preview only.
    #[schema(value_type = RequestWarningCode)]
    pub code: &'static str,
    /// The warning, for people.
    #[schema(value_type = String)]
    pub detail: Cow<'static, str>,
}

/// The codes of warnings, for the document.
struct RequestWarningCode;

described!(RequestWarningCode as "RequestWarningCode", "The kind of a warning.", RequestNotice::CODES);

/// The requests of a batch, in the order of its rows.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "created": [], "updated": [], "deleted": ["0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f12"] }))]
pub struct SavedAnonymizeRequests {
    /// The new requests.
    pub created: Vec<EnteredAnonymizeRequest>,
    /// The requests of all rows with a change, as they are now.
    pub updated: Vec<EnteredAnonymizeRequest>,
    /// The cancelled requests.
    pub deleted: Vec<RequestId>,
}

/// The matches of a request before it is entered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "targets": {
        "archive": { "records": 12, "first": "2025-11-02T09:14:00Z", "last": "2026-08-01T07:30:12Z" },
        "raw_data": { "records": 0, "first": null, "last": null }
    },
    "content": { "recording": 3 },
    "warnings": [{ "code": "content_will_be_deleted", "detail": "recording: 3. The pass deletes this content in every copy." }]
}))]
pub struct AnonymizePreview {
    /// The records that would be made anonymous, by target.
    pub targets: BTreeMap<&'static str, TargetHits>,
    /// The number of pieces of content of the interactions whose customer would be forgotten, by kind. A kind without
    /// content is left out.
    pub content: BTreeMap<&'static str, u64>,
    /// The number of these records that are under a legal hold. It is shown only with the scope `holds:write`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 0)]
    pub held: Option<u64>,
    /// The warnings. They are no errors.
    pub warnings: Vec<RequestWarning>,
}

/// The matches of a request in one target.
#[derive(Debug, Serialize, ToSchema)]
pub struct TargetHits {
    /// The number of records. Each record counts once.
    #[schema(example = 12)]
    pub records: u64,
    /// The time of the first match. It is null if there is none.
    #[schema(required)]
    pub first: Option<DateTime<Utc>>,
    /// The time of the last match.
    #[schema(required)]
    pub last: Option<DateTime<Utc>>,
}

impl From<RenderedRequest> for AnonymizeRequest {
    fn from(rendered: RenderedRequest) -> Self {
        let RenderedRequest { request, phone_number, email, comment, interactions, checklist, .. } = rendered;
        let RenderedRequest { result, preview, held, warnings: _, .. } = rendered;
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
            reference,
            interaction_count,
            targets,
            delete_content,
            case: Case { received_on, deadline_on, extended_to, extension_reason, attestation },
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
            interaction_ids: interactions,
            interaction_count,
            to_date,
            comment,
            reference,
            targets: targets.words(),
            delete_content,
            received_on,
            deadline_on,
            extended_to,
            extension_reason,
            attestation,
            checklist,
            status,
            user_name,
            due_at,
            attempts,
            last_error,
            result: result.map(AnonymizeResult::from),
            preview: preview.map(by_target),
            held,
            created_at,
            updated_at,
            done_at,
            version,
        }
    }
}

impl From<RequestOutcome> for AnonymizeResult {
    fn from(outcome: RequestOutcome) -> Self {
        let RequestOutcome { targets, content, delivered_files, preview } = outcome;
        let of = |target| targets.get(&target).map(|anonymized| Anonymized { anonymized: *anonymized });
        Self {
            archive: of(Target::Archive),
            sms_survey: of(Target::SmsSurvey),
            raw_data: of(Target::RawData),
            content: content.map(|ContentOutcome { deleted, anonymized }| ContentResult { deleted, anonymized }),
            delivered_files,
            preview: preview.map(by_target),
        }
    }
}

fn by_target(counts: TargetCounts) -> BTreeMap<&'static str, u64> {
    counts.into_iter().map(|(target, records)| (target.as_str(), records)).collect()
}

impl From<RenderedRequest> for EnteredAnonymizeRequest {
    fn from(rendered: RenderedRequest) -> Self {
        let warnings = rendered.warnings.iter().map(RequestWarning::from).collect();
        Self { request: rendered.into(), warnings }
    }
}

impl From<&RequestNotice> for RequestWarning {
    fn from(warning: &RequestNotice) -> Self {
        Self { code: warning.code(), detail: warning.detail() }
    }
}

impl From<Saved<RenderedRequest>> for SavedAnonymizeRequests {
    fn from(saved: Saved<RenderedRequest>) -> Self {
        let Saved { created, updated, deleted } = saved;
        let all = |rendered: Vec<RenderedRequest>| rendered.into_iter().map(EnteredAnonymizeRequest::from).collect();
        Self { created: all(created), updated: all(updated), deleted }
    }
}

impl From<Preview> for AnonymizePreview {
    fn from(preview: Preview) -> Self {
        let Preview { targets, content, held, warnings } = preview;
        let hits = |(target, hits): (Target, Hits)| {
            let Hits { records, first, last } = hits;
            (target.as_str(), TargetHits { records, first, last })
        };
        Self {
            targets: targets.into_iter().map(hits).collect(),
            content: content.into_iter().map(|(kind, count)| (kind.as_str(), count)).collect(),
            held,
            warnings: warnings.iter().map(RequestWarning::from).collect(),
        }
    }
}
