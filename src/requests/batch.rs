//! The rows of a batch (A11): saved all or nothing, with every mistake of every row at its own pointer.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::entry::{Change, NewRequest, ValidatedRequest};
use super::model::{LARGEST_BATCH, Record, RequestError};
use super::save::Plan;
use crate::base::field::FieldError;
use crate::base::id::RequestId;
use crate::base::patch::Member;
use crate::tenants::Tenant;

/// The rows that a page has to save: at most 500 in all.
#[derive(Deserialize, Serialize, ToSchema, Default)]
#[serde(deny_unknown_fields, default)]
#[schema(as = AnonymizeRequestBatch, example = json!({"create": [{"email": "bob.test@mytest.no", "targets": ["archive"]}], "update": [{"id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11", "version": 1, "comment": "case 118, checked"}], "delete": [{"id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f12", "version": 2}]}))]
pub struct Batch {
    /// The requests to enter.
    #[schema(max_items = 500)]
    pub create: Vec<NewRequest>,
    /// The requests to change.
    #[schema(max_items = 500)]
    pub update: Vec<RowChange>,
    /// The requests to cancel.
    #[schema(max_items = 500)]
    pub delete: Vec<RowDelete>,
}

/// A change of one request: its id, the version that was read, and the fields of a merge patch. A field that is absent
/// keeps its value. Null clears a number, an address, or a comment.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AnonymizeRequestRowChange)]
pub struct RowChange {
    /// The id of the request.
    #[schema(format = Uuid, example = "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11")]
    pub id: String,
    /// The version that was read.
    #[schema(minimum = 1, example = 1)]
    pub version: i64,
    /// The customer's number. Null clears it.
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    #[schema(value_type = Option<String>)]
    pub phone_number: Member<String>,
    /// The customer's e-mail address. Null clears it.
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    #[schema(value_type = Option<String>)]
    pub email: Member<String>,
    /// The last local day that is forgotten. It is not after the day of entry.
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    #[schema(value_type = String, format = Date, required = false, example = "2026-08-02")]
    pub to_date: Member<String>,
    /// The note. Null clears it.
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    #[schema(value_type = Option<String>, max_length = 10_000)]
    pub comment: Member<String>,
    /// The targets in which the customer is forgotten. They replace the whole list.
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    #[schema(value_type = Vec<String>, required = false, min_items = 1)]
    pub targets: Member<Vec<String>>,
    /// Whether the content of the interactions with this number or address is deleted too.
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    #[schema(value_type = bool, required = false, example = true)]
    pub delete_content: Member<bool>,
}

impl RowChange {
    fn change(&self) -> Change {
        let Self { id: _, version: _, phone_number, email, to_date, comment, targets, delete_content } = self;
        Change {
            phone_number: phone_number.clone(),
            email: email.clone(),
            to_date: to_date.clone(),
            comment: comment.clone(),
            targets: targets.clone(),
            delete_content: delete_content.clone(),
        }
    }
}

/// A cancellation of one request.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AnonymizeRequestRowDelete)]
pub struct RowDelete {
    /// The id of the request.
    #[schema(format = Uuid, example = "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11")]
    pub id: String,
    /// The version that was read.
    #[schema(minimum = 1, example = 1)]
    pub version: i64,
}

impl Batch {
    /// Refuses a batch of too many rows, before anything is looked up.
    pub(super) fn check_size(&self) -> Result<(), RequestError> {
        if self.create.len() + self.update.len() + self.delete.len() > LARGEST_BATCH {
            return Err(RequestError::Invalid(vec![FieldError::at(
                "",
                "too_many",
                "must have at most 500 rows in all",
            )]));
        }
        Ok(())
    }

    /// The requests that its rows name.
    pub(super) fn named(&self) -> Vec<RequestId> {
        let ids = self.update.iter().map(|row| &row.id).chain(self.delete.iter().map(|row| &row.id));
        let named: HashSet<_> = ids.filter_map(|id| request_id(id)).collect();
        named.into_iter().collect()
    }

    /// What is to be saved, given the requests that its rows name; or all mistakes of all rows.
    pub(super) fn plan(&self, tenant: &Tenant, now: DateTime<Utc>, known: Vec<Record>) -> Result<Plan, RequestError> {
        let known = known.into_iter().map(|record| (record.request.id, record)).collect();
        let mut rows = Rows { known, wrong: Vec::new(), seen: HashSet::new() };
        let mut plan = Plan::default();
        for (place, new) in self.create.iter().enumerate() {
            plan.create.extend(rows.keep(ValidatedRequest::of_new(new, tenant, now, &format!("/create/{place}"))));
        }
        for (place, row) in self.update.iter().enumerate() {
            let at = format!("/update/{place}");
            let Some(record) = rows.take(&at, &row.id, row.version) else { continue };
            let draft = rows.keep(ValidatedRequest::of_change(&row.change(), &record.request, tenant, &at));
            plan.update.extend(draft.map(|draft| (record, draft)));
        }
        for (place, row) in self.delete.iter().enumerate() {
            let record = rows.take(&format!("/delete/{place}"), &row.id, row.version);
            plan.delete.extend(record.map(|record| record.request));
        }
        if rows.wrong.is_empty() { Ok(plan) } else { Err(RequestError::Invalid(rows.wrong)) }
    }
}

/// The requests that rows may still name, and what is wrong so far.
struct Rows {
    known: HashMap<RequestId, Record>,
    wrong: Vec<FieldError>,
    seen: HashSet<RequestId>,
}

impl Rows {
    fn keep(&mut self, draft: Result<ValidatedRequest, Vec<FieldError>>) -> Option<ValidatedRequest> {
        draft.map_err(|places| self.wrong.extend(places)).ok()
    }

    /// The request of a row, if it may be changed: there, named once, of the version that was read, not begun.
    fn take(&mut self, at: &str, id: &str, version: i64) -> Option<Record> {
        let id = request_id(id);
        let is_first = id.is_none_or(|id| self.seen.insert(id));
        let mistake = match id.and_then(|id| self.known.get(&id)) {
            _ if !is_first => Some(("/id", "duplicate", "must be named in one row only")),
            None => Some(("/id", "not_found", "this request does not exist")),
            Some(record) if record.request.version != version => {
                Some(("/version", "version_stale", "the request has changed since it was read: read it again"))
            }
            Some(record) => match record.request.check_open() {
                Ok(()) => None,
                Err(RequestError::PassStarted) => {
                    Some(("/id", "pass_started", "a pass has begun this request, so it cannot be changed or cancelled"))
                }
                Err(_) => Some(("/id", "state_conflict", "this request is done and cannot be changed or cancelled")),
            },
        };
        match mistake {
            Some((pointer, code, detail)) => {
                self.wrong.push(FieldError::at(pointer, code, detail).within(at));
                None
            }
            None => id.and_then(|id| self.known.remove(&id)),
        }
    }
}

/// What is no UUID names no request.
fn request_id(raw: &str) -> Option<RequestId> {
    Uuid::try_parse(raw).ok().map(RequestId)
}
