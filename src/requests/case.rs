//! The case of a request: when it was received, by when it is answered, and how the customer's wish was verified.

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};

use super::comment::KnownCustomers;
use super::entry::ValidatedRequest;
use super::rules::Rules;
use super::{deadline, reference};
use crate::base::attestation::{Attestation, AttestationInput, AttestationMethodError};
use crate::base::day::{FIRST_YEAR, local_day, plain_date};
use crate::base::id::RequestId;
use crate::base::patch::PatchField;
use crate::store::{Query, Result as StoreResult, StoreError};
use crate::tenants::Tenant;

/// The most characters of the reason of an extension.
const LONGEST_REASON: usize = 1_000;

/// The case of a request. Its texts contain no identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The day on which the customer's wish arrived.
    pub received_on: NaiveDate,
    /// The last day for the answer: one month later, or the day to which that is extended.
    pub deadline_on: NaiveDate,
    pub extended_to: Option<NaiveDate>,
    pub extension_reason: Option<String>,
    pub attestation: Option<Attestation>,
}

impl Case {
    /// The case of a request of which only its day of entry is known.
    #[must_use]
    pub fn entered_on(entry_day: NaiveDate) -> Self {
        Self {
            received_on: entry_day,
            deadline_on: deadline::usual(entry_day),
            extended_to: None,
            extension_reason: None,
            attestation: None,
        }
    }

    fn map_texts(self, change: impl Fn(String) -> String) -> Self {
        let Self { received_on, deadline_on, extended_to, extension_reason, attestation } = self;
        Self {
            received_on,
            deadline_on,
            extended_to,
            extension_reason: extension_reason.map(&change),
            attestation: attestation.map(|attestation| attestation.map_texts(&change)),
        }
    }

    const fn has_texts(&self) -> bool {
        self.extension_reason.is_some() || self.attestation.is_some()
    }

    fn same_texts(&self, other: &Self) -> bool {
        self.extension_reason == other.extension_reason && self.attestation == other.attestation
    }
}

/// Whether the texts of a row's case have to be searched for identifiers: they are new, or the identifiers are.
pub fn is_rewritten(row: &ValidatedRequest) -> bool {
    let is_kept = row.before.as_ref().is_some_and(|before| before.request.case.same_texts(&row.case));
    row.case.has_texts() && (!is_kept || row.new_identifiers().next().is_some())
}

/// The case that a request has after a row is saved, with identifiers masked.
pub fn of(row: &ValidatedRequest, tenant: &Tenant, known: &KnownCustomers) -> Case {
    if !is_rewritten(row) {
        return row.case.clone();
    }
    row.case.clone().map_texts(|text| reference::masked(&text, row, tenant, known))
}

/// A row that another version of the program has just written has no days.
#[derive(sqlx::FromRow)]
pub struct CaseRow {
    received_on: Option<NaiveDate>,
    deadline_on: Option<NaiveDate>,
    extended_to: Option<NaiveDate>,
    extension_reason: Option<String>,
    attestation_method: Option<String>,
    attestation_by: Option<String>,
    attestation_on: Option<NaiveDate>,
    attestation_representative: Option<String>,
}

impl CaseRow {
    pub fn case(self, id: RequestId, entry_day: NaiveDate) -> StoreResult<Case> {
        let broken =
            |_: AttestationMethodError| StoreError::Inconsistent(format!("requests.attestation_method of {id}"));
        let usual = Case::entered_on(entry_day);
        let method = self.attestation_method.map(|method| method.parse().map_err(broken)).transpose()?;
        let attested = method.zip(self.attestation_by).zip(self.attestation_on);
        let representative = self.attestation_representative;
        Ok(Case {
            received_on: self.received_on.unwrap_or(usual.received_on),
            deadline_on: self.deadline_on.unwrap_or(usual.deadline_on),
            extended_to: self.extended_to,
            extension_reason: self.extension_reason,
            attestation: attested.map(|((method, by), on)| Attestation { method, by, on, representative }),
        })
    }
}

/// Appends the values of a case, each after a comma.
pub fn with_case<'c>(query: Query<'c>, case: &Case) -> Query<'c> {
    let Case { received_on, deadline_on, extended_to, extension_reason, attestation } = case;
    let attestation = attestation.as_ref();
    query
        .with(", ", *received_on)
        .with(", ", *deadline_on)
        .with(", ", *extended_to)
        .with(", ", extension_reason.as_deref())
        .with(", ", attestation.map(|one| one.method.as_str()))
        .with(", ", attestation.map(|one| one.by.as_str()))
        .with(", ", attestation.map(|one| one.on))
        .with(", ", attestation.and_then(|one| one.representative.as_deref()))
}

/// The fields of a case as they are sent.
#[derive(Clone, Copy)]
pub struct CaseFields<'a> {
    pub received_on: &'a PatchField<String>,
    pub extended_to: &'a PatchField<String>,
    pub extension_reason: &'a PatchField<String>,
    pub attestation: &'a PatchField<AttestationInput>,
}

/// The circumstances that the rules of a case depend on.
#[derive(Clone, Copy)]
pub struct CaseContext<'a> {
    pub tenant: &'a Tenant,
    pub now: DateTime<Utc>,
    pub entry_day: NaiveDate,
    /// The stored case. A new request has none.
    pub before: Option<&'a Case>,
    /// Whether the row names a customer. The attestation of another customer does not count for them.
    pub is_naming: bool,
}

impl Rules<'_> {
    /// The case of a row. Errors leave it as it was, since the row is refused then.
    pub fn case(&mut self, fields: CaseFields<'_>, context: CaseContext<'_>) -> Case {
        let CaseFields { received_on, extended_to, extension_reason, attestation } = fields;
        let today = local_day(context.now, context.tenant.zone);
        let stored = context.before.cloned().unwrap_or_else(|| Case::entered_on(context.entry_day));
        let received_on = self.received_on(received_on, &stored, context);
        let extended_to = match extended_to {
            PatchField::Absent => stored.extended_to,
            PatchField::Null => None,
            PatchField::Is(raw) => self.past_or_coming_day("/extended_to", raw),
        };
        if let Some(day) = extended_to {
            self.extension(day, (received_on, stored.extended_to), today);
        }
        let extension_reason = self.extension_reason(extension_reason, stored.extension_reason, extended_to);
        let attestation = self.attestation(attestation, stored.attestation, today, context);
        let deadline_on = extended_to.map_or_else(|| deadline::usual(received_on), deadline::working_day);
        Case { received_on, deadline_on, extended_to, extension_reason, attestation }
    }

    fn received_on(&mut self, field: &PatchField<String>, stored: &Case, context: CaseContext<'_>) -> NaiveDate {
        let day = match field {
            PatchField::Absent => return stored.received_on,
            PatchField::Null if context.before.is_none() => return stored.received_on,
            PatchField::Null => self.required("/received_on", "send a day, such as 2026-08-03"),
            PatchField::Is(raw) => self.past_or_coming_day("/received_on", raw),
        };
        if day.is_some_and(|day| day > context.entry_day) {
            self.add("/received_on", "out_of_range", "must not be after the local day of entry");
        }
        day.unwrap_or(stored.received_on)
    }

    fn past_or_coming_day(&mut self, pointer: &str, raw: &str) -> Option<NaiveDate> {
        match plain_date(raw) {
            None => self.add(pointer, "format", "must be a day, such as 2026-08-03"),
            Some(day) if day.year() < FIRST_YEAR => self.add(pointer, "out_of_range", "must not be before 1970"),
            Some(day) => return Some(day),
        }
        None
    }

    /// An extension is within two months, and the customer is told of it within the first.
    fn extension(&mut self, day: NaiveDate, (received_on, stored): (NaiveDate, Option<NaiveDate>), today: NaiveDate) {
        let usual = deadline::usual(received_on);
        if day <= usual {
            self.add("/extended_to", "out_of_range", "must be after the deadline of one month");
        } else if day > deadline::latest(received_on) {
            self.add("/extended_to", "out_of_range", "must be at most two months after the deadline of one month");
        } else if stored != Some(day) && today > usual {
            let rule = "must be set before the deadline of one month is over, since the customer is told until then";
            self.add("/extended_to", "extension_late", rule);
        }
    }

    fn extension_reason(
        &mut self,
        field: &PatchField<String>,
        stored: Option<String>,
        extended_to: Option<NaiveDate>,
    ) -> Option<String> {
        let reason = match field {
            PatchField::Absent => stored,
            PatchField::Null => None,
            PatchField::Is(raw) if raw.trim().is_empty() => None,
            PatchField::Is(raw) if raw.chars().nth(LONGEST_REASON).is_some() => {
                self.add("/extension_reason", "too_long", "must be at most 1000 characters");
                return None;
            }
            PatchField::Is(raw) => Some(raw.trim().to_owned()),
        };
        match (extended_to, &reason) {
            (Some(_), None) => self.required("/extension_reason", "send the reason of the extension"),
            (None, Some(_)) if field.value().is_some() => {
                self.required("/extended_to", "send the day to which the deadline is extended")
            }
            (None, _) => None,
            (Some(_), Some(_)) => reason,
        }
    }

    fn attestation(
        &mut self,
        field: &PatchField<AttestationInput>,
        stored: Option<Attestation>,
        today: NaiveDate,
        context: CaseContext<'_>,
    ) -> Option<Attestation> {
        let is_given = context.before.is_none() || context.is_naming || !field.is_absent();
        let attestation = match field {
            PatchField::Absent => stored,
            PatchField::Null => None,
            PatchField::Is(input) => match input.validate(stored.as_ref(), today, "/attestation") {
                Ok(attestation) => Some(attestation),
                Err(errors) => {
                    self.errors.extend(errors.into_iter().map(|error| error.within(self.at)));
                    return None;
                }
            },
        };
        if attestation.is_none() && is_given && context.tenant.settings.attestation_required {
            return self.required("/attestation", "send how the customer's wish was verified: method, by, and on");
        }
        attestation
    }
}
