//! The legal grounds on which records are kept although their customer wants to be forgotten.

use super::words::{described, words};

words! {
    /// The article of the GDPR on which a legal hold rests. The journal contains the position in this list, so new ones come
    /// last.
    pub enum Ground {
        Expression = "17(3)(a)",
        Obligation = "17(3)(b)",
        PublicHealth = "17(3)(c)",
        Archiving = "17(3)(d)",
        Claims = "17(3)(e)",
        Restriction = "18",
        Accuracy = "18(1)(a)",
        Unlawful = "18(1)(b)",
        NeededForClaims = "18(1)(c)",
        Objection = "18(1)(d)",
    }
    /// The word names no ground.
    error GroundError = "must be a letter of Article 17(3), such as 17(3)(e), or Article 18";
}

described!(
    Ground as "HoldGround",
    "The article of the GDPR on which a legal hold rests: a letter of Article 17(3), or Article 18."
);
