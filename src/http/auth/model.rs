//! The claims of a verified token, and the reasons to refuse one.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::actor::Scope;

/// The `iss` of development tokens.
pub const DEV_ISSUER: &str = "lethe-dev";
/// The `aud` of development tokens.
pub const DEV_AUDIENCE: &str = "lethe";

/// The reason why a token was refused. It contains nothing of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// It is not a token of an accepted format.
    Malformed,
    /// The token is of a type that gives no access.
    Type,
    /// No key of the provider signed the token.
    Signature,
    /// The token has expired, or has no end.
    Expired,
    Early,
    Issuer,
    /// The token is meant for another service.
    Audience,
    Subject,
    /// The provider is unavailable, and its keys are not known.
    KeysAway,
}

impl TokenError {
    /// The error, as a text for the caller.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Malformed => "The token cannot be read.",
            Self::Type => "The token is not an access token.",
            Self::Signature => "The token is not signed by a known key.",
            Self::Expired => "The token has expired. Get a new one.",
            Self::Early => "The token is not valid yet.",
            Self::Issuer => "The token is from another issuer.",
            Self::Audience => "The token is meant for another audience.",
            Self::Subject => "The token names no subject.",
            Self::KeysAway => "The identity provider's keys are unavailable. Try again later.",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The slug of the tenant, if there is one.
    pub tenant: Option<String>,
    pub sub: String,
    pub name: String,
    /// The scopes of the token and of its roles, together.
    pub scopes: BTreeSet<Scope>,
}

/// The accepted issuer and audience, and the names of the claims.
#[derive(Debug)]
pub struct Terms {
    pub issuer: String,
    pub audience: String,
    pub tenant_claim: String,
    pub name_claim: String,
    pub roles_claim: String,
    pub roles: BTreeMap<String, Vec<Scope>>,
}
