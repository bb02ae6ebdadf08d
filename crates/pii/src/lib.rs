//! Personal data as types. A value of these types cannot be logged, serialised, or bound into a statement by accident.

mod digit;
mod email;
mod field;
mod house;
pub mod json;
mod mask;
mod nobody;
mod phone;
mod references;
pub mod text;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

pub use digit::{digit, is_separator};
pub use email::Email;
pub use field::{FieldReading, read_field};
pub use house::HouseNumbers;
pub use mask::mask;
pub use nobody::{is_nobody, is_withheld};
#[cfg(test)]
pub use phone::work;
pub use phone::{Phone, Region, RegionError};

/// The word that is shown for a forgotten identifier, and for an identifier that a view does not show.
pub const ANONYMIZED: &str = "Anonymized";

/// Which kind an identifier is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Phone,
    Email,
    Name,
}

impl Kind {
    /// The word before the `_` of a token.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Name => "name",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be phone, email, or name")]
pub struct KindError;

impl FromStr for Kind {
    type Err = KindError;

    fn from_str(word: &str) -> Result<Self, KindError> {
        [Self::Phone, Self::Email, Self::Name].into_iter().find(|kind| kind.as_str() == word).ok_or(KindError)
    }
}

/// As a column of text keeps it.
impl TryFrom<String> for Kind {
    type Error = KindError;

    fn try_from(word: String) -> Result<Self, KindError> {
        word.parse()
    }
}

/// A wrapper of personal data. It shows nothing, and cannot be serialised or bound into a statement.
///
/// [`Pii::expose`] is the one door. Few files may open it; the architecture test lists them.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pii<T>(T);

impl<T> Pii<T> {
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the vault to seal and index and for an audited answer.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pii(..)")
    }
}

/// Why a text is no identifier: a stable code and what to do, never the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// The caller's number was withheld, or the field is empty (A17).
    #[error("withheld, empty or `Anonymized`: no identifier")]
    Withheld,
    /// No phone number can be written like this (A15).
    #[error("must be a phone number: national, or 00 or + and the country code")]
    Phone,
    /// No e-mail address can be written like this (A14).
    #[error("must be an e-mail address of at most 254 characters")]
    Email,
    /// A name is longer than any (in bytes, since all names are sealed at one length).
    #[error("must be at most 240 bytes")]
    Name,
}

/// A person's name as it was written, white space folded.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonName(String);

impl PersonName {
    /// A value that was read before and comes back from the vault.
    #[must_use]
    pub const fn stored(value: String) -> Pii<Self> {
        Pii::new(Self(value))
    }

    /// The longest name, in bytes: all names are sealed at one length.
    pub const LONGEST: usize = 240;

    /// Reads a name: NFC, white space folded. Words for what is withheld, for a role, or for a call are no name (A17).
    pub fn parse(raw: &str) -> Result<Pii<Self>, IdentifierError> {
        if is_nobody(raw) {
            return Err(IdentifierError::Withheld);
        }
        let name = raw.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect::<String>();
        if name.len() > Self::LONGEST { Err(IdentifierError::Name) } else { Ok(Pii::new(Self(name))) }
    }

    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Pii<PersonName> {
    /// The name without capitals, accents, and the order of its words: `Nordmann, Kari` and `kari nordmann` have the same.
    #[must_use]
    pub fn folded(&self) -> Self {
        let plain: String =
            self.expose().as_str().nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
        let is_between = |c: char| c.is_whitespace() || c == ',';
        let mut words: Vec<_> = plain.split(is_between).filter(|word| !word.is_empty()).collect();
        words.sort_unstable();
        Self::new(PersonName(words.join(" ")))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Identifier {
    Phone(Pii<Phone>),
    Email(Pii<Email>),
    /// A name, bound to the record's number, address or own id, so that two people of one name share no token.
    Name {
        name: Pii<PersonName>,
        bound_to: uuid::Uuid,
    },
}

impl Identifier {
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Phone(_) => Kind::Phone,
            Self::Email(_) => Kind::Email,
            Self::Name { .. } => Kind::Name,
        }
    }

    /// The name, if it is one.
    #[must_use]
    pub const fn name(&self) -> Option<&Pii<PersonName>> {
        if let Self::Name { name, .. } = self { Some(name) } else { None }
    }
}
