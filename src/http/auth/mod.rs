//! Verification of tokens: the key fixes the algorithm, the settings fix issuer and audience, the clock is an argument.
//!
//! A token names a key by its `kid` and nothing else: keys that it brings along or points at (`jwk`, `jku`, `x5u`) are
//! not looked at. Keys come from the provider's URL, from a file, or, in development mode, from the data folder.

mod claims;
mod development;
mod provider;
mod set;
mod verified;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Validation, decode, decode_header};
use serde_json::{Map, Value};

use self::provider::Provider;
use self::set::{KeySet, VerificationKey};
use crate::base::actor::Scope;
use crate::base::clock::Clock;
use crate::config::Config;

pub use self::development::{DevKeyError, dev_token};

/// The `iss` of development tokens.
pub const DEV_ISSUER: &str = "lethe-dev";
/// The `aud` of development tokens.
pub const DEV_AUDIENCE: &str = "lethe";

/// The longest token that is looked at, in bytes.
const LONGEST_TOKEN: usize = 16 << 10;

/// The verification keys cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("auth.jwks_file cannot be read")]
    File(#[source] std::io::Error),
    /// The file holds no JSON Web Key Set with a usable key.
    #[error("auth.jwks_file contains no usable key: RS256, ES256, or EdDSA, for signatures")]
    NoKey,
    /// No client for the provider's URL can be made.
    #[error("the HTTP client for auth.jwks_url cannot be built")]
    Client(#[source] reqwest::Error),
    /// The development key cannot be had.
    #[error(transparent)]
    Development(#[from] DevKeyError),
}

/// Why a token was not taken. Says nothing of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// It is no token of a kind that is taken here.
    Malformed,
    /// It is a token of another kind than those that give access.
    Type,
    /// No key of the provider signed it.
    Signature,
    /// Its time is over, or has no end.
    Expired,
    Early,
    Issuer,
    /// It is meant for another service.
    Audience,
    Subject,
    /// The provider is away and its keys are not known.
    KeysAway,
}

impl TokenError {
    /// What is wrong, for the caller.
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

/// Whose tokens count and what their claims are called.
#[derive(Debug)]
struct Terms {
    issuer: String,
    audience: String,
    tenant_claim: String,
    name_claim: String,
    roles_claim: String,
    roles: BTreeMap<String, Vec<Scope>>,
}

#[derive(Debug)]
enum Source {
    Fixed(Arc<KeySet>),
    Provider(Box<Provider>),
}

/// The keys that tokens are verified with.
#[derive(Debug)]
pub struct Keys {
    source: Source,
    terms: Terms,
    clock: Clock,
}

impl Keys {
    /// The keys that the settings name. A provider's URL is asked when the first token comes.
    pub fn open(config: &Config, clock: Clock) -> Result<Self, KeysError> {
        let auth = &config.auth;
        let source = match (&auth.issuer, &auth.jwks_url, &auth.jwks_file) {
            (None, _, _) => Source::Fixed(Arc::new(development::verification_keys(config)?)),
            (_, Some(url), _) => Source::Provider(Box::new(Provider::new(url).map_err(KeysError::Client)?)),
            (_, None, Some(file)) => {
                let set = KeySet::read(&std::fs::read(file).map_err(KeysError::File)?).ok_or(KeysError::NoKey)?;
                Source::Fixed(Arc::new(set))
            }
            (_, None, None) => return Err(KeysError::NoKey),
        };
        let terms = Terms {
            issuer: auth.issuer.clone().unwrap_or_else(|| DEV_ISSUER.to_owned()),
            audience: auth.audience.clone().unwrap_or_else(|| DEV_AUDIENCE.to_owned()),
            tenant_claim: auth.tenant_claim.clone(),
            name_claim: auth.name_claim.clone(),
            roles_claim: auth.roles_claim.clone(),
            roles: auth.roles.clone(),
        };
        Ok(Self { source, terms, clock })
    }

    /// Verifies a token and reads its claims.
    pub async fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        self.verify_at(token, self.clock.now()).await
    }

    /// Verifies a token at an instant.
    pub async fn verify_at(&self, token: &str, now: DateTime<Utc>) -> Result<Claims, TokenError> {
        if token.len() > LONGEST_TOKEN {
            return Err(TokenError::Malformed);
        }
        let header = decode_header(token).map_err(|_| TokenError::Malformed)?;
        // Extensions that must be understood are not: RFC 7515, 4.1.11.
        if header.crit.is_some() || !set::ALGORITHMS.contains(&header.alg) {
            return Err(TokenError::Malformed);
        }
        if !header.typ.as_deref().is_none_or(gives_access) {
            return Err(TokenError::Type);
        }
        let keys = match &self.source {
            Source::Fixed(set) => Arc::clone(set),
            Source::Provider(provider) => provider.keys_for(header.kid.as_deref(), now).await?,
        };
        let key = keys.find(header.kid.as_deref(), header.alg).ok_or(TokenError::Signature)?;
        if let Some(known) = keys.verified.find(token, now) {
            return known;
        }
        let claims = signed_claims(token, key)?;
        let (claims, times) = self.terms.read(&claims, now)?;
        keys.verified.remember(token, claims.clone(), times, now);
        Ok(claims)
    }
}

/// Whether a token of a type gives access, or its type says nothing of what it is for. Other kinds of tokens, such as
/// security events (`secevent+jwt`) and logouts (`logout+jwt`), can have the same issuer, audience, and subject
/// (RFC 8725, 3.11; RFC 9068, 4).
fn gives_access(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    ["jwt", "at+jwt"].contains(&typ.strip_prefix("application/").unwrap_or(&typ))
}

/// The claims of a token that a key signed. Times, issuer and audience are checked by [`Terms::read`].
fn signed_claims(token: &str, key: &VerificationKey) -> Result<Map<String, Value>, TokenError> {
    let mut validation = Validation::new(key.algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let decoded = decode::<Map<String, Value>>(token, &key.key, &validation);
    decoded.map(|token| token.claims).map_err(|_| TokenError::Signature)
}

#[cfg(test)]
mod tests;
