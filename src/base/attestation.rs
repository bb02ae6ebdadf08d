//! How the wish of a customer was verified: by a method, by a person, and on a day.
//!
//! The texts of an attestation are about staff and representatives. A room that stores them masks identifiers first.

use chrono::{Datelike as _, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::day::{FIRST_YEAR, plain_date};
use super::field::FieldError;
use super::patch::PatchField;
use super::purpose;
use super::words::{described, words};

words! {
    /// The way in which the customer's wish was verified.
    #[derive(PartialOrd, Ord)]
    pub enum AttestationMethod {
        /// The number was called back.
        CallBack = "call_back",
        /// An identity document was seen.
        IdDocument = "id_document",
        /// The customer was logged in.
        Login = "login",
        /// The customer wrote a letter, or a letter to their address was answered.
        Letter = "letter",
        Other = "other",
    }
    /// The word names no method.
    error AttestationMethodError = "must be one of: call_back, id_document, login, letter, other";
}

described!(AttestationMethod as "AttestationMethod", "The way in which the customer's wish was verified.");

/// The statement that the customer, or their representative, wishes the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"method": "call_back", "by": "Ingrid", "on": "2026-08-03", "representative": null}))]
pub struct Attestation {
    /// The way in which the wish was verified.
    pub method: AttestationMethod,
    /// The person who verified it.
    pub by: String,
    /// The day on which it was verified.
    pub on: NaiveDate,
    /// The role of the person who acts for the customer, such as a parent or a lawyer. It is null if the customer acts alone.
    #[schema(required)]
    pub representative: Option<String>,
}

impl Attestation {
    /// The same attestation with each of its texts changed.
    #[must_use]
    pub fn map_texts(self, change: impl Fn(String) -> String) -> Self {
        Self { by: change(self.by), representative: self.representative.map(change), ..self }
    }
}

/// An attestation as it is sent, or a change of one as a merge patch. A whole one has the fields `method`, `by`, and `on`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"method": "call_back", "by": "Ingrid", "on": "2026-08-03"}))]
pub struct AttestationInput {
    /// The way in which the wish was verified.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = AttestationMethod, required = false)]
    pub method: PatchField<String>,
    /// The person who verified it: 1 to 200 characters.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 200)]
    pub by: PatchField<String>,
    /// The day on which it was verified. It cannot be in the future.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = String, required = false, format = Date, example = "2026-08-03")]
    pub on: PatchField<String>,
    /// The role of the person who acts for the customer, such as a parent or a lawyer: 1 to 200 characters. It should name
    /// no person.
    #[serde(default, skip_serializing_if = "PatchField::is_absent")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub representative: PatchField<String>,
}

impl AttestationInput {
    /// The attestation, merged into the one before. The pointers of errors begin with `at`.
    pub fn validate(
        &self,
        before: Option<&Attestation>,
        today: NaiveDate,
        at: &str,
    ) -> Result<Attestation, Vec<FieldError>> {
        let Self { method, by, on, representative } = self;
        let mut errors = Vec::new();
        let method = merged(method, "/method", before.map(|before| before.method), &mut errors, |word| {
            word.parse().map_err(|error: AttestationMethodError| ("format", error.to_string()))
        });
        let by = merged(by, "/by", before.map(|before| before.by.clone()), &mut errors, text);
        let on = merged(on, "/on", before.map(|before| before.on), &mut errors, |raw| past_day(raw, today));
        let representative = match representative {
            PatchField::Absent => before.and_then(|before| before.representative.clone()),
            PatchField::Null => None,
            given @ PatchField::Is(_) => merged(given, "/representative", None, &mut errors, text),
        };
        match (method, by, on) {
            (Some(method), Some(by), Some(on)) if errors.is_empty() => {
                Ok(Attestation { method, by, on, representative })
            }
            _ => Err(errors.into_iter().map(|error| error.within(at)).collect()),
        }
    }
}

/// A field that an attestation needs. An absent field keeps the value that was there before.
fn merged<T>(
    field: &PatchField<String>,
    pointer: &str,
    before: Option<T>,
    errors: &mut Vec<FieldError>,
    read: impl FnOnce(&str) -> Result<T, (&'static str, String)>,
) -> Option<T> {
    let read = match (field, before) {
        (PatchField::Absent, Some(before)) => return Some(before),
        (PatchField::Absent | PatchField::Null, _) => Err(("required", "is required".to_owned())),
        (PatchField::Is(raw), _) => read(raw),
    };
    read.map_err(|(code, detail)| errors.push(FieldError::at(pointer, code, detail))).ok()
}

fn text(raw: &str) -> Result<String, (&'static str, String)> {
    purpose::stated(raw)
        .map(str::to_owned)
        .ok_or_else(|| ("format", "must have 1 to 200 visible characters".to_owned()))
}

fn past_day(raw: &str, today: NaiveDate) -> Result<NaiveDate, (&'static str, String)> {
    match plain_date(raw) {
        None => Err(("format", "must be a day, such as 2026-08-03".to_owned())),
        Some(day) if day > today => Err(("out_of_range", "must not be in the future".to_owned())),
        Some(day) if day.year() < FIRST_YEAR => Err(("out_of_range", "must not be before 1970".to_owned())),
        Some(day) => Ok(day),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read(body: Value, before: Option<&Attestation>) -> Result<Attestation, Vec<String>> {
        let input: AttestationInput = serde_json::from_value(body).unwrap();
        let told = |error: FieldError| format!("{} {}", error.pointer.unwrap_or_default(), error.code);
        let read = input.validate(before, "2026-08-03".parse().unwrap(), "/attestation");
        read.map_err(|errors| errors.into_iter().map(told).collect())
    }

    #[test]
    fn an_attestation_says_how_who_and_when() {
        let whole = json!({ "method": "letter", "by": " Ingrid ", "on": "2026-08-03", "representative": "a lawyer" });
        let attestation = read(whole, None).unwrap();
        assert_eq!((attestation.method, attestation.by.as_str()), (AttestationMethod::Letter, "Ingrid"));
        let missing = ["/attestation/method required", "/attestation/by required", "/attestation/on required"];
        assert_eq!(read(json!({}), None).unwrap_err(), missing);
        let wrong = json!({ "method": "magic", "by": " ", "on": "2026-08-04", "representative": "" });
        let errors = ["/method format", "/by format", "/on out_of_range", "/representative format"];
        assert_eq!(read(wrong, None).unwrap_err(), errors.map(|error| format!("/attestation{error}")));
    }

    #[test]
    fn a_change_is_merged_into_the_attestation_before() {
        let whole = json!({ "method": "login", "by": "Ingrid", "on": "2026-08-01", "representative": "a parent" });
        let before = read(whole, None).unwrap();
        let changed = read(json!({ "by": "Paal", "representative": null }), Some(&before)).unwrap();
        assert_eq!(changed, Attestation { by: "Paal".to_owned(), representative: None, ..before.clone() });
        assert_eq!(read(json!({ "method": null }), Some(&before)).unwrap_err(), ["/attestation/method required"]);
        assert_eq!(read(json!({}), Some(&before)).unwrap(), before);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(method: String, by: String, on: String, representative: String) {
            let input = json!({ "method": method, "by": by, "on": on, "representative": representative });
            prop_assert!(read(input, None).is_err());
        }
    }
}
