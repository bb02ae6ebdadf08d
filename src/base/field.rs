//! The rules that a call breaks, without the values that it sent.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

/// A field or a parameter that breaks a rule. It never contains the value that was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field in the body (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "/phone_number")]
    pub pointer: Option<String>,
    /// The query parameter or header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "limit")]
    pub parameter: Option<Cow<'static, str>>,
    /// The rule, as a stable code.
    #[schema(example = "required")]
    pub code: Cow<'static, str>,
    /// The rule, as a text for people.
    #[schema(example = "is required")]
    pub detail: Cow<'static, str>,
}

impl FieldError {
    pub fn at(
        pointer: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { pointer: Some(pointer.into()), parameter: None, code: code.into(), detail: detail.into() }
    }

    /// A query parameter or a header.
    pub fn parameter(
        name: impl Into<Cow<'static, str>>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { pointer: None, parameter: Some(name.into()), code: code.into(), detail: detail.into() }
    }

    /// The same error in a value that is part of another one, such as row 0 of a batch: `/create/0` comes before
    /// `/phone_number`.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        self.pointer = self.pointer.map(|inner| format!("{outer}{inner}"));
        self
    }
}
