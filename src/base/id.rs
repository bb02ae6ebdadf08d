//! Ids as types, so that a record's id cannot be used as an identifier's id.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use pii::Kind;

/// Declares an id: a UUID that binds into both databases and is shown as itself.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type, Serialize, Deserialize, utoipa::ToSchema)]
        #[sqlx(transparent)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

/// Declares an id that is made in the order of time (UUIDv7), which keeps indexes compact and pages stable.
macro_rules! ordered_id {
    ($(#[$doc:meta])* $name:ident) => {
        id!($(#[$doc])* $name);

        impl $name {
            /// A new id, later than all before it.
            #[must_use]
            pub fn new() -> Self {
                #[expect(clippy::disallowed_methods, reason = "ids are made here")]
                Self(Uuid::now_v7())
            }

            /// An id before all that are made at an instant or later.
            #[must_use]
            pub fn before(at: DateTime<Utc>) -> Self {
                Self(first_id_of(at))
            }

            /// The instant at which the id was made.
            #[must_use]
            pub fn at(self) -> DateTime<Utc> {
                let millis = i64::try_from(self.0.as_u128() >> 80).unwrap_or_default();
                DateTime::from_timestamp_millis(millis).unwrap_or_default()
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

ordered_id!(
    /// The id of a certificate.
    CertificateId
);
ordered_id!(
    /// The id of a tenant.
    TenantId
);
ordered_id!(
    /// The id of an anonymize request.
    RequestId
);
ordered_id!(
    /// The id of a legal hold.
    HoldId
);
ordered_id!(
    /// The id of a record of the archive: an interaction, a survey response, or a raw event.
    RecordId
);
ordered_id!(
    /// The id of a piece of content of an interaction, such as a recording.
    ContentId
);
ordered_id!(
    /// A number of an object of a piece of content. A rescanned text gets another one.
    Generation
);

/// The name of one object of a piece of content. A generation belongs to one piece of content only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::FromRow)]
pub struct ObjectId {
    pub id: ContentId,
    pub generation: Generation,
}

impl ObjectId {
    /// A new object of a piece of content.
    #[must_use]
    pub fn new(id: ContentId) -> Self {
        Self { id, generation: Generation::new() }
    }

    /// The associated data of a sealed object, and of its sealed key. Each opens as this object and no other.
    #[must_use]
    pub fn place(self, tenant: TenantId) -> Vec<u8> {
        [tenant.0.as_bytes(), self.id.0.as_bytes(), self.generation.0.as_bytes(), &b"content"[..]].concat()
    }
}

ordered_id!(
    /// The id of an object of the erasure journal that lists content.
    JournalId
);
ordered_id!(
    /// The id of a delivery of a recording.
    DeliveryId
);
ordered_id!(
    /// The id of a recipient, which sees tokens of its own.
    RecipientId
);
ordered_id!(
    /// The id of a reveal: a user's wish to see the values of some tokens.
    RevealId
);
ordered_id!(
    /// The id of a customer's copy of their data.
    ExportId
);
ordered_id!(
    /// The id of a webhook.
    WebhookId
);
ordered_id!(
    /// The id of a secret of a webhook.
    WebhookSecretId
);
ordered_id!(
    /// The id of an event that webhooks get.
    EventId
);
ordered_id!(
    /// The id of the message of an event to one webhook.
    MessageId
);
ordered_id!(
    /// The id of a row of the audit log.
    AuditId
);
ordered_id!(
    /// The id of a run of a job.
    RunId
);
ordered_id!(
    /// The id of a pass over one tenant. The pass of a killed run resumes in the next run.
    PassId
);
ordered_id!(
    /// The id of a call over HTTP. `X-Request-Id`, problems, and log lines contain it.
    CallId
);
id!(
    /// The id of an identifier of the vault. It is random, because an ordered id would reveal when a customer was first seen.
    IdentifierId
);

impl IdentifierId {
    /// A new random id (UUID, version 4).
    #[must_use]
    pub fn random() -> Self {
        #[expect(clippy::disallowed_methods, reason = "ids are made here")]
        Self(Uuid::new_v4())
    }
}

id!(
    /// The id of the name of an actor of the audit log. It looks random, and it stays when the name leaves.
    ActorId
);
id!(
    /// A random value that hides what a digest of the audit log commits to.
    Salt
);

impl Salt {
    #[must_use]
    pub fn random() -> Self {
        Self(IdentifierId::random().0)
    }
}

/// The smallest ordered id of an instant. Rows that are older have smaller ids.
#[must_use]
pub fn first_id_of(at: DateTime<Utc>) -> Uuid {
    Uuid::from_u128(u128::from(at.timestamp_millis().max(0).unsigned_abs()) << 80)
}

/// A random number, for values that must never be the same again.
#[must_use]
pub fn random_i64() -> i64 {
    // The bits that are the same in every such UUID are at different places in its two halves.
    let (first, second) = IdentifierId::random().0.as_u64_pair();
    (first ^ second).cast_signed()
}

/// An identifier id as the pseudonymous view shows it: `phone_`, `email_`, or `name_`, and 26 characters of Crockford base32
/// (D2). Without the vault, it identifies nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub id: IdentifierId,
}

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.id.0.as_u128();
        let mut digits = [0_u8; 26];
        for (place, digit) in digits.iter_mut().rev().enumerate() {
            *digit = CROCKFORD[usize::try_from(bits >> (5 * place) & 31).unwrap_or_default()];
        }
        write!(f, "{}_{}", self.kind, String::from_utf8_lossy(&digits))
    }
}

/// The text is not a token of this service.
#[derive(Debug, thiserror::Error)]
#[error("must be a token: phone_, email_ or name_ and 26 characters of Crockford base32")]
pub struct TokenSyntaxError;

impl FromStr for Token {
    type Err = TokenSyntaxError;

    fn from_str(text: &str) -> Result<Self, TokenSyntaxError> {
        let (kind, digits) = text.split_once('_').ok_or(TokenSyntaxError)?;
        let kind = Kind::from_str(kind).map_err(|_| TokenSyntaxError)?;
        if digits.len() != 26 || digits.as_bytes()[0] > b'7' {
            return Err(TokenSyntaxError);
        }
        let mut bits = 0_u128;
        for digit in digits.bytes() {
            let value =
                CROCKFORD.iter().position(|known| *known == digit.to_ascii_uppercase()).ok_or(TokenSyntaxError)?;
            bits = bits << 5 | value as u128;
        }
        Ok(Self { kind, id: IdentifierId(Uuid::from_u128(bits)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_token_reads_back_as_itself(bits: u128) {
            let token = Token { kind: Kind::Email, id: IdentifierId(Uuid::from_u128(bits)) };
            let text = token.to_string();
            prop_assert_eq!(text.len(), "email_".len() + 26);
            prop_assert_eq!(text.parse::<Token>().unwrap(), token);
        }

        #[test]
        fn the_first_id_of_an_instant_divides_older_ids_from_newer_ones(millis in 1_i64..(1 << 47)) {
            let first = first_id_of(DateTime::from_timestamp_millis(millis).unwrap());
            let at = |millis: i64| u128::from(millis.unsigned_abs()) << 80 | 7 << 76;
            prop_assert!(at(millis - 1) < first.as_u128() && first.as_u128() < at(millis));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            let _ = text.parse::<Token>();
        }
    }
}
