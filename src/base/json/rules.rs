//! The rules that a type declares, as field errors of a problem.

use std::borrow::Cow;

use serde_json::Value;
use validator::{ValidationError, ValidationErrors, ValidationErrorsKind};

use crate::base::field::FieldError;

/// The field errors of a type, in the order of their pointers. The values in `params` are never copied.
#[must_use]
pub fn broken_rules(errors: &ValidationErrors) -> Vec<FieldError> {
    let mut places = Vec::new();
    collect(errors, "", &mut places);
    places.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    places
}

fn collect(errors: &ValidationErrors, outer: &str, places: &mut Vec<FieldError>) {
    for (field, kind) in errors.errors() {
        // The validator reports a rule about the whole value under `__all__`.
        let pointer = if field == "__all__" { outer.to_owned() } else { format!("{outer}/{field}") };
        match kind {
            ValidationErrorsKind::Field(broken) => places.extend(broken.iter().map(|error| place(error, &pointer))),
            ValidationErrorsKind::Struct(inner) => collect(inner, &pointer, places),
            ValidationErrorsKind::List(items) => {
                for (at, inner) in items {
                    collect(inner, &format!("{pointer}/{at}"), places);
                }
            }
        }
    }
}

fn place(error: &ValidationError, pointer: &str) -> FieldError {
    let (code, detail) = match error.code.as_ref() {
        "length" => length(error),
        "range" => ("out_of_range".into(), bounds(error, "")),
        "required" => ("required".into(), "is required".into()),
        "email"
        | "url"
        | "regex"
        | "contains"
        | "does_not_contain"
        | "must_match"
        | "ip"
        | "credit_card"
        | "non_control_character" => ("format".into(), "must have the documented format".into()),
        _ => (error.code.clone(), "must follow the rule of this field".into()),
    };
    FieldError::at(pointer, code, error.message.clone().unwrap_or(detail))
}

/// The rule of a length. The value decides which bound is broken, and is not shown.
fn length(error: &ValidationError) -> (Cow<'static, str>, Cow<'static, str>) {
    let length = match error.params.get("value") {
        Some(Value::String(text)) => text.chars().count(),
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(members)) => members.len(),
        _ => usize::MAX,
    };
    let list = matches!(error.params.get("value"), Some(Value::Array(_) | Value::Object(_)));
    let limit = |name| error.params.get(name).and_then(Value::as_u64);
    let max = limit("max").or_else(|| limit("equal")).unwrap_or(u64::MAX);
    let unit = if list { " items" } else { " characters" };
    let code = match (length as u64 > max, list, length) {
        (true, true, _) => "too_many",
        (true, false, _) => "too_long",
        (false, _, 0) => "required",
        (false, ..) => "out_of_range",
    };
    (code.into(), bounds(error, unit))
}

/// The bounds of a rule, which are numbers of the rule itself.
fn bounds(error: &ValidationError, unit: &str) -> Cow<'static, str> {
    let bound = |name| error.params.get(name).filter(|bound| bound.is_number());
    match (bound("min"), bound("max"), bound("equal")) {
        (.., Some(equal)) => format!("must be {equal}{unit}").into(),
        (Some(min), Some(max), _) => format!("must be {min} to {max}{unit}").into(),
        (Some(min), None, _) => format!("must be at least {min}{unit}").into(),
        (None, Some(max), _) => format!("must be at most {max}{unit}").into(),
        _ => "must be in range".into(),
    }
}
