//! The fields that a user enters, and their rules (A1, A5, A14–A17, A21). All invalid fields are reported at once.

use chrono::{DateTime, NaiveDate, Utc};
use pii::{Email, Identifier, Phone, Pii};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::case::{Case, CaseContext, CaseFields};
use super::model::{NamedInteraction, Request, StoredRequest};
use super::rules::{KnownInteractions, Rules};
use crate::base::attestation::AttestationInput;
use crate::base::day;
use crate::base::field::FieldError;
use crate::base::id::{IdentifierId, RecordId};
use crate::base::patch::PatchField;
use crate::base::target::{Target, Targets};
use crate::tenants::Tenant;

/// A new anonymize request.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AnonymizeRequestNew, example = json!({"phone_number": "004798765", "email": null, "to_date": "2026-08-03", "comment": "case 118", "targets": ["archive", "raw_data"], "delete_content": true}))]
pub struct NewRequest {
    /// The customer's phone number: national in the tenant's region, or international after `00` or `+`. A request has a
    /// number, an address, interactions, or several of these. It selects the records that any of them selects.
    #[serde(default)]
    #[schema(example = "004798765")]
    pub phone_number: Option<String>,
    /// The customer's e-mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// The ids of interactions, at most 1,000: for a customer who has neither a number nor an address. The request selects
    /// these interactions, and all records of their customers' numbers and addresses as they are now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<RecordId>>, max_items = 1_000)]
    pub interaction_ids: Option<Vec<String>>,
    /// The last local day that is forgotten. The default is today. It cannot be in the future.
    #[serde(default)]
    #[schema(format = Date, example = "2026-08-03")]
    pub to_date: Option<String>,
    /// A note of up to 10,000 characters. It should not name the customer.
    #[serde(default)]
    #[schema(max_length = 10_000, example = "case 118")]
    pub comment: Option<String>,
    /// The number of its case in another system, of up to 100 characters. A number or an address in it is masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100, example = "INC0012345")]
    pub reference: Option<String>,
    /// The targets in which the customer is forgotten: `archive`, `sms_survey`, `raw_data`. The tenant must have them.
    #[serde(default)]
    #[schema(value_type = Vec<Target>, min_items = 1, required, example = json!(["archive", "raw_data"]))]
    pub targets: Option<Vec<String>>,
    /// Whether the recordings, texts, and other content of the interactions with this number or address are deleted too.
    /// The default is the tenant's setting if `archive` is a target, and else false. Only the target `archive` has content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = true)]
    pub delete_content: Option<bool>,
    /// The day on which the customer's wish arrived. The default is the day of entry, and it cannot be later.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<String>, format = Date, example = "2026-08-03")]
    pub received_on: PatchField<String>,
    /// The day to which the deadline of one month is extended: at most two months after it. It can only be set before
    /// that deadline is over, because the customer must know of it until then.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<String>, format = Date, example = "2026-10-02")]
    pub extended_to: PatchField<String>,
    /// The reason of the extension, of up to 1,000 characters. An extension needs it. A number or an address in it is
    /// masked.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<String>, max_length = 1_000)]
    pub extension_reason: PatchField<String>,
    /// How the customer's wish was verified. Tenants can require it. Numbers and addresses in it are masked.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<AttestationInput>)]
    pub attestation: PatchField<AttestationInput>,
    /// Whether the matches of this moment are counted and stored as `preview`, so that the result shows what changed
    /// since. This field needs the scope `archive:identify`, as every preview does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preview: bool,
}

/// A change of a request as a merge patch. An absent field stays. Null clears a number, an address, or a comment.
#[derive(Clone, Deserialize, Serialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
#[schema(as = AnonymizeRequestChange, example = json!({"to_date": "2026-08-02", "comment": null}))]
pub struct RequestPatch {
    /// The customer's phone number. Null clears it.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<String>, example = "98765432")]
    pub phone_number: PatchField<String>,
    /// The customer's e-mail address. Null clears it.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<String>, example = "bob.test@mytest.no")]
    pub email: PatchField<String>,
    /// The ids of interactions. They replace the whole list, and null clears it. The customer of an interaction that was
    /// named before stays the one of that time.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<Vec<RecordId>>, max_items = 1_000)]
    pub interaction_ids: PatchField<Vec<String>>,
    /// The last local day that is forgotten. It cannot be after the day of entry.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = String, format = Date, required = false, example = "2026-08-02")]
    pub to_date: PatchField<String>,
    /// The note. Null clears it.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<String>, max_length = 10_000, example = "case 118, checked")]
    pub comment: PatchField<String>,
    /// The number of its case in another system. Null clears it.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<String>, max_length = 100, example = "INC0012345")]
    pub reference: PatchField<String>,
    /// The targets in which the customer is forgotten. They replace the whole list.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Vec<Target>, required = false, min_items = 1, example = json!(["archive"]))]
    pub targets: PatchField<Vec<String>>,
    /// Whether the content of the interactions with this number or address is deleted too. It cannot be true without the
    /// target `archive`: send false together with targets that leave `archive` out.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = bool, required = false, example = true)]
    pub delete_content: PatchField<bool>,
    /// The day on which the customer's wish arrived. It cannot be after the day of entry.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = String, format = Date, required = false, example = "2026-08-03")]
    pub received_on: PatchField<String>,
    /// The day to which the deadline of one month is extended: at most two months after it. It can only be set before that
    /// deadline is over. Null takes the extension back.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<String>, format = Date, example = "2026-10-02")]
    pub extended_to: PatchField<String>,
    /// The reason of the extension.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<String>, max_length = 1_000)]
    pub extension_reason: PatchField<String>,
    /// How the customer's wish was verified. Its fields are changed one by one. Null clears it, unless the tenant requires
    /// it.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<AttestationInput>)]
    pub attestation: PatchField<AttestationInput>,
}

/// A request whose fields are valid. The vault does not know its new identifiers yet.
#[derive(Clone)]
pub struct ValidatedRequest {
    /// The stored request that the row changes. A new request has none.
    pub before: Option<StoredRequest>,
    pub phone: PatchField<Pii<Phone>>,
    pub email: PatchField<Pii<Email>>,
    /// The interactions that the request names after the row is saved, by id.
    pub interactions: Vec<NamedInteraction>,
    /// The last local day that is forgotten.
    pub to_date: NaiveDate,
    pub entry_day: NaiveDate,
    /// The end of the last included day.
    pub due_at: DateTime<Utc>,
    /// The comment as the user wrote it.
    pub comment: PatchField<String>,
    /// The reference as the user wrote it.
    pub reference: PatchField<String>,
    pub targets: Targets,
    /// Whether content is deleted too (C1).
    pub delete_content: bool,
    /// The case as the user entered it.
    pub case: Case,
    /// Whether the stored attestation stays. It counts for the customers that the request has named before.
    pub keeps_attestation: bool,
    /// Whether the matches of this moment are counted (N3).
    pub preview: bool,
}

/// The rows of a command after validation: the requests to store, then the requests to delete.
#[derive(Default)]
pub struct SavePlan {
    pub rows: Vec<ValidatedRequest>,
    pub cancelled: Vec<Request>,
}

impl ValidatedRequest {
    /// Validates a new request. The pointers of errors begin with `at`.
    pub fn of_new(
        new: &NewRequest,
        (tenant, known): (&Tenant, &KnownInteractions),
        now: DateTime<Utc>,
        at: &str,
    ) -> Result<Self, Vec<FieldError>> {
        let NewRequest {
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
            preview,
        } = new;
        let fields = CaseFields { received_on, extended_to, extension_reason, attestation };
        let entry_day = day::local_day(now, tenant.zone);
        let mut rules = Rules { at, known, errors: Vec::new() };
        let named = interaction_ids.as_deref().unwrap_or_default();
        if phone_number.is_none() && email.is_none() && named.is_empty() {
            rules.identifier_missing();
        }
        let phone = phone_number.as_ref().and_then(|raw| rules.phone(raw, tenant.region)).into();
        let email = email.as_ref().and_then(|raw| rules.email(raw)).into();
        let interactions = rules.interactions(named, &[]);
        let days = match to_date {
            Some(raw) => rules.day(raw, entry_day, tenant),
            None => rules.cutoff(entry_day, tenant),
        };
        let comment = comment.as_ref().and_then(|raw| rules.comment(raw)).into();
        let reference = reference.as_ref().and_then(|raw| rules.reference(raw)).into();
        let targets = rules.targets(targets.as_deref(), tenant);
        rules.delete_content(delete_content.unwrap_or_default(), targets);
        let case = rules.case(fields, CaseContext { tenant, now, entry_day, before: None, is_naming: true });
        // The tenant's default is about content, and only the archive has content.
        let by_default = || tenant.settings.delete_content && targets.contains(Target::Archive);
        let delete_content = delete_content.unwrap_or_else(by_default);
        let Some((to_date, due_at)) = days.filter(|_| rules.errors.is_empty()) else {
            return Err(rules.errors);
        };
        Ok(Self {
            before: None,
            phone,
            email,
            interactions,
            to_date,
            entry_day,
            due_at,
            comment,
            reference,
            targets,
            delete_content,
            case,
            keeps_attestation: false,
            preview: *preview,
        })
    }

    /// Validates a change of a stored request. The pointers of errors begin with `at`.
    pub fn of_patch(
        patch: &RequestPatch,
        before: StoredRequest,
        (tenant, known): (&Tenant, &KnownInteractions),
        now: DateTime<Utc>,
        at: &str,
    ) -> Result<Self, Vec<FieldError>> {
        let RequestPatch {
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
        } = patch;
        let fields = CaseFields { received_on, extended_to, extension_reason, attestation };
        let Request { entry_day, phone: stored_phone, email: stored_email, .. } = before.request;
        let mut rules = Rules { at, known, errors: Vec::new() };
        let has_phone = has(phone_number, stored_phone);
        let has_email = has(email, stored_email);
        let phone = parsed(phone_number, |raw| rules.phone(raw, tenant.region));
        let email = parsed(email, |raw| rules.email(raw));
        let (interactions, is_naming) = match interaction_ids {
            PatchField::Absent => (before.interactions.clone(), !before.interactions.is_empty()),
            PatchField::Null => (Vec::new(), false),
            PatchField::Is(raw) => (rules.interactions(raw, &before.interactions), !raw.is_empty()),
        };
        if !has_phone && !has_email && !is_naming {
            rules.identifier_missing();
        }
        let days = rules.changed_day(to_date, &before.request, tenant);
        let comment = parsed(comment, |raw| rules.comment(raw));
        let reference = parsed(reference, |raw| rules.reference(raw));
        let (targets, delete_content) = rules.changed_targets((targets, delete_content), &before.request, tenant);
        let is_naming = phone.value().is_some() || email.value().is_some() || interaction_ids.value().is_some();
        let case = Some(&before.request.case);
        let case = rules.case(fields, CaseContext { tenant, now, entry_day, before: case, is_naming });
        let Some((to_date, due_at)) = days.filter(|_| rules.errors.is_empty()) else {
            return Err(rules.errors);
        };
        Ok(Self {
            before: Some(before),
            phone,
            email,
            interactions,
            to_date,
            entry_day,
            due_at,
            comment,
            reference,
            targets,
            delete_content,
            case,
            keeps_attestation: attestation.is_absent(),
            preview: false,
        })
    }

    /// The id of the phone number, if the stored number stays.
    pub fn kept_phone(&self) -> Option<IdentifierId> {
        self.before.as_ref().filter(|_| self.phone.is_absent())?.request.phone
    }

    /// The id of the address, if the stored address stays.
    pub fn kept_email(&self) -> Option<IdentifierId> {
        self.before.as_ref().filter(|_| self.email.is_absent())?.request.email
    }

    /// The number and the address that the user entered.
    pub fn new_identifiers(&self) -> impl Iterator<Item = Identifier> {
        let phone = self.phone.value().cloned().map(Identifier::Phone);
        phone.into_iter().chain(self.email.value().cloned().map(Identifier::Email))
    }
}

/// Whether the request has a value after the change.
fn has<T>(field: &PatchField<String>, stored: Option<T>) -> bool {
    match field {
        PatchField::Absent => stored.is_some(),
        PatchField::Null => false,
        PatchField::Is(_) => true,
    }
}

fn parsed<T>(field: &PatchField<String>, parse: impl FnOnce(&str) -> Option<T>) -> PatchField<T> {
    match field {
        PatchField::Absent => PatchField::Absent,
        PatchField::Null => PatchField::Null,
        PatchField::Is(raw) => parse(raw).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use proptest::prelude::*;

    fn read(body: serde_json::Value) -> Result<ValidatedRequest, Vec<Cow<'static, str>>> {
        let new: NewRequest = serde_json::from_value(body).unwrap();
        let now = "2026-08-03T22:30:00Z".parse().unwrap();
        let codes = |errors: Vec<FieldError>| errors.into_iter().map(|error| error.code).collect();
        ValidatedRequest::of_new(&new, (&Tenant::new("demo").unwrap(), &KnownInteractions::default()), now, "")
            .map_err(codes)
    }

    #[test]
    fn the_usual_to_date_is_the_local_day_of_entry() {
        let draft = read(serde_json::json!({ "phone_number": "98765432", "targets": ["archive"] })).unwrap();
        // Half past midnight in Oslo.
        assert_eq!((draft.to_date, draft.entry_day), ("2026-08-04".parse().unwrap(), "2026-08-04".parse().unwrap()));
        assert_eq!(draft.due_at, "2026-08-04T22:00:00Z".parse::<DateTime<Utc>>().unwrap());
    }

    #[test]
    fn a_day_has_one_spelling() {
        for (raw, code) in [
            ("2026-08-05", "to_date_after_entry"),
            ("1969-12-31", "out_of_range"),
            ("2026-8-3", "format"),
            ("2026-02-30", "format"),
            ("03-08-2026", "format"),
            ("+026-08-03", "format"),
            (" 2026-08-3", "format"),
            ("", "format"),
        ] {
            let body = serde_json::json!({ "email": "kari@example.no", "to_date": raw, "targets": ["archive"] });
            assert_eq!(read(body).map(drop), Err(vec![code.into()]), "{raw}");
        }
    }

    #[test]
    fn a_patch_tells_absent_from_null() {
        let change: RequestPatch = serde_json::from_str(r#"{"email": null, "comment": "x"}"#).unwrap();
        assert_eq!((change.phone_number, change.email), (PatchField::Absent, PatchField::Null));
        assert_eq!(change.comment, PatchField::Is("x".to_owned()));
    }

    proptest! {
        #[test]
        fn no_body_makes_the_reader_panic(phone: String, email: String, day: String, comment: String, target: String) {
            let body = serde_json::json!({ "phone_number": phone, "email": email, "to_date": day, "comment": comment,
                "targets": [target] });
            prop_assert!(read(body).is_err());
        }
    }
}
