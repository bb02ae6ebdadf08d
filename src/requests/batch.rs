//! The rows of a batch (A11): all rows are saved or none, and each error of each row has its own pointer.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::entry::{NewRequest, RequestPatch, SavePlan, ValidatedRequest};
use super::model::{LARGEST_BATCH, RequestError, StoredRequest};
use super::rules::KnownInteractions;
use crate::base::attestation::AttestationInput;
use crate::base::field::FieldError;
use crate::base::id::{RecordId, RequestId};
use crate::base::patch::PatchField;
use crate::base::target::Target;
use crate::tenants::Tenant;

/// The rows to save: at most 500 in all.
#[derive(Deserialize, Serialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
#[schema(as = AnonymizeRequestBatch, example = json!({"create": [{"email": "bob.test@mytest.no", "targets": ["archive"]}], "update": [{"id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11", "version": 1, "comment": "case 118, checked"}], "delete": [{"id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f12", "version": 2}]}))]
pub struct RequestBatch {
    /// The requests to enter.
    #[serde(default)]
    #[schema(max_items = 500)]
    pub create: Vec<NewRequest>,
    /// The requests to change.
    #[serde(default)]
    #[schema(max_items = 500)]
    pub update: Vec<RowChange>,
    /// The requests to cancel.
    #[serde(default)]
    #[schema(max_items = 500)]
    pub delete: Vec<RowDelete>,
}

/// A change of one request: its id, the version that the caller read, and the fields of a merge patch. An absent field
/// stays. Null clears a number, an address, or a comment.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AnonymizeRequestRowChange, example = json!({"id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11", "version": 1, "comment": "case 118, checked"}))]
pub struct RowChange {
    /// The request.
    #[schema(format = Uuid, example = "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11")]
    pub id: String,
    /// The version that the caller read.
    #[schema(minimum = 1, example = 1)]
    pub version: i64,
    /// The customer's phone number. Null clears it.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<String>)]
    pub phone_number: PatchField<String>,
    /// The customer's e-mail address. Null clears it.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<String>)]
    pub email: PatchField<String>,
    /// The ids of interactions. They replace the whole list, and null clears it.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<Vec<RecordId>>, max_items = 1_000)]
    pub interaction_ids: PatchField<Vec<String>>,
    /// The last local day that is forgotten. It cannot be after the day of entry.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = String, format = Date, required = false, example = "2026-08-02")]
    pub to_date: PatchField<String>,
    /// The note. Null clears it.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<String>, max_length = 10_000)]
    pub comment: PatchField<String>,
    /// The number of its case in another system. Null clears it.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<String>, max_length = 100)]
    pub reference: PatchField<String>,
    /// The targets in which the customer is forgotten. They replace the whole list.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Vec<Target>, required = false, min_items = 1)]
    pub targets: PatchField<Vec<String>>,
    /// Whether the content of the interactions with this number or address is deleted too.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = bool, required = false, example = true)]
    pub delete_content: PatchField<bool>,
    /// The day on which the customer's wish arrived. It cannot be after the day of entry.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = String, format = Date, required = false)]
    pub received_on: PatchField<String>,
    /// The day to which the deadline of one month is extended. Null takes the extension back.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<String>, format = Date)]
    pub extended_to: PatchField<String>,
    /// The reason of the extension.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<String>, max_length = 1_000)]
    pub extension_reason: PatchField<String>,
    /// How the customer's wish was verified. Null clears it, unless the tenant requires it.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<AttestationInput>)]
    pub attestation: PatchField<AttestationInput>,
}

impl RowChange {
    fn patch(&self) -> RequestPatch {
        let Self {
            id: _,
            version: _,
            phone_number,
            email,
            interaction_ids,
            to_date,
            comment,
            reference,
            targets,
            delete_content,
            received_on,
            extended_to,
            extension_reason,
            attestation,
        } = self;
        RequestPatch {
            phone_number: phone_number.clone(),
            email: email.clone(),
            interaction_ids: interaction_ids.clone(),
            to_date: to_date.clone(),
            comment: comment.clone(),
            reference: reference.clone(),
            targets: targets.clone(),
            delete_content: delete_content.clone(),
            received_on: received_on.clone(),
            extended_to: extended_to.clone(),
            extension_reason: extension_reason.clone(),
            attestation: attestation.clone(),
        }
    }
}

/// A cancellation of one request.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AnonymizeRequestRowDelete)]
pub struct RowDelete {
    /// The request.
    #[schema(format = Uuid, example = "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11")]
    pub id: String,
    /// The version that the caller read.
    #[schema(minimum = 1, example = 1)]
    pub version: i64,
}

impl RequestBatch {
    /// Refuses a batch of too many rows before anything is read.
    pub(super) fn check_size(&self) -> Result<(), RequestError> {
        if self.create.len() + self.update.len() + self.delete.len() > LARGEST_BATCH {
            let error = FieldError::at("", "too_many", "must have at most 500 rows in all");
            return Err(RequestError::Invalid(vec![error]));
        }
        Ok(())
    }

    /// The requests that the rows name.
    pub(super) fn named(&self) -> Vec<RequestId> {
        let ids = self.update.iter().map(|row| &row.id).chain(self.delete.iter().map(|row| &row.id));
        let named: HashSet<_> = ids.filter_map(|id| request_id(id)).collect();
        named.into_iter().collect()
    }

    /// The lists of interactions of its rows.
    pub(super) fn interaction_ids(&self) -> impl Iterator<Item = &[String]> {
        let created = self.create.iter().filter_map(|new| new.interaction_ids.as_deref());
        created.chain(self.update.iter().filter_map(|row| row.interaction_ids.value().map(Vec::as_slice)))
    }

    /// Validates all rows, given the stored requests and the interactions that they name.
    pub(super) fn plan(
        &self,
        tenant: (&Tenant, &KnownInteractions),
        now: DateTime<Utc>,
        stored: Vec<StoredRequest>,
    ) -> Result<SavePlan, RequestError> {
        let stored = stored.into_iter().map(|one| (one.request.id, one)).collect();
        let mut rows = BatchRows { stored, errors: Vec::new(), seen: HashSet::new() };
        let mut plan = SavePlan::default();
        for (n, new) in self.create.iter().enumerate() {
            plan.rows.extend(rows.valid(ValidatedRequest::of_new(new, tenant, now, &format!("/create/{n}"))));
        }
        for (n, row) in self.update.iter().enumerate() {
            let at = format!("/update/{n}");
            let Some(before) = rows.take(&at, &row.id, row.version) else { continue };
            plan.rows.extend(rows.valid(ValidatedRequest::of_patch(&row.patch(), before, tenant, now, &at)));
        }
        for (n, row) in self.delete.iter().enumerate() {
            let stored = rows.take(&format!("/delete/{n}"), &row.id, row.version);
            plan.cancelled.extend(stored.map(|stored| stored.request));
        }
        if rows.errors.is_empty() { Ok(plan) } else { Err(RequestError::Invalid(rows.errors)) }
    }

    /// The pointer of the row that changes a request.
    pub(super) fn pointer_of(&self, id: RequestId) -> String {
        let place = self.update.iter().position(|row| request_id(&row.id) == Some(id));
        place.map_or_else(String::new, |n| format!("/update/{n}"))
    }
}

/// The stored requests that no row has named yet, and the errors so far.
struct BatchRows {
    stored: HashMap<RequestId, StoredRequest>,
    errors: Vec<FieldError>,
    seen: HashSet<RequestId>,
}

impl BatchRows {
    fn valid(&mut self, row: Result<ValidatedRequest, Vec<FieldError>>) -> Option<ValidatedRequest> {
        row.map_err(|errors| self.errors.extend(errors)).ok()
    }

    /// The request of a row, if it may be changed: it exists, no earlier row names it, it has the version that the caller
    /// read, and no pass has begun it.
    fn take(&mut self, at: &str, id: &str, version: i64) -> Option<StoredRequest> {
        let id = request_id(id);
        let is_first = id.is_none_or(|id| self.seen.insert(id));
        let (pointer, code, detail) = match id.and_then(|id| self.stored.get(&id)) {
            _ if !is_first => ("/id", "duplicate", "must be named by one row only"),
            None => ("/id", "not_found", "must be the id of a request of this tenant"),
            Some(stored) if stored.request.version != version => {
                ("/version", "version_stale", "must be the current version: read the request again")
            }
            Some(stored) => match stored.request.check_open() {
                Ok(()) => return id.and_then(|id| self.stored.remove(&id)),
                Err(RequestError::PassStarted) => ("/id", "pass_started", "must be a request that no pass has begun"),
                Err(_) => ("/id", "state_conflict", "must be a request that waits: this one is done"),
            },
        };
        self.errors.push(FieldError::at(pointer, code, detail).within(at));
        None
    }
}

/// The id of a request. A text that is no UUID names no request.
fn request_id(raw: &str) -> Option<RequestId> {
    Uuid::try_parse(raw).ok().map(RequestId)
}
