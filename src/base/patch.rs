//! The fields of a merge patch (RFC 7396).

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::field::FieldError;

/// A field that can be absent or null: `#[serde(default)] comment: PatchField<String>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PatchField<T> {
    /// The field is absent, so the stored value stays.
    #[default]
    Absent,
    /// The field is null, so the stored value is cleared.
    Null,
    Is(T),
}

impl<T> PatchField<T> {
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    pub fn into_value(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// The new value of a field that cannot be cleared. Null adds an error with the code `required`.
    pub fn given(self, pointer: &str, invalid: &mut Vec<FieldError>) -> Option<T> {
        self.required(pointer).map_err(|error| invalid.push(error)).ok().flatten()
    }

    /// The new value of a field that cannot be cleared. Null breaks the rule `required`.
    pub fn required(self, pointer: &str) -> Result<Option<T>, FieldError> {
        match self {
            Self::Absent => Ok(None),
            Self::Null => Err(FieldError::at(pointer, "required", "is required")),
            Self::Is(value) => Ok(Some(value)),
        }
    }
}

/// A value that is given or cleared.
impl<T> From<Option<T>> for PatchField<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Is)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for PatchField<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Option::deserialize(input).map(Self::from)
    }
}

impl<T: Serialize> Serialize for PatchField<T> {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Is(value) => value.serialize(output),
            Self::Absent | Self::Null => output.serialize_none(),
        }
    }
}
