//! Requests from a spreadsheet: all rows are entered or none. The columns are named like the fields of a request, and
//! errors have the line and the column.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use pii::Identifier;
use pii::text::MASK;
use serde::Serialize;
use utoipa::ToSchema;

use super::entry::{NewRequest, SavePlan, ValidatedRequest};
use super::model::{RequestError, Saved, StoredRequest};
use super::notice::RequestNotice;
use super::rules::KnownInteractions;
use super::save::{self, ReadRow, SaveCommand, Written};
use super::{load, sql, write_once};
use crate::base::actor::Actor;
use crate::base::attestation::AttestationInput;
use crate::base::csv::{CsvError, CsvRow, CsvRows, is_formula, line_ends, unshielded};
use crate::base::field::FieldError;
use crate::base::id::RequestId;
use crate::base::patch::PatchField;
use crate::base::work;
use crate::idempotency::{Call, Replayable};
use crate::tenants::{self, Tenant};
use crate::vault::{self, AppContext};

/// The most rows of an import, without its header.
pub const LARGEST_IMPORT: usize = 5_000;
/// The most bytes of an import.
pub const LONGEST_IMPORT: usize = 2 << 20;
/// The most errors that are reported at once.
const MOST_ERRORS: usize = 1_000;

/// The columns of an import, in the order of the documents.
pub const COLUMNS: [&str; 15] = [
    "phone_number",
    "email",
    "interaction_ids",
    "to_date",
    "comment",
    "reference",
    "targets",
    "delete_content",
    "received_on",
    "extended_to",
    "extension_reason",
    "attestation_method",
    "attestation_by",
    "attestation_on",
    "attestation_representative",
];

/// The rows of an import.
#[derive(Clone)]
pub struct ImportRows(Arc<Vec<ImportRow>>);

/// A row with its line.
#[derive(Serialize)]
pub struct ImportRow {
    line: u32,
    new: NewRequest,
}

/// The outcome of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AnonymizeRequestImport, example = json!({
    "received": 2, "created": 2, "ids": ["0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11", "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f12"],
    "warnings": [{ "line": 3, "code": "duplicate_waiting", "detail": "Another request with the same number or address waits already. Both will be carried out." }]
}))]
pub struct Imported {
    /// The number of rows.
    pub received: u64,
    /// The number of requests that were entered. A dry run enters none.
    pub created: u64,
    /// The requests that were entered, in the order of the rows.
    pub ids: Vec<RequestId>,
    /// The warnings. They are no errors.
    pub warnings: Vec<ImportWarning>,
}

/// A warning about a row of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportWarning {
    /// The line on which the row begins. The header is line 1.
    #[schema(example = 3)]
    pub line: u32,
    /// The stable code.
    #[schema(value_type = String, example = "duplicate_waiting")]
    pub code: &'static str,
    /// The warning, for people.
    #[schema(value_type = String)]
    pub detail: std::borrow::Cow<'static, str>,
}

impl ImportWarning {
    fn new(line: u32, notice: &RequestNotice) -> Self {
        Self { line, code: notice.code(), detail: notice.detail() }
    }
}

impl ImportRows {
    /// Reads a spreadsheet in UTF-8, with or without a byte order mark, and with commas or semicolons.
    pub async fn read(bytes: Vec<u8>) -> Result<Self, RequestError> {
        let read = work::run(bytes.len(), move || read(&bytes)).await;
        read.map(|rows| Self(Arc::new(rows))).map_err(invalid)
    }

    /// The lists of interactions of its rows.
    pub fn interaction_ids(&self) -> impl Iterator<Item = &[String]> {
        self.0.iter().filter_map(|row| row.new.interaction_ids.as_deref())
    }

    /// Validates all rows. The work of thousands of rows leaves the thread that serves calls.
    pub async fn plan(
        &self,
        tenant: &Tenant,
        known: KnownInteractions,
        now: DateTime<Utc>,
    ) -> Result<SavePlan, RequestError> {
        let (rows, tenant) = (Arc::clone(&self.0), tenant.clone());
        let planned = work::run(work::PIECE, move || {
            let (mut plan, mut errors) = (SavePlan::default(), Vec::new());
            for ImportRow { line, new } in rows.iter() {
                match ValidatedRequest::of_new(new, (&tenant, &known), now, "") {
                    Ok(row) => plan.rows.push(row),
                    Err(invalid) => errors.extend(invalid.into_iter().map(|error| error.in_column(*line))),
                }
                if errors.len() >= MOST_ERRORS {
                    break;
                }
            }
            if errors.is_empty() { Ok(plan) } else { Err(errors) }
        });
        planned.await.map_err(invalid)
    }

    fn lines(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|row| row.line)
    }
}

fn invalid(mut errors: Vec<FieldError>) -> RequestError {
    errors.truncate(MOST_ERRORS);
    RequestError::Invalid(errors)
}

/// Enters the requests of all rows. A call with the same key returns the same result. A dry run writes nothing.
pub async fn import(
    app: &AppContext,
    actor: &Actor,
    rows: &ImportRows,
    key: Option<&str>,
) -> Result<Replayable<Imported>, RequestError> {
    let (entered, mut stored, replayed) =
        match write_once(app, actor, SaveCommand::Import(rows), "import", key, &*rows.0).await? {
            Call::Made(Written { requests: Saved { created, .. }, .. }) => {
                (created.iter().map(|one| one.request.id).collect(), created, false)
            }
            Call::Replayed(Saved { created, .. }) => {
                let stored = load::by_ids(&mut app.archive.read().await?, actor.tenant, &created).await?;
                (created, stored, true)
            }
        };
    // A request that was cancelled since has no place any more.
    let lines: HashMap<RequestId, u32> = entered.into_iter().zip(rows.lines()).collect();
    let line_of = |one: &StoredRequest| lines.get(&one.request.id).copied().unwrap_or_default();
    stored.sort_by_key(line_of);
    let ids: Vec<_> = stored.iter().flat_map(|one| one.request.identifiers()).collect();
    let twice = sql::waiting_twice(&mut app.archive.read().await?, actor.tenant, &ids, 2).await?;
    let warnings = stored.iter().flat_map(|one| {
        let StoredRequest { request, mentions, .. } = one;
        let is_masked = request.reference.as_ref().is_some_and(|text| text.contains(MASK));
        let is_twice = request.identifiers().any(|id| twice.contains(&id));
        warnings_of(line_of(one), [!mentions.is_empty(), is_masked, is_twice])
    });
    let warnings = warnings.collect();
    let created: Vec<_> = stored.iter().map(|one| one.request.id).collect();
    let value = Imported { received: rows.0.len() as u64, created: created.len() as u64, ids: created, warnings };
    Ok(Replayable { value, replayed })
}

/// Validates the rows of an import and writes nothing.
pub async fn dry_run(app: &AppContext, actor: &Actor, rows: &ImportRows) -> Result<Imported, RequestError> {
    let mut tx = app.archive.read().await?;
    let tenant = tenants::find(&mut tx, actor.tenant).await?;
    let known = save::known_interactions(&mut tx, actor, rows.interaction_ids()).await?;
    drop(tx);
    let plan = rows.plan(&tenant, known, app.clock.now()).await?;
    let read = save::read_comments(app, &tenant, plan.rows).await?;
    let mut named: HashSet<Identifier> = HashSet::new();
    let mut twice: HashSet<Identifier> = HashSet::new();
    for identifier in read.iter().flat_map(|one| one.row.new_identifiers()) {
        if !named.insert(identifier.clone()) {
            twice.insert(identifier);
        }
    }
    let keyset = app.keysets.get(&app.vault, tenant.id).await?;
    let found = vault::find(&mut app.vault.read().await?, &keyset, &named).await?;
    let ids: Vec<_> = found.values().copied().collect();
    let waiting = sql::waiting_twice(&mut app.archive.read().await?, tenant.id, &ids, 1).await?;
    twice.extend(found.into_iter().filter(|(_, id)| waiting.contains(id)).map(|(identifier, _)| identifier));
    let warnings = rows.lines().zip(&read).flat_map(|(line, one)| {
        let ReadRow { row, comment, reference, case: _ } = one;
        let is_masked = reference.as_ref().is_some_and(|text| text.contains(MASK));
        let is_twice = row.new_identifiers().any(|identifier| twice.contains(&identifier));
        warnings_of(line, [comment.has_identifier(), is_masked, is_twice])
    });
    let warnings = warnings.collect();
    Ok(Imported { received: rows.0.len() as u64, created: 0, ids: Vec::new(), warnings })
}

fn warnings_of(line: u32, apply: [bool; 3]) -> impl Iterator<Item = ImportWarning> {
    let notices =
        [RequestNotice::CommentHasIdentifier, RequestNotice::ReferenceMasked, RequestNotice::DuplicateWaiting];
    apply.into_iter().zip(notices).filter(|(applies, _)| *applies).map(move |(_, one)| ImportWarning::new(line, &one))
}

fn read(bytes: &[u8]) -> Result<Vec<ImportRow>, Vec<FieldError>> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + line_ends(&bytes[..error.valid_up_to()]);
        vec![FieldError::in_line(line, "encoding", "must be UTF-8: save the spreadsheet as CSV in UTF-8")]
    })?;
    // Blank lines may come before the header.
    let first = text.split(['\r', '\n']).find(|line| !line.is_empty()).unwrap_or_default();
    let mut lines = CsvRows::new(text, if first.contains(';') { ';' } else { ',' });
    let header = match lines.next() {
        Some(Ok(row)) => header(row)?,
        Some(Err(error)) => return Err(vec![unreadable(error)]),
        None => {
            return Err(vec![FieldError::in_line(1, "required", "must have a header with the names of the columns")]);
        }
    };
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    for (count, row) in lines.enumerate() {
        if errors.len() >= MOST_ERRORS {
            break;
        }
        match row {
            Err(error) => errors.push(unreadable(error)),
            Ok(row) if count >= LARGEST_IMPORT => {
                return Err(vec![FieldError::in_line(
                    row.line,
                    "too_many",
                    "must be at most 5000 rows after the header",
                )]);
            }
            Ok(row) => match new_request(&header, &row) {
                Ok(new) => rows.push(ImportRow { line: row.line, new }),
                Err(invalid) => errors.extend(invalid),
            },
        }
    }
    if errors.is_empty() { Ok(rows) } else { Err(errors) }
}

fn unreadable((line, error): (u32, CsvError)) -> FieldError {
    let code = if error == CsvError::Cells { "cells" } else { "quote" };
    FieldError::in_line(line, code, error.to_string())
}

/// The names of the columns, each known and once.
fn header(row: CsvRow) -> Result<Vec<&'static str>, Vec<FieldError>> {
    let CsvRow { line, cells } = row;
    let (mut names, mut errors) = (Vec::with_capacity(cells.len()), Vec::new());
    for (place, cell) in cells.iter().enumerate() {
        match COLUMNS.into_iter().find(|name| *name == cell.trim()) {
            Some(name) if names.contains(&name) => {
                errors.push(FieldError::in_line(line, "duplicate", "must have each column once").column(name));
            }
            Some(name) => names.push(name),
            None => {
                let rule = format!("column {} must be one of: {}", place + 1, COLUMNS.join(", "));
                errors.push(FieldError::in_line(line, "unknown_field", rule));
            }
        }
    }
    if !names.contains(&"targets") && errors.is_empty() {
        errors.push(FieldError::in_line(line, "required", "is required").column("targets"));
    }
    if errors.is_empty() { Ok(names) } else { Err(errors) }
}

/// A row as the body of a request. An empty cell is an absent field.
fn new_request(header: &[&'static str], row: &CsvRow) -> Result<NewRequest, Vec<FieldError>> {
    let line = row.line;
    if row.cells.len() != header.len() {
        let rule = format!("must have {} cells, as the header has", header.len());
        return Err(vec![FieldError::in_line(line, "cells", rule)]);
    }
    let mut errors = Vec::new();
    let mut cells: HashMap<&str, String> = HashMap::new();
    for (name, cell) in header.iter().zip(&row.cells).filter(|(_, cell)| !cell.is_empty()) {
        let is_number = *name == "phone_number" && cell.starts_with('+');
        if cell.contains('\0') {
            errors.push(FieldError::in_line(line, "format", "must not contain the character NUL").column(name));
        } else if is_formula(cell) && !is_number {
            let rule = "must not begin like a formula: put a ' before = + - @ if the text is meant";
            errors.push(FieldError::in_line(line, "formula", rule).column(name));
        }
        cells.insert(name, unshielded(cell).to_owned());
    }
    let delete_content = match cells.remove("delete_content").map(|cell| cell.to_lowercase()).as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => {
            errors.push(FieldError::in_line(line, "type", "must be true or false").column("delete_content"));
            None
        }
    };
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut cell = |name: &str| cells.remove(name);
    let list = |cell: Option<String>| cell.map(|cell| cell.split('|').map(|one| one.trim().to_owned()).collect());
    let given = |cell: Option<String>| cell.map_or(PatchField::Absent, PatchField::Is);
    let attestation = AttestationInput {
        method: given(cell("attestation_method")),
        by: given(cell("attestation_by")),
        on: given(cell("attestation_on")),
        representative: given(cell("attestation_representative")),
    };
    let is_attested = attestation != AttestationInput::default();
    Ok(NewRequest {
        phone_number: cell("phone_number"),
        email: cell("email"),
        interaction_ids: list(cell("interaction_ids")),
        to_date: cell("to_date"),
        comment: cell("comment"),
        reference: cell("reference"),
        targets: list(cell("targets")),
        delete_content,
        preview: false,
        received_on: given(cell("received_on")),
        extended_to: given(cell("extended_to")),
        extension_reason: given(cell("extension_reason")),
        attestation: if is_attested { PatchField::Is(attestation) } else { PatchField::Absent },
    })
}
