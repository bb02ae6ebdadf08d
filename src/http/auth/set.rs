//! A set of verification keys (RFC 7517). It contains only the keys that may verify signatures.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::verified::Verified;

/// The algorithms of each kind of key, by the names that `alg` has for them. RFC 9864 gives Ed25519 a second name.
type Algorithms = [(&'static str, Algorithm)];
const RSA: &Algorithms = &[("RS256", Algorithm::RS256), ("PS256", Algorithm::PS256)];
const P256: &Algorithms = &[("ES256", Algorithm::ES256)];
const P384: &Algorithms = &[("ES384", Algorithm::ES384)];
const ED25519: &Algorithms = &[("EdDSA", Algorithm::EdDSA), ("Ed25519", Algorithm::EdDSA)];

/// The most keys that are tried for one token.
const MOST_TRIED: usize = 8;

/// The algorithm with this name, if the service verifies it.
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    let all = [RSA, P256, P384, ED25519].into_iter().flatten();
    all.copied().find(|(known, _)| *known == name).map(|(_, algorithm)| algorithm)
}

/// A key and the algorithms that it verifies: all of its kind, or the one that the provider names.
pub(super) struct TokenKey {
    pub(super) kid: Option<String>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) key: DecodingKey,
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerificationKey")
            .field("kid", &self.kid)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

/// The keys of one provider, and the tokens that they have verified.
#[derive(Debug)]
pub(super) struct ProviderKeySet {
    keys: Vec<TokenKey>,
    pub(super) verified: Verified,
}

impl ProviderKeySet {
    pub(super) fn new(keys: Vec<TokenKey>) -> Self {
        Self { keys, verified: Verified::default() }
    }

    /// Reads a JSON Web Key Set, and leaves out keys of other kinds. A set of which no key is left is an empty set, since
    /// its provider withdrew the others. Returns `None` if the text is not a key set.
    pub(super) fn read(json: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }

        let set: Set = serde_json::from_slice(json).ok()?;
        Some(Self::new(set.keys.into_iter().filter_map(usable).collect()))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a token with this `kid` can be verified without a fetch.
    pub(super) fn knows(&self, kid: Option<&str>) -> bool {
        self.keys.iter().any(|key| kid.is_none() || key.kid.as_deref() == kid)
    }

    /// The keys that may have signed a token. Several keys can have the same `kid` (RFC 7517, 4.5), and a token without
    /// `kid` may be signed by any of them.
    pub(super) fn fitting(&self, kid: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &TokenKey> {
        let named = move |key: &&TokenKey| kid.is_none() || key.kid.as_deref() == kid;
        let fits = move |key: &&TokenKey| key.algorithms.contains(&algorithm);
        self.keys.iter().filter(named).filter(fits).take(MOST_TRIED)
    }
}

/// The key, if it may verify signatures here. Its kind fixes the algorithms, and `alg`, `use`, and `key_ops` must agree.
fn usable(jwk: Value) -> Option<TokenKey> {
    let stated = match jwk.get("alg") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name.clone()),
        Some(_) => return None,
    };
    let jwk: Jwk = serde_json::from_value(jwk).ok()?;
    let kind = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => RSA,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => P256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => P384,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => ED25519,
        _ => return None,
    };
    let algorithms = kind.iter().filter(|(name, _)| stated.as_deref().is_none_or(|stated| stated == *name));
    let algorithms: Vec<_> = algorithms.map(|(_, algorithm)| *algorithm).collect();
    let common = &jwk.common;
    let agrees = !algorithms.is_empty()
        && common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|ops| ops.contains(&KeyOperations::Verify));
    let key = DecodingKey::from_jwk(&jwk).ok().filter(|_| agrees)?;
    Some(TokenKey { kid: jwk.common.key_id, algorithms, key })
}
