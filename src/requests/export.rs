//! The list of requests as a spreadsheet. It is made page by page, so that it may have any length.

use chrono::{DateTime, SecondsFormat, Utc};

use super::case::Case;
use super::checklist::ChecklistItem;
use super::listing::{RequestFilter, list};
use super::model::{ContentOutcome, RenderedRequest, Request, RequestError};
use crate::base::actor::Actor;
use crate::base::csv::shielded;
use crate::base::page::{LARGEST_PAGE, Page};
use crate::base::target::Target;
use crate::vault::AppContext;

/// The columns of a spreadsheet, in the order of the cells of [`cells`].
const COLUMNS: [&str; 33] = [
    "id",
    "status",
    "phone_number",
    "email",
    "interaction_ids",
    "to_date",
    "comment",
    "reference",
    "targets",
    "delete_content",
    "received_on",
    "deadline_on",
    "extended_to",
    "extension_reason",
    "attestation_method",
    "attestation_by",
    "attestation_on",
    "attestation_representative",
    "checklist",
    "user_name",
    "due_at",
    "attempts",
    "last_error",
    "archive_anonymized",
    "sms_survey_anonymized",
    "raw_data_anonymized",
    "content_deleted",
    "content_anonymized",
    "delivered_files",
    "created_at",
    "updated_at",
    "done_at",
    "version",
];

/// A part of a spreadsheet, and the cursor of the next part. Only the first part has the header.
pub async fn export_page(
    app: &AppContext,
    actor: &Actor,
    filter: &RequestFilter,
    is_first: bool,
) -> Result<(Vec<u8>, Option<String>), RequestError> {
    let filter = RequestFilter { limit: LARGEST_PAGE, ..filter.clone() };
    let _memory = app.memory.page().await?;
    let Page { items, next_cursor } = list(app, actor, &filter).await?;
    let mut text = String::new();
    if is_first {
        write_row(&mut text, COLUMNS.map(str::to_owned));
    }
    for rendered in items {
        write_row(&mut text, cells(rendered));
    }
    Ok((text.into_bytes(), next_cursor))
}

/// Writes a row as RFC 4180 has it.
fn write_row(text: &mut String, cells: [String; COLUMNS.len()]) {
    let quoted = cells.map(|cell| {
        let cell = shielded(&cell);
        if cell.contains([',', ';', '"', '\r', '\n']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.into()
        }
    });
    text.push_str(&quoted.join(","));
    text.push_str("\r\n");
}

fn cells(rendered: RenderedRequest) -> [String; COLUMNS.len()] {
    let RenderedRequest {
        request,
        phone_number,
        email,
        comment,
        interactions,
        checklist,
        result,
        warnings: _,
        preview: _,
        held: _,
    } = rendered;
    let Request { case, .. } = &request;
    let Case { received_on, deadline_on, extended_to, extension_reason, attestation } = case;
    let attestation = attestation.as_ref();
    let result = result.as_ref();
    let of_target = |target| text(result.and_then(|result| result.targets.get(&target)));
    let content = result.and_then(|result| result.content);
    let ids: Vec<_> = interactions.iter().map(ToString::to_string).collect();
    let state = |item: &ChecklistItem| format!("{}: {}", item.system, item.state.as_str());
    [
        request.id.to_string(),
        request.status.as_str().to_owned(),
        phone_number.unwrap_or_default(),
        email.unwrap_or_default(),
        ids.join("|"),
        request.to_date.to_string(),
        comment.unwrap_or_default(),
        request.reference.clone().unwrap_or_default(),
        request.targets.words().join("|"),
        request.delete_content.to_string(),
        received_on.to_string(),
        deadline_on.to_string(),
        text(extended_to.as_ref()),
        extension_reason.clone().unwrap_or_default(),
        attestation.map(|one| one.method.as_str()).unwrap_or_default().to_owned(),
        attestation.map(|one| one.by.clone()).unwrap_or_default(),
        text(attestation.map(|one| &one.on)),
        attestation.and_then(|one| one.representative.clone()).unwrap_or_default(),
        checklist.iter().map(state).collect::<Vec<_>>().join("|"),
        request.user_name.clone(),
        time(request.due_at),
        request.attempts.to_string(),
        request.last_error.clone().unwrap_or_default(),
        of_target(Target::Archive),
        of_target(Target::SmsSurvey),
        of_target(Target::RawData),
        text(content.map(|ContentOutcome { deleted, .. }| deleted).as_ref()),
        text(content.map(|ContentOutcome { anonymized, .. }| anonymized).as_ref()),
        result.map(|result| result.delivered_files.join("|")).unwrap_or_default(),
        time(request.created_at),
        time(request.updated_at),
        request.done_at.map(time).unwrap_or_default(),
        request.version.to_string(),
    ]
}

fn text(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
