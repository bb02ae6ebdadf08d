//! Verification of tokens. The key fixes the algorithm, the settings fix issuer and audience, and the clock is an
//! argument.
//!
//! A token names a key by its `kid` and by nothing else. Keys that the token contains or points at (`jwk`, `jku`,
//! `x5u`) are ignored. Keys come from the provider's URL, from a file, or, in development mode, from the data folder.

mod claims;
mod development;
mod provider;
mod set;
mod token;
mod verified;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use self::provider::Provider;
use self::set::ProviderKeySet;
use self::token::BearerToken;
use crate::base::actor::Scope;
use crate::base::clock::Clock;
use crate::config::{AuthConfig, Config, IssuerConfig};

pub use self::development::{DevKeyError, dev_token};

/// The `iss` of development tokens.
pub const DEV_ISSUER: &str = "lethe-dev";
/// The `aud` of development tokens.
pub const DEV_AUDIENCE: &str = "lethe";

/// The verification keys cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("auth.jwks_file cannot be read")]
    File(#[source] std::io::Error),
    /// The file contains no JSON Web Key Set with a usable key.
    #[error("auth.jwks_file contains no usable key: RS256, PS256, ES256, ES384, or Ed25519, for signatures")]
    NoKey,
    /// The client for the provider's URL cannot be built.
    #[error("the HTTP client for the keys of auth cannot be built")]
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
    Expired,
    /// The token does not say when it expires.
    Endless,
    Early,
    Issuer,
    /// The token is meant for another service.
    Audience,
    Subject,
    /// The token names two clients.
    Client,
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
            Self::Endless => "The token has no claim exp, so it would never expire.",
            Self::Early => "The token is not valid yet.",
            Self::Issuer => "The token is from another issuer.",
            Self::Audience => "The token is meant for another audience.",
            Self::Subject => "The token names no subject.",
            Self::Client => "The token names two clients.",
            Self::KeysAway => "The identity provider's keys are unavailable. Try again later.",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The slug of the tenant, if there is one.
    pub tenant: Option<String>,
    pub sub: String,
    pub issuer: String,
    /// The client that the token was issued to.
    pub client: Option<String>,
    pub name: String,
    /// The scopes of the token and of its roles, together.
    pub scopes: BTreeSet<Scope>,
}

/// The accepted issuer and its audiences, and the names of the claims.
#[derive(Debug)]
struct Terms {
    issuer: String,
    audiences: Vec<String>,
    tenant_claim: String,
    name_claim: String,
    roles_claim: String,
    scope_claim: String,
    roles: Arc<BTreeMap<String, Vec<Scope>>>,
}

#[derive(Debug)]
enum KeySource {
    Fixed(Arc<ProviderKeySet>),
    Provider(Box<Provider>),
}

/// One issuer of tokens. Its keys verify no token of another issuer.
#[derive(Debug)]
struct Issuer {
    source: KeySource,
    terms: Terms,
}

/// The keys that verify tokens.
#[derive(Debug)]
pub struct TokenKeys {
    issuers: Vec<Issuer>,
    clock: Clock,
}

impl TokenKeys {
    /// The keys that the settings name. A provider's URL is fetched when its first token arrives.
    pub fn open(config: &Config, clock: Clock) -> Result<Self, KeysError> {
        let auth = &config.auth;
        let roles = Arc::new(auth.roles.clone());
        let mut issuers = Vec::new();
        if config.development() {
            let source = KeySource::Fixed(Arc::new(development::verification_keys(config)?));
            issuers.push(Issuer { source, terms: Terms::new(&development::issuer(), auth, &roles) });
        }
        for issuer in auth.all_issuers() {
            issuers.push(Issuer { source: KeySource::open(&issuer)?, terms: Terms::new(&issuer, auth, &roles) });
        }
        Ok(Self { issuers, clock })
    }

    /// Verifies a token and reads its claims.
    pub async fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        self.verify_at(token, self.clock.now()).await
    }

    /// Verifies a token at an instant.
    pub async fn verify_at(&self, token: &str, now: DateTime<Utc>) -> Result<Claims, TokenError> {
        let token = BearerToken::read(token)?;
        let issuer = match self.issuers.as_slice() {
            // The claims are read once, after the signature was verified.
            [issuer] => issuer,
            several => {
                let name = token.unverified_issuer().ok_or(TokenError::Issuer)?;
                several.iter().find(|issuer| issuer.terms.issuer == name).ok_or(TokenError::Issuer)?
            }
        };
        issuer.verify(&token, now).await
    }
}

impl KeySource {
    fn open(issuer: &IssuerConfig) -> Result<Self, KeysError> {
        if let Some(file) = &issuer.jwks_file {
            let set = ProviderKeySet::read(&std::fs::read(file).map_err(KeysError::File)?);
            // The file is read once, so a file without a usable key would refuse every token until the next start.
            let set = set.filter(|set| !set.is_empty()).ok_or(KeysError::NoKey)?;
            return Ok(Self::Fixed(Arc::new(set)));
        }
        let provider = match &issuer.jwks_url {
            Some(url) => Provider::of_keys(url),
            None => Provider::of_issuer(&issuer.issuer),
        };
        Ok(Self::Provider(Box::new(provider.map_err(KeysError::Client)?)))
    }
}

impl Issuer {
    async fn verify(&self, token: &BearerToken<'_>, now: DateTime<Utc>) -> Result<Claims, TokenError> {
        let provider = match &self.source {
            KeySource::Fixed(keys) => return self.verify_with(keys, token, now),
            KeySource::Provider(provider) => provider,
        };
        let keys = provider.keys_for(token.kid.as_deref(), now).await?;
        match self.verify_with(&keys, token, now) {
            // A provider may publish a new key under the name of an old one.
            Err(TokenError::Signature) => match provider.newer_than(&keys, now).await {
                Some(newer) => self.verify_with(&newer, token, now),
                None => Err(TokenError::Signature),
            },
            outcome => outcome,
        }
    }

    fn verify_with(
        &self,
        keys: &ProviderKeySet,
        token: &BearerToken<'_>,
        now: DateTime<Utc>,
    ) -> Result<Claims, TokenError> {
        if let Some(known) = keys.verified.find(token.text, now) {
            return known;
        }
        if !keys.fitting(token.kid.as_deref(), token.algorithm).any(|key| token.is_signed_by(key)) {
            return Err(TokenError::Signature);
        }
        let claims = token.claims().ok_or(TokenError::Malformed)?;
        let (claims, times) = self.terms.read(&claims, now)?;
        keys.verified.remember(token.text, claims.clone(), times, now);
        Ok(claims)
    }
}

impl Terms {
    fn new(issuer: &IssuerConfig, auth: &AuthConfig, roles: &Arc<BTreeMap<String, Vec<Scope>>>) -> Self {
        let IssuerConfig { issuer, audiences, tenant_claim, name_claim, roles_claim, scope_claim, .. } = issuer;
        let or = |claim: &Option<String>, usual: &String| claim.as_ref().unwrap_or(usual).clone();
        Self {
            issuer: issuer.clone(),
            audiences: audiences.clone(),
            tenant_claim: or(tenant_claim, &auth.tenant_claim),
            name_claim: or(name_claim, &auth.name_claim),
            roles_claim: or(roles_claim, &auth.roles_claim),
            scope_claim: or(scope_claim, &auth.scope_claim),
            roles: Arc::clone(roles),
        }
    }
}

#[cfg(test)]
mod tests;
