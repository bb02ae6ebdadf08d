//! Members of a merge patch (RFC 7396).

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::field::FieldError;

/// A member that tells absent from null: `#[serde(default)] comment: Member<String>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Member<T> {
    /// It is not there: what is, stays.
    #[default]
    Absent,
    /// It is null: what is, goes.
    Null,
    Is(T),
}

impl<T> Member<T> {
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The new value, if there is one, of what may not be cleared: null is `required`.
    pub fn required(self, pointer: &str) -> Result<Option<T>, FieldError> {
        match self {
            Self::Absent => Ok(None),
            Self::Null => Err(FieldError::at(pointer, "required", "is required")),
            Self::Is(value) => Ok(Some(value)),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Option::deserialize(input).map(|value| value.map_or(Self::Null, Self::Is))
    }
}

impl<T: Serialize> Serialize for Member<T> {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Is(value) => value.serialize(output),
            Self::Absent | Self::Null => output.serialize_none(),
        }
    }
}
