//! Verification of tokens. The key fixes the algorithm, the settings fix issuer and audience, and the clock is an
//! argument.
//!
//! A token names a key by its `kid` and by nothing else. Keys that the token contains or points at (`jwk`, `jku`,
//! `x5u`) are ignored. Keys come from the provider's URL, from a file, or, in development mode, from the data folder.

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

/// The longest token that is read, in bytes.
const LONGEST_TOKEN: usize = 16 << 10;

/// The verification keys cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("auth.jwks_file cannot be read")]
    File(#[source] std::io::Error),
    /// The file contains no JSON Web Key Set with a usable key.
    #[error("auth.jwks_file contains no usable key: RS256, ES256, or EdDSA, for signatures")]
    NoKey,
    /// The client for the provider's URL cannot be built.
    #[error("the HTTP client for auth.jwks_url cannot be built")]
    Client(#[source] reqwest::Error),
    /// The development key is unavailable.
    #[error(transparent)]
    Development(#[from] DevKeyError),
}

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
struct Terms {
    issuer: String,
    audience: String,
    tenant_claim: String,
    name_claim: String,
    roles_claim: String,
    roles: BTreeMap<String, Vec<Scope>>,
}

#[derive(Debug)]
enum KeySource {
    Fixed(Arc<KeySet>),
    Provider(Box<Provider>),
}

/// The keys that verify tokens.
#[derive(Debug)]
pub struct TokenKeys {
    source: KeySource,
    terms: Terms,
    clock: Clock,
}

impl TokenKeys {
    /// The keys that the settings name. The provider's URL is fetched when the first token arrives.
    pub fn open(config: &Config, clock: Clock) -> Result<Self, KeysError> {
        let auth = &config.auth;
        let source = match (&auth.issuer, &auth.jwks_url, &auth.jwks_file) {
            (None, _, _) => KeySource::Fixed(Arc::new(development::verification_keys(config)?)),
            (_, Some(url), _) => KeySource::Provider(Box::new(Provider::new(url).map_err(KeysError::Client)?)),
            (_, None, Some(file)) => {
                let set = KeySet::read(&std::fs::read(file).map_err(KeysError::File)?).ok_or(KeysError::NoKey)?;
                KeySource::Fixed(Arc::new(set))
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
        // RFC 7515, 4.1.11: a token with a critical extension that is not understood is refused.
        if header.crit.is_some() || !set::ALGORITHMS.contains(&header.alg) {
            return Err(TokenError::Malformed);
        }
        if !header.typ.as_deref().is_none_or(gives_access) {
            return Err(TokenError::Type);
        }
        let keys = match &self.source {
            KeySource::Fixed(set) => Arc::clone(set),
            KeySource::Provider(provider) => provider.keys_for(header.kid.as_deref(), now).await?,
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

/// Whether a token of this type gives access, or has no type. Other kinds of tokens, such as security events
/// (`secevent+jwt`) and logouts (`logout+jwt`), can have the same issuer, audience, and subject (RFC 8725, 3.11; RFC
/// 9068, 4).
fn gives_access(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    ["jwt", "at+jwt"].contains(&typ.strip_prefix("application/").unwrap_or(&typ))
}

/// The claims of a token that a key signed. [`Terms::read`] checks times, issuer, and audience.
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
