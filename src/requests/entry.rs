//! The fields that a user enters, and their rules (A1, A5, A14–A17, A21). All invalid fields are reported at once.

use std::borrow::Cow;

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use pii::{Email, Identifier, IdentifierError, Phone, Pii, Region};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::{Request, StoredRequest};
use crate::base::day;
use crate::base::field::FieldError;
use crate::base::id::IdentifierId;
use crate::base::patch::PatchField;
use crate::base::target::{Target, Targets};
use crate::tenants::Tenant;

/// The most characters of a comment.
const LONGEST_COMMENT: usize = 10_000;
/// The most characters of a reference.
const LONGEST_REFERENCE: usize = 100;
/// The earliest year of a *to date*, as in records.
const FIRST_YEAR: i32 = 1970;

/// A new anonymize request.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AnonymizeRequestNew, example = json!({"phone_number": "004798765", "email": null, "to_date": "2026-08-03", "comment": "case 118", "targets": ["archive", "raw_data"], "delete_content": true}))]
pub struct NewRequest {
    /// The customer's phone number: national in the tenant's region, or international after `00` or `+`. A request has a
    /// number, an address, or both. With both, it selects the records that have either.
    #[serde(default)]
    #[schema(example = "004798765")]
    pub phone_number: Option<String>,
    /// The customer's e-mail address.
    #[serde(default)]
    pub email: Option<String>,
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
}

/// A request whose fields are valid. The vault does not know its new identifiers yet.
#[derive(Clone)]
pub struct ValidatedRequest {
    /// The stored request that the row changes. A new request has none.
    pub before: Option<StoredRequest>,
    pub phone: PatchField<Pii<Phone>>,
    pub email: PatchField<Pii<Email>>,
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
}

/// The rows of a command after validation: the requests to store, then the requests to delete.
#[derive(Default)]
pub struct SavePlan {
    pub rows: Vec<ValidatedRequest>,
    pub cancelled: Vec<Request>,
}

impl ValidatedRequest {
    /// Validates a new request. The pointers of errors begin with `at`.
    pub fn of_new(new: &NewRequest, tenant: &Tenant, now: DateTime<Utc>, at: &str) -> Result<Self, Vec<FieldError>> {
        let NewRequest { phone_number, email, to_date, comment, reference, targets, delete_content } = new;
        let entry_day = day::local_day(now, tenant.zone);
        let mut rules = Rules { at, errors: Vec::new() };
        let phone = phone_number.as_ref().map(|raw| rules.phone(raw, tenant.region));
        let email = email.as_ref().map(|raw| rules.email(raw));
        if phone.is_none() && email.is_none() {
            rules.identifier_missing();
        }
        let days = match to_date {
            Some(raw) => rules.day(raw, entry_day, tenant),
            None => rules.cutoff(entry_day, tenant),
        };
        let comment = comment.as_ref().and_then(|raw| rules.comment(raw));
        let reference = reference.as_ref().and_then(|raw| rules.reference(raw)).into();
        let targets = rules.targets(targets.as_deref(), tenant);
        rules.delete_content(delete_content.unwrap_or_default(), targets);
        // The tenant's default is about content, and only the archive has content.
        let by_default = || tenant.settings.delete_content && targets.contains(Target::Archive);
        let delete_content = delete_content.unwrap_or_else(by_default);
        let Some((to_date, due_at)) = days.filter(|_| rules.errors.is_empty()) else {
            return Err(rules.errors);
        };
        let (phone, email, comment) = (phone.flatten().into(), email.flatten().into(), comment.into());
        Ok(Self { before: None, phone, email, to_date, entry_day, due_at, comment, reference, targets, delete_content })
    }

    /// Validates a change of a stored request. The pointers of errors begin with `at`.
    pub fn of_patch(
        patch: &RequestPatch,
        before: StoredRequest,
        tenant: &Tenant,
        at: &str,
    ) -> Result<Self, Vec<FieldError>> {
        let RequestPatch { phone_number, email, to_date, comment, reference, targets, delete_content } = patch;
        let Request { entry_day, due_at, phone: stored_phone, email: stored_email, .. } = before.request;
        let is_about_content = !(targets.is_absent() && delete_content.is_absent());
        let mut rules = Rules { at, errors: Vec::new() };
        let has_phone = has(phone_number, stored_phone);
        let has_email = has(email, stored_email);
        let phone = parsed(phone_number, |raw| rules.phone(raw, tenant.region));
        let email = parsed(email, |raw| rules.email(raw));
        if !has_phone && !has_email {
            rules.identifier_missing();
        }
        let stored = (before.request.to_date, due_at);
        let days = match to_date {
            PatchField::Absent => Some(stored),
            PatchField::Null => rules.required("/to_date", "send a day, such as 2026-08-03"),
            PatchField::Is(raw) => match rules.day(raw, entry_day, tenant) {
                // The cut-off of a stored day stays, also if the tenant's time zone has changed since.
                Some((day, _)) if day == before.request.to_date => Some(stored),
                days => days,
            },
        };
        let comment = parsed(comment, |raw| rules.comment(raw));
        let reference = parsed(reference, |raw| rules.reference(raw));
        let targets = match targets {
            PatchField::Absent => before.request.targets,
            PatchField::Null => rules.targets(None, tenant),
            PatchField::Is(words) => rules.targets(Some(words), tenant),
        };
        let delete_content = match delete_content {
            PatchField::Absent => before.request.delete_content,
            PatchField::Null => rules.required("/delete_content", "send true or false").unwrap_or_default(),
            PatchField::Is(delete) => *delete,
        };
        // A request of an older version may break the rule. A change of its comment does not have to repair it.
        if is_about_content {
            rules.delete_content(delete_content, targets);
        }
        let Some((to_date, due_at)) = days.filter(|_| rules.errors.is_empty()) else {
            return Err(rules.errors);
        };
        let before = Some(before);
        Ok(Self { before, phone, email, to_date, entry_day, due_at, comment, reference, targets, delete_content })
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

/// The rules for the fields of one row, and the rules that it breaks.
struct Rules<'a> {
    at: &'a str,
    errors: Vec<FieldError>,
}

impl Rules<'_> {
    fn add(&mut self, pointer: &str, code: &'static str, detail: impl Into<Cow<'static, str>>) {
        self.errors.push(FieldError::at(pointer, code, detail).within(self.at));
    }

    fn required<T>(&mut self, pointer: &str, detail: &'static str) -> Option<T> {
        self.add(pointer, "required", detail);
        None
    }

    fn identifier_missing(&mut self) {
        self.add("/phone_number", "identifier_missing", "send a phone number, an e-mail address, or both");
    }

    fn phone(&mut self, raw: &str, region: Region) -> Option<Pii<Phone>> {
        let detail = |error| match error {
            IdentifierError::Withheld => "must be a number: a withheld number and `Anonymized` belong to nobody",
            _ => "must be a phone number: national, or 00 or + and the country code",
        };
        Phone::parse(raw, region).map_err(|error| self.add("/phone_number", "phone_number_invalid", detail(error))).ok()
    }

    fn email(&mut self, raw: &str) -> Option<Pii<Email>> {
        let detail = |error| match error {
            IdentifierError::Withheld => "must be an address: a withheld address and `Anonymized` belong to nobody",
            _ => "must be an e-mail address of at most 254 characters",
        };
        Email::parse(raw).map_err(|error| self.add("/email", "email_invalid", detail(error))).ok()
    }

    fn comment(&mut self, raw: &str) -> Option<String> {
        if raw.chars().nth(LONGEST_COMMENT).is_some() {
            self.add("/comment", "too_long", "must be at most 10000 characters");
            return None;
        }
        Some(raw.to_owned())
    }

    fn reference(&mut self, raw: &str) -> Option<String> {
        if raw.chars().nth(LONGEST_REFERENCE).is_some() {
            self.add("/reference", "too_long", "must be at most 100 characters");
            return None;
        }
        Some(raw.to_owned()).filter(|raw| !raw.is_empty())
    }

    fn day(&mut self, raw: &str, entry_day: NaiveDate, tenant: &Tenant) -> Option<(NaiveDate, DateTime<Utc>)> {
        let Some(to_date) = plain_date(raw) else {
            self.add("/to_date", "format", "must be a day, such as 2026-08-03");
            return None;
        };
        if to_date > entry_day {
            self.add("/to_date", "to_date_after_entry", "must not be after the local day of entry");
            return None;
        }
        if to_date.year() < FIRST_YEAR {
            self.add("/to_date", "out_of_range", "must not be before 1970");
            return None;
        }
        self.cutoff(to_date, tenant)
    }

    fn cutoff(&mut self, to_date: NaiveDate, tenant: &Tenant) -> Option<(NaiveDate, DateTime<Utc>)> {
        let cutoff = day::cutoff(to_date, tenant.zone);
        if cutoff.is_none() {
            self.add("/to_date", "out_of_range", "must be a day that ends");
        }
        cutoff.map(|due_at| (to_date, due_at))
    }

    fn targets(&mut self, words: Option<&[String]>, tenant: &Tenant) -> Targets {
        let words = words.unwrap_or_default();
        if words.is_empty() {
            self.add("/targets", "required", available(tenant.targets));
        }
        if words.len() > Target::ALL.len() {
            self.add("/targets", "too_many", available(tenant.targets));
            return Targets::default();
        }
        let mut targets = Vec::with_capacity(words.len());
        for (at, word) in words.iter().enumerate() {
            match word.parse::<Target>().ok().filter(|target| tenant.targets.contains(*target)) {
                Some(target) => targets.push(target),
                None => self.add(&format!("/targets/{at}"), "target_unavailable", available(tenant.targets)),
            }
        }
        targets.into_iter().collect()
    }

    fn delete_content(&mut self, is_deleted: bool, targets: Targets) {
        if is_deleted && !targets.is_empty() && !targets.contains(Target::Archive) {
            self.add("/delete_content", "target_unavailable", "needs the target archive: only the archive has content");
        }
    }
}

/// A day in its one spelling: four, two, and two digits.
fn plain_date(raw: &str) -> Option<NaiveDate> {
    let is_plain = raw.len() == 10
        && raw.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if is_plain { raw.parse().ok() } else { None }
}

/// The rule for targets, which names the targets that the tenant has (A21).
fn available(targets: Targets) -> String {
    format!("must be one or more of: {}", targets.words().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(body: serde_json::Value) -> Result<ValidatedRequest, Vec<Cow<'static, str>>> {
        let new: NewRequest = serde_json::from_value(body).unwrap();
        let now = "2026-08-03T22:30:00Z".parse().unwrap();
        let codes = |errors: Vec<FieldError>| errors.into_iter().map(|error| error.code).collect();
        ValidatedRequest::of_new(&new, &Tenant::new("demo").unwrap(), now, "").map_err(codes)
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
