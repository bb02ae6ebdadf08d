//! The claims of a signed token.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{Claims, Terms, TokenError};
use crate::base::actor::Scope;

/// The largest difference between the clocks of provider and service, in seconds.
const LEEWAY: f64 = 5.0;

/// The time by which a token may have been issued ahead of the service's clock, in seconds. It is more than [`LEEWAY`],
/// because many providers set only `iat`, and a clock that is a little ahead must lock nobody out.
const ISSUED_LEEWAY: f64 = 60.0;

/// The longest subject and the longest name, in characters. Longer names are truncated, and longer subjects are
/// refused.
const LONGEST: usize = 200;

/// The times from which and until which a token is valid, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenTimes {
    issued: Option<f64>,
    begins: Option<f64>,
    ends: f64,
}

impl Terms {
    /// Checks issuer, audience, and times, and reads the caller.
    pub(super) fn read(
        &self,
        claims: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<(Claims, TokenTimes), TokenError> {
        if text(claims, "iss") != Some(&self.issuer) {
            return Err(TokenError::Issuer);
        }
        if !words(claims.get("aud"), |_| false).any(|named| self.audiences.iter().any(|audience| audience == named)) {
            return Err(TokenError::Audience);
        }
        let times = TokenTimes::of(claims)?;
        times.check(now)?;
        let sub = text(claims, "sub").filter(|sub| is_clean(sub)).ok_or(TokenError::Subject)?;
        let named = found(claims, &self.name_claim).and_then(one_text);
        let preferred = text(claims, "preferred_username").map(String::as_str);
        let name = [named, preferred].into_iter().flatten().map(cleaned).find(|name| !name.is_empty());
        let roles = words(found(claims, &self.roles_claim), |c| c == ' ' || c == ',');
        // Microsoft's tokens have scopes in `scp`.
        let scopes = found(claims, &self.scope_claim).or_else(|| claims.get("scp"));
        let claims = Claims {
            tenant: found(claims, &self.tenant_claim).and_then(one_text).map(str::to_owned),
            sub: sub.to_owned(),
            issuer: self.issuer.clone(),
            client: client(claims)?,
            name: name.unwrap_or_else(|| sub.to_owned()),
            scopes: scopes_of(words(scopes, |c| c == ' '), roles, &self.roles),
        };
        Ok((claims, times))
    }
}

impl TokenTimes {
    fn of(claims: &Map<String, Value>) -> Result<Self, TokenError> {
        let ends = claims.get("exp").and_then(Value::as_f64).ok_or(TokenError::Endless)?;
        let time = |name| claims.get(name).map(|time: &Value| time.as_f64().ok_or(TokenError::Early)).transpose();
        Ok(Self { issued: time("iat")?, begins: time("nbf")?, ends })
    }

    /// Whether the token is valid now. Every call checks it.
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a float for millions of years")]
    pub(super) fn check(self, now: DateTime<Utc>) -> Result<(), TokenError> {
        let now = now.timestamp_millis() as f64 / 1000.0;
        if now >= self.ends + LEEWAY {
            return Err(TokenError::Expired);
        }
        let is_early = |time: Option<f64>, leeway: f64| time.is_some_and(|time| now < time - leeway);
        if is_early(self.begins, LEEWAY) || is_early(self.issued, ISSUED_LEEWAY) {
            return Err(TokenError::Early);
        }
        Ok(())
    }
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a String> {
    match claims.get(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// The client that a token was issued to. If a token has both claims, they must agree.
fn client(claims: &Map<String, Value>) -> Result<Option<String>, TokenError> {
    let named = [text(claims, "azp"), text(claims, "client_id")];
    match named.map(|client| client.filter(|client| is_clean(client))) {
        [Some(azp), Some(client_id)] if azp != client_id => Err(TokenError::Client),
        [azp, client_id] => Ok(azp.or(client_id).cloned()),
    }
}

/// A text, or the only text of an array: some providers make an array of every attribute.
fn one_text(claim: &Value) -> Option<&str> {
    match claim {
        Value::Array(several) => match several.as_slice() {
            [one] => one.as_str(),
            _ => None,
        },
        one => one.as_str(),
    }
}

/// A claim by its name, or by a dotted path into objects: `realm_access.roles`. A name that contains dots itself
/// (`https://id.example/roles`) comes first.
fn found<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    path.match_indices('.').find_map(|(dot, _)| match claims.get(&path[..dot]) {
        Some(Value::Object(inner)) => found(inner, &path[dot + 1..]),
        _ => None,
    })
}

/// The words of a claim: an array of texts, or one text that is split by `parts`.
fn words(claim: Option<&Value>, parts: fn(char) -> bool) -> impl Iterator<Item = &str> {
    let (many, one) = match claim {
        Some(Value::Array(many)) => (many.as_slice(), None),
        Some(Value::String(one)) => (&[][..], Some(one)),
        _ => (&[][..], None),
    };
    let one = one.into_iter().flat_map(move |one| one.split(parts)).filter(|word| !word.is_empty());
    many.iter().filter_map(Value::as_str).chain(one)
}

/// Whether a text can be the subject of a token.
pub(super) fn is_clean(sub: &str) -> bool {
    !sub.is_empty() && sub.chars().count() <= LONGEST && !sub.chars().any(char::is_control)
}

fn cleaned(name: impl AsRef<str>) -> String {
    let name: String = name.as_ref().chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    name.trim().to_owned()
}

/// The scopes of some words and of some roles.
fn scopes_of<'a>(
    words: impl Iterator<Item = &'a str>,
    roles: impl Iterator<Item = &'a str>,
    allowed: &BTreeMap<String, Vec<Scope>>,
) -> BTreeSet<Scope> {
    let by_role = roles.filter_map(|role| allowed.get(role)).flatten().copied();
    words.filter_map(|word| word.parse().ok()).chain(by_role).collect()
}
