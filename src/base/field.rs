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
    /// The line of a spreadsheet, on which the row begins. The header is line 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 17)]
    pub line: Option<u32>,
    /// The column of a spreadsheet, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, example = "phone_number")]
    pub column: Option<Box<str>>,
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
        Self { pointer: Some(pointer.into()), code: code.into(), detail: detail.into(), ..Self::default() }
    }

    /// A query parameter or a header.
    pub fn parameter(
        name: impl Into<Cow<'static, str>>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { parameter: Some(name.into()), code: code.into(), detail: detail.into(), ..Self::default() }
    }

    /// A whole line of a spreadsheet.
    pub fn in_line(line: u32, code: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { line: Some(line), ..Self::at(format!("/{line}"), code, detail) }
    }

    /// The same error in a column of its line.
    #[must_use]
    pub fn column(mut self, name: &str) -> Self {
        self.pointer = self.pointer.map(|line| format!("{line}/{name}"));
        self.column = Some(name.into());
        self
    }

    /// The same error of a field in a line of a spreadsheet: `/targets/0` is in the column `targets`, and
    /// `/attestation/by` in `attestation_by`. A missing attestation is in its first column.
    #[must_use]
    pub fn in_column(self, line: u32) -> Self {
        let pointer = self.pointer.unwrap_or_default();
        let mut parts = pointer.split('/').skip(1);
        let column = match (parts.next().unwrap_or_default(), parts.next()) {
            ("attestation", None) => "attestation_method".to_owned(),
            (object, Some(field)) if field.parse::<usize>().is_err() => format!("{object}_{field}"),
            (field, _) => field.to_owned(),
        };
        Self::in_line(line, self.code, self.detail).column(&column)
    }

    /// The same error in a value that is part of another one, such as row 0 of a batch: `/create/0` comes before
    /// `/phone_number`.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        self.pointer = self.pointer.map(|inner| format!("{outer}{inner}"));
        self
    }
}
