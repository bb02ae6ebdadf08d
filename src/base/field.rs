//! Where an input is wrong, without saying what it was.

/// One mistake in a body: a JSON pointer (RFC 6901), a stable code, and what would be right. Never the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Where, such as `/customer/phone_number`.
    pub pointer: String,
    /// The rule's stable code, such as `out_of_range`.
    pub code: &'static str,
    pub detail: &'static str,
}

impl FieldError {
    #[must_use]
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: &'static str) -> Self {
        Self { pointer: pointer.into(), code, detail }
    }

    /// The same mistake in a value that stands deeper, such as in row 0 of a batch.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Self {
        self.pointer.insert_str(0, prefix);
        self
    }
}
