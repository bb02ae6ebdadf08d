//! What a user enters, and the rules for it (A1, A5, A14–A17, A21). All mistakes are told at once.

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use pii::{Email, IdentifierError, Phone, Pii, Region};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::Request;
use crate::base::day;
use crate::base::field::FieldError;
use crate::base::id::IdentifierId;
use crate::base::patch::Member;
use crate::base::target::{Target, Targets};
use crate::tenants::Tenant;

/// The most characters of a comment.
const LONGEST_COMMENT: usize = 10_000;
/// The earliest year of a *to date*, as of records.
const FIRST_YEAR: i32 = 1970;

/// A new request.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AnonymizeRequestNew, example = json!({"phone_number": "004798765", "email": null, "to_date": "2026-08-03", "comment": "case 118", "targets": ["archive", "raw_data"], "delete_content": true}))]
pub struct NewRequest {
    /// The customer's number: national in the tenant's region, or international after `00` or `+`. A request has a
    /// number, an address, or both. With both, a record needs one of them.
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
    /// The targets in which the customer is forgotten: `archive`, `sms_survey`, `raw_data`, if the tenant has them.
    #[serde(default)]
    #[schema(min_items = 1, required, example = json!(["archive", "raw_data"]))]
    pub targets: Option<Vec<String>>,
    /// Whether the recordings, texts, and other content of the interactions with this number or address are deleted
    /// too. The default is the tenant's setting with the target `archive`, and false without it. Only `archive` has
    /// content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = true)]
    pub delete_content: Option<bool>,
}

/// A change of a request, as a merge patch. A field that is absent keeps its value. Null clears a number, an address,
/// or a comment.
#[derive(Clone, Deserialize, Serialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
#[schema(as = AnonymizeRequestChange, example = json!({"to_date": "2026-08-02", "comment": null}))]
pub struct Change {
    /// The customer's number. Null clears it.
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    #[schema(value_type = Option<String>, example = "98765432")]
    pub phone_number: Member<String>,
    /// The customer's e-mail address. Null clears it.
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    #[schema(value_type = Option<String>, example = "bob.test@mytest.no")]
    pub email: Member<String>,
    /// The last local day that is forgotten. It is not after the day of entry.
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    #[schema(value_type = String, format = Date, required = false, example = "2026-08-02")]
    pub to_date: Member<String>,
    /// The note. Null clears it.
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    #[schema(value_type = Option<String>, max_length = 10_000, example = "case 118, checked")]
    pub comment: Member<String>,
    /// The targets in which the customer is forgotten. They replace the whole list.
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    #[schema(value_type = Vec<String>, required = false, min_items = 1, example = json!(["archive"]))]
    pub targets: Member<Vec<String>>,
    /// Whether the content of the interactions with this number or address is deleted too. It cannot be true without
    /// the target `archive`. Send false together with targets without `archive`.
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    #[schema(value_type = bool, required = false, example = true)]
    pub delete_content: Member<bool>,
}

/// Part of a request that stays, or is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchField<K, T> {
    Kept(K),
    Set(Option<T>),
}

/// What a request is to be: read and checked, its identifiers not yet known to the vault.
#[derive(Clone)]
pub struct ValidatedRequest {
    pub phone: PatchField<Option<IdentifierId>, Pii<Phone>>,
    pub email: PatchField<Option<IdentifierId>, Pii<Email>>,
    /// The last local day that is forgotten.
    pub to_date: NaiveDate,
    pub entry_day: NaiveDate,
    /// The end of the last included day.
    pub due_at: DateTime<Utc>,
    /// The comment as it was written, or that it stays.
    pub comment: PatchField<(), String>,
    pub targets: Targets,
    /// Whether content goes too (C1).
    pub delete_content: bool,
}

impl ValidatedRequest {
    /// Reads a new request. Mistakes are named by pointers below `at`.
    pub fn of_new(new: &NewRequest, tenant: &Tenant, now: DateTime<Utc>, at: &str) -> Result<Self, Vec<FieldError>> {
        let NewRequest { phone_number, email, to_date, comment, targets, delete_content } = new;
        let entry_day = day::local_day(now, tenant.zone);
        let mut wrong = Wrong { at, places: Vec::new() };
        let phone = phone_number.as_ref().map(|raw| wrong.phone(raw, tenant.region));
        let email = email.as_ref().map(|raw| wrong.email(raw));
        if phone.is_none() && email.is_none() {
            wrong.identifier_missing();
        }
        let days = match to_date {
            Some(raw) => wrong.day(raw, entry_day, tenant),
            None => wrong.cutoff(entry_day, tenant),
        };
        let comment = comment.as_ref().and_then(|raw| wrong.comment(raw));
        let targets = wrong.targets(targets.as_deref(), tenant);
        wrong.delete_content(delete_content.unwrap_or_default(), targets);
        // The tenant's default is about content, and only the archive has content.
        let by_default = || tenant.settings.delete_content && targets.contains(Target::Archive);
        let delete_content = delete_content.unwrap_or_else(by_default);
        let Some((to_date, due_at)) = days.filter(|_| wrong.places.is_empty()) else {
            return Err(wrong.places);
        };
        let (phone, email) = (PatchField::Set(phone.flatten()), PatchField::Set(email.flatten()));
        Ok(Self {
            phone,
            email,
            to_date,
            entry_day,
            due_at,
            comment: PatchField::Set(comment),
            targets,
            delete_content,
        })
    }

    /// Reads a change of a request. Mistakes are named by pointers below `at`.
    pub fn of_change(change: &Change, request: &Request, tenant: &Tenant, at: &str) -> Result<Self, Vec<FieldError>> {
        let Change { phone_number, email, to_date, comment, targets, delete_content } = change;
        let is_about_content = !(targets.is_absent() && delete_content.is_absent());
        let mut wrong = Wrong { at, places: Vec::new() };
        let has_phone = has(phone_number, request.phone);
        let has_email = has(email, request.email);
        let phone = slot(phone_number, request.phone, |raw| wrong.phone(raw, tenant.region));
        let email = slot(email, request.email, |raw| wrong.email(raw));
        if !has_phone && !has_email {
            wrong.identifier_missing();
        }
        let kept = (request.to_date, request.due_at);
        let days = match to_date {
            Member::Absent => Some(kept),
            Member::Null => wrong.required("/to_date", "must be a day, such as 2026-08-03"),
            Member::Is(raw) => match wrong.day(raw, request.entry_day, tenant) {
                // What was fixed when it was written stays so, also when the tenant's time zone has changed since.
                Some((day, _)) if day == request.to_date => Some(kept),
                days => days,
            },
        };
        let comment = slot(comment, (), |raw| wrong.comment(raw));
        let targets = match targets {
            Member::Absent => request.targets,
            Member::Null => wrong.targets(None, tenant),
            Member::Is(words) => wrong.targets(Some(words), tenant),
        };
        let delete_content = match delete_content {
            Member::Absent => request.delete_content,
            Member::Null => wrong.required("/delete_content", "must be true or false").unwrap_or_default(),
            Member::Is(asked) => *asked,
        };
        // A request that was entered by an older version may break the rule; a change of its comment does not have to mend it.
        if is_about_content {
            wrong.delete_content(delete_content, targets);
        }
        let Some((to_date, due_at)) = days.filter(|_| wrong.places.is_empty()) else {
            return Err(wrong.places);
        };
        Ok(Self { phone, email, to_date, entry_day: request.entry_day, due_at, comment, targets, delete_content })
    }
}

/// Whether there is a value after a change.
fn has<T>(member: &Member<String>, kept: Option<T>) -> bool {
    match member {
        Member::Absent => kept.is_some(),
        Member::Null => false,
        Member::Is(_) => true,
    }
}

fn slot<K, T>(member: &Member<String>, kept: K, read: impl FnOnce(&str) -> Option<T>) -> PatchField<K, T> {
    match member {
        Member::Absent => PatchField::Kept(kept),
        Member::Null => PatchField::Set(None),
        Member::Is(raw) => PatchField::Set(read(raw)),
    }
}

/// Collects what is wrong with one row.
struct Wrong<'a> {
    at: &'a str,
    places: Vec<FieldError>,
}

impl Wrong<'_> {
    fn add(&mut self, pointer: &str, code: &'static str, detail: &'static str) {
        self.places.push(FieldError::at(pointer, code, detail).within(self.at));
    }

    fn required<T>(&mut self, pointer: &str, detail: &'static str) -> Option<T> {
        self.add(pointer, "required", detail);
        None
    }

    fn identifier_missing(&mut self) {
        self.add("/phone_number", "identifier_missing", "a phone number, an e-mail address, or both must be sent");
    }

    fn phone(&mut self, raw: &str, region: Region) -> Option<Pii<Phone>> {
        let wrong = |error| match error {
            IdentifierError::Withheld => "must not be a word for a withheld number, or the word Anonymized",
            _ => "must be a phone number: a national one, or 00 or + and the country code",
        };
        Phone::parse(raw, region).map_err(|error| self.add("/phone_number", "phone_number_invalid", wrong(error))).ok()
    }

    fn email(&mut self, raw: &str) -> Option<Pii<Email>> {
        let wrong = |error| match error {
            IdentifierError::Withheld => "must not be a word for a withheld address, or the word Anonymized",
            _ => "must be an e-mail address of at most 254 characters",
        };
        Email::parse(raw).map_err(|error| self.add("/email", "email_invalid", wrong(error))).ok()
    }

    fn comment(&mut self, raw: &str) -> Option<String> {
        if raw.chars().nth(LONGEST_COMMENT).is_some() {
            self.add("/comment", "too_long", "must be at most 10000 characters");
            return None;
        }
        Some(raw.to_owned())
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
            self.add("/to_date", "out_of_range", "must be a day that ends before the year 10000");
        }
        cutoff.map(|due_at| (to_date, due_at))
    }

    fn targets(&mut self, words: Option<&[String]>, tenant: &Tenant) -> Targets {
        let words = words.unwrap_or_default();
        if words.is_empty() {
            self.add("/targets", "required", has_only(tenant.targets));
        }
        if words.len() > Target::ALL.len() {
            self.add("/targets", "too_many", has_only(tenant.targets));
            return Targets::default();
        }
        let mut targets = Vec::with_capacity(words.len());
        for (place, word) in words.iter().enumerate() {
            match word.parse::<Target>().ok().filter(|target| tenant.targets.contains(*target)) {
                Some(target) => targets.push(target),
                None => self.add(&format!("/targets/{place}"), "target_unavailable", has_only(tenant.targets)),
            }
        }
        targets.into_iter().collect()
    }

    /// Who asks for content to be deleted where there is none would take it for gone.
    fn delete_content(&mut self, is_deleted: bool, targets: Targets) {
        if is_deleted && !targets.is_empty() && !targets.contains(Target::Archive) {
            self.add(
                "/delete_content",
                "target_unavailable",
                "must be false without the target archive, because only archive has content",
            );
        }
    }
}

/// A day as four, two and two digits; nothing else.
fn plain_date(raw: &str) -> Option<NaiveDate> {
    let is_plain = raw.len() == 10
        && raw.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if is_plain { raw.parse().ok() } else { None }
}

/// Which targets the tenant has, in words (A21).
fn has_only(targets: Targets) -> &'static str {
    let has = |target| targets.contains(target);
    match (has(Target::Archive), has(Target::SmsSurvey), has(Target::RawData)) {
        (true, true, true) => "must be some of: archive, sms_survey, raw_data",
        (true, true, false) => "must be some of: archive, sms_survey",
        (true, false, true) => "must be some of: archive, raw_data",
        (false, true, true) => "must be some of: sms_survey, raw_data",
        (true, false, false) => "must be: archive",
        (false, true, false) => "must be: sms_survey",
        (false, false, true) => "must be: raw_data",
        (false, false, false) => "must be empty, because this tenant has no targets",
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
            let body = serde_json::json!({ "email": "a@b.no", "to_date": raw, "targets": ["archive"] });
            assert_eq!(read(body).map(drop), Err(vec![code.into()]), "{raw}");
        }
    }

    #[test]
    fn a_patch_tells_absent_from_null() {
        let change: Change = serde_json::from_str(r#"{"email": null, "comment": "x"}"#).unwrap();
        assert_eq!((change.phone_number, change.email), (Member::Absent, Member::Null));
        assert_eq!(change.comment, Member::Is("x".to_owned()));
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
