//! The issuers whose tokens are accepted, and the scopes of each role.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;

use super::{ConfigError, layers, roles};
use crate::base::actor::Scope;

/// The issuers of tokens, and the scopes of each role.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// The identity provider (`iss`). Without it and without `issuers`, the service is in development mode.
    pub issuer: Option<String>,
    /// The audience (`aud`) that tokens must name.
    pub audience: Option<String>,
    /// The URL at which the provider publishes its keys. Without it and without a file, the provider's discovery document
    /// says it.
    pub jwks_url: Option<String>,
    /// A file with the provider's keys, instead of the URL.
    pub jwks_file: Option<PathBuf>,
    /// The claim that contains the tenant's slug. A dotted path leads into objects, as in every claim name here.
    pub tenant_claim: String,
    /// The claim that contains the name that other users of the tenant see.
    pub name_claim: String,
    /// The claim that contains the roles.
    pub roles_claim: String,
    /// The claim that contains scopes. A token without it may have them in `scp`.
    pub scope_claim: String,
    /// Further identity providers.
    pub issuers: Vec<IssuerConfig>,
    /// The scopes of each role. A role that is set here replaces the default role of the same name.
    #[serde(deserialize_with = "roles::over_the_usual")]
    pub roles: BTreeMap<String, Vec<Scope>>,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: None,
            jwks_url: None,
            jwks_file: None,
            tenant_claim: "tenant".to_owned(),
            name_claim: "name".to_owned(),
            roles_claim: "roles".to_owned(),
            scope_claim: "scope".to_owned(),
            issuers: Vec::new(),
            roles: roles::usual(),
        }
    }
}

/// One identity provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// The `iss` of its tokens.
    #[serde(default)]
    pub issuer: String,
    /// The audiences (`aud`), of which a token must name one.
    #[serde(default, deserialize_with = "layers::list")]
    pub audiences: Vec<String>,
    /// The URL at which it publishes its keys. Without it and without a file, its discovery document says it.
    pub jwks_url: Option<String>,
    /// A file with its keys, instead of the URL.
    pub jwks_file: Option<PathBuf>,
    /// The claim that contains the tenant's slug. Without it, the claim of `auth`, as with the next three.
    pub tenant_claim: Option<String>,
    pub name_claim: Option<String>,
    pub roles_claim: Option<String>,
    pub scope_claim: Option<String>,
}

impl AuthConfig {
    /// All identity providers: the one of `auth.issuer` first, then those of `auth.issuers`.
    #[must_use]
    pub fn all_issuers(&self) -> Vec<IssuerConfig> {
        let first = self.issuer.as_ref().map(|issuer| IssuerConfig {
            issuer: issuer.clone(),
            audiences: self.audience.iter().cloned().collect(),
            jwks_url: self.jwks_url.clone(),
            jwks_file: self.jwks_file.clone(),
            tenant_claim: None,
            name_claim: None,
            roles_claim: None,
            scope_claim: None,
        });
        first.into_iter().chain(self.issuers.iter().cloned()).collect()
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (setting, claim) in [
            ("auth.tenant_claim", &self.tenant_claim),
            ("auth.name_claim", &self.name_claim),
            ("auth.roles_claim", &self.roles_claim),
            ("auth.scope_claim", &self.scope_claim),
        ] {
            if claim.is_empty() {
                return Err(ConfigError::new(setting, "must be the name of a claim"));
            }
        }
        if self.issuer.is_none() && (self.audience.is_some() || self.jwks_url.is_some() || self.jwks_file.is_some()) {
            return Err(ConfigError::new("auth.issuer", "must be set, because other settings of the issuer are set"));
        }
        if self.issuer.is_some() && self.audience.is_none() {
            return Err(ConfigError::new("auth.audience", "must be set, because auth.issuer is set"));
        }
        let mut known = BTreeSet::new();
        for (place, issuer) in self.all_issuers().iter().enumerate() {
            let section = match (self.issuer.is_some(), place) {
                (true, 0) => "auth".to_owned(),
                (true, place) => format!("auth.issuers.{}", place - 1),
                (false, place) => format!("auth.issuers.{place}"),
            };
            issuer.check(&section)?;
            if !known.insert(issuer.issuer.clone()) {
                return Err(ConfigError::new(format!("{section}.issuer"), "must not be the issuer of another section"));
            }
        }
        Ok(())
    }
}

impl IssuerConfig {
    fn check(&self, section: &str) -> Result<(), ConfigError> {
        let wrong = |setting: &str, rule: &'static str| Err(ConfigError::new(format!("{section}.{setting}"), rule));
        if self.issuer.is_empty() {
            return wrong("issuer", "must not be empty");
        }
        if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            return wrong(if section == "auth" { "audience" } else { "audiences" }, "must not be empty");
        }
        for (setting, claim) in [
            ("tenant_claim", &self.tenant_claim),
            ("name_claim", &self.name_claim),
            ("roles_claim", &self.roles_claim),
            ("scope_claim", &self.scope_claim),
        ] {
            if claim.as_deref() == Some("") {
                return wrong(setting, "must be the name of a claim");
            }
        }
        let is_url = |text: &str| text.starts_with("https://") || text.starts_with("http://");
        match (&self.jwks_url, &self.jwks_file) {
            (Some(_), Some(_)) => wrong("jwks_url", "must not be set together with jwks_file"),
            (Some(url), None) if !is_url(url) => wrong("jwks_url", "must begin with https:// or http://"),
            (None, None) if !is_url(&self.issuer) => wrong(
                "jwks_url",
                "must be set, or jwks_file, because the issuer is not a URL with a discovery document",
            ),
            _ => Ok(()),
        }
    }
}
