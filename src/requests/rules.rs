//! The rules for the fields of a request.

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use pii::{Email, IdentifierError, Phone, Pii, Region};
use uuid::Uuid;

use super::model::{NamedInteraction, Request};
use crate::base::day::{self, FIRST_YEAR, plain_date};
use crate::base::field::FieldError;
use crate::base::id::RecordId;
use crate::base::patch::PatchField;
use crate::base::recipient::TokenForm;
use crate::base::target::{Target, Targets};
use crate::tenants::Tenant;

/// The most interactions that a request names.
pub const MOST_INTERACTIONS: usize = 1_000;
/// The most of them whose absence is reported.
const MOST_MISSING: usize = 100;
/// The most characters of a comment.
const LONGEST_COMMENT: usize = 10_000;
/// The most characters of a reference.
pub const LONGEST_REFERENCE: usize = 100;

/// The interactions of a tenant among those that rows name. A recipient names them by the ids that it sees.
#[derive(Clone, Default)]
pub struct KnownInteractions {
    form: TokenForm,
    found: HashMap<RecordId, NamedInteraction>,
}

impl KnownInteractions {
    pub fn new(form: TokenForm, found: impl Iterator<Item = NamedInteraction>) -> Self {
        Self { form, found: found.map(|one| (one.id, one)).collect() }
    }
}

/// The interaction of an id that a caller has sent. A text that is no UUID names none.
pub fn interaction_id(form: &TokenForm, raw: &str) -> Option<RecordId> {
    Uuid::try_parse(raw).ok().map(|id| form.read_record(RecordId(id)))
}

/// The rules for the fields of one row, and the rules that it breaks.
pub struct Rules<'a> {
    pub at: &'a str,
    /// The interactions of the tenant among those that are named.
    pub known: &'a KnownInteractions,
    pub errors: Vec<FieldError>,
}

impl Rules<'_> {
    pub fn add(&mut self, pointer: &str, code: &'static str, detail: impl Into<Cow<'static, str>>) {
        self.errors.push(FieldError::at(pointer, code, detail).within(self.at));
    }

    pub fn required<T>(&mut self, pointer: &str, detail: &'static str) -> Option<T> {
        self.add(pointer, "required", detail);
        None
    }

    pub fn identifier_missing(&mut self) {
        let detail = "send a phone number, an e-mail address, or the ids of interactions";
        self.add("/phone_number", "identifier_missing", detail);
    }

    pub fn phone(&mut self, raw: &str, region: Region) -> Option<Pii<Phone>> {
        let detail = |error| match error {
            IdentifierError::Withheld => {
                "must be a phone number of a customer, not a withheld number and not `Anonymized`"
            }
            _ => "must be a phone number: national, or 00 or + and the country code",
        };
        Phone::parse(raw, region).map_err(|error| self.add("/phone_number", "phone_number_invalid", detail(error))).ok()
    }

    pub fn email(&mut self, raw: &str) -> Option<Pii<Email>> {
        let detail = |error| match error {
            IdentifierError::Withheld => {
                "must be an e-mail address of a customer, not a withheld address and not `Anonymized`"
            }
            _ => "must be an e-mail address of at most 254 characters",
        };
        Email::parse(raw).map_err(|error| self.add("/email", "email_invalid", detail(error))).ok()
    }

    /// The interactions with some ids, each once. `stored` contains those that the request names already.
    pub fn interactions(&mut self, raw: &[String], stored: &[NamedInteraction]) -> Vec<NamedInteraction> {
        if raw.len() > MOST_INTERACTIONS {
            self.add("/interaction_ids", "too_many", "must be at most 1000 interactions");
            return Vec::new();
        }
        let mut named = Vec::with_capacity(raw.len());
        let mut missing = 0;
        for (no, raw) in raw.iter().enumerate() {
            let id = interaction_id(&self.known.form, raw);
            let kept = stored.iter().find(|one| Some(one.id) == id).copied();
            if let Some(one) = kept.or_else(|| self.known.found.get(&id?).copied()) {
                named.push(one);
            } else if missing < MOST_MISSING {
                missing += 1;
                let detail = "must be the id of an interaction of this tenant";
                self.add(&format!("/interaction_ids/{no}"), "not_found", detail);
            }
        }
        named.sort_unstable();
        named.dedup();
        named
    }

    pub fn comment(&mut self, raw: &str) -> Option<String> {
        if raw.chars().nth(LONGEST_COMMENT).is_some() {
            self.add("/comment", "too_long", "must be at most 10000 characters");
            return None;
        }
        Some(raw.to_owned())
    }

    pub fn reference(&mut self, raw: &str) -> Option<String> {
        if raw.chars().nth(LONGEST_REFERENCE).is_some() {
            self.add("/reference", "too_long", "must be at most 100 characters");
            return None;
        }
        Some(raw.to_owned()).filter(|raw| !raw.is_empty())
    }

    pub fn day(&mut self, raw: &str, entry_day: NaiveDate, tenant: &Tenant) -> Option<(NaiveDate, DateTime<Utc>)> {
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

    pub fn cutoff(&mut self, to_date: NaiveDate, tenant: &Tenant) -> Option<(NaiveDate, DateTime<Utc>)> {
        let cutoff = day::cutoff(to_date, tenant.zone);
        if cutoff.is_none() {
            self.add("/to_date", "out_of_range", "must be a day that ends");
        }
        cutoff.map(|due_at| (to_date, due_at))
    }

    pub fn targets(&mut self, words: Option<&[String]>, tenant: &Tenant) -> Targets {
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

    pub fn delete_content(&mut self, is_deleted: bool, targets: Targets) {
        if is_deleted && !targets.is_empty() && !targets.contains(Target::Archive) {
            self.add("/delete_content", "target_unavailable", "needs the target archive: only the archive has content");
        }
    }
}

impl Rules<'_> {
    /// The last day after a change, with its end. The cut-off of a stored day stays, also if the tenant's time zone has
    /// changed since.
    pub fn changed_day(
        &mut self,
        to_date: &PatchField<String>,
        before: &Request,
        tenant: &Tenant,
    ) -> Option<(NaiveDate, DateTime<Utc>)> {
        let stored = (before.to_date, before.due_at);
        match to_date {
            PatchField::Absent => Some(stored),
            PatchField::Null => self.required("/to_date", "send a day, such as 2026-08-03"),
            PatchField::Is(raw) => match self.day(raw, before.entry_day, tenant) {
                Some((day, _)) if day == before.to_date => Some(stored),
                days => days,
            },
        }
    }

    /// The targets after a change, and whether content is deleted.
    pub fn changed_targets(
        &mut self,
        (targets, delete_content): (&PatchField<Vec<String>>, &PatchField<bool>),
        before: &Request,
        tenant: &Tenant,
    ) -> (Targets, bool) {
        let is_about_content = !(targets.is_absent() && delete_content.is_absent());
        let targets = match targets {
            PatchField::Absent => before.targets,
            PatchField::Null => self.targets(None, tenant),
            PatchField::Is(words) => self.targets(Some(words), tenant),
        };
        let delete_content = match delete_content {
            PatchField::Absent => before.delete_content,
            PatchField::Null => self.required("/delete_content", "send true or false").unwrap_or_default(),
            PatchField::Is(delete) => *delete,
        };
        // A request of an older version may break the rule. A change of its comment does not have to repair it.
        if is_about_content {
            self.delete_content(delete_content, targets);
        }
        (targets, delete_content)
    }
}

/// The rule for targets, which names the targets that the tenant has (A21).
fn available(targets: Targets) -> String {
    format!("must be one or more of: {}", targets.words().join(", "))
}
