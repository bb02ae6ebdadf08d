//! The legal grounds on which records are kept although their customer wants to be forgotten.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::words::described;

/// Declares the grounds once: the variant and the article of the GDPR, as bodies and columns have it.
macro_rules! grounds {
    ($($name:ident = $word:literal;)*) => {
        /// The article of the GDPR on which a legal hold rests.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Ground { $(#[doc = $word] #[serde(rename = $word)] $name,)* }

        impl Ground {
            /// All grounds. The journal contains the position in this list, so new ones come last.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

grounds! {
    Expression = "17(3)(a)";
    Obligation = "17(3)(b)";
    PublicHealth = "17(3)(c)";
    Archiving = "17(3)(d)";
    Claims = "17(3)(e)";
    Restriction = "18";
    Accuracy = "18(1)(a)";
    Unlawful = "18(1)(b)";
    NeededForClaims = "18(1)(c)";
    Objection = "18(1)(d)";
}

described!(
    Ground as "HoldGround",
    "The article of the GDPR on which a legal hold rests: a letter of Article 17(3), or Article 18.",
    Ground::ALL.iter().map(|ground| ground.as_str())
);

/// The word names no ground.
#[derive(Debug, thiserror::Error)]
#[error("must be a letter of Article 17(3), such as 17(3)(e), or Article 18")]
pub struct GroundError;

impl FromStr for Ground {
    type Err = GroundError;

    fn from_str(word: &str) -> Result<Self, GroundError> {
        Self::ALL.iter().copied().find(|ground| ground.as_str() == word).ok_or(GroundError)
    }
}
